/* Real activations for the benchmark, of any multiple of the model's width. */
#include <sae/bench.h>

#include "base/alloc.h"
#include "base/error.h"

#include <math.h>
#include <string.h>

enum { MAX_HOOKS = 64, CONTEXTS = 8 };

/* Layers spread over the model: `count` of them. */
static void choose_hooks(const sae_lm_info *info, int64_t count, sae_hook *hooks)
{
    for (int64_t h = 0; h < count; h++)
        hooks[h] = (sae_hook){.layer = (int)((2 * h + 1) * info->layers / (2 * count)), .site = SAE_HOOK_RESID_PRE};
}

static void scale_rows(int64_t count, int64_t d, float *rows)
{
    double sum = 0;
    for (int64_t b = 0; b < count; b++) {
        double square = 0;
        for (int64_t j = 0; j < d; j++) square += (double)rows[b * d + j] * rows[b * d + j];
        sum += sqrt(square);
    }
    float scale = (float)(sqrt((double)d) * (double)count / sum);
    for (int64_t i = 0; i < count * d; i++) rows[i] *= scale;
}

sae_status sae_bench_activations(const sae_lm *lm, const sae_contexts *contexts, int64_t count, int64_t d, float *rows,
                                 const sae_env *env, sae_error *err)
{
    sae_status status = SAE_OK;
    sae_lm_info info = sae_lm_get_info(lm);
    int64_t n_hooks = d / info.d, ctx = contexts->ctx, row = 0;
    if (d % info.d != 0 || n_hooks > MAX_HOOKS || n_hooks > info.layers)
        return sae_fail(err, SAE_E_SHAPE,
                        "activations of width %lld cannot be put together from %lld layers of width %lld", (long long)d,
                        (long long)info.layers, (long long)info.d);
    if (contexts->count * (ctx - 1) < count)
        return sae_fail(err, SAE_E_ARG, "the text gives %lld activations; the benchmark needs %lld",
                        (long long)(contexts->count * (ctx - 1)), (long long)count);
    sae_hook hooks[MAX_HOOKS];
    float *acts[MAX_HOOKS];
    choose_hooks(&info, n_hooks, hooks);
    size_t each = (size_t)(CONTEXTS * ctx * info.d);
    float *memory = sae_alloc(each * (size_t)n_hooks, sizeof *memory);
    if (!memory) return sae_fail_memory(err, "activations", each * (size_t)n_hooks * sizeof *memory);
    for (int64_t h = 0; h < n_hooks; h++) acts[h] = memory + each * (size_t)h;
    for (int64_t first = 0; row < count; first += CONTEXTS) {
        int64_t batch = contexts->count - first < CONTEXTS ? contexts->count - first : CONTEXTS;
        SAE_TRY(sae_lm_hooks(lm, contexts->tokens + first * ctx, batch, ctx, hooks, (size_t)n_hooks, false, acts, env,
                             err));
        for (int64_t r = 0; r < batch * ctx && row < count; r++) {
            if (r % ctx == 0) continue; /* first positions are outliers */
            for (int64_t h = 0; h < n_hooks; h++)
                memcpy(rows + row * d + h * info.d, acts[h] + r * info.d, (size_t)info.d * sizeof *rows);
            row++;
        }
    }
    scale_rows(count, d, rows);
done:
    sae_free(memory);
    return status;
}
