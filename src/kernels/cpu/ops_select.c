/* Which instruction set this processor can run: the only place that asks. */
#include "kernels/cpu/ops_tables.h"
#include "kernels/ops.h"

#include <stddef.h>

#if defined(__x86_64__)
const sae_ops *sae_ops_at(int i)
{
    const sae_ops *usable[4];
    int count = 0;
    __builtin_cpu_init();
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq") &&
        __builtin_cpu_supports("avx512vl"))
        usable[count++] = &sae_ops_avx512;
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) usable[count++] = &sae_ops_avx2;
    usable[count++] = &sae_ops_baseline;
    return i >= 0 && i < count ? usable[i] : NULL;
}
#else
const sae_ops *sae_ops_at(int i)
{
    return i == 0 ? &sae_ops_baseline : NULL;
}
#endif

const sae_ops *sae_ops_best(void)
{
    return sae_ops_at(0);
}
