/* GET /results: what sae compare, stitch and meta found; /results/I: one of them; /results/I/vectors?names=…: its long
 * arrays. */
#include "web/server/fail.h"
#include "web/server/handlers.h"
#include "web/server/json.h"

#include <stdlib.h>
#include <string.h>

#define NAME_BYTES 128

static json_t *sae_name(const sae_store *store, int64_t sae)
{
    const sae_store_sae *info = sae_store_get_sae(store, sae);
    return info ? json_string(info->name) : json_null();
}

static json_t *describe(const sae_store *store, const sae_store_result *result)
{
    return json_pack("{s:I,s:s,s:s,s:o,s:o}", "index", (json_int_t)result->index, "kind",
                     sae_store_result_kind_name(result->kind), "path", result->path, "small",
                     sae_name(store, result->small), "large", sae_name(store, result->large));
}

sae_status web_get_results(web_request *request, json_t **out, sae_error *err)
{
    sae_store *store = request->app->store;
    int64_t count = (int64_t)sae_store_get_meta(store)->n_results;
    json_t *items = json_array();
    for (int64_t i = 0; i < count; i++) {
        const sae_store_result *result;
        sae_status status = sae_store_get_result(store, i, &result, err);
        if (status != SAE_OK) {
            json_decref(items);
            return status;
        }
        json_array_append_new(items, describe(store, result));
        sae_store_free(result);
    }
    *out = json_pack("{s:o}", "items", items);
    return SAE_OK;
}

sae_status web_read_result(web_request *request, const sae_store_result **out, sae_error *err)
{
    sae_store *store = request->app->store;
    int64_t index, count = (int64_t)sae_store_get_meta(store)->n_results;
    sae_error ignored;
    if (count == 0 || web_segment_int(request->wild[0], "result", count - 1, &index, &ignored) != SAE_OK)
        return web_missing(request, err, "there is no result \"%.40s\" in this database; it has %lld", request->wild[0],
                           (long long)count);
    return sae_store_get_result(store, index, out, err);
}

sae_status web_get_result(web_request *request, json_t **out, sae_error *err)
{
    const sae_store_result *result;
    sae_status status = web_read_result(request, &result, err);
    if (status != SAE_OK) return status;
    json_t *vectors = json_object();
    for (size_t i = 0; i < result->n_vectors; i++)
        json_object_set_new(vectors, result->vectors[i].name, json_integer(result->vectors[i].count));
    *out = describe(request->app->store, result);
    json_object_set_new(*out, "vectors", vectors);
    json_object_set_new(*out, "json", json_loadb(result->json, result->json_size, 0, NULL));
    sae_store_free(result);
    return SAE_OK;
}

static sae_status add_vector(web_request *request, const sae_store_result *result, const char *name, json_t *out,
                             sae_error *err)
{
    const sae_store_values *values;
    bool known = false;
    for (size_t i = 0; i < result->n_vectors; i++) known = known || strcmp(result->vectors[i].name, name) == 0;
    if (!known) return web_missing(request, err, "this result has no array \"%.100s\"", name);
    sae_status status = sae_store_get_vector(request->app->store, result->index, name, &values, err);
    if (status != SAE_OK) return status;
    json_object_set_new(out, name, web_floats(values->values, values->count));
    sae_store_free(values);
    return SAE_OK;
}

sae_status web_get_vectors(web_request *request, json_t **out, sae_error *err)
{
    const char *names = web_target_text(request->target, "names");
    const sae_store_result *result;
    sae_status status = web_read_result(request, &result, err);
    if (status != SAE_OK) return status;
    json_t *answer = json_object();
    for (const char *at = names ? names : ""; *at;) {
        char name[NAME_BYTES];
        size_t length = strcspn(at, ",");
        if (length == 0 || length >= sizeof name) {
            status = sae_fail(err, SAE_E_ARG, "\"names\" takes names of arrays with commas between them");
            goto done;
        }
        memcpy(name, at, length);
        name[length] = 0;
        WEB_TRY(add_vector(request, result, name, answer, err));
        at += length + (at[length] == ',');
    }
    *out = json_incref(answer);
done:
    json_decref(answer);
    sae_store_free(result);
    return status;
}
