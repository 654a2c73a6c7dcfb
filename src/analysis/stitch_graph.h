/* The graph between the latents of two SAEs with an edge where the decoder cosine is above a threshold, and the
 * operations that its components are. */
#ifndef SAE_ANALYSIS_STITCH_GRAPH_H
#define SAE_ANALYSIS_STITCH_GRAPH_H

#include <sae/stitch.h>

typedef struct sae_stitch_operation {
    sae_stitch_phase phase;
    int64_t n_small, n_large;
    const int32_t *members; /* numbers as in quadratic.h, ascending: latents of A, then those of B */
} sae_stitch_operation;

/* Operations in this order: insertions by id; swaps by descending largest cosine, of equals the one with the smaller
 * first latent of B; removals by id. Every latent belongs to one operation. */
typedef struct sae_stitch_graph {
    int64_t n_operations, n_insert, n_swap, n_remove;
    sae_stitch_operation *operations;
    double *max_cos;       /* [n_operations] largest cosine of an edge; NaN without edges */
    int32_t *operation_of; /* [n_A + n_B] */
    int32_t *members;      /* [n_A + n_B] */
} sae_stitch_graph;

/* max_cos [n_B]: the largest cosine of each latent of B with those of A. */
sae_status sae_stitch_graph_make(sae_stitch_graph *out, const float *small, int64_t n_small, const float *large,
                                 int64_t n_large, int64_t d, double threshold, const double *max_cos,
                                 const sae_env *env, sae_error *err);
void sae_stitch_graph_clear(sae_stitch_graph *graph);

#endif
