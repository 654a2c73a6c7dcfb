/* Dense products through CBLAS, or through oneDNN where that has kernels for this processor and the BLAS library has
 * not. Every call runs on the calling thread alone: parallel loops above decide how work is cut, so that the cut, and
 * with it the bits, never depend on the number of threads. */
#ifndef SAE_KERNELS_BLAS_H
#define SAE_KERNELS_BLAS_H

#include <stdint.h>

/* Chooses the library and makes it single-threaded; cheap, call it before the first product. */
void sae_blas_init(void);
/* How many threads the BLAS library itself may use: 1 everywhere but in benchmarks of the library. */
void sae_blas_set_threads(int threads);
/* Name of the library that makes the products: "OpenBLAS 0.3.21 …", "oneDNN 2.6.3" or "CBLAS". */
const char *sae_blas_name(void);

/* C [m, n] = alpha · A [m, k] · B [n, k]ᵀ + beta · C; row-major with leading dimensions (elements per row). */
void sae_gemm_nt(int64_t m, int64_t n, int64_t k, float alpha, const float *A, int64_t lda, const float *B, int64_t ldb,
                 float beta, float *C, int64_t ldc);
/* C [m, n] = alpha · A [k, m]ᵀ · B [k, n] + beta · C. */
void sae_gemm_tn(int64_t m, int64_t n, int64_t k, float alpha, const float *A, int64_t lda, const float *B, int64_t ldb,
                 float beta, float *C, int64_t ldc);
/* C [m, n] = alpha · A [m, k] · B [k, n] + beta · C. */
void sae_gemm_nn(int64_t m, int64_t n, int64_t k, float alpha, const float *A, int64_t lda, const float *B, int64_t ldb,
                 float beta, float *C, int64_t ldc);

#endif
