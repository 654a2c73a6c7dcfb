/* A build without oneDNN. */
#include "base/error.h"
#include "kernels/bf16.h"
#include "kernels/cpu/low_gemm.h"
#include "kernels/cpu/onednn/onednn.h"

#include <stddef.h>

const char *sae_onednn_name(void)
{
    return NULL;
}

bool sae_onednn_has_avx512(void)
{
    return false;
}

bool sae_onednn_sgemm(bool transpose_a, bool transpose_b, int64_t m, int64_t n, int64_t k, float alpha, const float *A,
                      int64_t lda, const float *B, int64_t ldb, float beta, float *C, int64_t ldc, int threads)
{
    (void)transpose_a, (void)transpose_b, (void)m, (void)n, (void)k, (void)alpha, (void)A, (void)lda, (void)B;
    (void)ldb, (void)beta, (void)C, (void)ldc, (void)threads;
    return false;
}

const char *sae_bf16_missing(void)
{
    return "this build has no oneDNN (install libdnnl-dev and build again)";
}

const char *sae_bf16_unit(void)
{
    return "none";
}

sae_status sae_bf16_product_new(sae_bf16_product **out, const sae_bf16_shape *shape, sae_error *err)
{
    (void)out, (void)shape;
    return sae_fail(err, SAE_E_UNSUPPORTED, "no bf16 products: %s", sae_bf16_missing());
}

void sae_bf16_product_free(sae_bf16_product *product)
{
    (void)product;
}

sae_status sae_bf16_product_run(sae_bf16_product *product, const uint16_t *A, const uint16_t *B, float *C,
                                sae_error *err)
{
    (void)product, (void)A, (void)B, (void)C;
    return sae_fail(err, SAE_E_UNSUPPORTED, "no bf16 products: %s", sae_bf16_missing());
}

bool sae_low_gemm_usable(sae_screen_kind kind, char name[64])
{
    (void)kind, (void)name;
    return false;
}

sae_status sae_low_gemm_new(sae_low_gemm **out, sae_screen_kind kind, int64_t depth, int64_t max_rows, int64_t latents,
                            sae_error *err)
{
    (void)out, (void)kind, (void)depth, (void)max_rows, (void)latents;
    return sae_fail(err, SAE_E_UNSUPPORTED, "no screens in low precision: %s", sae_bf16_missing());
}

void sae_low_gemm_free(sae_low_gemm *gemm)
{
    (void)gemm;
}

bool sae_low_gemm_run(sae_low_gemm *gemm, int64_t rows, int64_t latents, const void *A, const void *B, void *C)
{
    (void)gemm, (void)rows, (void)latents, (void)A, (void)B, (void)C;
    return false;
}
