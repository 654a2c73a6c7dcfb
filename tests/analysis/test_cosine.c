/* Maximum cosines against brute force in double, on data made to make tiles, ties and rounding matter. */
#include "io/temp.h"

#include "analysis/cosine.h"
#include "analysis/random_rows.h"
#include "base/rng.h"

#include <math.h>
#include <stdbool.h>

static double brute_cosine(const float *a, const float *b, int64_t d)
{
    double aa = sae_dot_double(a, a, d), bb = sae_dot_double(b, b, d);
    return aa > 0 && bb > 0 ? sae_dot_double(a, b, d) / (sqrt(aa) * sqrt(bb)) : 0;
}

static void check(const float *queries, int64_t n_queries, const float *keys, int64_t n_keys, int64_t d)
{
    sae_error err;
    double *best = malloc((size_t)n_queries * sizeof *best);
    int32_t *argmax = malloc((size_t)n_queries * sizeof *argmax);
    assert_ok(sae_max_cosine(queries, n_queries, keys, n_keys, d, best, argmax, NULL, &err));
    for (int64_t i = 0; i < n_queries; i++) {
        double expected = -2;
        for (int64_t j = 0; j < n_keys; j++) expected = fmax(expected, brute_cosine(queries + i * d, keys + j * d, d));
        assert_true(fabs(best[i] - expected) < 1e-14);
        assert_true(fabs(brute_cosine(queries + i * d, keys + argmax[i] * d, d) - expected) < 1e-14);
        for (int64_t j = 0; j < argmax[i]; j++)
            assert_true(brute_cosine(queries + i * d, keys + j * d, d) < expected + 1e-14);
    }
    free(best);
    free(argmax);
}

static float *random_rows(uint64_t seed, int64_t n, int64_t d)
{
    float *rows = malloc((size_t)(n * d) * sizeof *rows);
    sae_random_rows(seed, n, d, rows, NULL);
    return rows;
}

/* Sizes below, at and above the tiles. */
static void brute_force(void **state)
{
    (void)state;
    const int64_t sizes[][3] = {{1, 1, 1}, {3, 700, 5}, {300, 2, 33}, {257, 513, 16}, {600, 1100, 24}};
    for (int s = 0; s < 5; s++) {
        float *a = random_rows(1, sizes[s][0], sizes[s][2]), *b = random_rows(2, sizes[s][1], sizes[s][2]);
        check(a, sizes[s][0], b, sizes[s][1], sizes[s][2]);
        free(a);
        free(b);
    }
}

/* Keys that differ by less than the screen can tell: only the exact values decide. */
static void near_ties(void **state)
{
    (void)state;
    enum { D = 64, KEYS = 900, QUERIES = 40 };
    float *keys = random_rows(3, KEYS, D), *queries = random_rows(4, QUERIES, D);
    for (int i = 1; i < KEYS; i++)
        for (int j = 0; j < D; j++) keys[i * D + j] = keys[j] * (1 + 1e-6f * keys[i * D + j]);
    check(queries, QUERIES, keys, KEYS, D);
    free(keys);
    free(queries);
}

/* Equal rows, also when more of them than candidates are kept: the smallest id. */
static void equal_rows(void **state)
{
    (void)state;
    sae_error err;
    enum { D = 40, KEYS = 1300, QUERIES = 70 };
    float *keys = random_rows(5, KEYS, D), *queries = random_rows(6, QUERIES, D);
    double best[QUERIES];
    int32_t argmax[QUERIES];
    for (int i = 200; i < KEYS; i += 3) memcpy(keys + i * D, keys + 17 * D, D * sizeof *keys);
    for (int i = 0; i < QUERIES; i++) memcpy(queries + i * D, keys + 17 * D, D * sizeof *keys);
    for (int j = 0; j < D; j++) queries[3 * D + j] *= 4; /* length does not matter */
    assert_ok(sae_max_cosine(queries, QUERIES, keys, KEYS, D, best, argmax, NULL, &err));
    for (int i = 0; i < QUERIES; i++) {
        assert_true(fabs(best[i] - 1) < 1e-15);
        assert_true(best[i] <= 1);
        assert_int_equal(argmax[i], 17);
    }
    free(keys);
    free(queries);
}

/* Rows of zeros have cosine 0 with everything; lengths near the ends of float32 make no difference. */
static void zeros_and_extremes(void **state)
{
    (void)state;
    sae_error err;
    enum { D = 8 };
    float keys[5 * D] = {0}, queries[4 * D] = {0};
    double best[4];
    int32_t argmax[4];
    keys[1 * D + 0] = -1e-30f;
    keys[2 * D + 1] = 1e30f;
    keys[3 * D + 2] = 1e-40f; /* denormal */
    keys[4 * D + 0] = -1;
    queries[0 * D + 0] = 1; /* cosines −1 with 1 and 4: the zero row is nearest */
    queries[1 * D + 1] = 1e-38f;
    queries[2 * D + 2] = 3e38f; /* queries[3] is zero */
    assert_ok(sae_max_cosine(queries, 4, keys, 5, D, best, argmax, NULL, &err));
    const double expected[4] = {0, 1, 1, 0};
    const int32_t nearest[4] = {0, 2, 3, 0};
    for (int i = 0; i < 4; i++) {
        assert_true(fabs(best[i] - expected[i]) < 1e-12);
        assert_int_equal(argmax[i], nearest[i]);
    }
}

/* The order of the keys and the number of threads change no bit of a maximum. */
static void order_and_threads_do_not_matter(void **state)
{
    (void)state;
    sae_error err;
    enum { D = 48, KEYS = 1500, QUERIES = 700 };
    float *keys = random_rows(7, KEYS, D), *queries = random_rows(8, QUERIES, D),
          *moved = malloc(KEYS * D * sizeof *moved);
    int64_t order[KEYS];
    double best[QUERIES], again[QUERIES];
    int32_t argmax[QUERIES], argmax_again[QUERIES];
    for (int i = 0; i < KEYS; i++) order[i] = i;
    sae_rng rng = sae_rng_make(9, "order", 0);
    sae_rng_shuffle_i64(&rng, order, KEYS);
    for (int i = 0; i < KEYS; i++) memcpy(moved + i * D, keys + order[i] * D, D * sizeof *moved);
    assert_ok(sae_max_cosine(queries, QUERIES, keys, KEYS, D, best, argmax, &(sae_env){.threads = 1}, &err));
    assert_ok(sae_max_cosine(queries, QUERIES, moved, KEYS, D, again, argmax_again, &(sae_env){.threads = 3}, &err));
    assert_memory_equal(best, again, sizeof best);
    for (int i = 0; i < QUERIES; i++) assert_int_equal(argmax[i], order[argmax_again[i]]);
    free(keys);
    free(queries);
    free(moved);
}

enum { ABOVE_QUERIES = 300, ABOVE_KEYS = 600 };

static void mark_pair(void *ud, int64_t i, int64_t j)
{
    unsigned char *seen = ud;
    seen[i * ABOVE_KEYS + j]++;
}

/* Every pair above the threshold once, no other; at a threshold that is a pair's cosine the exact value decides. */
static void pairs_above(void **state)
{
    (void)state;
    enum { D = 20 };
    sae_error err;
    float *a = random_rows(11, ABOVE_QUERIES, D), *b = random_rows(12, ABOVE_KEYS, D);
    double best[ABOVE_QUERIES];
    int32_t argmax[ABOVE_QUERIES];
    unsigned char *seen = malloc(ABOVE_QUERIES * ABOVE_KEYS);
    assert_ok(sae_max_cosine(a, ABOVE_QUERIES, b, ABOVE_KEYS, D, best, argmax, NULL, &err));
    for (int trial = 0; trial < 40; trial++) {
        double usual[] = {-1, -0.3, 0, 0.4, 0.7, 1}, at = best[trial];
        double threshold = trial < 6 ? usual[trial] : trial % 2 ? at : nextafter(at, -1);
        memset(seen, 0, ABOVE_QUERIES * ABOVE_KEYS);
        assert_ok(sae_cosine_above(a, ABOVE_QUERIES, b, ABOVE_KEYS, D, threshold, mark_pair, seen,
                                   &(sae_env){.threads = 1 + trial % 4}, &err));
        for (int64_t i = 0; i < ABOVE_QUERIES; i++)
            for (int64_t j = 0; j < ABOVE_KEYS; j++) {
                double cosine = brute_cosine(a + i * D, b + j * D, D);
                if (fabs(cosine - threshold) < 1e-14) continue;
                assert_int_equal(seen[i * ABOVE_KEYS + j], cosine > threshold);
            }
        if (trial >= 6) assert_int_equal(seen[trial * ABOVE_KEYS + argmax[trial]], trial % 2 == 0);
    }
    free(a);
    free(b);
    free(seen);
}

static void interrupted(void **state)
{
    (void)state;
    sae_error err;
    const float rows[4] = {1, 2, 3, 4};
    double best[2];
    volatile sig_atomic_t stop = 1;
    assert_int_equal(sae_max_cosine(rows, 2, rows, 2, 2, best, NULL, &(sae_env){.stop = &stop}, &err),
                     SAE_E_INTERRUPTED);
}

/* ---- random rows with the covariance of others ------------------------------------------------------------- */

static void covariance_of(const float *rows, int64_t n, int64_t d, bool normalised, double *C)
{
    double *mean = calloc((size_t)d, sizeof *mean), *unit = malloc((size_t)(n * d) * sizeof *unit);
    for (int64_t i = 0; i < n; i++) {
        double norm = normalised ? sqrt(sae_dot_double(rows + i * d, rows + i * d, d)) : 1;
        for (int64_t j = 0; j < d; j++) {
            unit[i * d + j] = (double)rows[i * d + j] / norm;
            mean[j] += normalised ? unit[i * d + j] / (double)n : 0; /* the random rows have mean 0 by definition */
        }
    }
    memset(C, 0, (size_t)(d * d) * sizeof *C);
    for (int64_t i = 0; i < n; i++)
        for (int64_t j = 0; j < d; j++)
            for (int64_t k = 0; k < d; k++)
                C[j * d + k] += (unit[i * d + j] - mean[j]) * (unit[i * d + k] - mean[k]) / (double)n;
    free(mean);
    free(unit);
}

static void covariance_is_kept(void **state)
{
    (void)state;
    sae_error err;
    enum { D = 12, ROWS = 40000 };
    float *W = random_rows(10, ROWS, D), *out = malloc(ROWS * D * sizeof *out);
    for (int i = 0; i < ROWS; i++) {
        W[i * D + 1] += 2 * W[i * D]; /* correlated, of unequal spread, off centre */
        W[i * D + 2] *= 5;
        W[i * D + 3] += 1;
    }
    double C[D * D], E[D * D], trace = 0;
    covariance_of(W, ROWS, D, true, C);
    assert_ok(sae_random_rows_like(11, W, ROWS, D, out, NULL, &err));
    covariance_of(out, ROWS, D, false, E);
    for (int j = 0; j < D; j++) trace += C[j * D + j];
    for (int j = 0; j < D; j++)
        for (int k = 0; k < D; k++) {
            double spread = sqrt((C[j * D + j] * C[k * D + k] + C[j * D + k] * C[j * D + k]) / ROWS);
            assert_true(fabs(E[j * D + k] - C[j * D + k]) < 5 * spread + 1e-6 * trace);
        }
    free(W);
    free(out);
}

/* Fewer rows than dimensions: the random rows stay in the space that the rows span about their mean. */
static void low_rank(void **state)
{
    (void)state;
    sae_error err;
    enum { D = 30, ROWS = 3 };
    float W[ROWS * D] = {0}, out[ROWS * D];
    W[0 * D + 4] = 1;
    W[1 * D + 9] = 1;
    W[2 * D + 20] = 1;
    assert_ok(sae_random_rows_like(12, W, ROWS, D, out, NULL, &err));
    for (int i = 0; i < ROWS; i++) {
        double inside = 0, total = 0, sum = 0;
        for (int j = 0; j < D; j++) {
            double v = (double)out[i * D + j];
            total += v * v;
            if (j == 4 || j == 9 || j == 20) {
                inside += v * v;
                sum += v; /* centred rows are orthogonal to (1, 1, 1) there */
            }
        }
        assert_true(total > 0);
        assert_true(fabs(inside - total) < 1e-9 * total);
        assert_true(fabs(sum) < 1e-5 * sqrt(total));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(brute_force),
        cmocka_unit_test(near_ties),
        cmocka_unit_test(equal_rows),
        cmocka_unit_test(zeros_and_extremes),
        cmocka_unit_test(pairs_above),
        cmocka_unit_test(interrupted),
        cmocka_unit_test(order_and_threads_do_not_matter),
        cmocka_unit_test(covariance_is_kept),
        cmocka_unit_test(low_rank),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
