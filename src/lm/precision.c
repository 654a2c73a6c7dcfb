/* The model's products in bfloat16: weights converted once, activations as each product reads them. */
#include "lm/gpt2.h"

#include "base/alloc.h"
#include "base/error.h"
#include "base/parallel.h"
#include "kernels/blas.h"

#include <string.h>

#define PIECE (1 << 18) /* elements converted at a time */

const char *sae_precision_name(sae_precision precision)
{
    return precision == SAE_PRECISION_BF16 ? "bf16" : "fp32";
}

const char *sae_precision_unit(sae_precision precision)
{
    return precision == SAE_PRECISION_BF16 ? sae_bf16_unit() : sae_blas_name();
}

/* ---- weights ---------------------------------------------------------------------------------------------- */

/* A matrix to convert, and where its copy is named. */
typedef struct matrix {
    const float *from;
    int64_t count;
    const uint16_t **to;
} matrix;

/* out [4·layers + 1] */
static void list_matrices(sae_gpt2_weights *w, const sae_gpt2_config *c, matrix *out)
{
    const int64_t square = c->d * c->d, mlp = c->d * c->d_mlp;
    for (int64_t l = 0; l < c->layers; l++) {
        sae_gpt2_layer *layer = &w->layers[l];
        *out++ = (matrix){layer->qkv.weight, 3 * square, &layer->qkv.low};
        *out++ = (matrix){layer->attn_out.weight, square, &layer->attn_out.low};
        *out++ = (matrix){layer->mlp_in.weight, mlp, &layer->mlp_in.low};
        *out++ = (matrix){layer->mlp_out.weight, mlp, &layer->mlp_out.low};
    }
    *out = (matrix){w->unembed, c->vocab * c->d, &w->unembed_low};
}

static void convert(const matrix *m, uint16_t *to, int threads)
{
    const sae_lm_ops *ops = sae_lm_ops_best();
    const int64_t pieces = (m->count + PIECE - 1) / PIECE;
#pragma omp parallel for num_threads(threads) schedule(static)
    for (int64_t p = 0; p < pieces; p++) {
        int64_t first = p * PIECE, left = m->count - first;
        ops->to_bf16(left < PIECE ? left : PIECE, m->from + first, to + first);
    }
    *m->to = to;
}

sae_status sae_lm_set_precision(sae_lm *lm, sae_precision precision, const sae_env *env, sae_error *err)
{
    sae_gpt2_weights *w = &lm->weights;
    const size_t count = 4 * (size_t)lm->config.layers + 1;
    if (precision == sae_lm_get_info(lm).precision) return SAE_OK;
    matrix *matrices = sae_alloc(count, sizeof *matrices);
    if (!matrices) return sae_fail_memory(err, "a model", count * sizeof *matrices);
    list_matrices(w, &lm->config, matrices);
    sae_status status = SAE_OK;
    size_t elements = 0;
    for (size_t i = 0; i < count; i++) elements += (size_t)matrices[i].count;
    if (precision == SAE_PRECISION_FP32) {
        for (size_t i = 0; i < count; i++) *matrices[i].to = NULL;
        sae_free(w->low);
        w->low = NULL;
        goto done;
    }
    if (sae_bf16_missing())
        SAE_TRY(sae_fail(err, SAE_E_UNSUPPORTED, "the model %s cannot run in bf16: %s; fp32 works everywhere", lm->name,
                         sae_bf16_missing()));
    w->low = sae_alloc(elements, sizeof *w->low);
    if (!w->low) SAE_TRY(sae_fail_memory(err, "the weights in bf16", elements * sizeof *w->low));
    uint16_t *to = w->low;
    for (size_t i = 0; i < count; to += matrices[i++].count) convert(&matrices[i], to, sae_threads(env));
done:
    sae_free(matrices);
    return status;
}

/* ---- products --------------------------------------------------------------------------------------------- */

sae_status sae_gpt2_products_new(sae_gpt2_tile *tile, sae_error *err)
{
    const sae_gpt2_config *c = &tile->lm->config;
    const int64_t rows = sae_gpt2_tile_contexts(tile->ctx) * tile->ctx, widest = c->d > c->d_mlp ? c->d : c->d_mlp;
    const struct {
        int64_t in, out;
    } sizes[SAE_GPT2_PRODUCTS] = {[SAE_GPT2_QKV] = {c->d, 3 * c->d},
                                  [SAE_GPT2_ATTN_OUT] = {c->d, c->d},
                                  [SAE_GPT2_MLP_IN] = {c->d, c->d_mlp},
                                  [SAE_GPT2_MLP_OUT] = {c->d_mlp, c->d}};
    sae_status status = SAE_OK;
    if (!tile->lm->weights.low) return SAE_OK;
    tile->low =
        sae_calloc((size_t)rows, (size_t)widest * sizeof *tile->low); /* rows without tokens are multiplied too */
    if (!tile->low)
        return sae_fail_memory(err, "activations of the model", (size_t)(rows * widest) * sizeof *tile->low);
    for (int i = 0; i < SAE_GPT2_PRODUCTS && status == SAE_OK; i++) {
        const int64_t in = sizes[i].in, out = sizes[i].out;
        status = sae_bf16_product_new(&tile->products[i], &(sae_bf16_shape){rows, out, in, in, out, out, false}, err);
    }
    return status;
}

void sae_gpt2_products_free(sae_gpt2_tile *tile)
{
    for (int i = 0; i < SAE_GPT2_PRODUCTS; i++) sae_bf16_product_free(tile->products[i]);
    sae_free(tile->low);
}

sae_status sae_gpt2_multiply_low(sae_gpt2_tile *tile, sae_gpt2_product product, int64_t in, const float *x,
                                 const sae_linear *linear, float *y, sae_error *err)
{
    tile->ops->to_bf16(tile->rows * in, x, tile->low);
    return sae_bf16_product_run(tile->products[product], tile->low, linear->low, y, err);
}

sae_status sae_gpt2_unembed_low(sae_gpt2_tile *tile, const float *final, int64_t first, int64_t count, float *logits,
                                int64_t stride, sae_error *err)
{
    const int64_t d = tile->lm->config.d;
    sae_bf16_product *product;
    sae_status status =
        sae_bf16_product_new(&product, &(sae_bf16_shape){tile->rows, count, d, d, d, stride, true}, err);
    if (status != SAE_OK) return status;
    tile->ops->to_bf16(tile->rows * d, final, tile->low);
    status = sae_bf16_product_run(product, tile->low, tile->lm->weights.unembed_low + first * d, logits, err);
    sae_bf16_product_free(product);
    return status;
}
