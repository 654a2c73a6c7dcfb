#include "analysis/ce_runs.h"

#include "base/alloc.h"
#include "base/error.h"

#include <string.h>

enum { BATCH_TOKENS = 4096 };
#define REPLACED_BYTES ((size_t)256 << 20) /* of activations that are replaced at a time, in all runs together */

struct sae_ce_runs {
    const sae_lm *lm;
    const sae_contexts *contexts;
    sae_hook hook;
    bool center_residual;
    const sae_source_config *rows;
    const sae_env *env;
    int64_t batch; /* contexts per call */
    uint8_t *keep; /* [batch·ctx] */
};

sae_status sae_ce_runs_new(sae_ce_runs **out, const sae_lm *lm, const sae_contexts *contexts, sae_hook hook,
                           bool center_residual, const sae_source_config *rows, const sae_env *env, sae_error *err)
{
    int64_t ctx = contexts->ctx, batch = ctx < BATCH_TOKENS ? BATCH_TOKENS / ctx : 1;
    sae_ce_runs *r = sae_alloc(1, sizeof *r);
    if (!r) return sae_fail_memory(err, "runs of the language model", sizeof *r);
    *r = (sae_ce_runs){.lm = lm,
                       .contexts = contexts,
                       .hook = hook,
                       .center_residual = center_residual,
                       .rows = rows,
                       .env = env,
                       .batch = batch,
                       .keep = sae_alloc((size_t)(batch * ctx), 1)};
    if (!r->keep) {
        sae_free(r);
        return sae_fail_memory(err, "runs of the language model", (size_t)(batch * ctx));
    }
    *out = r;
    return SAE_OK;
}

void sae_ce_runs_free(sae_ce_runs *runs)
{
    if (!runs) return;
    sae_free(runs->keep);
    sae_free(runs);
}

sae_status sae_ce_runs_check(const sae_ce_runs *runs, const sae_model *model, sae_error *err)
{
    int64_t d = sae_model_get_info(model)->d, width = sae_hook_width(runs->lm, runs->hook);
    if (d == width) return SAE_OK;
    char name[128];
    sae_hook_name(runs->hook, name, sizeof name);
    return sae_fail(err, SAE_E_SHAPE, "the SAE is for activations of %lld dimensions, %s of model %s has %lld",
                    (long long)d, name, sae_lm_get_info(runs->lm).name, (long long)width);
}

size_t sae_ce_runs_at_once(const sae_ce_runs *runs)
{
    int64_t rows = runs->batch * runs->contexts->ctx;
    size_t most = REPLACED_BYTES / ((size_t)(rows * sae_hook_width(runs->lm, runs->hook)) * sizeof(float));
    return most < 1 ? 1 : most;
}

static bool excluded(const sae_source_config *rows, int64_t position, int32_t token)
{
    if (position == 0 && !rows->keep_first) return true;
    for (size_t i = 0; i < rows->n_exclude; i++)
        if (rows->exclude[i] == token) return true;
    return false;
}

sae_status sae_ce_runs_measure(sae_ce_runs *r, const sae_lm_run *list, size_t n_runs, void (*begin)(void *ud), void *ud,
                               size_t group, size_t groups, double *loss, double *kl, int64_t *targets, sae_error *err)
{
    sae_status status = SAE_OK;
    const sae_contexts *c = r->contexts;
    memset(loss, 0, n_runs * sizeof *loss);
    if (kl) memset(kl, 0, n_runs * sizeof *kl);
    *targets = 0;
    for (int64_t first = 0; first < c->count; first += r->batch) {
        if (sae_should_stop(r->env)) return sae_fail(err, SAE_E_INTERRUPTED, "stopped during the evaluation");
        int64_t count = c->count - first < r->batch ? c->count - first : r->batch;
        const int32_t *tokens = c->tokens + first * c->ctx;
        for (int64_t i = 0; i < count * c->ctx; i++) r->keep[i] = excluded(r->rows, i % c->ctx, tokens[i]);
        if (begin) begin(ud);
        status = sae_lm_losses(r->lm, tokens, count, c->ctx, r->hook, r->center_residual, r->keep, list, n_runs, loss,
                               kl, targets, r->env, err);
        if (status != SAE_OK) return status;
        double done = (double)(group * (size_t)c->count) + (double)(first + count);
        sae_report_progress(r->env, "cross-entropy", "tokens", done * (double)c->ctx,
                            (double)(groups * (size_t)c->count) * (double)c->ctx, NULL);
    }
    if (*targets == 0) return sae_fail(err, SAE_E_ARG, "the text has no position whose prediction could be counted");
    for (size_t run = 0; run < n_runs; run++) loss[run] /= (double)*targets;
    for (size_t run = 0; kl && run < n_runs; run++) kl[run] /= (double)*targets;
    return status;
}

sae_status sae_ce_ablate(void *ablation, int64_t first, int64_t n, float *rows, sae_error *err)
{
    (void)first;
    (void)err;
    const sae_ce_ablation *a = ablation;
    for (int64_t r = 0; r < n; r++) memcpy(rows + r * a->d, a->row, (size_t)a->d * sizeof *rows);
    return SAE_OK;
}
