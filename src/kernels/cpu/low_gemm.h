/* Products of a tile in low precision, by oneDNN (cpu/onednn/). */
#ifndef SAE_KERNELS_LOW_GEMM_H
#define SAE_KERNELS_LOW_GEMM_H

#include <sae/env.h>
#include <stdbool.h>
#include <stdint.h>

#define SAE_LOW_ROWS 32 /* rows of A come in multiples of this */

/* What one thread multiplies with. */
typedef struct sae_low_gemm sae_low_gemm;

/* Whether the library has a kernel for products of this kind on this processor that keeps the accuracy that the
 * screen's bound counts on. name: what it calls that kernel, NULL: not wanted. */
bool sae_low_gemm_usable(sae_screen_kind kind, char name[64]);
/* For products of up to max_rows rows by 64 to `latents` latents, a multiple of 64, over `depth` dimensions. */
sae_status sae_low_gemm_new(sae_low_gemm **out, sae_screen_kind kind, int64_t depth, int64_t max_rows, int64_t latents,
                            sae_error *err);
void sae_low_gemm_free(sae_low_gemm *gemm);

/* C = A·Bᵀ on the calling thread alone. A [rows rounded up to SAE_LOW_ROWS,
 * depth] by rows; B: panels of a shadow; C [as many rows, latents], latents either 64 or what the gemm was made for.
 * bf16 gives float, in sums of any order that may be truncated instead of rounded. False when the library failed. */
bool sae_low_gemm_run(sae_low_gemm *gemm, int64_t rows, int64_t latents, const void *A, const void *B, void *C);

#endif
