/* Cross-entropy of the language model over many contexts, in several runs that differ in what a hook's activations
 * become. */
#ifndef SAE_ANALYSIS_CE_RUNS_H
#define SAE_ANALYSIS_CE_RUNS_H

#include <sae/data.h>
#include <sae/lm.h>
#include <sae/model.h>

typedef struct sae_ce_runs sae_ce_runs;
/* All that is given is borrowed. Positions that `rows` excludes (keep_first, exclude) keep their clean activation in
 * every run, and what is predicted there is not counted. */
sae_status sae_ce_runs_new(sae_ce_runs **out, const sae_lm *lm, const sae_contexts *contexts, sae_hook hook,
                           bool center_residual, const sae_source_config *rows, const sae_env *env, sae_error *err);
void sae_ce_runs_free(sae_ce_runs *runs);

/* SAE_E_SHAPE when the SAE is of another width than the hook. */
sae_status sae_ce_runs_check(const sae_ce_runs *runs, const sae_model *model, sae_error *err);
/* How many runs, at least 1, may replace activations at a time in bounded memory. */
size_t sae_ce_runs_at_once(const sae_ce_runs *runs);

/* loss [n_runs] = mean −log p(target), kl [n_runs] (NULL ok; then run 0 need not be clean) = mean KL(run 0 ‖ run), over
 * *targets predictions. begin(ud) (NULL ok) is called before each batch of contexts. Progress is that of part `group`
 * of `groups`. SAE_E_ARG when no prediction could be counted. */
sae_status sae_ce_runs_measure(sae_ce_runs *runs, const sae_lm_run *list, size_t n_runs, void (*begin)(void *ud),
                               void *ud, size_t group, size_t groups, double *loss, double *kl, int64_t *targets,
                               sae_error *err);

/* A run's fn: every row becomes one constant row. */
typedef struct sae_ce_ablation {
    const float *row; /* [d] */
    int64_t d;
} sae_ce_ablation;
sae_status sae_ce_ablate(void *ablation, int64_t first, int64_t n, float *rows, sae_error *err);

#endif
