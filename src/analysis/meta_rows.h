/* The rows that a meta-SAE explains: an SAE's decoder rows at unit length, without those of latents that never fire. */
#ifndef SAE_ANALYSIS_META_ROWS_H
#define SAE_ANALYSIS_META_ROWS_H

#include <sae/data.h>
#include <sae/model.h>

typedef struct sae_meta_rows {
    int64_t count, d;
    int32_t *ids;     /* [count] latents, ascending */
    float *unit;      /* [count, d] */
    double *mean;     /* [d] w̄ */
    double *centred2; /* [count] ‖w − w̄‖² */
    double variance;  /* Σ ‖w − w̄‖² */
    double square;    /* Σ ‖w‖² */
    int64_t tokens;   /* usable rows of the activations that were read; 0: none given */
    int64_t never_fired, zero_rows;
} sae_meta_rows;

/* SAE_E_VALUE when fewer than two rows are left, or they are all the same. The log says what was left out. */
sae_status sae_meta_rows_make(sae_meta_rows *out, const sae_model *model, sae_source *acts, int64_t max_tokens,
                              const sae_env *env, sae_error *err);
void sae_meta_rows_clear(sae_meta_rows *rows);

#endif
