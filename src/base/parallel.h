/* How many threads a task may use. Loops are written with OpenMP over a fixed partition of the work, so
 * that results never depend on the number. */
#ifndef SAE_BASE_PARALLEL_H
#define SAE_BASE_PARALLEL_H

#include <sae/env.h>

/* env->threads, or the number of cores that this process may run on; at least 1. */
int sae_threads(const sae_env *env);

#endif
