/* GET /compare/A/B: how near each latent of A is to those of B, and the other way round; with what sae compare found,
 * when the database holds it. GET /nearest/A/B: for each latent of A its nearest of B. */
#include "web/server/handlers.h"
#include "web/server/json.h"
#include "web/server/query.h"

#include <stdlib.h>

/* Whole numbers as float32, which holds them exactly up to 2^24: latents and rows that are drawn, and flags. */
static json_t *wholes(const int64_t *numbers, const bool *flags, int64_t n)
{
    double *values = calloc((size_t)n + 1, sizeof *values);
    for (int64_t i = 0; values && i < n; i++) values[i] = numbers ? (double)numbers[i] : flags[i];
    json_t *packed = values ? web_floats(values, (size_t)n) : NULL;
    free(values);
    return packed;
}

static sae_status add_side(web_request *request, int64_t sae, int64_t vs, json_t *out, const char *key, sae_error *err)
{
    const sae_store_matches *m;
    sae_status status = sae_store_get_matches(request->app->store, sae, vs, &m, err);
    if (status != SAE_OK) return status;
    json_object_set_new(out, key,
                        json_pack("{s:o,s:o,s:o,s:o,s:o}", "n_active", wholes(m->n_active, NULL, m->n), "cos",
                                  web_floats(m->cosine, (size_t)m->n), "pearson", web_floats(m->pearson, (size_t)m->n),
                                  "nearest", wholes(m->nearest, NULL, m->n), "mutual", wholes(NULL, m->mutual, m->n)));
    sae_store_free(m);
    return SAE_OK;
}

/* The first result of a kind for these two, in either order. NULL when there is none. */
static sae_status find_result(web_request *request, sae_store_result_kind kind, int64_t a, int64_t b,
                              const sae_store_result **out, sae_error *err)
{
    sae_store *store = request->app->store;
    int64_t count = (int64_t)sae_store_get_meta(store)->n_results;
    *out = NULL;
    for (int64_t i = 0; i < count; i++) {
        const sae_store_result *result;
        sae_status status = sae_store_get_result(store, i, &result, err);
        if (status != SAE_OK) return status;
        bool straight = result->large == a && result->small == b, turned = result->large == b && result->small == a;
        if (result->kind == kind && (straight || turned)) {
            *out = result;
            return SAE_OK;
        }
        sae_store_free(result);
    }
    return SAE_OK;
}

sae_status web_get_compare(web_request *request, json_t **out, sae_error *err)
{
    int64_t a, b;
    const sae_store_result *compared = NULL, *stitched = NULL;
    json_t *answer = json_object();
    sae_status status = web_query_sae(request, request->wild[0], &a, err);
    if (status == SAE_OK) status = web_query_sae(request, request->wild[1], &b, err);
    if (status == SAE_OK && a == b)
        status =
            web_missing(request, err, "\"%.100s\" is the same SAE twice; a comparison takes two", request->wild[0]);
    if (status == SAE_OK) status = add_side(request, a, b, answer, "forward", err);
    if (status == SAE_OK) status = add_side(request, b, a, answer, "back", err);
    if (status == SAE_OK) status = find_result(request, SAE_RESULT_COMPARE, a, b, &compared, err);
    if (status == SAE_OK) status = find_result(request, SAE_RESULT_STITCH, a, b, &stitched, err);
    if (status == SAE_OK) {
        json_object_set_new(answer, "result",
                            compared ? json_loadb(compared->json, compared->json_size, 0, NULL) : json_null());
        json_object_set_new(answer, "result_index", compared ? json_integer(compared->index) : json_null());
        json_object_set_new(answer, "flipped", json_boolean(compared && compared->large == b));
        json_object_set_new(answer, "stitch", stitched ? json_integer(stitched->index) : json_null());
        *out = json_incref(answer);
    }
    sae_store_free(compared);
    sae_store_free(stitched);
    json_decref(answer);
    return status;
}

sae_status web_get_matches(web_request *request, json_t **out, sae_error *err)
{
    int64_t a, b;
    const sae_store_matches *m = NULL;
    sae_status status = web_query_sae(request, request->wild[0], &a, err);
    if (status == SAE_OK) status = web_query_sae(request, request->wild[1], &b, err);
    if (status == SAE_OK) status = sae_store_get_matches(request->app->store, a, b, &m, err);
    if (status == SAE_OK)
        *out = json_pack("{s:o,s:o}", "nearest", wholes(m->nearest, NULL, m->n), "cos",
                         web_floats(m->cosine, (size_t)m->n));
    sae_store_free(m);
    return status;
}
