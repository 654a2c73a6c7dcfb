/* Parts of a meta-SAE's result, whose lists are long.
 *   GET /results/I/meta_latents?offset=&limit=   the meta-latents, with their strongest latents
 *   GET /results/I/meta_latents/M                all latents of one
 *   GET /results/I/latents/L                     the meta-latents of one latent */
#include "web/server/fail.h"
#include "web/server/handlers.h"
#include "web/server/json.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define MOST_ROWS 200
#define STRONGEST 6

/* [id, activation, cosine] of everything that hangs on each latent (or meta-latent), one after the other. */
enum { PARTS = 3 };
typedef struct decomposition {
    const sae_store_values *ids;          /* of those that something hangs on */
    const sae_store_values *explained;    /* share of each, or NULL */
    const sae_store_values *starts;       /* where the parts of each begin, and the end of the last */
    const sae_store_values *parts[PARTS]; /* NULL when nothing hangs on any */
} decomposition;

static void clear(decomposition *d)
{
    sae_store_free(d->ids);
    sae_store_free(d->explained);
    sae_store_free(d->starts);
    for (int p = 0; p < PARTS; p++) sae_store_free(d->parts[p]);
}

/* *out stays NULL when the result has no such vector. */
static sae_status read_vector(web_request *request, const sae_store_result *result, const char *group, const char *name,
                              const sae_store_values **out, sae_error *err)
{
    char full[64];
    snprintf(full, sizeof full, "%s.%s", group, name);
    for (size_t i = 0; i < result->n_vectors; i++)
        if (strcmp(result->vectors[i].name, full) == 0)
            return sae_store_get_vector(request->app->store, result->index, full, out, err);
    return SAE_OK;
}

/* Whether the vectors have lengths that fit together, and every part is where it should be. */
static bool is_whole(const decomposition *d)
{
    if (!d->ids || !d->starts || d->starts->count != d->ids->count + 1) return false;
    if (d->explained && d->explained->count != d->ids->count) return false;
    size_t total = d->parts[0] ? d->parts[0]->count : 0;
    for (int p = 1; p < PARTS; p++)
        if ((d->parts[p] ? d->parts[p]->count : 0) != total) return false;
    double before = 0;
    for (size_t i = 0; i < d->starts->count; i++) {
        double start = d->starts->values[i];
        if (!(start >= before && start <= (double)total && start == floor(start))) return false;
        before = start;
    }
    return true;
}

/* group "latents" has its parts under "meta", "meta_latents" under "latents". */
static sae_status read_decomposition(web_request *request, const char *group, const char *list, decomposition *out,
                                     sae_error *err)
{
    const sae_store_result *result;
    char name[32];
    *out = (decomposition){0};
    sae_status status = web_read_result(request, &result, err);
    if (status != SAE_OK) return status;
    if (result->kind != SAE_RESULT_META) {
        status = web_missing(request, err, "result %lld is not that of a meta-SAE", (long long)result->index);
        goto done;
    }
    WEB_TRY(read_vector(request, result, group, "id", &out->ids, err));
    WEB_TRY(read_vector(request, result, group, "explained", &out->explained, err));
    snprintf(name, sizeof name, "%s.starts", list);
    WEB_TRY(read_vector(request, result, group, name, &out->starts, err));
    for (int p = 0; p < PARTS; p++) {
        snprintf(name, sizeof name, "%s.%d", list, p);
        WEB_TRY(read_vector(request, result, group, name, &out->parts[p], err));
    }
    if (!is_whole(out)) status = sae_fail(err, SAE_E_FORMAT, "the lists of this result do not fit together");
done:
    sae_store_free(result);
    return status;
}

/* The first `most` parts of entry `at`. */
static json_t *parts_of(const decomposition *d, size_t at, size_t most)
{
    json_t *out = json_array();
    size_t first = (size_t)d->starts->values[at], end = (size_t)d->starts->values[at + 1];
    if (end - first > most) end = first + most;
    for (size_t i = first; i < end; i++)
        json_array_append_new(out, json_pack("[I,o,o]", (json_int_t)d->parts[0]->values[i],
                                             web_short(d->parts[1]->values[i]), web_short(d->parts[2]->values[i])));
    return out;
}

static sae_status get_one(web_request *request, const char *group, const char *list, const char *what, json_t **out,
                          sae_error *err)
{
    int64_t id = -1;
    decomposition d;
    sae_error ignored;
    sae_status status = read_decomposition(request, group, list, &d, err);
    if (status == SAE_OK) {
        size_t at = 0;
        web_segment_int(request->wild[1], what, INT64_MAX, &id, &ignored);
        while (at < d.ids->count && d.ids->values[at] != (double)id) at++;
        if (at == d.ids->count)
            status = web_missing(request, err, "there is no %s \"%.40s\" in this meta-SAE", what, request->wild[1]);
        else
            *out = json_pack("{s:I,s:o,s:o}", "id", (json_int_t)id, "explained",
                             d.explained ? web_short(d.explained->values[at]) : json_null(), list,
                             parts_of(&d, at, SIZE_MAX));
    }
    clear(&d);
    return status;
}

sae_status web_get_meta_latent(web_request *request, json_t **out, sae_error *err)
{
    return get_one(request, "meta_latents", "latents", "meta-latent", out, err);
}

sae_status web_get_decomposition(web_request *request, json_t **out, sae_error *err)
{
    return get_one(request, "latents", "meta", "latent", out, err);
}

sae_status web_get_meta_latents(web_request *request, json_t **out, sae_error *err)
{
    int64_t offset = 0, limit = 50;
    decomposition d = {0};
    sae_status status;
    WEB_TRY(web_target_int(request->target, "offset", 0, INT64_MAX / 2, &offset, err));
    WEB_TRY(web_target_int(request->target, "limit", 1, MOST_ROWS, &limit, err));
    WEB_TRY(read_decomposition(request, "meta_latents", "latents", &d, err));
    json_t *items = json_array();
    for (int64_t i = offset; i < offset + limit && i < (int64_t)d.ids->count; i++) {
        double parts = d.starts->values[i + 1] - d.starts->values[i];
        json_array_append_new(items, json_pack("{s:I,s:I,s:o}", "id", (json_int_t)d.ids->values[i], "count",
                                               (json_int_t)parts, "strongest", parts_of(&d, (size_t)i, STRONGEST)));
    }
    *out = json_pack("{s:I,s:I,s:o}", "total", (json_int_t)d.ids->count, "offset", (json_int_t)offset, "items", items);
done:
    clear(&d);
    return status;
}
