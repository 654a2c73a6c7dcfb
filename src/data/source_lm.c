/* Rows made by running the model: a chunk is one context, and a window holds the activations of its contexts. */
#include "base/alloc.h"
#include "base/error.h"
#include "base/parallel.h"
#include "data/source.h"
#include "io/dtype.h"
#include "lm/gpt2.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MIN_BATCH_TILES 16 /* tiles of one pass through the model */

typedef struct lm_window {
    float *rows; /* [capacity, ctx, d] */
    int64_t capacity;
    int64_t *loaded,
        *wanted;   /* [capacity] contexts in rows, in their order, and those that are to be there: ascending */
    int64_t count; /* of loaded */
    int64_t *slot; /* [contexts] place of a context in rows; of contexts that are loaded only */
} lm_window;

typedef struct running {
    const sae_lm *lm;
    const sae_contexts *contexts;
    sae_hook hook;
    bool center_residual;
    int64_t d;
    sae_env env;
    char name[512];  /* for messages */
    int64_t batch;   /* contexts of one pass */
    int32_t *tokens; /* [batch, ctx] */
    lm_window windows[SAE_WINDOWS];
} running;

static void ids(const void *self, int64_t first, int64_t count, int32_t *tokens, int32_t *positions)
{
    const running *r = self;
    memcpy(tokens, r->contexts->tokens + first, (size_t)count * sizeof *tokens);
    for (int64_t i = 0; i < count; i++) positions[i] = (int32_t)((first + i) % r->contexts->ctx);
}

static void clear_rows(lm_window *w)
{
    sae_free(w->rows);
    sae_free(w->loaded);
    sae_free(w->wanted);
    w->rows = NULL;
    w->loaded = w->wanted = NULL;
    w->capacity = w->count = 0;
}

static sae_status reserve(const running *r, lm_window *w, int64_t contexts, sae_error *err)
{
    if (contexts <= w->capacity) return SAE_OK;
    size_t bytes = (size_t)(r->contexts->ctx * r->d) * sizeof *w->rows;
    clear_rows(w);
    w->rows = sae_alloc((size_t)contexts, bytes);
    w->loaded = sae_alloc((size_t)contexts, sizeof *w->loaded);
    w->wanted = sae_alloc((size_t)contexts, sizeof *w->wanted);
    if (!w->rows || !w->loaded || !w->wanted) {
        clear_rows(w);
        return sae_fail(err, SAE_E_MEMORY, "out of memory for the activations of %lld contexts of %zu bytes each",
                        (long long)contexts, bytes);
    }
    w->capacity = contexts;
    return SAE_OK;
}

static int ascending(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

/* Runs the model on the contexts wanted. The batches begin at multiples of the model's tile within the window, so the
 * bits of a row depend on which contexts the window has, and on nothing else. */
static sae_status run_model(running *r, sae_window window, int64_t count, sae_error *err)
{
    lm_window *w = &r->windows[window];
    const int64_t ctx = r->contexts->ctx;
    sae_status status = SAE_OK;
    for (int64_t first = 0; first < count && status == SAE_OK; first += r->batch) {
        int64_t n = count - first < r->batch ? count - first : r->batch;
        float *out = w->rows + first * ctx * r->d;
        if (sae_should_stop(&r->env))
            return sae_fail(err, SAE_E_INTERRUPTED, "stopped while %s was being made", r->name);
        for (int64_t i = 0; i < n; i++) {
            w->slot[w->wanted[first + i]] = first + i;
            memcpy(r->tokens + i * ctx, r->contexts->tokens + w->wanted[first + i] * ctx,
                   (size_t)ctx * sizeof *r->tokens);
        }
        status = sae_lm_hooks(r->lm, r->tokens, n, ctx, &r->hook, 1, r->center_residual, &out, &r->env, err);
        if (window == SAE_WINDOW_TRAIN)
            sae_report_progress(&r->env, "running the model", "tokens", (double)((first + n) * ctx),
                                (double)(count * ctx), NULL);
    }
    return status;
}

/* A window that has all of these contexts and no others is ready: what fits the buffer is made once, however many
 * epochs there are. */
static sae_status load(void *self, sae_window window, const int64_t *chunks, int64_t count, sae_error *err)
{
    running *r = self;
    lm_window *w = &r->windows[window];
    sae_status status = reserve(r, w, count, err);
    if (status != SAE_OK) return status;
    const size_t bytes = (size_t)count * sizeof *chunks;
    memcpy(w->wanted, chunks, bytes);
    qsort(w->wanted, (size_t)count, sizeof *chunks, ascending);
    if (w->count == count && memcmp(w->loaded, w->wanted, bytes) == 0) return SAE_OK;
    w->count = 0;
    status = run_model(r, window, count, err);
    if (status != SAE_OK) return status;
    memcpy(w->loaded, w->wanted, bytes);
    w->count = count;
    return SAE_OK;
}

static sae_status gather(const void *self, sae_window window, const int64_t *rows, int64_t count, float *out,
                         sae_error *err)
{
    const running *r = self;
    const lm_window *w = &r->windows[window];
    const int64_t ctx = r->contexts->ctx, d = r->d;
    for (int64_t i = 0; i < count; i++) {
        const float *row = w->rows + (w->slot[rows[i] / ctx] * ctx + rows[i] % ctx) * d;
        sae_status status = sae_check_row(row, d, r->name, rows[i], err);
        if (status != SAE_OK) return status;
        memcpy(out + i * d, row, (size_t)d * sizeof *out);
    }
    return SAE_OK;
}

static void close_running(void *self)
{
    running *r = self;
    for (int i = 0; i < SAE_WINDOWS; i++) {
        clear_rows(&r->windows[i]);
        sae_free(r->windows[i].slot);
    }
    sae_free(r->tokens);
    sae_free(r);
}

static sae_status prepare(running *r, sae_error *err)
{
    const sae_contexts *contexts = r->contexts;
    sae_status status = sae_hook_check(r->lm, r->hook, err);
    if (status == SAE_OK) status = sae_gpt2_check_tokens(r->lm, contexts->tokens, contexts->count, contexts->ctx, err);
    if (status != SAE_OK) return status;
    char hook[128];
    sae_hook_name(r->hook, hook, sizeof hook);
    snprintf(r->name, sizeof r->name, "%s of model %s", hook, sae_lm_get_info(r->lm).name);
    r->d = sae_hook_width(r->lm, r->hook);
    int64_t tiles = 2 * (int64_t)sae_threads(&r->env);
    r->batch = sae_gpt2_tile_contexts(contexts->ctx) * (tiles > MIN_BATCH_TILES ? tiles : MIN_BATCH_TILES);
    r->tokens = sae_alloc((size_t)r->batch, (size_t)contexts->ctx * sizeof *r->tokens);
    for (int i = 0; i < SAE_WINDOWS; i++)
        r->windows[i].slot = sae_alloc((size_t)contexts->count, sizeof *r->windows[i].slot);
    if (!r->tokens || !r->windows[SAE_WINDOW_TRAIN].slot || !r->windows[SAE_WINDOW_FILE].slot)
        return sae_fail_memory(err, r->name, (size_t)contexts->count * sizeof(int64_t));
    return SAE_OK;
}

sae_status sae_source_open_lm(sae_source **out, const sae_lm *lm, const sae_contexts *contexts, sae_hook hook,
                              bool center_residual, bool prepend_bos, const sae_source_config *config,
                              const sae_env *env, sae_error *err)
{
    static const sae_source_backend backend = {.ids = ids, .load = load, .gather = gather, .close = close_running};
    running *r = sae_calloc(1, sizeof *r);
    if (!r) return sae_fail_memory(err, "a source of rows", sizeof *r);
    r->lm = lm;
    r->contexts = contexts;
    r->hook = hook;
    r->center_residual = center_residual && sae_hook_is_residual(hook);
    if (env) r->env = *env;
    sae_status status = prepare(r, err);
    if (status != SAE_OK) {
        close_running(r);
        return status;
    }
    sae_source_layout layout = {
        .name = r->name,
        .chunk_rows = contexts->ctx,
        .bytes_per_row = r->d * (int64_t)sizeof(float),
        .threads = sae_threads(&r->env),
        .meta = {.d = r->d,
                 .n_tokens = contexts->count * contexts->ctx,
                 .ctx = contexts->ctx,
                 .dtype = SAE_DTYPE_F32,
                 .prepend_bos = prepend_bos,
                 .center_residual = r->center_residual},
    };
    snprintf(layout.meta.model, sizeof layout.meta.model, "%s", sae_lm_get_info(lm).name);
    snprintf(layout.meta.precision, sizeof layout.meta.precision, "%s",
             sae_precision_name(sae_lm_get_info(lm).precision));
    sae_hook_name(hook, layout.meta.hook_name, sizeof layout.meta.hook_name);
    return sae_source_create(out, &backend, r, &layout, config, err);
}
