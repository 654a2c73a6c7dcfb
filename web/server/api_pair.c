/* Two latents on the same texts.
 *   GET /saes/A/latents/I/pair/B/J      the top texts of I with the activations of both, of any two SAEs or of one
 *   GET /saes/A/latents/I/nearest/B     the same with each of the latents of B that are nearest to I */
#include "web/server/fail.h"
#include "web/server/handlers.h"
#include "web/server/json.h"
#include "web/server/live_pair.h"
#include "web/server/query.h"

#include <math.h>

#define MOST_NEAREST 3

typedef struct subject {
    int64_t sae, latent, around;
} subject;

static sae_status read_subject(web_request *request, subject *s, int64_t *other, sae_error *err)
{
    sae_status status;
    WEB_TRY(web_query_sae(request, request->wild[0], &s->sae, err));
    WEB_TRY(web_query_latent(request, s->sae, request->wild[1], &s->latent, err));
    WEB_TRY(web_query_sae(request, request->wild[2], other, err));
    WEB_TRY(web_read_around(request, &s->around, err));
done:
    return status;
}

static json_t *acts(const uint32_t *offsets, const float *values, size_t count)
{
    json_t *out = json_array();
    for (size_t i = 0; i < count; i++)
        json_array_append_new(out, json_pack("[i,o]", (int)offsets[i], web_short((double)values[i])));
    return out;
}

/* {stored, live, link, others: per example [[offset, value], …]}; others is null when the second latent's activations
 * are neither in the database nor to be had from a model. */
static json_t *describe(const sae_store_pair *pair, const web_live_pair *live)
{
    json_t *others = pair->stored || live ? json_array() : json_null();
    for (size_t i = 0; pair->stored && i < pair->count; i++)
        json_array_append_new(others, acts(pair->other[i].offsets, pair->other[i].values, pair->other[i].n_acts));
    for (size_t i = 0; live && i < live->count; i++)
        json_array_append_new(others, acts(live->acts[i].offsets, live->acts[i].values, live->acts[i].count));
    return json_pack("{s:b,s:b,s:o,s:o}", "stored", pair->stored, "live", live != NULL, "link", web_link(&pair->link),
                     "others", others);
}

static json_t *examples(const sae_store_pair *pair)
{
    json_t *out = json_array();
    for (size_t i = 0; i < pair->count; i++) json_array_append_new(out, web_example(&pair->examples[i]));
    return out;
}

/* The second latent is encoded when the database has not kept what it does here, and there is a model. */
static sae_status answer_pair(web_request *request, const subject *s, int64_t other, int64_t other_latent,
                              const sae_store_pair *pair, json_t **out, sae_error *err)
{
    web_live *live = pair->stored ? NULL : request->app->live;
    web_live_pair found = {0};
    sae_store_pair shown = *pair;
    sae_status status = SAE_OK;
    if (live && isnan(shown.link.cosine))
        WEB_TRY(web_live_cosine(live, s->sae, s->latent, other, other_latent, &shown.link.cosine, err));
    if (live)
        WEB_TRY(web_live_pair_read(live, request->app->store, other, other_latent, pair->examples, pair->count, &found,
                                   err));
    if (live) shown.count = found.count;
    *out = describe(&shown, live ? &found : NULL);
    json_object_set_new(*out, "examples", examples(&shown));
done:
    web_live_pair_clear(&found);
    return status;
}

sae_status web_get_pair(web_request *request, json_t **out, sae_error *err)
{
    subject s;
    int64_t other, other_latent;
    const sae_store_pair *pair = NULL;
    sae_status status = read_subject(request, &s, &other, err);
    if (status == SAE_OK) status = web_query_latent(request, other, request->wild[3], &other_latent, err);
    if (status == SAE_OK)
        status = sae_store_get_pair(request->app->store, s.sae, s.latent, other, other_latent, s.around, &pair, err);
    if (status == SAE_OK) status = answer_pair(request, &s, other, other_latent, pair, out, err);
    sae_store_free(pair);
    return status;
}

/* Which latents of `other` are nearest to the subject by decoder cosine. */
static sae_status find_nearest(web_request *request, const subject *s, int64_t other, int64_t nearest[MOST_NEAREST],
                               size_t *count, sae_error *err)
{
    const sae_store_latent *latent = NULL;
    sae_status status = sae_store_get_latent(request->app->store, s->sae, s->latent, 0, &latent, err);
    *count = 0;
    for (size_t i = 0; status == SAE_OK && i < latent->n_matches; i++) {
        const sae_store_links *links = &latent->matches[i].by_cosine;
        if (latent->matches[i].sae != other) continue;
        while (*count < MOST_NEAREST && *count < links->count) {
            nearest[*count] = links->links[*count].latent;
            (*count)++;
        }
    }
    sae_store_free(latent);
    return status;
}

sae_status web_get_nearest(web_request *request, json_t **out, sae_error *err)
{
    subject s;
    int64_t other, nearest[MOST_NEAREST];
    size_t count;
    json_t *items = json_array(), *texts = NULL;
    sae_status status;
    WEB_TRY(read_subject(request, &s, &other, err));
    WEB_TRY(find_nearest(request, &s, other, nearest, &count, err));
    for (size_t i = 0; i < count; i++) {
        const sae_store_pair *pair;
        WEB_TRY(sae_store_get_pair(request->app->store, s.sae, s.latent, other, nearest[i], s.around, &pair, err));
        if (!texts) texts = examples(pair);
        json_array_append_new(items, describe(pair, NULL));
        sae_store_free(pair);
    }
    *out = json_pack("{s:O,s:o}", "items", items, "examples", texts ? texts : json_array());
    texts = NULL;
done:
    json_decref(items);
    json_decref(texts);
    return status;
}
