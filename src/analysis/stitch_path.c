#include "analysis/stitch_path.h"

#include "base/alloc.h"
#include "base/error.h"
#include "base/rng.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static double sign_of(const sae_quadratic *form, int64_t latent)
{
    return latent < form->n_small ? -1 : 1;
}

/* ---- steps ------------------------------------------------------------------------------------------------- */

void sae_stitch_walk_clear(sae_stitch_walk *walk)
{
    sae_free(walk->own);
    sae_free(walk->cross);
    sae_free(walk->r_delta);
    sae_free(walk->l0);
    *walk = (sae_stitch_walk){0};
}

sae_status sae_stitch_walk_make(sae_stitch_walk *out, const sae_quadratic *form, const sae_stitch_graph *graph,
                                sae_error *err)
{
    size_t n = (size_t)graph->n_operations;
    sae_stitch_walk w = {.form = form, .graph = graph, .state = {.rr = form->yy, .r_delta = form->y_delta}};
    w.own = sae_calloc(n, sizeof *w.own);
    w.cross = sae_calloc(n, sizeof *w.cross);
    w.r_delta = sae_calloc(n, sizeof *w.r_delta);
    w.l0 = sae_calloc(n, sizeof *w.l0);
    if (!w.own || !w.cross || !w.r_delta || !w.l0) {
        sae_stitch_walk_clear(&w);
        return sae_fail_memory(err, "operations", n * 4 * sizeof(double));
    }
    for (int64_t i = 0; i < form->n; i++) {
        int32_t o = graph->operation_of[i];
        double sign = sign_of(form, i), within = 0, of_a = 0;
        for (int64_t e = form->q.offsets[i]; e < form->q.offsets[i + 1]; e++) {
            int32_t j = form->q.columns[e];
            if (graph->operation_of[j] == o) within += sign_of(form, j) * form->q.values[e];
            if (j < form->n_small) of_a += form->q.values[e];
        }
        w.own[o] += sign * (within - 2 * form->h[i]);
        w.cross[o] += 2 * sign * of_a;
        w.r_delta[o] -= sign * form->v[i];
        w.l0[o] += sign * form->density[i];
        if (i >= form->n_small) continue;
        w.state.rr += of_a - 2 * form->h[i];
        w.state.r_delta -= form->v[i];
        w.state.l0 += form->density[i];
    }
    *out = w;
    return SAE_OK;
}

static sae_quadratic_sums after(const sae_stitch_walk *w, int64_t o)
{
    sae_quadratic_sums s = w->state;
    s.rr += w->own[o] + w->cross[o];
    s.r_delta += w->r_delta[o];
    s.l0 += w->l0[o];
    s.inserted += w->graph->operations[o].n_large;
    s.removed += w->graph->operations[o].n_small;
    return s;
}

static void step(sae_stitch_walk *w, int64_t o)
{
    const sae_stitch_operation *operation = &w->graph->operations[o];
    w->state = after(w, o);
    for (int64_t m = 0; m < operation->n_small + operation->n_large; m++) {
        int32_t i = operation->members[m];
        double sign = sign_of(w->form, i);
        for (int64_t e = w->form->q.offsets[i]; e < w->form->q.offsets[i + 1]; e++) {
            int32_t j = w->form->q.columns[e];
            w->cross[w->graph->operation_of[j]] += 2 * sign * sign_of(w->form, j) * w->form->q.values[e];
        }
    }
}

void sae_stitch_effects(const sae_stitch_walk *w, double *effects)
{
    double base = sae_quadratic_mse(w->form, &w->state);
    for (int64_t o = 0; o < w->graph->n_operations; o++) {
        sae_quadratic_sums s = after(w, o);
        effects[o] = sae_quadratic_mse(w->form, &s) - base;
    }
}

/* ---- orders -------------------------------------------------------------------------------------------------- */

typedef struct keyed {
    int group;         /* lower groups come first, */
    double key;        /* in a group smaller keys, */
    int32_t operation; /* and of equals the smaller number */
} keyed;

static int in_order(const void *a, const void *b)
{
    const keyed *x = a, *y = b;
    if (x->group != y->group) return x->group < y->group ? -1 : 1;
    if (x->key != y->key) return x->key < y->key ? -1 : 1;
    return (x->operation > y->operation) - (x->operation < y->operation);
}

/* The operations' own order is by cosine already, but for insertions. */
static keyed by_cosine(const sae_quadratic *form, const sae_stitch_graph *graph, int32_t o)
{
    const sae_stitch_operation *operation = &graph->operations[o];
    int32_t first = operation->members[0];
    bool insert = operation->phase == SAE_STITCH_INSERT;
    return (keyed){(int)operation->phase, insert ? -form->density[first] * form->top[first] : 0, o};
}

static keyed by_effect(const sae_stitch_graph *graph, const double *effects, int32_t o)
{
    bool first = graph->operations[o].phase == SAE_STITCH_INSERT && effects[o] < 0;
    return (keyed){first ? 0 : 1, effects[o], o};
}

static sae_status sort(bool cosine, const sae_quadratic *form, const sae_stitch_graph *graph, const double *effects,
                       int32_t *out, sae_error *err)
{
    int64_t n = graph->n_operations;
    keyed *keys = sae_alloc((size_t)n, sizeof *keys);
    if (!keys) return sae_fail_memory(err, "an order of operations", (size_t)n * sizeof *keys);
    for (int32_t o = 0; o < n; o++) keys[o] = cosine ? by_cosine(form, graph, o) : by_effect(graph, effects, o);
    qsort(keys, (size_t)n, sizeof *keys, in_order);
    for (int64_t o = 0; o < n; o++) out[o] = keys[o].operation;
    sae_free(keys);
    return SAE_OK;
}

static sae_status shuffle(int64_t n, uint64_t seed, int32_t *out, sae_error *err)
{
    sae_rng rng = sae_rng_make(seed, "stitching", 0);
    int64_t *items = sae_alloc((size_t)n, sizeof *items);
    if (!items) return sae_fail_memory(err, "an order of operations", (size_t)n * sizeof *items);
    for (int64_t o = 0; o < n; o++) items[o] = o;
    sae_rng_shuffle_i64(&rng, items, n);
    for (int64_t o = 0; o < n; o++) out[o] = (int32_t)items[o];
    sae_free(items);
    return SAE_OK;
}

/* out holds the operations that are left behind those that are done; they stay in ascending order, so that the first of
 * equals is the one with the smaller number. */
static sae_status choose_greedily(const sae_quadratic *form, const sae_stitch_graph *graph, int32_t *out,
                                  const sae_env *env, sae_error *err)
{
    sae_stitch_walk w = {0};
    int64_t n = graph->n_operations;
    sae_status status;
    SAE_TRY(sae_stitch_walk_make(&w, form, graph, err));
    for (int32_t o = 0; o < n; o++) out[o] = o;
    for (int64_t done = 0; done < n; done++) {
        if (sae_should_stop(env)) SAE_TRY(sae_fail(err, SAE_E_INTERRUPTED, "stopped while stitching"));
        int64_t best = done;
        double lowest = INFINITY;
        for (int64_t at = done; at < n; at++) {
            sae_quadratic_sums s = after(&w, out[at]);
            double mse = sae_quadratic_mse(form, &s);
            if (mse >= lowest) continue;
            lowest = mse;
            best = at;
        }
        int32_t chosen = out[best];
        memmove(out + done + 1, out + done, (size_t)(best - done) * sizeof *out);
        out[done] = chosen;
        step(&w, chosen);
        if (done % 256 == 0) sae_report_progress(env, "greedy order", "operations", (double)done, (double)n, NULL);
    }
done:
    sae_stitch_walk_clear(&w);
    return status;
}

sae_status sae_stitch_arrange(sae_stitch_order order, const sae_quadratic *form, const sae_stitch_graph *graph,
                              const double *effects, uint64_t seed, int32_t *out, const sae_env *env, sae_error *err)
{
    switch (order) {
    case SAE_STITCH_GREEDY:
        return choose_greedily(form, graph, out, env, err);
    case SAE_STITCH_RANDOM:
        return shuffle(graph->n_operations, seed, out, err);
    default:
        return sort(order == SAE_STITCH_COSINE, form, graph, effects, out, err);
    }
}

/* ---- the path ------------------------------------------------------------------------------------------------ */

static void add_entry(sae_stitch_path *path, const sae_quadratic *form, const sae_quadratic_sums *s,
                      sae_stitch_phase phase, int64_t operations)
{
    double mse = sae_quadratic_mse(form, s);
    path->entries[path->n_entries++] = (sae_stitch_entry){
        .phase = phase,
        .operations = operations,
        .inserted = s->inserted,
        .removed = s->removed,
        .quality = {.mse = mse, .fvu = form->variance > 0 ? mse / form->variance : NAN, .l0 = s->l0},
        .ce = NAN,
    };
}

sae_status sae_stitch_follow(const sae_quadratic *form, const sae_stitch_graph *graph, const int32_t *order,
                             int64_t every, sae_stitch_path *out, sae_error *err)
{
    sae_status status;
    sae_stitch_walk w = {0};
    int64_t n = graph->n_operations;
    sae_stitch_path path = {.entries = sae_alloc((size_t)(n / every) + 2, sizeof *path.entries)};
    if (!path.entries) SAE_TRY(sae_fail_memory(err, "a path", (size_t)(n / every) * sizeof *path.entries));
    SAE_TRY(sae_stitch_walk_make(&w, form, graph, err));
    add_entry(&path, form, &w.state, SAE_STITCH_START, 0);
    double last = path.entries[0].quality.mse;
    path.highest_mse = last;
    for (int64_t done = 1; done <= n; done++) {
        int32_t o = order[done - 1];
        step(&w, o);
        double mse = sae_quadratic_mse(form, &w.state);
        path.rises += mse > last * (1 + 1e-12); /* what is not rounding */
        if (mse > path.highest_mse) path.highest_mse = mse;
        if (done % every == 0 || done == n) add_entry(&path, form, &w.state, graph->operations[o].phase, done);
        last = mse;
    }
    *out = path;
    path.entries = NULL;
done:
    sae_free(path.entries);
    sae_stitch_walk_clear(&w);
    return status;
}
