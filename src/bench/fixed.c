/* The cost of a step that does not depend on its batch, which small SAEs feel most. */
#include <sae/bench.h>
#include <sae/train.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/parallel.h"
#include "bench/bench.h"
#include "kernels/ops.h"

#include <string.h>

enum { BATCHES = SAE_BENCH_BATCHES, SMALLEST = 256, SETTLE = 20, RUN = 10 };

/* As many parameters as an SAE has in its two matrices, with gradients and moments. */
typedef struct adam_alone {
    float *g, *p, *m, *v;
    int64_t rows, d;
    int threads;
} adam_alone;

static void adam_clear(adam_alone *a)
{
    sae_free(a->g);
    sae_free(a->p);
    sae_free(a->m);
    sae_free(a->v);
}

static sae_status adam_new(adam_alone *a, int64_t rows, int64_t d, int threads, sae_error *err)
{
    size_t count = (size_t)(rows * d);
    *a = (adam_alone){.rows = rows, .d = d, .threads = threads};
    float **const all[] = {&a->g, &a->p, &a->m, &a->v};
    for (int i = 0; i < 4; i++) {
        *all[i] = sae_alloc_large(count, sizeof(float));
        if (!*all[i]) return sae_fail_memory(err, "a benchmark", count * sizeof(float));
        for (size_t j = 0; j < count; j++) (*all[i])[j] = 1e-3f * (float)(j % 997 + 1);
    }
    return SAE_OK;
}

static double time_adam(const adam_alone *a)
{
    const sae_ops *ops = sae_ops_best();
    const sae_adam adam = {0.9f, 0.999f, 0.1f, 0.001f, 1e-3f, 1.5f, 1e-8f};
    double began = sae_now();
#pragma omp parallel for num_threads(a->threads) schedule(static)
    for (int64_t i = 0; i < a->rows; i++) {
        int64_t at = i * a->d;
        ops->adam(&adam, a->d, a->g + at, a->p + at, a->m + at, a->v + at);
    }
    return sae_now() - began;
}

/* Where the line a + b·x, with the least Σ ((a + b·x − y)/y)², meets x = 0. */
static double intercept(const int64_t *x, const double *y)
{
    double w = 0, wx = 0, wy = 0, wxx = 0, wxy = 0;
    for (int i = 0; i < BATCHES; i++) {
        double weight = 1 / (y[i] * y[i]), at = (double)x[i];
        w += weight;
        wx += weight * at;
        wy += weight * y[i];
        wxx += weight * at * at;
        wxy += weight * at * y[i];
    }
    return (wxx * wy - wx * wxy) / (w * wxx - wx * wx);
}

/* Steps of each size come in runs, as in training: its SAE is in the caches as far as it fits. The first of a run is
 * not counted. */
static sae_status run_rounds(sae_trainer **trainers, sae_bench_feed *feed, const adam_alone *adam, int64_t rounds,
                             const sae_bench_fixed *f, double *samples, const sae_env *env, sae_error *err)
{
    int64_t count = rounds * RUN;
    for (int64_t r = 0; r < rounds; r++)
        for (int i = 0; i <= BATCHES; i++)
            for (int64_t s = r == 0 ? -SETTLE : -1; s < RUN; s++) {
                sae_step_metrics m = {0};
                sae_status status = SAE_OK;
                if (i < BATCHES) {
                    sae_bench_next_batch(feed, f->batch[i]);
                    status = sae_trainer_step(trainers[i], feed->x, false, &m, err);
                } else {
                    m.total_seconds = time_adam(adam);
                }
                if (status != SAE_OK) return status;
                if (s >= 0) samples[i * count + r * RUN + s] = m.total_seconds;
                if (sae_should_stop(env)) return sae_fail(err, SAE_E_INTERRUPTED, "stopped; nothing was measured");
            }
    return SAE_OK;
}

sae_status sae_bench_fixed_cost(int64_t n, int64_t k, int64_t rounds, const sae_bench_data *data, sae_bench_fixed *out,
                                const sae_env *env, sae_error *err)
{
    sae_status status;
    const sae_bench_case config = {.arch = SAE_ARCH_BATCHTOPK, .n = n, .k = k};
    sae_bench_fixed f = {.d = data->d, .n = n, .k = k};
    sae_trainer *trainers[BATCHES] = {0};
    adam_alone adam = {0};
    sae_bench_feed feed = {.data = data};
    double *samples = sae_alloc((size_t)rounds, RUN * (BATCHES + 1) * sizeof *samples);
    for (int i = 0; i < BATCHES; i++) f.batch[i] = (int64_t)SMALLEST << i;
    feed.x = sae_alloc_large((size_t)(f.batch[BATCHES - 1] * data->d), sizeof *feed.x);
    if (!samples || !feed.x) {
        status = sae_fail_memory(err, "a benchmark", (size_t)(f.batch[BATCHES - 1] * data->d) * sizeof(float));
        goto done;
    }
    SAE_TRY(adam_new(&adam, 2 * n, data->d, sae_threads(env), err));
    for (int i = 0; i < BATCHES; i++)
        SAE_TRY(sae_bench_trainer(&config, data->d, f.batch[i], SETTLE + rounds * (RUN + 1), env, &trainers[i], err));
    SAE_TRY(run_rounds(trainers, &feed, &adam, rounds, &f, samples, env, err));
    for (int i = 0; i < BATCHES; i++) f.seconds[i] = sae_bench_median(samples + i * rounds * RUN, rounds * RUN);
    f.adam = sae_bench_median(samples + BATCHES * rounds * RUN, rounds * RUN);
    f.intercept = intercept(f.batch, f.seconds);
    f.cost = f.intercept - f.adam;
    *out = f;
done:
    for (int i = 0; i < BATCHES; i++) sae_trainer_free(trainers[i]);
    adam_clear(&adam);
    sae_free(feed.x);
    sae_free(samples);
    return status;
}
