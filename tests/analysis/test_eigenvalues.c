/* Largest eigenvalues: closed forms, spectra put into rotated matrices, extremes of scale, threads. */
#include "io/temp.h"

#include "analysis/eigenvalues.h"
#include "base/rng.h"

#include <math.h>
#include <string.h>

static void check(const double *A, int64_t n, int64_t count, const double *expected, double tolerance)
{
    sae_error err;
    double *copy = malloc((size_t)(n * n) * sizeof *copy), *values = malloc((size_t)count * sizeof *values);
    memcpy(copy, A, (size_t)(n * n) * sizeof *copy);
    assert_ok(sae_largest_eigenvalues(copy, n, count, values, NULL, &err));
    for (int64_t i = 0; i < count; i++)
        if (!(fabs(values[i] - expected[i]) <= tolerance))
            fail_msg("eigenvalue %lld of %lld is %.17g, not %.17g", (long long)i, (long long)n, values[i], expected[i]);
    free(copy);
    free(values);
}

static void by_hand(void **state)
{
    (void)state;
    check((double[]){-3}, 1, 1, (double[]){-3}, 1e-15);
    check((double[]){2, 1, 1, 2}, 2, 2, (double[]){3, 1}, 1e-15);
    check((double[]){0, 0, 0, 0}, 2, 2, (double[]){0, 0}, 1e-300);
    check((double[]){1, 0, 0, 0, -2, 0, 0, 0, 5}, 3, 3, (double[]){5, 1, -2}, 1e-15);
    /* all ones: n once, 0 else */
    check((double[]){1, 1, 1, 1, 1, 1, 1, 1, 1}, 3, 3, (double[]){3, 0, 0}, 1e-14);
}

/* 2 on the diagonal, −1 beside it: 2 − 2cos(πk/(n + 1)). */
static void second_difference(void **state)
{
    (void)state;
    enum { N = 60 };
    static double A[N * N], expected[N];
    for (int i = 0; i < N; i++) {
        A[i * N + i] = 2;
        if (i > 0) A[i * N + i - 1] = A[(i - 1) * N + i] = -1;
        expected[i] = 2 - 2 * cos(M_PI * (N - i) / (N + 1));
    }
    check(A, N, N, expected, 1e-13);
    check(A, N, 3, expected, 1e-13);
}

/* A = H·diag(λ)·H with some reflections H, so that the spectrum is known. */
static double *rotated(const double *lambda, int64_t n, int reflections)
{
    sae_rng rng = sae_rng_make(7, "reflections", 0);
    double *A = calloc((size_t)(n * n), sizeof *A), *v = malloc((size_t)n * sizeof *v),
           *p = malloc((size_t)n * sizeof *p);
    uint64_t draw = 0;
    for (int64_t i = 0; i < n; i++) A[i * n + i] = lambda[i];
    for (int h = 0; h < reflections; h++) {
        double square = 0, vp = 0;
        for (int64_t i = 0; i < n; i++) {
            v[i] = sae_rng_normal(&rng, draw++);
            square += v[i] * v[i];
        }
        for (int64_t i = 0; i < n; i++) {
            p[i] = 0;
            for (int64_t j = 0; j < n; j++) p[i] += A[i * n + j] * v[j];
            vp += v[i] * p[i];
        }
        for (int64_t i = 0; i < n; i++)
            for (int64_t j = 0; j < n; j++)
                A[i * n + j] += -2 / square * (v[i] * p[j] + p[i] * v[j]) + 4 / square / square * vp * v[i] * v[j];
    }
    free(v);
    free(p);
    return A;
}

static void known_spectra(void **state)
{
    (void)state;
    const int64_t sizes[] = {2, 5, 33, 300}; /* the last with threads */
    for (int s = 0; s < 4; s++) {
        int64_t n = sizes[s];
        double *lambda = malloc((size_t)n * sizeof *lambda);
        /* repeated, negative, zero and close ones, descending */
        for (int64_t i = 0; i < n; i++) lambda[i] = i < 2 ? 4 : i < n / 2 ? 3 - 1e-9 * (double)i : i < n - 1 ? 0 : -7;
        double *A = rotated(lambda, n, 4);
        check(A, n, n, lambda, 1e-14 * 7 * (double)n);
        for (int power = -150; power <= 150; power += 300) { /* squares of these are not numbers */
            double scale = pow(10, power);
            for (int64_t e = 0; e < n * n; e++) A[e] *= scale;
            for (int64_t i = 0; i < n; i++) lambda[i] *= scale;
            check(A, n, n, lambda, 1e-14 * 7 * (double)n * scale);
            for (int64_t e = 0; e < n * n; e++) A[e] /= scale;
            for (int64_t i = 0; i < n; i++) lambda[i] /= scale;
        }
        free(A);
        free(lambda);
    }
}

static void same_bits_with_any_threads(void **state)
{
    (void)state;
    enum { N = 400, COUNT = 9 };
    sae_error err;
    double lambda[N], values[2][COUNT];
    for (int i = 0; i < N; i++) lambda[i] = 1.0 / (1 + i);
    for (int run = 0; run < 2; run++) {
        double *A = rotated(lambda, N, 3);
        assert_ok(sae_largest_eigenvalues(A, N, COUNT, values[run], &(sae_env){.threads = run ? 3 : 1}, &err));
        free(A);
    }
    assert_memory_equal(values[0], values[1], sizeof values[0]);
}

static void stopped(void **state)
{
    (void)state;
    sae_error err;
    volatile sig_atomic_t stop = 1;
    double A[4] = {1, 0, 0, 1}, value;
    assert_int_equal(sae_largest_eigenvalues(A, 2, 1, &value, &(sae_env){.stop = &stop}, &err), SAE_E_INTERRUPTED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(by_hand),       cmocka_unit_test(second_difference),
        cmocka_unit_test(known_spectra), cmocka_unit_test(same_bits_with_any_threads),
        cmocka_unit_test(stopped),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
