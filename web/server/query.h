/* The parameters of a table of latents: sort, dir, vs, min_COLUMN, max_COLUMN, dead, tok, label, list, ids, offset,
 * limit. */
#ifndef WEB_QUERY_H
#define WEB_QUERY_H

#include "web/server/app.h"

#include <sae/store.h>

typedef struct web_query {
    sae_store_query store; /* borrows from what follows and from the request */
    int64_t *ids;
} web_query;

/* Which SAE a segment names; 404 for none. */
sae_status web_query_sae(web_request *request, const char *name, int64_t *out, sae_error *err);
/* A latent of it. */
sae_status web_query_latent(web_request *request, int64_t sae, const char *text, int64_t *out, sae_error *err);
/* Parameters that a table does not know are left alone. Clear with web_query_clear, also after an error. */
sae_status web_query_read(web_request *request, int64_t sae, web_query *out, sae_error *err);
void web_query_clear(web_query *query);

#endif
