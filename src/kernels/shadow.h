/* What the screen of an encoder knows of its rows: their norms and, below fp32, a copy in low precision with the norms
 * of what rounding took away. Whoever changes the encoder refreshes the rows that changed. */
#ifndef SAE_KERNELS_SHADOW_H
#define SAE_KERNELS_SHADOW_H

#include "kernels/ops.h"

#include <sae/env.h>
#include <stddef.h>
#include <stdint.h>

#define SAE_SHADOW_PANEL 64 /* latents whose values lie side by side */

/* rows: panels of 64 latents. In a panel come the first `per` values of each of its latents in turn, then the next
 * `per` of each, … (bf16: per = 2, int8: per = 4), the order in which oneDNN and the processors' products read them.
 * Dimensions beyond d, and latents beyond n in the last panel, are 0. */
typedef struct sae_shadow {
    sae_screen_kind kind; /* never AUTO */
    int64_t n, d;
    int64_t depth;  /* d rounded up to what the products take */
    uint32_t *rows; /* [⌈n/64⌉, depth/per, 64] `per` values each; NULL: fp32 */
    float *scale;   /* [n] int8: Ŵ_i is this times its bytes */
    int32_t *sum;   /* [n] int8: of its bytes */
    float *columns; /* [SAE_SPLIT, n] int8: dimensions that the encode at hand multiplies in fp32, written by it */
    float *norm;    /* [n] ≥ ‖W_i‖, tight to 2⁻²¹ */
    float *error;   /* [n] ≥ ‖W_i − Ŵ_i‖, the rounding of the copy; NULL: fp32 */
} sae_shadow;

/* The kind that this env asks for, or the fastest for `auto`, for activations of width d. SAE_E_ARG when this processor
 * or build lacks it. */
sae_status sae_screen_choose(const sae_env *env, int64_t d, sae_screen_kind *kind, sae_error *err);

/* Memory for an encoder [n, d]; the rows are still to be filled. */
sae_status sae_shadow_new(sae_shadow *out, sae_screen_kind kind, int64_t n, int64_t d, sae_error *err);
void sae_shadow_clear(sae_shadow *shadow);
/* Bytes of the copy. */
double sae_shadow_bytes(sae_screen_kind kind, int64_t n, int64_t d);

/* The scale with which x [d] fits into bytes of at most 127 in size, and its inverse; both 0 where x is 0, too small,
 * or not of numbers. */
float sae_byte_scale(const sae_ops *ops, const float *x, int64_t d, float *inverse);

/* A bound of ‖x − scale·q‖ for the bytes q of x [d], from what to_int8 returned and a bound of ‖x‖. */
float sae_byte_error(float square, int64_t d, float scale, float norm);

/* These rows of W [n, d] have changed. Different rows may be refreshed in parallel; neighbours together are faster. */
void sae_shadow_rows(const sae_shadow *shadow, const sae_ops *ops, const int32_t *latents, int64_t count,
                     const float *W);
/* All rows of W [n, d]. */
void sae_shadow_fill(const sae_shadow *shadow, const float *W, int threads);

/* Values (of `per` each, 4 bytes) per row, and dimensions per step of a product, of a kind below fp32. */
int64_t sae_shadow_depth(sae_screen_kind kind, int64_t d);
int64_t sae_shadow_words(const sae_shadow *shadow);

/* An upper bound of the root of a sum of squares that is right to 2⁻³⁰. */
float sae_root_above(double square);

#endif
