/* The phases of a training step after encode: residual and per-code gradient, codes by latent, update. */
#ifndef SAE_KERNELS_STEP_H
#define SAE_KERNELS_STEP_H

#include "kernels/kernels.h"
#include "kernels/ops.h"

#include <stdbool.h>

/* e [rows, d] = target − Σ_i f_i W_dec,i over each row's codes; slope[j] = e_b·W_dec,i for code j of row b (the
 * gradient of ½‖e_b‖² with respect to f, negated). row_square[b] = ‖e_b‖². `subset` [n_subset], ascending: the only
 * latents that the codes have, of which rows share many (AuxK); NULL: any. The bits do not depend on it. */
void sae_residual(const sae_codes *codes, const int32_t *subset, int64_t n_subset, const float *target,
                  const float *W_dec, int64_t d, float *e, float *slope, double *row_square, int threads);

#define SAE_MOST_PREFIXES 32

/* The same for a Matryoshka dictionary, whose prefix g (at most SAE_MOST_PREFIXES of them) has the latents below
 * ends[g] (ascending; the last is n), in one walk along each row's codes. With e_g the residual of prefix g:
 * e [n_prefixes, rows, d]  slice g is Σ_{h ≥ g} e_h; the last is the residual of the whole dictionary
 * slope[j]                 W_dec,i times row b of the slice of the first prefix that holds the latent
 * row_square[g·rows + b]   ‖e_g,b‖² */
void sae_residual_prefixes(const sae_codes *codes, const int32_t *ends, int n_prefixes, const float *target,
                           const float *W_dec, int64_t d, float *e, float *slope, double *row_square, int threads);

/* slope[j] = e_b·W_dec,i for every code j of row b, whatever its value. */
void sae_slopes(const sae_codes *codes, const float *e, const float *W_dec, int64_t d, float *slope, int threads);

/* sums[j] = Σ_b e[b, j] in a fixed order; scratch [⌈rows/64⌉, d]. */
void sae_column_sums(const float *e, int64_t rows, int64_t d, double *scratch, double *sums, int threads);

/* Codes regrouped by latent: latent i has entries offsets[i] … offsets[i + 1] − 1, rows ascending. */
typedef struct sae_by_latent {
    int64_t max_n, capacity; /* room: latents, entries */
    int64_t *offsets;        /* [max_n + 1] */
    int32_t *row;            /* [capacity] */
    float *f;                /* [capacity] activation */
    float *slope;            /* [capacity] from sae_residual */
    int32_t *scratch;        /* [SAE_SEGMENTS, max_n] */
} sae_by_latent;

#define SAE_SEGMENTS 8 /* rows are counted and placed in this many fixed segments, in parallel */

sae_status sae_by_latent_new(sae_by_latent *out, int64_t max_n, int64_t capacity, sae_error *err);
void sae_by_latent_clear(sae_by_latent *by);
/* Room for `entries`; what was filled in is lost when it grows. */
sae_status sae_by_latent_reserve(sae_by_latent *by, int64_t entries, sae_error *err);
/* n ≤ max_n: latents of the SAE whose codes these are. */
void sae_by_latent_fill(sae_by_latent *by, int64_t n, const sae_codes *codes, const float *slope, int threads);

/* The update phase. For latent i, with s the scale of each term (∂L/∂‖e‖² of its loss, times 2):
 *   gW_dec,i = −Σ_terms s Σ_b f_bi e_b      then minus its part along W_dec,i
 *   ∂L/∂z_bi = −s·slope_bi,   gW_enc,i = Σ ∂L/∂z_bi c_b,   gb_enc,i = Σ ∂L/∂z_bi
 * followed by Adam on all rows and renormalised decoder rows. A latent's rows are read and written once.
 *
 * Where e and c are large, all of the decoder is updated first, then the encoder: what is gathered for one of them has
 * half the size of both and stays in the last cache while the parameters stream past. */
typedef struct sae_update_term {
    const sae_by_latent *codes;
    const float *e; /* [rows, d] residual of this term; with prefixes the slices of sae_residual_prefixes */
    float scale;
    const int32_t *prefix_ends; /* [n_prefixes]; NULL: no prefixes */
    int n_prefixes;
} sae_update_term;

/* Gradients that were formed elsewhere (kernels/dense.h): the update starts from them instead of from 0. */
typedef struct sae_dense_gradient {
    float *W_enc, *W_dec; /* [n, d] */
    float *b_enc;         /* [n] */
} sae_dense_gradient;

#define SAE_LATENT_GROUP 32 /* latents per unit of parallel work and of the fixed reduction order */

/* What one thread works in. */
typedef struct sae_update_scratch {
    float *gradients;            /* [SAE_LATENT_GROUP, d] rows of W_dec or of W_enc */
    float *bias;                 /* [SAE_LATENT_GROUP] */
    float *sums;                 /* [SAE_LATENT_GROUP, SAE_SLICE] */
    sae_entry *entries;          /* [SAE_LATENT_GROUP·rows], touched only where codes are dense */
    float *weights;              /* [2, SAE_LATENT_GROUP·rows] of the entries, for W_dec and for W_enc */
    int32_t *starts;             /* [rows + 1] */
    const sae_by_latent *sorted; /* whose entries of the latents at hand these are; NULL: nobody's */
} sae_update_scratch;

sae_status sae_update_scratch_new(sae_update_scratch *out, int64_t d, int64_t rows, sae_error *err);
void sae_update_scratch_clear(sae_update_scratch *scratch);

typedef struct sae_update {
    int64_t d, n, rows;
    const float *c; /* [rows, d] centred input */
    sae_update_term terms[2];
    int n_terms;
    const sae_dense_gradient *dense; /* NULL: none */
    float *W_enc, *b_enc, *W_dec;    /* parameters, updated */
    float *m_W_enc, *m_b_enc, *m_W_dec;
    float *v_W_enc, *v_b_enc, *v_W_dec;
    const sae_shadow *shadow; /* of W_enc, refreshed */
    const sae_adam *adam;
    int32_t *order;              /* [n] */
    float *bias_sums;            /* [⌈n/SAE_LATENT_GROUP⌉, d] */
    double *squares;             /* [2, ⌈n/SAE_LATENT_GROUP⌉] */
    sae_update_scratch *scratch; /* [threads] */
    int64_t last_cache;          /* bytes; e and c "are large" from three eighths of it on */
    int threads;
} sae_update;

/* Squared norm of gW_dec (projected), gW_enc and gb_enc together: the first pass when gradients are clipped. */
double sae_update_square_norm(const sae_update *u);
/* Gradients multiplied by `factor` (1: no clipping), Adam, renormalisation, shadow. */
void sae_update_apply(const sae_update *u, float factor);
/* After either of the two: sums[j] = Σ_i W_enc,ij gb_enc,i with W_enc as it was before the update. */
void sae_update_bias_sums(const sae_update *u, double *sums);

#endif
