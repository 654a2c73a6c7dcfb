/* What a database says of itself: the table meta, the SAEs, the vocabulary. */
#include "base/alloc.h"
#include "base/error.h"
#include "store/read.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* ---- meta --------------------------------------------------------------------------------------------- */

/* Where a key's value goes. */
typedef struct key {
    const char *name;
    enum { KEY_INT, KEY_BOOL, KEY_TEXT } type;
    size_t offset;
} key;
#define KEY(type_, field)                                                                                              \
    {                                                                                                                  \
#field, type_, offsetof(sae_store_meta, field)                                                                 \
    }

static const key keys[] = {
    KEY(KEY_TEXT, build),      KEY(KEY_TEXT, program),
    KEY(KEY_TEXT, model),      KEY(KEY_TEXT, model_path),
    KEY(KEY_TEXT, hook_name),  KEY(KEY_TEXT, logit_space),
    KEY(KEY_INT, d),           KEY(KEY_INT, rows),
    KEY(KEY_INT, tokens),      KEY(KEY_INT, excluded),
    KEY(KEY_INT, contexts),    KEY(KEY_INT, documents),
    KEY(KEY_INT, ctx),         KEY(KEY_INT, vocab),
    KEY(KEY_INT, seed),        KEY(KEY_BOOL, prepend_bos),
    KEY(KEY_BOOL, keep_first), KEY(KEY_BOOL, center_residual),
};
enum { KEYS = sizeof keys / sizeof *keys };

static sae_status read_key(sae_store *store, sqlite3_stmt *row, bool *found, sae_error *err)
{
    const char *name = (const char *)sqlite3_column_text(row, 0);
    for (int i = 0; name && i < KEYS; i++) {
        if (strcmp(keys[i].name, name) != 0) continue;
        char *field = (char *)&store->meta + keys[i].offset;
        int64_t value = sqlite3_column_int64(row, 1);
        found[i] = true;
        switch (keys[i].type) {
        case KEY_INT:
            memcpy(field, &value, sizeof value);
            break;
        case KEY_BOOL:
            *(bool *)field = value != 0;
            break;
        case KEY_TEXT: {
            const char *text = sae_column_text(row, 1, &store->arena);
            memcpy(field, &text, sizeof text);
            break;
        }
        }
        break;
    }
    return sae_arena_check(&store->arena, err);
}

static sae_status count_rows(const sae_store *store, const char *sql, size_t *out, sae_error *err)
{
    sqlite3_stmt *rows = NULL;
    bool row;
    sae_status status;
    SAE_TRY(sae_store_select(store, &rows, sql, NULL, 0, err));
    SAE_TRY(sae_db_step(&store->db, rows, &row, err));
    *out = row ? (size_t)sqlite3_column_int64(rows, 0) : 0;
done:
    sqlite3_finalize(rows);
    return status;
}

/* ---- SAEs --------------------------------------------------------------------------------------------- */

static bool plain_name(const char *name)
{
    size_t length = strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-");
    return length > 0 && length < 256 && name[length] == 0;
}

static sae_status read_sae(sae_store *store, sqlite3_stmt *r, int64_t index, sae_error *err)
{
    sae_store_sae *s = &store->saes[index];
    sae_arena *a = &store->arena;
    sae_array counts;
    double *const reals[] = {&s->l0,     &s->mse,      &s->mse_per_dim, &s->fvu, &s->explained_variance,
                             &s->cosine, &s->l2_ratio, &s->rel_bias};
    double *const losses[] = {&s->ce_clean, &s->ce_spliced, &s->ce_zero, &s->ce_mean, &s->ce_recovered, &s->ce_kl};
    s->index = index;
    s->name = sae_column_text(r, 1, a);
    s->path = sae_column_text(r, 2, a);
    s->hash = sae_column_text(r, 3, a);
    s->arch = sae_column_text(r, 4, a);
    s->format = sae_column_text(r, 5, a);
    s->rule = sae_column_text(r, 6, a);
    s->d = sqlite3_column_int64(r, 7);
    s->n = sqlite3_column_int64(r, 8);
    s->k = sqlite3_column_int64(r, 9);
    s->theta = sae_column_real(r, 10);
    s->token_norm = sqlite3_column_int64(r, 11) != 0;
    s->tokens = sqlite3_column_int64(r, 12);
    for (int i = 0; i < 8; i++) *reals[i] = sae_column_real(r, 13 + i);
    s->dead = sqlite3_column_int64(r, 21);
    for (int i = 0; i < 6; i++) *losses[i] = sae_column_real(r, 22 + i);
    s->ce_tokens = sqlite3_column_int64(r, 28);
    sae_status status = sae_column_array(store, r, 29, sizeof(int64_t), SAE_STORE_DENSITY_BINS, a, &counts, err);
    if (status != SAE_OK) return status;
    memcpy(s->density_counts, counts.data, sizeof s->density_counts);
    if (sqlite3_column_int64(r, 0) != index || s->n < 1 || s->n > INT32_MAX || (uint64_t)s->n > store->size ||
        !plain_name(s->name)) /* a latent's row takes more than a byte */
        return sae_store_damaged(store, "an SAE has an impossible number, width or name", err);
    return SAE_OK;
}

static sae_status read_saes(sae_store *store, sae_error *err)
{
    sqlite3_stmt *rows = NULL;
    sae_status status;
    size_t count = store->meta.n_saes, read = 0;
    store->saes = sae_arena_alloc(&store->arena, count, sizeof *store->saes);
    SAE_TRY(sae_arena_check(&store->arena, err));
    SAE_TRY(sae_store_select(store, &rows, "SELECT * FROM sae ORDER BY id", NULL, 0, err));
    while (read < count && sae_db_next(&store->db, rows, &status, err))
        SAE_TRY(read_sae(store, rows, (int64_t)read++, err));
done:
    sqlite3_finalize(rows);
    return status;
}

sae_status sae_store_read_meta(sae_store *store, sae_error *err)
{
    sqlite3_stmt *rows = NULL;
    bool found[KEYS] = {false};
    sae_status status;
    sae_store_meta *m = &store->meta;
    SAE_TRY(sae_store_select(store, &rows, "SELECT key, value FROM meta", NULL, 0, err));
    while (sae_db_next(&store->db, rows, &status, err)) SAE_TRY(read_key(store, rows, found, err));
    if (status != SAE_OK) goto done;
    for (int i = 0; i < KEYS; i++)
        if (!found[i]) {
            char what[96];
            snprintf(what, sizeof what, "it does not say its %s", keys[i].name);
            status = sae_store_damaged(store, what, err);
            goto done;
        }
    m->version = SAE_STORE_VERSION;
    if (m->d < 1 || m->rows < 1 || m->rows > INT32_MAX || m->tokens < 1 || m->tokens > m->rows || m->vocab < 0 ||
        m->vocab > SAE_STORE_MAX_VOCAB || m->ctx < 1)
        SAE_TRY(sae_store_damaged(store, "its sizes are impossible", err));
    SAE_TRY(count_rows(store, "SELECT count(*) FROM sae", &m->n_saes, err));
    SAE_TRY(count_rows(store, "SELECT count(*) FROM result", &m->n_results, err));
    status = read_saes(store, err);
done:
    sqlite3_finalize(rows);
    return status;
}

/* ---- vocabulary --------------------------------------------------------------------------------------- */

static sae_status add_token(sae_store *store, sqlite3_stmt *row, int64_t *next, size_t *room, sae_error *err)
{
    sae_vocabulary *v = &store->vocabulary;
    int64_t id = sqlite3_column_int64(row, 0);
    const void *bytes = sqlite3_column_blob(row, 1);
    size_t size = bytes ? (size_t)sqlite3_column_bytes(row, 1) : 0;
    if (id < *next || id >= v->size) return sae_store_damaged(store, "a token's id is outside the vocabulary", err);
    size_t at = v->starts[*next];
    for (; *next < id; ++*next) v->starts[*next + 1] = at;
    if (*room - at < size) {
        size_t wanted = 2 * *room > at + size ? 2 * *room : at + size;
        char *grown = sae_realloc(v->bytes, wanted, 1);
        if (!grown) return sae_fail_memory(err, "the vocabulary", wanted);
        v->bytes = grown;
        *room = wanted;
    }
    if (size) memcpy(v->bytes + at, bytes, size);
    v->special[id] = sqlite3_column_int64(row, 2) != 0;
    v->starts[++*next] = at + size;
    return SAE_OK;
}

sae_status sae_store_read_vocabulary(sae_store *store, sae_error *err)
{
    sae_vocabulary *v = &store->vocabulary;
    sqlite3_stmt *rows = NULL;
    sae_status status;
    int64_t next = 0;
    size_t room = (size_t)1 << 16;
    v->size = store->meta.vocab;
    v->starts = sae_calloc((size_t)v->size + 1, sizeof *v->starts);
    v->special = sae_calloc((size_t)v->size + 1, sizeof *v->special);
    v->bytes = sae_calloc(room, 1);
    if (!v->starts || !v->special || !v->bytes)
        return sae_fail_memory(err, "the vocabulary", (size_t)v->size * sizeof *v->starts);
    SAE_TRY(sae_store_select(store, &rows, "SELECT id, bytes, special FROM token ORDER BY id", NULL, 0, err));
    while (sae_db_next(&store->db, rows, &status, err)) SAE_TRY(add_token(store, rows, &next, &room, err));
    for (; next < v->size; next++) v->starts[next + 1] = v->starts[next];
done:
    sqlite3_finalize(rows);
    return status;
}
