/* Per-token standardisation, as SAELens' layer_norm: s = (x − m)/(σ + 1e-5) with m the mean of the row and σ its
 * unbiased standard deviation. */
#ifndef SAE_MODEL_TOKEN_NORM_H
#define SAE_MODEL_TOKEN_NORM_H

#include <stdint.h>

/* out [rows, d] = standardised x [rows, d]; d ≥ 2. */
void sae_token_standardise(const float *x, int64_t rows, int64_t d, float *out, int threads);
/* y [rows, d] = y·σ + m, with m and σ of the rows x. */
void sae_token_restore(const float *x, int64_t rows, int64_t d, float *y, int threads);

#endif
