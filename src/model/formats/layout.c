#include "model/formats/layout.h"

#include "base/alloc.h"
#include "base/error.h"
#include "io/strided.h"
#include "model/fold.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static void shape_text(const sae_tensor *tensor, char *out, size_t size)
{
    size_t used = 0;
    if (size) out[0] = 0;
    for (int i = 0; i < tensor->rank && used < size; i++)
        used += (size_t)snprintf(out + used, size - used, "%s%lld", i ? ", " : "", (long long)tensor->shape[i]);
}

static sae_status need(const sae_tensor_file *file, const char *name, const sae_tensor **out, sae_error *err)
{
    *out = sae_tensor_file_find(file, name);
    if (*out) return SAE_OK;
    return sae_fail(err, SAE_E_FORMAT, "%s has no tensor %s", sae_tensor_file_path(file), name);
}

sae_status sae_layout_find(const sae_tensor_file *file, const char *name, int64_t rows, int64_t cols, const char *by,
                           const sae_tensor **out, sae_error *err)
{
    const char *path = sae_tensor_file_path(file);
    const sae_tensor *tensor = NULL;
    sae_status status = need(file, name, &tensor, err);
    if (status != SAE_OK) return status;
    int rank = cols ? 2 : 1;
    if (tensor->rank == rank && tensor->shape[0] == rows && (!cols || tensor->shape[1] == cols)) {
        if (tensor->dtype > SAE_DTYPE_BF16)
            return sae_fail(err, SAE_E_FORMAT, "%s: %s has dtype %s, not a float type", path, name,
                            sae_dtype_name(tensor->dtype));
        *out = tensor;
        return SAE_OK;
    }
    char shape[128], expected[64];
    shape_text(tensor, shape, sizeof shape);
    if (cols)
        snprintf(expected, sizeof expected, "%lld, %lld", (long long)rows, (long long)cols);
    else
        snprintf(expected, sizeof expected, "%lld", (long long)rows);
    bool transposed = cols && tensor->rank == 2 && tensor->shape[0] == cols && tensor->shape[1] == rows;
    return sae_fail(err, SAE_E_SHAPE, "%s: %s has shape [%s]; by %s it must be [%s]%s", path, name, shape, by, expected,
                    transposed ? " (it is stored transposed)" : "");
}

static sae_status length_of(const sae_tensor_file *file, const char *name, int64_t *out, sae_error *err)
{
    const sae_tensor *tensor = NULL;
    sae_status status = need(file, name, &tensor, err);
    if (status != SAE_OK) return status;
    if (tensor->rank != 1 || tensor->shape[0] < 1)
        return sae_fail(err, SAE_E_SHAPE, "%s: %s is not a list of numbers (it has %d dimensions)",
                        sae_tensor_file_path(file), name, tensor->rank);
    *out = tensor->shape[0];
    return SAE_OK;
}

sae_status sae_layout_sizes(const sae_layout *layout, const sae_tensor_file *file, int64_t *n, int64_t *d,
                            sae_error *err)
{
    sae_status status = length_of(file, layout->b_enc, n, err);
    return status == SAE_OK ? length_of(file, layout->b_dec, d, err) : status;
}

static sae_status read_matrix(const sae_tensor_file *file, const char *name, bool by_input, const char *by,
                              const sae_model *model, float *out, sae_error *err)
{
    int64_t n = model->info.n, d = model->info.d;
    const sae_tensor *tensor = NULL;
    sae_status status = sae_layout_find(file, name, by_input ? d : n, by_input ? n : d, by, &tensor, err);
    if (status != SAE_OK) return status;
    if (by_input)
        sae_read_transposed(tensor, n, d, out);
    else
        sae_read_rows(tensor, n, d, out);
    return SAE_OK;
}

static sae_status read_vector(const sae_tensor_file *file, const char *name, int64_t count, const char *by, float *out,
                              sae_error *err)
{
    const sae_tensor *tensor = NULL;
    sae_status status = sae_layout_find(file, name, count, 0, by, &tensor, err);
    if (status == SAE_OK) sae_tensor_read_f32(tensor, 0, count, out);
    return status;
}

sae_status sae_layout_read(const sae_layout *layout, const sae_tensor_file *file, const char *by, sae_model *model,
                           sae_error *err)
{
    sae_status status;
    size_t n = (size_t)model->info.n, d = (size_t)model->info.d;
    float *const *w = model->owned;
    SAE_TRY(read_matrix(file, layout->W_enc, layout->W_enc_by_input, by, model, w[0], err));
    if (layout->b_enc_unused)
        memset(w[1], 0, n * sizeof *w[1]);
    else
        SAE_TRY(read_vector(file, layout->b_enc, (int64_t)n, by, w[1], err));
    SAE_TRY(read_matrix(file, layout->W_dec, layout->W_dec_by_input, by, model, w[2], err));
    SAE_TRY(read_vector(file, layout->b_dec, (int64_t)d, by, w[3], err));
    if (w[4] && layout->threshold)
        SAE_TRY(read_vector(file, layout->threshold, (int64_t)n, by, w[4], err));
    else if (w[4])
        memset(w[4], 0, n * sizeof *w[4]);
    status = sae_model_check(model, sae_tensor_file_path(file), err);
done:
    return status;
}

sae_status sae_layout_vector(const sae_tensor_file *file, const char *name, int64_t count, const char *by, float **out,
                             sae_error *err)
{
    sae_status status;
    float *values = sae_alloc((size_t)count, sizeof *values);
    if (!values) return sae_fail_memory(err, name, (size_t)count * sizeof *values);
    SAE_TRY(read_vector(file, name, count, by, values, err));
    *out = values;
    values = NULL;
done:
    sae_free(values);
    return status;
}

sae_status sae_layout_gate(const sae_tensor_file *file, const char *r, const char *b_gate, const char *by,
                           sae_model *model, sae_error *err)
{
    sae_status status;
    float *gain = NULL, *bias = NULL;
    SAE_TRY(sae_layout_vector(file, r, model->info.n, by, &gain, err));
    SAE_TRY(sae_layout_vector(file, b_gate, model->info.n, by, &bias, err));
    sae_fold_gate(model, gain, bias);
done:
    sae_free(gain);
    sae_free(bias);
    return status;
}

sae_status sae_layout_log_threshold(const sae_tensor_file *file, const char *name, const char *by, sae_model *model,
                                    sae_error *err)
{
    float *logarithm = NULL;
    sae_status status = sae_layout_vector(file, name, model->info.n, by, &logarithm, err);
    for (int64_t i = 0; status == SAE_OK && i < model->info.n; i++)
        model->owned[4][i] = (float)exp((double)logarithm[i]);
    sae_free(logarithm);
    return status;
}

/* The first element of any type that is read. */
static bool first_number(const sae_tensor *tensor, double *out)
{
    int64_t i64;
    int32_t i32;
    float f32;
    switch (tensor->dtype) {
    case SAE_DTYPE_F64:
        memcpy(out, tensor->data, sizeof *out);
        return true;
    case SAE_DTYPE_I64:
        memcpy(&i64, tensor->data, sizeof i64);
        *out = (double)i64;
        return true;
    case SAE_DTYPE_I32:
        memcpy(&i32, tensor->data, sizeof i32);
        *out = (double)i32;
        return true;
    case SAE_DTYPE_U8:
        *out = (double)*(const unsigned char *)tensor->data;
        return true;
    case SAE_DTYPE_OTHER:
        return false;
    default:
        sae_tensor_read_f32(tensor, 0, 1, &f32);
        *out = (double)f32;
        return true;
    }
}

sae_status sae_layout_scalar(const sae_tensor_file *file, const char *name, double *out, sae_error *err)
{
    const char *path = sae_tensor_file_path(file);
    const sae_tensor *tensor = sae_tensor_file_find(file, name);
    double value;
    if (!tensor) return SAE_OK;
    if (sae_tensor_elements(tensor) != 1 || !first_number(tensor, &value))
        return sae_fail(err, SAE_E_FORMAT, "%s: %s is not one number", path, name);
    if (!isfinite(value)) return sae_fail(err, SAE_E_VALUE, "%s: %s is %f", path, name, value);
    *out = value;
    return SAE_OK;
}
