/* Near misses: for each latent the largest pre-activations that did not fire, one for each text. */
#ifndef SAE_DASH_NEAR_H
#define SAE_DASH_NEAR_H

#include "dash/latent.h"
#include "model/coder.h"

typedef struct sae_dash_misses {
    int64_t n;
    float *floors;   /* [n] what a miss must exceed to be kept: the smallest of those kept, once there are enough */
    uint8_t *counts; /* [n] */
    sae_dash_pick *picks; /* [n, SAE_DASH_NEAR] descending; of equals the earlier row first */
} sae_dash_misses;

sae_status sae_dash_misses_new(sae_dash_misses *out, int64_t n, sae_error *err);
void sae_dash_misses_clear(sae_dash_misses *misses);
/* What the coder found in its last block, whose codes these are and whose rows have these numbers in the text. The
 * coder is to look for what exceeds misses->floors. The result does not depend on how rows are divided into blocks. */
void sae_dash_misses_add(sae_dash_misses *misses, const sae_coder *coder, const sae_codes *codes, const int64_t *rows,
                         const sae_dash_text *text);
void sae_dash_misses_of(const sae_dash_misses *misses, int64_t latent, sae_dash_examples *out);

#endif
