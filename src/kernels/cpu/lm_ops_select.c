/* The transformer loops that go with the vector operations of this processor. */
#include "kernels/cpu/lm_ops_tables.h"
#include "kernels/lm_ops.h"
#include "kernels/ops.h"

#include <stddef.h>
#include <string.h>

#if defined(__x86_64__)
static const sae_lm_ops *const tables[] = {&sae_lm_ops_avx512, &sae_lm_ops_avx2, &sae_lm_ops_baseline};
#else
static const sae_lm_ops *const tables[] = {&sae_lm_ops_baseline};
#endif

const sae_lm_ops *sae_lm_ops_at(int i)
{
    const sae_ops *usable = sae_ops_at(i);
    for (size_t t = 0; usable && t < sizeof tables / sizeof *tables; t++)
        if (strcmp(tables[t]->name, usable->name) == 0) return tables[t];
    return NULL;
}

const sae_lm_ops *sae_lm_ops_best(void)
{
    return sae_lm_ops_at(0);
}
