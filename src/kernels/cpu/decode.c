/* Centring and sparse decoding of rows. */
#include "kernels/kernels.h"
#include "kernels/ops.h"

#include <string.h>

void sae_center_rows(const float *x, const float *b, int64_t rows, int64_t d, float *c, int threads)
{
#pragma omp parallel for num_threads(threads) schedule(static)
    for (int64_t r = 0; r < rows; r++)
        for (int64_t j = 0; j < d; j++) c[r * d + j] = b ? x[r * d + j] - b[j] : x[r * d + j];
}

void sae_decode(const sae_codes *codes, const float *W_dec, const float *b, int64_t d, float *x_hat, int threads)
{
    const sae_ops *ops = sae_ops_best();
#pragma omp parallel for num_threads(threads) schedule(dynamic, 16)
    for (int64_t r = 0; r < codes->rows; r++) {
        float *y = x_hat + r * d;
        if (b)
            memcpy(y, b, (size_t)d * sizeof(float));
        else
            memset(y, 0, (size_t)d * sizeof(float));
        for (int64_t e = codes->row_offsets[r]; e < codes->row_offsets[r + 1]; e++)
            ops->axpy(d, codes->values[e], W_dec + codes->latents[e] * d, y);
    }
}
