#include "dash/nearest.h"

#include "base/alloc.h"
#include "base/error.h"

#include <math.h>
#include <string.h>

/* More than are kept: the screen may put neighbours whose cosines differ by its error in the wrong order. */
enum { CANDIDATES = 24 };

/* Candidates of one query by descending screened cosine. */
typedef struct candidates {
    int count;
    int32_t latents[CANDIDATES];
    float screened[CANDIDATES];
} candidates;

typedef struct search {
    const sae_cosine_side *queries, *keys;
    bool same;         /* queries and keys are the same rows */
    candidates *found; /* [threads, SAE_COSINE_QUERIES] */
    sae_dash_nearest *out;
} search;

static candidates *found_of(const search *s, int thread, int64_t query)
{
    return &s->found[(int64_t)thread * SAE_COSINE_QUERIES + query % SAE_COSINE_QUERIES];
}

static void start(void *ud, int thread, int64_t query)
{
    found_of(ud, thread, query)->count = 0;
}

static void scan(void *ud, int thread, int64_t query, int64_t first_key, int64_t count, const float *screened)
{
    const search *s = ud;
    candidates *c = found_of(s, thread, query);
    for (int64_t j = 0; j < count; j++) {
        if (c->count == CANDIDATES && screened[j] <= c->screened[CANDIDATES - 1]) continue;
        if (s->same && first_key + j == query) continue;
        int at = c->count < CANDIDATES ? c->count++ : CANDIDATES - 1;
        for (; at > 0 && screened[j] > c->screened[at - 1]; at--) {
            c->screened[at] = c->screened[at - 1];
            c->latents[at] = c->latents[at - 1];
        }
        c->screened[at] = screened[j];
        c->latents[at] = (int32_t)(first_key + j);
    }
}

static void finish(void *ud, int thread, int64_t query)
{
    const search *s = ud;
    const candidates *c = found_of(s, thread, query);
    sae_dash_nearest *out = &s->out[query];
    double exact[SAE_DASH_NEIGHBOURS];
    out->count = 0;
    for (int i = 0; i < c->count; i++) {
        double cosine = sae_cosine_exact(s->queries, query, s->keys, c->latents[i]);
        int at = out->count;
        while (at > 0 && (cosine > exact[at - 1] || (cosine == exact[at - 1] && c->latents[i] < out->latents[at - 1])))
            at--;
        if (at == SAE_DASH_NEIGHBOURS) continue;
        int last = out->count < SAE_DASH_NEIGHBOURS ? out->count++ : SAE_DASH_NEIGHBOURS - 1;
        for (; last > at; last--) {
            exact[last] = exact[last - 1];
            out->latents[last] = out->latents[last - 1];
        }
        exact[at] = cosine;
        out->latents[at] = c->latents[i];
    }
    for (int i = 0; i < out->count; i++) out->cosines[i] = (float)exact[i];
}

static sae_status find(const sae_dash_directions *d, size_t a, size_t b, const sae_env *env, sae_error *err)
{
    search s = {.queries = &d->sides[a], .keys = &d->sides[b], .same = a == b, .out = d->lists[a * d->n_models + b]};
    sae_cosine_visitor visitor = {&s, start, scan, finish};
    size_t count = (size_t)sae_cosine_threads(s.queries, env) * SAE_COSINE_QUERIES;
    s.found = sae_alloc(count, sizeof *s.found);
    if (!s.found) return sae_fail_memory(err, "nearest latents", count * sizeof *s.found);
    sae_status status = sae_cosine_tiles(s.queries, s.keys, &visitor, env, err);
    sae_free(s.found);
    return status;
}

sae_status sae_dash_directions_make(sae_dash_directions *out, const sae_model *const *models, size_t n_models,
                                    const sae_env *env, sae_error *err)
{
    sae_status status = SAE_OK;
    *out = (sae_dash_directions){.n_models = n_models};
    out->sides = sae_calloc(n_models, sizeof *out->sides);
    out->lists = sae_calloc(n_models * n_models, sizeof *out->lists);
    if (!out->sides || !out->lists) return sae_fail_memory(err, "nearest latents", n_models * sizeof *out->sides);
    for (size_t i = 0; i < n_models; i++) {
        const sae_model_info *info = sae_model_get_info(models[i]);
        SAE_TRY(
            sae_cosine_side_new(&out->sides[i], sae_model_get_weights(models[i]).W_dec, info->n, info->d, env, err));
    }
    for (size_t a = 0; a < n_models; a++)
        for (size_t b = 0; b < n_models; b++) {
            sae_dash_nearest **list = &out->lists[a * n_models + b];
            *list = sae_calloc((size_t)out->sides[a].n, sizeof **list);
            if (!*list) SAE_TRY(sae_fail_memory(err, "nearest latents", (size_t)out->sides[a].n * sizeof **list));
            SAE_TRY(find(out, a, b, env, err));
        }
done:
    return status;
}

void sae_dash_directions_clear(sae_dash_directions *d)
{
    for (size_t i = 0; d->sides && i < d->n_models; i++) sae_cosine_side_clear(&d->sides[i]);
    for (size_t i = 0; d->lists && i < d->n_models * d->n_models; i++) sae_free(d->lists[i]);
    sae_free(d->sides);
    sae_free(d->lists);
    *d = (sae_dash_directions){0};
}

bool sae_dash_mutual(const sae_dash_directions *d, size_t a, int64_t i, size_t b, int64_t j)
{
    const sae_dash_nearest *there = sae_dash_nearest_of(d, a, i, b), *back = sae_dash_nearest_of(d, b, j, a);
    return there->count > 0 && back->count > 0 && there->latents[0] == j && back->latents[0] == i;
}
