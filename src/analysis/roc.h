/* How well a low maximum cosine tells that a latent improves another SAE. */
#ifndef SAE_ANALYSIS_ROC_H
#define SAE_ANALYSIS_ROC_H

#include <sae/stitch.h>

/* From stitch->max_cos and stitch->delta_mse: improving, worsening, auc, best, best_threshold, roc. */
sae_status sae_roc_compute(sae_stitch *stitch, sae_error *err);
/* accuracy at stitch->threshold. */
void sae_roc_accuracy(sae_stitch *stitch);

#endif
