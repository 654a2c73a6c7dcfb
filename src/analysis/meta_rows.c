#include "analysis/meta_rows.h"

#include "analysis/code_pass.h"
#include "analysis/covariance.h"
#include "analysis/encoded.h"
#include "base/alloc.h"
#include "base/error.h"
#include "base/parallel.h"

#include <math.h>
#include <string.h>

/* The variance of rows of unit length that differ only by rounding. */
#define NO_VARIANCE 1e-12

void sae_meta_rows_clear(sae_meta_rows *rows)
{
    sae_free(rows->ids);
    sae_free(rows->unit);
    sae_free(rows->mean);
    sae_free(rows->centred2);
    *rows = (sae_meta_rows){0};
}

/* ---- which rows ----------------------------------------------------------------------------------------- */

static sae_status mark(void *ud, int64_t first, int64_t rows, const float *x, sae_codes *const *codes, sae_error *err)
{
    (void)first;
    (void)x;
    (void)err;
    unsigned char *fired = ud;
    for (int64_t e = 0; e < codes[0]->row_offsets[rows]; e++) fired[codes[0]->latents[e]] = 1;
    return SAE_OK;
}

/* fired [n]: all 1 without activations. */
static sae_status find_firing(sae_meta_rows *out, const sae_model *model, sae_source *acts, int64_t max_tokens,
                              unsigned char *fired, const sae_env *env, sae_error *err)
{
    int64_t n = sae_model_get_info(model)->n;
    memset(fired, acts == NULL, (size_t)n);
    if (!acts) return SAE_OK;
    sae_status status = sae_encoded_check(model, acts, err);
    if (status != SAE_OK) return status;
    sae_encoded_warn(model, acts, env);
    int64_t usable = sae_source_get_info(acts)->usable;
    out->tokens = max_tokens > 0 && max_tokens < usable ? max_tokens : usable;
    return sae_code_pass(&model, 1, acts, out->tokens, "finding latents that fire", mark, fired, env, err);
}

static bool is_zero(const float *row, int64_t d)
{
    for (int64_t j = 0; j < d; j++)
        if (row[j] != 0) return false;
    return true;
}

static void choose(sae_meta_rows *out, const sae_model *model, const unsigned char *fired)
{
    const float *W = sae_model_get_weights(model).W_dec;
    for (int64_t i = 0; i < sae_model_get_info(model)->n; i++) {
        if (!fired[i])
            out->never_fired++;
        else if (is_zero(W + i * out->d, out->d))
            out->zero_rows++;
        else
            out->ids[out->count++] = (int32_t)i;
    }
}

static void tell(const sae_meta_rows *rows, int64_t n, const sae_env *env)
{
    if (rows->never_fired > 0)
        sae_log(env, SAE_LOG_INFO, "%lld of %lld latents never fired on %lld tokens and are left out",
                (long long)rows->never_fired, (long long)n, (long long)rows->tokens);
    if (rows->zero_rows > 0)
        sae_log(env, SAE_LOG_WARN, "%lld latents have a decoder row of zeros, which has no direction, and are left out",
                (long long)rows->zero_rows);
}

static sae_status check_count(const sae_meta_rows *rows, int64_t n, sae_error *err)
{
    if (rows->count > 1) return SAE_OK;
    if (rows->tokens > 0 && rows->never_fired == n)
        return sae_fail(err, SAE_E_VALUE,
                        "none of the %lld latents fired on %lld tokens, so no decoder row is left to take apart; are "
                        "the activations those that the SAE was trained on?",
                        (long long)n, (long long)rows->tokens);
    return sae_fail(err, SAE_E_VALUE,
                    "%lld of %lld decoder rows is left (%lld never fired, %lld are zero); a meta-SAE explains how rows "
                    "differ, so it needs two",
                    (long long)rows->count, (long long)n, (long long)rows->never_fired, (long long)rows->zero_rows);
}

/* ---- how they vary ---------------------------------------------------------------------------------------- */

static void measure(sae_meta_rows *rows, int threads)
{
    int64_t d = rows->d;
    for (int64_t j = 0; j < d; j++) rows->mean[j] = 0;
    for (int64_t r = 0; r < rows->count; r++)
        for (int64_t j = 0; j < d; j++) rows->mean[j] += (double)rows->unit[r * d + j];
    for (int64_t j = 0; j < d; j++) rows->mean[j] /= (double)rows->count;
#pragma omp parallel for num_threads(threads) schedule(static)
    for (int64_t r = 0; r < rows->count; r++) {
        double square = 0;
        for (int64_t j = 0; j < d; j++) {
            double difference = (double)rows->unit[r * d + j] - rows->mean[j];
            square += difference * difference;
        }
        rows->centred2[r] = square;
    }
    double mean2 = 0;
    for (int64_t j = 0; j < d; j++) mean2 += rows->mean[j] * rows->mean[j];
    rows->variance = 0;
    for (int64_t r = 0; r < rows->count; r++) rows->variance += rows->centred2[r];
    rows->square = rows->variance + (double)rows->count * mean2;
}

sae_status sae_meta_rows_make(sae_meta_rows *out, const sae_model *model, sae_source *acts, int64_t max_tokens,
                              const sae_env *env, sae_error *err)
{
    sae_status status;
    const sae_model_info *info = sae_model_get_info(model);
    const float *W = sae_model_get_weights(model).W_dec;
    sae_meta_rows rows = {.d = info->d};
    size_t n = (size_t)info->n, cells = 0;
    unsigned char *fired = sae_alloc(n, 1);
    rows.ids = sae_alloc(n, sizeof *rows.ids);
    rows.mean = sae_alloc((size_t)rows.d, sizeof *rows.mean);
    if (!fired || !rows.ids || !rows.mean) SAE_TRY(sae_fail_memory(err, "ids of latents", n * sizeof *rows.ids));
    SAE_TRY(find_firing(&rows, model, acts, max_tokens, fired, env, err));
    choose(&rows, model, fired);
    tell(&rows, info->n, env);
    SAE_TRY(check_count(&rows, info->n, err));
    if (sae_mul_size((size_t)rows.count, (size_t)rows.d, &cells)) rows.unit = sae_alloc(cells, sizeof *rows.unit);
    rows.centred2 = sae_alloc((size_t)rows.count, sizeof *rows.centred2);
    if (!rows.unit || !rows.centred2) SAE_TRY(sae_fail_memory(err, "decoder rows", cells * sizeof *rows.unit));
    for (int64_t r = 0; r < rows.count; r++) sae_unit_rows(W, rows.ids[r], 1, rows.d, rows.unit + r * rows.d, 1);
    measure(&rows, sae_threads(env));
    if (!(rows.variance > NO_VARIANCE * (double)rows.count))
        SAE_TRY(sae_fail(err, SAE_E_VALUE, "all %lld decoder rows point the same way: there is no variance to explain",
                         (long long)rows.count));
    *out = rows;
    rows = (sae_meta_rows){0};
done:
    sae_meta_rows_clear(&rows);
    sae_free(fired);
    return status;
}
