/* The tables that src/kernels/cpu/isa/lm_ops.c makes, one per instruction set of this architecture. */
#ifndef SAE_KERNELS_LM_OPS_TABLES_H
#define SAE_KERNELS_LM_OPS_TABLES_H

#include "kernels/lm_ops.h"

extern const sae_lm_ops sae_lm_ops_baseline;
extern const sae_lm_ops sae_lm_ops_avx2;
extern const sae_lm_ops sae_lm_ops_avx512;

#endif
