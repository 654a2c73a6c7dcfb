/* The language model's forward pass beside plain SGEMMs of its own shapes. */
#include <sae/bench.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/parallel.h"
#include "base/rng.h"
#include "bench/bench.h"
#include "kernels/blas.h"
#include "lm/gpt2.h"

#include <string.h>

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

sae_status sae_bench_gpt2(int64_t layers, int64_t d, int64_t heads, int64_t vocab, int64_t batch, int64_t ctx,
                          int64_t repeats, sae_bench_lm *out, const sae_env *env, sae_error *err)
{
    sae_status status;
    sae_lm *lm = NULL;
    int64_t rows = batch * ctx;
    const shape shapes[4] = {{d, 3 * d}, {d, d}, {d, 4 * d}, {4 * d, d}};
    size_t wide = (size_t)(rows * 4 * d);
    int32_t *tokens = sae_alloc((size_t)rows, sizeof *tokens);
    float *acts = sae_alloc((size_t)(rows * d), sizeof *acts);
    float *a = sae_alloc(wide, sizeof *a), *c = sae_alloc(wide, sizeof *c);
    double *forward = sae_calloc((size_t)(3 * repeats), sizeof *forward);
    if (!tokens || !acts || !a || !c || !forward) {
        status = sae_fail_memory(err, "a benchmark", 2 * wide * sizeof *a);
        goto done;
    }
    SAE_TRY(sae_gpt2_random(&lm, layers, d, heads, ctx, vocab, err));
    sae_rng rng = sae_rng_make(1, "bench tokens", 0);
    for (int64_t i = 0; i < rows; i++) tokens[i] = (int32_t)sae_rng_below(&rng, (uint64_t)i, (uint64_t)vocab);
    for (size_t i = 0; i < wide; i++) a[i] = (float)(i % 13) - 6;
    sae_hook hook = {.layer = (int)layers - 1, .site = SAE_HOOK_RESID_POST};
    double *products = forward + repeats, *ratio = products + repeats;
    double flops = block_flops(shapes, d, ctx), product_flops = flops - 2.0 * (double)ctx * (double)d;
    for (int64_t r = -1; r < repeats; r++) { /* the first time warms up */
        double began = sae_now();
        SAE_TRY(sae_lm_hooks(lm, tokens, batch, ctx, &hook, 1, false, &acts, env, err));
        double seconds = sae_now() - began;
        double plain = time_products(shapes, rows, a, lm->weights.layers[0].mlp_in.weight, c, sae_threads(env));
        sae_report_progress(env, "language model", "passes", (double)(r + 2), (double)(repeats + 1), "");
        if (sae_should_stop(env)) {
            status = sae_fail(err, SAE_E_INTERRUPTED, "stopped; nothing was measured");
            goto done;
        }
        if (r < 0) continue;
        forward[r] = flops * (double)(rows * layers) / seconds;
        products[r] = product_flops * (double)rows / plain;
        ratio[r] = forward[r] / products[r];
    }
    *out = (sae_bench_lm){.parameters = sae_lm_get_info(lm).parameters, .ratio = sae_bench_median(ratio, repeats)};
    double rate = sae_bench_median(forward, repeats);
    out->gflops = rate / 1e9;
    out->sgemm_gflops = sae_bench_median(products, repeats) / 1e9;
    out->tokens_per_s = rate / (flops * (double)layers);
done:
    sae_lm_close(lm);
    sae_free(tokens);
    sae_free(acts);
    sae_free(a);
    sae_free(c);
    sae_free(forward);
    return status;
}
