/* Cross-entropy with a hook's activations replaced.
 *
 * First all tiles run up to the hook and what is there is kept; then the replacements are made, by the
 * calling thread; then, tile by tile, every run goes on from the hook to the logits. */
#include "lm/gpt2.h"

#include "base/alloc.h"
#include "base/error.h"

#include <math.h>
#include <string.h>

typedef struct job {
    const int32_t *tokens;
    int64_t rows, width;
    sae_hook hook;
    size_t n_runs;
    float *residual; /* [rows, d] the stream beside a hook that is not on it; NULL for hooks on it */
    float *clean;    /* [rows, width] activations at the hook */
    float **value;   /* per run [rows, width]: replaced activations, or `clean` */
    double *loss;    /* [n_runs, rows] −log p(target) of every row that has a target */
    double *kl;      /* [n_runs, rows], or NULL */
} job;

static sae_status run_to_hook(void *ud, sae_gpt2_tile *tile, int64_t first, sae_error *err)
{
    const job *j = ud;
    const int64_t d = tile->lm->config.d, row = first * tile->ctx, last = sae_gpt2_place(j->hook);
    sae_gpt2_embed(tile, j->tokens + row, tile->contexts);
    for (int64_t place = 0; place < last; place++) {
        sae_status status = sae_gpt2_step(tile, place, err);
        if (status != SAE_OK) return status;
    }
    memcpy(j->clean + row * j->width, sae_gpt2_value(tile, j->hook.site),
           (size_t)(tile->rows * j->width) * sizeof(float));
    if (j->residual) memcpy(j->residual + row * d, tile->x, (size_t)(tile->rows * d) * sizeof(float));
    return SAE_OK;
}

/* One run's replaced activations from the clean ones. */
static sae_status replace(const job *j, const sae_lm_run *run, bool center, const uint8_t *keep, float *value,
                          float *means, sae_error *err)
{
    const sae_lm_ops *ops = sae_lm_ops_best();
    const size_t bytes = (size_t)j->width * sizeof *value;
    for (int64_t r = 0; r < j->rows; r++) {
        const float *from = j->clean + r * j->width;
        means[r] = center ? ops->mean(j->width, from) : 0;
        ops->add_scalar(j->width, from, -means[r], value + r * j->width);
    }
    sae_status status = run->fn(run->ud, 0, j->rows, value, err);
    if (status != SAE_OK) return status;
    for (int64_t r = 0; r < j->rows; r++) {
        float *to = value + r * j->width;
        if (keep && keep[r])
            memcpy(to, j->clean + r * j->width, bytes);
        else
            ops->add_scalar(j->width, to, means[r], to);
    }
    return SAE_OK;
}

/* Σ exp(logit) of one row over the vocabulary so far, and what goes with it. */
typedef struct row_sums {
    float most;    /* largest logit */
    double sum;    /* Σ exp(logit − most) */
    double target; /* logit of the target */
    double cross;  /* Σ exp(clean − clean's most)·(clean − logit) */
} row_sums;

static double log_sum(const row_sums *s)
{
    return (double)s->most + log(s->sum);
}

/* A larger maximum makes the sums so far smaller. cross of all runs is relative to the clean run's maximum. */
static void raise_most(row_sums *of_runs, size_t run, size_t n_runs, float most)
{
    row_sums *s = &of_runs[run];
    if (!(most > s->most)) return;
    double shrink = exp((double)s->most - (double)most);
    s->sum *= shrink;
    s->most = most;
    for (size_t other = 0; run == 0 && other < n_runs; other++) of_runs[other].cross *= shrink;
}

/* Adds the logits [rows, count] of tokens v … v + count − 1 in one run; `clean` are run 0's, for KL, or NULL. */
static void add_chunk(const job *j, const sae_gpt2_tile *tile, const int32_t *tokens, size_t run, int64_t v,
                      int64_t count, const float *logits, const float *clean, row_sums *sums)
{
    for (int64_t r = 0; r < tile->rows; r++) {
        if (r % tile->ctx == tile->ctx - 1) continue;
        row_sums *of_runs = sums + (size_t)r * j->n_runs, *s = &of_runs[run];
        const float *row = logits + r * SAE_GPT2_LOGITS;
        int64_t target = tokens[r + 1] - v;
        raise_most(of_runs, run, j->n_runs, tile->ops->max(count, row));
        s->sum += tile->ops->sum_exp(count, row, s->most);
        if (target >= 0 && target < count) s->target = (double)row[target];
        if (clean) s->cross += tile->ops->sum_exp_difference(count, clean + r * SAE_GPT2_LOGITS, of_runs[0].most, row);
    }
}

/* finals: per run [rows, d], after the last layer norm; logits: two chunks. */
static sae_status sum_vocabulary(const job *j, sae_gpt2_tile *tile, const int32_t *tokens, const float *finals,
                                 float *logits, row_sums *sums, sae_error *err)
{
    const int64_t vocab = tile->lm->config.vocab, d = tile->lm->config.d;
    for (int64_t v = 0; v < vocab; v += SAE_GPT2_LOGITS) {
        int64_t count = vocab - v < SAE_GPT2_LOGITS ? vocab - v : SAE_GPT2_LOGITS;
        for (size_t run = 0; run < j->n_runs; run++) {
            float *chunk = logits + (run ? tile->rows * SAE_GPT2_LOGITS : 0);
            sae_status status =
                sae_gpt2_unembed(tile, finals + (int64_t)run * tile->rows * d, v, count, chunk, SAE_GPT2_LOGITS, err);
            if (status != SAE_OK) return status;
            add_chunk(j, tile, tokens, run, v, count, chunk, j->kl && run ? logits : NULL, sums);
        }
    }
    return SAE_OK;
}

static sae_status run_from_hook(void *ud, sae_gpt2_tile *tile, int64_t first, sae_error *err)
{
    const job *j = ud;
    const int64_t d = tile->lm->config.d, row = first * tile->ctx, rows = tile->rows;
    const size_t values = (size_t)(rows * d);
    sae_status status = SAE_OK;
    float *finals = sae_alloc(values * j->n_runs, sizeof *finals);
    float *logits = sae_alloc((size_t)(2 * rows * SAE_GPT2_LOGITS), sizeof *logits);
    row_sums *sums = sae_calloc((size_t)rows * j->n_runs, sizeof *sums);
    if (!finals || !logits || !sums) {
        status = sae_fail_memory(err, "logits", (size_t)(2 * rows * SAE_GPT2_LOGITS) * sizeof *logits);
        goto done;
    }
    for (size_t run = 0; run < j->n_runs; run++) {
        if (j->residual) memcpy(tile->x, j->residual + row * d, values * sizeof(float));
        memcpy(sae_gpt2_value(tile, j->hook.site), j->value[run] + row * j->width,
               (size_t)(rows * j->width) * sizeof(float));
        SAE_TRY(sae_gpt2_finish(tile, sae_gpt2_place(j->hook), err));
        memcpy(finals + run * values, tile->normed, values * sizeof(float));
    }
    for (size_t i = 0; i < (size_t)rows * j->n_runs; i++) sums[i].most = -INFINITY;
    SAE_TRY(sum_vocabulary(j, tile, j->tokens + row, finals, logits, sums, err));
    for (int64_t r = 0; r < rows; r++) {
        if (r % tile->ctx == tile->ctx - 1) continue;
        const row_sums *s = sums + (size_t)r * j->n_runs;
        for (size_t run = 0; run < j->n_runs; run++) {
            int64_t at = (int64_t)run * j->rows + row + r;
            j->loss[at] = log_sum(&s[run]) - s[run].target;
            if (j->kl) j->kl[at] = run ? s[run].cross / s[0].sum - log_sum(&s[0]) + log_sum(&s[run]) : 0;
        }
    }
done:
    sae_free(finals);
    sae_free(logits);
    sae_free(sums);
    return status;
}

static sae_status make_replacements(job *j, const sae_lm_run *runs, bool center, const uint8_t *keep, sae_error *err)
{
    float *means = sae_alloc((size_t)j->rows, sizeof *means);
    if (!means) return sae_fail_memory(err, "activations", (size_t)j->rows * sizeof *means);
    sae_status status = SAE_OK;
    for (size_t run = 0; run < j->n_runs && status == SAE_OK; run++) {
        j->value[run] = j->clean;
        if (!runs[run].fn) continue;
        j->value[run] = sae_alloc((size_t)(j->rows * j->width), sizeof(float));
        status = j->value[run] ? replace(j, &runs[run], center, keep, j->value[run], means, err)
                               : sae_fail_memory(err, "activations", (size_t)(j->rows * j->width) * sizeof(float));
    }
    sae_free(means);
    return status;
}

static void add_up(const job *j, int64_t ctx, const uint8_t *keep, double *loss_sums, double *kl_sums, int64_t *targets)
{
    for (int64_t r = 0; r < j->rows; r++) {
        if (r % ctx == ctx - 1 || (keep && keep[r])) continue;
        ++*targets;
        for (size_t run = 0; run < j->n_runs; run++) {
            loss_sums[run] += j->loss[(int64_t)run * j->rows + r];
            if (kl_sums) kl_sums[run] += j->kl[(int64_t)run * j->rows + r];
        }
    }
}

sae_status sae_lm_losses(const sae_lm *lm, const int32_t *tokens, int64_t batch, int64_t ctx, sae_hook hook,
                         bool center_residual, const uint8_t *keep, const sae_lm_run *runs, size_t n_runs,
                         double *loss_sums, double *kl_sums, int64_t *targets, const sae_env *env, sae_error *err)
{
    sae_status status;
    job j = {.tokens = tokens, .hook = hook, .n_runs = n_runs};
    SAE_TRY(sae_gpt2_check_tokens(lm, tokens, batch, ctx, err));
    SAE_TRY(sae_hook_check(lm, hook, err));
    if (n_runs == 0) SAE_TRY(sae_fail(err, SAE_E_ARG, "no run was asked for"));
    if (kl_sums && runs[0].fn) SAE_TRY(sae_fail(err, SAE_E_ARG, "KL divergence needs a clean run as the first"));
    const bool residual = sae_hook_is_residual(hook);
    j.rows = batch * ctx;
    j.width = sae_hook_width(lm, hook);
    j.clean = sae_alloc((size_t)j.rows, (size_t)j.width * sizeof *j.clean);
    if (!residual) j.residual = sae_alloc((size_t)j.rows, (size_t)lm->config.d * sizeof *j.residual);
    j.value = sae_calloc(n_runs, sizeof *j.value);
    j.loss = sae_alloc(n_runs, (size_t)j.rows * sizeof *j.loss);
    if (kl_sums) j.kl = sae_alloc(n_runs, (size_t)j.rows * sizeof *j.kl);
    if (!j.clean || (!residual && !j.residual) || !j.value || !j.loss || (kl_sums && !j.kl))
        SAE_TRY(sae_fail_memory(err, "activations", (size_t)j.rows * (size_t)j.width * sizeof *j.clean));
    SAE_TRY(sae_gpt2_for_tiles(lm, batch, ctx, run_to_hook, &j, env, err));
    SAE_TRY(make_replacements(&j, runs, center_residual && residual, keep, err));
    SAE_TRY(sae_gpt2_for_tiles(lm, batch, ctx, run_from_hook, &j, env, err));
    add_up(&j, ctx, keep, loss_sums, kl_sums, targets);
done:
    for (size_t run = 0; j.value && run < n_runs; run++)
        if (j.value[run] != j.clean) sae_free(j.value[run]);
    sae_free(j.value);
    sae_free(j.clean);
    sae_free(j.residual);
    sae_free(j.loss);
    sae_free(j.kl);
    return status;
}
