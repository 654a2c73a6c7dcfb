/* The rate at which this machine moves memory: STREAM's triad. */
#include "bench/bench.h"

#include "base/alloc.h"
#include "base/clock.h"

bool sae_bench_triad_new(sae_bench_triad *out, int threads)
{
    sae_bench_triad t = {.threads = threads};
    for (int i = 0; i < 3; i++) t.x[i] = sae_alloc_large(SAE_BENCH_TRIAD, sizeof(double));
    if (!t.x[0] || !t.x[1] || !t.x[2]) {
        sae_bench_triad_clear(&t);
        return false;
    }
#pragma omp parallel for num_threads(threads) schedule(static)
    for (int64_t j = 0; j < SAE_BENCH_TRIAD; j++)
        for (int i = 0; i < 3; i++) t.x[i][j] = (double)i;
    *out = t;
    return true;
}

void sae_bench_triad_clear(sae_bench_triad *t)
{
    for (int i = 0; i < 3; i++) sae_free(t->x[i]);
    *t = (sae_bench_triad){0};
}

double sae_bench_triad_rate(const sae_bench_triad *t)
{
    double *a = t->x[0];
    const double *b = t->x[1], *c = t->x[2];
    double began = sae_now();
#pragma omp parallel for num_threads(t->threads) schedule(static)
    for (int64_t j = 0; j < SAE_BENCH_TRIAD; j++) a[j] = b[j] + 3 * c[j];
    return 3 * sizeof(double) * SAE_BENCH_TRIAD / (sae_now() - began);
}
