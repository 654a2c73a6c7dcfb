/* Eigenvalues of a symmetric matrix. */
#ifndef SAE_ANALYSIS_EIGENVALUES_H
#define SAE_ANALYSIS_EIGENVALUES_H

#include <sae/env.h>
#include <stdint.h>

/* values [count ≤ n] = the largest eigenvalues of A [n, n], descending, each as often as it is one. A is symmetric,
 * both triangles filled, and is overwritten. Errors are of the order of n·2⁻⁵³·‖A‖.
 *
 * Householder reflections make A tridiagonal, then each eigenvalue is found by bisection on the number of eigenvalues
 * below a point, which Sylvester's law gives from the signs of the pivots. No LAPACK: a BLAS that is chosen at link
 * time need not have one, and its results would depend on it. The same bits for any number of threads. */
sae_status sae_largest_eigenvalues(double *A, int64_t n, int64_t count, double *values, const sae_env *env,
                                   sae_error *err);

#endif
