#include "dash/text.h"

#include "base/alloc.h"
#include "base/error.h"

#include <string.h>

void sae_dash_text_clear(sae_dash_text *text)
{
    sae_free(text->tokens);
    sae_free(text->docs);
    sae_free(text->context);
    *text = (sae_dash_text){0};
}

static sae_status read_acts(sae_dash_text *t, const sae_acts *acts, sae_error *err)
{
    if (!sae_acts_has_positions(acts))
        return sae_fail(err, SAE_E_UNSUPPORTED,
                        "%s has no token ids; dashboards need those that sae harvest writes beside the rows",
                        sae_acts_path(acts));
    /* positions go into context first */
    sae_acts_read_ids(acts, 0, t->rows, t->tokens, t->context, t->docs);
    int32_t start = 0;
    for (int64_t r = 0; r < t->rows; r++) {
        int32_t position = t->context[r];
        if (r == 0 || position != (int32_t)r - start) start = (int32_t)r;
        t->context[r] = start;
    }
    return SAE_OK;
}

static void read_contexts(sae_dash_text *t, const sae_contexts *contexts)
{
    memcpy(t->tokens, contexts->tokens, (size_t)t->rows * sizeof *t->tokens);
    memcpy(t->docs, contexts->docs, (size_t)t->rows * sizeof *t->docs);
    for (int64_t r = 0; r < t->rows; r++) t->context[r] = (int32_t)(r / contexts->ctx * contexts->ctx);
}

int64_t sae_dash_context_end(const sae_dash_text *t, int64_t row)
{
    int32_t start = t->context[row];
    int64_t lo = row, hi = row + t->ctx; /* rows of one context are neighbours, and at most ctx */
    if (hi > t->rows) hi = t->rows;
    while (hi - lo > 1) {
        int64_t middle = lo + (hi - lo) / 2;
        if (t->context[middle] == start)
            lo = middle;
        else
            hi = middle;
    }
    return lo + 1;
}

void sae_dash_reach(const sae_dash_text *t, int64_t row, int64_t *begin, int64_t *end)
{
    *begin = t->context[row];
    *end = sae_dash_context_end(t, row);
    if (*begin < row - SAE_STORE_REACH) *begin = row - SAE_STORE_REACH;
    if (*end > row + SAE_STORE_REACH + 1) *end = row + SAE_STORE_REACH + 1;
}

sae_status sae_dash_text_read(sae_dash_text *out, const sae_dash_input *input, sae_error *err)
{
    sae_status status = SAE_OK;
    const sae_contexts *contexts = input->contexts;
    int64_t rows = contexts ? contexts->count * contexts->ctx : sae_acts_get_meta(input->acts)->n_tokens;
    if (rows > INT32_MAX)
        return sae_fail(err, SAE_E_UNSUPPORTED, "dashboards of %lld tokens; at most 2,147,483,647", (long long)rows);
    sae_dash_text t = {.rows = rows};
    t.tokens = sae_alloc((size_t)rows, sizeof *t.tokens);
    t.docs = sae_alloc((size_t)rows, sizeof *t.docs);
    t.context = sae_alloc((size_t)rows, sizeof *t.context);
    if (!t.tokens || !t.docs || !t.context) {
        status = sae_fail_memory(err, "the text's ids", 3 * (size_t)rows * sizeof *t.tokens);
        goto done;
    }
    if (contexts)
        read_contexts(&t, contexts);
    else
        SAE_TRY(read_acts(&t, input->acts, err));
    int64_t length = 0;
    for (int64_t r = 0; r < rows; r++) {
        length = t.context[r] == r ? 1 : length + 1;
        t.contexts += t.context[r] == r;
        t.documents += r == 0 || t.docs[r] != t.docs[r - 1];
        if (length > t.ctx) t.ctx = length;
    }
    *out = t;
    t = (sae_dash_text){0};
done:
    sae_dash_text_clear(&t);
    return status;
}

/* ---- tables ------------------------------------------------------------------------------------------------ */

static sae_status write_contexts(const sae_dash_text *t, sae_store_writer *writer, sae_error *err)
{
    int64_t number = 0;
    sae_status status = SAE_OK;
    for (int64_t first = 0, end; first < t->rows && status == SAE_OK; first = end) {
        end = sae_dash_context_end(t, first);
        sae_cell cells[] = {sae_cell_int(first), sae_cell_int(number++),
                            sae_cell_blob(t->tokens + first, (size_t)(end - first), sizeof *t->tokens)};
        status = sae_store_put(writer, SAE_TABLE_CONTEXT, cells, 3, err);
    }
    return status;
}

static sae_status write_documents(const sae_dash_text *t, sae_store_writer *writer, sae_error *err)
{
    sae_status status = SAE_OK;
    for (int64_t first = 0, end; first < t->rows && status == SAE_OK; first = end) {
        for (end = first + 1; end < t->rows && t->docs[end] == t->docs[first]; end++) continue;
        sae_cell cells[] = {sae_cell_int(first), sae_cell_int(t->docs[first]), sae_cell_int(end - first)};
        status = sae_store_put(writer, SAE_TABLE_DOCUMENT, cells, 3, err);
    }
    return status;
}

_Static_assert(SAE_MAX_VOCAB <= SAE_STORE_MAX_VOCAB, "every tokenizer's vocabulary can be stored");

static sae_status write_vocabulary(const sae_tokenizer *tokenizer, sae_store_writer *writer, sae_error *err)
{
    sae_status status = SAE_OK;
    for (int32_t id = 0; id < sae_tokenizer_vocab_size(tokenizer) && status == SAE_OK; id++) {
        size_t size = 0;
        const char *bytes = sae_tokenizer_bytes(tokenizer, id, &size);
        if (!bytes) continue;
        sae_cell cells[] = {sae_cell_int(id), sae_cell_blob(bytes, size, 1),
                            sae_cell_int(sae_tokenizer_is_special(tokenizer, id))};
        status = sae_store_put(writer, SAE_TABLE_TOKEN, cells, 3, err);
    }
    return status;
}

sae_status sae_dash_text_write(const sae_dash_text *t, const sae_tokenizer *tokenizer, sae_store_writer *writer,
                               sae_error *err)
{
    sae_status status = write_contexts(t, writer, err);
    if (status == SAE_OK) status = write_documents(t, writer, err);
    if (status == SAE_OK && tokenizer) status = write_vocabulary(tokenizer, writer, err);
    return status;
}
