/* POST /saes/NAME/encode {text}: which latents fire on a text, the strongest first. */
#include "web/server/fail.h"
#include "web/server/handlers.h"
#include "web/server/json.h"
#include "web/server/live.h"
#include "web/server/query.h"

#include <stdlib.h>
#include <string.h>

#define MOST_TEXT    20000 /* bytes */
#define MOST_LATENTS 2000

/* A latent that fires somewhere on the text. */
typedef struct firing {
    int64_t latent, token;
    double value;
} firing;

typedef struct found {
    int64_t latent, first, count, peak; /* first: of its firings, which lie together, by token */
    double max;
} found;

static int by_latent(const void *a_, const void *b_)
{
    const firing *a = a_, *b = b_;
    if (a->latent != b->latent) return a->latent < b->latent ? -1 : 1;
    return (a->token > b->token) - (a->token < b->token);
}

static int by_strength(const void *a_, const void *b_)
{
    const found *a = a_, *b = b_;
    if (a->max != b->max) return a->max < b->max ? 1 : -1;
    return (a->latent > b->latent) - (a->latent < b->latent);
}

/* firings [n] and latents [at most n], both allocated here. */
static sae_status collect(const sae_codes *codes, firing **firings, found **latents, size_t *count, sae_error *err)
{
    size_t n = (size_t)codes->row_offsets[codes->rows], used = 0;
    *firings = calloc(n + 1, sizeof **firings);
    *latents = calloc(n + 1, sizeof **latents);
    *count = 0;
    if (!*firings || !*latents) return web_fail_memory(err);
    for (int64_t row = 0; row < codes->rows; row++)
        for (int64_t e = codes->row_offsets[row]; e < codes->row_offsets[row + 1]; e++)
            (*firings)[used++] = (firing){codes->latents[e], row, (double)codes->values[e]};
    qsort(*firings, n, sizeof **firings, by_latent);
    for (size_t i = 0; i < n; i++) {
        const firing *f = &(*firings)[i];
        if (*count == 0 || (*latents)[*count - 1].latent != f->latent)
            (*latents)[(*count)++] = (found){.latent = f->latent, .first = (int64_t)i, .peak = f->token};
        found *l = &(*latents)[*count - 1];
        l->count++;
        if (f->value > l->max) {
            l->max = f->value;
            l->peak = f->token;
        }
    }
    qsort(*latents, *count, sizeof **latents, by_strength);
    return SAE_OK;
}

static json_t *describe(const found *l, const firing *firings, const sae_store_row *row)
{
    json_t *acts = json_array();
    for (int64_t i = l->first; i < l->first + l->count; i++)
        json_array_append_new(acts, json_pack("[I,o]", (json_int_t)firings[i].token, web_short(firings[i].value)));
    json_t *top = row->top_token < 0 ? json_null()
                                     : json_pack("{s:i,s:o}", "id", (int)row->top_token, "text",
                                                 web_text(row->top_text.data, row->top_text.size));
    return json_pack("{s:I,s:o,s:I,s:o,s:I,s:o,s:o}", "id", (json_int_t)l->latent, "max", web_short(l->max), "peak",
                     (json_int_t)l->peak, "latent_max", web_short(row->value[SAE_COLUMN_MAX]), "n_active",
                     (json_int_t)row->n_active, "top", top, "acts", acts);
}

static int row_of_latent(const void *latent_, const void *row_)
{
    const int64_t *latent = latent_;
    const sae_store_row *row = row_;
    return (*latent > row->id) - (*latent < row->id);
}

/* What the database knows of each latent, in the order of `latents`. */
static sae_status add_latents(web_request *request, int64_t sae, const found *latents, size_t count,
                              const firing *firings, json_t *out, sae_error *err)
{
    int64_t ids[MOST_LATENTS];
    const sae_store_table *table;
    sae_store_query query = sae_store_query_default(sae);
    for (size_t i = 0; i < count; i++) ids[i] = latents[i].latent;
    query.ids = ids;
    query.n_ids = count;
    query.limit = MOST_LATENTS;
    sae_status status = sae_store_latents(request->app->store, &query, &table, err);
    if (status != SAE_OK) return status;
    for (size_t i = 0; i < count; i++) { /* rows come in the order of their ids */
        const sae_store_row *row =
            bsearch(&latents[i].latent, table->rows, table->count, sizeof *table->rows, row_of_latent);
        if (row) json_array_append_new(out, describe(&latents[i], firings, row));
    }
    sae_store_free(table);
    return SAE_OK;
}

static json_t *tokens_of(const web_live *live, const web_live_text *text)
{
    json_t *out = json_array();
    for (int64_t i = 0; i < text->count; i++) {
        size_t length = 0;
        const char *bytes = sae_tokenizer_bytes(web_live_tokenizer(live), text->ids[i], &length);
        json_array_append_new(
            out, json_pack("{s:i,s:o}", "id", (int)text->ids[i], "text", web_text(bytes ? bytes : "", length)));
    }
    return out;
}

sae_status web_post_encode(web_request *request, json_t **out, sae_error *err)
{
    const web_app *app = request->app;
    int64_t sae;
    web_live_text text = {0};
    firing *firings = NULL;
    found *latents = NULL;
    size_t count;
    json_t *items = json_array();
    const json_t *value = json_object_get(request->body, "text");
    sae_status status;
    WEB_TRY(web_query_sae(request, request->wild[0], &sae, err));
    if (!app->live) {
        status = sae_fail(err, SAE_E_UNSUPPORTED, "%s", WEB_NO_MODEL);
        goto done;
    }
    if (!json_is_string(value) || json_string_length(value) > MOST_TEXT) {
        status = sae_fail(err, SAE_E_ARG, "what was sent must be {\"text\": TEXT}, with a text of at most %d bytes",
                          MOST_TEXT);
        goto done;
    }
    WEB_TRY(web_live_encode(app->live, sae, json_string_value(value), json_string_length(value), &text, err));
    WEB_TRY(collect(text.codes, &firings, &latents, &count, err));
    WEB_TRY(add_latents(request, sae, latents, count < MOST_LATENTS ? count : MOST_LATENTS, firings, items, err));
    *out = json_pack("{s:o,s:o,s:I,s:I,s:O}", "tokens", tokens_of(app->live, &text), "cut",
                     text.total > text.count ? json_integer(text.total) : json_null(), "of",
                     (json_int_t)sae_store_get_meta(app->store)->tokens, "found", (json_int_t)count, "latents", items);
done:
    web_live_text_clear(&text);
    free(firings);
    free(latents);
    json_decref(items);
    return status;
}
