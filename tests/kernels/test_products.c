/* Dense products, by whichever library makes them, against sums in double; the same bits on any thread. */
#include "kernels/bf16.h"
#include "kernels/blas.h"

#include "base/alloc.h"
#include "base/rng.h"
#include "io/dtype.h"
#include "testing.h"

#include <math.h>
#include <omp.h>
#include <stdlib.h>
#include <string.h>

static sae_error err;

static float *random_matrix(int64_t count, uint64_t salt)
{
    float *x = sae_alloc((size_t)count, sizeof *x);
    sae_rng rng = sae_rng_make(11, "products", salt);
    for (int64_t i = 0; i < count; i++) x[i] = (float)sae_rng_normal(&rng, (uint64_t)i);
    return x;
}

/* Element (i, j) of op(A)·op(B), and the sum of the sizes of its terms. */
static double entry(const float *A, int64_t lda, bool ta, const float *B, int64_t ldb, bool tb, int64_t k, int64_t i,
                    int64_t j, double *size)
{
    double sum = 0;
    *size = 0;
    for (int64_t l = 0; l < k; l++) {
        double term = (double)(ta ? A[l * lda + i] : A[i * lda + l]) * (tb ? B[j * ldb + l] : B[l * ldb + j]);
        sum += term;
        *size += fabs(term);
    }
    return sum;
}

/* Odd shapes with rows further apart than they are long, alpha and beta; what lies between rows is left alone. */
static void float_products(void **state)
{
    (void)state;
    const int64_t m = 37, n = 53, k = 61, lda = 70, ldb = 75, ldc = 60;
    float *A = random_matrix(80 * lda, 1), *B = random_matrix(80 * ldb, 2), *before = random_matrix(m * ldc, 3);
    float *C = sae_alloc((size_t)(m * ldc), sizeof *C);
    sae_blas_init();
    for (int kind = 0; kind < 3; kind++) {
        bool ta = kind == 1, tb = kind == 2;
        memcpy(C, before, (size_t)(m * ldc) * sizeof *C);
        (kind == 0 ? sae_gemm_nn : ta ? sae_gemm_tn : sae_gemm_nt)(m, n, k, 0.5f, A, lda, B, ldb, 2, C, ldc);
        for (int64_t i = 0; i < m; i++)
            for (int64_t j = 0; j < ldc; j++) {
                double size, expected = before[i * ldc + j];
                if (j >= n) {
                    assert_true(C[i * ldc + j] == before[i * ldc + j]);
                    continue;
                }
                double sum = entry(A, lda, ta, B, ldb, tb, k, i, j, &size);
                assert_true(fabs(C[i * ldc + j] - (0.5 * sum + 2 * expected)) <=
                            (double)k * 0x1p-23 * (size + 2 * fabs(expected)));
            }
    }
    sae_free(A);
    sae_free(B);
    sae_free(before);
    sae_free(C);
}

/* A product by threads that work side by side gives the bits of one made alone. */
static void bits_do_not_depend_on_threads(void **state)
{
    (void)state;
    enum { M = 64, N = 96, K = 300, TIMES = 16 };
    float *A = random_matrix(M * K, 4), *B = random_matrix(N * K, 5), *C = random_matrix((TIMES + 1) * M * N, 6);
    sae_blas_init();
    sae_gemm_nt(M, N, K, 1, A, K, B, K, 0, C, N);
#pragma omp parallel for num_threads(4) schedule(dynamic)
    for (int t = 1; t <= TIMES; t++) sae_gemm_nt(M, N, K, 1, A, K, B, K, 0, C + t * M * N, N);
    for (int t = 1; t <= TIMES; t++) assert_memory_equal(C, C + t * M * N, M * N * sizeof *C);
    sae_free(A);
    sae_free(B);
    sae_free(C);
}

static uint16_t *to_bf16(const float *x, int64_t count)
{
    uint16_t *out = sae_alloc((size_t)count, sizeof *out);
    sae_f32_to_dtype(x, count, SAE_DTYPE_BF16, out);
    return out;
}

static void bf16_products(void **state)
{
    (void)state;
    if (sae_bf16_missing()) {
        sae_bf16_product *none = NULL;
        assert_int_equal(sae_bf16_product_new(&none, &(sae_bf16_shape){1, 1, 1, 1, 1, 1, false}, &err),
                         SAE_E_UNSUPPORTED);
        assert_non_null(strstr(err.message, sae_bf16_missing()));
        print_message("bf16 products: %s\n", sae_bf16_missing());
        skip();
    }
    assert_string_not_equal(sae_bf16_unit(), "none");
    const sae_bf16_shape shapes[] = {{64, 96, 300, 320, 310, 100, true},
                                     {64, 96, 300, 304, 104, 96, false},
                                     {1, 16, 1, 1, 1, 16, true},
                                     {256, 512, 768, 768, 768, 512, true}};
    for (size_t s = 0; s < sizeof shapes / sizeof *shapes; s++) {
        const sae_bf16_shape p = shapes[s];
        const int64_t size_a = p.m * p.lda, size_b = (p.transposed ? p.n : p.k) * p.ldb;
        float *x = random_matrix(size_a, 7), *w = random_matrix(size_b, 8), *C = random_matrix(2 * p.m * p.ldc, 9);
        uint16_t *A = to_bf16(x, size_a), *B = to_bf16(w, size_b);
        sae_dtype_to_f32(A, size_a, SAE_DTYPE_BF16, x);
        sae_dtype_to_f32(B, size_b, SAE_DTYPE_BF16, w);
        memcpy(C + p.m * p.ldc, C, (size_t)(p.m * p.ldc) * sizeof *C);
        sae_bf16_product *product;
        assert_int_equal(sae_bf16_product_new(&product, &p, &err), SAE_OK);
        assert_int_equal(sae_bf16_product_run(product, A, B, C, &err), SAE_OK);
        for (int64_t i = 0; i < p.m; i += p.m / 16 + 1)
            for (int64_t j = 0; j < p.n; j++) {
                double size, sum = entry(x, p.lda, false, w, p.ldb, p.transposed, p.k, i, j, &size);
                assert_true(fabs(C[i * p.ldc + j] - sum) <= (double)p.k * 0x1p-22 * size);
            }
        /* the same bits on another thread, with a product made there */
        float *again = C + p.m * p.ldc;
        sae_status status[4];
#pragma omp parallel num_threads(4)
        {
            sae_bf16_product *own;
            sae_error problem;
            int t = omp_get_thread_num();
            status[t] = sae_bf16_product_new(&own, &p, &problem);
            if (status[t] == SAE_OK && t == 3) status[t] = sae_bf16_product_run(own, A, B, again, &problem);
            if (status[t] == SAE_OK) sae_bf16_product_free(own);
        }
        for (int t = 0; t < 4; t++) assert_int_equal(status[t], SAE_OK);
        assert_memory_equal(C, again, (size_t)(p.m * p.ldc) * sizeof *C);
        sae_bf16_product_free(product);
        sae_free(x), sae_free(w), sae_free(A), sae_free(B), sae_free(C);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(float_products),
        cmocka_unit_test(bits_do_not_depend_on_threads),
        cmocka_unit_test(bf16_products),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
