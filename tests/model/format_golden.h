/* tests/golden/formats: an SAE in every tool's format, and the reconstructions that make_format_golden.py computed. */
#ifndef SAE_TESTS_MODEL_FORMAT_GOLDEN_H
#define SAE_TESTS_MODEL_FORMAT_GOLDEN_H

#include "io/temp.h"

#include <sae/model.h>

#include <math.h>

#define FORMATS SAE_TEST_DATA "/formats/"

static inline float *run_model(const sae_model *model, const float *x, int64_t rows)
{
    sae_error err;
    sae_codes *codes = sae_codes_new();
    float *out = malloc((size_t)(rows * sae_model_get_info(model)->d) * sizeof *out);
    assert_ok(sae_model_encode(model, x, rows, codes, NULL, &err));
    assert_ok(sae_model_decode(model, codes, x, out, NULL, &err));
    sae_codes_free(codes);
    return out;
}

static inline float *read_tensor(const sae_safetensors *file, const char *name, int64_t *rows)
{
    const sae_tensor *t = sae_safetensors_find(file, name);
    if (!t) fail_msg("expected.safetensors has no %s", name);
    int64_t count = sae_tensor_elements(t);
    float *out = malloc((size_t)count * sizeof *out);
    sae_tensor_read_f32(t, 0, count, out);
    *rows = t->shape[0];
    return out;
}

/* max|a − b| / max|b| */
static inline double distance(const float *a, const float *b, int64_t count)
{
    double error = 0, largest = 0;
    for (int64_t i = 0; i < count; i++) {
        error = fmax(error, fabs((double)a[i] - (double)b[i]));
        largest = fmax(largest, fabs((double)b[i]));
    }
    return error / largest;
}

/* The model's reconstructions of the golden rows are those expected for `name`. */
static inline void assert_golden(const sae_model *model, const char *name)
{
    sae_error err;
    sae_safetensors *file = NULL;
    int64_t rows, expected_rows, d = sae_model_get_info(model)->d;
    assert_ok(sae_safetensors_open(&file, FORMATS "expected.safetensors", &err));
    float *x = read_tensor(file, "x", &rows), *expected = read_tensor(file, name, &expected_rows);
    float *out = run_model(model, x, rows);
    double error = distance(out, expected, rows * d);
    if (!(error < 2e-6)) fail_msg("%s: reconstructions differ by %g", name, error);
    free(x);
    free(expected);
    free(out);
    sae_safetensors_close(file);
}

#endif
