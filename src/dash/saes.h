/* The table of SAEs: what they are, and how good on these rows. */
#ifndef SAE_DASH_SAES_H
#define SAE_DASH_SAES_H

#include "dash/collect.h"
#include "store/write.h"

sae_status sae_dash_saes_write(const sae_dash_input *input, const sae_dash_rows *rows, sae_store_writer *writer,
                               const sae_env *env, sae_error *err);

#endif
