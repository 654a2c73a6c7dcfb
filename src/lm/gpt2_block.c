/* One tile of contexts on its way through the model. */
#include "lm/gpt2.h"

#include "base/alloc.h"
#include "base/error.h"
#include "kernels/blas.h"

#include <math.h>
#include <string.h>

int64_t sae_gpt2_tile_contexts(int64_t ctx)
{
    return ctx >= SAE_GPT2_TILE_ROWS ? 1 : SAE_GPT2_TILE_ROWS / ctx;
}

sae_status sae_gpt2_tile_new(sae_gpt2_tile *tile, const sae_lm *lm, int64_t ctx, sae_error *err)
{
    const sae_gpt2_config *c = &lm->config;
    const int64_t rows = sae_gpt2_tile_contexts(ctx) * ctx, widest = 3 * c->d > c->d_mlp ? 3 * c->d : c->d_mlp;
    const int64_t scores = SAE_GPT2_QUERIES * ctx;
    int64_t size;
    bool fits = sae_mul_i64(rows, 3 * c->d + widest, &size) && !__builtin_add_overflow(size, scores, &size);
    float *memory = fits ? sae_alloc((size_t)size, sizeof *memory) : NULL;
    if (!memory) return sae_fail_memory(err, "activations of the model", fits ? (size_t)size * sizeof *memory : 0);
    *tile = (sae_gpt2_tile){.lm = lm, .ops = sae_lm_ops_best(), .ctx = ctx, .memory = memory};
    tile->x = memory;
    tile->normed = tile->x + rows * c->d;
    tile->z = tile->normed + rows * c->d;
    tile->wide = tile->z + rows * c->d;
    tile->scores = tile->wide + rows * widest;
    return sae_gpt2_products_new(tile, err);
}

void sae_gpt2_tile_free(sae_gpt2_tile *tile)
{
    sae_gpt2_products_free(tile);
    sae_free(tile->memory);
    *tile = (sae_gpt2_tile){0};
}

void sae_gpt2_embed(sae_gpt2_tile *tile, const int32_t *tokens, int64_t contexts)
{
    const int64_t d = tile->lm->config.d;
    tile->contexts = contexts;
    tile->rows = contexts * tile->ctx;
    for (int64_t r = 0; r < tile->rows; r++) {
        const float *position = tile->lm->weights.wpe + r % tile->ctx * d;
        memcpy(tile->x + r * d, tile->lm->weights.wte + tokens[r] * d, (size_t)d * sizeof *tile->x);
        tile->ops->add(d, position, tile->x + r * d);
    }
}

/* y [rows, out] = x [rows, in]·weight */
static sae_status multiply(sae_gpt2_tile *tile, sae_gpt2_product product, int64_t in, int64_t out, const float *x,
                           const sae_linear *linear, float *y, sae_error *err)
{
    if (linear->low) return sae_gpt2_multiply_low(tile, product, in, x, linear, y, err);
    sae_gemm_nn(tile->rows, out, in, 1, x, in, linear->weight, out, 0, y, out);
    return SAE_OK;
}

sae_status sae_gpt2_step(sae_gpt2_tile *tile, int64_t place, sae_error *err)
{
    const sae_gpt2_config *c = &tile->lm->config;
    const sae_gpt2_layer *layer = &tile->lm->weights.layers[place / SAE_GPT2_STEPS];
    const sae_lm_ops *ops = tile->ops;
    const int64_t rows = tile->rows, d = c->d;
    sae_status status = SAE_OK;
    float scale;
    switch (place % SAE_GPT2_STEPS) {
    case 0: /* resid_pre → z */
        ops->layer_norm(rows, d, c->epsilon, tile->x, layer->ln_1.gain, layer->ln_1.bias, tile->normed);
        SAE_TRY(multiply(tile, SAE_GPT2_QKV, d, 3 * d, tile->normed, &layer->qkv, tile->wide, err));
        ops->add_bias(rows, 3 * d, layer->qkv.bias, tile->wide);
        scale = c->scale_attention ? 1 / sqrtf((float)c->d_head) : 1;
        if (c->scale_by_layer) scale /= (float)(place / SAE_GPT2_STEPS + 1);
        sae_gpt2_attention(tile, scale);
        break;
    case 1: /* z → attn_out */
        SAE_TRY(multiply(tile, SAE_GPT2_ATTN_OUT, d, d, tile->z, &layer->attn_out, tile->normed, err));
        ops->add_bias(rows, d, layer->attn_out.bias, tile->normed);
        break;
    case 3: /* resid_mid → mlp_post */
        ops->layer_norm(rows, d, c->epsilon, tile->x, layer->ln_2.gain, layer->ln_2.bias, tile->normed);
        SAE_TRY(multiply(tile, SAE_GPT2_MLP_IN, d, c->d_mlp, tile->normed, &layer->mlp_in, tile->wide, err));
        ops->activate(rows, c->d_mlp, c->activation, layer->mlp_in.bias, tile->wide);
        break;
    case 4: /* mlp_post → mlp_out */
        SAE_TRY(multiply(tile, SAE_GPT2_MLP_OUT, c->d_mlp, d, tile->wide, &layer->mlp_out, tile->normed, err));
        ops->add_bias(rows, d, layer->mlp_out.bias, tile->normed);
        break;
    default: /* attn_out → resid_mid, mlp_out → resid_post */
        ops->add(rows * d, tile->normed, tile->x);
        break;
    }
done:
    return status;
}

float *sae_gpt2_value(const sae_gpt2_tile *tile, sae_hook_site site)
{
    switch (site) {
    case SAE_HOOK_Z:
        return tile->z;
    case SAE_HOOK_MLP_POST:
        return tile->wide;
    case SAE_HOOK_ATTN_OUT:
    case SAE_HOOK_MLP_OUT:
        return tile->normed;
    case SAE_HOOK_RESID_PRE:
    case SAE_HOOK_RESID_MID:
    case SAE_HOOK_RESID_POST:
        break;
    }
    return tile->x;
}

void sae_gpt2_final_norm(sae_gpt2_tile *tile)
{
    const sae_gpt2_config *c = &tile->lm->config;
    const sae_norm *norm = &tile->lm->weights.ln_f;
    tile->ops->layer_norm(tile->rows, c->d, c->epsilon, tile->x, norm->gain, norm->bias, tile->normed);
}
