#include "analysis/matching.h"

#include "base/alloc.h"
#include "base/error.h"

#include <math.h>

/* Neighbours of the vertices of one side. */
typedef struct links {
    int64_t *offsets; /* [n + 1] */
    int32_t *to;
    double *weight;
} links;

typedef struct heap_entry {
    double distance;
    int32_t vertex;
} heap_entry;

/* A search from one vertex. "Near" is its side, "far" the other; all arrays are for both sides, so that searches start
 * from either. */
typedef struct search {
    sae_matching *m;
    links from[2];
    double *distance[2]; /* infinite where the search has not been */
    int32_t *parent[2];  /* of a far vertex: the near one it was reached from */
    int32_t *seen[2];    /* near vertices in the tree, far vertices with a distance */
    int64_t n_seen[2];
    heap_entry *heap;
    int64_t n_heap;
} search;

/* ---- the matching ------------------------------------------------------------------------------------------ */

void sae_matching_clear(sae_matching *m)
{
    for (int side = 0; side < 2; side++) {
        sae_free(m->mate[side]);
        sae_free(m->dual[side]);
    }
    *m = (sae_matching){0};
}

sae_status sae_matching_new(sae_matching *m, int64_t rows, int64_t columns, sae_error *err)
{
    *m = (sae_matching){.n = {rows, columns}};
    for (int side = 0; side < 2; side++) {
        m->mate[side] = sae_alloc((size_t)m->n[side], sizeof *m->mate[side]);
        m->dual[side] = sae_calloc((size_t)m->n[side], sizeof *m->dual[side]);
        if (!m->mate[side] || !m->dual[side]) {
            sae_matching_clear(m);
            return sae_fail_memory(err, "a matching", (size_t)(rows + columns) * (sizeof(double) + sizeof(int32_t)));
        }
        for (int64_t i = 0; i < m->n[side]; i++) m->mate[side][i] = -1;
    }
    return SAE_OK;
}

/* ---- the graph --------------------------------------------------------------------------------------------- */

static void search_clear(search *s)
{
    for (int side = 0; side < 2; side++) {
        sae_free(s->from[side].offsets);
        sae_free(s->from[side].to);
        sae_free(s->from[side].weight);
        sae_free(s->distance[side]);
        sae_free(s->parent[side]);
        sae_free(s->seen[side]);
    }
    sae_free(s->heap);
}

/* Neighbours of each vertex of `side`, in the order of the edges. */
static void fill_links(links *l, int64_t n, int side, const sae_edge *edges, int64_t n_edges)
{
    for (int64_t i = 0; i <= n; i++) l->offsets[i] = 0;
    for (int64_t e = 0; e < n_edges; e++) l->offsets[(side ? edges[e].column : edges[e].row) + 1]++;
    for (int64_t i = 0; i < n; i++) l->offsets[i + 1] += l->offsets[i];
    for (int64_t e = 0; e < n_edges; e++) { /* each offset moves to the end of its part … */
        int64_t at = l->offsets[side ? edges[e].column : edges[e].row]++;
        l->to[at] = side ? edges[e].row : edges[e].column;
        l->weight[at] = edges[e].weight;
    }
    for (int64_t i = n; i > 0; i--) l->offsets[i] = l->offsets[i - 1]; /* … which is where the next begins */
    l->offsets[0] = 0;
}

static sae_status search_new(search *s, sae_matching *m, const sae_edge *edges, int64_t n_edges, sae_error *err)
{
    *s = (search){.m = m, .heap = sae_alloc((size_t)n_edges + 1, sizeof *s->heap)};
    bool whole = s->heap != NULL;
    for (int side = 0; side < 2; side++) {
        size_t n = (size_t)m->n[side];
        s->from[side].offsets = sae_alloc(n + 1, sizeof *s->from[side].offsets);
        s->from[side].to = sae_alloc((size_t)n_edges, sizeof *s->from[side].to);
        s->from[side].weight = sae_alloc((size_t)n_edges, sizeof *s->from[side].weight);
        s->distance[side] = sae_alloc(n, sizeof *s->distance[side]);
        s->parent[side] = sae_alloc(n, sizeof *s->parent[side]);
        s->seen[side] = sae_alloc(n, sizeof *s->seen[side]);
        whole = whole && s->from[side].offsets && s->from[side].to && s->from[side].weight && s->distance[side] &&
                s->parent[side] && s->seen[side];
        if (!whole) return sae_fail_memory(err, "a graph of cosines", (size_t)n_edges * 2 * sizeof(sae_edge));
        for (size_t i = 0; i < n; i++) s->distance[side][i] = HUGE_VAL;
        fill_links(&s->from[side], m->n[side], side, edges, n_edges);
    }
    return SAE_OK;
}

/* ---- a heap of far vertices, nearest first, the smaller id of equals ---------------------------------------- */

static bool before(heap_entry a, heap_entry b)
{
    return a.distance < b.distance || (a.distance == b.distance && a.vertex < b.vertex);
}

static void push(search *s, heap_entry entry)
{
    int64_t at = s->n_heap++;
    for (; at > 0 && before(entry, s->heap[(at - 1) / 2]); at = (at - 1) / 2) s->heap[at] = s->heap[(at - 1) / 2];
    s->heap[at] = entry;
}

static heap_entry pop(search *s)
{
    heap_entry top = s->heap[0], last = s->heap[--s->n_heap];
    int64_t at = 0;
    for (int64_t child; (child = 2 * at + 1) < s->n_heap; at = child) {
        if (child + 1 < s->n_heap && before(s->heap[child + 1], s->heap[child])) child++;
        if (!before(s->heap[child], last)) break;
        s->heap[at] = s->heap[child];
    }
    s->heap[at] = last;
    return top;
}

/* ---- one search ---------------------------------------------------------------------------------------------- */

/* Where a search ends: at a far vertex without a mate, which gets one, or at a near vertex that gives its mate up
 * because its dual would fall to 0. */
typedef struct terminal {
    double distance;
    int32_t far, near; /* one of them is −1 */
} terminal;

/* Takes the near vertex i, `distance` away, into the tree. */
static void scan(search *s, int near, int32_t i, double distance, terminal *end)
{
    int far = 1 - near;
    const double *dual = s->m->dual[far];
    const links *l = &s->from[near];
    double own = s->m->dual[near][i];
    s->distance[near][i] = distance;
    s->seen[near][s->n_seen[near]++] = i;
    if (distance + own < end->distance) *end = (terminal){distance + own, -1, i};
    for (int64_t e = l->offsets[i]; e < l->offsets[i + 1]; e++) {
        int32_t j = l->to[e];
        double step = own + dual[j] - l->weight[e], at = distance + (step > 0 ? step : 0);
        if (at >= s->distance[far][j] || at >= end->distance) continue;
        if (s->distance[far][j] == HUGE_VAL) s->seen[far][s->n_seen[far]++] = j;
        s->distance[far][j] = at;
        s->parent[far][j] = i;
        push(s, (heap_entry){at, j});
    }
}

static terminal find_end(search *s, int near, int32_t start)
{
    int far = 1 - near;
    terminal end = {HUGE_VAL, -1, -1};
    scan(s, near, start, 0, &end);
    while (s->n_heap > 0 && s->heap[0].distance < end.distance) {
        heap_entry nearest = pop(s);
        if (nearest.distance > s->distance[far][nearest.vertex]) continue; /* a shorter way was found since */
        int32_t mate = s->m->mate[far][nearest.vertex];
        if (mate < 0) return (terminal){nearest.distance, nearest.vertex, -1};
        if (s->distance[near][mate] == HUGE_VAL) scan(s, near, mate, nearest.distance, &end);
    }
    return end;
}

/* Duals fall in the tree's near side and rise in its far side until the end is reached, then the path to it changes
 * from unmatched to matched. */
static void augment(search *s, int near, int32_t start)
{
    sae_matching *m = s->m;
    int far = 1 - near;
    s->n_seen[0] = s->n_seen[1] = s->n_heap = 0;
    terminal end = find_end(s, near, start);
    for (int64_t i = 0; i < s->n_seen[near]; i++) {
        int32_t v = s->seen[near][i];
        if (s->distance[near][v] < end.distance)
            m->dual[near][v] = fmax(0, m->dual[near][v] - (end.distance - s->distance[near][v]));
        s->distance[near][v] = HUGE_VAL;
    }
    for (int64_t i = 0; i < s->n_seen[far]; i++) {
        int32_t v = s->seen[far][i];
        if (s->distance[far][v] < end.distance) m->dual[far][v] += end.distance - s->distance[far][v];
        s->distance[far][v] = HUGE_VAL;
    }
    int32_t free_far = end.far;
    if (free_far < 0) { /* the near vertex at the end lets its mate go */
        m->dual[near][end.near] = 0;
        free_far = m->mate[near][end.near];
        m->mate[near][end.near] = -1;
    }
    while (free_far >= 0) {
        int32_t i = s->parent[far][free_far], next = m->mate[near][i];
        m->mate[near][i] = free_far;
        m->mate[far][free_far] = i;
        free_far = i == start ? -1 : next;
    }
}

/* ---- improvement ---------------------------------------------------------------------------------------------- */

/* Raises the duals of rows until every edge is covered; a row whose mate is then no longer one of its best gives it
 * up. */
static void cover(search *s)
{
    sae_matching *m = s->m;
    const links *l = &s->from[0];
    for (int64_t i = 0; i < m->n[0]; i++) {
        double needed = m->dual[0][i];
        for (int64_t e = l->offsets[i]; e < l->offsets[i + 1]; e++)
            needed = fmax(needed, l->weight[e] - m->dual[1][l->to[e]]);
        if (needed <= m->dual[0][i] + SAE_MATCHING_ROUNDING) continue;
        m->dual[0][i] = needed;
        if (m->mate[0][i] < 0) continue;
        m->mate[1][m->mate[0][i]] = -1;
        m->mate[0][i] = -1;
    }
}

sae_status sae_matching_improve(sae_matching *m, const sae_edge *edges, int64_t n_edges, const sae_env *env,
                                sae_error *err)
{
    enum { BETWEEN_REPORTS = 64 };
    sae_status status;
    search s = {0};
    SAE_TRY(search_new(&s, m, edges, n_edges, err));
    cover(&s);
    for (int near = 0; near < 2; near++)
        for (int64_t i = 0; i < m->n[near]; i++) {
            if (i % BETWEEN_REPORTS == 0) {
                if (sae_should_stop(env)) SAE_TRY(sae_fail(err, SAE_E_INTERRUPTED, "stopped while matching latents"));
                sae_report_progress(env, "one-to-one pairs", "latents", (double)(near * m->n[0] + i),
                                    (double)(m->n[0] + m->n[1]), NULL);
            }
            if (m->mate[near][i] < 0 && m->dual[near][i] > 0) augment(&s, near, (int32_t)i);
        }
done:
    search_clear(&s);
    return status;
}
