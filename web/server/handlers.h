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
sae_status web_get_matches(web_request *request, json_t **out, sae_error *err);
/* api_results.c */
sae_status web_get_results(web_request *request, json_t **out, sae_error *err);
sae_status web_get_result(web_request *request, json_t **out, sae_error *err);
sae_status web_get_vectors(web_request *request, json_t **out, sae_error *err);
/* The result that the first segment names. */
sae_status web_read_result(web_request *request, const sae_store_result **out, sae_error *err);
/* api_parts.c */
sae_status web_get_meta_latents(web_request *request, json_t **out, sae_error *err);
sae_status web_get_meta_latent(web_request *request, json_t **out, sae_error *err);
sae_status web_get_decomposition(web_request *request, json_t **out, sae_error *err);

/* api_labels.c */
sae_status web_get_labels(web_request *request, json_t **out, sae_error *err);
sae_status web_put_label(web_request *request, json_t **out, sae_error *err);
/* SAE_E_UNSUPPORTED when there is no place for labels. */
sae_status web_need_labels(const web_request *request, sae_error *err);
/* The only value of what was sent, a text. */
sae_status web_body_text(const web_request *request, const char *key, const char **out, sae_error *err);
/* api_lists.c */
sae_status web_get_lists(web_request *request, json_t **out, sae_error *err);
sae_status web_get_list(web_request *request, json_t **out, sae_error *err);
sae_status web_post_list(web_request *request, json_t **out, sae_error *err);
sae_status web_delete_list(web_request *request, json_t **out, sae_error *err);
sae_status web_put_item(web_request *request, json_t **out, sae_error *err);
sae_status web_delete_item(web_request *request, json_t **out, sae_error *err);
sae_status web_lists_json(web_request *request, json_t **out, sae_error *err);
/* api_encode.c */
sae_status web_post_encode(web_request *request, json_t **out, sae_error *err);

#endif
