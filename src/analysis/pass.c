#include "analysis/pass.h"

#include "base/alloc.h"
#include "base/error.h"
#include "base/parallel.h"
#include "model/coder.h"

/* Each sum runs in 8 lanes, so that it vectorises in one fixed order. */
enum { LANES = 8 };

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
} pass;

static void pass_free(pass *p)
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
}

static const char *name_of(const sae_model *model)
{
    return *sae_model_path(model) ? sae_model_path(model) : "the SAE";
}

sae_status sae_pass_check(const sae_model *model, const sae_source *source, sae_error *err)
{
    int64_t d = sae_model_get_info(model)->d, rows_d = sae_source_get_info(source)->d;
    if (d == rows_d) return SAE_OK;
    return sae_fail(err, SAE_E_SHAPE, "%s is for activations of %lld dimensions, these have %lld", name_of(model),
                    (long long)d, (long long)rows_d);
}

void sae_pass_warn(const sae_model *model, const sae_source *source, const sae_env *env)
{
    char text[1024];
    sae_model_mismatch(model, &sae_source_get_info(source)->meta, text, sizeof text);
    if (*text) sae_log(env, SAE_LOG_WARN, "%s: %s", name_of(model), text);
}

static sae_status pass_new(pass *p, const sae_model *const *models, size_t n_models, const sae_source *source,
                           const sae_env *env, sae_error *err)
{
    sae_status status = SAE_OK;
    const sae_source_info *info = sae_source_get_info(source);
    *p = (pass){.n_models = n_models, .d = info->d, .block = INT64_MAX};
    for (size_t i = 0; i < n_models; i++) {
        SAE_TRY(sae_pass_check(models[i], source, err));
        sae_pass_warn(models[i], source, env);
        int64_t rows = sae_coder_rows(models[i]);
        if (rows < p->block) p->block = rows;
    }
    size_t values = (size_t)(p->block * p->d);
    p->readers = sae_calloc(n_models, sizeof *p->readers);
    p->views = sae_calloc(n_models, sizeof *p->views);
    p->x = sae_alloc(values, sizeof *p->x);
    p->x_hat = sae_alloc(values, sizeof *p->x_hat);
    if (!p->readers || !p->views || !p->x || !p->x_hat)
        SAE_TRY(sae_fail_memory(err, "blocks of rows", 2 * values * sizeof *p->x));
    for (size_t i = 0; i < n_models; i++) {
        reader *r = &p->readers[i];
        r->model = models[i];
        r->codes = sae_codes_new();
        r->sums = sae_alloc((size_t)p->block, sizeof *r->sums);
        if (!r->codes || !r->sums) SAE_TRY(sae_fail_memory(err, "codes", (size_t)p->block * sizeof *r->sums));
        SAE_TRY(sae_coder_new(&r->coder, models[i], p->block, env, err));
        p->views[i] = (sae_pass_view){r->codes, r->sums};
    }
done:
    return status;
}

static double reduce(const double *lanes)
{
    double sum = 0;
    for (int l = 0; l < LANES; l++) sum += lanes[l];
    return sum;
}

sae_row_sums sae_row_sums_of(const float *x, const float *h, int64_t d)
{
    double xx[LANES] = {0}, xh[LANES] = {0}, hh[LANES] = {0}, ee[LANES] = {0};
    for (int64_t j = 0; j < d; j += LANES) {
        int64_t width = d - j < LANES ? d - j : LANES;
        for (int64_t l = 0; l < width; l++) {
            double a = (double)x[j + l], b = (double)h[j + l];
            xx[l] += a * a;
            xh[l] += a * b;
            hh[l] += b * b;
            ee[l] += (a - b) * (a - b);
        }
    }
    return (sae_row_sums){reduce(xx), reduce(xh), reduce(hh), reduce(ee)};
}

static sae_status read_block(pass *p, int64_t first, int64_t rows, const sae_env *env, sae_error *err)
{
    sae_status status = SAE_OK;
    for (size_t i = 0; i < p->n_models; i++) {
        reader *r = &p->readers[i];
        SAE_TRY(sae_coder_encode(r->coder, p->x, rows, first, r->codes, err));
        SAE_TRY(sae_model_decode(r->model, r->codes, p->x, p->x_hat, env, err));
#pragma omp parallel for num_threads(sae_threads(env)) schedule(static)
        for (int64_t b = 0; b < rows; b++) r->sums[b] = sae_row_sums_of(p->x + b * p->d, p->x_hat + b * p->d, p->d);
    }
done:
    return status;
}

sae_status sae_pass(const sae_model *const *models, size_t n_models, sae_source *source, bool held_out,
                    int64_t max_tokens, const char *what, sae_pass_fn visit, void *ud, int64_t *tokens,
                    const sae_env *env, sae_error *err)
{
    sae_status status;
    const sae_source_info *info = sae_source_get_info(source);
    int64_t rows_there = held_out ? info->held_out : info->usable;
    int64_t total = max_tokens > 0 && max_tokens < rows_there ? max_tokens : rows_there;
    if (total < 1) return sae_fail(err, SAE_E_ARG, "the activations have no %s rows", held_out ? "held-out" : "usable");
    pass p;
    SAE_TRY(pass_new(&p, models, n_models, source, env, err));
    for (int64_t first = 0; first < total; first += p.block) {
        if (sae_should_stop(env)) SAE_TRY(sae_fail(err, SAE_E_INTERRUPTED, "%s was stopped", what));
        int64_t rows = total - first < p.block ? total - first : p.block;
        SAE_TRY(held_out ? sae_source_held_out(source, first, rows, p.x, err)
                         : sae_source_usable(source, first, rows, p.x, NULL, err));
        SAE_TRY(read_block(&p, first, rows, env, err));
        visit(ud, first, rows, p.x, p.views);
        sae_report_progress(env, what, "tokens", (double)(first + rows), (double)total, NULL);
    }
    *tokens = total;
done:
    pass_free(&p);
    return status;
}
