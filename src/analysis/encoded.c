#include "analysis/encoded.h"

#include "analysis/pass.h"
#include "base/alloc.h"
#include "base/error.h"
#include "base/parallel.h"

/* Each sum runs in 8 lanes, so that it vectorises in one fixed order. */
enum { LANES = 8 };

static const char *name_of(const sae_model *model)
{
    return *sae_model_path(model) ? sae_model_path(model) : "the SAE";
}

sae_status sae_encoded_check(const sae_model *model, const sae_source *source, sae_error *err)
{
    int64_t d = sae_model_get_info(model)->d, rows_d = sae_source_get_info(source)->d;
    if (d == rows_d) return SAE_OK;
    return sae_fail(err, SAE_E_SHAPE, "%s is for activations of %lld dimensions, these have %lld", name_of(model),
                    (long long)d, (long long)rows_d);
}

void sae_encoded_warn(const sae_model *model, const sae_source *source, const sae_env *env)
{
    char text[1024];
    sae_model_mismatch(model, &sae_source_get_info(source)->meta, text, sizeof text);
    if (*text) sae_log(env, SAE_LOG_WARN, "%s: %s", name_of(model), text);
}

void sae_encoded_clear(sae_encoded *e)
{
    for (size_t i = 0; e->readers && i < e->n_models; i++) {
        sae_coder_free(e->readers[i].coder);
        sae_codes_free(e->readers[i].codes);
        sae_free(e->readers[i].sums);
    }
    sae_free(e->readers);
    sae_free(e->views);
    sae_free(e->x);
    sae_free(e->x_hat);
    *e = (sae_encoded){0};
}

static sae_status reader_make(sae_reader *r, const sae_model *model, int64_t capacity, const sae_env *env,
                              sae_error *err)
{
    r->model = model;
    r->codes = sae_codes_new();
    r->sums = sae_alloc((size_t)capacity, sizeof *r->sums);
    if (!r->codes || !r->sums) return sae_fail_memory(err, "codes", (size_t)capacity * sizeof *r->sums);
    return sae_coder_new(&r->coder, model, capacity, env, err);
}

sae_status sae_encoded_new(sae_encoded *e, const sae_model *const *models, size_t n_models, const sae_source *source,
                           const sae_env *env, sae_error *err)
{
    sae_status status = SAE_OK;
    *e = (sae_encoded){.n_models = n_models, .d = sae_source_get_info(source)->d, .capacity = INT64_MAX};
    for (size_t i = 0; i < n_models; i++) {
        SAE_TRY(sae_encoded_check(models[i], source, err));
        sae_encoded_warn(models[i], source, env);
        int64_t rows = sae_coder_rows(models[i]);
        if (rows < e->capacity) e->capacity = rows;
    }
    size_t values = (size_t)(e->capacity * e->d);
    e->readers = sae_calloc(n_models, sizeof *e->readers);
    e->views = sae_calloc(n_models, sizeof *e->views);
    e->x = sae_alloc(values, sizeof *e->x);
    e->x_hat = sae_alloc(values, sizeof *e->x_hat);
    if (!e->readers || !e->views || !e->x || !e->x_hat)
        SAE_TRY(sae_fail_memory(err, "blocks of rows", 2 * values * sizeof *e->x));
    for (size_t i = 0; i < n_models; i++) {
        SAE_TRY(reader_make(&e->readers[i], models[i], e->capacity, env, err));
        e->views[i] = (sae_encoded_view){e->readers[i].codes, e->readers[i].sums};
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

sae_status sae_encoded_make(sae_encoded *e, int64_t first, int64_t rows, const sae_env *env, sae_error *err)
{
    sae_status status = SAE_OK;
    for (size_t i = 0; i < e->n_models; i++) {
        sae_reader *r = &e->readers[i];
        SAE_TRY(sae_coder_encode(r->coder, e->x, rows, first, r->codes, err));
        SAE_TRY(sae_model_decode(r->model, r->codes, e->x, e->x_hat, env, err));
#pragma omp parallel for num_threads(sae_threads(env)) schedule(static)
        for (int64_t b = 0; b < rows; b++) r->sums[b] = sae_row_sums_of(e->x + b * e->d, e->x_hat + b * e->d, e->d);
    }
done:
    return status;
}
