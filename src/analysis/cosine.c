#include "analysis/cosine.h"

#include "analysis/cosine_tiles.h"
#include "base/alloc.h"
#include "base/error.h"

#include <math.h>

enum { LANES = 8, CANDIDATES = 24 };

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

/* The two matrices, as the visitors below see them. */
typedef struct sides {
    sae_cosine_side queries, keys;
} sides;

static sae_status sides_new(sides *s, const float *queries, int64_t n_queries, const float *keys, int64_t n_keys,
                            int64_t d, const sae_env *env, sae_error *err)
{
    sae_status status = sae_cosine_side_new(&s->queries, queries, n_queries, d, env, err);
    return status == SAE_OK ? sae_cosine_side_new(&s->keys, keys, n_keys, d, env, err) : status;
}

static void sides_clear(sides *s)
{
    sae_cosine_side_clear(&s->queries);
    sae_cosine_side_clear(&s->keys);
}

/* ---- maxima --------------------------------------------------------------------------------------------- */

/* Keys that could be the maximum of one query. */
typedef struct candidates {
    float highest; /* largest screened cosine so far */
    int count;
    int32_t id[CANDIDATES];
    float screened[CANDIDATES];
} candidates;

typedef struct maxima {
    sides sides;
    float margin;
    candidates *found; /* [threads, SAE_COSINE_QUERIES] */
    double *best;
    int32_t *argmax; /* may be NULL */
} maxima;

static candidates *found_for(const maxima *m, int thread, int64_t query)
{
    return &m->found[thread * SAE_COSINE_QUERIES + query % SAE_COSINE_QUERIES];
}

/* The winner among the candidates by exact value. They stand in ascending order of ids, so the first of equals is the
 * smallest. */
static int settle(const candidates *found, const sides *s, int64_t query, double *value)
{
    int winner = 0;
    for (int c = 0; c < found->count; c++) {
        double v = sae_cosine_exact(&s->queries, query, &s->keys, found->id[c]);
        if (c > 0 && v <= *value) continue;
        *value = v;
        winner = c;
    }
    return winner;
}

/* Makes room: first by dropping what the highest screened value has overtaken, then by settling. */
static void make_room(candidates *found, const maxima *m, int64_t query)
{
    int kept = 0;
    for (int c = 0; c < found->count; c++) {
        if (found->screened[c] < found->highest - m->margin) continue;
        found->id[kept] = found->id[c];
        found->screened[kept++] = found->screened[c];
    }
    found->count = kept;
    if (kept < CANDIDATES) return;
    double value;
    int winner = settle(found, &m->sides, query, &value);
    found->id[0] = found->id[winner];
    found->screened[0] = found->screened[winner];
    found->count = 1;
}

static void start_maximum(void *ud, int thread, int64_t query)
{
    *found_for(ud, thread, query) = (candidates){.highest = -HUGE_VALF};
}

static void scan_for_maximum(void *ud, int thread, int64_t query, int64_t first_key, int64_t count,
                             const float *screened)
{
    const maxima *m = ud;
    candidates *found = found_for(m, thread, query);
    float cut = found->highest - m->margin;
    int hits = 0;
    for (int64_t j = 0; j < count; j++) hits += screened[j] >= cut;
    for (int64_t j = 0; hits > 0 && j < count; j++) {
        float s = screened[j];
        if (s < cut) continue;
        if (s > found->highest) {
            found->highest = s;
            cut = s - m->margin;
        }
        if (found->count == CANDIDATES) make_room(found, m, query);
        found->id[found->count] = (int32_t)(first_key + j);
        found->screened[found->count++] = s;
    }
}

static void finish_maximum(void *ud, int thread, int64_t query)
{
    const maxima *m = ud;
    const candidates *found = found_for(m, thread, query);
    int winner = settle(found, &m->sides, query, &m->best[query]);
    if (m->argmax) m->argmax[query] = found->id[winner];
}

sae_status sae_max_cosine(const float *queries, int64_t n_queries, const float *keys, int64_t n_keys, int64_t d,
                          double *best, int32_t *argmax, const sae_env *env, sae_error *err)
{
    sae_status status;
    maxima m = {.margin = sae_cosine_margin(d), .best = best, .argmax = argmax};
    SAE_TRY(sides_new(&m.sides, queries, n_queries, keys, n_keys, d, env, err));
    size_t places = (size_t)sae_cosine_threads(&m.sides.queries, env) * SAE_COSINE_QUERIES;
    m.found = sae_alloc(places, sizeof *m.found);
    if (!m.found) SAE_TRY(sae_fail_memory(err, "candidates", places * sizeof *m.found));
    const sae_cosine_visitor visitor = {&m, start_maximum, scan_for_maximum, finish_maximum};
    SAE_TRY(sae_cosine_tiles(&m.sides.queries, &m.sides.keys, &visitor, env, err));
done:
    sae_free(m.found);
    sides_clear(&m.sides);
    return status;
}

/* ---- all pairs above a threshold ---------------------------------------------------------------------- */

typedef struct above {
    sides sides;
    double threshold, margin;
    void (*visit)(void *ud, int64_t i, int64_t j);
    void *ud;
} above;

/* Only what the screen leaves open is computed again. */
static void scan_above(void *ud, int thread, int64_t query, int64_t first_key, int64_t count, const float *screened)
{
    (void)thread;
    const above *a = ud;
    const sides *s = &a->sides;
    for (int64_t j = 0; j < count; j++) {
        double value = (double)screened[j];
        if (value < a->threshold - a->margin) continue;
        if (value < a->threshold + a->margin &&
            !(sae_cosine_exact(&s->queries, query, &s->keys, first_key + j) > a->threshold))
            continue;
#pragma omp critical(sae_cosine_above)
        a->visit(a->ud, query, first_key + j);
    }
}

sae_status sae_cosine_above(const float *queries, int64_t n_queries, const float *keys, int64_t n_keys, int64_t d,
                            double threshold, void (*visit)(void *ud, int64_t i, int64_t j), void *ud,
                            const sae_env *env, sae_error *err)
{
    sae_status status;
    above a = {.threshold = threshold, .margin = (double)sae_cosine_margin(d), .visit = visit, .ud = ud};
    SAE_TRY(sides_new(&a.sides, queries, n_queries, keys, n_keys, d, env, err));
    const sae_cosine_visitor visitor = {.ud = &a, .scan = scan_above};
    SAE_TRY(sae_cosine_tiles(&a.sides.queries, &a.sides.keys, &visitor, env, err));
done:
    sides_clear(&a.sides);
    return status;
}
