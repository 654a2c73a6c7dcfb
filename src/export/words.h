/* Pieces of text that come again and again, written once and referred to by number. */
#ifndef SAE_EXPORT_WORDS_H
#define SAE_EXPORT_WORDS_H

#include "export/pieces.h"

#include <stdio.h>

typedef struct sae_words sae_words;

sae_status sae_words_new(sae_words **out, sae_error *err);
void sae_words_free(sae_words *words);
/* The number of a piece: 0, 1, … in the order in which they were met. */
int64_t sae_words_id(sae_words *words, const sae_piece *piece);
bool sae_words_failed(const sae_words *words);
/* "a","b",["\\xE2"],…: JSON texts in their order; ["…"] where bytes are written out, ["…",1] a special token. */
void sae_words_put(const sae_words *words, FILE *out);

#endif
