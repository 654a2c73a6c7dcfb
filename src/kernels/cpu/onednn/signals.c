#include "kernels/cpu/onednn/signals.h"

#include <omp.h>
#include <stddef.h>

void sae_signals_hold(int threads, sigset_t *before)
{
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, before);
    if (threads <= 1) return;
#pragma omp parallel num_threads(threads)
    if (omp_get_thread_num() > 0) pthread_sigmask(SIG_SETMASK, &all, NULL);
}

void sae_signals_release(int threads, const sigset_t *before)
{
    if (threads > 1) {
#pragma omp parallel num_threads(threads)
        if (omp_get_thread_num() > 0) pthread_sigmask(SIG_SETMASK, before, NULL);
    }
    pthread_sigmask(SIG_SETMASK, before, NULL);
}
