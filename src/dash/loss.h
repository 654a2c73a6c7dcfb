/* What the language model loses when it reads reconstructions, measured on the beginning of the text. */
#ifndef SAE_DASH_LOSS_H
#define SAE_DASH_LOSS_H

#include "dash/collect.h"

/* losses [n_models]: as sae_evaluate_ce, on the first whole contexts of the text that make up at most
 * config->ce_tokens tokens (one at least). All zero when that is 0, without a language model, and, with a message in
 * the log, when the text has no contexts of several tokens or nobody says which hook the rows are from. */
sae_status sae_dash_losses(sae_eval_ce *losses, const sae_dash_input *input, const sae_dash_config *config,
                           const sae_dash_text *text, const sae_dash_rows *rows, const sae_env *env, sae_error *err);

#endif
