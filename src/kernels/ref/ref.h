/* The reference: one training step in plain, dense, serial C, as close to the formulas as can be (docs/
 * mathematics.md, section 2). Compiled twice: in float, where its z are the fixed-order dots that encode must
 * reproduce bit for bit, and in double, where it is compared with an independent implementation. Tests only. */
#ifndef SAE_KERNELS_REF_H
#define SAE_KERNELS_REF_H

#include "kernels/kernels.h"

#include <stdbool.h>
#include <stdint.h>

/* Everything about one step, with arrays of `real`; declared once per type. */
#define SAE_REF_DECLARE(real)                                                                                          \
    typedef struct sae_ref_tensors_##real {                                                                            \
        real *W_enc; /* [n, d] */                                                                                      \
        real *b_enc; /* [n] */                                                                                         \
        real *W_dec; /* [n, d] */                                                                                      \
        real *b_dec; /* [d] */                                                                                         \
        real *theta; /* [n] JumpReLU */                                                                                \
    } sae_ref_tensors_##real;                                                                                          \
    typedef struct sae_ref_step_##real {                                                                               \
        int64_t rows, d, n, k, k_aux;                                                                                  \
        sae_filter filter;          /* ROW: TopK; BATCH: BatchTopK, Matryoshka; LATENT: ReLU, JumpReLU */              \
        bool jump;                  /* LATENT: θ is learned (JumpReLU), else 0 (ReLU) */                              \
        real lambda;                /* ReLU, JumpReLU */                                                               \
        real bandwidth;             /* JumpReLU */                                                                     \
        int n_prefixes;             /* Matryoshka */                                                                   \
        const int32_t *prefix_ends; /* [n_prefixes] */                                                                 \
        real aux_alpha;                                                                                                \
        bool aux_variance; /* divide L_aux by the batch variance of the residual */                                    \
        real lr, beta1, beta2, eps;                                                                                    \
        real clip;    /* 0: off */                                                                                     \
        int64_t step; /* 1, 2, … */                                                                                  \
        int64_t dead_tokens;                                                                                           \
        const real *x;            /* [rows, d] scaled input */                                                         \
        sae_ref_tensors_##real p; /* parameters, updated */                                                            \
        sae_ref_tensors_##real m; /* first moments, updated */                                                         \
        sae_ref_tensors_##real v; /* second moments, updated */                                                        \
        sae_ref_tensors_##real g; /* out: gradients, before projection and clipping */                                 \
        int64_t *since_fired;     /* [n] tokens since each latent fired, updated */                                    \
        real *f;                  /* [rows, n] out: latent activations of the main selection */                        \
        real mse, aux, loss;      /* out: ‖e‖² of the whole dictionary, L_aux, all terms; means over rows */      \
    } sae_ref_step_##real;                                                                                             \
    /* f [rows, n] = z where selected by brute force (full sort, ties by row, then latent), else 0. */                 \
    void sae_ref_encode_##real(const real *c, int64_t rows, int64_t d, int64_t n, const real *W_enc,                   \
                               const real *b_enc, sae_filter filter, int64_t k, const real *theta, const bool *only,   \
                               real *f);                                                                               \
    /* Gradients, losses and f of one step; parameters stay. */                                                        \
    void sae_ref_gradients_##real(sae_ref_step_##real *s);                                                             \
    /* The whole step. */                                                                                              \
    void sae_ref_train_##real(sae_ref_step_##real *s);

SAE_REF_DECLARE(float)
SAE_REF_DECLARE(double)

/* Names for the type that a file of this folder is compiled for (SAE_REAL is float or double). */
#define SAE_REF_JOIN2(a, b) a##b
#define SAE_REF_JOIN(a, b)  SAE_REF_JOIN2(a, b)
#define SAE_REF(name)       SAE_REF_JOIN(name, SAE_REAL)

#endif
