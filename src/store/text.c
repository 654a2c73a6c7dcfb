/* Texts: tokens with their bytes, and activations on them. */
#include "base/error.h"
#include "base/utf8.h"
#include "store/read.h"

#include <math.h>
#include <string.h>

#define MAX_PASSAGE 65536

sae_store_text sae_store_token_bytes(const sae_store *store, int32_t id, sae_arena *arena)
{
    const sae_vocabulary *v = &store->vocabulary;
    size_t start = 0, size = 0;
    if (id >= 0 && id < v->size) {
        start = v->starts[id];
        size = v->starts[id + 1] - start;
    }
    const char *copy = sae_arena_copy(arena, v->bytes + start, size);
    return (sae_store_text){copy ? copy : "", copy ? size : 0};
}

sae_status sae_store_token_text(sae_store *store, int32_t id, const sae_store_text **out, sae_error *err)
{
    sae_arena arena = {0};
    sae_store_text *text = sae_arena_alloc(&arena, 1, sizeof *text);
    if (text) *text = sae_store_token_bytes(store, id, &arena);
    sae_status status = sae_arena_check(&arena, err);
    if (status == SAE_OK)
        *out = text;
    else
        sae_arena_clear(&arena);
    return status;
}

/* ---- characters that tokens share ------------------------------------------------------------------- */

enum { LONGEST = 4 }; /* bytes of a character */

/* The bytes that begin at byte `at` of token t and run on into the next tokens; *owner[i]: the token of byte i. */
static size_t bytes_from(const sae_store_token *tokens, size_t count, size_t t, size_t at, char out[LONGEST],
                         size_t owner[LONGEST])
{
    size_t n = 0;
    for (; t < count && n < LONGEST; t++, at = 0)
        for (; at < tokens[t].text.size && n < LONGEST; at++) {
            out[n] = tokens[t].text.data[at];
            owner[n++] = t;
        }
    return n;
}

/* Moves on to the next byte, over empty tokens. */
static void next_byte(const sae_store_token *tokens, size_t count, size_t *t, size_t *at)
{
    ++*at;
    while (*t < count && *at >= tokens[*t].text.size) {
        ++*t;
        *at = 0;
    }
}

/* Marks tokens that begin inside a character which the tokens before began and they complete. */
static void mark_joined(sae_store_token *tokens, size_t count)
{
    size_t t = 0, at = 0;
    while (t < count && tokens[t].text.size == 0) t++;
    while (t < count) {
        char bytes[LONGEST];
        size_t owner[LONGEST], skip;
        size_t n = bytes_from(tokens, count, t, at, bytes, owner);
        size_t step = sae_utf8_step(bytes, n, &skip);
        for (size_t i = 1; i < step; i++)
            if (owner[i] != owner[i - 1]) tokens[owner[i]].joined = true;
        for (size_t i = 0; i < (step ? step : 1); i++) next_byte(tokens, count, &t, &at);
    }
}

/* ---- passages ------------------------------------------------------------------------------------------ */

/* Documents of the passage's tokens. */
static sae_status read_documents(const sae_store *store, sae_store_token *tokens, size_t count, int64_t first,
                                 sae_error *err)
{
    sqlite3_stmt *rows = NULL;
    sae_status status;
    int64_t bounds[2] = {first, first + (int64_t)count - 1};
    for (size_t i = 0; i < count; i++) tokens[i].document = -1;
    SAE_TRY(sae_store_select(store, &rows,
                             "SELECT first, id, count FROM document WHERE first BETWEEN coalesce((SELECT max(first) "
                             "FROM document WHERE first <= ?1), ?1) AND ?2",
                             bounds, 2, err));
    while (sae_db_next(&store->db, rows, &status, err)) {
        int64_t begin = sqlite3_column_int64(rows, 0), id = sqlite3_column_int64(rows, 1);
        int64_t length = sqlite3_column_int64(rows, 2);
        for (int64_t i = begin > first ? begin - first : 0; i < (int64_t)count && first + i - begin < length; i++)
            tokens[i].document = id;
    }
done:
    sqlite3_finalize(rows);
    return status;
}

static sae_status fill_tokens(const sae_store *store, const int32_t *ids, size_t count, sae_arena *arena,
                              sae_store_passage *out, sae_error *err)
{
    const sae_vocabulary *v = &store->vocabulary;
    sae_store_token *tokens = sae_arena_alloc(arena, count, sizeof *tokens);
    sae_status status = sae_arena_check(arena, err);
    if (status != SAE_OK) return status;
    for (size_t i = 0; i < count; i++) {
        tokens[i].id = ids[i];
        tokens[i].text = sae_store_token_bytes(store, ids[i], arena);
        tokens[i].special = ids[i] >= 0 && ids[i] < v->size && v->special[ids[i]];
    }
    if ((status = sae_arena_check(arena, err)) != SAE_OK) return status;
    mark_joined(tokens, count);
    out->count = count;
    out->tokens = tokens;
    return read_documents(store, tokens, count, out->first, err);
}

sae_status sae_store_passage_at(const sae_store *store, int64_t row, int64_t before, int64_t after, sae_arena *arena,
                                sae_store_passage *out, sae_error *err)
{
    sqlite3_stmt *context = NULL;
    sae_status status;
    bool found;
    *out = (sae_store_passage){.context = -1, .document = -1};
    SAE_TRY(sae_store_select(store, &context,
                             "SELECT first, id, tokens FROM context WHERE first <= ?1 ORDER BY first DESC LIMIT 1",
                             &row, 1, err));
    SAE_TRY(sae_db_step(&store->db, context, &found, err));
    int64_t first = found ? sqlite3_column_int64(context, 0) : 0;
    const void *blob = found ? sqlite3_column_blob(context, 2) : NULL;
    int64_t bytes = blob ? sqlite3_column_bytes(context, 2) : 0, size = (int64_t)sizeof(int32_t);
    int64_t length = bytes / size, here = row - first;
    if (bytes % size != 0 || first < 0 || here < 0 || here >= length) {
        status = sae_store_damaged(store, "a row lies in no text", err);
        goto done;
    }
    int64_t begin = here > before ? here - before : 0;
    int64_t end = length - here - 1 > after ? here + after + 1 : length;
    if (end - begin > MAX_PASSAGE) end = begin + MAX_PASSAGE;
    int32_t *ids = sae_arena_alloc(arena, (size_t)(end - begin), sizeof *ids);
    SAE_TRY(sae_arena_check(arena, err));
    memcpy(ids, (const char *)blob + begin * size, (size_t)((end - begin) * size));
    out->context = sqlite3_column_int64(context, 1);
    out->first = first + begin;
    out->before = begin;
    out->after = length - end;
    SAE_TRY(fill_tokens(store, ids, (size_t)(end - begin), arena, out, err));
    if (here < end) out->document = out->tokens[here - begin].document;
done:
    sqlite3_finalize(context);
    return status;
}

sae_status sae_store_passage_acts(const sae_store *store, sae_store_passage *p, int64_t peak, const int16_t *offsets,
                                  const float *values, size_t count, sae_arena *arena, sae_error *err)
{
    uint32_t *at = sae_arena_alloc(arena, count, sizeof *at);
    float *acts = sae_arena_alloc(arena, count, sizeof *acts);
    sae_status status = sae_arena_check(arena, err);
    if (status != SAE_OK) return status;
    p->n_acts = 0;
    p->offsets = at;
    p->values = acts;
    for (size_t i = 0; i < count; i++) {
        if ((i > 0 && offsets[i] <= offsets[i - 1]) || !isfinite(values[i]))
            return sae_store_damaged(store, "activations of a text are out of order", err);
        int64_t offset = peak + offsets[i] - p->first;
        if (offset < 0 || offset >= (int64_t)p->count) continue;
        at[p->n_acts] = (uint32_t)offset;
        acts[p->n_acts++] = values[i];
    }
    return SAE_OK;
}

sae_status sae_store_text_at(sae_store *store, int64_t first, int64_t count, const sae_store_passage **out,
                             sae_error *err)
{
    sae_arena arena = {0};
    sae_status status;
    if (first < 0 || first >= store->meta.rows || count < 1)
        return sae_fail(err, SAE_E_ARG, "there are no %lld rows from %lld on; %s has rows 0 to %lld", (long long)count,
                        (long long)first, store->db.path, (long long)store->meta.rows - 1);
    sae_store_passage *passage = sae_arena_alloc(&arena, 1, sizeof *passage);
    SAE_TRY(sae_arena_check(&arena, err));
    SAE_TRY(sae_store_passage_at(store, first, 0, count - 1, &arena, passage, err));
    *out = passage;
done:
    if (status != SAE_OK) sae_arena_clear(&arena);
    return status;
}

sae_status sae_store_get_document(sae_store *store, int64_t id, sae_store_document *out, sae_error *err)
{
    sqlite3_stmt *rows = NULL;
    sae_status status;
    bool row;
    SAE_TRY(sae_store_select(store, &rows, "SELECT min(first), sum(count) FROM document WHERE id = ?1", &id, 1, err));
    SAE_TRY(sae_db_step(&store->db, rows, &row, err));
    if (!row || sqlite3_column_type(rows, 0) == SQLITE_NULL) {
        status = sae_fail(err, SAE_E_ARG, "%s has no document %lld", store->db.path, (long long)id);
        goto done;
    }
    *out = (sae_store_document){id, sqlite3_column_int64(rows, 0), sqlite3_column_int64(rows, 1)};
done:
    sqlite3_finalize(rows);
    return status;
}
