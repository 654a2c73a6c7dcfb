/* Two latents on the same texts.
 *   GET /saes/A/latents/I/pair/B/J      the top texts of I with the activations of both
 *   GET /saes/A/latents/I/nearest/B     the same with each of the latents of B that are nearest to I */
#include "web/server/fail.h"
#include "web/server/handlers.h"
#include "web/server/json.h"
#include "web/server/query.h"

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

static json_t *acts(const sae_store_passage *passage)
{
    json_t *out = json_array();
    for (size_t i = 0; i < passage->n_acts; i++)
        json_array_append_new(out, json_pack("[i,o]", (int)passage->offsets[i], web_short((double)passage->values[i])));
    return out;
}

/* {stored, link, others: per example its [[offset, value], …] or null} */
static json_t *describe(const sae_store_pair *pair)
{
    json_t *others = pair->stored ? json_array() : json_null();
    for (size_t i = 0; pair->stored && i < pair->count; i++) json_array_append_new(others, acts(&pair->other[i]));
    return json_pack("{s:b,s:o,s:o}", "stored", pair->stored, "link", web_link(&pair->link), "others", others);
}

static json_t *examples(const sae_store_pair *pair)
{
    json_t *out = json_array();
    for (size_t i = 0; i < pair->count; i++) json_array_append_new(out, web_example(&pair->examples[i]));
    return out;
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
    if (status == SAE_OK) {
        *out = describe(pair);
        json_object_set_new(*out, "examples", examples(pair));
    }
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
        json_array_append_new(items, describe(pair));
        sae_store_free(pair);
    }
    *out = json_pack("{s:O,s:o}", "items", items, "examples", texts ? texts : json_array());
    texts = NULL;
done:
    json_decref(items);
    json_decref(texts);
    return status;
}
