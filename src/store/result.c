/* Results of other commands that were stored. */
#include "base/error.h"
#include "store/read.h"

#include <string.h>

const char *sae_store_result_kind_name(sae_store_result_kind kind)
{
    static const char *const names[SAE_RESULT_KINDS] = {"compare", "stitch", "meta", "family"};
    return (unsigned)kind < SAE_RESULT_KINDS ? names[kind] : "?";
}

static sae_status check_index(const sae_store *store, int64_t index, sae_error *err)
{
    if (index >= 0 && index < (int64_t)store->meta.n_results) return SAE_OK;
    return sae_fail(err, SAE_E_ARG, "%s has no result %lld; it has %zu", store->db.path, (long long)index,
                    store->meta.n_results);
}

static int64_t sae_of(const sae_store *store, sqlite3_stmt *row, int column)
{
    if (sqlite3_column_type(row, column) == SQLITE_NULL) return -1;
    int64_t index = sqlite3_column_int64(row, column);
    return sae_store_get_sae(store, index) ? index : -1;
}

static sae_status read_vectors(const sae_store *store, int64_t index, sae_arena *arena, sae_store_result *out,
                               sae_error *err)
{
    sqlite3_stmt *r = NULL;
    bool row;
    sae_status status;
    SAE_TRY(sae_store_select(store, &r, "SELECT count(*) FROM vector WHERE result = ?1", &index, 1, err));
    SAE_TRY(sae_db_step(&store->db, r, &row, err));
    size_t count = row ? (size_t)sqlite3_column_int64(r, 0) : 0;
    sqlite3_finalize(r);
    r = NULL;
    sae_store_vector *list = sae_arena_alloc(arena, count, sizeof *list);
    SAE_TRY(sae_arena_check(arena, err));
    out->vectors = list;
    SAE_TRY(sae_store_select(store, &r, "SELECT name, length(vals) FROM vector WHERE result = ?1", &index, 1, err));
    while (out->n_vectors < count && sae_db_next(&store->db, r, &status, err))
        list[out->n_vectors++] =
            (sae_store_vector){sae_column_text(r, 0, arena), sqlite3_column_int64(r, 1) / (int64_t)sizeof(double)};
    if (status == SAE_OK) status = sae_arena_check(arena, err);
done:
    sqlite3_finalize(r);
    return status;
}

sae_status sae_store_get_result(sae_store *store, int64_t index, const sae_store_result **out, sae_error *err)
{
    sae_arena arena = {0};
    sqlite3_stmt *r = NULL;
    bool row;
    sae_status status = check_index(store, index, err);
    if (status != SAE_OK) return status;
    sae_store_result *result = sae_arena_alloc(&arena, 1, sizeof *result);
    SAE_TRY(sae_arena_check(&arena, err));
    SAE_TRY(
        sae_store_select(store, &r, "SELECT kind, path, small, large, json FROM result WHERE id = ?1", &index, 1, err));
    SAE_TRY(sae_db_step(&store->db, r, &row, err));
    int64_t kind = row ? sqlite3_column_int64(r, 0) : -1;
    if (kind < 0 || kind >= SAE_RESULT_KINDS) {
        status = sae_store_damaged(store, "a result is missing or of an unknown kind", err);
        goto done;
    }
    *result = (sae_store_result){.index = index,
                                 .kind = (sae_store_result_kind)kind,
                                 .path = sae_column_text(r, 1, &arena),
                                 .small = sae_of(store, r, 2),
                                 .large = sae_of(store, r, 3),
                                 .json = sae_column_text(r, 4, &arena),
                                 .json_size = (size_t)sqlite3_column_bytes(r, 4)};
    SAE_TRY(sae_arena_check(&arena, err));
    SAE_TRY(read_vectors(store, index, &arena, result, err));
    *out = result;
done:
    sqlite3_finalize(r);
    if (status != SAE_OK) sae_arena_clear(&arena);
    return status;
}

sae_status sae_store_get_vector(sae_store *store, int64_t result, const char *name, const sae_store_values **out,
                                sae_error *err)
{
    sae_arena arena = {0};
    sqlite3_stmt *r = NULL;
    bool row;
    sae_array array;
    sae_status status = check_index(store, result, err);
    if (status != SAE_OK) return status;
    sae_store_values *values = sae_arena_alloc(&arena, 1, sizeof *values);
    SAE_TRY(sae_arena_check(&arena, err));
    SAE_TRY(sae_store_select(store, &r, "SELECT vals FROM vector WHERE result = ?1 AND name = ?2", &result, 1, err));
    if (sqlite3_bind_text(r, 2, name, -1, SQLITE_STATIC) != SQLITE_OK) SAE_TRY(sae_db_fail(&store->db, err));
    SAE_TRY(sae_db_step(&store->db, r, &row, err));
    if (!row) {
        status = sae_fail(err, SAE_E_ARG, "result %lld of %s has no array \"%.64s\"", (long long)result, store->db.path,
                          name);
        goto done;
    }
    SAE_TRY(sae_column_array(store, r, 0, sizeof(double), -1, &arena, &array, err));
    *values = (sae_store_values){array.count, array.data};
    *out = values;
done:
    sqlite3_finalize(r);
    if (status != SAE_OK) sae_arena_clear(&arena);
    return status;
}
