/* From the last layer to logits, a chunk of the vocabulary at a time. */
#include "lm/gpt2.h"

#include "kernels/blas.h"

sae_status sae_gpt2_unembed(sae_gpt2_tile *tile, const float *final, int64_t first, int64_t count, float *logits,
                            int64_t stride, sae_error *err)
{
    const int64_t d = tile->lm->config.d;
    if (tile->low) return sae_gpt2_unembed_low(tile, final, first, count, logits, stride, err);
    sae_gemm_nt(tile->rows, count, d, 1, final, d, tile->lm->weights.unembed + first * d, d, 0, logits, stride);
    return SAE_OK;
}

sae_status sae_gpt2_finish(sae_gpt2_tile *tile, int64_t place, sae_error *err)
{
    for (; place < SAE_GPT2_STEPS * tile->lm->config.layers; place++) {
        sae_status status = sae_gpt2_step(tile, place, err);
        if (status != SAE_OK) return status;
    }
    sae_gpt2_final_norm(tile);
    return SAE_OK;
}

typedef struct job {
    const int32_t *tokens;
    float *logits;
} job;

static sae_status logits_tile(void *ud, sae_gpt2_tile *tile, int64_t first, sae_error *err)
{
    const job *j = ud;
    const int64_t vocab = tile->lm->config.vocab;
    float *out = j->logits + first * tile->ctx * vocab;
    sae_gpt2_embed(tile, j->tokens + first * tile->ctx, tile->contexts);
    sae_status status = sae_gpt2_finish(tile, 0, err);
    for (int64_t v = 0; v < vocab && status == SAE_OK; v += SAE_GPT2_LOGITS) {
        int64_t count = vocab - v < SAE_GPT2_LOGITS ? vocab - v : SAE_GPT2_LOGITS;
        status = sae_gpt2_unembed(tile, tile->normed, v, count, out + v, vocab, err);
    }
    return status;
}

sae_status sae_lm_logits(const sae_lm *lm, const int32_t *tokens, int64_t batch, int64_t ctx, float *logits,
                         const sae_env *env, sae_error *err)
{
    job j = {.tokens = tokens, .logits = logits};
    sae_status status = sae_gpt2_check_tokens(lm, tokens, batch, ctx, err);
    return status == SAE_OK ? sae_gpt2_for_tiles(lm, batch, ctx, logits_tile, &j, env, err) : status;
}
