/* Exact selection of the largest values, by radix over their bits: linear time, no scratch memory, and one
 * total order everywhere (larger value, then smaller row, then smaller latent). */
#ifndef SAE_KERNELS_SELECT_H
#define SAE_KERNELS_SELECT_H

#include <stdbool.h>
#include <stdint.h>

/* Candidates: value > 0 (never NaN) of (row, latent). row NULL: all of one row. */
typedef struct sae_candidates {
    const float *value;
    const int32_t *row;
    const int32_t *latent;
    int64_t count;
} sae_candidates;

/* Where the selection ends: the last entry kept, in the total order. */
typedef struct sae_cut {
    float value;
    uint64_t key; /* row·2³² + latent of the last entry kept among those equal to value */
} sae_cut;

static inline uint64_t sae_candidate_key(const sae_candidates *c, int64_t i)
{
    return (c->row ? (uint64_t)(uint32_t)c->row[i] << 32 : 0) | (uint32_t)c->latent[i];
}

static inline bool sae_cut_keeps(const sae_cut *cut, const sae_candidates *c, int64_t i)
{
    return c->value[i] > cut->value || (c->value[i] == cut->value && sae_candidate_key(c, i) <= cut->key);
}

/* The cut that keeps exactly the first k (1 ≤ k ≤ total count) of all candidates in all lists; counts [n_lists] is
 * scratch. */
sae_cut sae_select_cut_by(const sae_candidates *lists, int n_lists, int64_t k, int64_t (*counts)[256], int threads);
/* The same for one list, on the calling thread. */
sae_cut sae_select_cut(const sae_candidates *list, int64_t k);

#endif
