/* Signals wait while oneDNN computes: some of its kernels keep rsp in memory from malloc, without room for the frame of
 * a signal handler below it. With registers of AVX-512 that frame has kilobytes, and would overwrite what lies before.
 */
#ifndef SAE_KERNELS_CPU_ONEDNN_SIGNALS_H
#define SAE_KERNELS_CPU_ONEDNN_SIGNALS_H

#include <signal.h>

/* On the calling thread and on those that it shares a parallel region of so many threads with. */
void sae_signals_hold(int threads, sigset_t *before);
void sae_signals_release(int threads, const sigset_t *before);

#endif
