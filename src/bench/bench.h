/* What the benchmarks share: medians, memory. */
#ifndef SAE_BENCH_BENCH_H
#define SAE_BENCH_BENCH_H

#include <stdint.h>

double sae_bench_median(double *values, int64_t count); /* sorts */
int64_t sae_bench_anonymous_bytes(void);                /* resident anonymous memory of this process; −1 unknown */

#endif
