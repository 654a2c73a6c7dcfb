#include "analysis/cosine_tiles.h"

#include "analysis/cosine.h"
#include "base/alloc.h"
#include "base/error.h"
#include "base/parallel.h"
#include "kernels/blas.h"

#include <math.h>
#include <omp.h>

enum { TILE_QUERIES = SAE_COSINE_QUERIES, TILE_KEYS = 512 };

/* What one thread needs. */
typedef struct workspace {
    float *queries; /* [TILE_QUERIES, d] normalised */
    float *keys;    /* [TILE_KEYS, d] normalised */
    float *products;
} workspace;

sae_status sae_cosine_side_new(sae_cosine_side *side, const float *rows, int64_t n, int64_t d, const sae_env *env,
                               sae_error *err)
{
    *side = (sae_cosine_side){.rows = rows, .n = n, .d = d, .inverse = sae_alloc((size_t)n, sizeof *side->inverse)};
    if (!side->inverse) return sae_fail_memory(err, "norms", (size_t)n * sizeof *side->inverse);
#pragma omp parallel for num_threads(sae_threads(env)) schedule(static)
    for (int64_t i = 0; i < n; i++) {
        double norm = sqrt(sae_dot_double(rows + i * d, rows + i * d, d));
        side->inverse[i] = norm > 0 ? 1 / norm : 0;
    }
    return SAE_OK;
}

void sae_cosine_side_clear(sae_cosine_side *side)
{
    sae_free(side->inverse);
    *side = (sae_cosine_side){0};
}

double sae_cosine_exact(const sae_cosine_side *queries, int64_t i, const sae_cosine_side *keys, int64_t j)
{
    double dot = sae_dot_double(queries->rows + i * queries->d, keys->rows + j * keys->d, keys->d);
    double cosine = dot * (queries->inverse[i] * keys->inverse[j]);
    return cosine > 1 ? 1 : cosine < -1 ? -1 : cosine;
}

/* Each screened cosine is off by d·u/(1 − d·u) for the sum and 4u for the two roundings of its factors, u = 2⁻²⁴, and
 * factors of norm ≤ 1 + u. */
float sae_cosine_margin(int64_t d)
{
    return (float)(2.04 * (double)(d + 8) * 0x1p-24);
}

static void normalise(const sae_cosine_side *s, int64_t first, int64_t count, float *out)
{
    for (int64_t i = 0; i < count; i++)
        for (int64_t j = 0; j < s->d; j++)
            out[i * s->d + j] = (float)((double)s->rows[(first + i) * s->d + j] * s->inverse[first + i]);
}

static void workspaces_free(workspace *w, int threads)
{
    for (int t = 0; w && t < threads; t++) {
        sae_free(w[t].queries);
        sae_free(w[t].keys);
        sae_free(w[t].products);
    }
    sae_free(w);
}

static workspace *workspaces_new(int threads, int64_t d)
{
    workspace *w = sae_calloc((size_t)threads, sizeof *w);
    for (int t = 0; w && t < threads; t++) {
        w[t].queries = sae_alloc(TILE_QUERIES * (size_t)d, sizeof(float));
        w[t].keys = sae_alloc(TILE_KEYS * (size_t)d, sizeof(float));
        w[t].products = sae_alloc(TILE_QUERIES * TILE_KEYS, sizeof(float));
        if (w[t].queries && w[t].keys && w[t].products) continue;
        workspaces_free(w, threads);
        return NULL;
    }
    return w;
}

static int64_t tiles_of(int64_t n)
{
    return (n + TILE_QUERIES - 1) / TILE_QUERIES;
}

int sae_cosine_threads(const sae_cosine_side *queries, const sae_env *env)
{
    int64_t tiles = tiles_of(queries->n);
    return sae_threads(env) < tiles ? sae_threads(env) : (int)tiles;
}

static void tile(const workspace *w, const sae_cosine_side *queries, int64_t first, const sae_cosine_side *keys,
                 const sae_cosine_visitor *v, int thread)
{
    int64_t d = keys->d, count = queries->n - first < TILE_QUERIES ? queries->n - first : TILE_QUERIES;
    normalise(queries, first, count, w->queries);
    for (int64_t i = 0; v->start && i < count; i++) v->start(v->ud, thread, first + i);
    for (int64_t key = 0; key < keys->n; key += TILE_KEYS) {
        int64_t width = keys->n - key < TILE_KEYS ? keys->n - key : TILE_KEYS;
        normalise(keys, key, width, w->keys);
        sae_gemm_nt(count, width, d, 1, w->queries, d, w->keys, d, 0, w->products, TILE_KEYS);
        for (int64_t i = 0; i < count; i++) v->scan(v->ud, thread, first + i, key, width, w->products + i * TILE_KEYS);
    }
    for (int64_t i = 0; v->finish && i < count; i++) v->finish(v->ud, thread, first + i);
}

sae_status sae_cosine_tiles(const sae_cosine_side *queries, const sae_cosine_side *keys,
                            const sae_cosine_visitor *visitor, const sae_env *env, sae_error *err)
{
    sae_status status = SAE_OK;
    int64_t tiles = tiles_of(queries->n), done = 0;
    int threads = sae_cosine_threads(queries, env);
    sae_blas_init();
    workspace *w = workspaces_new(threads, keys->d);
    if (!w)
        SAE_TRY(sae_fail_memory(err, "tiles of cosines",
                                (size_t)threads * (TILE_QUERIES + TILE_KEYS) * (size_t)keys->d * sizeof(float)));
    sae_report_progress(env, "decoder cosines", "latents", 0, (double)queries->n, NULL);
#pragma omp parallel for num_threads(threads) schedule(dynamic)
    for (int64_t t = 0; t < tiles; t++) {
        if (sae_should_stop(env)) continue;
        tile(&w[omp_get_thread_num()], queries, t * TILE_QUERIES, keys, visitor, omp_get_thread_num());
        int64_t here;
#pragma omp atomic capture
        here = ++done;
        if (omp_get_thread_num() == 0) /* the caller's own thread, which callbacks are promised */
            sae_report_progress(env, "decoder cosines", "latents",
                                fmin((double)(here * TILE_QUERIES), (double)queries->n), (double)queries->n, NULL);
    }
    if (sae_should_stop(env)) status = sae_fail(err, SAE_E_INTERRUPTED, "stopped during the comparison");
done:
    workspaces_free(w, threads);
    return status;
}
