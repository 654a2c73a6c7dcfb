#include "io/dtype.h"

#include "base/error.h"

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "files are little-endian and are read as they lie");

size_t sae_dtype_size(sae_dtype dtype)
{
    static const size_t sizes[] = {
        [SAE_DTYPE_F64] = 8, [SAE_DTYPE_F32] = 4, [SAE_DTYPE_F16] = 2, [SAE_DTYPE_BF16] = 2,
        [SAE_DTYPE_I64] = 8, [SAE_DTYPE_I32] = 4, [SAE_DTYPE_U8] = 1,
    };
    size_t i = (size_t)dtype;
    return i < sizeof sizes / sizeof *sizes ? sizes[i] : 0;
}

static const char *const names[] = {
    [SAE_DTYPE_F64] = "f64", [SAE_DTYPE_F32] = "f32", [SAE_DTYPE_F16] = "f16", [SAE_DTYPE_BF16] = "bf16",
    [SAE_DTYPE_I64] = "i64", [SAE_DTYPE_I32] = "i32", [SAE_DTYPE_U8] = "u8",
};

const char *sae_dtype_name(sae_dtype dtype)
{
    size_t i = (size_t)dtype;
    return i < sizeof names / sizeof *names ? names[i] : "other";
}

sae_dtype sae_dtype_parse(const char *name)
{
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strcmp(names[i], name) == 0) return (sae_dtype)i;
    return SAE_DTYPE_OTHER;
}

bool sae_dtype_is_float(sae_dtype dtype)
{
    return dtype == SAE_DTYPE_F64 || dtype == SAE_DTYPE_F32 || dtype == SAE_DTYPE_F16 || dtype == SAE_DTYPE_BF16;
}

int64_t sae_tensor_elements(const sae_tensor *tensor)
{
    int64_t product = 1;
    for (int i = 0; i < tensor->rank; i++) product *= tensor->shape[i];
    return product;
}

void sae_dtype_to_f32(const void *src, int64_t count, sae_dtype dtype, float *restrict out)
{
    const unsigned char *restrict from = src;
    switch (dtype) {
    case SAE_DTYPE_F32:
        memcpy(out, from, (size_t)count * sizeof *out);
        return;
    case SAE_DTYPE_F64:
        for (int64_t i = 0; i < count; i++) {
            double wide;
            memcpy(&wide, from + 8 * i, sizeof wide);
            out[i] = (float)wide;
        }
        return;
    case SAE_DTYPE_F16:
        for (int64_t i = 0; i < count; i++) {
            uint16_t half;
            memcpy(&half, from + 2 * i, sizeof half);
            out[i] = sae_f16_to_f32(half);
        }
        return;
    case SAE_DTYPE_BF16:
        for (int64_t i = 0; i < count; i++) {
            uint16_t half;
            memcpy(&half, from + 2 * i, sizeof half);
            out[i] = sae_bf16_to_f32(half);
        }
        return;
    default:
        for (int64_t i = 0; i < count; i++) out[i] = 0;
    }
}

void sae_tensor_read_f32(const sae_tensor *tensor, int64_t first, int64_t count, float *out)
{
    const unsigned char *data = tensor->data;
    size_t size = sae_dtype_size(tensor->dtype);
    if (count > 0) sae_dtype_to_f32(data + (size_t)first * size, count, tensor->dtype, out);
}

void sae_f32_to_dtype(const float *restrict src, int64_t count, sae_dtype dtype, void *dst)
{
    unsigned char *restrict to = dst;
    switch (dtype) {
    case SAE_DTYPE_F32:
        memcpy(to, src, (size_t)count * sizeof *src);
        return;
    case SAE_DTYPE_F64:
        for (int64_t i = 0; i < count; i++) {
            double wide = (double)src[i];
            memcpy(to + 8 * i, &wide, sizeof wide);
        }
        return;
    case SAE_DTYPE_F16:
        for (int64_t i = 0; i < count; i++) {
            uint16_t half = sae_f32_to_f16(src[i]);
            memcpy(to + 2 * i, &half, sizeof half);
        }
        return;
    case SAE_DTYPE_BF16:
        for (int64_t i = 0; i < count; i++) {
            uint16_t half = sae_f32_to_bf16(src[i]);
            memcpy(to + 2 * i, &half, sizeof half);
        }
        return;
    default:
        memset(to, 0, (size_t)count * sae_dtype_size(dtype));
    }
}

/* By bits, so that it also holds under -ffast-math, and as an OR over the block, so that it vectorises. */
bool sae_all_finite(const float *values, int64_t count)
{
    uint32_t bad = 0;
    for (int64_t i = 0; i < count; i++) bad |= (sae_float_bits(values[i]) & 0x7f800000u) == 0x7f800000u;
    return !bad;
}

int64_t sae_first_nonfinite(const float *values, int64_t count)
{
    for (int64_t i = 0; i < count; i++)
        if ((sae_float_bits(values[i]) & 0x7f800000u) == 0x7f800000u) return i;
    return -1;
}

sae_status sae_check_row(const float *row, int64_t d, const char *where, int64_t number, sae_error *err)
{
    if (sae_all_finite(row, d)) return SAE_OK;
    int64_t j = sae_first_nonfinite(row, d);
    const char *what = (sae_float_bits(row[j]) & 0x7fffffu) ? "NaN" : "an infinite value";
    return sae_fail(err, SAE_E_VALUE, "%s holds %s at row %lld (counted from 0), dimension %lld", where, what,
                    (long long)number, (long long)j);
}
