/* Labels: GET /saes/NAME/labels; PUT /saes/NAME/latents/I/label {text}. */
#include "web/server/fail.h"
#include "web/server/handlers.h"
#include "web/server/json.h"
#include "web/server/query.h"

#include <string.h>

sae_status web_need_labels(const web_request *request, sae_error *err)
{
    if (request->app->labels) return SAE_OK;
    return sae_fail(err, SAE_E_UNSUPPORTED,
                    "labels and lists have no place to be written to: start sae serve with --labels FILE");
}

sae_status web_body_text(const web_request *request, const char *key, const char **out, sae_error *err)
{
    const json_t *value = json_object_get(request->body, key);
    if (!json_is_string(value) || json_object_size(request->body) != 1)
        return sae_fail(err, SAE_E_ARG, "what was sent must be {\"%s\": TEXT}", key);
    *out = json_string_value(value);
    if (strlen(*out) != json_string_length(value)) return sae_fail(err, SAE_E_ARG, "\"%s\" holds a NUL", key);
    return SAE_OK;
}

static json_t *labels_of(const sae_label_table *table)
{
    json_t *out = json_array();
    for (size_t i = 0; i < table->count; i++) {
        const sae_label *label = &table->labels[i];
        json_array_append_new(out,
                              json_pack("{s:I,s:o,s:o}", "latent", (json_int_t)label->latent, "text",
                                        web_text(label->text, strlen(label->text)), "source",
                                        *label->source ? web_text(label->source, strlen(label->source)) : json_null()));
    }
    return out;
}

sae_status web_get_labels(web_request *request, json_t **out, sae_error *err)
{
    const web_app *app = request->app;
    const sae_label_table *table = NULL;
    json_t *lists = NULL;
    int64_t sae;
    sae_status status = web_query_sae(request, request->wild[0], &sae, err);
    if (status != SAE_OK) return status;
    if (!app->labels) {
        *out = json_pack("{s:b,s:b,s:[],s:[]}", "available", 0, "writable", 0, "labels", "lists");
        return SAE_OK;
    }
    WEB_TRY(sae_labels_get(app->labels, sae_store_get_sae(app->store, sae)->hash, NULL, &table, err));
    WEB_TRY(web_lists_json(request, &lists, err));
    *out = json_pack("{s:b,s:b,s:o,s:O}", "available", 1, "writable", 1, "labels", labels_of(table), "lists", lists);
done:
    sae_labels_free(table);
    json_decref(lists);
    return status;
}

sae_status web_put_label(web_request *request, json_t **out, sae_error *err)
{
    int64_t sae, latent;
    const char *text;
    sae_status status;
    WEB_TRY(web_need_labels(request, err));
    WEB_TRY(web_query_sae(request, request->wild[0], &sae, err));
    WEB_TRY(web_query_latent(request, sae, request->wild[1], &latent, err));
    WEB_TRY(web_body_text(request, "text", &text, err));
    WEB_TRY(
        sae_labels_set(request->app->labels, sae_store_get_sae(request->app->store, sae)->hash, latent, text, "", err));
    *out = json_pack("{s:I,s:s}", "latent", (json_int_t)latent, "text", text);
done:
    return status;
}
