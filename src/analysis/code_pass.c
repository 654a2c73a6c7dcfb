#include "analysis/code_pass.h"

#include "base/alloc.h"
#include "base/error.h"
#include "model/coder.h"

enum { MAX_MODELS = 2 };

typedef struct reader {
    int64_t block;
    float *x; /* [block, d] */
    sae_coder *coders[MAX_MODELS];
    sae_codes *codes[MAX_MODELS];
} reader;

static void reader_clear(reader *r)
{
    for (int i = 0; i < MAX_MODELS; i++) {
        sae_coder_free(r->coders[i]);
        sae_codes_free(r->codes[i]);
    }
    sae_free(r->x);
}

static sae_status reader_make(reader *r, const sae_model *const *models, size_t n_models, int64_t d, const sae_env *env,
                              sae_error *err)
{
    sae_status status = SAE_OK;
    *r = (reader){.block = INT64_MAX};
    for (size_t i = 0; i < n_models; i++)
        if (sae_coder_rows(models[i]) < r->block) r->block = sae_coder_rows(models[i]);
    r->x = sae_alloc((size_t)(r->block * d), sizeof *r->x);
    if (!r->x) SAE_TRY(sae_fail_memory(err, "a block of rows", (size_t)(r->block * d) * sizeof *r->x));
    for (size_t i = 0; i < n_models; i++) {
        r->codes[i] = sae_codes_new();
        if (!r->codes[i]) SAE_TRY(sae_fail_memory(err, "codes", sizeof(sae_codes)));
        SAE_TRY(sae_coder_new(&r->coders[i], models[i], r->block, env, err));
    }
done:
    return status;
}

sae_status sae_code_pass(const sae_model *const *models, size_t n_models, sae_source *source, int64_t tokens,
                         const char *what, sae_code_pass_fn visit, void *ud, const sae_env *env, sae_error *err)
{
    sae_status status;
    reader r = {0};
    SAE_TRY(reader_make(&r, models, n_models, sae_source_get_info(source)->d, env, err));
    for (int64_t first = 0; first < tokens; first += r.block) {
        if (sae_should_stop(env)) SAE_TRY(sae_fail(err, SAE_E_INTERRUPTED, "stopped during %s", what));
        int64_t rows = tokens - first < r.block ? tokens - first : r.block;
        SAE_TRY(sae_source_usable(source, first, rows, r.x, NULL, err));
        for (size_t i = 0; i < n_models; i++) SAE_TRY(sae_coder_encode(r.coders[i], r.x, rows, first, r.codes[i], err));
        SAE_TRY(visit(ud, first, rows, r.x, r.codes, err));
        sae_report_progress(env, what, "tokens", (double)(first + rows), (double)tokens, NULL);
    }
done:
    reader_clear(&r);
    return status;
}
