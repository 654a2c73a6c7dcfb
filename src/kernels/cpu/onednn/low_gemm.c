/* Low-precision products by oneDNN's matmul. Weights come in the layout that its kernels for AVX-512 BF16, VNNI and AMX
 * read, so nothing is copied. Its primitives are made for fixed sizes: two heights of A, two widths of B. */
#include "kernels/cpu/low_gemm.h"

#include "base/alloc.h"
#include "base/error.h"
#include "kernels/cpu/onednn/matmul.h"
#include "kernels/shadow.h"

#include <stdio.h>
#include <string.h>

enum { HEIGHTS = 2, WIDTHS = 2 };

struct sae_low_gemm {
    int64_t height[HEIGHTS], width[WIDTHS]; /* the larger first */
    int64_t depth;
    size_t value_size; /* bytes of a value of A */
    sae_matmul products[HEIGHTS][WIDTHS];
};

static dnnl_status_t make(sae_matmul *m, sae_screen_kind kind, int64_t rows, int64_t latents, int64_t depth)
{
    bool bf16 = kind == SAE_SCREEN_BF16;
    const sae_matrix a = {{rows, depth}, {0}, bf16 ? dnnl_bf16 : dnnl_u8, dnnl_ab};
    const sae_matrix b = {{depth, latents}, {0}, bf16 ? dnnl_bf16 : dnnl_s8, bf16 ? dnnl_BA16a64b2a : dnnl_BA16a64b4a};
    const sae_matrix c = {{rows, latents}, {0}, bf16 ? dnnl_f32 : dnnl_s32, dnnl_ab};
    return sae_matmul_new(m, &a, &b, &c);
}

/* The kernels whose accuracy is known: float sums of exact products of bfloat16, exact sums of bytes. Reference
 * kernels would be a thousand times slower, and those for bytes without VNNI saturate in between. */
static bool is_known(sae_screen_kind kind, const char *kernel)
{
    if (strncmp(kernel, "brg", 3) != 0) return false;
    if (strstr(kernel, "amx") || strstr(kernel, "avx10")) return true; /* both have both */
    return strstr(kernel, kind == SAE_SCREEN_BF16 ? "avx512_core_bf16" : "vnni") != NULL;
}

void sae_low_gemm_free(sae_low_gemm *g)
{
    if (!g) return;
    for (int i = 0; i < HEIGHTS * WIDTHS; i++) sae_matmul_destroy(&g->products[i / WIDTHS][i % WIDTHS]);
    sae_free(g);
}

sae_status sae_low_gemm_new(sae_low_gemm **out, sae_screen_kind kind, int64_t depth, int64_t max_rows, int64_t latents,
                            sae_error *err)
{
    sae_low_gemm *g = sae_calloc(1, sizeof *g);
    if (!g) return sae_fail_memory(err, "products in low precision", sizeof *g);
    *g = (sae_low_gemm){
        .height = {max_rows, SAE_LOW_ROWS},
        .width = {latents, SAE_SHADOW_PANEL},
        .depth = depth,
        .value_size = kind == SAE_SCREEN_BF16 ? 2 : 1,
    };
    for (int i = 0; i < HEIGHTS * WIDTHS; i++) {
        int64_t height = g->height[i / WIDTHS], width = g->width[i % WIDTHS];
        sae_matmul *m = &g->products[i / WIDTHS][i % WIDTHS];
        if (make(m, kind, height, width, depth) == dnnl_success && is_known(kind, m->kernel)) continue;
        sae_low_gemm_free(g);
        return sae_fail(err, SAE_E_UNSUPPORTED,
                        "oneDNN has no fast product of %lld rows by %lld latents of %lld dimensions in this precision; "
                        "--screen fp32 does without it",
                        (long long)height, (long long)width, (long long)depth);
    }
    *out = g;
    return SAE_OK;
}

bool sae_low_gemm_run(sae_low_gemm *g, int64_t rows, int64_t latents, const void *A, const void *B, void *C)
{
    int w = latents == g->width[0] ? 0 : 1;
    for (int64_t row = 0; row < rows;) {
        int h = rows - row >= g->height[0] ? 0 : 1;
        const char *a = (const char *)A + (size_t)(row * g->depth) * g->value_size;
        if (sae_matmul_run(&g->products[h][w], a, B, (float *)C + row * latents) != dnnl_success) return false;
        row += g->height[h];
    }
    return true;
}

bool sae_low_gemm_usable(sae_screen_kind kind, char name[64])
{
    sae_matmul m = {0};
    bool usable = make(&m, kind, SAE_LOW_ROWS, SAE_SHADOW_PANEL, 64) == dnnl_success && is_known(kind, m.kernel);
    if (usable && name) memcpy(name, m.kernel, 64);
    sae_matmul_destroy(&m);
    return usable;
}
