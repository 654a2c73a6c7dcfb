/* Making a matrix product in oneDNN: the part whose functions changed between its major versions (matmul_v2.c,
 * matmul_v3.c). */
#ifndef SAE_KERNELS_CPU_ONEDNN_MATMUL_H
#define SAE_KERNELS_CPU_ONEDNN_MATMUL_H

#include "kernels/bf16.h"

#include <oneapi/dnnl/dnnl.h>

typedef struct sae_matmul {
    dnnl_engine_t engine;
    dnnl_stream_t stream;
    dnnl_primitive_t primitive;
    dnnl_memory_t a, b, c; /* descriptions of the arrays; each run puts in where they lie */
    dnnl_memory_t scratch; /* owns its memory */
} sae_matmul;

/* Fills primitive and memories for m->engine. What was made stays in *m, also on failure: the caller destroys it. */
dnnl_status_t sae_matmul_make(sae_matmul *m, const sae_bf16_shape *shape);

#endif
