/* One-to-one pairs against every permutation of small sets and against a dense algorithm on larger ones; what must not
 * matter; matchings by their dual certificate. */
#include "io/temp.h"

#include "analysis/assign.h"
#include "analysis/cosine.h"
#include "analysis/matching.h"
#include "analysis/random_rows.h"
#include "base/rng.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

static double cosine(const float *a, const float *b, int64_t d)
{
    double aa = sae_dot_double(a, a, d), bb = sae_dot_double(b, b, d);
    return aa > 0 && bb > 0 ? sae_dot_double(a, b, d) / sqrt(aa * bb) : 0;
}

/* cos [n_a, n_b] */
static double *all_cosines(const float *a, int64_t n_a, const float *b, int64_t n_b, int64_t d)
{
    double *cos = malloc((size_t)(n_a * n_b) * sizeof *cos);
    for (int64_t i = 0; i < n_a; i++)
        for (int64_t j = 0; j < n_b; j++) cos[i * n_b + j] = cosine(a + i * d, b + j * d, d);
    return cos;
}

static float *random_rows(uint64_t seed, int64_t n, int64_t d)
{
    float *rows = malloc((size_t)(n * d) * sizeof *rows);
    sae_random_rows(seed, n, d, rows, NULL);
    return rows;
}

/* The pairs are one-to-one, complete, say the same from both sides; returns their sum of cosines. */
static double sum_of(const int32_t *partner_a, int64_t n_a, const int32_t *partner_b, int64_t n_b, const double *cos)
{
    int64_t pairs = 0;
    double sum = 0;
    for (int64_t i = 0; i < n_a; i++) {
        if (partner_a[i] < 0) continue;
        assert_true(partner_a[i] < n_b);
        assert_int_equal(partner_b[partner_a[i]], i);
        sum += cos[i * n_b + partner_a[i]];
        pairs++;
    }
    int64_t back = 0;
    for (int64_t j = 0; j < n_b; j++) back += partner_b[j] >= 0;
    assert_int_equal(pairs, n_a < n_b ? n_a : n_b);
    assert_int_equal(back, pairs);
    return sum;
}

static double assign(const float *a, int64_t n_a, const float *b, int64_t n_b, int64_t d, int kept, int threads,
                     const double *cos, int32_t *partner_a, int *rounds)
{
    sae_error err;
    int32_t *own = malloc((size_t)n_a * sizeof *own), *partner_b = malloc((size_t)n_b * sizeof *partner_b);
    assert_ok(sae_assign(a, n_a, b, n_b, d, kept, own, partner_b, rounds, &(sae_env){.threads = threads}, &err));
    double sum = sum_of(own, n_a, partner_b, n_b, cos);
    if (partner_a) memcpy(partner_a, own, (size_t)n_a * sizeof *own);
    free(own);
    free(partner_b);
    return sum;
}

/* ---- every permutation ------------------------------------------------------------------------------------ */

static double best_sum(const double *cos, int64_t n_a, int64_t n_b, int64_t row, unsigned used)
{
    if (row == n_a) return 0;
    double best = -HUGE_VAL;
    for (int64_t j = 0; j < n_b; j++)
        if (!(used >> j & 1)) best = fmax(best, cos[row * n_b + j] + best_sum(cos, n_a, n_b, row + 1, used | 1u << j));
    return best;
}

static void every_permutation(void **state)
{
    (void)state;
    for (uint64_t trial = 0; trial < 60; trial++) {
        int64_t n_a = 1 + (int64_t)(trial % 6), n_b = n_a + (int64_t)(trial % 3), d = 1 + (int64_t)(trial % 5);
        float *a = random_rows(2 * trial, n_a, d), *b = random_rows(2 * trial + 1, n_b, d);
        if (trial % 4 == 0) memcpy(b, a, (size_t)d * sizeof *a);                 /* equal rows, */
        if (trial % 5 == 0) memset(b + (n_b - 1) * d, 0, (size_t)d * sizeof *b); /* rows of zeros, */
        if (trial % 7 == 0)
            for (int64_t j = 0; j < d; j++) b[j] = -a[j]; /* opposite ones */
        double *cos = all_cosines(a, n_a, b, n_b, d), expected = best_sum(cos, n_a, n_b, 0, 0);
        for (int kept = 1; kept < 4; kept++)
            assert_true(fabs(assign(a, n_a, b, n_b, d, kept, 2, cos, NULL, NULL) - expected) < 1e-10);
        free(cos);
        free(a);
        free(b);
    }
}

/* ---- a dense algorithm ---------------------------------------------------------------------------------------- */

/* Hungarian algorithm in O(n³) on the whole matrix (row by row, potentials, rows ≤ columns); returns the largest sum.
 */
static double dense_sum(const double *cos, int64_t n_a, int64_t n_b)
{
    double *u = calloc((size_t)n_a + 1, sizeof *u), *v = calloc((size_t)n_b + 1, sizeof *v);
    double *least = malloc(((size_t)n_b + 1) * sizeof *least), sum = 0;
    int64_t *row_of = calloc((size_t)n_b + 1, sizeof *row_of), *way = calloc((size_t)n_b + 1, sizeof *way);
    bool *used = malloc((size_t)n_b + 1);
    for (int64_t i = 1; i <= n_a; i++) {
        int64_t j = 0;
        row_of[0] = i;
        for (int64_t k = 0; k <= n_b; k++) least[k] = HUGE_VAL;
        memset(used, 0, (size_t)n_b + 1);
        do {
            int64_t from = row_of[j], next = 0;
            double delta = HUGE_VAL;
            used[j] = true;
            for (int64_t k = 1; k <= n_b; k++) {
                if (used[k]) continue;
                double reduced = -cos[(from - 1) * n_b + k - 1] - u[from] - v[k];
                if (reduced < least[k]) {
                    least[k] = reduced;
                    way[k] = j;
                }
                if (least[k] < delta) {
                    delta = least[k];
                    next = k;
                }
            }
            for (int64_t k = 0; k <= n_b; k++) {
                if (used[k]) {
                    u[row_of[k]] += delta;
                    v[k] -= delta;
                } else {
                    least[k] -= delta;
                }
            }
            j = next;
        } while (row_of[j] != 0);
        for (; j != 0; j = way[j]) row_of[j] = row_of[way[j]];
    }
    for (int64_t k = 1; k <= n_b; k++)
        if (row_of[k]) sum += cos[(row_of[k] - 1) * n_b + k - 1];
    free(u);
    free(v);
    free(least);
    free(row_of);
    free(way);
    free(used);
    return sum;
}

static float *near_rows(const float *a, int64_t n_a, int64_t n, int64_t d, uint64_t seed)
{
    float *b = random_rows(seed, n, d);
    for (int64_t i = 0; i < n; i += 2) /* every other row near one of a, several near the same */
        for (int64_t j = 0; j < d; j++) b[i * d + j] = a[(i % (n_a / 2)) * d + j] + 0.5f * b[i * d + j];
    return b;
}

/* However few rows are kept at first, and whichever matrix is longer, the sum is the largest. */
static void dense_algorithm(void **state)
{
    (void)state;
    const int64_t sizes[][3] = {{120, 120, 8}, {100, 260, 16}, {300, 301, 4}, {270, 530, 24}};
    for (size_t s = 0; s < 4; s++) {
        int64_t n_a = sizes[s][0], n_b = sizes[s][1], d = sizes[s][2];
        float *a = random_rows(70 + s, n_a, d), *b = near_rows(a, n_a, n_b, d, 80 + s);
        double *cos = all_cosines(a, n_a, b, n_b, d), *back = all_cosines(b, n_b, a, n_a, d);
        double expected = dense_sum(cos, n_a, n_b);
        const int kept[] = {1, 3, 32, 1000};
        for (int k = 0; k < 4; k++) {
            int rounds;
            assert_true(fabs(assign(a, n_a, b, n_b, d, kept[k], 2, cos, NULL, &rounds) - expected) < 1e-9);
            assert_true(k < 3 ? rounds >= 2 : rounds == 2); /* with all pairs at hand one look finds nothing more */
            assert_true(fabs(assign(b, n_b, a, n_a, d, kept[k], 2, back, NULL, NULL) - expected) < 1e-9);
        }
        free(cos);
        free(back);
        free(a);
        free(b);
    }
}

/* The order of the rows and the number of threads change no pair. */
static void order_and_threads_do_not_matter(void **state)
{
    (void)state;
    enum { D = 12, ROWS = 290, COLUMNS = 310 };
    float *a = random_rows(90, ROWS, D), *b = near_rows(a, ROWS, COLUMNS, D, 91), *moved = malloc(ROWS * D * sizeof *a);
    double *cos = all_cosines(a, ROWS, b, COLUMNS, D), *cos_moved;
    int32_t one[ROWS], many[ROWS], after[ROWS];
    for (int i = 0; i < ROWS; i++) memcpy(moved + (ROWS - 1 - i) * D, a + i * D, D * sizeof *a);
    cos_moved = all_cosines(moved, ROWS, b, COLUMNS, D);
    assign(a, ROWS, b, COLUMNS, D, 5, 1, cos, one, NULL);
    assign(a, ROWS, b, COLUMNS, D, 5, 7, cos, many, NULL);
    assign(moved, ROWS, b, COLUMNS, D, 5, 2, cos_moved, after, NULL);
    assert_memory_equal(one, many, sizeof one);
    for (int i = 0; i < ROWS; i++) assert_int_equal(one[i], after[ROWS - 1 - i]);
    free(cos);
    free(cos_moved);
    free(a);
    free(b);
    free(moved);
}

static void interrupted(void **state)
{
    (void)state;
    sae_error err;
    const float rows[4] = {1, 2, 3, 4};
    int32_t partner[2], back[2];
    volatile sig_atomic_t stop = 1;
    assert_int_equal(sae_assign(rows, 2, rows, 2, 2, 4, partner, back, NULL, &(sae_env){.stop = &stop}, &err),
                     SAE_E_INTERRUPTED);
}

/* ---- matchings -------------------------------------------------------------------------------------------------- */

/* No matching weighs more than one whose duals cover all edges and add up to its weight. */
static void check_certificate(const sae_matching *m, const sae_edge *edges, int64_t n_edges)
{
    double weight = 0, duals = 0;
    for (int side = 0; side < 2; side++)
        for (int64_t i = 0; i < m->n[side]; i++) {
            assert_true(m->dual[side][i] >= 0);
            duals += m->dual[side][i];
            if (m->mate[side][i] >= 0) assert_int_equal(m->mate[1 - side][m->mate[side][i]], i);
        }
    for (int64_t e = 0; e < n_edges; e++) {
        assert_true(m->dual[0][edges[e].row] + m->dual[1][edges[e].column] >= edges[e].weight - 1e-11);
        if (m->mate[0][edges[e].row] == edges[e].column) weight += edges[e].weight;
    }
    assert_true(fabs(weight - duals) < 1e-9);
}

/* Edges arrive in several lots; some vertices have none, some stay without a mate. */
static void edges_in_lots(void **state)
{
    (void)state;
    enum { ROWS = 60, COLUMNS = 45 };
    sae_error err;
    sae_edge *edges = malloc(ROWS * COLUMNS * sizeof *edges);
    for (uint64_t trial = 0; trial < 30; trial++) {
        sae_matching m;
        sae_rng rng = sae_rng_make(trial, "lots", 0);
        assert_ok(sae_matching_new(&m, ROWS, COLUMNS, &err));
        for (int lot = 1; lot <= 5; lot++) {
            int64_t n = 0;
            for (int i = 0; i < ROWS; i++)
                for (int j = 0; j < COLUMNS; j++) {
                    uint64_t place = (uint64_t)(i * COLUMNS + j);
                    if (i == 7 || j == 9 || sae_rng_below(&rng, 2 * place, 40) >= (uint64_t)lot) continue;
                    double weight = (double)sae_rng_below(&rng, 2 * place + 1, trial % 2 ? 6 : 1000000) / 1e3;
                    edges[n++] = (sae_edge){i, j, weight};
                }
            assert_ok(sae_matching_improve(&m, edges, n, NULL, &err));
            check_certificate(&m, edges, n);
            assert_int_equal(m.mate[0][7], -1);
            assert_int_equal(m.mate[1][9], -1);
        }
        sae_matching_clear(&m);
    }
    free(edges);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_permutation),
        cmocka_unit_test(dense_algorithm),
        cmocka_unit_test(order_and_threads_do_not_matter),
        cmocka_unit_test(interrupted),
        cmocka_unit_test(edges_in_lots),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
