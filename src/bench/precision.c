/* What bf16 changes in a model's activations and in its loss. */
#include <sae/bench.h>

#include "base/alloc.h"
#include "base/error.h"

#include <math.h>

typedef struct comparison {
    sae_lm *lm;
    const sae_contexts *contexts;
    int64_t batch, values; /* contexts; values of one layer's activations */
    const sae_env *env;
    float *exact, *low; /* [layers, values] */
} comparison;

static sae_status run(const comparison *c, sae_precision precision, float *acts, double *loss, sae_error *err)
{
    sae_status status;
    const int64_t layers = sae_lm_get_info(c->lm).layers, ctx = c->contexts->ctx;
    const sae_hook first = {.layer = 0, .site = SAE_HOOK_RESID_PRE};
    const sae_lm_run clean = {0};
    int64_t targets = 0;
    sae_hook *hooks = sae_calloc((size_t)layers, sizeof *hooks);
    float **out = sae_calloc((size_t)layers, sizeof(float *));
    if (!hooks || !out) {
        status = sae_fail_memory(err, "a list of layers", (size_t)layers * sizeof *hooks);
        goto done;
    }
    for (int64_t l = 0; l < layers; l++) {
        hooks[l] = (sae_hook){.layer = (int)l, .site = SAE_HOOK_RESID_POST};
        out[l] = acts + l * c->values;
    }
    *loss = 0;
    SAE_TRY(sae_lm_set_precision(c->lm, precision, c->env, err));
    SAE_TRY(sae_lm_hooks(c->lm, c->contexts->tokens, c->batch, ctx, hooks, (size_t)layers, false, out, c->env, err));
    SAE_TRY(sae_lm_losses(c->lm, c->contexts->tokens, c->batch, ctx, first, false, NULL, &clean, 1, loss, NULL,
                          &targets, c->env, err));
    *loss /= (double)targets;
done:
    sae_free(hooks);
    sae_free(out);
    return status;
}

/* √(Σ‖a − a₃₂‖²/Σ‖a₃₂‖²) of one layer, first positions left out. */
static double relative_error(const comparison *c, int64_t layer)
{
    const int64_t d = sae_lm_get_info(c->lm).d, ctx = c->contexts->ctx;
    const float *exact = c->exact + layer * c->values, *low = c->low + layer * c->values;
    double error = 0, size = 0;
    for (int64_t i = 0; i < c->values; i++) {
        if (i / d % ctx == 0) continue;
        double difference = (double)low[i] - (double)exact[i];
        error += difference * difference;
        size += (double)exact[i] * (double)exact[i];
    }
    return sqrt(error / size);
}

sae_status sae_bench_compare_precision(sae_lm *lm, const sae_contexts *contexts, int64_t batch,
                                       sae_bench_precision *out, const sae_env *env, sae_error *err)
{
    sae_status status;
    const sae_lm_info info = sae_lm_get_info(lm);
    sae_bench_precision found = {0};
    if (batch > contexts->count) batch = contexts->count;
    comparison c = {.lm = lm, .contexts = contexts, .batch = batch, .env = env};
    c.values = batch * contexts->ctx * info.d;
    c.exact = sae_alloc((size_t)info.layers, (size_t)c.values * sizeof *c.exact);
    c.low = sae_alloc((size_t)info.layers, (size_t)c.values * sizeof *c.low);
    if (!c.exact || !c.low)
        SAE_TRY(sae_fail_memory(err, "activations", (size_t)(info.layers * c.values) * sizeof *c.low));
    SAE_TRY(run(&c, SAE_PRECISION_FP32, c.exact, &found.loss32, err));
    SAE_TRY(run(&c, SAE_PRECISION_BF16, c.low, &found.loss, err));
    SAE_TRY(sae_lm_set_precision(lm, SAE_PRECISION_FP32, env, err));
    found.tokens = batch * (contexts->ctx - 1);
    for (int64_t l = 0; l < info.layers; l++) {
        double error = relative_error(&c, l);
        if (!(error > found.error)) continue;
        found.error = error;
        found.layer = (int)l;
    }
    *out = found;
done:
    sae_free(c.exact);
    sae_free(c.low);
    return status;
}
