/* Inner products in double, in one fixed order that vectorises. */
#ifndef SAE_ANALYSIS_DOT_H
#define SAE_ANALYSIS_DOT_H

#include <stdint.h>

/* Σ a_j b_j. */
double sae_dot_doubles(const double *a, const double *b, int64_t n);
/* The same with a factor in float32. */
double sae_dot_mixed(const double *a, const float *b, int64_t n);

#endif
