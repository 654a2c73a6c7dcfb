/* Where the build has no oneDNN: no kind but fp32 is usable, so nothing else here is ever reached with success. */
#include "kernels/cpu/low_gemm.h"

#include "base/error.h"

#include <stdio.h>

bool sae_low_gemm_usable(sae_screen_kind kind, char name[64])
{
    (void)kind;
    (void)name;
    return false;
}

void sae_low_gemm_library(char name[64])
{
    snprintf(name, 64, "no oneDNN");
}

sae_status sae_low_gemm_new(sae_low_gemm **out, sae_screen_kind kind, int64_t depth, int64_t max_rows, int64_t latents,
                            sae_error *err)
{
    (void)out;
    (void)kind;
    (void)depth;
    (void)max_rows;
    (void)latents;
    return sae_fail(err, SAE_E_ARG, "this build has no oneDNN, which products in low precision need");
}

void sae_low_gemm_free(sae_low_gemm *gemm)
{
    (void)gemm;
}

bool sae_low_gemm_run(sae_low_gemm *gemm, int64_t rows, int64_t latents, const void *A, const void *B, void *C)
{
    (void)gemm;
    (void)rows;
    (void)latents;
    (void)A;
    (void)B;
    (void)C;
    return false;
}
