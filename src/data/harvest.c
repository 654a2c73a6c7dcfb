/* The model over all contexts, its activations into directories. */
#include <sae/data.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/file.h"
#include "base/parallel.h"
#include "lm/gpt2.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define MIN_BATCH_TILES 16

typedef struct harvest {
    const sae_lm *lm;
    const sae_contexts *contexts;
    const sae_harvest_config *config;
    const char *out;
    const sae_env *env;
    sae_acts_writer **writers; /* per hook; NULL once finished */
    float **rows;              /* per hook [batch·ctx, width] */
    int32_t *positions;        /* [batch·ctx] */
    int64_t batch;             /* contexts per pass */
    sae_harvest_seconds seconds;
} harvest;

/* One hook is written to `out` itself, several to folders in it. */
static sae_status open_writer(harvest *h, size_t i, sae_error *err)
{
    const sae_hook hook = h->config->hooks[i];
    sae_acts_meta meta = {
        .d = sae_hook_width(h->lm, hook),
        .ctx = h->contexts->ctx,
        .dtype = h->config->dtype,
        .prepend_bos = h->config->prepend_bos,
        .center_residual = h->config->center_residual && sae_hook_is_residual(hook),
    };
    snprintf(meta.model, sizeof meta.model, "%s", sae_lm_get_info(h->lm).name);
    snprintf(meta.precision, sizeof meta.precision, "%s", sae_precision_name(sae_lm_get_info(h->lm).precision));
    sae_hook_name(hook, meta.hook_name, sizeof meta.hook_name);
    char *dir = h->config->n_hooks > 1 ? sae_path_join(h->out, meta.hook_name) : sae_strdup(h->out);
    if (!dir) return sae_fail_memory(err, "a path", strlen(h->out));
    sae_status status =
        sae_acts_writer_open(&h->writers[i], dir, &meta, h->config->shard_tokens, h->config->force, err);
    sae_free(dir);
    return status;
}

static sae_status check_hooks(const harvest *h, sae_error *err)
{
    const sae_harvest_config *c = h->config;
    if (c->n_hooks == 0) return sae_fail(err, SAE_E_ARG, "no hook was given");
    for (size_t i = 0; i < c->n_hooks; i++) {
        sae_status status = sae_hook_check(h->lm, c->hooks[i], err);
        if (status != SAE_OK) return status;
        for (size_t j = 0; j < i; j++) {
            if (c->hooks[i].layer != c->hooks[j].layer || c->hooks[i].site != c->hooks[j].site) continue;
            char name[128];
            sae_hook_name(c->hooks[i], name, sizeof name);
            return sae_fail(err, SAE_E_ARG, "the hook %s is given twice", name);
        }
    }
    return SAE_OK;
}

static sae_status prepare(harvest *h, sae_error *err)
{
    const int64_t ctx = h->contexts->ctx, tile = sae_gpt2_tile_contexts(ctx);
    sae_status status = check_hooks(h, err);
    if (status == SAE_OK) status = sae_gpt2_check_tokens(h->lm, h->contexts->tokens, h->contexts->count, ctx, err);
    if (status != SAE_OK) return status;
    /* A multiple of the tile: then the bits do not depend on the batch, which may depend on the threads. */
    int64_t tiles = 2 * (int64_t)sae_threads(h->env);
    h->batch = tile * (tiles > MIN_BATCH_TILES ? tiles : MIN_BATCH_TILES);
    if (h->batch > h->contexts->count) h->batch = h->contexts->count;
    const size_t rows = (size_t)(h->batch * ctx), hooks = h->config->n_hooks;
    h->writers = sae_calloc(hooks, sizeof(sae_acts_writer *));
    h->rows = sae_calloc(hooks, sizeof(float *));
    h->positions = sae_alloc(rows, sizeof *h->positions);
    if (!h->writers || !h->rows || !h->positions) return sae_fail_memory(err, "harvesting", rows * sizeof(int32_t));
    for (size_t i = 0; i < hooks; i++) {
        size_t row = (size_t)sae_hook_width(h->lm, h->config->hooks[i]) * sizeof(float);
        h->rows[i] = sae_alloc(rows, row);
        if (!h->rows[i]) return sae_fail_memory(err, "activations", rows * row);
    }
    for (size_t r = 0; r < rows; r++) h->positions[r] = (int32_t)((int64_t)r % ctx);
    for (size_t i = 0; i < hooks && status == SAE_OK; i++) status = open_writer(h, i, err);
    return status;
}

static sae_status run_batches(harvest *h, sae_error *err)
{
    const sae_contexts *c = h->contexts;
    const double total = (double)(c->count * c->ctx);
    for (int64_t first = 0; first < c->count; first += h->batch) {
        int64_t n = c->count - first < h->batch ? c->count - first : h->batch;
        if (sae_should_stop(h->env))
            return sae_fail(err, SAE_E_INTERRUPTED, "stopped after %lld of %lld contexts; nothing is left of them",
                            (long long)first, (long long)c->count);
        const int32_t *tokens = c->tokens + first * c->ctx, *docs = c->docs + first * c->ctx;
        double began = sae_now();
        sae_status status = sae_lm_hooks(h->lm, tokens, n, c->ctx, h->config->hooks, h->config->n_hooks,
                                         h->config->center_residual, h->rows, h->env, err);
        double made = sae_now();
        for (size_t i = 0; i < h->config->n_hooks && status == SAE_OK; i++)
            status = sae_acts_writer_append(h->writers[i], n * c->ctx, h->rows[i], tokens, h->positions, docs, err);
        if (status != SAE_OK) return status;
        h->seconds.model += made - began;
        h->seconds.write += sae_now() - made;
        double done = (double)((first + n) * c->ctx);
        sae_report_progress(h->env, "harvesting", "tokens", done, total, NULL);
    }
    return SAE_OK;
}

sae_status sae_harvest(const sae_lm *lm, const sae_contexts *contexts, const sae_harvest_config *config,
                       const char *out, int64_t *shards, const sae_env *env, sae_error *err)
{
    sae_status status;
    int64_t written = 0, total = 0;
    harvest h = {.lm = lm, .contexts = contexts, .config = config, .out = out, .env = env};
    const bool existed = sae_file_exists(out);
    SAE_TRY(prepare(&h, err));
    SAE_TRY(run_batches(&h, err));
    double began = sae_now();
    for (size_t i = 0; i < config->n_hooks; i++) {
        sae_acts_writer *writer = h.writers[i];
        h.writers[i] = NULL; /* freed by finish in any case */
        SAE_TRY(sae_acts_writer_finish(writer, &written, err));
        total += written;
    }
    h.seconds.write += sae_now() - began;
    if (shards) *shards = total;
    if (config->seconds) *config->seconds = h.seconds;
done:
    for (size_t i = 0; i < config->n_hooks; i++) {
        if (h.writers) sae_acts_writer_abort(h.writers[i]);
        if (h.rows) sae_free(h.rows[i]);
    }
    if (status != SAE_OK && !existed && config->n_hooks > 1) (void)rmdir(out); /* only goes if it is empty */
    sae_free(h.writers);
    sae_free(h.rows);
    sae_free(h.positions);
    return status;
}
