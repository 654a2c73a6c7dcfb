#include "analysis/cosine.h"

#include "base/alloc.h"
#include "base/error.h"
#include "base/parallel.h"
#include "kernels/blas.h"

#include <math.h>
#include <omp.h>
#include <string.h>

enum { LANES = 8, TILE_QUERIES = 256, TILE_KEYS = 512, CANDIDATES = 24 };

double sae_dot_double(const float *a, const float *b, int64_t d)
{
    double lanes[LANES] = {0}, sum = 0;
    for (int64_t j = 0; j < d; j += LANES) {
        int64_t width = d - j < LANES ? d - j : LANES;
        for (int64_t l = 0; l < width; l++) lanes[l] += (double)a[j + l] * (double)b[j + l];
    }
    for (int l = 0; l < LANES; l++) sum += lanes[l];
    return sum;
}

/* One side: rows and 1/‖row‖ (0 for a row of zeros). */
typedef struct side {
    const float *rows;
    int64_t n, d;
    double *inverse;
} side;

/* Keys that could be the maximum of one query. */
typedef struct candidates {
    float highest; /* largest screened cosine so far */
    int count;
    int32_t id[CANDIDATES];
    float screened[CANDIDATES];
} candidates;

/* What one thread needs. */
typedef struct workspace {
    float *queries; /* [TILE_QUERIES, d] normalised */
    float *keys;    /* [TILE_KEYS, d] normalised */
    float *products;
    candidates *found; /* [TILE_QUERIES] */
} workspace;

static sae_status side_new(side *s, const float *rows, int64_t n, int64_t d, const sae_env *env, sae_error *err)
{
    *s = (side){.rows = rows, .n = n, .d = d, .inverse = sae_alloc((size_t)n, sizeof *s->inverse)};
    if (!s->inverse) return sae_fail_memory(err, "norms", (size_t)n * sizeof *s->inverse);
#pragma omp parallel for num_threads(sae_threads(env)) schedule(static)
    for (int64_t i = 0; i < n; i++) {
        double norm = sqrt(sae_dot_double(rows + i * d, rows + i * d, d));
        s->inverse[i] = norm > 0 ? 1 / norm : 0;
    }
    return SAE_OK;
}

static void normalise(const side *s, int64_t first, int64_t count, float *out)
{
    for (int64_t i = 0; i < count; i++)
        for (int64_t j = 0; j < s->d; j++)
            out[i * s->d + j] = (float)((double)s->rows[(first + i) * s->d + j] * s->inverse[first + i]);
}

static double exact(const side *queries, int64_t i, const side *keys, int64_t j)
{
    double dot = sae_dot_double(queries->rows + i * queries->d, keys->rows + j * keys->d, keys->d);
    double cosine = dot * queries->inverse[i] * keys->inverse[j];
    return cosine > 1 ? 1 : cosine < -1 ? -1 : cosine;
}

/* Two screened cosines of one query whose exact values are in the other order differ by less than this: each is off
 * by d·u/(1 − d·u) for the sum and 4u for the two roundings of its factors, u = 2⁻²⁴, and factors of norm ≤ 1 + u. */
static float screen_margin(int64_t d)
{
    return (float)(2.04 * (double)(d + 8) * 0x1p-24);
}

/* The winner among the candidates by exact value. They stand in ascending order of ids, so the first of equals is the
 * smallest. */
static int settle(const candidates *found, const side *queries, int64_t query, const side *keys, double *value)
{
    int winner = 0;
    for (int c = 0; c < found->count; c++) {
        double v = exact(queries, query, keys, found->id[c]);
        if (c > 0 && v <= *value) continue;
        *value = v;
        winner = c;
    }
    return winner;
}

/* Makes room: first by dropping what the highest screened value has overtaken, then by settling. */
static void make_room(candidates *found, float margin, const side *queries, int64_t query, const side *keys)
{
    int kept = 0;
    for (int c = 0; c < found->count; c++) {
        if (found->screened[c] < found->highest - margin) continue;
        found->id[kept] = found->id[c];
        found->screened[kept++] = found->screened[c];
    }
    found->count = kept;
    if (kept < CANDIDATES) return;
    double value;
    int winner = settle(found, queries, query, keys, &value);
    found->id[0] = found->id[winner];
    found->screened[0] = found->screened[winner];
    found->count = 1;
}

static void scan(candidates *found, const float *products, int64_t count, int64_t first_key, float margin,
                 const side *queries, int64_t query, const side *keys)
{
    float cut = found->highest - margin;
    int hits = 0;
    for (int64_t j = 0; j < count; j++) hits += products[j] >= cut;
    for (int64_t j = 0; hits > 0 && j < count; j++) {
        float s = products[j];
        if (s < cut) continue;
        if (s > found->highest) {
            found->highest = s;
            cut = s - margin;
        }
        if (found->count == CANDIDATES) make_room(found, margin, queries, query, keys);
        found->id[found->count] = (int32_t)(first_key + j);
        found->screened[found->count++] = s;
    }
}

/* Where the maxima go. */
typedef struct maxima {
    double *best;
    int32_t *argmax; /* may be NULL */
} maxima;

static void search_tile(const workspace *w, const side *queries, int64_t first, const side *keys, void *ud)
{
    const maxima *out = ud;
    int64_t d = keys->d, count = queries->n - first < TILE_QUERIES ? queries->n - first : TILE_QUERIES;
    float margin = screen_margin(d);
    normalise(queries, first, count, w->queries);
    for (int64_t i = 0; i < count; i++) w->found[i] = (candidates){.highest = -HUGE_VALF};
    for (int64_t key = 0; key < keys->n; key += TILE_KEYS) {
        int64_t width = keys->n - key < TILE_KEYS ? keys->n - key : TILE_KEYS;
        normalise(keys, key, width, w->keys);
        sae_gemm_nt(count, width, d, 1, w->queries, d, w->keys, d, 0, w->products, TILE_KEYS);
        for (int64_t i = 0; i < count; i++)
            scan(&w->found[i], w->products + i * TILE_KEYS, width, key, margin, queries, first + i, keys);
    }
    for (int64_t i = 0; i < count; i++) {
        int winner = settle(&w->found[i], queries, first + i, keys, &out->best[first + i]);
        if (out->argmax) out->argmax[first + i] = w->found[i].id[winner];
    }
}

static void workspaces_free(workspace *w, int threads)
{
    for (int t = 0; w && t < threads; t++) {
        sae_free(w[t].queries);
        sae_free(w[t].keys);
        sae_free(w[t].products);
        sae_free(w[t].found);
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
        w[t].found = sae_alloc(TILE_QUERIES, sizeof(candidates));
        if (w[t].queries && w[t].keys && w[t].products && w[t].found) continue;
        workspaces_free(w, threads);
        return NULL;
    }
    return w;
}

/* One tile of queries against all keys. */
typedef void (*tile_fn)(const workspace *w, const side *queries, int64_t first, const side *keys, void *ud);

static sae_status for_tiles(const float *queries, int64_t n_queries, const float *keys, int64_t n_keys, int64_t d,
                            tile_fn tile, void *ud, const sae_env *env, sae_error *err)
{
    sae_status status;
    int64_t tiles = (n_queries + TILE_QUERIES - 1) / TILE_QUERIES;
    int threads = sae_threads(env) < tiles ? sae_threads(env) : (int)tiles;
    side q = {0}, k = {0};
    workspace *w = NULL;
    sae_blas_init();
    SAE_TRY(side_new(&q, queries, n_queries, d, env, err));
    SAE_TRY(side_new(&k, keys, n_keys, d, env, err));
    w = workspaces_new(threads, d);
    if (!w)
        SAE_TRY(sae_fail_memory(err, "tiles of cosines", (size_t)threads * (TILE_QUERIES + TILE_KEYS) * (size_t)d * 4));
#pragma omp parallel for num_threads(threads) schedule(dynamic)
    for (int64_t t = 0; t < tiles; t++)
        if (!sae_should_stop(env)) tile(&w[omp_get_thread_num()], &q, t * TILE_QUERIES, &k, ud);
    if (sae_should_stop(env)) status = sae_fail(err, SAE_E_INTERRUPTED, "the comparison was stopped");
done:
    workspaces_free(w, threads);
    sae_free(q.inverse);
    sae_free(k.inverse);
    return status;
}

sae_status sae_max_cosine(const float *queries, int64_t n_queries, const float *keys, int64_t n_keys, int64_t d,
                          double *best, int32_t *argmax, const sae_env *env, sae_error *err)
{
    maxima out = {best, argmax};
    return for_tiles(queries, n_queries, keys, n_keys, d, search_tile, &out, env, err);
}

/* ---- all pairs above a threshold ---------------------------------------------------------------------- */

typedef struct above {
    double threshold;
    void (*visit)(void *ud, int64_t i, int64_t j);
    void *ud;
} above;

/* Only what the screen leaves open is computed again. */
static void visit_above(const above *a, const side *queries, int64_t query, const side *keys, int64_t first_key,
                        int64_t count, const float *products)
{
    double margin = (double)screen_margin(keys->d);
    for (int64_t j = 0; j < count; j++) {
        double screened = (double)products[j];
        if (screened < a->threshold - margin) continue;
        if (screened < a->threshold + margin && !(exact(queries, query, keys, first_key + j) > a->threshold)) continue;
#pragma omp critical(sae_cosine_above)
        a->visit(a->ud, query, first_key + j);
    }
}

static void visit_tile(const workspace *w, const side *queries, int64_t first, const side *keys, void *ud)
{
    int64_t d = keys->d, count = queries->n - first < TILE_QUERIES ? queries->n - first : TILE_QUERIES;
    normalise(queries, first, count, w->queries);
    for (int64_t key = 0; key < keys->n; key += TILE_KEYS) {
        int64_t width = keys->n - key < TILE_KEYS ? keys->n - key : TILE_KEYS;
        normalise(keys, key, width, w->keys);
        sae_gemm_nt(count, width, d, 1, w->queries, d, w->keys, d, 0, w->products, TILE_KEYS);
        for (int64_t i = 0; i < count; i++)
            visit_above(ud, queries, first + i, keys, key, width, w->products + i * TILE_KEYS);
    }
}

sae_status sae_cosine_above(const float *queries, int64_t n_queries, const float *keys, int64_t n_keys, int64_t d,
                            double threshold, void (*visit)(void *ud, int64_t i, int64_t j), void *ud,
                            const sae_env *env, sae_error *err)
{
    above a = {.threshold = threshold, .visit = visit, .ud = ud};
    return for_tiles(queries, n_queries, keys, n_keys, d, visit_tile, &a, env, err);
}
