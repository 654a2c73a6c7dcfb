/* The tables that src/kernels/cpu/isa/ops.c makes, one per instruction set of this architecture. */
#ifndef SAE_KERNELS_OPS_TABLES_H
#define SAE_KERNELS_OPS_TABLES_H

#include "kernels/ops.h"

#define SAE_OPS_TABLE(isa) sae_ops_##isa

extern const sae_ops sae_ops_baseline;
extern const sae_ops sae_ops_avx2;
extern const sae_ops sae_ops_avx512;

#endif
