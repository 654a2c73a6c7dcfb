#include "io/strided.h"

#include "base/alloc.h"
#include "base/error.h"
#include "base/parallel.h"

#include <string.h>

/* 64 × 64 floats: a tile of the source and one of the destination stay in the first-level cache. */
enum { TILE = 64 };

bool sae_is_contiguous(int rank, const int64_t *shape, const int64_t *stride)
{
    int64_t expected = 1;
    for (int i = rank; i-- > 0;) {
        if (shape[i] != 1 && stride[i] != expected) return false;
        expected *= shape[i];
    }
    return true;
}

void sae_strided_copy(int rank, const int64_t *shape, const int64_t *stride, size_t size, const unsigned char *data,
                      unsigned char *out)
{
    int64_t index[SAE_MAX_RANK] = {0}, elements = 1, at = 0;
    for (int i = 0; i < rank; i++) elements *= shape[i];
    for (int64_t e = 0; e < elements; e++) {
        memcpy(out + (size_t)e * size, data + (size_t)at * size, size);
        for (int i = rank; i-- > 0;) {
            if (++index[i] < shape[i]) {
                at += stride[i];
                break;
            }
            at -= stride[i] * (shape[i] - 1); /* the stride of a dimension of 1 may be anything */
            index[i] = 0;
        }
    }
}

void sae_read_transposed(const sae_tensor *tensor, int64_t n, int64_t d, float *out)
{
    int64_t tiles = (n + TILE - 1) / TILE;
#pragma omp parallel for num_threads(sae_threads(NULL)) schedule(static)
    for (int64_t t = 0; t < tiles; t++) {
        float tile[TILE][TILE];
        int64_t first = t * TILE, width = n - first < TILE ? n - first : TILE;
        for (int64_t row = 0; row < d; row += TILE) {
            int64_t height = d - row < TILE ? d - row : TILE;
            for (int64_t r = 0; r < height; r++) sae_tensor_read_f32(tensor, (row + r) * n + first, width, tile[r]);
            for (int64_t c = 0; c < width; c++)
                for (int64_t r = 0; r < height; r++) out[(first + c) * d + row + r] = tile[r][c];
        }
    }
}

void sae_read_rows(const sae_tensor *tensor, int64_t n, int64_t d, float *out)
{
#pragma omp parallel for num_threads(sae_threads(NULL)) schedule(static)
    for (int64_t i = 0; i < n; i++) sae_tensor_read_f32(tensor, i * d, d, out + i * d);
}

/* out [width, n] = dimensions first … first + width − 1 of in [n, d], transposed. */
static void transpose_strip(const float *in, int64_t n, int64_t d, int64_t first, int64_t width, float *out)
{
    int64_t tiles = (n + TILE - 1) / TILE;
#pragma omp parallel for num_threads(sae_threads(NULL)) schedule(static)
    for (int64_t t = 0; t < tiles; t++) {
        int64_t begin = t * TILE, end = begin + TILE < n ? begin + TILE : n;
        for (int64_t j = 0; j < width; j++)
            for (int64_t i = begin; i < end; i++) out[j * n + i] = in[i * d + first + j];
    }
}

sae_status sae_write_transposed(const float *W, int64_t n, int64_t d, sae_sink sink, void *target, sae_error *err)
{
    sae_status status = SAE_OK;
    float *strip = sae_alloc((size_t)n * TILE, sizeof *strip);
    if (!strip) return sae_fail_memory(err, "a strip of a matrix", (size_t)n * TILE * sizeof *strip);
    for (int64_t first = 0; status == SAE_OK && first < d; first += TILE) {
        int64_t width = d - first < TILE ? d - first : TILE;
        transpose_strip(W, n, d, first, width, strip);
        status = sink(target, strip, (size_t)(n * width) * sizeof *strip, err);
    }
    sae_free(strip);
    return status;
}
