/* Maximum cosines between the rows of two matrices, without a matrix of all cosines. */
#ifndef SAE_ANALYSIS_COSINE_H
#define SAE_ANALYSIS_COSINE_H

#include <sae/env.h>
#include <stdint.h>

/* best[i] = max over j of cos(queries_i, keys_j), argmax[i] = that j, the smaller of equals (argmax may be NULL).
 * queries [n_queries, d], keys [n_keys ≥ 1, d]. Rows of zeros have cosine 0 with everything.
 *
 * SGEMM tiles only say which keys could be the maximum; those are computed again in double, in one fixed order, so
 * that neither tiles, threads nor the order of the keys show in the result. */
sae_status sae_max_cosine(const float *queries, int64_t n_queries, const float *keys, int64_t n_keys, int64_t d,
                          double *best, int32_t *argmax, const sae_env *env, sae_error *err);

/* Calls visit(ud, i, j) for all pairs with cos(queries_i, keys_j) > threshold: one call at a time, from any thread, in
 * no fixed order. The cosine is that of sae_max_cosine. */
sae_status sae_cosine_above(const float *queries, int64_t n_queries, const float *keys, int64_t n_keys, int64_t d,
                            double threshold, void (*visit)(void *ud, int64_t i, int64_t j), void *ud,
                            const sae_env *env, sae_error *err);

/* Σ a_j b_j in double, in one fixed order. */
double sae_dot_double(const float *a, const float *b, int64_t d);

#endif
