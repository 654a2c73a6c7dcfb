#include "model/coder.h"

#include "base/alloc.h"
#include "base/error.h"
#include "base/parallel.h"
#include "kernels/kernels.h"
#include "model/model.h"
#include "model/token_norm.h"

#include <string.h>

/* LOW_ROWS: from there on a copy of W_enc in low precision takes less time than it saves. */
enum { BLOCK_ROWS = 4096, MIN_ROWS = 64, BLOCK_ENTRIES = 4 << 20, LOW_ROWS = 64 };

struct sae_coder {
    const sae_model *model;
    int64_t max_rows;
    int threads;
    const sae_env *env;
    sae_shadow shadow; /* of W_enc, of a kind below fp32; empty: the model's serves */
    sae_encoder *encoder;
    sae_encode_hint hint;
    float *c;          /* [max_rows, d] */
    const float *near; /* [n], or NULL */
};

int64_t sae_coder_rows(const sae_model *model)
{
    const sae_model_info *info = sae_model_get_info(model);
    int64_t rows = info->rule == SAE_RULE_TOPK ? BLOCK_ENTRIES / info->k : BLOCK_ROWS;
    if (rows > BLOCK_ROWS) rows = BLOCK_ROWS;
    return rows < MIN_ROWS ? MIN_ROWS : rows;
}

void sae_coder_free(sae_coder *coder)
{
    if (!coder) return;
    sae_encoder_free(coder->encoder);
    sae_shadow_clear(&coder->shadow);
    sae_free(coder->c);
    sae_free(coder);
}

sae_status sae_coder_new(sae_coder **out, const sae_model *model, int64_t max_rows, const sae_env *env, sae_error *err)
{
    sae_status status;
    const sae_model_info *info = &model->info;
    size_t elements = 0;
    sae_coder *coder = sae_calloc(1, sizeof *coder);
    if (!coder) return sae_fail_memory(err, "an encoder", sizeof *coder);
    *coder = (sae_coder){.model = model, .max_rows = max_rows, .threads = sae_threads(env), .env = env};
    bool fits = sae_mul_size((size_t)max_rows, (size_t)info->d, &elements);
    coder->c = fits ? sae_alloc(elements, sizeof *coder->c) : NULL;
    if (!coder->c) {
        status = sae_fail(err, SAE_E_MEMORY, "out of memory for %lld rows of %lld values", (long long)max_rows,
                          (long long)info->d);
        goto done;
    }
    int64_t k = info->rule == SAE_RULE_TOPK ? info->k : 0;
    sae_screen_kind kind = SAE_SCREEN_FP32;
    SAE_TRY(sae_screen_choose(env, info->d, &kind, err));
    if (max_rows < LOW_ROWS) kind = SAE_SCREEN_FP32;
    if (kind != SAE_SCREEN_FP32) {
        SAE_TRY(sae_shadow_new(&coder->shadow, kind, info->n, info->d, err));
        sae_shadow_fill(&coder->shadow, model->weights.W_enc, coder->threads);
    }
    SAE_TRY(sae_encoder_new(&coder->encoder, kind, info->d, max_rows, k, 0, env, err));
    *out = coder;
    coder = NULL;
done:
    sae_coder_free(coder);
    return status;
}

void sae_coder_set_near(sae_coder *coder, const float *near)
{
    coder->near = near;
}

void sae_coder_near(const sae_coder *coder, void (*visit)(void *ud, int32_t row, int32_t latent, float z), void *ud)
{
    sae_encoder_near(coder->encoder, visit, ud);
}

static sae_status check_rows(const sae_coder *coder, const float *x, int64_t rows, int64_t first_row, sae_error *err)
{
    int64_t d = coder->model->info.d, i = sae_first_non_finite(x, rows * d, coder->env);
    if (i < 0) return SAE_OK;
    return sae_fail(err, SAE_E_VALUE, "row %lld of the activations has %f at dimension %lld",
                    (long long)(first_row + i / d), (double)x[i], (long long)(i % d));
}

sae_status sae_coder_encode(sae_coder *coder, const float *x, int64_t rows, int64_t first_row, sae_codes *codes,
                            sae_error *err)
{
    sae_status status;
    const sae_model_info *info = &coder->model->info;
    const sae_weights *w = &coder->model->weights;
    const float *b_dec = info->subtract_b_dec ? w->b_dec : NULL;
    bool topk = info->rule == SAE_RULE_TOPK;
    SAE_TRY(check_rows(coder, x, rows, first_row, err));
    if (topk) SAE_TRY(sae_codes_reserve(codes, rows, rows * info->k, err));
    sae_encode_job job = {.c = x,
                          .rows = rows,
                          .d = info->d,
                          .n = info->n,
                          .W_enc = w->W_enc,
                          .b_enc = w->b_enc,
                          .shadow = coder->shadow.norm ? &coder->shadow : &coder->model->shadow,
                          .filter = topk ? SAE_FILTER_ROW : SAE_FILTER_LATENT,
                          .k = info->k,
                          .theta = w->threshold,
                          .near = coder->near};
    if (info->input_norm == SAE_INPUT_TOKEN) {
        sae_token_standardise(x, rows, info->d, coder->c, coder->threads);
        job.c = coder->c;
    }
    if (b_dec) {
        sae_center_rows(job.c, b_dec, rows, info->d, coder->c, coder->threads);
        job.c = coder->c;
    }
    status = sae_encode(coder->encoder, &job, &coder->hint, codes, NULL, err);
done:
    return status;
}

/* Adds the rows of `block` behind those of `codes`. */
static sae_status append(sae_codes *codes, const sae_codes *block, sae_error *err)
{
    int64_t base = codes->rows ? codes->row_offsets[codes->rows] : 0, added = block->row_offsets[block->rows];
    /* doubling: many blocks cost linear time */
    int64_t need = base + added, room = need > codes->capacity ? need + need / 2 : need;
    sae_status status = sae_codes_reserve(codes, codes->rows + block->rows, room, err);
    if (status != SAE_OK) return status;
    if (added) {
        memcpy(codes->latents + base, block->latents, (size_t)added * sizeof *codes->latents);
        memcpy(codes->values + base, block->values, (size_t)added * sizeof *codes->values);
    }
    for (int64_t r = 0; r <= block->rows; r++) codes->row_offsets[codes->rows + r] = base + block->row_offsets[r];
    codes->rows += block->rows;
    return SAE_OK;
}

sae_status sae_model_encode(const sae_model *model, const float *x, int64_t rows, sae_codes *codes, const sae_env *env,
                            sae_error *err)
{
    sae_status status;
    sae_coder *coder = NULL;
    sae_codes *block = NULL;
    int64_t d = model->info.d, size = sae_coder_rows(model);
    if (rows < 0) return sae_fail(err, SAE_E_ARG, "cannot encode %lld rows", (long long)rows);
    SAE_TRY(sae_codes_reserve(codes, rows, 0, err));
    codes->rows = 0;
    codes->row_offsets[0] = 0;
    if (rows == 0) goto done;
    SAE_TRY(sae_coder_new(&coder, model, rows < size ? rows : size, env, err));
    if (rows <= size) {
        status = sae_coder_encode(coder, x, rows, 0, codes, err);
        goto done;
    }
    block = sae_codes_new();
    if (!block) {
        status = sae_fail_memory(err, "codes", sizeof *block);
        goto done;
    }
    for (int64_t first = 0; first < rows; first += size) {
        int64_t count = rows - first < size ? rows - first : size;
        SAE_TRY(sae_coder_encode(coder, x + first * d, count, first, block, err));
        SAE_TRY(append(codes, block, err));
    }
done:
    sae_codes_free(block);
    sae_coder_free(coder);
    return status;
}

sae_status sae_model_decode(const sae_model *model, const sae_codes *codes, const float *x, float *x_hat,
                            const sae_env *env, sae_error *err)
{
    const sae_model_info *info = &model->info;
    int64_t entries = codes->rows ? codes->row_offsets[codes->rows] : 0;
    for (int64_t e = 0; e < entries; e++)
        if (codes->latents[e] < 0 || codes->latents[e] >= info->n)
            return sae_fail(err, SAE_E_SHAPE, "the codes have latent %d, the SAE has latents 0 to %lld",
                            codes->latents[e], (long long)info->n - 1);
    if (info->input_norm == SAE_INPUT_TOKEN && !x)
        return sae_fail(err, SAE_E_ARG, "this SAE standardises each token: decoding needs the activations too");
    int threads = sae_threads(env);
    sae_decode(codes, model->weights.W_dec, model->weights.b_dec, info->d, x_hat, threads);
    if (info->input_norm == SAE_INPUT_TOKEN) sae_token_restore(x, codes->rows, info->d, x_hat, threads);
    return SAE_OK;
}
