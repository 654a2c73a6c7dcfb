/* The comparison's pass over rows: for each latent of the large SAE, when it fires and what both SAEs miss then. */
#ifndef SAE_ANALYSIS_COMPARE_ROWS_H
#define SAE_ANALYSIS_COMPARE_ROWS_H

#include <sae/compare.h>

/* Sums over the tokens on which a latent of the large SAE is active. */
typedef struct sae_active_sums {
    int64_t count;
    double error_large, error_small; /* Σ ‖x − x̂‖² */
    double f, ff;                    /* Σ f, Σ f² */
    double fg;                       /* Σ f·g, g the activation of the nearest latent of the small SAE */
} sae_active_sums;

typedef struct sae_compare_rows {
    int64_t tokens;
    double error_large, error_small; /* over all tokens */
    sae_active_sums *large;          /* [n_large] */
    sae_active_sums *small;          /* [n_small]; count, f and ff only */
} sae_compare_rows;

/* nearest [n_large]: for each latent of the large SAE the latent of the small one that it is paired with. */
sae_status sae_compare_rows_read(sae_compare_rows *out, const sae_model *small, const sae_model *large,
                                 const int32_t *nearest, sae_source *source, int64_t max_tokens, const sae_env *env,
                                 sae_error *err);
void sae_compare_rows_clear(sae_compare_rows *rows);

#endif
