#include "analysis/stitch_graph.h"

#include "analysis/cosine.h"
#include "base/alloc.h"
#include "base/error.h"

#include <math.h>
#include <stdlib.h>

/* ---- components: a forest in which each latent points towards its component's smallest member ------------------ */

typedef struct forest {
    int64_t n_small;
    int32_t *parent; /* [n_A + n_B] */
} forest;

static int32_t root_of(int32_t *parent, int32_t i)
{
    while (parent[i] != i) {
        parent[i] = parent[parent[i]];
        i = parent[i];
    }
    return i;
}

static void join(void *ud, int64_t large, int64_t small)
{
    const forest *f = ud;
    int32_t a = root_of(f->parent, (int32_t)small), b = root_of(f->parent, (int32_t)(f->n_small + large));
    if (a < b)
        f->parent[b] = a;
    else
        f->parent[a] = b;
}

/* ---- operations -------------------------------------------------------------------------------------------------- */

/* A component on its way to an operation. */
typedef struct component {
    sae_stitch_operation operation;
    double max_cos;
    int32_t root, first_large;
} component;

static int in_order(const void *a, const void *b)
{
    const component *x = a, *y = b;
    if (x->operation.phase != y->operation.phase) return x->operation.phase < y->operation.phase ? -1 : 1;
    if (x->operation.phase == SAE_STITCH_SWAP) {
        if (x->max_cos != y->max_cos) return x->max_cos > y->max_cos ? -1 : 1;
        return (x->first_large > y->first_large) - (x->first_large < y->first_large);
    }
    return (x->root > y->root) - (x->root < y->root);
}

/* The components, members still unset; place [n]: of a root its component. */
static int64_t gather(const forest *f, int64_t n, const double *max_cos, component *components, int32_t *place)
{
    int64_t count = 0;
    for (int64_t i = 0; i < n; i++) {
        int32_t root = root_of(f->parent, (int32_t)i);
        if (root == i) {
            place[i] = (int32_t)count;
            components[count++] = (component){.root = root, .max_cos = NAN, .first_large = INT32_MAX};
        }
        component *c = &components[place[root]];
        if (i < f->n_small) {
            c->operation.n_small++;
            continue;
        }
        int32_t large = (int32_t)(i - f->n_small);
        if (c->operation.n_large++ == 0) c->first_large = large;
        if (!(max_cos[large] <= c->max_cos)) c->max_cos = max_cos[large];
    }
    for (int64_t c = 0; c < count; c++) {
        sae_stitch_operation *o = &components[c].operation;
        o->phase = o->n_small == 0 ? SAE_STITCH_INSERT : o->n_large == 0 ? SAE_STITCH_REMOVE : SAE_STITCH_SWAP;
        if (o->phase != SAE_STITCH_SWAP) components[c].max_cos = NAN;
    }
    return count;
}

/* Latents one after another go to the end of their operation's members. */
static void fill(sae_stitch_graph *g, const forest *f, int64_t n, const component *components, int32_t *place,
                 int64_t *ends)
{
    int64_t end = 0;
    for (int64_t o = 0; o < g->n_operations; o++) {
        g->operations[o] = components[o].operation;
        g->operations[o].members = g->members + end;
        g->max_cos[o] = components[o].max_cos;
        g->n_insert += g->operations[o].phase == SAE_STITCH_INSERT;
        g->n_swap += g->operations[o].phase == SAE_STITCH_SWAP;
        g->n_remove += g->operations[o].phase == SAE_STITCH_REMOVE;
        place[components[o].root] = (int32_t)o;
        ends[o] = end;
        end += g->operations[o].n_small + g->operations[o].n_large;
    }
    for (int64_t i = 0; i < n; i++) {
        int32_t o = place[root_of(f->parent, (int32_t)i)];
        g->operation_of[i] = o;
        g->members[ends[o]++] = (int32_t)i;
    }
}

void sae_stitch_graph_clear(sae_stitch_graph *g)
{
    sae_free(g->operations);
    sae_free(g->max_cos);
    sae_free(g->operation_of);
    sae_free(g->members);
    *g = (sae_stitch_graph){0};
}

sae_status sae_stitch_graph_make(sae_stitch_graph *out, const float *small, int64_t n_small, const float *large,
                                 int64_t n_large, int64_t d, double threshold, const double *max_cos,
                                 const sae_env *env, sae_error *err)
{
    sae_status status = SAE_OK;
    size_t n = (size_t)(n_small + n_large);
    sae_stitch_graph g = {0};
    forest f = {.n_small = n_small, .parent = sae_alloc(n, sizeof *f.parent)};
    component *components = sae_alloc(n, sizeof *components);
    int32_t *place = sae_alloc(n, sizeof *place);
    int64_t *ends = sae_alloc(n, sizeof *ends);
    g.operation_of = sae_alloc(n, sizeof *g.operation_of);
    g.members = sae_alloc(n, sizeof *g.members);
    if (!f.parent || !components || !place || !ends || !g.operation_of || !g.members)
        SAE_TRY(sae_fail_memory(err, "a graph of latents", n * (sizeof *components + 16)));
    for (size_t i = 0; i < n; i++) f.parent[i] = (int32_t)i;
    SAE_TRY(sae_cosine_above(large, n_large, small, n_small, d, threshold, join, &f, env, err));
    g.n_operations = gather(&f, (int64_t)n, max_cos, components, place);
    qsort(components, (size_t)g.n_operations, sizeof *components, in_order);
    g.operations = sae_alloc((size_t)g.n_operations, sizeof *g.operations);
    g.max_cos = sae_alloc((size_t)g.n_operations, sizeof *g.max_cos);
    if (!g.operations || !g.max_cos)
        SAE_TRY(sae_fail_memory(err, "operations", (size_t)g.n_operations * sizeof *g.operations));
    fill(&g, &f, (int64_t)n, components, place, ends);
    *out = g;
    g = (sae_stitch_graph){0};
done:
    sae_free(f.parent);
    sae_free(components);
    sae_free(place);
    sae_free(ends);
    sae_stitch_graph_clear(&g);
    return status;
}
