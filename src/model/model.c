#include "model/model.h"

#include "base/alloc.h"
#include "base/error.h"
#include "base/parallel.h"

#include <math.h>
#include <string.h>

const char *sae_arch_name(sae_arch arch)
{
    static const char *const names[] = {
        [SAE_ARCH_RELU] = "relu",
        [SAE_ARCH_TOPK] = "topk",
        [SAE_ARCH_BATCHTOPK] = "batchtopk",
        [SAE_ARCH_JUMPRELU] = "jumprelu",
        [SAE_ARCH_MATRYOSHKA] = "matryoshka",
    };
    size_t i = (size_t)arch;
    return i < sizeof names / sizeof *names ? names[i] : "unknown";
}

const sae_model_info *sae_model_get_info(const sae_model *model)
{
    return &model->info;
}

sae_weights sae_model_get_weights(const sae_model *model)
{
    return model->weights;
}

const char *sae_model_path(const sae_model *model)
{
    return model->path;
}

const char *sae_model_weights_file(const sae_model *model)
{
    return model->file ? model->file : "";
}

sae_format sae_model_get_format(const sae_model *model)
{
    return model->format;
}

void sae_model_free(sae_model *model)
{
    if (!model) return;
    for (size_t i = 0; i < sizeof model->owned / sizeof *model->owned; i++) sae_free(model->owned[i]);
    sae_shadow_clear(&model->shadow);
    sae_free(model->path);
    sae_free(model->file);
    sae_free(model);
}

/* ---- checks ------------------------------------------------------------------------------------- */

static sae_status check_info(const sae_model_info *info, const char *where, sae_error *err)
{
    if (info->d < 1)
        return sae_fail(err, SAE_E_ARG, "%s: the input width d is %lld, not at least 1", where, (long long)info->d);
    if (info->n < 1)
        return sae_fail(err, SAE_E_ARG, "%s: the number of latents is %lld, not at least 1", where, (long long)info->n);
    if (info->n > INT32_MAX || info->d > INT32_MAX)
        return sae_fail(err, SAE_E_UNSUPPORTED, "%s: %lld latents of %lld dimensions; ids are 32-bit numbers", where,
                        (long long)info->n, (long long)info->d);
    if (info->rule == SAE_RULE_TOPK && (info->k < 1 || info->k > info->n))
        return sae_fail(err, SAE_E_ARG, "%s: k is %lld; with %lld latents it must be from 1 to %lld", where,
                        (long long)info->k, (long long)info->n, (long long)info->n);
    if (info->k < 0) return sae_fail(err, SAE_E_ARG, "%s: k is %lld, less than 0", where, (long long)info->k);
    if (info->input_norm == SAE_INPUT_TOKEN && info->d < 2)
        return sae_fail(err, SAE_E_ARG, "%s: standardising each token needs at least 2 dimensions", where);
    return SAE_OK;
}

static sae_status check_matrix(const char *where, const char *name, const float *values, int64_t n, int64_t d,
                               sae_error *err)
{
    int64_t i = sae_first_non_finite(values, n * d, NULL);
    if (i < 0) return SAE_OK;
    return sae_fail(err, SAE_E_VALUE, "%s: %s has %f at latent %lld, dimension %lld", where, name, (double)values[i],
                    (long long)(i / d), (long long)(i % d));
}

static sae_status check_vector(const char *where, const char *name, const float *values, int64_t count, sae_error *err)
{
    int64_t i = sae_first_non_finite(values, count, NULL);
    if (i < 0) return SAE_OK;
    return sae_fail(err, SAE_E_VALUE, "%s: %s has %f at index %lld", where, name, (double)values[i], (long long)i);
}

static sae_status check_thresholds(sae_model *model, const char *where, sae_error *err)
{
    const float *threshold = model->weights.threshold;
    sae_model_info *info = &model->info;
    sae_status status = check_vector(where, "threshold", threshold, info->n, err);
    if (status != SAE_OK) return status;
    info->has_theta = true;
    info->theta = (double)threshold[0];
    for (int64_t i = 0; i < info->n; i++) {
        if (threshold[i] < 0)
            return sae_fail(err, SAE_E_VALUE, "%s: the threshold of latent %lld is %g; it must not be negative", where,
                            (long long)i, (double)threshold[i]);
        if (threshold[i] != threshold[0]) info->has_theta = false;
    }
    if (!info->has_theta) info->theta = 0;
    return SAE_OK;
}

sae_status sae_model_check(sae_model *model, const char *where, sae_error *err)
{
    sae_status status;
    sae_model_info *info = &model->info;
    const sae_weights *w = &model->weights;
    SAE_TRY(check_info(info, where, err));
    SAE_TRY(check_matrix(where, "W_enc", w->W_enc, info->n, info->d, err));
    SAE_TRY(check_matrix(where, "W_dec", w->W_dec, info->n, info->d, err));
    SAE_TRY(check_vector(where, "b_enc", w->b_enc, info->n, err));
    SAE_TRY(check_vector(where, "b_dec", w->b_dec, info->d, err));
    info->has_theta = false;
    info->theta = 0;
    if (info->rule == SAE_RULE_THRESHOLD) SAE_TRY(check_thresholds(model, where, err));
    info->acts.d = info->d;
done:
    return status;
}

sae_status sae_model_prepare(sae_model *model, sae_error *err)
{
    const sae_model_info *info = &model->info;
    sae_status status = sae_shadow_new(&model->shadow, SAE_SCREEN_FP32, info->n, info->d, err);
    if (status == SAE_OK) sae_shadow_fill(&model->shadow, model->weights.W_enc, sae_threads(NULL));
    return status;
}

/* ---- making ------------------------------------------------------------------------------------- */

static sae_status new_model(sae_model **out, const sae_model_info *info, const char *path, sae_error *err)
{
    sae_model *model = sae_calloc(1, sizeof *model);
    if (!model) return sae_fail_memory(err, "an SAE", sizeof *model);
    model->info = *info;
    model->path = sae_strdup(path);
    if (!model->path) {
        sae_model_free(model);
        return sae_fail_memory(err, "a path", strlen(path));
    }
    *out = model;
    return SAE_OK;
}

sae_status sae_model_allocate(sae_model **out, const sae_model_info *info, const char *path, sae_error *err)
{
    sae_status status;
    sae_model *model = NULL;
    SAE_TRY(check_info(info, *path ? path : "the SAE", err));
    SAE_TRY(new_model(&model, info, path, err));
    size_t n = (size_t)info->n, d = (size_t)info->d, elements = 0;
    const size_t sizes[5] = {n, n, n, d, n};
    for (size_t i = 0; i < 5; i++) {
        bool matrix = i == 0 || i == 2;
        if (i == 4 && info->rule != SAE_RULE_THRESHOLD) break;
        if (!sae_mul_size(sizes[i], matrix ? d : 1, &elements) ||
            !(model->owned[i] = sae_alloc_large(elements, sizeof(float)))) {
            status = sae_fail(err, SAE_E_MEMORY, "out of memory for an SAE of %zu latents of %zu dimensions", n, d);
            goto done;
        }
    }
    model->weights = (sae_weights){.W_enc = model->owned[0],
                                   .b_enc = model->owned[1],
                                   .W_dec = model->owned[2],
                                   .b_dec = model->owned[3],
                                   .threshold = model->owned[4]};
    *out = model;
    model = NULL;
done:
    sae_model_free(model);
    return status;
}

static sae_status check_arguments(const sae_model_info *info, const sae_weights *weights, sae_error *err)
{
    if (!weights->W_enc || !weights->b_enc || !weights->W_dec || !weights->b_dec)
        return sae_fail(err, SAE_E_ARG, "an SAE needs W_enc, b_enc, W_dec and b_dec");
    if ((info->rule == SAE_RULE_THRESHOLD) != (weights->threshold != NULL))
        return sae_fail(err, SAE_E_ARG, "an SAE has thresholds if, and only if, its rule is that of thresholds");
    return SAE_OK;
}

sae_status sae_model_view(sae_model **out, const sae_model_info *info, const sae_weights *weights, sae_error *err)
{
    sae_status status;
    sae_model *model = NULL;
    SAE_TRY(check_arguments(info, weights, err));
    SAE_TRY(new_model(&model, info, "", err));
    model->weights = *weights;
    SAE_TRY(sae_model_check(model, "the SAE", err));
    SAE_TRY(sae_model_prepare(model, err));
    *out = model;
    model = NULL;
done:
    sae_model_free(model);
    return status;
}

sae_status sae_model_create(sae_model **out, const sae_model_info *info, const sae_weights *weights, sae_error *err)
{
    sae_status status;
    sae_model *model = NULL;
    SAE_TRY(check_arguments(info, weights, err));
    SAE_TRY(sae_model_allocate(&model, info, "", err));
    size_t n = (size_t)info->n, d = (size_t)info->d;
    memcpy(model->owned[0], weights->W_enc, n * d * sizeof(float));
    memcpy(model->owned[1], weights->b_enc, n * sizeof(float));
    memcpy(model->owned[2], weights->W_dec, n * d * sizeof(float));
    memcpy(model->owned[3], weights->b_dec, d * sizeof(float));
    if (weights->threshold) memcpy(model->owned[4], weights->threshold, n * sizeof(float));
    SAE_TRY(sae_model_check(model, "the SAE", err));
    SAE_TRY(sae_model_prepare(model, err));
    *out = model;
    model = NULL;
done:
    sae_model_free(model);
    return status;
}
