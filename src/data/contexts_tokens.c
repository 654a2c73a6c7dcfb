/* Contexts from an .npy file of token ids. */
#include "data/contexts.h"

#include "base/alloc.h"
#include "base/error.h"

#define PIECE (1 << 16)

static sae_status check_ids(const int32_t *ids, int64_t n, int64_t first, const char *path, sae_error *err)
{
    for (int64_t i = 0; i < n; i++)
        if (ids[i] < 0)
            return sae_fail(err, SAE_E_VALUE, "%s: element %lld is %d; token ids are not negative", path,
                            (long long)(first + i), (int)ids[i]);
    return SAE_OK;
}

/* A stream of ids, in which each EOS (but one at the very start) begins another document. */
static sae_status cut_stream(sae_cutter *cutter, const sae_npy *file, int64_t count, int32_t eos, const char *path,
                             int32_t *ids, sae_error *err)
{
    int32_t doc = 0;
    for (int64_t first = 0; first < count && !sae_cutter_full(cutter); first += PIECE) {
        int64_t n = count - first < PIECE ? count - first : PIECE, start = 0;
        sae_status status = sae_npy_read_i32(file, first, n, ids, err);
        if (status == SAE_OK) status = check_ids(ids, n, first, path, err);
        for (int64_t i = 0; i < n && status == SAE_OK; i++) {
            if (ids[i] != eos || first + i == 0) continue;
            status = sae_cutter_add(cutter, ids + start, i - start, doc, err);
            start = i;
            if (doc < INT32_MAX) doc++;
        }
        if (status == SAE_OK) status = sae_cutter_add(cutter, ids + start, n - start, doc, err);
        if (status != SAE_OK) return status;
    }
    return SAE_OK;
}

/* Rows that are contexts already; a row is a document. */
static sae_status cut_rows(sae_cutter *cutter, const sae_npy *file, const int64_t *shape, const char *path,
                           int32_t *ids, sae_error *err)
{
    const int64_t ctx = cutter->out->ctx, width = shape[1];
    const bool has_bos = width == ctx;
    if (!has_bos && !(cutter->prepend_bos && width == ctx - 1))
        return sae_fail(err, SAE_E_SHAPE,
                        "%s holds rows of %lld tokens, but contexts are to have %lld%s; give --ctx %lld", path,
                        (long long)width, (long long)ctx, cutter->prepend_bos ? " with the BOS id" : "",
                        (long long)width + cutter->prepend_bos);
    for (int64_t row = 0; row < shape[0] && !sae_cutter_full(cutter); row++) {
        sae_status status = sae_npy_read_i32(file, row * width, width, ids, err);
        if (status == SAE_OK) status = check_ids(ids, width, row * width, path, err);
        if (status != SAE_OK) return status;
        if (cutter->prepend_bos && has_bos && ids[0] != cutter->bos)
            return sae_fail(err, SAE_E_VALUE,
                            "%s: row %lld of %lld tokens does not start with the BOS id %d, and has no room for it; "
                            "give --ctx %lld to have it put first",
                            path, (long long)row, (long long)width, (int)cutter->bos, (long long)width + 1);
        int64_t skip = cutter->prepend_bos && has_bos;
        status = sae_cutter_add(cutter, ids + skip, width - skip, row < INT32_MAX ? (int32_t)row : INT32_MAX, err);
        if (status != SAE_OK) return status;
    }
    return SAE_OK;
}

sae_status sae_cut_tokens(sae_cutter *cutter, const sae_text_config *config, int32_t eos, sae_error *err)
{
    sae_status status;
    sae_npy *file = NULL;
    int32_t *ids = NULL;
    const char *path = config->tokens_file;
    SAE_TRY(sae_npy_open(&file, path, err));
    const sae_tensor *tensor = sae_npy_tensor(file);
    if (tensor->rank != 1 && tensor->rank != 2)
        SAE_TRY(sae_fail(err, SAE_E_SHAPE, "%s has %d dimensions; token ids are a list, or rows of equal length", path,
                         tensor->rank));
    const int64_t count = sae_tensor_elements(tensor);
    const int64_t piece = tensor->rank == 2 && tensor->shape[1] > PIECE ? tensor->shape[1] : PIECE;
    ids = sae_alloc((size_t)piece, sizeof *ids);
    if (!ids) SAE_TRY(sae_fail_memory(err, path, (size_t)piece * sizeof *ids));
    if (tensor->rank == 1)
        status = cut_stream(cutter, file, count, eos, path, ids, err);
    else
        status = cut_rows(cutter, file, tensor->shape, path, ids, err);
done:
    sae_free(ids);
    sae_npy_close(file);
    return status;
}
