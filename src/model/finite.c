#include "base/parallel.h"
#include "model/model.h"

#include <math.h>
#include <string.h>

static bool finite_bits(uint32_t bits)
{
    return (bits & 0x7f800000u) != 0x7f800000u;
}

int64_t sae_first_non_finite(const float *values, int64_t count, const sae_env *env)
{
    enum { BLOCK = 16384 };
    int64_t blocks = (count + BLOCK - 1) / BLOCK, first = INT64_MAX;
#pragma omp parallel for num_threads(sae_threads(env)) schedule(static) reduction(min : first)
    for (int64_t b = 0; b < blocks; b++) {
        int64_t begin = b * BLOCK, end = begin + BLOCK < count ? begin + BLOCK : count;
        uint32_t bad = 0;
        for (int64_t i = begin; i < end; i++) {
            uint32_t bits;
            memcpy(&bits, values + i, sizeof bits);
            bad |= !finite_bits(bits);
        }
        for (int64_t i = begin; bad && i < end && i < first; i++)
            if (!isfinite(values[i])) first = i;
    }
    return first == INT64_MAX ? -1 : first;
}
