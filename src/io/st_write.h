/* Writing safetensors in pieces: columns that grow row by row, of a length known only at the end. */
#ifndef SAE_IO_ST_WRITE_H
#define SAE_IO_ST_WRITE_H

#include <sae/tensor.h>

/* The bytes in front of the data area: length, JSON, spaces up to a multiple of `align`. Tensors need name, dtype,
 * rank, shape and bytes; their data is taken to follow one another. *out is freed with sae_free. SAE_E_ARG for a name
 * that comes twice or is not UTF-8, and for SAE_DTYPE_OTHER. */
sae_status sae_st_header_format(char **out, size_t *length, const char *path, const sae_tensor *tensors, size_t count,
                                const char *const *meta, size_t n_meta, size_t align, sae_error *err);

typedef struct sae_st_column {
    const char *name; /* borrowed until the stream is closed */
    sae_dtype dtype;
    int64_t width; /* elements per row of a 2-D tensor [rows, width]; 0: 1-D */
} sae_st_column;

#define SAE_ST_MAX_COLUMNS 8

/* A file that is written in columns. The first column goes straight to its place; the others wait in unlinked
 * files beside it and are copied behind it at the end. Memory does not grow with what is written. */
typedef struct sae_st_stream sae_st_stream;

sae_status sae_st_stream_open(sae_st_stream **out, const char *path, const sae_st_column *columns, size_t count,
                              const char *const *meta, size_t n_meta, sae_error *err);
/* Appends `bytes` bytes (whole elements) to a column. */
sae_status sae_st_stream_append(sae_st_stream *stream, size_t column, const void *data, size_t bytes, sae_error *err);
/* Puts the file in its place. SAE_E_ARG when a 2-D column does not hold whole rows. The stream is freed either way. */
sae_status sae_st_stream_finish(sae_st_stream *stream, sae_error *err);
/* Gives up and leaves nothing. NULL is allowed. */
void sae_st_stream_abort(sae_st_stream *stream);

#endif
