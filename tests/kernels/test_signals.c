/* Signal handlers that run while products are made leave memory and results alone, on every thread. */
#include "base/alloc.h"
#include "kernels/blas.h"
#include "testing.h"

#include <signal.h>
#include <string.h>
#include <sys/time.h>

enum { M = 256, N = 256, K = 1024, THREADS = 4, SIGNALS = 400 };

static volatile sig_atomic_t seen;

static void count(int number)
{
    (void)number;
    seen++;
}

static void ring(long every_us)
{
    struct itimerval timer = {.it_interval = {.tv_usec = every_us}, .it_value = {.tv_usec = every_us}};
    assert_int_equal(setitimer(ITIMER_REAL, &timer, NULL), 0);
}

/* The same product on every thread, until enough signals came; false when one differs from `wanted`. */
static bool products(const float *A, const float *B, const float *wanted)
{
    bool same = true;
#pragma omp parallel num_threads(THREADS) reduction(&& : same)
    while (seen < SIGNALS) {
        float *C = sae_alloc((size_t)M * N, sizeof *C);
        sae_gemm_nn(M, N, K, 1, A, K, B, N, 0, C, N);
        same = same && memcmp(C, wanted, (size_t)M * N * sizeof *C) == 0;
        sae_free(C);
    }
    return same;
}

static void handlers_while_products_are_made(void **state)
{
    (void)state;
    float *A = sae_alloc((size_t)M * K, sizeof *A), *B = sae_alloc((size_t)K * N, sizeof *B);
    float *wanted = sae_alloc((size_t)M * N, sizeof *wanted);
    for (int i = 0; i < M * K; i++) A[i] = (float)(i % 97) / 97;
    for (int i = 0; i < K * N; i++) B[i] = (float)(i % 89) / 89;
    sae_blas_init();
    sae_gemm_nn(M, N, K, 1, A, K, B, N, 0, wanted, N);

    struct sigaction action = {.sa_handler = count, .sa_flags = SA_RESTART}, before;
    assert_int_equal(sigaction(SIGALRM, &action, &before), 0);
    ring(2000);
    bool same = products(A, B, wanted);
    ring(0);
    assert_int_equal(sigaction(SIGALRM, &before, NULL), 0);
    assert_true(same);
    assert_true(seen >= SIGNALS);
    sae_free(A);
    sae_free(B);
    sae_free(wanted);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(handlers_while_products_are_made)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
