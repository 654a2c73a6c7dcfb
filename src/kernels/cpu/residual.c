/* Sparse decode of a training batch: residual, its square, and the gradient of every code, row by row while the
 * row's decoder vectors are in cache. */
#include "kernels/ops.h"
#include "kernels/step.h"

#include <string.h>

/* y −= Σ f w over codes first … end − 1. */
static void subtract(const sae_ops *ops, const sae_codes *codes, const float *W_dec, int64_t d, int64_t first,
                     int64_t end, float *y)
{
    ops->add_rows(end - first, codes->latents + first, codes->values + first, -1, W_dec, d, d, y);
}

static void slopes(const sae_ops *ops, const sae_codes *codes, const float *W_dec, int64_t d, int64_t first,
                   int64_t end, const float *y, float *slope)
{
    int64_t j = first;
    for (; j + 4 <= end; j += 4) {
        const float *w[4];
        for (int g = 0; g < 4; g++) w[g] = W_dec + codes->latents[j + g] * d;
        ops->dot4(y, w, d, slope + j);
    }
    for (; j < end; j++) slope[j] = ops->dot(y, W_dec + codes->latents[j] * d, d);
}

/* Without a subset: row by row. */
static void residual_row(const sae_ops *ops, const sae_codes *codes, int64_t b, const float *W_dec, int64_t d, float *y,
                         float *slope)
{
    subtract(ops, codes, W_dec, d, codes->row_offsets[b], codes->row_offsets[b + 1], y);
    slopes(ops, codes, W_dec, d, codes->row_offsets[b], codes->row_offsets[b + 1], y, slope);
}

/* With one, rows are worked on in blocks, and a block's codes in ranges of latents, so that a range's decoder rows stay
 * in the second cache while the block's rows take turns with them; subtracting slice by slice of the dimensions, in the
 * first. Each row's codes are used in their order either way. */
enum { BLOCK_ROWS = 64, RANGE_LATENTS = 64 };

typedef struct range {
    int64_t begin[BLOCK_ROWS], end[BLOCK_ROWS]; /* codes of each row */
} range;

/* The codes of the next latents, those below `limit`. */
static void next_range(range *r, const sae_codes *codes, int64_t first, int64_t rows, int64_t limit)
{
    for (int64_t b = 0; b < rows; b++) {
        int64_t j = r->begin[b] = r->end[b], last = codes->row_offsets[first + b + 1];
        while (j < last && codes->latents[j] < limit) j++;
        r->end[b] = j;
    }
}

static void residual_block(const sae_ops *ops, const sae_codes *codes, const int32_t *subset, int64_t n_subset,
                           int64_t first, int64_t rows, const float *W_dec, int64_t d, float *e, float *slope)
{
    range r;
    for (int pass = 0; pass < 2; pass++) {
        for (int64_t b = 0; b < rows; b++) r.end[b] = codes->row_offsets[first + b];
        for (int64_t at = RANGE_LATENTS; at < n_subset + RANGE_LATENTS; at += RANGE_LATENTS) {
            next_range(&r, codes, first, rows, at < n_subset ? subset[at] : INT64_MAX);
            for (int64_t j = 0; pass == 0 && j < d; j += SAE_SLICE)
                for (int64_t b = 0; b < rows; b++)
                    ops->add_rows(r.end[b] - r.begin[b], codes->latents + r.begin[b], codes->values + r.begin[b], -1,
                                  W_dec + j, d, d - j < SAE_SLICE ? d - j : SAE_SLICE, e + b * d + j);
            for (int64_t b = 0; pass == 1 && b < rows; b++)
                slopes(ops, codes, W_dec, d, r.begin[b], r.end[b], e + b * d, slope);
        }
    }
}

void sae_residual(const sae_codes *codes, const int32_t *subset, int64_t n_subset, const float *target,
                  const float *W_dec, int64_t d, float *e, float *slope, double *row_square, int threads)
{
    const sae_ops *ops = sae_ops_best();
    int64_t size = subset ? BLOCK_ROWS : 1, blocks = (codes->rows + size - 1) / size;
#pragma omp parallel for num_threads(threads) schedule(dynamic, subset ? 1 : 16)
    for (int64_t block = 0; block < blocks; block++) {
        int64_t first = block * size, rows = codes->rows - first < size ? codes->rows - first : size;
        float *y = e + first * d;
        memcpy(y, target + first * d, (size_t)(rows * d) * sizeof *y);
        if (subset)
            residual_block(ops, codes, subset, n_subset, first, rows, W_dec, d, y, slope);
        else
            residual_row(ops, codes, first, W_dec, d, y, slope);
        for (int64_t b = 0; b < rows; b++) row_square[first + b] = ops->sum_squares(y + b * d, d);
    }
}

/* The row's codes below each end in turn: e_g from e_{g−1}, then suffix sums from the last prefix to the first. */
static void residual_of_row(const sae_ops *ops, const sae_codes *codes, int64_t b, const int32_t *ends, int n_prefixes,
                            const float *target, const float *W_dec, int64_t d, float *e, float *slope,
                            double *row_square)
{
    int64_t rows = codes->rows, slice = rows * d, end = codes->row_offsets[b + 1];
    int64_t first[SAE_MOST_PREFIXES + 1] = {codes->row_offsets[b]};
    for (int g = 0; g < n_prefixes; g++) {
        float *y = e + g * slice + b * d;
        int64_t j = first[g];
        while (j < end && codes->latents[j] < ends[g]) j++;
        first[g + 1] = j;
        memcpy(y, g > 0 ? y - slice : target + b * d, (size_t)d * sizeof(float));
        subtract(ops, codes, W_dec, d, first[g], j, y);
        row_square[g * rows + b] = ops->sum_squares(y, d);
    }
    for (int g = n_prefixes - 1; g >= 0; g--) {
        float *y = e + g * slice + b * d;
        if (g + 1 < n_prefixes) ops->axpy(d, 1, y + slice, y);
        slopes(ops, codes, W_dec, d, first[g], first[g + 1], y, slope);
    }
}

void sae_residual_prefixes(const sae_codes *codes, const int32_t *ends, int n_prefixes, const float *target,
                           const float *W_dec, int64_t d, float *e, float *slope, double *row_square, int threads)
{
    const sae_ops *ops = sae_ops_best();
#pragma omp parallel for num_threads(threads) schedule(dynamic, 16)
    for (int64_t b = 0; b < codes->rows; b++)
        residual_of_row(ops, codes, b, ends, n_prefixes, target, W_dec, d, e, slope, row_square);
}

void sae_slopes(const sae_codes *codes, const float *e, const float *W_dec, int64_t d, float *slope, int threads)
{
    const sae_ops *ops = sae_ops_best();
#pragma omp parallel for num_threads(threads) schedule(dynamic, 16)
    for (int64_t b = 0; b < codes->rows; b++)
        slopes(ops, codes, W_dec, d, codes->row_offsets[b], codes->row_offsets[b + 1], e + b * d, slope);
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
