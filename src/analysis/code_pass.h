/* One pass over rows that only encodes them: blocks of rows with the codes of several SAEs. */
#ifndef SAE_ANALYSIS_CODE_PASS_H
#define SAE_ANALYSIS_CODE_PASS_H

#include <sae/data.h>
#include <sae/model.h>

/* rows rows x [rows, d], numbered from `first`; codes [n_models]. Called in order, on the calling thread; a failure
 * ends the pass. */
typedef sae_status (*sae_code_pass_fn)(void *ud, int64_t first, int64_t rows, const float *x, sae_codes *const *codes,
                                       sae_error *err);

/* Visits the first `tokens` usable rows of `source`, in blocks that depend on the SAEs alone. `what` names the task in
 * progress reports. */
sae_status sae_code_pass(const sae_model *const *models, size_t n_models, sae_source *source, int64_t tokens,
                         const char *what, sae_code_pass_fn visit, void *ud, const sae_env *env, sae_error *err);

#endif
