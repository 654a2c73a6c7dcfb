/* Products of bfloat16 matrices with sums in float32, where the processor has instructions for them. */
#ifndef SAE_KERNELS_BF16_H
#define SAE_KERNELS_BF16_H

#include <sae/status.h>
#include <stdbool.h>
#include <stdint.h>

/* NULL when this build and this processor make such products; else what is missing, as a clause for messages. */
const char *sae_bf16_missing(void);
/* What makes them: "AMX" or "AVX-512 BF16"; "none" when something is missing. */
const char *sae_bf16_unit(void);

/* C [m, n] = A [m, k] · B, with B [k, n], or B [n, k]ᵀ when transposed: row-major, A and B bfloat16, C float32, with
 * leading dimensions (elements per row). Every run is made by the calling thread alone, in the same order. */
typedef struct sae_bf16_shape {
    int64_t m, n, k, lda, ldb, ldc;
    bool transposed;
} sae_bf16_shape;

/* A product of one shape, with the memory that it needs; one per thread. Making another of a shape that was made
 * before takes microseconds. SAE_E_UNSUPPORTED where sae_bf16_missing() says so. */
typedef struct sae_bf16_product sae_bf16_product;
sae_status sae_bf16_product_new(sae_bf16_product **out, const sae_bf16_shape *shape, sae_error *err);
void sae_bf16_product_free(sae_bf16_product *product);
sae_status sae_bf16_product_run(sae_bf16_product *product, const uint16_t *A, const uint16_t *B, float *C,
                                sae_error *err);

#endif
