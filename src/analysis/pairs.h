/* Sparse co-activation: for every two latents that are active on the same row, the sum of the products of their
 * activations. */
#ifndef SAE_ANALYSIS_PAIRS_H
#define SAE_ANALYSIS_PAIRS_H

#include <sae/env.h>
#include <sae/io.h>

/* A symmetric matrix by rows: row i has columns[offsets[i]] … ascending, the diagonal among them where latent i was
 * active. */
typedef struct sae_pairs {
    int64_t n;
    int64_t *offsets; /* [n + 1] */
    int32_t *columns;
    double *values; /* Σ f_i f_j over rows, added in the order of the rows */
} sae_pairs;
void sae_pairs_clear(sae_pairs *pairs);

typedef struct sae_pair_sums sae_pair_sums;
/* For n latents. Rows are kept until there are some millions of codes (16 bytes each) and then added to the matrix,
 * latent by latent: memory is that of the matrix (24 bytes a pair, twice that while rows are added) and does not grow
 * with the number of rows. Neither the number of threads nor where the rows were cut shows in the sums. */
sae_status sae_pair_sums_new(sae_pair_sums **out, int64_t n, int64_t max_pairs, int64_t kept_codes, sae_error *err);
void sae_pair_sums_free(sae_pair_sums *sums);
/* Appends rows: latents of codes[0] as they are, those of codes[1] plus `shift`. SAE_E_MEMORY when more than max_pairs
 * pairs (i < j) fire together. */
sae_status sae_pair_sums_add(sae_pair_sums *sums, const sae_codes *const codes[2], int64_t shift, const sae_env *env,
                             sae_error *err);
/* The matrix; `sums` is empty afterwards. */
sae_status sae_pair_sums_take(sae_pair_sums *sums, sae_pairs *out, const sae_env *env, sae_error *err);
/* Pairs i < j in the matrix. */
int64_t sae_pairs_count(const sae_pairs *pairs);

#endif
