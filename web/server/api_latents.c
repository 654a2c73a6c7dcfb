/* GET /saes/NAME/latents: a table of latents; …/latents/I/place: where one stands in such a table. */
#include "web/server/handlers.h"
#include "web/server/json.h"
#include "web/server/query.h"

static json_t *token(int32_t id, const sae_store_text *text)
{
    if (id < 0) return json_null();
    return json_pack("{s:i,s:o}", "id", (int)id, "text", web_text(text->data, text->size));
}

json_t *web_latent_row(const sae_store_row *row)
{
    json_t *out = json_object(), *spark = json_array();
    json_object_set_new(out, "id", json_integer(row->id));
    json_object_set_new(out, "n_active", json_integer(row->n_active));
    for (int c = SAE_COLUMN_MAX; c < SAE_COLUMNS; c++)
        json_object_set_new(out, sae_store_column_name((sae_store_column)c), web_short(row->value[c]));
    for (size_t i = 0; i < SAE_STORE_SPARK; i++) json_array_append_new(spark, json_integer(row->spark[i]));
    json_object_set_new(out, "top", token(row->top_token, &row->top_text));
    json_object_set_new(out, "boosted", token(row->boosted, &row->boosted_text));
    json_object_set_new(out, "vs_latent", row->vs_latent >= 0 ? json_integer(row->vs_latent) : json_null());
    json_object_set_new(out, "vs_mutual", json_boolean(row->vs_mutual));
    json_object_set_new(out, "spark", spark);
    return out;
}

sae_status web_get_latents(web_request *request, json_t **out, sae_error *err)
{
    int64_t sae;
    web_query query = {0};
    const sae_store_table *table = NULL;
    sae_status status = web_query_sae(request, request->wild[0], &sae, err);
    if (status == SAE_OK) status = web_query_read(request, sae, &query, err);
    if (status == SAE_OK) status = sae_store_latents(request->app->store, &query.store, &table, err);
    if (status == SAE_OK) {
        json_t *items = json_array();
        for (size_t i = 0; i < table->count; i++) json_array_append_new(items, web_latent_row(&table->rows[i]));
        int64_t next = query.store.offset + (int64_t)table->count;
        *out =
            json_pack("{s:I,s:I,s:o,s:o}", "total", (json_int_t)table->total, "offset", (json_int_t)query.store.offset,
                      "next", next < table->total ? json_integer(next) : json_null(), "items", items);
    }
    sae_store_free(table);
    web_query_clear(&query);
    return status;
}

static json_t *latent_or_null(int64_t id)
{
    return id >= 0 ? json_integer(id) : json_null();
}

sae_status web_get_place(web_request *request, json_t **out, sae_error *err)
{
    int64_t sae, latent;
    web_query query = {0};
    sae_store_place place;
    sae_status status = web_query_sae(request, request->wild[0], &sae, err);
    if (status == SAE_OK) status = web_query_latent(request, sae, request->wild[1], &latent, err);
    if (status == SAE_OK) status = web_query_read(request, sae, &query, err);
    if (status == SAE_OK) status = sae_store_locate(request->app->store, &query.store, latent, &place, err);
    if (status == SAE_OK)
        *out = json_pack("{s:I,s:o,s:o,s:o,s:o,s:o}", "total", (json_int_t)place.total, "position",
                         latent_or_null(place.position), "previous", latent_or_null(place.previous), "next",
                         latent_or_null(place.next), "first", latent_or_null(place.first), "last",
                         latent_or_null(place.last));
    web_query_clear(&query);
    return status;
}
