/* Results of sae compare, sae stitch and sae meta, taken over from the directories that they wrote. */
#ifndef SAE_DASH_RESULTS_H
#define SAE_DASH_RESULTS_H

#include "store/write.h"

#include <sae/dash.h>

/* Rows of the tables result and vector. SAE_E_IO for a directory without its JSON file. */
sae_status sae_dash_results_write(const sae_dash_input *input, sae_store_writer *writer, const sae_env *env,
                                  sae_error *err);

#endif
