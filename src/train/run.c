/* A whole training run: from options and a source to saved SAEs. */
#include "train/run.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/file.h"
#include "base/parallel.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static void run_clear(sae_run *run)
{
    sae_run_close_logs(run);
    sae_run_end_output(run);
    for (size_t i = 0; run->dirs && i < run->count; i++) sae_free(run->dirs[i]);
    sae_free(run->dirs);
    sae_free(run->logs);
    sae_free(run->metrics);
    sae_free(run->x);
    sae_trainer_free(run->trainer);
    free(run->configs);
}

/* How many steps there are: tokens asked for, or one pass, in whole batches. */
static sae_status count_steps(sae_run *run, sae_error *err)
{
    const sae_source_info *info = sae_source_get_info(run->source);
    run->d = info->d;
    run->batch = run->options.batch;
    int64_t tokens = run->options.tokens > 0 ? run->options.tokens : info->train;
    run->steps = tokens / run->batch;
    if (run->steps == 0)
        return sae_fail(err, SAE_E_ARG, "%lld training tokens are less than one batch of %lld; use a smaller --batch",
                        (long long)tokens, (long long)run->batch);
    return SAE_OK;
}

static sae_status make_run(sae_run *run, sae_error *err)
{
    sae_status status;
    SAE_TRY(sae_train_grid(&run->options, &run->configs, &run->count, err));
    SAE_TRY(count_steps(run, err));
    size_t cells = 0;
    run->dirs = sae_calloc(run->count, sizeof *run->dirs);
    run->logs = sae_calloc(run->count, sizeof *run->logs);
    run->metrics = sae_calloc(run->count, sizeof *run->metrics);
    if (sae_mul_size((size_t)run->batch, (size_t)run->d, &cells)) run->x = sae_alloc_large(cells, sizeof *run->x);
    bool ready = run->dirs && run->logs && run->metrics && run->x;
    for (size_t i = 0; ready && i < run->count; i++) {
        run->dirs[i] = *run->configs[i].name ? sae_path_join(run->out, run->configs[i].name) : sae_strdup(run->out);
        ready = run->dirs[i] != NULL;
    }
    if (!ready) status = sae_fail_memory(err, "a training run", cells * sizeof *run->x);
done:
    return status;
}

static void announce(const sae_run *run)
{
    double state, workspace;
    const sae_source_info *info = sae_source_get_info(run->source);
    sae_trainer_bytes(run->configs, run->count, run->trainer->screen, run->d, run->batch, sae_threads(run->env), &state,
                      &workspace);
    sae_log(
        run->env, SAE_LOG_INFO,
        "%lld steps of %lld tokens (%.2f passes over %lld training rows of width %lld; %lld held out, %lld skipped)",
        (long long)run->steps, (long long)run->batch, (double)(run->steps * run->batch) / (double)info->train,
        (long long)info->train, (long long)run->d, (long long)info->held_out, (long long)info->excluded);
    for (size_t i = 0; i < run->count; i++) {
        const sae_training *t = &run->trainer->saes[i];
        const sae_train_config *c = &t->config;
        char sparsity[64];
        if (c->k > 0)
            snprintf(sparsity, sizeof sparsity, "k = %lld", (long long)c->k);
        else
            snprintf(sparsity, sizeof sparsity, "%s = %g", c->l0 > 0 ? "L0" : "lambda", c->l0 > 0 ? c->l0 : c->lambda);
        sae_log(run->env, SAE_LOG_INFO, "%s, %lld latents, %s, lr %g, seed %llu, dead after %lld tokens: %s",
                sae_arch_name(c->arch), (long long)c->width, sparsity, c->lr, (unsigned long long)c->seed,
                (long long)t->dead_tokens, run->dirs[i]);
    }
    sae_log(run->env, SAE_LOG_INFO, "memory: %.0f MB for parameters and moments, %.0f MB at most for the step",
            state / 1e6, workspace / 1e6);
}

sae_status sae_run_rows(sae_run *run, int64_t position, int64_t count, sae_error *err)
{
    double began = sae_now();
    sae_status status = sae_source_train(run->source, position, count, run->x, err);
    run->reading += sae_now() - began;
    return status;
}

/* What depends on the data: known once the first rows were read. */
static void announce_scale(const sae_run *run)
{
    sae_log(run->env, SAE_LOG_INFO, "input scale %.6g", run->trainer->saes[0].scale);
    for (size_t i = 0; i < run->count; i++) {
        const sae_training *t = &run->trainer->saes[i];
        if (!t->p.theta) continue;
        sae_log(run->env, SAE_LOG_INFO, "%s: window %.4g around θ (√E‖x‖² is %.4g), first θ %s%.4g", run->dirs[i],
                sae_training_bandwidth(t), t->rms, t->config.l0 > 0 ? "from the data, at least " : "",
                t->config.l0 > 0 ? sae_training_bandwidth(t) / 2 : (double)t->p.theta[0]);
    }
}

static sae_status name_saes(const sae_run *run, sae_train_result *result, sae_error *err)
{
    for (size_t i = 0; i < run->count; i++) {
        sae_train_sae *sae = &result->saes[i];
        sae->config = run->trainer->saes[i].config;
        if (snprintf(sae->path, sizeof sae->path, "%s", run->dirs[i]) >= (int)sizeof sae->path)
            return sae_fail(err, SAE_E_ARG, "the path %s is too long", run->dirs[i]);
    }
    return SAE_OK;
}

/* *finished: an earlier part of the run made everything, and `result` is whole. */
static sae_status begin(sae_run *run, sae_train_result *result, bool *finished, sae_error *err)
{
    sae_status status;
    sae_model *init = NULL;
    if (run->options.init) SAE_TRY(sae_model_load(&init, run->options.init, err));
    SAE_TRY(sae_trainer_create(&run->trainer, run->configs, run->count, run->d, run->batch, run->steps, run->env, err));
    SAE_TRY(name_saes(run, result, err));
    /* before anything of an earlier run is removed */
    for (size_t i = 0; init && i < run->count; i++) SAE_TRY(sae_training_check_init(&run->trainer->saes[i], init, err));
    SAE_TRY(sae_run_prepare_output(run, err));
    announce(run);
    result->resumed_from = -1;
    if (run->options.resume) {
        SAE_TRY(sae_run_load(run, result, finished, err));
        result->resumed_from = run->trainer->step;
        if (*finished) {
            sae_log(run->env, SAE_LOG_INFO, "the run in %s is finished: nothing is left to train", run->out);
            goto done;
        }
        sae_log(run->env, SAE_LOG_INFO, "going on after step %lld", (long long)run->trainer->step);
    } else {
        SAE_TRY(sae_run_start(run, init, err));
        announce_scale(run);
    }
    status = sae_run_open_logs(run, err);
done:
    sae_model_free(init);
    return status;
}

static void report(const sae_run *run)
{
    char detail[256];
    const sae_step_metrics *m = &run->metrics[0];
    const char *first = run->count > 1 ? run->configs[0].name : "";
    snprintf(detail, sizeof detail, "%s%sloss %.4g  L0 %.1f  dead %lld", first, *first ? ": " : "", m->loss, m->l0,
             (long long)m->dead);
    sae_report_progress(run->env, "training", "tokens", (double)(run->trainer->step * run->batch),
                        (double)(run->steps * run->batch), detail);
}

/* Stopped on request: everything is saved, and the message says how to go on. */
static sae_status stop(sae_run *run, sae_error *err)
{
    sae_status status = sae_run_save(run, err);
    if (status != SAE_OK) return status;
    return sae_fail(err, SAE_E_INTERRUPTED,
                    "stopped after step %lld of %lld; saved in %s: the same command with --resume goes on",
                    (long long)run->trainer->step, (long long)run->steps, run->out);
}

/* How long it will take, as soon as that can be told. What was waited for so far made one buffer full of rows ready;
 * when the rows do not fit one, the others take as long each (the language model's time, where it makes them). */
static void announce_time(const sae_run *run, double seconds, int64_t steps)
{
    const sae_source_info *info = sae_source_get_info(run->source);
    double rest = seconds / (double)steps * (double)(run->steps - run->trainer->step);
    double buffers = (double)((run->steps - run->trainer->step) * run->batch) / (double)info->buffer_rows - 1;
    if (info->buffer_rows < info->rows && buffers > 0) rest += buffers * run->reading;
    sae_log(run->env, SAE_LOG_INFO, "time: about %.0f %s for the %lld steps that remain, by the first %lld",
            rest < 120 ? rest : rest / 60, rest < 120 ? "seconds" : "minutes",
            (long long)(run->steps - run->trainer->step), (long long)steps);
}

enum { TIMED_STEPS = 3 };

static sae_status all_steps(sae_run *run, sae_error *err)
{
    sae_status status;
    int64_t first = run->trainer->step;
    double began = sae_now();
    while (run->trainer->step < run->steps) {
        if (sae_should_stop(run->env)) return stop(run, err);
        int64_t step = run->trainer->step + 1;
        bool log = step % run->options.log_every == 0 || step == run->steps;
        status = sae_run_rows(run, (step - 1) * run->batch, run->batch, err);
        if (status == SAE_E_INTERRUPTED) return stop(run, err); /* while the language model was making the rows */
        if (status != SAE_OK) goto done;
        SAE_TRY(sae_trainer_step(run->trainer, run->x, log, run->metrics, err));
        if (log) SAE_TRY(sae_run_log(run, err));
        report(run);
        if (step == first + TIMED_STEPS && step < run->steps) announce_time(run, sae_now() - began, TIMED_STEPS);
        int64_t every = run->options.checkpoint_every;
        if (every > 0 && step % every == 0) SAE_TRY(sae_run_save(run, err));
    }
    status = sae_run_save(run, err); /* what follows can be stopped too */
done:
    return status;
}

sae_status sae_train(const sae_train_options *options, sae_source *source, const char *out, sae_train_result **result,
                     const sae_env *env, sae_error *err)
{
    sae_status status;
    double began = sae_now();
    sae_run run = {.options = *options, .source = source, .out = out, .env = env, .lock = -1};
    sae_train_result *r = sae_calloc(1, sizeof *r);
    if (!r) return sae_fail_memory(err, "a result", sizeof *r);
    SAE_TRY(make_run(&run, err));
    r->saes = sae_calloc(run.count, sizeof *r->saes);
    if (!r->saes) {
        status = sae_fail_memory(err, "a result", run.count * sizeof *r->saes);
        goto done;
    }
    r->n_saes = run.count;
    r->steps = run.steps;
    r->tokens = run.steps * run.batch;
    bool finished = false;
    SAE_TRY(begin(&run, r, &finished, err));
    if (!finished) {
        SAE_TRY(all_steps(&run, err));
        for (size_t i = 0; i < run.count; i++) sae_training_drop_moments(&run.trainer->saes[i]);
        for (size_t i = 0; i < run.count; i++) SAE_TRY(sae_run_conclude(&run, i, &r->saes[i], err));
        r->seconds = sae_now() - began;
        r->reading = run.reading;
        SAE_TRY(sae_run_finish(&run, r, err));
    }
    *result = r;
    r = NULL;
done:
    run_clear(&run);
    sae_train_result_free(r);
    return status;
}

void sae_train_result_free(sae_train_result *result)
{
    if (!result) return;
    sae_free(result->saes);
    sae_free(result);
}
