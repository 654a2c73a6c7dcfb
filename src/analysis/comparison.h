/* The two halves of a comparison: what the decoders say, and what a pass over rows adds. */
#ifndef SAE_ANALYSIS_COMPARISON_H
#define SAE_ANALYSIS_COMPARISON_H

#include <sae/compare.h>

#include "analysis/compare_rows.h"

/* Whether two SAEs can be compared on these rows: SAE_E_SHAPE when d differs, SAE_E_ARG when only one standardises each
 * token. SAEs of different models or hooks are a warning in the log when the rows do not say what they are of. */
sae_status sae_comparison_check(const sae_model *small, const sae_model *large, const sae_source *source,
                                const sae_env *env, sae_error *err);
/* SAE_E_ARG for a latent that the large SAE does not have, or no draws. */
sae_status sae_comparison_check_config(const sae_model *large, const sae_compare_config *config, sae_error *err);

/* *out has all decoder cosines; argmax and partner say which activations are to be compared. */
sae_status sae_comparison_start(sae_comparison **out, const sae_model *small, const sae_model *large,
                                const sae_compare_config *config, const sae_env *env, sae_error *err);
/* Fills the rest from the sums of `pair`, the pair `number` of the rows. */
sae_status sae_comparison_finish(sae_comparison *c, const sae_compare_rows *rows, const sae_compare_pair *pair,
                                 size_t number, const sae_compare_config *config, const sae_env *env, sae_error *err);

#endif
