/* What the language model loses when an SAE stands between it and its own activations. */
#include <sae/analysis.h>

#include "base/alloc.h"
#include "base/error.h"
#include "model/coder.h"

#include <math.h>
#include <string.h>

enum { CLEAN, SPLICED, ZERO, MEAN, RUNS };
enum { BATCH_TOKENS = 4096 };

typedef struct splice {
    const sae_model *model;
    sae_coder *coder;
    sae_codes *codes;
    float *x; /* [block, d] the rows before they are overwritten: token scaling needs them to decode */
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

sae_status sae_evaluate_ce(const sae_model *model, const sae_lm *lm, const sae_contexts *contexts, sae_hook hook,
                           bool center_residual, const sae_source_config *rows, const double *x_mean, sae_eval_ce *out,
                           const sae_env *env, sae_error *err)
{
    sae_status status;
    int64_t d = sae_model_get_info(model)->d, ctx = contexts->ctx;
    int64_t batch = ctx < BATCH_TOKENS ? BATCH_TOKENS / ctx : 1, targets = 0;
    splice s = {.model = model, .d = d, .block = sae_coder_rows(model), .env = env};
    float *constants = NULL;
    uint8_t *keep = NULL;
    double losses[RUNS] = {0}, kl[RUNS] = {0};
    SAE_TRY(check(model, lm, hook, err));
    constants = sae_calloc((size_t)d * 2, sizeof *constants);
    keep = sae_alloc((size_t)(batch * ctx), 1);
    s.codes = sae_codes_new();
    s.x = sae_alloc((size_t)(s.block * d), sizeof *s.x);
    if (!constants || !keep || !s.codes || !s.x)
        SAE_TRY(sae_fail_memory(err, "activations to splice in", (size_t)(s.block * d) * sizeof *s.x));
    SAE_TRY(sae_coder_new(&s.coder, model, s.block, env, err));
    for (int64_t j = 0; j < d; j++) constants[d + j] = (float)x_mean[j];
    ablation zero = {constants, d}, mean = {constants + d, d};
    const sae_lm_run runs[RUNS] = {[CLEAN] = {NULL, NULL},
                                   [SPLICED] = {splice_rows, &s},
                                   [ZERO] = {ablate_rows, &zero},
                                   [MEAN] = {ablate_rows, &mean}};
    for (int64_t first = 0; first < contexts->count; first += batch) {
        if (sae_should_stop(env)) SAE_TRY(sae_fail(err, SAE_E_INTERRUPTED, "the evaluation was stopped"));
        int64_t count = contexts->count - first < batch ? contexts->count - first : batch;
        const int32_t *tokens = contexts->tokens + first * ctx;
        fill_keep(rows, tokens, count, ctx, keep);
        SAE_TRY(sae_lm_losses(lm, tokens, count, ctx, hook, center_residual, keep, runs, RUNS, losses, kl, &targets,
                              env, err));
        sae_report_progress(env, "cross-entropy", "tokens", (double)((first + count) * ctx),
                            (double)(contexts->count * ctx), NULL);
    }
    if (targets == 0) SAE_TRY(sae_fail(err, SAE_E_ARG, "the text has no position whose prediction could be counted"));
    for (int r = 0; r < RUNS; r++) losses[r] /= (double)targets;
    *out = (sae_eval_ce){.clean = losses[CLEAN],
                         .spliced = losses[SPLICED],
                         .zero = losses[ZERO],
                         .mean = losses[MEAN],
                         .recovered = recovered(losses[ZERO], losses[SPLICED], losses[CLEAN]),
                         .recovered_mean = recovered(losses[MEAN], losses[SPLICED], losses[CLEAN]),
                         .kl = kl[SPLICED] / (double)targets,
                         .tokens = targets};
done:
    sae_coder_free(s.coder);
    sae_codes_free(s.codes);
    sae_free(s.x);
    sae_free(constants);
    sae_free(keep);
    return status;
}
