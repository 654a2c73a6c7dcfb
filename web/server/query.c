#include "web/server/query.h"

#include "web/server/fail.h"
#include "web/server/labels.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MOST_ROWS 500
#define MOST_IDS  500

sae_status web_query_sae(web_request *request, const char *name, int64_t *out, sae_error *err)
{
    int64_t found = sae_store_find_sae(request->app->store, name);
    if (found < 0) return web_missing(request, err, "there is no SAE \"%.100s\" in this database", name);
    *out = found;
    return SAE_OK;
}

sae_status web_query_latent(web_request *request, int64_t sae, const char *text, int64_t *out, sae_error *err)
{
    const sae_store_sae *info = sae_store_get_sae(request->app->store, sae);
    sae_status status = web_segment_int(text, "latent", info->n - 1, out, err);
    if (status != SAE_OK)
        return web_missing(request, err, "%s has no latent \"%.40s\"; they are numbered from 0 to %lld", info->name,
                           text, (long long)info->n - 1);
    return SAE_OK;
}

static sae_status read_bounds(const web_target *target, sae_store_query *query, sae_error *err)
{
    char name[64];
    for (int c = 0; c < SAE_COLUMNS; c++) {
        const char *column = sae_store_column_name((sae_store_column)c);
        snprintf(name, sizeof name, "min_%s", column);
        sae_status status = web_target_real(target, name, -DBL_MAX, DBL_MAX, &query->min[c], err);
        if (status != SAE_OK) return status;
        snprintf(name, sizeof name, "max_%s", column);
        status = web_target_real(target, name, -DBL_MAX, DBL_MAX, &query->max[c], err);
        if (status != SAE_OK) return status;
    }
    return SAE_OK;
}

/* "3,17,5" */
static sae_status read_ids(const char *text, web_query *query, sae_error *err)
{
    if (!text) return SAE_OK;
    query->ids = calloc(MOST_IDS, sizeof *query->ids);
    if (!query->ids) return web_fail_memory(err);
    query->store.ids = query->ids;
    while (*text) {
        char word[24];
        size_t length = strcspn(text, ",");
        if (length == 0 || length >= sizeof word || query->store.n_ids == MOST_IDS)
            return sae_fail(err, SAE_E_ARG, "\"ids\" takes at most %d numbers of latents with commas between them",
                            MOST_IDS);
        memcpy(word, text, length);
        word[length] = 0;
        sae_status status = web_segment_int(word, "latent", INT64_MAX, &query->ids[query->store.n_ids], err);
        if (status != SAE_OK) return status;
        query->store.n_ids++;
        text += length + (text[length] == ',');
    }
    return SAE_OK;
}

sae_status web_query_read(web_request *request, int64_t sae, web_query *out, sae_error *err)
{
    static const char *const directions[] = {"asc", "desc", NULL};
    static const char *const dead[] = {"too", "not", "only", NULL};
    const web_target *target = request->target;
    sae_store_query *query = &out->store;
    int direction = 0, which = 0;
    sae_status status;
    *out = (web_query){.store = sae_store_query_default(sae)};
    const char *sort = web_target_text(target, "sort"), *vs = web_target_text(target, "vs");
    if (sort && !sae_store_column_parse(&query->sort, sort))
        return sae_fail(err, SAE_E_ARG, "\"sort\" is \"%.60s\"; there is no such column", sort);
    WEB_TRY(web_target_choice(target, "dir", directions, &direction, err));
    WEB_TRY(web_target_choice(target, "dead", dead, &which, err));
    if (vs) WEB_TRY(web_query_sae(request, vs, &query->vs, err));
    WEB_TRY(read_bounds(target, query, err));
    WEB_TRY(web_labels_filter(request, sae, &out->ids, &query->n_ids, err));
    query->ids = out->ids;
    if (!out->ids) WEB_TRY(read_ids(web_target_text(target, "ids"), out, err));
    WEB_TRY(web_target_int(target, "offset", 0, INT64_MAX, &query->offset, err));
    WEB_TRY(web_target_int(target, "limit", 1, MOST_ROWS, &query->limit, err));
    query->descending = direction == 1;
    query->dead = (sae_store_dead)which;
    query->token = web_target_text(target, "tok");
    query->token_size = query->token ? strlen(query->token) : 0;
    if (query->token_size == 0) query->token = NULL;
done:
    return status;
}

void web_query_clear(web_query *query)
{
    free(query->ids);
    query->ids = NULL;
}
