/* Latents as plain HTML, for browsers that run no script. */
#ifndef SAE_EXPORT_PLAIN_H
#define SAE_EXPORT_PLAIN_H

#include "store/arena.h"

#include <sae/store.h>
#include <stdio.h>

/* Text between tags: what HTML takes for markup is escaped, characters that cannot be seen or that turn the text around
 * them are written as U+202E. */
void sae_plain_put_text(FILE *out, const char *text, size_t size);
/* An article with its numbers, the output tokens that it boosts and suppresses most, and `texts` of its strongest
 * texts; `sae` is the SAE's name. */
void sae_plain_put_latent(FILE *out, const char *sae, int64_t tokens, const sae_store_latent *latent, int64_t texts,
                          sae_arena *arena);

#endif
