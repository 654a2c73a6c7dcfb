/* Maximum-weight matching in a bipartite graph, by shortest augmenting paths; edges may be added afterwards. */
#ifndef SAE_ANALYSIS_MATCHING_H
#define SAE_ANALYSIS_MATCHING_H

#include <sae/env.h>
#include <stdint.h>

/* An edge of weight ≥ 0 between a row and a column. */
typedef struct sae_edge {
    int32_t row, column;
    double weight;
} sae_edge;

/* Sides are 0 (rows) and 1 (columns). Duals certify the matching: dual[0][i] + dual[1][j] ≥ weight for every edge,
 * with equality on matched ones, and 0 for vertices without a mate, all to SAE_MATCHING_ROUNDING; then no matching of
 * the graph weighs more. */
typedef struct sae_matching {
    int64_t n[2];
    int32_t *mate[2]; /* −1: none */
    double *dual[2];  /* ≥ 0 */
} sae_matching;
#define SAE_MATCHING_ROUNDING 1e-12

sae_status sae_matching_new(sae_matching *matching, int64_t rows, int64_t columns, sae_error *err);
void sae_matching_clear(sae_matching *matching);

/* Makes the matching one of largest weight for the graph of these edges, starting from what it is: the edges of an
 * earlier call and others. Edges are sorted by row, then column. A function of the matching and the edges alone. */
sae_status sae_matching_improve(sae_matching *matching, const sae_edge *edges, int64_t n_edges, const sae_env *env,
                                sae_error *err);

#endif
