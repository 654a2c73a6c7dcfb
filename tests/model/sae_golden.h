/* tests/golden/sae_golden.safetensors: SAEs, rows and the numbers of a float64 witness (make_sae_golden.py). */
#ifndef SAE_TESTS_MODEL_SAE_GOLDEN_H
#define SAE_TESTS_MODEL_SAE_GOLDEN_H

#include "testing.h"

#include <sae/io.h>
#include <sae/model.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { GOLDEN_MODELS = 6 };

static inline sae_safetensors *golden_open(void)
{
    sae_error err;
    sae_safetensors *file = NULL;
    if (sae_safetensors_open(&file, SAE_TEST_DATA "/sae_golden.safetensors", &err) != SAE_OK)
        fail_msg("%s", err.message);
    return file;
}

static inline const sae_tensor *golden_tensor(const sae_safetensors *file, const char *name)
{
    const sae_tensor *t = sae_safetensors_find(file, name);
    if (!t) fail_msg("the golden file has no %s", name);
    return t;
}

/* A malloc'ed copy in double, from any type that the file has. */
static inline double *golden_array(const sae_safetensors *file, const char *name, int64_t count)
{
    const sae_tensor *t = golden_tensor(file, name);
    assert_int_equal(sae_tensor_elements(t), count);
    double *out = malloc((size_t)(count ? count : 1) * sizeof *out);
    const char *data = t->data;
    for (int64_t i = 0; i < count; i++) {
        double f64;
        float f32;
        int64_t i64;
        int32_t i32;
        switch (t->dtype) {
        case SAE_DTYPE_F64:
            memcpy(&f64, data + 8 * i, 8);
            out[i] = f64;
            break;
        case SAE_DTYPE_F32:
            memcpy(&f32, data + 4 * i, 4);
            out[i] = (double)f32;
            break;
        case SAE_DTYPE_I64:
            memcpy(&i64, data + 8 * i, 8);
            out[i] = (double)i64;
            break;
        case SAE_DTYPE_I32:
            memcpy(&i32, data + 4 * i, 4);
            out[i] = (double)i32;
            break;
        default:
            fail_msg("%s has a type that golden data does not use", name);
        }
    }
    return out;
}

static inline float *golden_floats(const sae_safetensors *file, const char *name)
{
    const sae_tensor *t = golden_tensor(file, name);
    int64_t count = sae_tensor_elements(t);
    float *out = malloc((size_t)count * sizeof *out);
    sae_tensor_read_f32(t, 0, count, out);
    return out;
}

/* "NUMBER.KEY" or "NAME.KEY" in a static buffer. */
static inline const char *golden_key(int number, const char *key)
{
    static char text[64];
    snprintf(text, sizeof text, "%d.%s", number, key);
    return text;
}

/* SAE `number` of the file, and its description in *info when that is not NULL. */
static inline sae_model *golden_model(const sae_safetensors *file, int number, sae_model_info *out_info)
{
    sae_error err;
    const sae_tensor *W = golden_tensor(file, golden_key(number, "W_enc"));
    double *rule = golden_array(file, golden_key(number, "rule"), 3);
    sae_model_info info = {.n = W->shape[0], .d = W->shape[1], .k = (int64_t)rule[0]};
    info.rule = info.k ? SAE_RULE_TOPK : SAE_RULE_THRESHOLD;
    info.arch = info.k        ? SAE_ARCH_TOPK
                : number == 2 ? SAE_ARCH_RELU
                : number == 3 ? SAE_ARCH_BATCHTOPK
                              : SAE_ARCH_JUMPRELU;
    info.input_norm = rule[1] != 0 ? SAE_INPUT_TOKEN : SAE_INPUT_PLAIN;
    info.subtract_b_dec = rule[2] != 0;
    float *W_enc = golden_floats(file, golden_key(number, "W_enc")),
          *b_enc = golden_floats(file, golden_key(number, "b_enc"));
    float *W_dec = golden_floats(file, golden_key(number, "W_dec")),
          *b_dec = golden_floats(file, golden_key(number, "b_dec"));
    float *threshold = info.k ? NULL : golden_floats(file, golden_key(number, "threshold"));
    sae_weights weights = {.W_enc = W_enc, .b_enc = b_enc, .W_dec = W_dec, .b_dec = b_dec, .threshold = threshold};
    sae_model *model = NULL;
    if (sae_model_create(&model, &info, &weights, &err) != SAE_OK) fail_msg("%s", err.message);
    free(rule);
    free(W_enc);
    free(b_enc);
    free(W_dec);
    free(b_dec);
    free(threshold);
    if (out_info) *out_info = info;
    return model;
}

#define assert_close(value, expected, tolerance)                                                                       \
    do {                                                                                                               \
        double value_ = (value), expected_ = (expected);                                                               \
        if (isnan(value_) != isnan(expected_) || fabs(value_ - expected_) > (tolerance)*fmax(1e-3, fabs(expected_)))   \
            fail_msg("%s is %.17g, not %.17g", #value, value_, expected_);                                             \
    } while (0)

#endif
