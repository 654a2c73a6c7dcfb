#include <sae/io.h>

#include "base/alloc.h"
#include "base/error.h"
#include "io/dtype.h"
#include "io/ids.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct sae_codes_file {
    sae_safetensors *file;
    sae_acts_meta meta;
    int64_t n_latents, rows, entries;
    const sae_tensor *offsets, *latents, *values;
    const sae_tensor *tokens, *positions, *docs; /* NULL when not recorded */
};

/* Tensors need not be aligned. */
static int64_t offset_at(const sae_codes_file *codes, int64_t row)
{
    int64_t value;
    memcpy(&value, (const unsigned char *)codes->offsets->data + (size_t)row * sizeof value, sizeof value);
    return value;
}

static int32_t latent_at(const sae_codes_file *codes, int64_t i)
{
    int32_t value;
    memcpy(&value, (const unsigned char *)codes->latents->data + (size_t)i * sizeof value, sizeof value);
    return value;
}

static float value_at(const sae_codes_file *codes, int64_t i)
{
    float value;
    memcpy(&value, (const unsigned char *)codes->values->data + (size_t)i * sizeof value, sizeof value);
    return value;
}

/* ---- metadata ----------------------------------------------------------------------------------------- */

static sae_status meta_number(const sae_codes_file *codes, const char *key, int64_t min, int64_t max, int64_t *out,
                              sae_error *err)
{
    const char *text = sae_safetensors_metadata(codes->file, key);
    char *end = NULL;
    errno = 0;
    long long value = text ? strtoll(text, &end, 10) : 0;
    if (!text || end == text || *end || errno == ERANGE || value < min || value > max)
        return sae_fail(err, SAE_E_FORMAT, "%s is not a code file: its metadata needs %s, a whole number from %lld up",
                        sae_safetensors_path(codes->file), key, (long long)min);
    *out = value;
    return SAE_OK;
}

static void meta_text(const sae_codes_file *codes, const char *key, char *out, size_t size)
{
    const char *text = sae_safetensors_metadata(codes->file, key);
    snprintf(out, size, "%s", text ? text : "");
}

static bool meta_true(const sae_codes_file *codes, const char *key)
{
    const char *text = sae_safetensors_metadata(codes->file, key);
    return text && strcmp(text, "true") == 0;
}

static sae_status read_meta(sae_codes_file *codes, sae_error *err)
{
    sae_status status;
    char dtype[16];
    SAE_TRY(meta_number(codes, "n_latents", 1, INT32_MAX, &codes->n_latents, err));
    SAE_TRY(meta_number(codes, "d", 1, INT64_MAX, &codes->meta.d, err));
    if (sae_safetensors_metadata(codes->file, "ctx"))
        SAE_TRY(meta_number(codes, "ctx", 0, INT64_MAX, &codes->meta.ctx, err));
    meta_text(codes, "model", codes->meta.model, sizeof codes->meta.model);
    meta_text(codes, "hook_name", codes->meta.hook_name, sizeof codes->meta.hook_name);
    meta_text(codes, "dtype", dtype, sizeof dtype);
    codes->meta.dtype = sae_dtype_parse(dtype);
    if (!sae_dtype_is_float(codes->meta.dtype)) codes->meta.dtype = SAE_DTYPE_F32;
    codes->meta.prepend_bos = meta_true(codes, "prepend_bos");
    codes->meta.center_residual = meta_true(codes, "center_residual");
    codes->meta.n_tokens = codes->rows;
done:
    return status;
}

/* ---- checks ------------------------------------------------------------------------------------------- */

/* A 1-D tensor of `dtype` with `length` elements (−1: any number, at least 0). */
static sae_status find_list(const sae_codes_file *codes, const char *name, sae_dtype dtype, int64_t length,
                            const sae_tensor **out, sae_error *err)
{
    const char *path = sae_safetensors_path(codes->file);
    const sae_tensor *tensor = sae_safetensors_find(codes->file, name);
    if (!tensor) return sae_fail(err, SAE_E_FORMAT, "%s is not a code file: it has no tensor \"%s\"", path, name);
    if (tensor->dtype != dtype || tensor->rank != 1)
        return sae_fail(err, SAE_E_FORMAT, "%s: \"%s\" must be a list of %s", path, name, sae_dtype_name(dtype));
    if (length >= 0 && tensor->shape[0] != length)
        return sae_fail(err, SAE_E_SHAPE, "%s: \"%s\" has %lld elements, not %lld", path, name,
                        (long long)tensor->shape[0], (long long)length);
    *out = tensor;
    return SAE_OK;
}

static sae_status find_tensors(sae_codes_file *codes, sae_error *err)
{
    sae_status status;
    SAE_TRY(find_list(codes, "row_offsets", SAE_DTYPE_I64, -1, &codes->offsets, err));
    if (codes->offsets->shape[0] < 1)
        SAE_TRY(sae_fail(err, SAE_E_SHAPE, "%s: \"row_offsets\" is empty; it has one element more than there are rows",
                         sae_safetensors_path(codes->file)));
    codes->rows = codes->offsets->shape[0] - 1;
    SAE_TRY(find_list(codes, "latents", SAE_DTYPE_I32, -1, &codes->latents, err));
    codes->entries = codes->latents->shape[0];
    SAE_TRY(find_list(codes, "values", SAE_DTYPE_F32, codes->entries, &codes->values, err));
    if (sae_safetensors_find(codes->file, "tokens")) {
        SAE_TRY(find_list(codes, "tokens", SAE_DTYPE_I32, codes->rows, &codes->tokens, err));
        SAE_TRY(find_list(codes, "positions", SAE_DTYPE_I32, codes->rows, &codes->positions, err));
        SAE_TRY(find_list(codes, "docs", SAE_DTYPE_I32, codes->rows, &codes->docs, err));
    }
done:
    return status;
}

static sae_status check_offsets(const sae_codes_file *codes, sae_error *err)
{
    const char *path = sae_safetensors_path(codes->file);
    int64_t last = 0;
    for (int64_t r = 0; r <= codes->rows; r++) {
        int64_t offset = offset_at(codes, r);
        if (r == 0 && offset != 0)
            return sae_fail(err, SAE_E_FORMAT, "%s: \"row_offsets\" begins with %lld, not 0", path, (long long)offset);
        if (offset < last || offset > codes->entries)
            return sae_fail(
                err, SAE_E_FORMAT,
                "%s: \"row_offsets\" goes from %lld to %lld at row %lld; offsets ascend to the %lld entries", path,
                (long long)last, (long long)offset, (long long)r, (long long)codes->entries);
        last = offset;
    }
    if (last != codes->entries)
        return sae_fail(err, SAE_E_FORMAT, "%s: \"row_offsets\" ends at %lld, but there are %lld entries", path,
                        (long long)last, (long long)codes->entries);
    return SAE_OK;
}

static sae_status check_entries(const sae_codes_file *codes, sae_error *err)
{
    const char *path = sae_safetensors_path(codes->file);
    for (int64_t r = 0; r < codes->rows; r++) {
        int32_t previous = -1;
        for (int64_t i = offset_at(codes, r); i < offset_at(codes, r + 1); i++) {
            int32_t latent = latent_at(codes, i);
            float value = value_at(codes, i);
            if (latent < 0 || latent >= codes->n_latents || latent <= previous)
                return sae_fail(err, SAE_E_FORMAT,
                                "%s: row %lld has latent %d after %d; ids ascend within a row, from 0 to %lld", path,
                                (long long)r, latent, previous, (long long)(codes->n_latents - 1));
            if (!(value > 0) || !sae_all_finite(&value, 1))
                return sae_fail(err, SAE_E_VALUE, "%s: row %lld, latent %d has the value %g; values are finite and > 0",
                                path, (long long)r, latent, (double)value);
            previous = latent;
        }
    }
    return SAE_OK;
}

sae_status sae_codes_file_open(sae_codes_file **out, const char *path, sae_error *err)
{
    sae_status status;
    sae_codes_file *codes = sae_calloc(1, sizeof *codes);
    if (!codes) return sae_fail_memory(err, path, sizeof *codes);
    SAE_TRY(sae_safetensors_open(&codes->file, path, err));
    SAE_TRY(find_tensors(codes, err));
    SAE_TRY(read_meta(codes, err));
    SAE_TRY(check_offsets(codes, err));
    SAE_TRY(check_entries(codes, err));
    *out = codes;
    codes = NULL;
done:
    sae_codes_file_close(codes);
    return status;
}

/* ---- reading ------------------------------------------------------------------------------------------ */

void sae_codes_file_close(sae_codes_file *codes)
{
    if (!codes) return;
    sae_safetensors_close(codes->file);
    sae_free(codes);
}

int64_t sae_codes_file_rows(const sae_codes_file *codes)
{
    return codes->rows;
}

int64_t sae_codes_file_latents(const sae_codes_file *codes)
{
    return codes->n_latents;
}

const sae_acts_meta *sae_codes_file_meta(const sae_codes_file *codes)
{
    return &codes->meta;
}

sae_status sae_codes_file_read(const sae_codes_file *file, int64_t first, int64_t count, sae_codes *out,
                               int32_t *tokens, int32_t *positions, int32_t *docs, sae_error *err)
{
    if (first < 0 || count < 0 || count > file->rows - first)
        return sae_fail(err, SAE_E_ARG, "%s has %lld rows, not %lld from row %lld on", sae_safetensors_path(file->file),
                        (long long)file->rows, (long long)count, (long long)first);
    int64_t begin = offset_at(file, first), entries = offset_at(file, first + count) - begin;
    sae_status status = sae_codes_reserve(out, count, entries, err);
    if (status != SAE_OK) return status;
    for (int64_t r = 0; r <= count; r++) out->row_offsets[r] = offset_at(file, first + r) - begin;
    if (entries > 0) {
        size_t bytes = (size_t)entries * 4, skipped = (size_t)begin * 4;
        memcpy(out->latents, (const unsigned char *)file->latents->data + skipped, bytes);
        memcpy(out->values, (const unsigned char *)file->values->data + skipped, bytes);
    }
    out->rows = count;
    sae_copy_ids(file->tokens, first, count, -1, tokens);
    sae_copy_ids(file->positions, first, count, 1, positions);
    sae_copy_ids(file->docs, first, count, 0, docs);
    return SAE_OK;
}
