#include "analysis/random_rows.h"

#include "analysis/covariance.h"
#include "analysis/dot.h"
#include "base/alloc.h"
#include "base/error.h"
#include "base/parallel.h"
#include "base/rng.h"
#include "kernels/blas.h"

#include <math.h>
#include <string.h>

enum { CHUNK = 512, TILE = 64 };

void sae_random_rows(uint64_t seed, int64_t n, int64_t d, float *out, const sae_env *env)
{
    sae_rng rng = sae_rng_make(seed, "random rows", 0);
#pragma omp parallel for num_threads(sae_threads(env)) schedule(static)
    for (int64_t e = 0; e < n * d; e++) out[e] = (float)sae_rng_normal(&rng, (uint64_t)e);
}

/* ---- Gaussian rows of a given covariance ----------------------------------------------------------- */

/* Takes what the finished columns before `first` explain out of the columns first … end − 1. By panels of columns,
 * because threads that meet at every column would wait more than they work. */
static void update_panel(double *C, int64_t d, int64_t first, int64_t end, int threads)
{
#pragma omp parallel for num_threads(threads) schedule(static)
    for (int64_t i = first; i < d; i++)
        for (int64_t j = first; j < end && j <= i; j++) C[i * d + j] -= sae_dot_doubles(C + i * d, C + j * d, first);
}

/* Finishes the columns first … end − 1 after update_panel. */
static void factor_panel(double *C, int64_t d, int64_t first, int64_t end, double smallest)
{
    for (int64_t j = first; j < end; j++) {
        double *row = C + j * d;
        double pivot = row[j] - sae_dot_doubles(row + first, row + first, j - first);
        double root = pivot > smallest ? sqrt(pivot) : 0;
        row[j] = root;
        for (int64_t i = j + 1; i < d; i++) {
            double value = C[i * d + j] - sae_dot_doubles(C + i * d + first, row + first, j - first);
            C[i * d + j] = root > 0 ? value / root : 0;
        }
        for (int64_t k = j + 1; k < d; k++) row[k] = 0;
    }
}

/* C = L·Lᵀ in place (the lower triangle becomes L, the rest 0). C has rank below d when n ≤ d: a pivot that is only
 * rounding error gives a column of zeros, which is what it would be in exact arithmetic. */
static void cholesky(double *C, int64_t d, int threads)
{
    double trace = 0;
    for (int64_t j = 0; j < d; j++) trace += C[j * d + j];
    for (int64_t first = 0; first < d; first += TILE) {
        int64_t end = first + TILE < d ? first + TILE : d;
        update_panel(C, d, first, end, threads);
        factor_panel(C, d, first, end, 1e-6 * trace / (double)d);
    }
}

sae_status sae_random_rows_like(uint64_t seed, const float *W, int64_t n, int64_t d, float *out, const sae_env *env,
                                sae_error *err)
{
    sae_status status;
    int threads = sae_threads(env);
    double *C = sae_alloc((size_t)(d * d), sizeof *C);
    float *L = sae_alloc((size_t)(d * d), sizeof *L), *normal = sae_alloc((size_t)(CHUNK * d), sizeof *normal);
    sae_rng rng = sae_rng_make(seed, "random rows like", 0);
    sae_blas_init();
    if (!C || !L || !normal) SAE_TRY(sae_fail_memory(err, "a covariance", (size_t)(d * d) * sizeof *C));
    SAE_TRY(sae_row_covariance(W, n, d, C, env, err));
    cholesky(C, d, threads);
    for (int64_t e = 0; e < d * d; e++) L[e] = (float)C[e];
    for (int64_t first = 0; first < n; first += CHUNK) {
        int64_t count = n - first < CHUNK ? n - first : CHUNK, tiles = (count + TILE - 1) / TILE;
#pragma omp parallel for num_threads(threads) schedule(dynamic)
        for (int64_t t = 0; t < tiles; t++) {
            int64_t begin = t * TILE, rows = count - begin < TILE ? count - begin : TILE;
            for (int64_t e = begin * d; e < (begin + rows) * d; e++)
                normal[e] = (float)sae_rng_normal(&rng, (uint64_t)(first * d + e));
            sae_gemm_nt(rows, d, d, 1, normal + begin * d, d, L, d, 0, out + (first + begin) * d, d);
        }
    }
done:
    sae_free(C);
    sae_free(L);
    sae_free(normal);
    return status;
}
