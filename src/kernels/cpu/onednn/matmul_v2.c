/* oneDNN 2: descriptions of memory are plain structs, and an operation is described before its primitive. */
#include "kernels/cpu/onednn/matmul.h"

#include <stdio.h>

static dnnl_status_t describe(dnnl_memory_desc_t *out, const sae_matrix *m)
{
    if (m->layout == dnnl_format_tag_undef)
        return dnnl_memory_desc_init_by_strides(out, 2, m->size, m->type, m->stride);
    return dnnl_memory_desc_init_by_tag(out, 2, m->size, m->type, m->layout);
}

/* The primitive of a description, its name and its scratch memory. */
static dnnl_status_t make_primitive(sae_matmul *m, const_dnnl_primitive_desc_t description)
{
    dnnl_status_t status = dnnl_primitive_create(&m->primitive, description);
    const char *kernel = "";
    if (status == dnnl_success)
        status = dnnl_primitive_desc_query(description, dnnl_query_impl_info_str, 0, (void *)&kernel);
    if (status != dnnl_success) return status;
    snprintf(m->kernel, sizeof m->kernel, "%s", kernel);
    const dnnl_memory_desc_t *scratch = dnnl_primitive_desc_query_md(description, dnnl_query_scratchpad_md, 0);
    return dnnl_memory_create(&m->scratch, scratch, m->engine, DNNL_MEMORY_ALLOCATE);
}

dnnl_status_t sae_matmul_make(sae_matmul *m, const sae_matrix *A, const sae_matrix *B, const sae_matrix *C)
{
    dnnl_memory_desc_t a, b, c;
    dnnl_matmul_desc_t product;
    dnnl_primitive_attr_t options = NULL;
    dnnl_primitive_desc_t description = NULL;
    dnnl_status_t status = describe(&a, A);
    if (status == dnnl_success) status = describe(&b, B);
    if (status == dnnl_success) status = describe(&c, C);
    if (status == dnnl_success) status = dnnl_memory_create(&m->a, &a, m->engine, DNNL_MEMORY_NONE);
    if (status == dnnl_success) status = dnnl_memory_create(&m->b, &b, m->engine, DNNL_MEMORY_NONE);
    if (status == dnnl_success) status = dnnl_memory_create(&m->c, &c, m->engine, DNNL_MEMORY_NONE);
    if (status == dnnl_success) status = dnnl_primitive_attr_create(&options);
    if (status == dnnl_success) status = dnnl_primitive_attr_set_scratchpad_mode(options, dnnl_scratchpad_mode_user);
    if (status == dnnl_success) status = dnnl_matmul_desc_init(&product, &a, &b, NULL, &c);
    if (status == dnnl_success) status = dnnl_primitive_desc_create(&description, &product, options, m->engine, NULL);
    if (status == dnnl_success) status = make_primitive(m, description);
    if (description) dnnl_primitive_desc_destroy(description);
    if (options) dnnl_primitive_attr_destroy(options);
    return status;
}
