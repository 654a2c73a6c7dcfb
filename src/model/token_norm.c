#include "model/token_norm.h"

#include <math.h>

typedef struct moments {
    double mean, deviation;
} moments;

static moments row_moments(const float *x, int64_t d)
{
    double sum = 0, square = 0;
    for (int64_t j = 0; j < d; j++) sum += (double)x[j];
    double mean = sum / (double)d;
    for (int64_t j = 0; j < d; j++) square += ((double)x[j] - mean) * ((double)x[j] - mean);
    return (moments){mean, sqrt(square / (double)(d - 1))};
}

void sae_token_standardise(const float *x, int64_t rows, int64_t d, float *out, int threads)
{
#pragma omp parallel for num_threads(threads) schedule(static)
    for (int64_t r = 0; r < rows; r++) {
        moments m = row_moments(x + r * d, d);
        for (int64_t j = 0; j < d; j++)
            out[r * d + j] = (float)(((double)x[r * d + j] - m.mean) / (m.deviation + 1e-5));
    }
}

/* σ is restored without the 1e-5: that is how such SAEs are trained and used. */
void sae_token_restore(const float *x, int64_t rows, int64_t d, float *y, int threads)
{
#pragma omp parallel for num_threads(threads) schedule(static)
    for (int64_t r = 0; r < rows; r++) {
        moments m = row_moments(x + r * d, d);
        for (int64_t j = 0; j < d; j++) y[r * d + j] = (float)((double)y[r * d + j] * m.deviation + m.mean);
    }
}
