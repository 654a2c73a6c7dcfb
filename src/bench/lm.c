/* The language model's forward pass beside plain SGEMMs of its own shapes. */
#include <sae/bench.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/parallel.h"
#include "base/rng.h"
#include "bench/bench.h"
#include "kernels/bf16.h"
#include "kernels/blas.h"
#include "lm/gpt2.h"

/* The four products of a block, [rows, in]·[in, out]. */
typedef struct shape {
    int64_t in, out;
} shape;

/* Floating-point operations per row of the block's products, and of causal attention: half of two [ctx, ctx]
 * products per head. */
static double block_flops(const shape *shapes, int64_t d, int64_t ctx)
{
    double flops = 2.0 * (double)ctx * (double)d;
    for (int i = 0; i < 4; i++) flops += 2.0 * (double)shapes[i].in * (double)shapes[i].out;
    return flops;
}

/* Seconds for one block's products, the BLAS library on its own threads. */
static double time_products(const shape *shapes, int64_t rows, const float *a, const float *b, float *c, int threads)
{
    sae_blas_set_threads(threads);
    double began = sae_now();
    for (int i = 0; i < 4; i++)
        sae_gemm_nn(rows, shapes[i].out, shapes[i].in, 1, a, shapes[i].in, b, shapes[i].out, 0, c, shapes[i].out);
    double seconds = sae_now() - began;
    sae_blas_set_threads(1);
    return seconds;
}

/* What is measured in turn, and the numbers of every turn. */
typedef struct bench {
    sae_lm *lm;
    const int32_t *tokens;
    int64_t batch, ctx;
    sae_hook hook; /* the last place */
    float *acts;
    double *seconds[2], *products; /* [repeats] the forward pass in fp32 and bf16, the products of a block */
    const sae_env *env;
} bench;

static sae_status time_forward(const bench *b, sae_precision precision, double *seconds, sae_error *err)
{
    float *acts = b->acts;
    sae_status status = sae_lm_set_precision(b->lm, precision, b->env, err);
    if (status != SAE_OK) return status;
    double began = sae_now();
    status = sae_lm_hooks(b->lm, b->tokens, b->batch, b->ctx, &b->hook, 1, false, &acts, b->env, err);
    *seconds = sae_now() - began;
    if (status == SAE_OK && sae_should_stop(b->env))
        return sae_fail(err, SAE_E_INTERRUPTED, "stopped; nothing was measured");
    return status;
}

static void summarise(const bench *b, sae_precision precision, double flops, double product_flops, int64_t layers,
                      int64_t repeats, double *scratch, sae_bench_lm *out)
{
    const double rows = (double)(b->batch * b->ctx);
    const double *seconds = b->seconds[precision];
    *out = (sae_bench_lm){.parameters = sae_lm_get_info(b->lm).parameters, .precision = precision};
    for (int64_t r = 0; r < repeats; r++) scratch[r] = flops * rows * (double)layers / seconds[r];
    double rate = sae_bench_median(scratch, repeats);
    for (int64_t r = 0; r < repeats; r++) scratch[r] = product_flops * rows / b->products[r];
    out->gflops = rate / 1e9;
    out->sgemm_gflops = sae_bench_median(scratch, repeats) / 1e9;
    out->tokens_per_s = rate / (flops * (double)layers);
    for (int64_t r = 0; r < repeats; r++)
        scratch[r] = flops * (double)layers / seconds[r] / (product_flops / b->products[r]);
    out->ratio = sae_bench_median(scratch, repeats);
    for (int64_t r = 0; r < repeats; r++) scratch[r] = b->seconds[SAE_PRECISION_FP32][r] / seconds[r];
    out->times_fp32 = sae_bench_median(scratch, repeats);
}

sae_status sae_bench_gpt2(int64_t layers, int64_t d, int64_t heads, int64_t vocab, int64_t batch, int64_t ctx,
                          int64_t repeats, sae_bench_lm out[2], size_t *count, const sae_env *env, sae_error *err)
{
    sae_status status;
    bench b = {.batch = batch, .ctx = ctx, .hook = {.layer = (int)layers - 1, .site = SAE_HOOK_RESID_POST}, .env = env};
    const int64_t rows = batch * ctx;
    const shape shapes[4] = {{d, 3 * d}, {d, d}, {d, 4 * d}, {4 * d, d}};
    const size_t wide = (size_t)(rows * 4 * d), measured = sae_bf16_missing() ? 1 : 2;
    int32_t *tokens = sae_alloc((size_t)rows, sizeof *tokens);
    float *a = sae_alloc(wide, sizeof *a), *c = sae_alloc(wide, sizeof *c);
    double *columns = sae_calloc((size_t)(4 * repeats), sizeof *columns);
    b.acts = sae_alloc((size_t)(rows * d), sizeof *b.acts);
    if (!tokens || !b.acts || !a || !c || !columns) {
        status = sae_fail_memory(err, "a benchmark", 2 * wide * sizeof *a);
        goto done;
    }
    b.tokens = tokens;
    b.seconds[0] = columns;
    b.seconds[1] = columns + repeats;
    b.products = columns + 2 * repeats;
    SAE_TRY(sae_gpt2_random(&b.lm, layers, d, heads, ctx, vocab, err));
    sae_rng rng = sae_rng_make(1, "bench tokens", 0);
    for (int64_t i = 0; i < rows; i++) tokens[i] = (int32_t)sae_rng_below(&rng, (uint64_t)i, (uint64_t)vocab);
    for (size_t i = 0; i < wide; i++) a[i] = (float)(i % 13) - 6;
    double flops = block_flops(shapes, d, ctx), product_flops = flops - 2.0 * (double)ctx * (double)d;
    for (int64_t r = -1; r < repeats; r++) { /* the first time warms up */
        double seconds[2] = {0}, plain;
        for (size_t p = 0; p < measured; p++) SAE_TRY(time_forward(&b, (sae_precision)p, &seconds[p], err));
        plain = time_products(shapes, rows, a, b.lm->weights.layers[0].mlp_in.weight, c, sae_threads(env));
        sae_report_progress(env, "language model", "passes", (double)(r + 2), (double)(repeats + 1), "");
        if (r < 0) continue;
        for (size_t p = 0; p < measured; p++) b.seconds[p][r] = seconds[p];
        b.products[r] = plain;
    }
    for (size_t p = 0; p < measured; p++)
        summarise(&b, (sae_precision)p, flops, product_flops, layers, repeats, columns + 3 * repeats, &out[p]);
    *count = measured;
done:
    sae_lm_close(b.lm);
    sae_free(tokens);
    sae_free(b.acts);
    sae_free(a);
    sae_free(c);
    sae_free(columns);
    return status;
}
