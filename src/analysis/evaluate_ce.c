/* What the language model loses when an SAE stands between it and its own activations. */
#include <sae/analysis.h>

#include "analysis/ce_runs.h"
#include "base/alloc.h"
#include "base/error.h"
#include "model/coder.h"

#include <math.h>
#include <string.h>

/* Replaces rows by the reconstructions of one SAE. */
typedef struct splice {
    const sae_model *model;
    sae_coder *coder;
    sae_codes *codes; /* shared by all SAEs, as x is: one replaces at a time */
    float *x;         /* [block, d] the rows before they are overwritten: token scaling needs them to decode */
    int64_t d, block;
    const sae_env *env;
} splice;

static sae_status splice_rows(void *ud, int64_t first, int64_t n, float *rows, sae_error *err)
{
    splice *s = ud;
    sae_status status = SAE_OK;
    for (int64_t at = 0; at < n; at += s->block) {
        int64_t count = n - at < s->block ? n - at : s->block;
        memcpy(s->x, rows + at * s->d, (size_t)(count * s->d) * sizeof *s->x);
        SAE_TRY(sae_coder_encode(s->coder, s->x, count, first + at, s->codes, err));
        SAE_TRY(sae_model_decode(s->model, s->codes, s->x, rows + at * s->d, s->env, err));
    }
done:
    return status;
}

static double recovered(double ablated, double spliced, double clean)
{
    return ablated - clean > 0 ? (ablated - spliced) / (ablated - clean) : NAN;
}

/* One evaluation: what all groups of SAEs share. */
typedef struct evaluation {
    sae_ce_runs *runs;
    const sae_env *env;
    int64_t d;
    size_t groups, group;
    float *zeros, *mean; /* [d] */
    sae_codes *codes;
    float *x;
    int64_t block;
    size_t most;      /* SAEs in a group */
    splice *splices;  /* [most] */
    sae_lm_run *list; /* [most + 3] clean, the SAEs, and in the first group zero and mean */
    double *losses, *kl;
    double zero, mean_loss;
} evaluation;

static sae_status evaluate_group(evaluation *e, const sae_model *const *models, size_t n, sae_eval_ce *results,
                                 sae_error *err)
{
    sae_status status = SAE_OK;
    sae_ce_ablation zero = {e->zeros, e->d}, mean = {e->mean, e->d};
    size_t n_runs = 1;
    int64_t targets = 0;
    e->list[0] = (sae_lm_run){NULL, NULL};
    for (size_t i = 0; i < n; i++) {
        splice *s = &e->splices[i];
        *s = (splice){.model = models[i], .codes = e->codes, .x = e->x, .d = e->d, .block = e->block, .env = e->env};
        SAE_TRY(sae_coder_new(&s->coder, models[i], e->block, e->env, err));
        e->list[n_runs++] = (sae_lm_run){splice_rows, s};
    }
    if (e->group == 0) {
        e->list[n_runs++] = (sae_lm_run){sae_ce_ablate, &zero};
        e->list[n_runs++] = (sae_lm_run){sae_ce_ablate, &mean};
    }
    SAE_TRY(sae_ce_runs_measure(e->runs, e->list, n_runs, NULL, NULL, e->group, e->groups, e->losses, e->kl, &targets,
                                err));
    if (e->group == 0) {
        e->zero = e->losses[n + 1];
        e->mean_loss = e->losses[n + 2];
    }
    for (size_t i = 0; i < n; i++) {
        double clean = e->losses[0], spliced = e->losses[1 + i];
        results[i] = (sae_eval_ce){.clean = clean,
                                   .spliced = spliced,
                                   .zero = e->zero,
                                   .mean = e->mean_loss,
                                   .recovered = recovered(e->zero, spliced, clean),
                                   .recovered_mean = recovered(e->mean_loss, spliced, clean),
                                   .kl = e->kl[1 + i],
                                   .tokens = targets};
    }
done:
    for (size_t i = 0; i < n; i++) {
        sae_coder_free(e->splices[i].coder);
        e->splices[i] = (splice){0};
    }
    return status;
}

static sae_status prepare(evaluation *e, const sae_model *const *models, size_t n_models, const double *x_mean,
                          sae_error *err)
{
    sae_status status = SAE_OK;
    e->block = INT64_MAX;
    for (size_t i = 0; i < n_models; i++) {
        SAE_TRY(sae_ce_runs_check(e->runs, models[i], err));
        int64_t rows = sae_coder_rows(models[i]);
        if (rows < e->block) e->block = rows;
    }
    e->d = sae_model_get_info(models[0])->d;
    e->most = sae_ce_runs_at_once(e->runs);
    if (e->most > n_models) e->most = n_models;
    e->groups = (n_models + e->most - 1) / e->most;
    e->zeros = sae_calloc((size_t)e->d, sizeof *e->zeros);
    e->mean = sae_alloc((size_t)e->d, sizeof *e->mean);
    e->codes = sae_codes_new();
    e->x = sae_alloc((size_t)e->block, (size_t)e->d * sizeof *e->x);
    e->splices = sae_calloc(e->most, sizeof *e->splices);
    e->list = sae_calloc(e->most + 3, sizeof *e->list);
    e->losses = sae_calloc(e->most + 3, sizeof *e->losses);
    e->kl = sae_calloc(e->most + 3, sizeof *e->kl);
    if (!e->zeros || !e->mean || !e->codes || !e->x || !e->splices || !e->list || !e->losses || !e->kl)
        SAE_TRY(sae_fail_memory(err, "activations to splice in", (size_t)(e->block * e->d) * sizeof *e->x));
    for (int64_t j = 0; j < e->d; j++) e->mean[j] = (float)x_mean[j];
done:
    return status;
}

static void evaluation_clear(evaluation *e)
{
    sae_ce_runs_free(e->runs);
    sae_free(e->zeros);
    sae_free(e->mean);
    sae_codes_free(e->codes);
    sae_free(e->x);
    sae_free(e->splices);
    sae_free(e->list);
    sae_free(e->losses);
    sae_free(e->kl);
}

sae_status sae_evaluate_ce(const sae_model *const *models, size_t n_models, const sae_lm *lm,
                           const sae_contexts *contexts, sae_hook hook, bool center_residual,
                           const sae_source_config *rows, const double *x_mean, sae_eval_ce *results,
                           const sae_env *env, sae_error *err)
{
    sae_status status;
    evaluation e = {.env = env};
    if (n_models == 0) return sae_fail(err, SAE_E_ARG, "no SAE was given to evaluate");
    SAE_TRY(sae_ce_runs_new(&e.runs, lm, contexts, hook, center_residual, rows, env, err));
    SAE_TRY(prepare(&e, models, n_models, x_mean, err));
    for (; e.group < e.groups; e.group++) {
        size_t first = e.group * e.most, left = n_models - first;
        SAE_TRY(evaluate_group(&e, models + first, left < e.most ? left : e.most, results + first, err));
    }
done:
    evaluation_clear(&e);
    return status;
}
