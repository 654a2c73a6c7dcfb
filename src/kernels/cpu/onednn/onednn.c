/* Products through oneDNN. It takes as many threads as OpenMP would give a parallel region here, so every call is
 * made with that number set, for the calling thread alone. */
#include "kernels/cpu/onednn/onednn.h"

#include "base/alloc.h"
#include "base/error.h"
#include "kernels/bf16.h"
#include "kernels/cpu/onednn/matmul.h"
#include "kernels/cpu/onednn/signals.h"

#include <omp.h>

#define TEXT(x)    #x
#define VERSION(x) TEXT(x)

struct sae_bf16_product {
    sae_matmul matmul;
};

const char *sae_onednn_name(void)
{
    return "oneDNN " VERSION(DNNL_VERSION_MAJOR) "." VERSION(DNNL_VERSION_MINOR) "." VERSION(DNNL_VERSION_PATCH);
}

/* The values of the enumeration are sets of bits: each holds those of what came before it. */
static bool has(dnnl_cpu_isa_t isa)
{
    return ((unsigned)dnnl_get_effective_cpu_isa() & (unsigned)isa) == (unsigned)isa;
}

bool sae_onednn_has_avx512(void)
{
    return has(dnnl_cpu_isa_avx512_core);
}

const char *sae_bf16_missing(void)
{
    return has(dnnl_cpu_isa_avx512_core_bf16) ? NULL : "this processor has neither AMX nor AVX-512 BF16";
}

const char *sae_bf16_unit(void)
{
    if (sae_bf16_missing()) return "none";
    return has(dnnl_cpu_isa_avx512_core_amx) ? "AMX" : "AVX-512 BF16";
}

bool sae_onednn_sgemm(bool transpose_a, bool transpose_b, int64_t m, int64_t n, int64_t k, float alpha, const float *A,
                      int64_t lda, const float *B, int64_t ldb, float beta, float *C, int64_t ldc, int threads)
{
    int before = omp_get_max_threads();
    sigset_t signals;
    omp_set_num_threads(threads);
    sae_signals_hold(threads, &signals);
    dnnl_status_t status =
        dnnl_sgemm(transpose_a ? 'T' : 'N', transpose_b ? 'T' : 'N', m, n, k, alpha, A, lda, B, ldb, beta, C, ldc);
    sae_signals_release(threads, &signals);
    omp_set_num_threads(before);
    return status == dnnl_success;
}

/* What oneDNN's refusal means here; `what` was being done. */
static sae_status refuse(dnnl_status_t status, const char *what, sae_error *err)
{
    if (status == dnnl_out_of_memory) return sae_fail(err, SAE_E_MEMORY, "out of memory while %s", what);
    return sae_fail(err, SAE_E_UNSUPPORTED, "%s refused %s (status %d)", sae_onednn_name(), what, (int)status);
}

sae_status sae_bf16_product_new(sae_bf16_product **out, const sae_bf16_shape *s, sae_error *err)
{
    if (sae_bf16_missing()) return sae_fail(err, SAE_E_UNSUPPORTED, "no bf16 products: %s", sae_bf16_missing());
    sae_bf16_product *product = sae_calloc(1, sizeof *product);
    if (!product) return sae_fail_memory(err, "a product", sizeof *product);
    const sae_matrix a = {{s->m, s->k}, {s->lda, 1}, dnnl_bf16, dnnl_format_tag_undef};
    const sae_matrix b = {
        {s->k, s->n}, {s->transposed ? 1 : s->ldb, s->transposed ? s->ldb : 1}, dnnl_bf16, dnnl_format_tag_undef};
    const sae_matrix c = {{s->m, s->n}, {s->ldc, 1}, dnnl_f32, dnnl_format_tag_undef};
    dnnl_status_t status = sae_matmul_new(&product->matmul, &a, &b, &c);
    if (status != dnnl_success) {
        sae_bf16_product_free(product);
        return refuse(status, "a product in bf16", err);
    }
    *out = product;
    return SAE_OK;
}

void sae_bf16_product_free(sae_bf16_product *product)
{
    if (!product) return;
    sae_matmul_destroy(&product->matmul);
    sae_free(product);
}

sae_status sae_bf16_product_run(sae_bf16_product *product, const uint16_t *A, const uint16_t *B, float *C,
                                sae_error *err)
{
    dnnl_status_t status = sae_matmul_run(&product->matmul, A, B, C);
    return status == dnnl_success ? SAE_OK : refuse(status, "a product in bf16", err);
}
