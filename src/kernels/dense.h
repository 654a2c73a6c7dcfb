/* A training step of threshold kinds (ReLU, JumpReLU) while many latents are active: dense products over tiles of rows
 * instead of codes. What leaves it is what the sparse phases give, to rounding: residual, gradients, sums per latent.
 */
#ifndef SAE_KERNELS_DENSE_H
#define SAE_KERNELS_DENSE_H

#include "kernels/step.h"

#define SAE_DENSE_ROWS    256 /* rows of a tile */
#define SAE_DENSE_LATENTS 512 /* latents that one thread works on at a time */

/* What a batch did to each latent; arrays of n. */
typedef struct sae_latent_sums {
    int64_t *active;    /* rows with z > θ */
    double *f;          /* Σ f over them */
    int64_t *near;      /* rows with |z − θ| < ε/2 */
    double *near_slope; /* Σ e·W_dec,i over those */
} sae_latent_sums;

sae_status sae_latent_sums_new(sae_latent_sums *out, int64_t n, sae_error *err);
void sae_latent_sums_clear(sae_latent_sums *sums);
/* From codes grouped by latent: the active ones, and those near the threshold (NULL: none). */
void sae_latent_sums_fill(sae_latent_sums *sums, int64_t n, const sae_by_latent *active, const sae_by_latent *near,
                          int threads);

/* Memory of the dense step: z and f of a tile [SAE_DENSE_ROWS, n], products of each thread, gradients. */
typedef struct sae_dense_scratch {
    float *z, *f;
    float *product; /* [threads, SAE_DENSE_ROWS, SAE_DENSE_LATENTS] */
    sae_dense_gradient gradient;
} sae_dense_scratch;

sae_status sae_dense_scratch_new(sae_dense_scratch *out, int64_t n, int64_t d, int threads, sae_error *err);
void sae_dense_scratch_clear(sae_dense_scratch *scratch);
/* Bytes of it. */
double sae_dense_bytes(int64_t n, int64_t d, int threads);

typedef struct sae_dense_step {
    int64_t rows, d, n;
    const float *c; /* [rows, d] centred input */
    const float *W_enc, *b_enc, *W_dec;
    const float *theta; /* [n]; NULL: all 0 (ReLU) */
    float bandwidth;    /* ε of the window; 0: no window */
    float shift;        /* taken from every slope of an active latent: λ/2 for ReLU's λ Σ f ‖w‖ */
    int threads;
} sae_dense_step;

/* e [rows, d], row_square [rows] as sae_residual; scratch->gradient with scale 2/rows (W_dec's not yet projected);
 * sums. The same bits for any number of threads. */
void sae_dense_run(const sae_dense_step *step, sae_dense_scratch *scratch, float *e, double *row_square,
                   sae_latent_sums *sums);

#endif
