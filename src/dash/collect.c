#include "dash/collect.h"

#include "analysis/encoded.h"
#include "analysis/evaluation.h"
#include "base/alloc.h"
#include "base/error.h"

typedef struct pass {
    sae_encoded block;
    int64_t *ids; /* [block.capacity] */
    sae_evaluation *evaluation;
} pass;

static void pass_clear(pass *p)
{
    sae_encoded_clear(&p->block);
    sae_free(p->ids);
    sae_evaluation_free(p->evaluation);
}

static sae_status pass_make(pass *p, const sae_dash_input *in, const sae_env *env, sae_error *err)
{
    sae_status status = SAE_OK;
    SAE_TRY(sae_encoded_new(&p->block, in->models, in->n_models, in->source, env, err));
    p->ids = sae_alloc((size_t)p->block.capacity, sizeof *p->ids);
    if (!p->ids) SAE_TRY(sae_fail_memory(err, "numbers of rows", (size_t)p->block.capacity * sizeof *p->ids));
    status = sae_evaluation_new(&p->evaluation, in->models, in->n_models, p->block.d, env, err);
done:
    return status;
}

static sae_status encode_block(pass *p, int64_t first, int64_t rows, sae_dash_rows *out, const sae_dash_text *text,
                               const sae_env *env, sae_error *err)
{
    sae_status status = SAE_OK;
    SAE_TRY(sae_encoded_make(&p->block, first, rows, env, err));
    for (size_t i = 0; i < p->block.n_models; i++) {
        const sae_reader *r = &p->block.readers[i];
        SAE_TRY(sae_dash_spool_add(&out->spools[i], r->codes, err));
        sae_dash_misses_add(&out->misses[i], r->coder, r->codes, p->ids, text);
    }
    sae_evaluation_add(p->evaluation, rows, p->block.x, p->block.views);
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
    return first < SMALL * SMALL_ONES && SMALL < p->block.capacity ? SMALL : p->block.capacity;
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
    for (size_t i = 0; i < in->n_models; i++) sae_coder_set_near(p.block.readers[i].coder, out->misses[i].floors);
    for (int64_t first = 0, rows; first < tokens; first += rows) {
        if (sae_should_stop(env)) SAE_TRY(sae_fail(err, SAE_E_INTERRUPTED, "stopped; nothing was written"));
        rows = block_rows(&p, first);
        if (tokens - first < rows) rows = tokens - first;
        SAE_TRY(sae_source_usable(in->source, first, rows, p.block.x, p.ids, err));
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
