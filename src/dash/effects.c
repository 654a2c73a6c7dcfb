#include "dash/effects.h"

#include "analysis/cosine.h"
#include "base/alloc.h"
#include "base/error.h"
#include "kernels/blas.h"

#include <math.h>
#include <omp.h>
#include <string.h>

enum {
    GROUP = 16,     /* latents whose effects on all tokens are held at a time, by each thread */
    CHUNK = 2048,   /* tokens of one product */
    CANDIDATES = 20 /* computed again in double, of which SAE_DASH_EFFECTS are kept */
};

typedef struct workspace {
    float *directions; /* [GROUP, d] */
    float *effects;    /* [GROUP, vocab] */
} workspace;

/* ((w − mean w) ∘ γ), with w carried into the residual stream. */
static void direction(const sae_dash_unembed *u, const float *w, int64_t width, float *out)
{
    double mean = 0;
    if (u->into)
        sae_gemm_nn(1, u->d, width, 1, w, width, u->into, u->d, 0, out, u->d);
    else
        memcpy(out, w, (size_t)u->d * sizeof *out);
    for (int64_t j = 0; u->centre && j < u->d; j++) mean += (double)out[j] / (double)u->d;
    for (int64_t j = 0; j < u->d; j++) out[j] = (float)(((double)out[j] - mean) * (u->gain ? (double)u->gain[j] : 1));
}

/* The CANDIDATES tokens with the largest sign·effect, then in double. */
static int strongest(const sae_dash_unembed *u, const float *dir, const float *effects, double shift, float sign,
                     int32_t *tokens, float *values)
{
    int32_t found[CANDIDATES];
    double exact[SAE_DASH_EFFECTS];
    int count = 0, kept = 0;
    float least = -HUGE_VALF;
    for (int64_t v = 0; v < u->vocab; v++) {
        float e = sign * effects[v];
        if (count == CANDIDATES && !(e > least)) continue;
        int at = count < CANDIDATES ? count++ : CANDIDATES - 1;
        for (; at > 0 && e > sign * effects[found[at - 1]]; at--) found[at] = found[at - 1];
        found[at] = (int32_t)v;
        least = sign * effects[found[count - 1]];
    }
    for (int c = 0; c < count; c++) {
        double e = sae_dot_double(dir, u->rows + found[c] * u->d, u->d) - shift;
        int at = kept;
        while (at > 0 &&
               ((double)sign * e > (double)sign * exact[at - 1] || (e == exact[at - 1] && found[c] < tokens[at - 1])))
            at--;
        if (at == SAE_DASH_EFFECTS) continue;
        int last = kept < SAE_DASH_EFFECTS ? kept++ : SAE_DASH_EFFECTS - 1;
        for (; last > at; last--) {
            exact[last] = exact[last - 1];
            tokens[last] = tokens[last - 1];
        }
        exact[at] = e;
        tokens[at] = found[c];
    }
    for (int i = 0; i < kept; i++) values[i] = (float)exact[i];
    return kept;
}

static void summarise(const sae_dash_unembed *u, const float *effects, double shift, sae_dash_effects *out)
{
    double lo = HUGE_VAL, hi = -HUGE_VAL, square = 0;
    for (int64_t v = 0; v < u->vocab; v++) {
        double e = (double)effects[v] - shift;
        square += e * e;
        if (e < lo) lo = e;
        if (e > hi) hi = e;
    }
    out->std = sqrt(square / (double)u->vocab);
    out->lo = lo;
    out->hi = hi > lo ? hi : lo + 1;
    memset(out->hist, 0, sizeof out->hist);
    double scale = SAE_DASH_BINS / (out->hi - lo);
    for (int64_t v = 0; v < u->vocab; v++) {
        int64_t b = (int64_t)ceil(((double)effects[v] - shift - lo) * scale) - 1; /* edge b < e ≤ edge b + 1 */
        out->hist[b < 0 ? 0 : b >= SAE_DASH_BINS ? SAE_DASH_BINS - 1 : b]++;
    }
}

static void run_group(const sae_dash_unembed *u, const float *W_dec, int64_t width, int64_t count,
                      sae_dash_effects *const *out, const workspace *w)
{
    for (int64_t i = 0; i < count; i++) direction(u, W_dec + i * width, width, w->directions + i * u->d);
    for (int64_t v = 0; v < u->vocab; v += CHUNK) {
        int64_t n = u->vocab - v < CHUNK ? u->vocab - v : CHUNK;
        sae_gemm_nt(count, n, u->d, 1, w->directions, u->d, u->rows + v * u->d, u->d, 0, w->effects + v, u->vocab);
    }
    for (int64_t i = 0; i < count; i++) {
        const float *dir = w->directions + i * u->d, *effects = w->effects + i * u->vocab;
        double shift = 0;
        for (int64_t j = 0; j < u->d; j++) shift += (double)dir[j] * u->mean[j];
        summarise(u, effects, shift, out[i]);
        out[i]->count = strongest(u, dir, effects, shift, 1, out[i]->boosted, out[i]->boosted_by);
        strongest(u, dir, effects, shift, -1, out[i]->suppressed, out[i]->suppressed_by);
    }
}

sae_status sae_dash_effects_of(const sae_dash_unembed *u, const float *W_dec, int64_t width, int64_t count,
                               sae_dash_effects *const *out, int threads, sae_error *err)
{
    sae_status status = SAE_OK;
    int64_t groups = (count + GROUP - 1) / GROUP;
    if (threads > groups) threads = (int)groups;
    workspace *w = sae_calloc((size_t)threads, sizeof *w);
    sae_blas_init();
    bool ready = w != NULL;
    for (int t = 0; ready && t < threads; t++) {
        w[t].directions = sae_alloc(GROUP * (size_t)u->d, sizeof(float));
        w[t].effects = sae_alloc(GROUP * (size_t)u->vocab, sizeof(float));
        ready = w[t].directions && w[t].effects;
    }
    if (!ready)
        status = sae_fail_memory(err, "effects on tokens", (size_t)threads * GROUP * (size_t)u->vocab * sizeof(float));
#pragma omp parallel for num_threads(threads) schedule(dynamic) if (ready)
    for (int64_t g = 0; g < groups; g++) {
        if (!ready) continue;
        int64_t first = g * GROUP, n = count - first < GROUP ? count - first : GROUP;
        run_group(u, W_dec + first * width, width, n, out + first, &w[omp_get_thread_num()]);
    }
    for (int t = 0; w && t < threads; t++) {
        sae_free(w[t].directions);
        sae_free(w[t].effects);
    }
    sae_free(w);
    return status;
}

void sae_dash_neurons_of(sae_dash_neurons *out, const float *row, int64_t d)
{
    double total = 0;
    out->count = 0;
    for (int64_t j = 0; j < d; j++) {
        total += fabs((double)row[j]);
        int at = out->count;
        while (at > 0 && fabsf(row[j]) > fabsf(out->values[at - 1])) at--;
        if (at == SAE_DASH_NEURONS) continue;
        int last = out->count < SAE_DASH_NEURONS ? out->count++ : SAE_DASH_NEURONS - 1;
        for (; last > at; last--) {
            out->neurons[last] = out->neurons[last - 1];
            out->values[last] = out->values[last - 1];
        }
        out->neurons[at] = (int32_t)j;
        out->values[at] = row[j];
    }
    for (int i = 0; i < out->count; i++) out->shares[i] = total > 0 ? (float)(fabs((double)out->values[i]) / total) : 0;
}
