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

/* docs/mathematics.md, "Judging an SAE": one pass over the usable rows of `source`. NaN where a denominator is 0. */
typedef struct sae_eval {
    int64_t tokens;
    double l0;                                /* mean number of active latents */
    double mse, mse_per_dim;                  /* mean of ‖x − x̂‖², and this over d */
    double fvu, explained_variance;           /* Σ‖x − x̂‖²/Σ‖x − x̄‖², and 1 − this */
    double cosine;                            /* mean of cos(x, x̂); 0 for a token where either is zero */
    double l2_ratio;                          /* mean of ‖x̂‖/‖x‖ over tokens with x ≠ 0 */
    double rel_bias;                          /* Σ‖x̂‖²/Σ x·x̂ */
    int64_t dead;                             /* latents that never fired on these tokens */
    int64_t density_counts[SAE_DENSITY_BINS]; /* of latents that fired */
    double *density;                          /* [n] share of tokens on which each latent fired; owned */
    double *x_mean;                           /* [d] mean of the rows; owned */
} sae_eval;

/* All SAEs share one pass over the rows; what else is evaluated changes no bit of a result.
 * max_tokens 0: all. results [n_models]; clear each with sae_eval_clear. SAE_E_SHAPE when an SAE is of another d than
 * the rows, SAE_E_ARG when there are none, SAE_E_VALUE for NaN or Inf. Activations of another origin than an SAE's
 * (sae_model_mismatch) are a warning in the log. */
SAE_API sae_status sae_evaluate(const sae_model *const *models, size_t n_models, sae_source *source, int64_t max_tokens,
                                sae_eval *results, const sae_env *env, sae_error *err);
/* The same on the rows that the source holds out of training. */
SAE_API sae_status sae_evaluate_held_out(const sae_model *const *models, size_t n_models, sae_source *source,
                                         sae_eval *results, const sae_env *env, sae_error *err);
SAE_API void sae_eval_clear(sae_eval *eval);

/* Cross-entropy of next tokens (nats per target) with the hook's activations as they are, replaced by the SAE's
 * reconstruction, by zero, and by the mean. With a centred residual stream the token's mean over d is restored. */
typedef struct sae_eval_ce {
    double clean, spliced, zero, mean;
    double recovered;      /* (zero − spliced)/(zero − clean), NaN when the denominator is ≤ 0 */
    double recovered_mean; /* the same with mean in place of zero */
    double kl;             /* KL(clean ‖ spliced) */
    int64_t tokens;        /* targets counted */
} sae_eval_ce;
/* All SAEs share the language model's runs: of each batch of contexts the clean, zeroed and mean runs are made once,
 * and one with each SAE; what else is evaluated changes no bit of a result. Memory is bounded: of very many SAEs some
 * are done at a time, and the clean run is repeated for each such group. results [n_models]. x_mean [d]: the mean
 * ablation's value (sae_eval.x_mean). Positions that `rows` excludes (keep_first, exclude) keep their clean activation
 * in every run, and what is predicted there is not counted. SAE_E_SHAPE when the hook is of another width than an SAE,
 * SAE_E_ARG when no prediction could be counted. */
SAE_API sae_status sae_evaluate_ce(const sae_model *const *models, size_t n_models, const sae_lm *lm,
                                   const sae_contexts *contexts, sae_hook hook, bool center_residual,
                                   const sae_source_config *rows, const double *x_mean, sae_eval_ce *results,
                                   const sae_env *env, sae_error *err);

#ifdef __cplusplus
}
#endif
#endif
