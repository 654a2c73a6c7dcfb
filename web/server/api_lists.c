/* Lists of latents: GET and POST /lists; GET and DELETE /lists/ID; PUT and DELETE /lists/ID/items/NAME/I. */
#include "web/server/fail.h"
#include "web/server/handlers.h"
#include "web/server/json.h"
#include "web/server/query.h"

#include <string.h>

static const sae_store_sae *sae_with_hash(const sae_store *store, const char *hash)
{
    int64_t count = (int64_t)sae_store_get_meta(store)->n_saes;
    for (int64_t i = 0; i < count; i++)
        if (strcmp(sae_store_get_sae(store, i)->hash, hash) == 0) return sae_store_get_sae(store, i);
    return NULL;
}

static json_t *text(const char *value)
{
    return web_text(value, strlen(value));
}

/* An SAE of this database goes by its name here; `here` says whether it is one. */
static json_t *list_json(const web_app *app, const sae_list *list)
{
    json_t *items = json_array();
    for (size_t i = 0; i < list->count; i++) {
        const sae_list_item *item = &list->items[i];
        const sae_store_sae *sae = sae_with_hash(app->store, item->sae_hash);
        bool here = sae && item->latent >= 0 && item->latent < sae->n;
        json_array_append_new(items, json_pack("{s:o,s:I,s:o,s:b}", "sae", text(here ? sae->name : item->sae_name),
                                               "latent", (json_int_t)item->latent, "label",
                                               item->label ? text(item->label) : json_null(), "here", here));
    }
    return json_pack("{s:I,s:o,s:o}", "id", (json_int_t)list->id, "name", text(list->name), "items", items);
}

sae_status web_lists_json(web_request *request, json_t **out, sae_error *err)
{
    const sae_list_table *table;
    sae_status status = sae_labels_lists(request->app->labels, &table, err);
    if (status != SAE_OK) return status;
    *out = json_array();
    for (size_t i = 0; i < table->count; i++) json_array_append_new(*out, list_json(request->app, &table->lists[i]));
    sae_labels_free(table);
    return SAE_OK;
}

sae_status web_get_lists(web_request *request, json_t **out, sae_error *err)
{
    json_t *items = json_array();
    if (request->app->labels) {
        json_decref(items);
        sae_status status = web_lists_json(request, &items, err);
        if (status != SAE_OK) return status;
    }
    *out = json_pack("{s:b,s:o}", "writable", request->app->labels != NULL, "items", items);
    return SAE_OK;
}

static sae_status read_list(web_request *request, int64_t *id, sae_error *err)
{
    sae_error ignored;
    sae_status status = web_need_labels(request, err);
    if (status != SAE_OK) return status;
    if (web_segment_int(request->wild[0], "list", INT64_MAX, id, &ignored) != SAE_OK)
        return web_missing(request, err, "there is no list \"%.40s\"", request->wild[0]);
    return SAE_OK;
}

sae_status web_get_list(web_request *request, json_t **out, sae_error *err)
{
    const sae_list_table *table = NULL;
    int64_t id;
    sae_status status = read_list(request, &id, err);
    if (status == SAE_OK) status = sae_labels_lists(request->app->labels, &table, err);
    for (size_t i = 0; status == SAE_OK && i < table->count && !*out; i++)
        if (table->lists[i].id == id)
            *out = json_pack("{s:b,s:o}", "writable", 1, "list", list_json(request->app, &table->lists[i]));
    if (status == SAE_OK && !*out) status = web_missing(request, err, "there is no list %lld", (long long)id);
    sae_labels_free(table);
    return status;
}

sae_status web_post_list(web_request *request, json_t **out, sae_error *err)
{
    const char *name;
    int64_t id;
    sae_status status;
    WEB_TRY(web_need_labels(request, err));
    WEB_TRY(web_body_text(request, "name", &name, err));
    WEB_TRY(sae_labels_add_list(request->app->labels, name, &id, err));
    *out = json_pack("{s:I,s:s}", "id", (json_int_t)id, "name", name);
done:
    return status;
}

sae_status web_delete_list(web_request *request, json_t **out, sae_error *err)
{
    int64_t id;
    sae_status status = read_list(request, &id, err);
    if (status == SAE_OK) status = sae_labels_remove_list(request->app->labels, id, err);
    if (status == SAE_OK) *out = json_pack("{s:I}", "id", (json_int_t)id);
    return status;
}

/* Which list, SAE and latent an address /lists/ID/items/NAME/I names. */
static sae_status read_item(web_request *request, int64_t *list, int64_t *sae, int64_t *latent, sae_error *err)
{
    sae_status status = read_list(request, list, err);
    if (status == SAE_OK) status = web_query_sae(request, request->wild[1], sae, err);
    if (status == SAE_OK) status = web_query_latent(request, *sae, request->wild[2], latent, err);
    return status;
}

sae_status web_put_item(web_request *request, json_t **out, sae_error *err)
{
    int64_t list, sae, latent;
    sae_status status = read_item(request, &list, &sae, &latent, err);
    if (status != SAE_OK) return status;
    const sae_store_sae *info = sae_store_get_sae(request->app->store, sae);
    status = sae_labels_put(request->app->labels, list, info->hash, info->name, latent, err);
    if (status == SAE_OK) *out = json_pack("{s:I,s:b}", "id", (json_int_t)list, "on", 1);
    return status;
}

sae_status web_delete_item(web_request *request, json_t **out, sae_error *err)
{
    int64_t list, sae, latent;
    sae_status status = read_item(request, &list, &sae, &latent, err);
    if (status != SAE_OK) return status;
    status =
        sae_labels_take(request->app->labels, list, sae_store_get_sae(request->app->store, sae)->hash, latent, err);
    if (status == SAE_OK) *out = json_pack("{s:I,s:b}", "id", (json_int_t)list, "on", 0);
    return status;
}
