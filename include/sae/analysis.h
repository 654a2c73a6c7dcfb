/* Judging one SAE and comparing two. All sums in double, in a fixed order; raw space. */
#ifndef SAE_ANALYSIS_H
#define SAE_ANALYSIS_H

#include <sae/data.h>
#include <sae/env.h>
#include <sae/model.h>

#ifdef __cplusplus
extern "C" {
#endif

#define SAE_DENSITY_BINS 40 /* log10(share of tokens) from −8 to 0, equal bins of 0.2 */

/* docs/architecture.md, "Judging an SAE": one pass over the usable rows of `source`. */
typedef struct sae_eval {
    int64_t tokens;
    double l0, mse, mse_per_dim, fvu, explained_variance;
    double cosine, l2_ratio, rel_bias;
    int64_t dead; /* latents that never fired on these tokens */
    int64_t density_counts[SAE_DENSITY_BINS];
    double *density; /* [n] share of tokens on which each latent fired; owned */
    double *x_mean;  /* [d] mean of the rows; owned */
} sae_eval;

/* Several SAEs share each pass over the rows (two passes would not: x̄ is accumulated in the same one).
 * max_tokens 0: all. results [n_models]; free each with sae_eval_clear. */
SAE_API sae_status sae_evaluate(const sae_model *const *models, size_t n_models, sae_source *source, int64_t max_tokens,
                                sae_eval *results, const sae_env *env, sae_error *err);
SAE_API void sae_eval_clear(sae_eval *eval);

/* Cross-entropy with the SAE's reconstruction spliced in (nats per target). */
typedef struct sae_eval_ce {
    double clean, spliced, zero, mean;
    double recovered, recovered_mean; /* NaN when the denominator is ≤ 0 */
    double kl;                        /* KL(clean ‖ spliced) */
    int64_t tokens;                   /* targets counted */
} sae_eval_ce;
/* x_mean [d]: the mean ablation's value (sae_eval.x_mean). Excluded positions keep their clean activation. */
SAE_API sae_status sae_evaluate_ce(const sae_model *model, const sae_lm *lm, const sae_contexts *contexts,
                                   sae_hook hook, bool center_residual, const sae_source_config *rows,
                                   const double *x_mean, sae_eval_ce *out, const sae_env *env, sae_error *err);

#ifdef __cplusplus
}
#endif
#endif
