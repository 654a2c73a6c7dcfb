/* Stitching's pass over rows: the quadratic form of both SAEs' latents, and what inserting each latent of B into A
 * does. */
#ifndef SAE_ANALYSIS_STITCH_ROWS_H
#define SAE_ANALYSIS_STITCH_ROWS_H

#include "analysis/quadratic.h"

#include <sae/data.h>

typedef struct sae_stitch_rows {
    sae_quadratic form;
    /* of u = −2 f (e·w) + f²‖w‖² of each latent of B over all rows, e = x − x̂_A: number of rows with f > 0, mean, and
     * standard error of the mean; NaN where there are not enough rows */
    int64_t *n_active;  /* [n_B] */
    double *delta, *se; /* [n_B] */
} sae_stitch_rows;
void sae_stitch_rows_clear(sae_stitch_rows *rows);

/* Both SAEs in the form of stitch_form.h, over the first `tokens` usable rows. All sums in double, in the order of the
 * rows. */
sae_status sae_stitch_rows_read(sae_stitch_rows *out, const sae_model *small, const sae_model *large,
                                sae_source *source, int64_t tokens, int64_t max_pairs, const sae_env *env,
                                sae_error *err);

#endif
