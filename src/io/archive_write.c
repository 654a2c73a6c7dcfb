#include "io/archive_write.h"

#include "base/alloc.h"
#include "base/error.h"
#include "io/npy_header.h"
#include "io/strided.h"
#include "io/zip_write.h"

#include <stdio.h>
#include <string.h>

enum { MAX_ARRAYS = 16, MAX_NAME = 128 };

sae_tensor sae_tensor_f32(const char *name, const float *data, int64_t rows, int64_t cols)
{
    sae_tensor t = {.name = name, .dtype = SAE_DTYPE_F32, .rank = cols ? 2 : 1, .shape = {rows, cols}, .data = data};
    t.bytes = (size_t)(rows * (cols ? cols : 1)) * sizeof(float);
    return t;
}

sae_array sae_array_f32(const char *name, const float *data, int64_t rows, int64_t cols, bool transposed)
{
    return (sae_array){sae_tensor_f32(name, data, rows, cols), transposed};
}

sae_array sae_array_scalar(const char *name, sae_dtype dtype, const void *value)
{
    return (sae_array){{.name = name, .dtype = dtype, .data = value, .bytes = sae_dtype_size(dtype)}, false};
}

static sae_status write_data(sae_zip_writer *zip, const sae_array *array, sae_error *err)
{
    const sae_tensor *t = &array->tensor;
    if (array->transposed)
        return sae_write_transposed(t->data, t->shape[1], t->shape[0], sae_zip_writer_write, zip, err);
    return sae_zip_writer_write(zip, t->data, t->bytes, err);
}

/* ---- NumPy ------------------------------------------------------------------------------------------------- */

sae_status sae_npz_write(const char *path, const sae_array *arrays, size_t count, sae_error *err)
{
    sae_status status;
    sae_zip_writer *zip = NULL, *whole;
    char header[SAE_NPY_HEADER], names[MAX_ARRAYS][MAX_NAME];
    size_t length;
    if (count > MAX_ARRAYS) return sae_fail(err, SAE_E_ARG, "%zu arrays are more than %d", count, MAX_ARRAYS);
    SAE_TRY(sae_zip_writer_open(&zip, path, err));
    for (size_t i = 0; i < count; i++) {
        SAE_TRY(sae_npy_header_format(header, &length, path, &arrays[i].tensor, err));
        snprintf(names[i], sizeof names[i], "%s.npy", arrays[i].tensor.name);
        SAE_TRY(sae_zip_writer_begin(zip, names[i], length + arrays[i].tensor.bytes, err));
        SAE_TRY(sae_zip_writer_write(zip, header, length, err));
        SAE_TRY(write_data(zip, &arrays[i], err));
    }
    whole = zip;
    zip = NULL;
    status = sae_zip_writer_finish(whole, err);
done:
    sae_zip_writer_abort(zip);
    return status;
}

/* ---- PyTorch ----------------------------------------------------------------------------------------------- */

/* A pickle as it grows; room for MAX_ARRAYS descriptions. */
typedef struct pickle {
    unsigned char data[MAX_ARRAYS * 512];
    size_t size;
} pickle;

static void put(pickle *p, const char *code, size_t size)
{
    memcpy(p->data + p->size, code, size);
    p->size += size;
}

#define PUT(p, literal) put(p, literal, sizeof literal - 1)

static void put_little_endian(pickle *p, uint64_t value, int bytes)
{
    for (int i = 0; i < bytes; i++) p->data[p->size++] = (unsigned char)(value >> 8 * i);
}

static void put_text(pickle *p, const char *text)
{
    size_t length = strlen(text);
    PUT(p, "X");
    put_little_endian(p, length, 4);
    put(p, text, length);
}

/* BININT where it fits, else LONG1 of eight bytes. */
static void put_number(pickle *p, int64_t value)
{
    if (value <= INT32_MAX) {
        PUT(p, "J");
        put_little_endian(p, (uint64_t)value, 4);
    } else {
        PUT(p, "\x8a\x08");
        put_little_endian(p, (uint64_t)value, 8);
    }
}

static const char *storage_class(sae_dtype dtype)
{
    return dtype == SAE_DTYPE_I32 ? "IntStorage" : "FloatStorage";
}

/* name → _rebuild_tensor_v2(("storage", class, number, "cpu", elements), 0, shape, stride, False, OrderedDict()) */
static void put_tensor(pickle *p, const sae_tensor *t, size_t number)
{
    char key[24], global[64];
    snprintf(key, sizeof key, "%zu", number);
    snprintf(global, sizeof global, "ctorch\n%s\n", storage_class(t->dtype));
    put_text(p, t->name);
    PUT(p, "ctorch._utils\n_rebuild_tensor_v2\n((");
    put_text(p, "storage");
    put(p, global, strlen(global));
    put_text(p, key);
    put_text(p, "cpu");
    put_number(p, sae_tensor_elements(t));
    PUT(p, "tQ");
    put_number(p, 0);
    PUT(p, "(");
    for (int i = 0; i < t->rank; i++) put_number(p, t->shape[i]);
    PUT(p, "t(");
    for (int i = 0; i < t->rank; i++) put_number(p, i + 1 < t->rank ? t->shape[1] : 1);
    PUT(p, "t\x89"
           "ccollections\nOrderedDict\n)RtR");
}

static sae_status write_member(sae_zip_writer *zip, const char *name, const void *data, size_t size, sae_error *err)
{
    sae_status status = sae_zip_writer_begin(zip, name, size, err);
    return status == SAE_OK ? sae_zip_writer_write(zip, data, size, err) : status;
}

sae_status sae_torch_write(const char *path, const sae_array *arrays, size_t count, sae_error *err)
{
    sae_status status;
    sae_zip_writer *zip = NULL, *whole;
    char names[MAX_ARRAYS][MAX_NAME];
    pickle p = {.size = 0};
    if (count > MAX_ARRAYS) return sae_fail(err, SAE_E_ARG, "%zu arrays are more than %d", count, MAX_ARRAYS);
    PUT(&p, "\x80\x02"
            "ccollections\nOrderedDict\n)R(");
    for (size_t i = 0; i < count; i++) put_tensor(&p, &arrays[i].tensor, i);
    PUT(&p, "u.");
    SAE_TRY(sae_zip_writer_open(&zip, path, err));
    SAE_TRY(write_member(zip, "archive/data.pkl", p.data, p.size, err));
    SAE_TRY(write_member(zip, "archive/byteorder", "little", 6, err));
    for (size_t i = 0; i < count; i++) {
        snprintf(names[i], sizeof names[i], "archive/data/%zu", i);
        SAE_TRY(sae_zip_writer_begin(zip, names[i], arrays[i].tensor.bytes, err));
        SAE_TRY(write_data(zip, &arrays[i], err));
    }
    SAE_TRY(write_member(zip, "archive/version", "3\n", 2, err));
    whole = zip;
    zip = NULL;
    status = sae_zip_writer_finish(whole, err);
done:
    sae_zip_writer_abort(zip);
    return status;
}
