#include "base/parallel.h"

#include <omp.h>

int sae_threads(const sae_env *env)
{
    int threads = env && env->threads > 0 ? env->threads : omp_get_num_procs();
    return threads > 0 ? threads : 1;
}

int sae_env_threads(const sae_env *env)
{
    return sae_threads(env);
}
