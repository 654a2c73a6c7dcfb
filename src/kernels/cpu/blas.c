#define _GNU_SOURCE
#include "kernels/blas.h"

#include "kernels/cpu/onednn/onednn.h"

#include <cblas.h>
#include <dlfcn.h>
#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

/* Set once, by sae_blas_init. */
static struct {
    pthread_once_t once;
    bool onednn;          /* products go to oneDNN, whose kernels suit this processor better */
    int (*threads)(void); /* OpenBLAS': how many threads a product may use */
} library = {.once = PTHREAD_ONCE_INIT};

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

/* The name of the kernels that OpenBLAS chose when it was loaded; NULL for another library. */
static const char *openblas_core(void)
{
    union {
        void *object;
        const char *(*get)(void);
    } as = {.object = dlsym(RTLD_DEFAULT, "openblas_get_corename")};
    return as.object ? as.get() : NULL;
}

/* OpenBLAS is often older than the processor and then takes kernels of half the width: the version of Debian 12 has
 * those of Haswell for every AMD processor with AVX-512. */
static bool has_narrow_kernels(const char *core)
{
    static const char *const wide[] = {"SkylakeX", "Cooperlake", "SapphireRapids"};
    for (size_t i = 0; core && i < sizeof wide / sizeof *wide; i++)
        if (strcmp(core, wide[i]) == 0) return false;
    return core != NULL;
}

static void choose(void)
{
    union {
        void *object;
        int (*get)(void);
    } as = {.object = dlsym(RTLD_DEFAULT, "openblas_get_num_threads")};
    sae_blas_set_threads(1);
    library.threads = as.get;
    library.onednn = as.object && has_narrow_kernels(openblas_core()) && sae_onednn_has_avx512();
}

void sae_blas_init(void)
{
    pthread_once(&library.once, choose);
}

const char *sae_blas_name(void)
{
    union {
        void *object;
        char *(*get)(void);
    } as = {.object = dlsym(RTLD_DEFAULT, "openblas_get_config")};
    sae_blas_init();
    if (library.onednn) return sae_onednn_name();
    return as.object ? as.get() : "CBLAS";
}

static void gemm(bool transpose_a, bool transpose_b, int64_t m, int64_t n, int64_t k, float alpha, const float *A,
                 int64_t lda, const float *B, int64_t ldb, float beta, float *C, int64_t ldc)
{
    if (library.onednn &&
        sae_onednn_sgemm(transpose_a, transpose_b, m, n, k, alpha, A, lda, B, ldb, beta, C, ldc, library.threads()))
        return;
    cblas_sgemm(CblasRowMajor, transpose_a ? CblasTrans : CblasNoTrans, transpose_b ? CblasTrans : CblasNoTrans, (int)m,
                (int)n, (int)k, alpha, A, (int)lda, B, (int)ldb, beta, C, (int)ldc);
}

void sae_gemm_nt(int64_t m, int64_t n, int64_t k, float alpha, const float *A, int64_t lda, const float *B, int64_t ldb,
                 float beta, float *C, int64_t ldc)
{
    gemm(false, true, m, n, k, alpha, A, lda, B, ldb, beta, C, ldc);
}

void sae_gemm_nn(int64_t m, int64_t n, int64_t k, float alpha, const float *A, int64_t lda, const float *B, int64_t ldb,
                 float beta, float *C, int64_t ldc)
{
    gemm(false, false, m, n, k, alpha, A, lda, B, ldb, beta, C, ldc);
}

void sae_gemm_tn(int64_t m, int64_t n, int64_t k, float alpha, const float *A, int64_t lda, const float *B, int64_t ldb,
                 float beta, float *C, int64_t ldc)
{
    gemm(true, false, m, n, k, alpha, A, lda, B, ldb, beta, C, ldc);
}
