/* Tables of latents: sorted, filtered, in pages. */
#include "base/alloc.h"
#include "base/error.h"
#include "store/read.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define MOST_ROWS   10000
#define FIRST_BOUND 4 /* number of the first bound's parameter */

/* Names for callers, and expressions in the statement below. */
static const struct {
    const char *name, *sql;
} columns[SAE_COLUMNS] = {
    [SAE_COLUMN_ID] = {"id", "l.id"},
    [SAE_COLUMN_N_ACTIVE] = {"n_active", "l.n_active"},
    [SAE_COLUMN_MAX] = {"max", "l.max"},
    [SAE_COLUMN_MEAN] = {"mean", "l.mean"},
    [SAE_COLUMN_STD] = {"std", "l.std"},
    [SAE_COLUMN_SKEW] = {"skew", "l.skew"},
    [SAE_COLUMN_KURTOSIS] = {"kurtosis", "l.kurtosis"},
    [SAE_COLUMN_P50] = {"p50", "l.p50"},
    [SAE_COLUMN_P90] = {"p90", "l.p90"},
    [SAE_COLUMN_P99] = {"p99", "l.p99"},
    [SAE_COLUMN_DEC_NORM] = {"dec_norm", "l.dec_norm"},
    [SAE_COLUMN_ENC_DEC_COS] = {"enc_dec_cos", "l.enc_dec_cos"},
    [SAE_COLUMN_THRESHOLD] = {"threshold", "l.threshold"},
    [SAE_COLUMN_MAX_COS] = {"max_cos", "l.max_cos"},
    [SAE_COLUMN_VS_COS] = {"vs_cos", "b.cosine"},
    [SAE_COLUMN_VS_PEARSON] = {"vs_pearson", "b.pearson"},
};

const char *sae_store_column_name(sae_store_column column)
{
    return (unsigned)column < SAE_COLUMNS ? columns[column].name : "?";
}

bool sae_store_column_parse(sae_store_column *out, const char *name)
{
    for (int c = 0; c < SAE_COLUMNS; c++) {
        if (strcmp(columns[c].name, name) != 0) continue;
        *out = (sae_store_column)c;
        return true;
    }
    return false;
}

sae_store_query sae_store_query_default(int64_t sae)
{
    sae_store_query q = {.sae = sae, .vs = -1, .limit = 100};
    for (int c = 0; c < SAE_COLUMNS; c++) q.min[c] = q.max[c] = NAN;
    return q;
}

/* ---- the statement ------------------------------------------------------------------------------------- */

/* Only constants of this file go into the text; values are bound: ?1 SAE, ?2 vs, ?3 token, then the bounds. */
typedef struct statement {
    char text[4096];
    size_t used;
} statement;

__attribute__((format(printf, 2, 3))) static void add(statement *s, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    int n = vsnprintf(s->text + s->used, sizeof s->text - s->used, format, arguments);
    va_end(arguments);
    s->used += n > 0 ? (size_t)n : 0;
}

static bool needs_vs(const sae_store_query *q)
{
    bool needed = q->sort == SAE_COLUMN_VS_COS || q->sort == SAE_COLUMN_VS_PEARSON;
    for (int c = SAE_COLUMN_VS_COS; c <= SAE_COLUMN_VS_PEARSON; c++) needed |= !isnan(q->min[c]) || !isnan(q->max[c]);
    return needed;
}

static sae_status check(const sae_store *store, const sae_store_query *q, sae_error *err)
{
    sae_status status = sae_store_check_sae(store, q->sae, err);
    if (status == SAE_OK && q->vs >= 0) status = sae_store_check_sae(store, q->vs, err);
    if (status != SAE_OK) return status;
    if ((unsigned)q->sort >= SAE_COLUMNS) return sae_fail(err, SAE_E_ARG, "there is no column %d", (int)q->sort);
    if (q->vs < 0 && needs_vs(q))
        return sae_fail(err, SAE_E_ARG, "column %s needs another SAE to compare with", columns[q->sort].name);
    if (q->offset < 0 || q->limit < 0 || q->limit > MOST_ROWS)
        return sae_fail(err, SAE_E_ARG, "offset %lld, limit %lld: at most %d rows at a time, from 0 on",
                        (long long)q->offset, (long long)q->limit, MOST_ROWS);
    return SAE_OK;
}

static void add_filters(statement *s, const sae_store_query *q)
{
    static const char matching[] = "SELECT id FROM token WHERE instr(bytes, ?3) > 0"; /* looked through once */
    int next = FIRST_BOUND;
    add(s, " FROM latent l LEFT JOIN best b ON b.sae = ?1 AND b.other = ?2 AND b.latent = l.id WHERE l.sae = ?1");
    if (q->dead == SAE_DEAD_NOT) add(s, " AND l.n_active > 0");
    if (q->dead == SAE_DEAD_ONLY) add(s, " AND l.n_active = 0");
    if (q->token) add(s, " AND (l.top_token IN (%s) OR l.boosted IN (%s))", matching, matching);
    for (int c = 0; c < SAE_COLUMNS; c++) {
        if (!isnan(q->min[c])) add(s, " AND %s >= ?%d", columns[c].sql, next++);
        if (!isnan(q->max[c])) add(s, " AND %s <= ?%d", columns[c].sql, next++);
    }
}

static void add_order(statement *s, const sae_store_query *q)
{
    add(s, " ORDER BY %s %s NULLS LAST, l.id", columns[q->sort].sql, q->descending ? "DESC" : "ASC");
}

static sae_status prepare(const sae_store *store, sqlite3_stmt **out, const statement *s, const sae_store_query *q,
                          sae_error *err)
{
    if (s->used >= sizeof s->text) return sae_fail(err, SAE_E_ARG, "too many filters at once");
    int next = FIRST_BOUND;
    sae_status status = sae_db_prepare(&store->db, out, s->text, err);
    if (status != SAE_OK) return status;
    sqlite3_bind_int64(*out, 1, q->sae);
    sqlite3_bind_int64(*out, 2, q->vs);
    if (q->token) sqlite3_bind_blob64(*out, 3, q->token, q->token_size, SQLITE_STATIC);
    for (int c = 0; c < SAE_COLUMNS; c++) {
        if (!isnan(q->min[c])) sqlite3_bind_double(*out, next++, q->min[c]);
        if (!isnan(q->max[c])) sqlite3_bind_double(*out, next++, q->max[c]);
    }
    return SAE_OK;
}

/* ---- the latents that pass, in order --------------------------------------------------------------------- */

typedef struct ordered {
    int64_t *ids;
    int64_t count;
} ordered;

/* wanted [n]: whether a latent is among query->ids; NULL when there is no such list. */
static sae_status wanted_ids(const sae_store *store, const sae_store_query *q, bool **wanted, sae_error *err)
{
    int64_t n = store->saes[q->sae].n;
    *wanted = NULL;
    if (!q->ids) return SAE_OK;
    *wanted = sae_calloc((size_t)n, sizeof **wanted);
    if (!*wanted) return sae_fail_memory(err, "a list of latents", (size_t)n);
    for (size_t i = 0; i < q->n_ids; i++)
        if (q->ids[i] >= 0 && q->ids[i] < n) (*wanted)[q->ids[i]] = true;
    return SAE_OK;
}

static sae_status read_order(const sae_store *store, const sae_store_query *q, ordered *out, sae_error *err)
{
    sae_status status;
    statement s = {.used = 0};
    sqlite3_stmt *rows = NULL;
    bool *wanted = NULL;
    int64_t n = store->saes[q->sae].n;
    *out = (ordered){.ids = sae_alloc((size_t)n, sizeof *out->ids)};
    if (!out->ids) return sae_fail_memory(err, "a list of latents", (size_t)n * sizeof *out->ids);
    add(&s, "SELECT l.id");
    add_filters(&s, q);
    add_order(&s, q);
    SAE_TRY(wanted_ids(store, q, &wanted, err));
    SAE_TRY(prepare(store, &rows, &s, q, err));
    while (sae_db_next(&store->db, rows, &status, err)) {
        int64_t id = sqlite3_column_int64(rows, 0);
        if (id < 0 || id >= n || out->count == n) {
            status = sae_store_damaged(store, "a latent's id is outside its SAE", err);
            goto done;
        }
        if (!wanted || wanted[id]) out->ids[out->count++] = id;
    }
done:
    sqlite3_finalize(rows);
    sae_free(wanted);
    return status;
}

sae_status sae_store_locate(sae_store *store, const sae_store_query *query, int64_t id, sae_store_place *out,
                            sae_error *err)
{
    ordered order = {0};
    sae_status status = check(store, query, err);
    if (status != SAE_OK) return status;
    SAE_TRY(read_order(store, query, &order, err));
    int64_t at = 0, count = order.count;
    while (at < count && order.ids[at] != id) at++;
    bool there = at < count;
    *out = (sae_store_place){.total = count,
                             .position = there ? at : -1,
                             .previous = there && at > 0 ? order.ids[at - 1] : -1,
                             .next = there && at + 1 < count ? order.ids[at + 1] : -1,
                             .first = count > 0 ? order.ids[0] : -1,
                             .last = count > 0 ? order.ids[count - 1] : -1};
done:
    sae_free(order.ids);
    return status;
}

/* ---- rows ---------------------------------------------------------------------------------------------- */

sae_status sae_store_fill_row(const sae_store *store, sqlite3_stmt *r, sae_arena *arena, sae_store_row *out,
                              sae_error *err)
{
    sae_array spark;
    *out = (sae_store_row){.id = sqlite3_column_int64(r, 0), .n_active = sqlite3_column_int64(r, 1), .vs_latent = -1};
    for (int c = 0; c < SAE_COLUMNS; c++) out->value[c] = c <= SAE_COLUMN_MAX_COS ? sae_column_real(r, c) : (double)NAN;
    out->top_token = sqlite3_column_type(r, 14) == SQLITE_NULL ? -1 : sqlite3_column_int(r, 14);
    out->boosted = sqlite3_column_type(r, 15) == SQLITE_NULL ? -1 : sqlite3_column_int(r, 15);
    sae_status status = sae_column_array(store, r, 16, 1, -1, arena, &spark, err);
    if (status != SAE_OK) return status;
    if (spark.count == SAE_STORE_SPARK) memcpy(out->spark, spark.data, SAE_STORE_SPARK);
    out->top_text = sae_store_token_bytes(store, out->top_token, arena);
    out->boosted_text = sae_store_token_bytes(store, out->boosted, arena);
    return sae_arena_check(arena, err);
}

static sae_status read_row(const sae_store *store, const sae_store_query *q, sqlite3_stmt *rows, int64_t id,
                           sae_arena *arena, sae_store_row *out, sae_error *err)
{
    sae_status status;
    bool row;
    sqlite3_reset(rows);
    sqlite3_bind_int64(rows, 3, id);
    SAE_TRY(sae_db_step(&store->db, rows, &row, err));
    if (!row) return sae_store_damaged(store, "a latent is missing", err);
    SAE_TRY(sae_store_fill_row(store, rows, arena, out, err));
    if (q->vs < 0) return SAE_OK;
    out->value[SAE_COLUMN_VS_COS] = sae_column_real(rows, 17);
    out->value[SAE_COLUMN_VS_PEARSON] = sae_column_real(rows, 18);
    out->vs_latent = sqlite3_column_type(rows, 19) == SQLITE_NULL ? -1 : sqlite3_column_int64(rows, 19);
    out->vs_mutual = sqlite3_column_int(rows, 20) != 0;
done:
    return status;
}

sae_status sae_store_latents(sae_store *store, const sae_store_query *query, const sae_store_table **out,
                             sae_error *err)
{
    ordered order = {0};
    sae_arena arena = {0};
    sqlite3_stmt *rows = NULL;
    sae_status status = check(store, query, err);
    if (status != SAE_OK) return status;
    SAE_TRY(read_order(store, query, &order, err));
    int64_t first = query->offset < order.count ? query->offset : order.count, rest = order.count - first;
    int64_t count = query->limit < rest ? query->limit : rest, bound[2] = {query->sae, query->vs};
    sae_store_table *table = sae_arena_alloc(&arena, 1, sizeof *table);
    sae_store_row *list = sae_arena_alloc(&arena, (size_t)count, sizeof *list);
    SAE_TRY(sae_arena_check(&arena, err));
    *table = (sae_store_table){order.count, (size_t)count, list};
    SAE_TRY(sae_store_select(store, &rows,
                             "SELECT " SAE_STORE_ROW_COLUMNS ", b.cosine, b.pearson, b.nearest, b.mutual FROM latent l "
                             "LEFT JOIN best b ON b.sae = ?1 AND b.other = ?2 AND b.latent = l.id WHERE l.sae = ?1 AND "
                             "l.id = ?3",
                             bound, 2, err));
    for (int64_t i = 0; i < count; i++)
        SAE_TRY(read_row(store, query, rows, order.ids[first + i], &arena, &list[i], err));
    *out = table;
done:
    sqlite3_finalize(rows);
    sae_free(order.ids);
    if (status != SAE_OK) sae_arena_clear(&arena);
    return status;
}
