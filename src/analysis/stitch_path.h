/* Ways from A to B: operations in several orders, and the state after each, by the quadratic form. */
#ifndef SAE_ANALYSIS_STITCH_PATH_H
#define SAE_ANALYSIS_STITCH_PATH_H

#include "analysis/quadratic.h"
#include "analysis/stitch_graph.h"

/* All operations as steps from a state: what one changes costs O(1) to tell, and O(its rows of Q) to do. */
typedef struct sae_stitch_walk {
    const sae_quadratic *form;
    const sae_stitch_graph *graph;
    sae_quadratic_sums state;
    double *own; /* [n_operations] Σ_ij σ_i σ_j Q_ij − 2 Σ σ_i h_i over members; σ = 1 for B's latents, −1 for A's */
    double *cross;   /* [n_operations] 2 Σ_i σ_i Σ_j s_j Q_ij at the present state */
    double *r_delta; /* [n_operations] change of Δ·E[r] */
    double *l0;      /* [n_operations] change of L0 */
} sae_stitch_walk;

/* At A. */
sae_status sae_stitch_walk_make(sae_stitch_walk *out, const sae_quadratic *form, const sae_stitch_graph *graph,
                                sae_error *err);
void sae_stitch_walk_clear(sae_stitch_walk *walk);

/* effects [n_operations] = MSE(A after this operation alone) − MSE(A). */
void sae_stitch_effects(const sae_stitch_walk *at_a, double *effects);

/* order [n_operations] = the operations in this order. */
sae_status sae_stitch_arrange(sae_stitch_order order, const sae_quadratic *form, const sae_stitch_graph *graph,
                              const double *effects, uint64_t seed, int32_t *out, const sae_env *env, sae_error *err);

/* The path with an entry at A, after every `every` operations, and at the end. */
sae_status sae_stitch_follow(const sae_quadratic *form, const sae_stitch_graph *graph, const int32_t *order,
                             int64_t every, sae_stitch_path *out, sae_error *err);

#endif
