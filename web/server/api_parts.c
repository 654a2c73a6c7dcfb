/* Parts of a meta-SAE's result, whose document is long.
 *   GET /results/I/meta_latents?offset=&limit=   the meta-latents, with their strongest latents
 *   GET /results/I/meta_latents/M                all latents of one
 *   GET /results/I/latents/L                     the meta-latents of one latent */
#include "web/server/fail.h"
#include "web/server/handlers.h"
#include "web/server/json.h"

#define MOST_ROWS 200
#define STRONGEST 6

/* The array `key` of a result's document, in *document, which is to be released. */
static sae_status read_array(web_request *request, const char *key, json_t **document, const json_t **array,
                             sae_error *err)
{
    const sae_store_result *result;
    sae_status status = web_read_result(request, &result, err);
    if (status != SAE_OK) return status;
    *document = json_loadb(result->json, result->json_size, 0, NULL);
    *array = json_object_get(*document, key);
    if (result->kind != SAE_RESULT_META || !json_is_array(*array))
        status = web_missing(request, err, "result %lld is not that of a meta-SAE", (long long)result->index);
    sae_store_free(result);
    return status;
}

/* The element whose "id" is asked for; NULL when there is none. */
static const json_t *with_id(const json_t *array, int64_t id)
{
    size_t i;
    const json_t *item;
    json_array_foreach(array, i, item) if (json_integer_value(json_object_get(item, "id")) == id) return item;
    return NULL;
}

static sae_status get_part(web_request *request, const char *key, const char *what, json_t **out, sae_error *err)
{
    int64_t id;
    json_t *document = NULL;
    const json_t *array = NULL, *item = NULL;
    sae_error ignored;
    sae_status status = read_array(request, key, &document, &array, err);
    if (status == SAE_OK && web_segment_int(request->wild[1], what, INT64_MAX, &id, &ignored) == SAE_OK)
        item = with_id(array, id);
    if (status == SAE_OK && !item)
        status = web_missing(request, err, "there is no %s \"%.40s\" in this meta-SAE", what, request->wild[1]);
    if (status == SAE_OK) *out = json_deep_copy(item);
    json_decref(document);
    return status;
}

sae_status web_get_meta_latent(web_request *request, json_t **out, sae_error *err)
{
    return get_part(request, "meta_latents", "meta-latent", out, err);
}

sae_status web_get_decomposition(web_request *request, json_t **out, sae_error *err)
{
    return get_part(request, "latents", "latent", out, err);
}

static json_t *summary(const json_t *item)
{
    const json_t *latents = json_object_get(item, "latents");
    json_t *strongest = json_array();
    for (size_t i = 0; i < STRONGEST && i < json_array_size(latents); i++)
        json_array_append(strongest, json_array_get(latents, i));
    return json_pack("{s:O,s:I,s:o}", "id", json_object_get(item, "id"), "count", (json_int_t)json_array_size(latents),
                     "strongest", strongest);
}

sae_status web_get_meta_latents(web_request *request, json_t **out, sae_error *err)
{
    int64_t offset = 0, limit = 50;
    json_t *document = NULL, *items = NULL;
    const json_t *array = NULL;
    sae_status status;
    WEB_TRY(web_target_int(request->target, "offset", 0, INT64_MAX / 2, &offset, err));
    WEB_TRY(web_target_int(request->target, "limit", 1, MOST_ROWS, &limit, err));
    WEB_TRY(read_array(request, "meta_latents", &document, &array, err));
    items = json_array();
    for (int64_t i = offset; i < offset + limit && i < (int64_t)json_array_size(array); i++)
        json_array_append_new(items, summary(json_array_get(array, (size_t)i)));
    *out = json_pack("{s:I,s:I,s:O}", "total", (json_int_t)json_array_size(array), "offset", (json_int_t)offset,
                     "items", items);
done:
    json_decref(items);
    json_decref(document);
    return status;
}
