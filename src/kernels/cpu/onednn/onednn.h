/* oneDNN, which has kernels for instructions that the BLAS library at hand may not know. This folder alone includes
 * its headers; CMake takes the files for its major version, or absent.c. */
#ifndef SAE_KERNELS_CPU_ONEDNN_ONEDNN_H
#define SAE_KERNELS_CPU_ONEDNN_ONEDNN_H

#include <stdbool.h>
#include <stdint.h>

/* "oneDNN 2.6.3"; NULL in a build without it. */
const char *sae_onednn_name(void);
/* Whether it has kernels for AVX-512 on this processor. */
bool sae_onednn_has_avx512(void);
/* C [m, n] = alpha · op(A) · op(B) + beta · C in float32, row-major, on `threads` threads of its own. False when it
 * could not be made (C is then as it was). */
bool sae_onednn_sgemm(bool transpose_a, bool transpose_b, int64_t m, int64_t n, int64_t k, float alpha, const float *A,
                      int64_t lda, const float *B, int64_t ldb, float beta, float *C, int64_t ldc, int threads);

#endif
