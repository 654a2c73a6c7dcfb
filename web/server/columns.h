/* Whole columns of a table of latents, as drawings need them. */
#ifndef WEB_COLUMNS_H
#define WEB_COLUMNS_H

#include "web/server/app.h"

#include <sae/store.h>

/* Each [n], by latent of `sae`. */
typedef struct web_columns {
    int64_t n;
    double *n_active, *cosine, *pearson; /* NaN where there is none */
    double *nearest, *mutual;            /* −1: none; 0 or 1 */
} web_columns;

/* The matches of all latents of `sae` in `vs`. Clear with web_columns_clear, also after an error. */
sae_status web_columns_read(sae_store *store, int64_t sae, int64_t vs, web_columns *out, sae_error *err);
void web_columns_clear(web_columns *columns);

#endif
