#include "analysis/assign.h"

#include "analysis/cosine_tiles.h"
#include "analysis/matching.h"
#include "base/alloc.h"
#include "base/error.h"
#include "base/parallel.h"

#include <math.h>
#include <stdlib.h>

/* A pair's weight is 2 + its cosine: above 0, so that among all pairs a matching of largest weight leaves no row of the
 * shorter matrix out, and the sum of cosines is the weight less twice the number of pairs. */
enum { SHIFT = 2 };

/* A pair that could make a larger sum: by how much its weight exceeds the column's dual. */
typedef struct offer {
    double value, weight;
    int32_t column;
} offer;

typedef struct pricing {
    sae_cosine_side rows, columns; /* of the shorter and the longer matrix */
    sae_matching matching;
    double margin;
    int kept;
    bool first;    /* nothing is matched yet: the best pairs of each row are wanted */
    offer *offers; /* [rows, kept] the best of each row; a heap with the smallest on top */
    int *n_offers; /* [rows] */
    sae_edge *edges;
    int64_t n_edges, capacity;
} pricing;

/* ---- offers --------------------------------------------------------------------------------------------------- */

/* The smaller value; of equals the one with the larger column. */
static bool worse(const offer *a, const offer *b)
{
    return a->value < b->value || (a->value == b->value && a->column > b->column);
}

static void sift_down(offer *heap, int count, offer entry)
{
    int at = 0;
    for (int child; (child = 2 * at + 1) < count; at = child) {
        if (child + 1 < count && worse(&heap[child + 1], &heap[child])) child++;
        if (!worse(&heap[child], &entry)) break;
        heap[at] = heap[child];
    }
    heap[at] = entry;
}

static void add_offer(pricing *p, int64_t row, offer entry)
{
    offer *heap = p->offers + row * p->kept;
    if (p->n_offers[row] == p->kept) {
        if (worse(&heap[0], &entry)) sift_down(heap, p->kept, entry);
        return;
    }
    int at = p->n_offers[row]++;
    for (; at > 0 && worse(&entry, &heap[(at - 1) / 2]); at = (at - 1) / 2) heap[at] = heap[(at - 1) / 2];
    heap[at] = entry;
}

/* What an offer of a row must exceed to be wanted: its dual, and the worst of its offers when there is no room. */
static double bar(const pricing *p, int64_t row)
{
    double dual = p->first ? -1 : p->matching.dual[0][row] + SAE_MATCHING_ROUNDING;
    return p->n_offers[row] == p->kept ? fmax(dual, p->offers[row * p->kept].value) : dual;
}

/* What the screen lets through is computed again, so that an offer that is dropped has a better one beside it. */
static void scan(void *ud, int thread, int64_t row, int64_t first_column, int64_t count, const float *screened)
{
    (void)thread;
    pricing *p = ud;
    const double *dual = p->matching.dual[1] + first_column;
    double wanted = bar(p, row);
    for (int64_t j = 0; j < count; j++) {
        if (SHIFT + (double)screened[j] - dual[j] < wanted - p->margin) continue;
        double weight = SHIFT + sae_cosine_exact(&p->columns, first_column + j, &p->rows, row);
        if (weight - dual[j] < wanted) continue;
        add_offer(p, row, (offer){weight - dual[j], weight, (int32_t)(first_column + j)});
        wanted = bar(p, row);
    }
}

/* ---- edges ------------------------------------------------------------------------------------------------------ */

static int by_row(const void *a_, const void *b_)
{
    const sae_edge *a = a_, *b = b_;
    if (a->row != b->row) return a->row < b->row ? -1 : 1;
    return (a->column > b->column) - (a->column < b->column);
}

/* Offers become edges. An edge that is there already is covered by its duals, and so is never offered again. */
static sae_status take_offers(pricing *p, int64_t *taken, sae_error *err)
{
    *taken = 0;
    for (int64_t i = 0; i < p->rows.n; i++) *taken += p->n_offers[i];
    int64_t needed = p->n_edges + *taken;
    if (needed > p->capacity) {
        sae_edge *grown = sae_realloc(p->edges, (size_t)needed, sizeof *grown);
        if (!grown) return sae_fail_memory(err, "pairs of latents", (size_t)needed * sizeof *grown);
        p->edges = grown;
        p->capacity = needed;
    }
    for (int64_t i = 0; i < p->rows.n; i++)
        for (int o = 0; o < p->n_offers[i]; o++) {
            const offer *f = &p->offers[i * p->kept + o];
            p->edges[p->n_edges++] = (sae_edge){(int32_t)i, f->column, f->weight};
        }
    if (*taken > 0) qsort(p->edges, (size_t)p->n_edges, sizeof *p->edges, by_row);
    return SAE_OK;
}

static void pricing_clear(pricing *p)
{
    sae_cosine_side_clear(&p->rows);
    sae_cosine_side_clear(&p->columns);
    sae_matching_clear(&p->matching);
    sae_free(p->offers);
    sae_free(p->n_offers);
    sae_free(p->edges);
}

static sae_status pricing_new(pricing *p, const float *rows, int64_t n_rows, const float *columns, int64_t n_columns,
                              int64_t d, int kept, const sae_env *env, sae_error *err)
{
    sae_status status;
    *p = (pricing){.first = true, .margin = (double)sae_cosine_margin(d), .kept = kept};
    SAE_TRY(sae_cosine_side_new(&p->rows, rows, n_rows, d, env, err));
    SAE_TRY(sae_cosine_side_new(&p->columns, columns, n_columns, d, env, err));
    SAE_TRY(sae_matching_new(&p->matching, n_rows, n_columns, err));
    p->n_offers = sae_alloc((size_t)n_rows, sizeof *p->n_offers);
    p->offers = sae_alloc((size_t)n_rows, (size_t)kept * sizeof *p->offers);
    if (!p->n_offers || !p->offers)
        SAE_TRY(sae_fail_memory(err, "pairs of latents", (size_t)n_rows * (size_t)kept * sizeof *p->offers));
done:
    return status;
}

sae_status sae_assign(const float *a, int64_t n_a, const float *b, int64_t n_b, int64_t d, int kept, int32_t *partner_a,
                      int32_t *partner_b, int *rounds, const sae_env *env, sae_error *err)
{
    sae_status status;
    pricing p;
    bool a_first = n_a <= n_b;
    int round = 0;
    int64_t taken;
    SAE_TRY(
        pricing_new(&p, a_first ? a : b, a_first ? n_a : n_b, a_first ? b : a, a_first ? n_b : n_a, d, kept, env, err));
    const sae_cosine_visitor visitor = {.ud = &p, .scan = scan};
    do {
        for (int64_t i = 0; i < p.rows.n; i++) p.n_offers[i] = 0;
        SAE_TRY(sae_cosine_tiles(&p.rows, &p.columns, &visitor, env, err));
        SAE_TRY(take_offers(&p, &taken, err));
        if (taken > 0) SAE_TRY(sae_matching_improve(&p.matching, p.edges, p.n_edges, env, err));
        p.first = false;
        round++;
    } while (taken > 0);
    for (int side = 0; side < 2; side++) {
        int32_t *partner = (side == 0) == a_first ? partner_a : partner_b;
        for (int64_t i = 0; i < p.matching.n[side]; i++) partner[i] = p.matching.mate[side][i];
    }
    if (rounds) *rounds = round;
done:
    pricing_clear(&p);
    return status;
}
