/* The MSE of every set of latents of two SAEs A and B as one quadratic form.
 *
 * Latents 0 … n_A − 1 are those of A, n_A … n_A + n_B − 1 those of B; s_i says whether latent i is in. With y = x −
 * b_A, t = removed/n_A the share of A's latents that are out, and output bias b_A + t·Δ, Δ = b_B − b_A: r = y − Σ s_i
 * f_i w_i,   MSE(s) = E‖r‖² − 2t Δ·E[r] + t²‖Δ‖² E‖r‖² = E‖y‖² − 2 Σ s_i h_i + Σ_ij s_i s_j Q_ij,   Δ·E[r] = Δ·E[y] − Σ
 * s_i v_i h_i = E[f_i w_i·y],  Q_ij = E[f_i f_j] (w_i·w_j),  v_i = E[f_i] (w_i·Δ),   L0(s) = Σ s_i density_i */
#ifndef SAE_ANALYSIS_QUADRATIC_H
#define SAE_ANALYSIS_QUADRATIC_H

#include "analysis/pairs.h"

#include <sae/model.h>

typedef struct sae_quadratic {
    int64_t n_small, n; /* n_A, n_A + n_B */
    int64_t tokens;
    double yy, variance;   /* E‖y‖², E‖x − x̄‖² */
    double y_delta;        /* Δ·E[y] */
    double delta2;         /* ‖Δ‖² */
    double *h, *v;         /* [n] */
    double *density, *top; /* [n] share of rows on which a latent is active, its largest activation */
    sae_pairs q;           /* Q */
} sae_quadratic;
void sae_quadratic_clear(sae_quadratic *form);

/* What of MSE(s) changes when latents come and go. */
typedef struct sae_quadratic_sums {
    double rr, r_delta; /* E‖r‖², Δ·E[r] */
    double l0;
    int64_t inserted, removed; /* latents of B that are in, of A that are out */
} sae_quadratic_sums;

/* The sums of a set, in [n] (0 or 1), by its definition: costs the whole of Q. */
sae_quadratic_sums sae_quadratic_of(const sae_quadratic *form, const unsigned char *in);
double sae_quadratic_mse(const sae_quadratic *form, const sae_quadratic_sums *sums);

/* Sums of f_i f_j become Q: divided by the rows and multiplied by w_i·w_j, each product computed once. W_dec of A and
 * B, [n_small, d] and [n − n_small, d]. */
sae_status sae_quadratic_weigh(sae_pairs *sums, int64_t n_small, const float *small, const float *large, int64_t d,
                               int64_t tokens, const sae_env *env, sae_error *err);

#endif
