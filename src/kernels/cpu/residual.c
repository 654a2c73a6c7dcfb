/* Sparse decode of a training batch: residual, its square, and the gradient of every code, row by row while the
 * row's decoder vectors are in cache. */
#include "kernels/ops.h"
#include "kernels/step.h"

#include <string.h>

void sae_residual(const sae_codes *codes, const float *target, const float *W_dec, int64_t d, float *e, float *slope,
                  double *row_square, int threads)
{
    const sae_ops *ops = sae_ops_best();
#pragma omp parallel for num_threads(threads) schedule(dynamic, 16)
    for (int64_t b = 0; b < codes->rows; b++) {
        int64_t first = codes->row_offsets[b], end = codes->row_offsets[b + 1], j = first;
        float *y = e + b * d;
        memcpy(y, target + b * d, (size_t)d * sizeof(float));
        for (; j + 2 <= end; j += 2)
            ops->axpy2(d, -codes->values[j], W_dec + codes->latents[j] * d, -codes->values[j + 1],
                       W_dec + codes->latents[j + 1] * d, y);
        if (j < end) ops->axpy(d, -codes->values[j], W_dec + codes->latents[j] * d, y);
        for (j = first; j + 4 <= end; j += 4) {
            const float *w[4];
            for (int g = 0; g < 4; g++) w[g] = W_dec + codes->latents[j + g] * d;
            ops->dot4(y, w, d, slope + j);
        }
        for (; j < end; j++) slope[j] = ops->dot(y, W_dec + codes->latents[j] * d, d);
        row_square[b] = ops->sum_squares(y, d);
    }
}

#define ROW_CHUNK 64

void sae_column_sums(const float *e, int64_t rows, int64_t d, double *scratch, double *sums, int threads)
{
    int64_t chunks = (rows + ROW_CHUNK - 1) / ROW_CHUNK;
#pragma omp parallel for num_threads(threads) schedule(static)
    for (int64_t chunk = 0; chunk < chunks; chunk++) {
        int64_t end = (chunk + 1) * ROW_CHUNK < rows ? (chunk + 1) * ROW_CHUNK : rows;
        double *sum = scratch + chunk * d;
        memset(sum, 0, (size_t)d * sizeof *sum);
        for (int64_t b = chunk * ROW_CHUNK; b < end; b++)
            for (int64_t j = 0; j < d; j++) sum[j] += (double)e[b * d + j];
    }
    memset(sums, 0, (size_t)d * sizeof *sums);
    for (int64_t chunk = 0; chunk < chunks; chunk++)
        for (int64_t j = 0; j < d; j++) sums[j] += scratch[chunk * d + j];
}
