/* One pass over the rows of a source with several SAEs: each block of rows is read once, encoded and decoded by
 * every SAE, and handed to a visitor. */
#ifndef SAE_ANALYSIS_PASS_H
#define SAE_ANALYSIS_PASS_H

#include "analysis/encoded.h"

/* rows rows x [rows, d], numbered from `first`; views [n_models]. Called in order, on the calling thread. */
typedef void (*sae_pass_fn)(void *ud, int64_t first, int64_t rows, const float *x, const sae_encoded_view *views);

/* Visits the usable rows of `source`, or only those held out (at most max_tokens, 0: all), and returns their number.
 * SAE_E_SHAPE when an SAE is of another d than the rows, SAE_E_ARG when there are none. Activations of another origin
 * than an SAE's are a warning in the log. `what` names the task in progress reports. */
sae_status sae_pass(const sae_model *const *models, size_t n_models, sae_source *source, bool held_out,
                    int64_t max_tokens, const char *what, sae_pass_fn visit, void *ud, int64_t *tokens,
                    const sae_env *env, sae_error *err);

#endif
