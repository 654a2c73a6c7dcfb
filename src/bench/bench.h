/* What the benchmarks share: medians, memory. */
#ifndef SAE_BENCH_BENCH_H
#define SAE_BENCH_BENCH_H

#include <sae/bench.h>
#include <sae/train.h>
#include <stdbool.h>
#include <stdint.h>

double sae_bench_median(double *values, int64_t count); /* sorts */
int64_t sae_bench_anonymous_bytes(void);                /* resident anonymous memory of this process; −1 unknown */

/* A trainer for a case, on rows that are already scaled; latents are dead only when they are made so. */
sae_status sae_bench_trainer(const sae_bench_case *c, int64_t d, int64_t batch, int64_t steps, const sae_env *env,
                             sae_trainer **out, sae_error *err);

/* The trainer's batch is overwritten by every step: rows are copied into x in turn. */
typedef struct sae_bench_feed {
    const sae_bench_data *data;
    int64_t at;
    float *x;
} sae_bench_feed;
void sae_bench_next_batch(sae_bench_feed *feed, int64_t batch);

#define SAE_BENCH_TRIAD ((int64_t)8 << 20) /* doubles in each of three arrays: far beyond every cache */

/* a = b + 3·c over arrays of that length, as in STREAM. */
typedef struct sae_bench_triad {
    double *x[3];
    int threads;
} sae_bench_triad;

/* False when out of memory. Every page is touched by the thread that will use it. */
bool sae_bench_triad_new(sae_bench_triad *out, int threads);
void sae_bench_triad_clear(sae_bench_triad *triad);
/* Bytes per second of one pass: two arrays read, one written. */
double sae_bench_triad_rate(const sae_bench_triad *triad);

#endif
