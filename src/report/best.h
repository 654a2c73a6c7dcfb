/* The few things of many that are worth showing. */
#ifndef SAE_REPORT_BEST_H
#define SAE_REPORT_BEST_H

#include <stdint.h>

/* The larger, the earlier thing number i stands; NaN: not at all. */
typedef double sae_rank(const void *results, int64_t i);

/* best [most] = of things 0 … n − 1 those of the largest rank, descending; of equals the smaller ones. Returns how many
 * there are. */
int sae_find_best(const void *results, int64_t n, sae_rank *rank, int most, int64_t *best);

#endif
