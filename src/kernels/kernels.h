/* The kernels of an SAE: encode (which latents are active), decode (reconstruction and per-code gradient),
 * update (per latent: gradient and optimiser). What leaves encode is codes; nothing of size rows × latents
 * ever exists outside a tile.
 *
 * Exactness. z of row b and latent i is sae_ops.dot(c_b, W_enc,i) + b_enc,i: one fp32 dot product in one fixed
 * order, the same on every instruction set. Encode computes a tile of approximate products (the screen) by SGEMM or in
 * lower precision, and recomputes every entry that could matter by that dot; selection sees only recomputed values. */
#ifndef SAE_KERNELS_H
#define SAE_KERNELS_H

#include "kernels/shadow.h"

#include <sae/env.h>
#include <sae/io.h>
#include <stdint.h>

/* ---- encode ----------------------------------------------------------------------------------- */

typedef enum sae_filter {
    SAE_FILTER_ROW,   /* the k largest z > 0 of each row */
    SAE_FILTER_BATCH, /* the rows·k largest z > 0 of all rows together */
    SAE_FILTER_LATENT /* every z > theta_i (theta_i ≥ 0) */
} sae_filter;

/* What to encode. Ties: larger z, then smaller row, then smaller latent. */
typedef struct sae_encode_job {
    const float *c; /* [rows, d] input after centring */
    int64_t rows, d, n;
    const float *W_enc;       /* [n, d] */
    const float *b_enc;       /* [n] */
    const sae_shadow *shadow; /* of W_enc; screened with its kind if the encoder is made for that, else with fp32 */
    const int32_t *subset;    /* only these latents, ascending; NULL: all */
    int64_t n_subset;
    sae_filter filter;
    int64_t k;          /* ROW and BATCH */
    const float *theta; /* LATENT: [n], indexed by latent */
    const float *near;  /* [n]: every z > near_i is found too, whatever is selected (sae_encoder_near); NULL: not */
} sae_encode_job;

/* Where the last cut lay: the next encode starts looking a little below it. Only speed depends on it, never
 * the result. Zero at first; one per SAE and purpose. */
typedef struct sae_encode_hint {
    float cut;    /* BATCH: where the smallest kept z is expected; ROW: low quantile of (smallest kept z)/‖c_b‖ */
    float margin; /* BATCH: relative; adapts to how much the cut scatters */
} sae_encode_hint;

typedef struct sae_encode_stats {
    int64_t rescored; /* entries recomputed exactly */
    int64_t repeats;  /* rows screened again because the filter was too high */
    double select_seconds;
} sae_encode_stats;

/* Workspace for encoding up to max_rows rows at a time, with at most row_k for ROW and batch_k for BATCH (0: that
 * filter is not used), screening with `kind` (sae_screen_choose). With ROW and BATCH no call allocates afterwards; with
 * LATENT buffers grow with what fires. */
typedef struct sae_encoder sae_encoder;
sae_status sae_encoder_new(sae_encoder **out, sae_screen_kind kind, int64_t d, int64_t max_rows, int64_t row_k,
                           int64_t batch_k, const sae_env *env, sae_error *err);
void sae_encoder_free(sae_encoder *encoder);
/* What that takes at most, in bytes; not what LATENT finds. */
double sae_encoder_bytes(sae_screen_kind kind, int64_t d, int64_t max_rows, int64_t row_k, int64_t batch_k,
                         int threads);

/* codes = the active latents of every row, ascending in each row. For ROW and BATCH `codes` must have room
 * (sae_codes_reserve with rows·k entries); for LATENT it is grown. hint and stats may be NULL. */
sae_status sae_encode(sae_encoder *encoder, const sae_encode_job *job, sae_encode_hint *hint, sae_codes *codes,
                      sae_encode_stats *stats, sae_error *err);

/* What job->near found in the last sae_encode, the selected among it: calls visit for each, in no fixed order. */
void sae_encoder_near(const sae_encoder *encoder, void (*visit)(void *ud, int32_t row, int32_t latent, float z),
                      void *ud);

/* ---- decode ----------------------------------------------------------------------------------- */

/* c [rows, d] = x − b (b NULL: a copy); in place is allowed. */
void sae_center_rows(const float *x, const float *b, int64_t rows, int64_t d, float *c, int threads);

/* x_hat [rows, d] = Σ_j f_j W_dec,j + b (b NULL: 0), latents ascending. */
void sae_decode(const sae_codes *codes, const float *W_dec, const float *b, int64_t d, float *x_hat, int threads);

#endif
