/* Synthetic rows: a function of the row's number, with the distribution that the header promises. */
#include "testing.h"

#include <math.h>
#include <sae/data.h>
#include <stdlib.h>
#include <string.h>

static void unit_directions(void **state)
{
    enum { N = 200, D = 64 };
    float u[N * D], again[N * D];
    double mean = 0, largest = 0;
    (void)state;
    sae_synthetic_directions(3, N, D, u);
    sae_synthetic_directions(3, N, D, again);
    assert_memory_equal(u, again, sizeof u);
    sae_synthetic_directions(4, N, D, again);
    assert_true(memcmp(u, again, sizeof u) != 0);
    for (int i = 0; i < N; i++)
        for (int j = 0; j <= i; j++) {
            double dot = 0;
            for (int k = 0; k < D; k++) dot += (double)u[i * D + k] * (double)u[j * D + k];
            if (i == j) assert_true(fabs(dot - 1) < 1e-6);
            if (i != j && fabs(dot) > largest) largest = fabs(dot);
            if (i != j) mean += dot;
        }
    assert_true(fabs(mean / (N * (N - 1) / 2.0)) < 5 / sqrt(D * N * (N - 1) / 2.0));
    assert_true(largest < 0.8);
}

/* With the unit vectors as directions a row shows which are on, and how strongly. */
static void activity(void **state)
{
    enum { N = 9, ROWS = 200000 };
    static float x[ROWS * N], part[1000 * N];
    float u[N * N] = {0};
    const double p = 0.2;
    (void)state;
    for (int i = 0; i < N; i++) u[i * N + i] = 1;
    sae_synthetic_rows(1, u, N, N, p, 0, ROWS, x);
    sae_synthetic_rows(1, u, N, N, p, 12345, 1000, part);
    assert_memory_equal(part, x + 12345 * N, sizeof part);
    sae_synthetic_rows(2, u, N, N, p, 12345, 1000, part);
    assert_true(memcmp(part, x + 12345 * N, sizeof part) != 0);
    double both = 0, twice = 0;
    for (int j = 0; j < N; j++) {
        double on = 0, sum = 0, square = 0;
        for (int r = 0; r < ROWS; r++) {
            double a = (double)x[r * N + j];
            assert_true(a == 0 || (a >= 0.5 && a <= 1.5));
            on += a != 0;
            sum += a;
            square += a * a;
            both += a != 0 && x[r * N + (j + 1) % N] != 0;
            twice += r > 0 && a != 0 && x[(r - 1) * N + j] != 0;
        }
        /* five standard errors; an amplitude has mean 1 and variance 1/12 */
        assert_true(fabs(on / ROWS - p) < 5 * sqrt(p * (1 - p) / ROWS));
        assert_true(fabs(sum / on - 1) < 5 * sqrt(1 / 12.0 / on));
        assert_true(fabs(square / on - 13 / 12.0) < 5 * sqrt(0.4 / on));
    }
    /* Directions, and rows, are independent. */
    assert_true(fabs(both / ROWS / N - p * p) < 5 * sqrt(p * p / ROWS / N));
    assert_true(fabs(twice / ROWS / N - p * p) < 5 * sqrt(p * p / ROWS / N));
}

static void sum_of_directions(void **state)
{
    enum { N = 6, D = 4, ROWS = 100 };
    float u[N * D], unit[N * N] = {0}, x[ROWS * D], a[ROWS * N];
    (void)state;
    sae_synthetic_directions(8, N, D, u);
    for (int i = 0; i < N; i++) unit[i * N + i] = 1;
    sae_synthetic_rows(8, u, N, D, 0.5, 7, ROWS, x);
    sae_synthetic_rows(8, unit, N, N, 0.5, 7, ROWS, a);
    for (int r = 0; r < ROWS; r++)
        for (int k = 0; k < D; k++) {
            double want = 0;
            for (int j = 0; j < N; j++) want += (double)a[r * N + j] * (double)u[j * D + k];
            assert_true(fabs(want - (double)x[r * D + k]) < 1e-6);
        }
    sae_synthetic_rows(8, u, N, D, 0, 7, ROWS, x);
    for (int i = 0; i < ROWS * D; i++) assert_true(x[i] == 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(unit_directions),
        cmocka_unit_test(activity),
        cmocka_unit_test(sum_of_directions),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
