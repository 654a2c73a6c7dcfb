#include "io/st_write.h"

#include <sae/io.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/file.h"
#include "io/dtype.h"
#include "io/json.h"
#include "io/st_header.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- header ----------------------------------------------------------------------------------------- */

static sae_status add_tensor(json_t *root, const char *path, const sae_tensor *tensor, size_t begin, sae_error *err)
{
    const char *dtype = sae_st_dtype_name(tensor->dtype);
    if (!dtype)
        return sae_fail(err, SAE_E_ARG, "cannot write %s: tensor \"%s\" has a type that is not written", path,
                        tensor->name);
    if (json_object_get(root, tensor->name) || strcmp(tensor->name, "__metadata__") == 0)
        return sae_fail(err, SAE_E_ARG, "cannot write %s: the tensor name \"%s\" is taken", path, tensor->name);
    json_t *shape = json_array();
    for (int i = 0; i < tensor->rank; i++) json_array_append_new(shape, json_integer(tensor->shape[i]));
    json_t *entry = json_pack("{s:s, s:o, s:[I,I]}", "dtype", dtype, "shape", shape, "data_offsets", (json_int_t)begin,
                              (json_int_t)(begin + tensor->bytes));
    if (json_object_set_new(root, tensor->name, entry) != 0)
        return sae_fail(err, SAE_E_ARG, "cannot write %s: a tensor name is not UTF-8, or out of memory", path);
    return SAE_OK;
}

static sae_status add_metadata(json_t *root, const char *path, const char *const *meta, size_t n_meta, sae_error *err)
{
    if (n_meta == 0) return SAE_OK;
    json_t *object = json_object();
    int failed = json_object_set_new(root, "__metadata__", object);
    for (size_t i = 0; i < n_meta && !failed; i++)
        failed = json_object_set_new(object, meta[2 * i], sae_json_text(meta[2 * i + 1]));
    if (failed) return sae_fail(err, SAE_E_ARG, "cannot write %s: metadata is not UTF-8, or out of memory", path);
    return SAE_OK;
}

sae_status sae_st_header_format(char **out, size_t *length, const char *path, const sae_tensor *tensors, size_t count,
                                const char *const *meta, size_t n_meta, size_t align, sae_error *err)
{
    sae_status status;
    size_t begin = 0, used, padded;
    char *json = NULL, *text = NULL;
    json_t *root = json_object();
    if (!root) return sae_fail_memory(err, path, 0);
    SAE_TRY(add_metadata(root, path, meta, n_meta, err));
    for (size_t i = 0; i < count; i++) {
        SAE_TRY(add_tensor(root, path, &tensors[i], begin, err));
        begin += tensors[i].bytes;
    }
    json = json_dumps(root, JSON_COMPACT);
    used = json ? strlen(json) : 0;
    padded = (8 + used + align - 1) / align * align;
    text = sae_alloc(padded, 1);
    if (!json || !text) SAE_TRY(sae_fail_memory(err, path, padded));
    if (padded - 8 > SAE_ST_MAX_HEADER)
        SAE_TRY(sae_fail(err, SAE_E_ARG, "cannot write %s: its header would have more than %d bytes", path,
                         SAE_ST_MAX_HEADER));
    for (int i = 0; i < 8; i++) text[i] = (char)((padded - 8) >> 8 * i & 0xff);
    memcpy(text + 8, json, used);
    memset(text + 8 + used, ' ', padded - 8 - used);
    *out = text;
    *length = padded;
    text = NULL;
done:
    json_decref(root);
    free(json);
    sae_free(text);
    return status;
}

sae_status sae_safetensors_write(const char *path, const sae_tensor *tensors, size_t count, const char *const *meta,
                                 size_t n_meta, sae_error *err)
{
    sae_status status;
    sae_output out = {0};
    char *header = NULL;
    size_t length;
    SAE_TRY(sae_st_header_format(&header, &length, path, tensors, count, meta, n_meta, 8, err));
    SAE_TRY(sae_output_open(&out, path, err));
    SAE_TRY(sae_output_write(&out, header, length, err));
    for (size_t i = 0; i < count; i++) SAE_TRY(sae_output_write(&out, tensors[i].data, tensors[i].bytes, err));
    status = sae_output_commit(&out, err);
done:
    sae_output_abort(&out);
    sae_free(header);
    return status;
}

/* ---- columns ------------------------------------------------------------------------------------------ */

#define PAGE 4096 /* the data area starts on a page */

struct sae_st_stream {
    sae_output out;
    size_t reserved; /* bytes kept free for the header */
    size_t count;
    sae_st_column columns[SAE_ST_MAX_COLUMNS];
    FILE *waiting[SAE_ST_MAX_COLUMNS]; /* [0] is unused: the first column is in `out` */
    size_t bytes[SAE_ST_MAX_COLUMNS];
    char **meta;
    size_t n_meta;
};

static sae_status copy_metadata(sae_st_stream *stream, const char *const *meta, size_t n_meta, sae_error *err)
{
    stream->meta = sae_calloc(2 * n_meta, sizeof *stream->meta);
    if (!stream->meta) return sae_fail_memory(err, "metadata", 2 * n_meta * sizeof *stream->meta);
    stream->n_meta = n_meta;
    for (size_t i = 0; i < 2 * n_meta; i++) {
        stream->meta[i] = sae_strdup(meta[i]);
        if (!stream->meta[i]) return sae_fail_memory(err, "metadata", strlen(meta[i]));
    }
    return SAE_OK;
}

/* The tensor that a column has become after `bytes` bytes. */
static sae_tensor column_tensor(const sae_st_column *column, size_t bytes)
{
    int64_t elements = (int64_t)(bytes / sae_dtype_size(column->dtype));
    sae_tensor tensor = {.name = column->name, .dtype = column->dtype, .rank = 1, .shape = {elements}, .bytes = bytes};
    if (column->width > 0) {
        tensor.rank = 2;
        tensor.shape[0] = elements / column->width;
        tensor.shape[1] = column->width;
    }
    return tensor;
}

static sae_status format_header(const sae_st_stream *stream, const size_t *bytes, size_t align, char **header,
                                size_t *length, sae_error *err)
{
    sae_tensor tensors[SAE_ST_MAX_COLUMNS];
    for (size_t i = 0; i < stream->count; i++) tensors[i] = column_tensor(&stream->columns[i], bytes[i]);
    return sae_st_header_format(header, length, stream->out.path, tensors, stream->count,
                                (const char *const *)stream->meta, stream->n_meta, align, err);
}

/* Keeps room for the longest header that can be needed: that of columns of the largest size. */
static sae_status reserve_header(sae_st_stream *stream, sae_error *err)
{
    size_t largest[SAE_ST_MAX_COLUMNS];
    char *header = NULL;
    for (size_t i = 0; i < stream->count; i++) largest[i] = (size_t)INT64_MAX / SAE_ST_MAX_COLUMNS;
    sae_status status = format_header(stream, largest, PAGE, &header, &stream->reserved, err);
    if (status == SAE_OK) status = sae_output_write(&stream->out, header, stream->reserved, err);
    sae_free(header);
    return status;
}

/* A file that has no name any more: it goes away with the process, whatever happens. */
static sae_status open_waiting(sae_st_stream *stream, size_t column, sae_error *err)
{
    size_t size = strlen(stream->out.temporary) + 32;
    char *name = sae_alloc(size, 1);
    if (!name) return sae_fail_memory(err, "a path", size);
    snprintf(name, size, "%s-%zu", stream->out.temporary, column);
    stream->waiting[column] = fopen(name, "w+be");
    sae_status status = SAE_OK;
    if (!stream->waiting[column])
        status = sae_fail_errno(err, "cannot write %s", name);
    else
        unlink(name);
    sae_free(name);
    return status;
}

sae_status sae_st_stream_open(sae_st_stream **out, const char *path, const sae_st_column *columns, size_t count,
                              const char *const *meta, size_t n_meta, sae_error *err)
{
    sae_status status;
    sae_st_stream *stream = sae_calloc(1, sizeof *stream);
    if (!stream) return sae_fail_memory(err, path, sizeof *stream);
    if (count == 0 || count > SAE_ST_MAX_COLUMNS)
        SAE_TRY(sae_fail(err, SAE_E_ARG, "%s: %zu columns; 1 to %d are possible", path, count, SAE_ST_MAX_COLUMNS));
    memcpy(stream->columns, columns, count * sizeof *columns);
    stream->count = count;
    SAE_TRY(copy_metadata(stream, meta, n_meta, err));
    SAE_TRY(sae_output_open(&stream->out, path, err));
    SAE_TRY(reserve_header(stream, err));
    for (size_t i = 1; i < count; i++) SAE_TRY(open_waiting(stream, i, err));
    *out = stream;
    stream = NULL;
done:
    sae_st_stream_abort(stream);
    return status;
}

sae_status sae_st_stream_append(sae_st_stream *stream, size_t column, const void *data, size_t bytes, sae_error *err)
{
    FILE *file = column == 0 ? stream->out.stream : stream->waiting[column];
    if (bytes > 0 && fwrite(data, 1, bytes, file) != bytes)
        return sae_fail_errno(err, "cannot write %s", stream->out.path);
    stream->bytes[column] += bytes;
    return SAE_OK;
}

static sae_status copy_waiting(sae_st_stream *stream, size_t column, sae_error *err)
{
    char piece[1 << 15];
    FILE *file = stream->waiting[column];
    if (fflush(file) != 0 || fseeko(file, 0, SEEK_SET) != 0)
        return sae_fail_errno(err, "cannot write %s", stream->out.path);
    for (size_t left = stream->bytes[column]; left > 0;) {
        size_t now = left < sizeof piece ? left : sizeof piece;
        if (fread(piece, 1, now, file) != now) return sae_fail_errno(err, "cannot write %s", stream->out.path);
        sae_status status = sae_output_write(&stream->out, piece, now, err);
        if (status != SAE_OK) return status;
        left -= now;
    }
    return SAE_OK;
}

sae_status sae_st_stream_finish(sae_st_stream *stream, sae_error *err)
{
    sae_status status;
    char *header = NULL;
    size_t length;
    for (size_t i = 0; i < stream->count; i++) {
        const sae_st_column *column = &stream->columns[i];
        size_t row = sae_dtype_size(column->dtype) * (size_t)(column->width > 0 ? column->width : 1);
        if (stream->bytes[i] % row != 0)
            SAE_TRY(sae_fail(err, SAE_E_ARG, "cannot write %s: column \"%s\" ends in the middle of a row",
                             stream->out.path, column->name));
    }
    for (size_t i = 1; i < stream->count; i++) SAE_TRY(copy_waiting(stream, i, err));
    SAE_TRY(format_header(stream, stream->bytes, stream->reserved, &header, &length, err));
    if (fseeko(stream->out.stream, 0, SEEK_SET) != 0) SAE_TRY(sae_fail_errno(err, "cannot write %s", stream->out.path));
    SAE_TRY(sae_output_write(&stream->out, header, length, err));
    status = sae_output_commit(&stream->out, err);
done:
    sae_free(header);
    sae_st_stream_abort(stream);
    return status;
}

void sae_st_stream_abort(sae_st_stream *stream)
{
    if (!stream) return;
    sae_output_abort(&stream->out);
    for (size_t i = 1; i < stream->count; i++)
        if (stream->waiting[i]) fclose(stream->waiting[i]);
    for (size_t i = 0; i < 2 * stream->n_meta; i++) sae_free(stream->meta[i]);
    sae_free(stream->meta);
    sae_free(stream);
}
