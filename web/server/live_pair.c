/* One latent's activations on the database's own text, for latents of which the database has not kept them. */
#include "web/server/live_pair.h"

#include "web/server/fail.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Texts as they begin their contexts, of one length for the model: what stands behind a text does not change it. */
typedef struct contexts {
    size_t count;
    int64_t length;
    int32_t *tokens; /* [count, length] */
    float *x;        /* [count, length, d] */
} contexts;

static int64_t end_of(const sae_store_passage *p)
{
    return p->before + (int64_t)p->count;
}

/* How many of the texts together have no more than WEB_LIVE_ROWS tokens; one at least. */
static size_t fitting(const sae_store_example *examples, size_t count, int64_t *length)
{
    size_t n = 0;
    *length = 0;
    while (n < count && n < WEB_LIVE_TEXTS) {
        int64_t end = end_of(&examples[n].passage), longest = end > *length ? end : *length;
        if (n > 0 && longest * (int64_t)(n + 1) > WEB_LIVE_ROWS) break;
        *length = longest;
        n++;
    }
    return n;
}

static sae_status read_contexts(sae_store *store, const sae_store_example *examples, size_t count, contexts *out,
                                sae_error *err)
{
    out->count = fitting(examples, count, &out->length);
    out->tokens = calloc(out->count, (size_t)out->length * sizeof *out->tokens);
    out->x = calloc(out->count * (size_t)out->length, (size_t)sae_store_get_meta(store)->d * sizeof *out->x);
    if (!out->tokens || !out->x) return web_fail_memory(err);
    for (size_t i = 0; i < out->count; i++) {
        const sae_store_passage *p = &examples[i].passage, *whole;
        sae_status status = sae_store_text_at(store, p->first - p->before, end_of(p), &whole, err);
        if (status != SAE_OK) return status;
        int32_t *to = out->tokens + (int64_t)i * out->length;
        for (size_t t = 0; t < whole->count; t++) to[t] = whole->tokens[t].id;
        sae_store_free(whole);
    }
    return SAE_OK;
}

static sae_status take_acts(const sae_codes *codes, int64_t latent, int64_t skipped, web_live_acts *out, sae_error *err)
{
    out->offsets = calloc((size_t)codes->rows + 1, sizeof *out->offsets);
    out->values = calloc((size_t)codes->rows + 1, sizeof *out->values);
    if (!out->offsets || !out->values) return web_fail_memory(err);
    for (int64_t row = 0; row < codes->rows; row++)
        for (int64_t e = codes->row_offsets[row]; e < codes->row_offsets[row + 1]; e++) {
            if (codes->latents[e] != latent) continue;
            out->offsets[out->count] = (uint32_t)(row + skipped);
            out->values[out->count++] = codes->values[e];
        }
    return SAE_OK;
}

sae_status web_live_pair_read(web_live *live, sae_store *store, int64_t sae, int64_t latent,
                              const sae_store_example *examples, size_t count, web_live_pair *out, sae_error *err)
{
    const sae_store_meta *meta = sae_store_get_meta(store);
    const sae_model *model;
    sae_status status;
    contexts texts = {0};
    sae_codes *codes = sae_codes_new();
    *out = (web_live_pair){0};
    if (count == 0) goto empty;
    if (!codes) {
        status = web_fail_memory(err);
        goto done;
    }
    WEB_TRY(web_live_model(live, sae, &model, err));
    WEB_TRY(read_contexts(store, examples, count, &texts, err));
    WEB_TRY(web_live_hooks(live, texts.tokens, (int64_t)texts.count, texts.length, texts.x, err));
    for (; out->count < texts.count; out->count++) {
        const sae_store_passage *p = &examples[out->count].passage;
        /* the first position is no row of the database unless it was kept */
        int64_t skipped = p->before == 0 && !meta->keep_first ? 1 : 0, rows = (int64_t)p->count - skipped;
        const float *x = texts.x + ((int64_t)out->count * texts.length + p->before + skipped) * meta->d;
        WEB_TRY(web_live_codes(live, model, x, rows > 0 ? rows : 0, codes, err));
        WEB_TRY(take_acts(codes, latent, skipped, &out->acts[out->count], err));
    }
empty:
    status = SAE_OK;
done:
    sae_codes_free(codes);
    free(texts.tokens);
    free(texts.x);
    return status;
}

sae_status web_live_cosine(web_live *live, int64_t sae, int64_t latent, int64_t other, int64_t other_latent,
                           double *out, sae_error *err)
{
    const sae_model *a, *b;
    double aa = 0, bb = 0, ab = 0;
    sae_status status;
    WEB_TRY(web_live_model(live, sae, &a, err));
    WEB_TRY(web_live_model(live, other, &b, err));
    int64_t d = sae_model_get_info(a)->d;
    const float *v = sae_model_get_weights(a).W_dec + latent * d,
                *w = sae_model_get_weights(b).W_dec + other_latent * d;
    for (int64_t j = 0; j < d; j++) {
        aa += (double)v[j] * (double)v[j];
        bb += (double)w[j] * (double)w[j];
        ab += (double)v[j] * (double)w[j];
    }
    *out = aa > 0 && bb > 0 ? ab / sqrt(aa * bb) : (double)NAN;
done:
    return status;
}

void web_live_pair_clear(web_live_pair *pair)
{
    for (size_t i = 0; i < WEB_LIVE_TEXTS; i++) {
        free(pair->acts[i].offsets);
        free(pair->acts[i].values);
    }
    *pair = (web_live_pair){0};
}
