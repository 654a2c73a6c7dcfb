/* The figures of a comparison; their results are a sae_comparison. */
#ifndef SAE_REPORT_COMPARISON_FIGURES_H
#define SAE_REPORT_COMPARISON_FIGURES_H

#include "report/figure.h"

#include <sae/compare.h>

extern const sae_figure sae_maxima_figure; /* histograms of maximum cosines */
extern const sae_figure sae_pairs_figure;  /* activation cosine over decoder cosine */
extern const sae_figure sae_novel_figure;  /* errors where novel latents are active and where not */

#endif
