/* The sums of an evaluation, for passes over rows that do more than evaluate. */
#ifndef SAE_ANALYSIS_EVALUATION_H
#define SAE_ANALYSIS_EVALUATION_H

#include "analysis/pass.h"

#include <sae/analysis.h>

typedef struct sae_evaluation sae_evaluation;

sae_status sae_evaluation_new(sae_evaluation **out, const sae_model *const *models, size_t n_models, int64_t d,
                              const sae_env *env, sae_error *err);
void sae_evaluation_free(sae_evaluation *evaluation);
/* A block of rows with what each SAE made of it; blocks come in order. */
void sae_evaluation_add(sae_evaluation *evaluation, int64_t rows, const float *x, const sae_encoded_view *views);
/* results [n_models], over the rows added (one at least). */
sae_status sae_evaluation_results(const sae_evaluation *evaluation, sae_eval *results, sae_error *err);

#endif
