/* The table of SAEs: what they are, and how good on these rows. */
#ifndef SAE_DASH_SAES_H
#define SAE_DASH_SAES_H

#include "dash/collect.h"
#include "store/write.h"

/* evals, losses [n_models]; losses of no tokens are not known. */
sae_status sae_dash_saes_write(const sae_dash_input *input, const sae_eval *evals, const sae_eval_ce *losses,
                               sae_store_writer *writer, sae_error *err);

#endif
