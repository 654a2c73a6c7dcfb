#define _GNU_SOURCE
#include "kernels/blas.h"

#include <cblas.h>
#include <dlfcn.h>
#include <pthread.h>

/* The BLAS libraries have different names for the same switch; whichever is linked is found by name, so
 * that swapping the library needs no rebuild. */
void sae_blas_set_threads(int threads)
{
    static const char *const setters[] = {"openblas_set_num_threads", "MKL_Set_Num_Threads",
                                          "bli_thread_set_num_threads"};
    for (unsigned i = 0; i < sizeof setters / sizeof *setters; i++) {
        void *symbol = dlsym(RTLD_DEFAULT, setters[i]);
        if (!symbol) continue;
        /* ISO C has no cast from object to function pointer; POSIX guarantees that this works. */
        union {
            void *object;
            void (*set)(int);
        } as = {.object = symbol};
        as.set(threads);
    }
}

static void make_single_threaded(void)
{
    sae_blas_set_threads(1);
}

void sae_blas_init(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, make_single_threaded);
}

const char *sae_blas_name(void)
{
    union {
        void *object;
        char *(*get)(void);
    } as = {.object = dlsym(RTLD_DEFAULT, "openblas_get_config")};
    return as.object ? as.get() : "CBLAS";
}

void sae_gemm_nt(int64_t m, int64_t n, int64_t k, float alpha, const float *A, int64_t lda, const float *B, int64_t ldb,
                 float beta, float *C, int64_t ldc)
{
    cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasTrans, (int)m, (int)n, (int)k, alpha, A, (int)lda, B, (int)ldb, beta,
                C, (int)ldc);
}

void sae_gemm_nn(int64_t m, int64_t n, int64_t k, float alpha, const float *A, int64_t lda, const float *B, int64_t ldb,
                 float beta, float *C, int64_t ldc)
{
    cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, (int)m, (int)n, (int)k, alpha, A, (int)lda, B, (int)ldb,
                beta, C, (int)ldc);
}

void sae_gemm_tn(int64_t m, int64_t n, int64_t k, float alpha, const float *A, int64_t lda, const float *B, int64_t ldb,
                 float beta, float *C, int64_t ldc)
{
    cblas_sgemm(CblasRowMajor, CblasTrans, CblasNoTrans, (int)m, (int)n, (int)k, alpha, A, (int)lda, B, (int)ldb, beta,
                C, (int)ldc);
}
