/* The figures of a family of SAEs; their results are a sae_family. */
#ifndef SAE_REPORT_FAMILY_FIGURES_H
#define SAE_REPORT_FAMILY_FIGURES_H

#include "report/figure.h"

#include <sae/family.h>

extern const sae_figure sae_matrix_figure; /* share of novel latents between all pairs */
extern const sae_figure sae_first_figure;  /* at which width the latents of the largest SAE appear */
extern const sae_figure sae_tree_figure;   /* how latents split; its results are a sae_forest (report/forest.h) */

#endif
