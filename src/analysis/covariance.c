#include "analysis/covariance.h"

#include "analysis/cosine.h"
#include "base/alloc.h"
#include "base/error.h"
#include "base/parallel.h"
#include "kernels/blas.h"

#include <math.h>
#include <string.h>

enum { CHUNK = 512, TILE = 64 };

void sae_unit_rows(const float *W, int64_t first, int64_t count, int64_t d, float *out, int threads)
{
#pragma omp parallel for num_threads(threads) schedule(static)
    for (int64_t i = 0; i < count; i++) {
        const float *w = W + (first + i) * d;
        double norm = sqrt(sae_dot_double(w, w, d));
        for (int64_t j = 0; j < d; j++) out[i * d + j] = norm > 0 ? (float)((double)w[j] / norm) : 0;
    }
}

typedef struct gram {
    float *unit;    /* [CHUNK, d] */
    float *columns; /* [d, CHUNK] centred and transposed */
    float *part;    /* [d, d] one chunk's sum */
    double *mean;   /* [d] */
} gram;

/* C [d, d] += the chunk's Σ (w − w̄)(w − w̄)ᵀ: products in float32 within a chunk, sums over chunks in double. */
static void add_chunk(const gram *g, int64_t count, int64_t d, double *C, int threads)
{
#pragma omp parallel for num_threads(threads) schedule(static)
    for (int64_t j = 0; j < d; j++)
        for (int64_t i = 0; i < count; i++)
            g->columns[j * CHUNK + i] = (float)((double)g->unit[i * d + j] - g->mean[j]);
    int64_t tiles = (d + TILE - 1) / TILE;
#pragma omp parallel for num_threads(threads) schedule(dynamic)
    for (int64_t t = 0; t < tiles; t++) {
        int64_t first = t * TILE, rows = d - first < TILE ? d - first : TILE;
        sae_gemm_nt(rows, d, count, 1, g->columns + first * CHUNK, CHUNK, g->columns, CHUNK, 0, g->part + first * d, d);
        for (int64_t e = first * d; e < (first + rows) * d; e++) C[e] += (double)g->part[e];
    }
}

sae_status sae_row_covariance(const float *W, int64_t n, int64_t d, double *C, const sae_env *env, sae_error *err)
{
    sae_status status = SAE_OK;
    int threads = sae_threads(env);
    sae_blas_init();
    gram g = {.unit = sae_alloc(CHUNK * (size_t)d, sizeof(float)),
              .columns = sae_alloc(CHUNK * (size_t)d, sizeof(float)),
              .part = sae_alloc((size_t)(d * d), sizeof(float)),
              .mean = sae_calloc((size_t)d, sizeof(double))};
    if (!g.unit || !g.columns || !g.part || !g.mean)
        SAE_TRY(sae_fail_memory(err, "a covariance", (size_t)(d * d) * sizeof(float)));
    for (int64_t first = 0; first < n; first += CHUNK) {
        int64_t count = n - first < CHUNK ? n - first : CHUNK;
        sae_unit_rows(W, first, count, d, g.unit, threads);
        for (int64_t i = 0; i < count; i++)
            for (int64_t j = 0; j < d; j++) g.mean[j] += (double)g.unit[i * d + j] / (double)n;
    }
    memset(C, 0, (size_t)(d * d) * sizeof *C);
    for (int64_t first = 0; first < n; first += CHUNK) {
        int64_t count = n - first < CHUNK ? n - first : CHUNK;
        sae_unit_rows(W, first, count, d, g.unit, threads);
        add_chunk(&g, count, d, C, threads);
    }
    for (int64_t e = 0; e < d * d; e++) C[e] /= (double)n;
done:
    sae_free(g.unit);
    sae_free(g.columns);
    sae_free(g.part);
    sae_free(g.mean);
    return status;
}
