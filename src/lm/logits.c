/* From the last layer to logits, a chunk of the vocabulary at a time. */
#include "lm/gpt2.h"

#include "kernels/blas.h"

void sae_gpt2_unembed(const sae_lm *lm, int64_t rows, const float *final, int64_t first, int64_t count, float *logits,
                      int64_t stride)
{
    const int64_t d = lm->config.d;
    sae_gemm_nt(rows, count, d, 1, final, d, lm->weights.unembed + first * d, d, 0, logits, stride);
}

void sae_gpt2_finish(sae_gpt2_tile *tile, int64_t place)
{
    for (; place < SAE_GPT2_STEPS * tile->lm->config.layers; place++) sae_gpt2_step(tile, place);
    sae_gpt2_final_norm(tile);
}

typedef struct job {
    const int32_t *tokens;
    float *logits;
} job;

static sae_status logits_tile(void *ud, sae_gpt2_tile *tile, int64_t first, sae_error *err)
{
    (void)err;
    const job *j = ud;
    const int64_t vocab = tile->lm->config.vocab;
    float *out = j->logits + first * tile->ctx * vocab;
    sae_gpt2_embed(tile, j->tokens + first * tile->ctx, tile->contexts);
    sae_gpt2_finish(tile, 0);
    for (int64_t v = 0; v < vocab; v += SAE_GPT2_LOGITS) {
        int64_t count = vocab - v < SAE_GPT2_LOGITS ? vocab - v : SAE_GPT2_LOGITS;
        sae_gpt2_unembed(tile->lm, tile->rows, tile->normed, v, count, out + v, vocab);
    }
    return SAE_OK;
}

sae_status sae_lm_logits(const sae_lm *lm, const int32_t *tokens, int64_t batch, int64_t ctx, float *logits,
                         const sae_env *env, sae_error *err)
{
    job j = {.tokens = tokens, .logits = logits};
    sae_status status = sae_gpt2_check_tokens(lm, tokens, batch, ctx, err);
    return status == SAE_OK ? sae_gpt2_for_tiles(lm, batch, ctx, logits_tile, &j, env, err) : status;
}
