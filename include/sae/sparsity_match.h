/* Bringing SAEs to one sparsity by their thresholds, so that what is compared is not their L0 (docs/mathematics.md,
 * "One sparsity"). */
#ifndef SAE_SPARSITY_MATCH_H
#define SAE_SPARSITY_MATCH_H

#include <sae/data.h>
#include <sae/env.h>
#include <sae/model.h>

#ifdef __cplusplus
extern "C" {
#endif

/* What was done to one SAE. L0 is the mean number of active latents on the rows. */
typedef struct sae_sparsity_match {
    double l0_before, l0; /* as it was given, and with the thresholds that it got */
    double shift; /* θ_i became max(0, θ_i + shift); of TopK, whose θ_i count as 0, the threshold; NaN: left as
                     it is */
} sae_sparsity_match;

/* Gives each SAE thresholds at which its mean L0 over the first max_tokens (0: all) usable rows is that of
 * models[reference], which stays as it is, or `l0` when reference is −1; exactly, but for activations that are equal to
 * the last bit and for l0 times the number of rows being rounded to a whole number. out [n_models]: NULL where the SAE
 * has that L0 already and is left as it is, else a THRESHOLD SAE with the same weights; free with sae_model_free.
 * SAE_E_VALUE, with the largest L0 that is possible, when an SAE has too few positive pre-activations; errors of
 * reading rows as for sae_evaluate. */
SAE_API sae_status sae_match_sparsity(const sae_model *const *models, size_t n_models, int reference, double l0,
                                      sae_source *source, int64_t max_tokens, sae_model **out,
                                      sae_sparsity_match *matches, const sae_env *env, sae_error *err);

#ifdef __cplusplus
}
#endif
#endif
