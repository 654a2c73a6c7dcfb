/* The comparison's pass over rows: when each latent fires, what two SAEs miss then, and how alike latents of both fire.
 * One pass for any number of SAEs and pairs of them. */
#ifndef SAE_ANALYSIS_COMPARE_ROWS_H
#define SAE_ANALYSIS_COMPARE_ROWS_H

#include <sae/data.h>
#include <sae/model.h>

/* Sums over the tokens on which a latent is active. */
typedef struct sae_active_sums {
    int64_t count;
    double f, ff; /* Σ f, Σ f² */
} sae_active_sums;

/* Sums over the tokens on which a latent of the large SAE of a pair is active. */
typedef struct sae_joint_sums {
    double error_large, error_small; /* Σ ‖x − x̂‖² */
    double f_nearest, f_partner;     /* Σ f·g, g the activation of that latent of the small SAE */
} sae_joint_sums;

/* Two of the SAEs: for each latent of `large` two latents of `small`; partner −1: none. */
typedef struct sae_compare_pair {
    size_t small, large;
    const int32_t *nearest, *partner; /* [n of large] */
} sae_compare_pair;

typedef struct sae_compare_rows {
    int64_t tokens;
    size_t n_models, n_pairs;
    double *error;             /* [n_models] Σ ‖x − x̂‖² over all tokens */
    int64_t *entries;          /* [n_models] active latents over all tokens */
    sae_active_sums **latents; /* [n_models] [n] */
    sae_joint_sums **joint;    /* [n_pairs] [n of its large SAE] */
} sae_compare_rows;

sae_status sae_compare_rows_read(sae_compare_rows *out, const sae_model *const *models, size_t n_models,
                                 const sae_compare_pair *pairs, size_t n_pairs, sae_source *source, int64_t max_tokens,
                                 const sae_env *env, sae_error *err);
void sae_compare_rows_clear(sae_compare_rows *rows);

#endif
