/* The one pass over the rows: encodes them with every SAE, keeps what fires, evaluates. */
#ifndef SAE_DASH_COLLECT_H
#define SAE_DASH_COLLECT_H

#include "dash/near.h"
#include "dash/spool.h"

#include <sae/analysis.h>
#include <sae/dash.h>

typedef struct sae_dash_rows {
    int64_t tokens;          /* rows encoded */
    int32_t *row_of;         /* [tokens] their numbers in the text */
    sae_dash_spool *spools;  /* [n_models] */
    sae_eval *evals;         /* [n_models] */
    sae_dash_misses *misses; /* [n_models] */
    size_t n_models;
} sae_dash_rows;

/* `path`: of the database, beside which the activations are kept. */
sae_status sae_dash_collect(sae_dash_rows *out, const sae_dash_input *input, const sae_dash_config *config,
                            const sae_dash_text *text, const char *path, const sae_env *env, sae_error *err);
void sae_dash_rows_clear(sae_dash_rows *rows);

#endif
