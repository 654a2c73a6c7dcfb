/* oneDNN 3: descriptions of memory are handles, and a primitive is described in one call. */
#include "kernels/cpu/onednn/matmul.h"

static dnnl_status_t describe(dnnl_memory_desc_t *out, int64_t rows, int64_t columns, int64_t row_stride,
                              int64_t column_stride, dnnl_data_type_t type)
{
    const dnnl_dims_t sizes = {rows, columns}, strides = {row_stride, column_stride};
    return dnnl_memory_desc_create_with_strides(out, 2, sizes, type, strides);
}

/* The primitive of a description, and its scratch memory. */
static dnnl_status_t make_primitive(sae_matmul *m, const_dnnl_primitive_desc_t description)
{
    dnnl_status_t status = dnnl_primitive_create(&m->primitive, description);
    if (status != dnnl_success) return status;
    const_dnnl_memory_desc_t scratch = dnnl_primitive_desc_query_md(description, dnnl_query_scratchpad_md, 0);
    return dnnl_memory_create(&m->scratch, scratch, m->engine, DNNL_MEMORY_ALLOCATE);
}

dnnl_status_t sae_matmul_make(sae_matmul *m, const sae_bf16_shape *s)
{
    dnnl_memory_desc_t a = NULL, b = NULL, c = NULL;
    dnnl_primitive_attr_t options = NULL;
    dnnl_primitive_desc_t description = NULL;
    dnnl_status_t status = describe(&a, s->m, s->k, s->lda, 1, dnnl_bf16);
    if (status == dnnl_success)
        status = describe(&b, s->k, s->n, s->transposed ? 1 : s->ldb, s->transposed ? s->ldb : 1, dnnl_bf16);
    if (status == dnnl_success) status = describe(&c, s->m, s->n, s->ldc, 1, dnnl_f32);
    if (status == dnnl_success) status = dnnl_memory_create(&m->a, a, m->engine, DNNL_MEMORY_NONE);
    if (status == dnnl_success) status = dnnl_memory_create(&m->b, b, m->engine, DNNL_MEMORY_NONE);
    if (status == dnnl_success) status = dnnl_memory_create(&m->c, c, m->engine, DNNL_MEMORY_NONE);
    if (status == dnnl_success) status = dnnl_primitive_attr_create(&options);
    if (status == dnnl_success) status = dnnl_primitive_attr_set_scratchpad_mode(options, dnnl_scratchpad_mode_user);
    if (status == dnnl_success)
        status = dnnl_matmul_primitive_desc_create(&description, m->engine, a, b, NULL, c, options);
    if (status == dnnl_success) status = make_primitive(m, description);
    if (description) dnnl_primitive_desc_destroy(description);
    if (options) dnnl_primitive_attr_destroy(options);
    if (a) dnnl_memory_desc_destroy(a);
    if (b) dnnl_memory_desc_destroy(b);
    if (c) dnnl_memory_desc_destroy(c);
    return status;
}
