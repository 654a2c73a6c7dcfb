/* Random dictionaries: what maximum cosines are worth can only be seen against chance. */
#ifndef SAE_ANALYSIS_RANDOM_ROWS_H
#define SAE_ANALYSIS_RANDOM_ROWS_H

#include <sae/env.h>
#include <stdint.h>

/* out [n, d]: iid standard normal numbers, hence rows of isotropic direction. */
void sae_random_rows(uint64_t seed, int64_t n, int64_t d, float *out, const sae_env *env);

/* out [n, d]: Gaussian rows with mean 0 and the covariance of the normalised rows of W [n, d]
 * (C = Σ (w_i − w̄)(w_i − w̄)ᵀ / n; a row is L·g with C = L·Lᵀ and g standard normal). */
sae_status sae_random_rows_like(uint64_t seed, const float *W, int64_t n, int64_t d, float *out, const sae_env *env,
                                sae_error *err);

#endif
