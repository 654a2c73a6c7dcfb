/* A training step, phase by phase, beside the plain product of its encoder. */
#include <sae/bench.h>
#include <sae/train.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/parallel.h"
#include "base/rng.h"
#include "bench/bench.h"
#include "kernels/blas.h"
#include "kernels/shadow.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void sae_bench_power_law(int64_t count, int64_t d, uint64_t seed, float *rows)
{
    sae_rng rng = sae_rng_make(seed, "bench", 0);
#pragma omp parallel for schedule(static)
    for (int64_t b = 0; b < count; b++)
        for (int64_t j = 0; j < d; j++) {
            double scale = pow((double)(j + 1), -0.5) * (j % (d / 3 + 1) == 1 ? 30 : 1);
            rows[b * d + j] = (float)(scale * sae_rng_normal(&rng, (uint64_t)(b * d + j)));
        }
}

void sae_bench_next_batch(sae_bench_feed *f, int64_t batch)
{
    for (int64_t b = 0; b < batch; b++) {
        memcpy(f->x + b * f->data->d, f->data->rows + f->at * f->data->d, (size_t)f->data->d * sizeof *f->x);
        f->at = (f->at + 1) % f->data->count;
    }
}

sae_status sae_bench_trainer(const sae_bench_case *c, int64_t d, int64_t batch, int64_t steps, const sae_env *env,
                             sae_trainer **out, sae_error *err)
{
    sae_status status;
    char width[32], k[32];
    sae_train_config *configs = NULL;
    size_t count;
    sae_train_options o = sae_train_options_default();
    snprintf(width, sizeof width, "%lld", (long long)c->n);
    snprintf(k, sizeof k, "%lld", (long long)c->k);
    o.arch = sae_arch_name(c->arch);
    o.width = width;
    bool thresholds = c->arch == SAE_ARCH_RELU || c->arch == SAE_ARCH_JUMPRELU;
    if (thresholds && c->dense)
        o.lambda = "0";
    else
        o.l0 = k;
    o.warm_start = 0;
    o.lr = "1e-3";
    o.decay = 0;
    o.input_scale = SAE_SCALE_NONE;   /* the rows are brought to ‖x‖ ≈ √d beforehand */
    o.dead_tokens = (int64_t)1 << 60; /* dead are only those that are made so below */
    SAE_TRY(sae_train_grid(&o, &configs, &count, err));
    SAE_TRY(sae_trainer_create(out, configs, 1, d, batch, steps, env, err));
done:
    free(configs);
    return status;
}

/* Weights after warm_steps steps of a quarter batch, copied into `into`. */
static sae_status warm_up(const sae_bench_case *c, sae_bench_feed *f, sae_train_view into, const sae_env *env,
                          sae_error *err)
{
    sae_status status;
    sae_trainer *trainer = NULL;
    int64_t batch = c->batch / 4 > 0 ? c->batch / 4 : 1, d = f->data->d;
    sae_step_metrics metrics;
    SAE_TRY(sae_bench_trainer(c, d, batch, c->warm_steps, env, &trainer, err));
    for (int64_t step = 0; step < c->warm_steps; step++) {
        sae_bench_next_batch(f, batch);
        SAE_TRY(sae_trainer_step(trainer, f->x, false, &metrics, err));
        sae_report_progress(env, "training before the measurement", "steps", (double)(step + 1), (double)c->warm_steps,
                            "");
        if (sae_should_stop(env)) {
            status = sae_fail(err, SAE_E_INTERRUPTED, "stopped; nothing was measured");
            goto done;
        }
    }
    sae_train_view from = sae_trainer_get_view(trainer, 0);
    size_t matrix = (size_t)(from.n * d) * sizeof(float);
    memcpy(into.W_enc, from.W_enc, matrix);
    memcpy(into.W_dec, from.W_dec, matrix);
    memcpy(into.b_enc, from.b_enc, (size_t)from.n * sizeof(float));
    memcpy(into.b_dec, from.b_dec, (size_t)d * sizeof(float));
done:
    sae_trainer_free(trainer);
    return status;
}

/* Marks a share of the latents as dead, spread evenly. */
static void make_dead(sae_train_view view, double share)
{
    for (int64_t i = 0; i < view.n; i++) {
        bool dead = floor((double)(i + 1) * share) > floor((double)i * share);
        view.tokens_since_fired[i] = dead ? (int64_t)1 << 61 : 0;
    }
}

enum { PIECE = 12288 };

/* The encoder's product alone, as one would call it; wide dictionaries in pieces of 12,288 latents. */
static double time_sgemm(const float *x, const float *W, int64_t batch, int64_t d, int64_t n, float *out, int threads)
{
    sae_blas_set_threads(threads);
    double began = sae_now();
    for (int64_t first = 0; first < n; first += PIECE) {
        int64_t count = n - first < PIECE ? n - first : PIECE;
        sae_gemm_nt(batch, count, d, 1, x, d, W + first * d, d, 0, out, count);
    }
    double seconds = sae_now() - began;
    sae_blas_set_threads(1);
    return seconds;
}

typedef struct samples {
    double *encode, *select, *decode, *aux, *update, *total, *sgemm, *ratio, *survivors, *share;
} samples;

enum { COLUMNS = sizeof(samples) / sizeof(double *) };

/* triad: seconds that the bytes of the update take at the triad's rate. */
static void take(const samples *s, int64_t r, const sae_step_metrics *m, double sgemm, double triad)
{
    s->encode[r] = m->encode_seconds;
    s->select[r] = m->select_seconds;
    s->decode[r] = m->decode_seconds;
    s->aux[r] = m->aux_seconds;
    s->update[r] = m->update_seconds;
    s->total[r] = m->total_seconds;
    s->sgemm[r] = sgemm;
    s->ratio[r] = m->total_seconds / sgemm;
    s->share[r] = triad / m->update_seconds;
    s->survivors[r] = (double)m->rescored / (double)(m->codes + m->aux_codes);
}

static void summarise(const samples *s, const sae_bench_case *c, sae_bench_step *out)
{
    int64_t n = c->repeats;
    out->encode = sae_bench_median(s->encode, n);
    out->select = sae_bench_median(s->select, n);
    out->decode = sae_bench_median(s->decode, n);
    out->aux = sae_bench_median(s->aux, n);
    out->update = sae_bench_median(s->update, n);
    out->total = sae_bench_median(s->total, n);
    out->sgemm = sae_bench_median(s->sgemm, n);
    out->ratio = sae_bench_median(s->ratio, n);
    out->update_share = sae_bench_median(s->share, n);
    out->survivors = sae_bench_median(s->survivors, n);
    out->tokens_per_s = (double)c->batch / out->total;
}

/* What the measurements of one case share. */
typedef struct bench {
    const sae_bench_case *config;
    sae_bench_feed feed;
    sae_trainer *trainer;
    float *product; /* [batch, up to 12,288] */
    sae_bench_triad triad;
    double *columns; /* memory of the samples */
    int64_t before;  /* anonymous bytes before the trainer was made */
    const sae_env *env;
} bench;

enum { SETTLE = 3 }; /* steps after which buffers are touched and filters have found their place */

static sae_status measure(bench *b, double dead, sae_bench_step *out, sae_error *err)
{
    const sae_bench_case *c = b->config;
    int64_t r = c->repeats, d = b->feed.data->d, batch_bytes = c->batch * d * (int64_t)sizeof(float);
    double *col = b->columns;
    samples s = {col,         col + r,     col + 2 * r, col + 3 * r, col + 4 * r,
                 col + 5 * r, col + 6 * r, col + 7 * r, col + 8 * r, col + 9 * r};
    sae_screen_kind kind = SAE_SCREEN_FP32;
    sae_status status = sae_screen_choose(b->env, d, &kind, err);
    if (status != SAE_OK) return status;
    double matrix = 4 * (double)c->n * (double)d, copy = sae_shadow_bytes(kind, c->n, d);
    sae_train_view view = sae_trainer_get_view(b->trainer, 0);
    *out = (sae_bench_step){.peak_bytes = -1,
                            .update_bytes = 12 * matrix + copy + (dead > 0 ? 3 : 2) * (double)batch_bytes,
                            .memory_limit = 6.4 * matrix + copy + 96e6};
    for (int64_t step = -SETTLE; step < r; step++) {
        sae_step_metrics m;
        double sgemm = 0, triad = 0;
        make_dead(view, dead);
        sae_bench_next_batch(&b->feed, c->batch);
        if (step >= 0) {
            sgemm = time_sgemm(b->feed.x, view.W_enc, c->batch, d, c->n, b->product, sae_threads(b->env));
            triad = out->update_bytes / sae_bench_triad_rate(&b->triad);
        }
        status = sae_trainer_step(b->trainer, b->feed.x, false, &m, err);
        if (status != SAE_OK) return status;
        if (sae_should_stop(b->env)) return sae_fail(err, SAE_E_INTERRUPTED, "stopped; nothing was measured");
        if (step >= 0) take(&s, step, &m, sgemm, triad);
    }
    /* every buffer of the trainer has been touched and none is given back, so what is resident is the peak; the
     * batch belongs to a step too, the product of the comparison does not */
    int64_t now = sae_bench_anonymous_bytes();
    if (now >= 0) out->peak_bytes = now - b->before + batch_bytes;
    summarise(&s, c, out);
    return SAE_OK;
}

sae_status sae_bench_train(const sae_bench_case *c, const sae_bench_data *data, sae_bench_step *out, const sae_env *env,
                           sae_error *err)
{
    sae_status status;
    int64_t d = data->d, batch = c->batch, wide = c->n < PIECE ? c->n : PIECE;
    bench b = {.config = c, .feed = {.data = data}, .env = env};
    b.feed.x = sae_alloc_large((size_t)(batch * d), sizeof(float));
    b.product = sae_alloc((size_t)(batch * wide), sizeof(float));
    b.columns = sae_calloc((size_t)c->repeats * COLUMNS, sizeof(double));
    if (!b.feed.x || !b.product || !b.columns || !sae_bench_triad_new(&b.triad, sae_threads(env))) {
        status = sae_fail_memory(err, "a benchmark", (size_t)(batch * wide) * sizeof(float));
        goto done;
    }
    memset(b.product, 0, (size_t)(batch * wide) * sizeof(float)); /* touched now: not the trainer's memory */
    sae_bench_next_batch(&b.feed, batch);
    b.before = sae_bench_anonymous_bytes();
    SAE_TRY(sae_bench_trainer(c, d, batch, c->warm_steps + (int64_t)c->n_dead * (SETTLE + c->repeats), env, &b.trainer,
                              err));
    SAE_TRY(warm_up(c, &b.feed, sae_trainer_get_view(b.trainer, 0), env, err));
    sae_trainer_refresh(b.trainer);
    for (size_t i = 0; i < c->n_dead; i++) SAE_TRY(measure(&b, c->dead[i], &out[i], err));
done:
    sae_trainer_free(b.trainer);
    sae_bench_triad_clear(&b.triad);
    sae_free(b.feed.x);
    sae_free(b.product);
    sae_free(b.columns);
    return status;
}
