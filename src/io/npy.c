#include <sae/io.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/file.h"
#include "io/npy_header.h"

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
    char header[SAE_NPY_HEADER];
    size_t total;
    SAE_TRY(sae_npy_header_format(header, &total, path, tensor, err));
    SAE_TRY(sae_output_open(&out, path, err));
    SAE_TRY(sae_output_write(&out, header, total, err));
    SAE_TRY(sae_output_write(&out, tensor->data, tensor->bytes, err));
    status = sae_output_commit(&out, err);
done:
    sae_output_abort(&out);
    return status;
}
