/* A matrix product in oneDNN. matmul_v2.c and matmul_v3.c have the part whose functions changed between its major
 * versions. */
#ifndef SAE_KERNELS_CPU_ONEDNN_MATMUL_H
#define SAE_KERNELS_CPU_ONEDNN_MATMUL_H

#include <oneapi/dnnl/dnnl.h>
#include <stdint.h>

/* How one of the three matrices lies in memory: by strides (elements), or in a layout of oneDNN's own. */
typedef struct sae_matrix {
    dnnl_dims_t size, stride;
    dnnl_data_type_t type;
    dnnl_format_tag_t layout; /* dnnl_format_tag_undef: by strides */
} sae_matrix;

typedef struct sae_matmul {
    dnnl_engine_t engine;
    dnnl_stream_t stream;
    dnnl_primitive_t primitive;
    dnnl_memory_t a, b, c; /* descriptions of the arrays; each run puts in where they lie */
    dnnl_memory_t scratch; /* owns its memory */
    char kernel[64];       /* what oneDNN calls the kernel that it took */
} sae_matmul;

/* C = A·B for one thread. What was made stays in *m, also on failure: the caller destroys it. */
dnnl_status_t sae_matmul_new(sae_matmul *m, const sae_matrix *a, const sae_matrix *b, const sae_matrix *c);
void sae_matmul_destroy(sae_matmul *m);
/* On the calling thread alone. A and B are only read. */
dnnl_status_t sae_matmul_run(sae_matmul *m, const void *A, const void *B, void *C);

/* Fills primitive, kernel and memories for m->engine; by version. */
dnnl_status_t sae_matmul_make(sae_matmul *m, const sae_matrix *a, const sae_matrix *b, const sae_matrix *c);

#endif
