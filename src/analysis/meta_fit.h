/* How well dictionaries explain decoder rows: the meta-SAE in its two forms, and the baselines at the same k. */
#ifndef SAE_ANALYSIS_META_FIT_H
#define SAE_ANALYSIS_META_FIT_H

#include "analysis/meta_rows.h"

#include <sae/meta.h>

/* codes = the rows·k largest positive pre-activations of all rows together (BatchTopK with one batch). */
sae_status sae_meta_batchtopk_codes(const sae_model *meta, const sae_meta_rows *rows, int64_t k, sae_codes *codes,
                                    const sae_env *env, sae_error *err);

/* errors [count] = ‖w − ŵ‖² of each row with these codes, in double. */
void sae_meta_code_errors(const sae_model *meta, const sae_meta_rows *rows, const sae_codes *codes, double *errors,
                          const sae_env *env);

/* From errors [count] and the number of atoms in use over all rows. */
sae_meta_fit sae_meta_fit_of(const sae_meta_rows *rows, const double *errors, int64_t atoms);

/* Fills in pca, random_rows and random_directions for meta->width and meta->k. */
sae_status sae_meta_baselines(sae_meta *meta, const sae_meta_rows *rows, uint64_t seed, const sae_env *env,
                              sae_error *err);

/* out [n, d] = Gaussian rows at unit length, a function of the seed only. */
void sae_meta_random_directions(uint64_t seed, int64_t n, int64_t d, float *out, const sae_env *env);

#endif
