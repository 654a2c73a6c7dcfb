/* The handlers of the JSON API, by the file that they stand in. docs/web.md has their keys. */
#ifndef WEB_HANDLERS_H
#define WEB_HANDLERS_H

#include "web/server/app.h"

#include <sae/store.h>

/* api_meta.c */
sae_status web_get_meta(web_request *request, json_t **out, sae_error *err);
/* api_saes.c */
sae_status web_get_saes(web_request *request, json_t **out, sae_error *err);
sae_status web_get_sae(web_request *request, json_t **out, sae_error *err);
/* api_latents.c */
sae_status web_get_latents(web_request *request, json_t **out, sae_error *err);
sae_status web_get_place(web_request *request, json_t **out, sae_error *err);
json_t *web_latent_row(const sae_store_row *row);
/* api_latent.c */
sae_status web_get_latent(web_request *request, json_t **out, sae_error *err);
sae_status web_read_around(web_request *request, int64_t *around, sae_error *err);
json_t *web_link(const sae_store_link *link);
json_t *web_example(const sae_store_example *example);
/* api_texts.c */
sae_status web_get_text(web_request *request, json_t **out, sae_error *err);
sae_status web_get_document(web_request *request, json_t **out, sae_error *err);
/* api_pair.c */
sae_status web_get_pair(web_request *request, json_t **out, sae_error *err);
sae_status web_get_nearest(web_request *request, json_t **out, sae_error *err);

/* api_compare.c */
sae_status web_get_compare(web_request *request, json_t **out, sae_error *err);
/* api_results.c */
sae_status web_get_results(web_request *request, json_t **out, sae_error *err);
sae_status web_get_result(web_request *request, json_t **out, sae_error *err);
sae_status web_get_vectors(web_request *request, json_t **out, sae_error *err);

#endif
