/* How the normalised rows of a matrix vary. */
#ifndef SAE_ANALYSIS_COVARIANCE_H
#define SAE_ANALYSIS_COVARIANCE_H

#include <sae/env.h>
#include <stdint.h>

/* out [count, d] = rows first … first + count − 1 of W [·, d], each divided by its norm; rows of zeros stay zero. */
void sae_unit_rows(const float *W, int64_t first, int64_t count, int64_t d, float *out, int threads);

/* C [d, d] = Σ (u_i − ū)(u_i − ū)ᵀ / n with u_i the normalised rows of W [n, d]: products in float32 within chunks of
 * rows, sums over chunks in double. */
sae_status sae_row_covariance(const float *W, int64_t n, int64_t d, double *C, const sae_env *env, sae_error *err);

#endif
