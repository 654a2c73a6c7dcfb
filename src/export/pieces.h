/* Tokens as text that can be shown: characters that several tokens share in one piece, broken bytes made visible. */
#ifndef SAE_EXPORT_PIECES_H
#define SAE_EXPORT_PIECES_H

#include "store/arena.h"

#include <sae/store.h>

typedef struct sae_piece {
    size_t first, count; /* tokens of the passage */
    const char *text;    /* UTF-8; where broken, bytes that are none are written as \xE2 */
    size_t size;
    bool broken, special;
} sae_piece;

/* The pieces of a passage, in the arena; NULL when it is out of memory. */
const sae_piece *sae_pieces_of(const sae_store_passage *passage, sae_arena *arena, size_t *count);
/* The same for a single token. */
sae_piece sae_piece_of(sae_store_text text, sae_arena *arena);

/* One text for each token, for formats that keep tokens apart: a character that several tokens share stands in the
 * first of them, and what is no UTF-8 becomes U+FFFD. texts [passage->count], in the arena. */
const sae_store_text *sae_token_texts(const sae_store_passage *passage, sae_arena *arena);

#endif
