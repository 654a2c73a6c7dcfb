#include "report/best.h"

#include <math.h>

int sae_find_best(const void *results, int64_t n, sae_rank *rank, int most, int64_t *best)
{
    int count = 0;
    for (int64_t i = 0; i < n; i++) {
        double value = rank(results, i);
        if (isnan(value) || (count == most && value <= rank(results, best[most - 1]))) continue;
        int at = count < most ? count++ : most - 1;
        for (; at > 0 && rank(results, best[at - 1]) < value; at--) best[at] = best[at - 1];
        best[at] = i;
    }
    return count;
}
