/* The figures of a stitching; their results are a sae_stitch. */
#ifndef SAE_REPORT_STITCH_FIGURES_H
#define SAE_REPORT_STITCH_FIGURES_H

#include "report/figure.h"

#include <sae/stitch.h>

extern const sae_figure sae_delta_figure;  /* ΔMSE over the maximum cosine */
extern const sae_figure sae_roc_figure;    /* how well the cosine predicts the sign of ΔMSE */
extern const sae_figure sae_orders_figure; /* the path in all orders */
extern const sae_figure sae_ce_figure;     /* cross-entropy on the path, where it was measured */
extern const sae_figure sae_sizes_figure;  /* sizes of components */

/* 95 % interval of an AUC from so many positives and negatives (Hanley and McNeil 1982). */
sae_interval sae_auc_interval(double auc, int64_t positives, int64_t negatives);

#endif
