#include <sae/io.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/file.h"
#include "io/st_write.h"

#include <stdio.h>

/* Offsets first: they need 8-byte alignment, and what follows them 4. */
enum { OFFSETS, LATENTS, VALUES, TOKENS, POSITIONS, DOCS, COLUMNS };

struct sae_codes_writer {
    sae_st_stream *stream;
    int64_t entries;
};

sae_status sae_codes_writer_open(sae_codes_writer **out, const char *path, int64_t n_latents, const sae_acts_meta *meta,
                                 bool force, sae_error *err)
{
    static const sae_st_column columns[COLUMNS] = {
        [OFFSETS] = {"row_offsets", SAE_DTYPE_I64, 0}, [LATENTS] = {"latents", SAE_DTYPE_I32, 0},
        [VALUES] = {"values", SAE_DTYPE_F32, 0},       [TOKENS] = {"tokens", SAE_DTYPE_I32, 0},
        [POSITIONS] = {"positions", SAE_DTYPE_I32, 0}, [DOCS] = {"docs", SAE_DTYPE_I32, 0},
    };
    sae_status status;
    const int64_t zero = 0;
    char latents[32], d[32], ctx[32];
    snprintf(latents, sizeof latents, "%lld", (long long)n_latents);
    snprintf(d, sizeof d, "%lld", (long long)meta->d);
    snprintf(ctx, sizeof ctx, "%lld", (long long)meta->ctx);
    const char *const pairs[] = {
        "n_latents",
        latents,
        "d",
        d,
        "model",
        meta->model,
        "hook_name",
        meta->hook_name,
        "ctx",
        ctx,
        "dtype",
        sae_dtype_name(meta->dtype),
        "prepend_bos",
        meta->prepend_bos ? "true" : "false",
        "center_residual",
        meta->center_residual ? "true" : "false",
    };
    if (!force && sae_file_exists(path))
        return sae_fail(err, SAE_E_EXISTS, "%s is already there; give another name, or --force to replace it", path);
    sae_codes_writer *writer = sae_calloc(1, sizeof *writer);
    if (!writer) return sae_fail_memory(err, path, sizeof *writer);
    SAE_TRY(sae_st_stream_open(&writer->stream, path, columns, COLUMNS, pairs, sizeof pairs / sizeof *pairs / 2, err));
    SAE_TRY(sae_st_stream_append(writer->stream, OFFSETS, &zero, sizeof zero, err));
    *out = writer;
    writer = NULL;
done:
    sae_codes_writer_abort(writer);
    return status;
}

sae_status sae_codes_writer_append(sae_codes_writer *writer, const sae_codes *codes, const int32_t *tokens,
                                   const int32_t *positions, const int32_t *docs, sae_error *err)
{
    sae_status status = SAE_OK;
    sae_st_stream *stream = writer->stream;
    size_t rows = (size_t)codes->rows, entries = (size_t)codes->row_offsets[codes->rows];
    for (size_t r = 1; r <= rows; r++) {
        int64_t offset = writer->entries + codes->row_offsets[r];
        SAE_TRY(sae_st_stream_append(stream, OFFSETS, &offset, sizeof offset, err));
    }
    SAE_TRY(sae_st_stream_append(stream, LATENTS, codes->latents, entries * sizeof *codes->latents, err));
    SAE_TRY(sae_st_stream_append(stream, VALUES, codes->values, entries * sizeof *codes->values, err));
    SAE_TRY(sae_st_stream_append(stream, TOKENS, tokens, rows * sizeof *tokens, err));
    SAE_TRY(sae_st_stream_append(stream, POSITIONS, positions, rows * sizeof *positions, err));
    SAE_TRY(sae_st_stream_append(stream, DOCS, docs, rows * sizeof *docs, err));
    writer->entries += (int64_t)entries;
done:
    return status;
}

sae_status sae_codes_writer_finish(sae_codes_writer *writer, sae_error *err)
{
    sae_status status = sae_st_stream_finish(writer->stream, err);
    sae_free(writer);
    return status;
}

void sae_codes_writer_abort(sae_codes_writer *writer)
{
    if (!writer) return;
    sae_st_stream_abort(writer->stream);
    sae_free(writer);
}
