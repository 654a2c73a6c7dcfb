#include "dash/collect.h"

#include "analysis/evaluation.h"
#include "base/alloc.h"
#include "base/error.h"
#include "base/parallel.h"
#include "model/coder.h"

#include <string.h>

/* What encodes with one SAE. */
typedef struct reader {
    const sae_model *model;
    sae_coder *coder;
    sae_codes *codes;
    sae_row_sums *sums; /* [block] */
} reader;

typedef struct pass {
    size_t n_models;
    int64_t d, block;
    reader *readers;
    sae_pass_view *views;
    float *x, *x_hat; /* [block, d] */
    int64_t *ids;     /* [block] */
    sae_evaluation *evaluation;
} pass;

static void pass_clear(pass *p)
{
    for (size_t i = 0; p->readers && i < p->n_models; i++) {
        sae_coder_free(p->readers[i].coder);
        sae_codes_free(p->readers[i].codes);
        sae_free(p->readers[i].sums);
    }
    sae_free(p->readers);
    sae_free(p->views);
    sae_free(p->x);
    sae_free(p->x_hat);
    sae_free(p->ids);
    sae_evaluation_free(p->evaluation);
}

static sae_status reader_make(reader *r, const sae_model *model, int64_t block, const sae_env *env, sae_error *err)
{
    r->model = model;
    r->codes = sae_codes_new();
    r->sums = sae_alloc((size_t)block, sizeof *r->sums);
    if (!r->codes || !r->sums) return sae_fail_memory(err, "codes", (size_t)block * sizeof *r->sums);
    return sae_coder_new(&r->coder, model, block, env, err);
}

static sae_status pass_make(pass *p, const sae_dash_input *in, const sae_env *env, sae_error *err)
{
    sae_status status = SAE_OK;
    *p = (pass){.n_models = in->n_models, .d = sae_source_get_info(in->source)->d, .block = INT64_MAX};
    for (size_t i = 0; i < p->n_models; i++) {
        SAE_TRY(sae_pass_check(in->models[i], in->source, err));
        sae_pass_warn(in->models[i], in->source, env);
        if (sae_coder_rows(in->models[i]) < p->block) p->block = sae_coder_rows(in->models[i]);
    }
    size_t values = (size_t)(p->block * p->d);
    p->readers = sae_calloc(p->n_models, sizeof *p->readers);
    p->views = sae_calloc(p->n_models, sizeof *p->views);
    p->x = sae_alloc(values, sizeof *p->x);
    p->x_hat = sae_alloc(values, sizeof *p->x_hat);
    p->ids = sae_alloc((size_t)p->block, sizeof *p->ids);
    if (!p->readers || !p->views || !p->x || !p->x_hat || !p->ids)
        SAE_TRY(sae_fail_memory(err, "blocks of rows", 2 * values * sizeof *p->x));
    for (size_t i = 0; i < p->n_models; i++) {
        SAE_TRY(reader_make(&p->readers[i], in->models[i], p->block, env, err));
        p->views[i] = (sae_pass_view){p->readers[i].codes, p->readers[i].sums};
    }
    status = sae_evaluation_new(&p->evaluation, in->models, p->n_models, p->d, env, err);
done:
    return status;
}

static sae_status encode_block(pass *p, int64_t first, int64_t rows, sae_dash_rows *out, const sae_dash_text *text,
                               const sae_env *env, sae_error *err)
{
    sae_status status = SAE_OK;
    for (size_t i = 0; i < p->n_models; i++) {
        reader *r = &p->readers[i];
        SAE_TRY(sae_coder_encode(r->coder, p->x, rows, first, r->codes, err));
        SAE_TRY(sae_model_decode(r->model, r->codes, p->x, p->x_hat, env, err));
#pragma omp parallel for num_threads(sae_threads(env)) schedule(static)
        for (int64_t b = 0; b < rows; b++) r->sums[b] = sae_row_sums_of(p->x + b * p->d, p->x_hat + b * p->d, p->d);
        SAE_TRY(sae_dash_spool_add(&out->spools[i], r->codes, err));
        sae_dash_misses_add(&out->misses[i], r->coder, r->codes, p->ids, text);
    }
    sae_evaluation_add(p->evaluation, rows, p->x, p->views);
done:
    return status;
}

void sae_dash_rows_clear(sae_dash_rows *rows)
{
    for (size_t i = 0; i < rows->n_models; i++) {
        if (rows->spools) sae_dash_spool_clear(&rows->spools[i]);
        if (rows->evals) sae_eval_clear(&rows->evals[i]);
        if (rows->misses) sae_dash_misses_clear(&rows->misses[i]);
    }
    sae_free(rows->row_of);
    sae_free(rows->spools);
    sae_free(rows->evals);
    sae_free(rows->misses);
    *rows = (sae_dash_rows){0};
}

static sae_status rows_make(sae_dash_rows *rows, const sae_dash_input *in, int64_t tokens, const char *path,
                            sae_error *err)
{
    *rows = (sae_dash_rows){.tokens = tokens, .n_models = in->n_models};
    rows->row_of = sae_alloc((size_t)tokens, sizeof *rows->row_of);
    rows->spools = sae_calloc(in->n_models, sizeof *rows->spools);
    rows->evals = sae_calloc(in->n_models, sizeof *rows->evals);
    rows->misses = sae_calloc(in->n_models, sizeof *rows->misses);
    if (!rows->row_of || !rows->spools || !rows->evals || !rows->misses)
        return sae_fail_memory(err, "numbers of rows", (size_t)tokens * sizeof *rows->row_of);
    sae_status status = SAE_OK;
    for (size_t i = 0; i < in->n_models && status == SAE_OK; i++) {
        int64_t n = sae_model_get_info(in->models[i])->n;
        status = sae_dash_spool_open(&rows->spools[i], n, tokens, path, err);
        if (status == SAE_OK) status = sae_dash_misses_new(&rows->misses[i], n, err);
    }
    return status;
}

/* Until there are enough texts every pre-activation is a near miss, which takes memory and time: small blocks first. */
static int64_t block_rows(const pass *p, int64_t first)
{
    enum { SMALL = 128, SMALL_ONES = 12 };
    return first < SMALL * SMALL_ONES && SMALL < p->block ? SMALL : p->block;
}

sae_status sae_dash_collect(sae_dash_rows *out, const sae_dash_input *in, const sae_dash_config *config,
                            const sae_dash_text *text, const char *path, const sae_env *env, sae_error *err)
{
    sae_status status;
    const sae_source_info *info = sae_source_get_info(in->source);
    int64_t limit = config->max_tokens, tokens = limit > 0 && limit < info->usable ? limit : info->usable;
    pass p = {0};
    SAE_TRY(rows_make(out, in, tokens, path, err));
    SAE_TRY(pass_make(&p, in, env, err));
    for (size_t i = 0; i < in->n_models; i++) sae_coder_set_near(p.readers[i].coder, out->misses[i].floors);
    for (int64_t first = 0, rows; first < tokens; first += rows) {
        if (sae_should_stop(env)) SAE_TRY(sae_fail(err, SAE_E_INTERRUPTED, "stopped; nothing was written"));
        rows = block_rows(&p, first);
        if (tokens - first < rows) rows = tokens - first;
        SAE_TRY(sae_source_usable(in->source, first, rows, p.x, p.ids, err));
        for (int64_t r = 0; r < rows; r++) out->row_of[first + r] = (int32_t)p.ids[r];
        SAE_TRY(encode_block(&p, first, rows, out, text, env, err));
        sae_report_progress(env, "encoding", "tokens", (double)(first + rows), (double)tokens, NULL);
    }
    for (size_t i = 0; i < in->n_models; i++) SAE_TRY(sae_dash_spool_close_writing(&out->spools[i], err));
    status = sae_evaluation_results(p.evaluation, out->evals, err);
done:
    pass_clear(&p);
    return status;
}
