/* A GPT-2 of any shape with random weights, without files: for benchmarks. */
#include "lm/gpt2.h"

#include "base/alloc.h"
#include "base/error.h"
#include "base/rng.h"
#include "kernels/blas.h"

#include <math.h>
#include <stdio.h>

/* Uniform numbers of standard deviation `spread` around `centre`, owned by the weights. */
static const float *tensor(sae_gpt2_weights *w, int64_t count, float centre, float spread)
{
    float *data = sae_alloc((size_t)count, sizeof *data);
    if (!data) return NULL;
    sae_rng rng = sae_rng_make(1, "random model", w->n_converted);
    float width = spread * sqrtf(12);
#pragma omp parallel for schedule(static)
    for (int64_t i = 0; i < count; i++) data[i] = centre + width * ((float)sae_rng_uniform(&rng, (uint64_t)i) - 0.5f);
    w->converted[w->n_converted++] = data;
    w->parameters += count;
    return data;
}

static sae_norm norm(sae_gpt2_weights *w, int64_t d)
{
    return (sae_norm){tensor(w, d, 1, 0.1f), tensor(w, d, 0, 0.1f)};
}

static sae_linear linear(sae_gpt2_weights *w, int64_t in, int64_t out)
{
    return (sae_linear){.weight = tensor(w, in * out, 0, 0.02f), .bias = tensor(w, out, 0, 0.02f)};
}

sae_status sae_gpt2_random(sae_lm **out, int64_t layers, int64_t d, int64_t heads, int64_t positions, int64_t vocab,
                           sae_error *err)
{
    sae_lm *lm = sae_calloc(1, sizeof *lm);
    if (!lm) return sae_fail_memory(err, "a model", sizeof *lm);
    lm->config = (sae_gpt2_config){
        .layers = layers,
        .d = d,
        .heads = heads,
        .d_head = d / heads,
        .d_mlp = 4 * d,
        .positions = positions,
        .vocab = vocab,
        .epsilon = 1e-5f,
        .activation = SAE_ACTIVATION_GELU_TANH,
        .scale_attention = true,
        .tied = true,
        .eos = -1,
    };
    snprintf(lm->name, sizeof lm->name, "random");
    sae_gpt2_weights *w = &lm->weights;
    size_t most = (size_t)(4 + 12 * layers);
    w->layers = sae_calloc((size_t)layers, sizeof *w->layers);
    w->converted = sae_calloc(most, sizeof *w->converted);
    if (w->layers && w->converted) {
        w->wte = w->unembed = tensor(w, vocab * d, 0, 0.02f);
        w->wpe = tensor(w, positions * d, 0, 0.01f);
        w->ln_f = norm(w, d);
        for (int64_t l = 0; l < layers; l++)
            w->layers[l] = (sae_gpt2_layer){norm(w, d),      norm(w, d),          linear(w, d, 3 * d),
                                            linear(w, d, d), linear(w, d, 4 * d), linear(w, 4 * d, d)};
    }
    if (w->n_converted != most) {
        sae_lm_close(lm);
        return sae_fail(err, SAE_E_MEMORY, "out of memory for a random model of %lld layers of width %lld",
                        (long long)layers, (long long)d);
    }
    sae_blas_init();
    *out = lm;
    return SAE_OK;
}
