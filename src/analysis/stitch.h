/* What a stitching keeps to itself. */
#ifndef SAE_ANALYSIS_STITCH_H
#define SAE_ANALYSIS_STITCH_H

#include "analysis/stitch_graph.h"
#include "analysis/stitch_rows.h"

struct sae_stitch_inside {
    sae_model *small, *large; /* in the form of stitch_form.h */
    sae_stitch_rows rows;
    sae_stitch_graph graph;
    int32_t *orders[SAE_STITCH_ORDERS]; /* [operations] */
    int32_t *ids;                       /* graph.members with B's own numbers */
};

/* in [n_A + n_B] = whether each latent is there after `operations` of `order`; returns how many are. */
int64_t sae_stitch_members(const sae_stitch *stitch, sae_stitch_order order, int64_t operations, unsigned char *in);
/* b [d] = the output bias when `removed` latents of A are gone. */
void sae_stitch_bias(const sae_stitch *stitch, int64_t removed, float *b);

/* stitch->end_error, of the path that was asked for. */
sae_status sae_stitch_measure_end(sae_stitch *stitch, sae_source *source, const sae_env *env, sae_error *err);

#endif
