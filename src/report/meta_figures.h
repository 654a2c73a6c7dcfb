/* The figures of a meta-SAE; their results are a sae_meta. */
#ifndef SAE_REPORT_META_FIGURES_H
#define SAE_REPORT_META_FIGURES_H

#include "report/figure.h"

#include <sae/meta.h>

extern const sae_figure sae_baselines_figure;     /* explained variance beside the baselines */
extern const sae_figure sae_decomposition_figure; /* how well each latent is explained */
extern const sae_figure sae_meta_latents_figure;  /* how many latents each meta-latent has */
extern const sae_figure sae_against_figure;       /* maximum cosines with the smaller SAE */

#endif
