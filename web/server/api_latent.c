/* GET /saes/NAME/latents/I: everything that is shown of a latent. */
#include "web/server/handlers.h"
#include "web/server/json.h"
#include "web/server/query.h"

#define MOST_AROUND 512

json_t *web_link(const sae_store_link *link)
{
    return json_pack("{s:I,s:o,s:o,s:o,s:o,s:b}", "latent", (json_int_t)link->latent, "cosine", web_short(link->cosine),
                     "pearson", web_short(link->pearson), "jaccard", web_short(link->jaccard), "both",
                     link->both < 0 ? json_null() : json_integer(link->both), "mutual", link->mutual);
}

static json_t *links(const sae_store_links *all)
{
    json_t *out = json_array();
    for (size_t i = 0; i < all->count; i++) json_array_append_new(out, web_link(&all->links[i]));
    return out;
}

static json_t *effects(const sae_store_effect *all, size_t count)
{
    json_t *out = json_array();
    for (size_t i = 0; i < count; i++)
        json_array_append_new(out, json_pack("{s:i,s:o,s:o}", "token", (int)all[i].token, "text",
                                             web_text(all[i].text.data, all[i].text.size), "value",
                                             web_short(all[i].value)));
    return out;
}

json_t *web_example(const sae_store_example *example)
{
    return json_pack("{s:I,s:o,s:I,s:I,s:o}", "row", (json_int_t)example->row, "value",
                     web_short((double)example->value), "more", (json_int_t)example->more, "copies",
                     (json_int_t)example->copies, "passage", web_passage(&example->passage));
}

static json_t *groups(const sae_store_latent *latent)
{
    json_t *out = json_array();
    for (size_t g = 0; g < latent->n_groups; g++) {
        const sae_store_group *group = &latent->groups[g];
        json_t *examples = json_array();
        for (size_t i = 0; i < group->count; i++) json_array_append_new(examples, web_example(&group->examples[i]));
        json_array_append_new(out, json_pack("{s:s,s:o,s:o,s:I,s:o}", "kind", sae_store_kind_name(group->kind), "lo",
                                             web_short(group->lo), "hi", web_short(group->hi), "population",
                                             (json_int_t)group->population, "examples", examples));
    }
    return out;
}

static json_t *matches(const web_app *app, const sae_store_latent *latent)
{
    json_t *out = json_array();
    for (size_t i = 0; i < latent->n_matches; i++) {
        const sae_store_match *match = &latent->matches[i];
        json_array_append_new(out, json_pack("{s:s,s:o,s:o}", "sae", sae_store_get_sae(app->store, match->sae)->name,
                                             "by_cosine", links(&match->by_cosine), "by_pearson",
                                             links(&match->by_pearson)));
    }
    return out;
}

static json_t *neurons(const sae_store_latent *latent)
{
    json_t *out = json_array();
    for (size_t i = 0; i < latent->n_neurons; i++)
        json_array_append_new(out, json_pack("{s:I,s:o,s:o}", "neuron", (json_int_t)latent->neurons[i].neuron, "value",
                                             web_short(latent->neurons[i].value), "share",
                                             web_short(latent->neurons[i].share)));
    return out;
}

static json_t *describe(const web_app *app, const sae_store_latent *latent)
{
    json_t *out = web_latent_row(&latent->row), *quantiles = json_array();
    for (size_t i = 0; i < latent->n_quantiles; i++)
        json_array_append_new(quantiles,
                              json_pack("[o,o]", web_short(latent->quantile_at[i]), web_short(latent->quantiles[i])));
    json_object_set_new(out, "dead", json_boolean(latent->dead));
    json_object_set_new(out, "min", web_short(latent->min));
    json_object_set_new(out, "quantiles", quantiles);
    json_object_set_new(out, "hist", web_hist(&latent->hist));
    json_object_set_new(out, "log_hist", web_hist(&latent->log_hist));
    json_object_set_new(out, "logits",
                        latent->n_boosted == 0
                            ? json_null()
                            : json_pack("{s:o,s:o,s:o,s:o}", "boosted", effects(latent->boosted, latent->n_boosted),
                                        "suppressed", effects(latent->suppressed, latent->n_suppressed), "std",
                                        web_short(latent->logit_std), "hist", web_hist(&latent->logit_hist)));
    json_object_set_new(out, "neighbours",
                        json_pack("{s:o,s:o,s:o}", "by_cosine", links(&latent->by_cosine), "by_pearson",
                                  links(&latent->by_pearson), "by_together", links(&latent->by_together)));
    json_object_set_new(out, "matches", matches(app, latent));
    json_object_set_new(out, "neurons", neurons(latent));
    json_object_set_new(out, "groups", groups(latent));
    return out;
}

sae_status web_read_around(web_request *request, int64_t *around, sae_error *err)
{
    *around = 24;
    return web_target_int(request->target, "around", 0, MOST_AROUND, around, err);
}

sae_status web_get_latent(web_request *request, json_t **out, sae_error *err)
{
    int64_t sae, id, around;
    const sae_store_latent *latent = NULL;
    sae_status status = web_query_sae(request, request->wild[0], &sae, err);
    if (status == SAE_OK) status = web_query_latent(request, sae, request->wild[1], &id, err);
    if (status == SAE_OK) status = web_read_around(request, &around, err);
    if (status == SAE_OK) status = sae_store_get_latent(request->app->store, sae, id, around, &latent, err);
    if (status == SAE_OK) *out = describe(request->app, latent);
    sae_store_free(latent);
    return status;
}
