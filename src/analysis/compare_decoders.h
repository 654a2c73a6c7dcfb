/* The part of a comparison that needs no activations: cosines of decoder directions. */
#ifndef SAE_ANALYSIS_COMPARE_DECODERS_H
#define SAE_ANALYSIS_COMPARE_DECODERS_H

#include <sae/compare.h>

/* Fills maxima, histograms, baselines and one-to-one pairs of a comparison whose sizes, threshold and arrays are there.
 */
sae_status sae_compare_decoders(sae_comparison *c, const sae_model *small, const sae_model *large, uint64_t seed,
                                const sae_env *env, sae_error *err);

/* Values below the threshold. */
int64_t sae_count_below(const double *values, int64_t n, double threshold);

#endif
