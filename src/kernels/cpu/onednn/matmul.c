/* oneDNN takes as many threads as OpenMP would give a parallel region here, so what makes or runs a product does so
 * with that number set to one, for the calling thread alone. */
#include "kernels/cpu/onednn/matmul.h"

#include "kernels/cpu/onednn/signals.h"

#include <omp.h>

dnnl_status_t sae_matmul_new(sae_matmul *m, const sae_matrix *a, const sae_matrix *b, const sae_matrix *c)
{
    int before = omp_get_max_threads();
    omp_set_num_threads(1);
    dnnl_status_t status = dnnl_engine_create(&m->engine, dnnl_cpu, 0);
    if (status == dnnl_success) status = dnnl_stream_create(&m->stream, m->engine, dnnl_stream_default_flags);
    if (status == dnnl_success) status = sae_matmul_make(m, a, b, c);
    omp_set_num_threads(before);
    return status;
}

void sae_matmul_destroy(sae_matmul *m)
{
    dnnl_memory_t memories[] = {m->a, m->b, m->c, m->scratch};
    for (int i = 0; i < 4; i++)
        if (memories[i]) dnnl_memory_destroy(memories[i]);
    if (m->primitive) dnnl_primitive_destroy(m->primitive);
    if (m->stream) dnnl_stream_destroy(m->stream);
    if (m->engine) dnnl_engine_destroy(m->engine);
}

dnnl_status_t sae_matmul_run(sae_matmul *m, const void *A, const void *B, void *C)
{
    const dnnl_exec_arg_t arguments[] = {
        {DNNL_ARG_SRC, m->a}, {DNNL_ARG_WEIGHTS, m->b}, {DNNL_ARG_DST, m->c}, {DNNL_ARG_SCRATCHPAD, m->scratch}};
    int before = omp_get_max_threads();
    omp_set_num_threads(1);
    /* Handles are not const in oneDNN; A and B are only read. */
    dnnl_status_t status = dnnl_memory_set_data_handle(m->a, (void *)(uintptr_t)A);
    if (status == dnnl_success) status = dnnl_memory_set_data_handle(m->b, (void *)(uintptr_t)B);
    if (status == dnnl_success) status = dnnl_memory_set_data_handle(m->c, C);
    sigset_t signals;
    sae_signals_hold(1, &signals);
    if (status == dnnl_success) status = dnnl_primitive_execute(m->primitive, m->stream, 4, arguments);
    if (status == dnnl_success) status = dnnl_stream_wait(m->stream);
    sae_signals_release(1, &signals);
    omp_set_num_threads(before);
    return status;
}
