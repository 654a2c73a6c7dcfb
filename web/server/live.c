#include "web/server/live.h"

#include "web/server/fail.h"

#include <sae/dash.h>

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct web_live {
    const sae_store *store;
    sae_env env; /* without messages: those of the program come from its own thread alone */
    sae_lm *lm;
    sae_tokenizer *tokenizer;
    sae_hook hook;
    sae_model **models; /* [n_saes], NULL: not read yet */
};

sae_status web_live_open(web_live **out, const char *model, const sae_store *store, const sae_env *env, sae_error *err)
{
    const sae_store_meta *meta = sae_store_get_meta(store);
    sae_status status;
    web_live *live = calloc(1, sizeof *live);
    if (!live) return web_fail_memory(err);
    live->store = store;
    live->env = (sae_env){.threads = env->threads, .stop = env->stop};
    live->models = calloc(meta->n_saes + 1, sizeof(sae_model *));
    if (!live->models) {
        web_live_close(live);
        return web_fail_memory(err);
    }
    if (!*meta->hook_name) {
        status = sae_fail(err, SAE_E_UNSUPPORTED,
                          "the database does not say at which hook of a model its activations were taken, so that "
                          "--model cannot be used with it");
        goto done;
    }
    WEB_TRY(sae_lm_open(&live->lm, model, env, err));
    WEB_TRY(sae_tokenizer_open(&live->tokenizer, model, err));
    WEB_TRY(sae_hook_parse(&live->hook, live->lm, meta->hook_name, err));
    if (sae_hook_width(live->lm, live->hook) != meta->d) {
        status = sae_fail(err, SAE_E_SHAPE,
                          "%s has %lld numbers at %s, the SAEs of the database read %lld: it is "
                          "another model",
                          model, (long long)sae_hook_width(live->lm, live->hook), meta->hook_name, (long long)meta->d);
        goto done;
    }
    *out = live;
    live = NULL;
done:
    web_live_close(live);
    return status;
}

void web_live_close(web_live *live)
{
    if (!live) return;
    size_t count = sae_store_get_meta(live->store)->n_saes;
    for (size_t i = 0; live->models && i < count; i++) sae_model_free(live->models[i]);
    free(live->models);
    sae_tokenizer_close(live->tokenizer);
    sae_lm_close(live->lm);
    free(live);
}

const sae_tokenizer *web_live_tokenizer(const web_live *live)
{
    return live->tokenizer;
}

sae_status web_live_model(web_live *live, int64_t sae, const sae_model **out, sae_error *err)
{
    const sae_store_sae *info = sae_store_get_sae(live->store, sae);
    sae_model *model = live->models[sae];
    if (!model) {
        sae_error why;
        char hash[17];
        if (sae_model_load(&model, info->path, &why) != SAE_OK)
            return sae_fail(err, SAE_E_UNSUPPORTED,
                            "encoding a text takes the SAE itself, which cannot be read from where it was: %.500s",
                            why.message);
        snprintf(hash, sizeof hash, "%016" PRIx64, sae_dash_hash(model));
        if (strcmp(hash, info->hash) != 0) {
            sae_model_free(model);
            return sae_fail(err, SAE_E_UNSUPPORTED,
                            "%.300s holds another SAE than when the database was made: build it anew", info->path);
        }
        live->models[sae] = model;
    }
    *out = model;
    return SAE_OK;
}

sae_status web_live_hooks(const web_live *live, const int32_t *tokens, int64_t batch, int64_t length, float *x,
                          sae_error *err)
{
    return sae_lm_hooks(live->lm, tokens, batch, length, &live->hook, 1,
                        sae_store_get_meta(live->store)->center_residual, (float *const[]){x}, &live->env, err);
}

sae_status web_live_codes(const web_live *live, const sae_model *model, const float *x, int64_t rows, sae_codes *codes,
                          sae_error *err)
{
    return sae_model_encode(model, x, rows, codes, &live->env, err);
}

/* The ids to run the model on: its end-of-text token, which begins documents, and the text as far as there is room. */
static sae_status tokenize(const web_live *live, const char *text, size_t size, web_live_text *out, int32_t *start,
                           sae_error *err)
{
    int64_t capacity = 0, room = sae_lm_get_info(live->lm).positions - 1;
    *start = sae_tokenizer_eos(live->tokenizer);
    sae_status status =
        sae_tokenizer_encode(live->tokenizer, text, size, false, &out->ids, &out->total, &capacity, err);
    if (status != SAE_OK) return status;
    if (*start < 0)
        return sae_fail(err, SAE_E_UNSUPPORTED, "the tokenizer has no end-of-text token, which texts begin after");
    out->count = out->total < room ? out->total : room;
    if (out->count > WEB_LIVE_TOKENS) out->count = WEB_LIVE_TOKENS;
    return SAE_OK;
}

sae_status web_live_encode(web_live *live, int64_t sae, const char *text, size_t size, web_live_text *out,
                           sae_error *err)
{
    const sae_store_meta *meta = sae_store_get_meta(live->store);
    const sae_model *model;
    sae_status status;
    int32_t start, *ids = NULL;
    float *x = NULL;
    *out = (web_live_text){0};
    WEB_TRY(web_live_model(live, sae, &model, err));
    WEB_TRY(tokenize(live, text, size, out, &start, err));
    out->codes = sae_codes_new();
    ids = calloc((size_t)out->count + 1, sizeof *ids);
    x = calloc(((size_t)out->count + 1) * (size_t)meta->d, sizeof *x);
    if (!out->codes || !ids || !x) {
        status = web_fail_memory(err);
        goto done;
    }
    ids[0] = start;
    for (int64_t i = 0; i < out->count; i++) ids[i + 1] = out->ids[i];
    WEB_TRY(web_live_hooks(live, ids, 1, out->count + 1, x, err));
    WEB_TRY(web_live_codes(live, model, x + meta->d, out->count, out->codes, err));
done:
    free(ids);
    free(x);
    return status;
}

void web_live_text_clear(web_live_text *text)
{
    free(text->ids);
    sae_codes_free(text->codes);
    *text = (web_live_text){0};
}
