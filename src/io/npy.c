#include <sae/io.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/file.h"
#include "io/npy_header.h"

#include <stdio.h>
#include <string.h>

struct sae_npy {
    sae_map map;
    sae_npy_header header;
    char *path;
};

sae_status sae_npy_open(sae_npy **out, const char *path, sae_error *err)
{
    sae_status status;
    sae_npy *file = sae_calloc(1, sizeof *file);
    if (!file) return sae_fail_memory(err, path, sizeof *file);
    file->path = sae_strdup(path);
    if (!file->path) SAE_TRY(sae_fail_memory(err, path, strlen(path) + 1));
    SAE_TRY(sae_map_open(&file->map, path, err));
    SAE_TRY(sae_npy_header_parse(&file->header, path, file->map.data, file->map.size, err));
    *out = file;
    file = NULL;
done:
    sae_npy_close(file);
    return status;
}

void sae_npy_close(sae_npy *file)
{
    if (!file) return;
    sae_map_close(&file->map);
    sae_free(file->path);
    sae_free(file);
}

const sae_tensor *sae_npy_tensor(const sae_npy *file)
{
    return &file->header.array;
}

sae_status sae_npy_read_i32(const sae_npy *file, int64_t first, int64_t count, int32_t *out, sae_error *err)
{
    const sae_tensor *array = &file->header.array;
    size_t size = file->header.element_size;
    int64_t elements = sae_tensor_elements(array);
    if (first < 0 || count < 0 || count > elements - first)
        return sae_fail(err, SAE_E_ARG, "%s has %lld elements, not %lld from number %lld on", file->path,
                        (long long)elements, (long long)count, (long long)first);
    const unsigned char *data = (const unsigned char *)array->data + (size_t)first * size;
    if (array->dtype == SAE_DTYPE_F16 || array->dtype == SAE_DTYPE_F32 || array->dtype == SAE_DTYPE_F64)
        return sae_fail(err, SAE_E_FORMAT, "%s holds %s; whole numbers are needed", file->path,
                        sae_dtype_name(array->dtype));
    if (array->dtype == SAE_DTYPE_I32) {
        if (count > 0) memcpy(out, data, (size_t)count * size);
        return SAE_OK;
    }
    for (int64_t i = 0; i < count; i++) {
        int64_t value = 0; /* u1 and u2 fill the low bytes, i8 all of them */
        memcpy(&value, data + (size_t)i * size, size);
        if (value < INT32_MIN || value > INT32_MAX)
            return sae_fail(err, SAE_E_VALUE, "%s: element %lld is %lld, more than 32 bits hold", file->path,
                            (long long)(first + i), (long long)value);
        out[i] = (int32_t)value;
    }
    return SAE_OK;
}

sae_status sae_npy_write(const char *path, const sae_tensor *tensor, sae_error *err)
{
    sae_status status;
    sae_output out = {0};
    const char *descr = sae_npy_descr(tensor->dtype);
    char header[320], shape[SAE_MAX_RANK * 24 + 1] = "";
    size_t used = 0;
    if (!descr)
        return sae_fail(err, SAE_E_UNSUPPORTED, "cannot write %s: NumPy has no element type %s; use f16 or f32", path,
                        sae_dtype_name(tensor->dtype));
    for (int i = 0; i < tensor->rank; i++)
        used += (size_t)snprintf(shape + used, sizeof shape - used, i ? ", %lld" : "%lld", (long long)tensor->shape[i]);
    /* 10 bytes of prefix, the dictionary, spaces and a line end: data starts at a multiple of 64. */
    int length = snprintf(header + 10, sizeof header - 10, "{'descr': '%s', 'fortran_order': False, 'shape': (%s%s), }",
                          descr, shape, tensor->rank == 1 ? "," : "");
    size_t total = ((size_t)length + 10 + 1 + 63) / 64 * 64;
    memset(header + 10 + length, ' ', total - 10 - (size_t)length);
    header[total - 1] = '\n';
    memcpy(header, "\x93NUMPY\x01\x00", 8);
    header[8] = (char)((total - 10) & 0xff);
    header[9] = (char)((total - 10) >> 8);
    SAE_TRY(sae_output_open(&out, path, err));
    SAE_TRY(sae_output_write(&out, header, total, err));
    SAE_TRY(sae_output_write(&out, tensor->data, tensor->bytes, err));
    status = sae_output_commit(&out, err);
done:
    sae_output_abort(&out);
    return status;
}
