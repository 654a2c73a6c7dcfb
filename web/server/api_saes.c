/* GET /saes and /saes/NAME: what the database holds. */
#include "web/server/handlers.h"
#include "web/server/json.h"
#include "web/server/query.h"

#include <sae/frontier.h>

#include <math.h>
#include <stdlib.h>

#include "web/server/fail.h"

static json_t *cross_entropy(const sae_store_sae *sae)
{
    if (sae->ce_tokens == 0 || isnan(sae->ce_clean)) return json_null();
    return json_pack("{s:o,s:o,s:o,s:o,s:o,s:o,s:I}", "clean", web_real(sae->ce_clean), "spliced",
                     web_real(sae->ce_spliced), "zero", web_real(sae->ce_zero), "mean", web_real(sae->ce_mean),
                     "recovered", web_real(sae->ce_recovered), "kl", web_real(sae->ce_kl), "tokens",
                     (json_int_t)sae->ce_tokens);
}

static json_t *describe(const sae_store_sae *sae)
{
    json_t *out =
        json_pack("{s:I,s:s,s:s,s:s,s:s,s:s,s:s,s:I,s:I,s:o,s:o,s:b,s:I,s:I}", "index", (json_int_t)sae->index, "name",
                  sae->name, "path", sae->path, "hash", sae->hash, "arch", sae->arch, "format", sae->format, "rule",
                  sae->rule, "d", (json_int_t)sae->d, "n", (json_int_t)sae->n, "k",
                  sae->k > 0 ? json_integer(sae->k) : json_null(), "theta", web_real(sae->theta), "token_norm",
                  sae->token_norm, "tokens", (json_int_t)sae->tokens, "dead", (json_int_t)sae->dead);
    const struct {
        const char *name;
        double value;
    } numbers[] = {
        {"l0", sae->l0},
        {"mse", sae->mse},
        {"mse_per_dim", sae->mse_per_dim},
        {"fvu", sae->fvu},
        {"explained_variance", sae->explained_variance},
        {"cosine", sae->cosine},
        {"l2_ratio", sae->l2_ratio},
        {"rel_bias", sae->rel_bias},
    };
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        json_object_set_new(out, numbers[i].name, web_real(numbers[i].value));
    json_object_set_new(out, "ce", cross_entropy(sae));
    json_object_set_new(out, "density_counts", web_ints(sae->density_counts, SAE_STORE_DENSITY_BINS));
    return out;
}

sae_status web_get_saes(web_request *request, json_t **out, sae_error *err)
{
    const sae_store *store = request->app->store;
    size_t count = sae_store_get_meta(store)->n_saes;
    sae_frontier_point *points = calloc(count + 1, sizeof *points);
    json_t *items = json_array();
    if (!points || !items) {
        free(points);
        json_decref(items);
        return web_fail_memory(err);
    }
    for (size_t i = 0; i < count; i++) {
        const sae_store_sae *sae = sae_store_get_sae(store, (int64_t)i);
        points[i] = (sae_frontier_point){.path = sae->name, .l0 = sae->l0, .fvu = sae->fvu};
    }
    sae_frontier_mark(points, count);
    for (size_t i = 0; i < count; i++) {
        json_t *item = describe(sae_store_get_sae(store, (int64_t)i));
        json_object_set_new(item, "on_frontier", json_boolean(points[i].on_frontier));
        json_array_append_new(items, item);
    }
    free(points);
    *out = json_pack("{s:o}", "items", items);
    return SAE_OK;
}

sae_status web_get_sae(web_request *request, json_t **out, sae_error *err)
{
    int64_t sae;
    sae_status status = web_query_sae(request, request->wild[0], &sae, err);
    if (status == SAE_OK) *out = describe(sae_store_get_sae(request->app->store, sae));
    return status;
}
