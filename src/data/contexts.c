/* Texts or token ids to contexts. */
#include "data/contexts.h"

#include "base/alloc.h"
#include "base/error.h"

#include <string.h>

#define FIRST_ROOM 1024

sae_text_config sae_text_config_default(void)
{
    return (sae_text_config){.ctx = 128};
}

bool sae_cutter_full(const sae_cutter *cutter)
{
    return cutter->out->count >= cutter->limit;
}

static sae_status make_room(sae_cutter *cutter, sae_error *err)
{
    sae_contexts *c = cutter->out;
    if (c->count < cutter->room) return SAE_OK;
    int64_t room = cutter->room ? 2 * cutter->room : FIRST_ROOM;
    if (room > cutter->limit) room = cutter->limit;
    size_t bytes;
    bool fits = sae_mul_size((size_t)room, (size_t)c->ctx * sizeof(int32_t), &bytes);
    int32_t *tokens = fits ? sae_realloc(c->tokens, bytes, 1) : NULL;
    if (tokens) c->tokens = tokens;
    int32_t *docs = tokens ? sae_realloc(c->docs, bytes, 1) : NULL;
    if (docs) c->docs = docs;
    if (!docs) return sae_fail_memory(err, "the contexts of the text", bytes);
    cutter->room = room;
    return SAE_OK;
}

sae_status sae_cutter_add(sae_cutter *cutter, const int32_t *ids, int64_t n, int32_t doc, sae_error *err)
{
    sae_contexts *c = cutter->out;
    while (n > 0 && !sae_cutter_full(cutter)) {
        sae_status status = make_room(cutter, err);
        if (status != SAE_OK) return status;
        int32_t *tokens = c->tokens + c->count * c->ctx, *docs = c->docs + c->count * c->ctx;
        if (cutter->fill == 0 && cutter->prepend_bos) {
            tokens[0] = cutter->bos;
            docs[0] = doc;
            cutter->fill = 1;
        }
        int64_t take = c->ctx - cutter->fill < n ? c->ctx - cutter->fill : n;
        memcpy(tokens + cutter->fill, ids, (size_t)take * sizeof *ids);
        for (int64_t i = 0; i < take; i++) docs[cutter->fill + i] = doc;
        c->documents = (int64_t)doc + 1;
        cutter->fill += take;
        ids += take;
        n -= take;
        if (cutter->fill == c->ctx) {
            c->count++;
            cutter->fill = 0;
        }
    }
    return SAE_OK;
}

static sae_status check_config(const sae_text_config *config, const sae_tokenizer *tokenizer, int32_t eos,
                               sae_error *err)
{
    bool text = config->files && config->files[0];
    if (text == (config->tokens_file != NULL))
        return sae_fail(err, SAE_E_ARG, "give either text files or one file of token ids (--text or --tokens)");
    if (config->ctx < 1 || (config->prepend_bos && config->ctx < 2))
        return sae_fail(err, SAE_E_ARG, "contexts of %lld tokens are too short%s", (long long)config->ctx,
                        config->prepend_bos ? " for a BOS id and a token of the text" : "");
    if (config->max_tokens < 0 || (config->max_tokens > 0 && config->max_tokens < config->ctx))
        return sae_fail(err, SAE_E_ARG, "%lld tokens at most are fewer than one context of %lld",
                        (long long)config->max_tokens, (long long)config->ctx);
    if (text && !tokenizer) return sae_fail(err, SAE_E_ARG, "reading text needs a tokenizer");
    if (eos < 0 && (text || config->prepend_bos))
        return sae_fail(err, SAE_E_ARG,
                        "the tokenizer and the model name no end-of-text id (<|endoftext|>, eos_token_id), which %s",
                        text ? "goes before each document" : "--prepend-bos puts first");
    return SAE_OK;
}

sae_status sae_contexts_read(sae_contexts **out, const sae_text_config *config, const sae_tokenizer *tokenizer,
                             int32_t eos, const sae_env *env, sae_error *err)
{
    sae_status status = check_config(config, tokenizer, eos, err);
    if (status != SAE_OK) return status;
    sae_contexts *c = sae_calloc(1, sizeof *c);
    if (!c) return sae_fail_memory(err, "contexts", sizeof *c);
    c->ctx = config->ctx;
    sae_cutter cutter = {
        .out = c,
        .limit = config->max_tokens ? config->max_tokens / config->ctx : INT64_MAX / config->ctx,
        .prepend_bos = config->prepend_bos,
        .bos = eos,
    };
    SAE_TRY(config->tokens_file ? sae_cut_tokens(&cutter, config, eos, err)
                                : sae_cut_text(&cutter, config, tokenizer, eos, env, err));
    c->dropped = cutter.fill - (cutter.fill && cutter.prepend_bos);
    if (c->count == 0)
        SAE_TRY(sae_fail(err, SAE_E_ARG,
                         "the text gives %lld tokens, less than one context of %lld; give more text, or begin with "
                         "a shorter --ctx (of sae harvest, or of training from a model)",
                         (long long)c->dropped, (long long)c->ctx));
    *out = c;
    c = NULL;
done:
    sae_contexts_free(c);
    return status;
}

void sae_contexts_free(sae_contexts *contexts)
{
    if (!contexts) return;
    sae_free(contexts->tokens);
    sae_free(contexts->docs);
    sae_free(contexts);
}
