#include <sae/data.h>

#include "base/rng.h"

#include <math.h>

void sae_synthetic_directions(uint64_t seed, int64_t directions, int64_t d, float *u)
{
    sae_rng rng = sae_rng_make(seed, "synthetic directions", 0);
    for (int64_t j = 0; j < directions; j++) {
        double square = 0;
        for (int64_t i = 0; i < d; i++) {
            u[j * d + i] = (float)sae_rng_normal(&rng, (uint64_t)(j * d + i));
            square += (double)u[j * d + i] * (double)u[j * d + i];
        }
        for (int64_t i = 0; i < d; i++) u[j * d + i] = (float)((double)u[j * d + i] / sqrt(square));
    }
}

void sae_synthetic_rows(uint64_t seed, const float *u, int64_t directions, int64_t d, double p, int64_t first,
                        int64_t n, float *x)
{
    sae_rng on = sae_rng_make(seed, "synthetic on", 0), amplitude = sae_rng_make(seed, "synthetic amplitude", 0);
    const uint64_t per_row = ((uint64_t)directions + 3) / 4; /* one draw gives four words, one for each direction */
    const double below = p * 0x1p32;
    for (int64_t r = 0; r < n; r++) {
        uint64_t number = (uint64_t)(first + r);
        float *row = x + r * d;
        uint32_t word[4];
        for (int64_t i = 0; i < d; i++) row[i] = 0;
        for (int64_t j = 0; j < directions; j++) {
            if (j % 4 == 0) sae_rng_words(&on, number * per_row + (uint64_t)j / 4, word);
            if (!((double)word[j % 4] < below)) continue;
            float a = (float)(0.5 + sae_rng_uniform(&amplitude, number * (uint64_t)directions + (uint64_t)j));
            for (int64_t i = 0; i < d; i++) row[i] += a * u[j * d + i];
        }
    }
}
