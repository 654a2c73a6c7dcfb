/* Orthogonal matching pursuit: the best that a fixed dictionary does when it may use k atoms for each row, greedily. */
#ifndef SAE_ANALYSIS_PURSUIT_H
#define SAE_ANALYSIS_PURSUIT_H

#include <sae/env.h>
#include <stdint.h>

typedef struct sae_pursuit_job {
    int64_t rows, d, atoms, k;
    const float *x;     /* [rows, d] */
    const float *D;     /* [atoms, d] unit rows; a row of zeros is never taken */
    const int32_t *own; /* [rows] the atom that a row may not take, or −1; NULL: every row may take any */
} sae_pursuit_job;

/* For each row, k times: takes the atom a with the largest |a·e| (the smaller of equals), e = x at first, then makes
 * e = x − Σ γ_a a the residual of the best least-squares combination of the atoms taken. Ends early when e is 0 to
 * rounding or no atom adds a direction. errors [rows] = ‖e‖², taken [rows] (NULL ok) = atoms taken; chosen [rows, k]
 * (NULL ok) = their ids in this order, −1 after the end.
 *
 * Correlations with all atoms come from SGEMM and the atoms' Gram matrix (memory: 4·atoms² bytes) and only say which
 * atoms could be the largest; these are settled in double, as is all else, so that neither tiles nor threads nor the
 * BLAS show in the result. */
sae_status sae_pursue(const sae_pursuit_job *job, double *errors, int32_t *taken, int32_t *chosen, const char *what,
                      const sae_env *env, sae_error *err);

#endif
