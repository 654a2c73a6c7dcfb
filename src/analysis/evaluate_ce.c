/* What the language model loses when an SAE stands between it and its own activations. */
#include <sae/analysis.h>

#include "base/alloc.h"
#include "base/error.h"
#include "model/coder.h"

#include <math.h>
#include <string.h>

enum { BATCH_TOKENS = 4096 };
#define REPLACED_BYTES ((size_t)256 << 20) /* of activations that are replaced at a time, in all runs together */

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

/* Every row becomes one constant row. */
typedef struct ablation {
    const float *row;
    int64_t d;
} ablation;

static sae_status ablate_rows(void *ud, int64_t first, int64_t n, float *rows, sae_error *err)
{
    (void)first;
    (void)err;
    const ablation *a = ud;
    for (int64_t r = 0; r < n; r++) memcpy(rows + r * a->d, a->row, (size_t)a->d * sizeof *rows);
    return SAE_OK;
}

static bool excluded(const sae_source_config *rows, int64_t position, int32_t token)
{
    if (position == 0 && !rows->keep_first) return true;
    for (size_t i = 0; i < rows->n_exclude; i++)
        if (rows->exclude[i] == token) return true;
    return false;
}

static void fill_keep(const sae_source_config *rows, const int32_t *tokens, int64_t batch, int64_t ctx, uint8_t *keep)
{
    for (int64_t i = 0; i < batch * ctx; i++) keep[i] = excluded(rows, i % ctx, tokens[i]);
}

static double recovered(double ablated, double spliced, double clean)
{
    return ablated - clean > 0 ? (ablated - spliced) / (ablated - clean) : NAN;
}

static sae_status check(const sae_model *model, const sae_lm *lm, sae_hook hook, sae_error *err)
{
    int64_t d = sae_model_get_info(model)->d, width = sae_hook_width(lm, hook);
    if (d == width) return SAE_OK;
    char name[128];
    sae_hook_name(hook, name, sizeof name);
    return sae_fail(err, SAE_E_SHAPE, "the SAE is for activations of %lld dimensions, %s of model %s has %lld",
                    (long long)d, name, sae_lm_get_info(lm).name, (long long)width);
}

/* One evaluation: what all groups of SAEs share. */
typedef struct evaluation {
    const sae_lm *lm;
    const sae_contexts *contexts;
    sae_hook hook;
    bool center_residual;
    const sae_source_config *rows;
    const sae_env *env;
    int64_t d, batch; /* contexts per call */
    size_t groups, group;
    float *zeros, *mean; /* [d] */
    uint8_t *keep;       /* [batch·ctx] */
    sae_codes *codes;
    float *x;
    int64_t block;
    size_t most;     /* SAEs in a group */
    splice *splices; /* [most] */
    sae_lm_run *runs;
    double *losses, *kl; /* [most + 3] clean, the SAEs, and in the first group zero and mean */
    double zero, mean_loss;
    int64_t targets;
} evaluation;

static sae_status run_batches(evaluation *e, size_t n_runs, sae_error *err)
{
    sae_status status = SAE_OK;
    const sae_contexts *c = e->contexts;
    memset(e->losses, 0, n_runs * sizeof *e->losses);
    memset(e->kl, 0, n_runs * sizeof *e->kl);
    e->targets = 0;
    for (int64_t first = 0; first < c->count; first += e->batch) {
        if (sae_should_stop(e->env)) SAE_TRY(sae_fail(err, SAE_E_INTERRUPTED, "the evaluation was stopped"));
        int64_t count = c->count - first < e->batch ? c->count - first : e->batch;
        const int32_t *tokens = c->tokens + first * c->ctx;
        fill_keep(e->rows, tokens, count, c->ctx, e->keep);
        SAE_TRY(sae_lm_losses(e->lm, tokens, count, c->ctx, e->hook, e->center_residual, e->keep, e->runs, n_runs,
                              e->losses, e->kl, &e->targets, e->env, err));
        double done = (double)(e->group * (size_t)c->count) + (double)(first + count);
        sae_report_progress(e->env, "cross-entropy", "tokens", done * (double)c->ctx,
                            (double)(e->groups * (size_t)c->count) * (double)c->ctx, NULL);
    }
    if (e->targets == 0)
        status = sae_fail(err, SAE_E_ARG, "the text has no position whose prediction could be counted");
done:
    return status;
}

static sae_status evaluate_group(evaluation *e, const sae_model *const *models, size_t n, sae_eval_ce *results,
                                 sae_error *err)
{
    sae_status status = SAE_OK;
    ablation zero = {e->zeros, e->d}, mean = {e->mean, e->d};
    size_t n_runs = 1;
    e->runs[0] = (sae_lm_run){NULL, NULL};
    for (size_t i = 0; i < n; i++) {
        splice *s = &e->splices[i];
        *s = (splice){.model = models[i], .codes = e->codes, .x = e->x, .d = e->d, .block = e->block, .env = e->env};
        SAE_TRY(sae_coder_new(&s->coder, models[i], e->block, e->env, err));
        e->runs[n_runs++] = (sae_lm_run){splice_rows, s};
    }
    if (e->group == 0) {
        e->runs[n_runs++] = (sae_lm_run){ablate_rows, &zero};
        e->runs[n_runs++] = (sae_lm_run){ablate_rows, &mean};
    }
    SAE_TRY(run_batches(e, n_runs, err));
    for (size_t r = 0; r < n_runs; r++) e->losses[r] /= (double)e->targets;
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
                                   .kl = e->kl[1 + i] / (double)e->targets,
                                   .tokens = e->targets};
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
    e->d = sae_hook_width(e->lm, e->hook);
    e->block = INT64_MAX;
    for (size_t i = 0; i < n_models; i++) {
        SAE_TRY(check(models[i], e->lm, e->hook, err));
        int64_t rows = sae_coder_rows(models[i]);
        if (rows < e->block) e->block = rows;
    }
    const int64_t ctx = e->contexts->ctx;
    e->batch = ctx < BATCH_TOKENS ? BATCH_TOKENS / ctx : 1;
    e->most = REPLACED_BYTES / ((size_t)(e->batch * ctx * e->d) * sizeof(float));
    if (e->most < 1) e->most = 1;
    if (e->most > n_models) e->most = n_models;
    e->groups = (n_models + e->most - 1) / e->most;
    e->zeros = sae_calloc((size_t)e->d, sizeof *e->zeros);
    e->mean = sae_alloc((size_t)e->d, sizeof *e->mean);
    e->keep = sae_alloc((size_t)(e->batch * ctx), 1);
    e->codes = sae_codes_new();
    e->x = sae_alloc((size_t)e->block, (size_t)e->d * sizeof *e->x);
    e->splices = sae_calloc(e->most, sizeof *e->splices);
    e->runs = sae_calloc(e->most + 3, sizeof *e->runs);
    e->losses = sae_calloc(e->most + 3, sizeof *e->losses);
    e->kl = sae_calloc(e->most + 3, sizeof *e->kl);
    if (!e->zeros || !e->mean || !e->keep || !e->codes || !e->x || !e->splices || !e->runs || !e->losses || !e->kl)
        SAE_TRY(sae_fail_memory(err, "activations to splice in", (size_t)(e->block * e->d) * sizeof *e->x));
    for (int64_t j = 0; j < e->d; j++) e->mean[j] = (float)x_mean[j];
done:
    return status;
}

static void evaluation_clear(evaluation *e)
{
    sae_free(e->zeros);
    sae_free(e->mean);
    sae_free(e->keep);
    sae_codes_free(e->codes);
    sae_free(e->x);
    sae_free(e->splices);
    sae_free(e->runs);
    sae_free(e->losses);
    sae_free(e->kl);
}

sae_status sae_evaluate_ce(const sae_model *const *models, size_t n_models, const sae_lm *lm,
                           const sae_contexts *contexts, sae_hook hook, bool center_residual,
                           const sae_source_config *rows, const double *x_mean, sae_eval_ce *results,
                           const sae_env *env, sae_error *err)
{
    sae_status status;
    evaluation e = {
        .lm = lm, .contexts = contexts, .hook = hook, .center_residual = center_residual, .rows = rows, .env = env};
    if (n_models == 0) return sae_fail(err, SAE_E_ARG, "no SAE was given to evaluate");
    SAE_TRY(prepare(&e, models, n_models, x_mean, err));
    for (; e.group < e.groups; e.group++) {
        size_t first = e.group * e.most, left = n_models - first;
        SAE_TRY(evaluate_group(&e, models + first, left < e.most ? left : e.most, results + first, err));
    }
done:
    evaluation_clear(&e);
    return status;
}
