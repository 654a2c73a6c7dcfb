/* Columns of rows, checked. */
#include "base/error.h"
#include "store/read.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

sae_status sae_store_damaged(const sae_store *store, const char *what, sae_error *err)
{
    return sae_fail(err, SAE_E_FORMAT, "%s is damaged or was changed: %s; build it again with sae dash", store->db.path,
                    what);
}

sae_status sae_store_select(const sae_store *store, sqlite3_stmt **out, const char *sql, const int64_t *values,
                            int count, sae_error *err)
{
    sae_status status = sae_db_prepare(&store->db, out, sql, err);
    for (int i = 0; status == SAE_OK && i < count; i++)
        if (sqlite3_bind_int64(*out, i + 1, values[i]) != SQLITE_OK) status = sae_db_fail(&store->db, err);
    return status;
}

double sae_column_real(sqlite3_stmt *row, int column)
{
    return sqlite3_column_type(row, column) == SQLITE_NULL ? (double)NAN : sqlite3_column_double(row, column);
}

const char *sae_column_text(sqlite3_stmt *row, int column, sae_arena *arena)
{
    const void *text = sqlite3_column_text(row, column);
    return sae_arena_copy(arena, text, text ? (size_t)sqlite3_column_bytes(row, column) : 0);
}

sae_status sae_column_array(const sae_store *store, sqlite3_stmt *row, int column, size_t size, int64_t expected,
                            sae_arena *arena, sae_array *out, sae_error *err)
{
    const void *blob = sqlite3_column_blob(row, column);
    size_t bytes = blob ? (size_t)sqlite3_column_bytes(row, column) : 0;
    if (bytes % size != 0 || (expected >= 0 && bytes / size != (size_t)expected)) {
        char what[128];
        snprintf(what, sizeof what, "an array \"%.60s\" has %zu bytes", sqlite3_column_name(row, column), bytes);
        return sae_store_damaged(store, what, err);
    }
    *out = (sae_array){sae_arena_copy(arena, blob, bytes), bytes / size};
    return sae_arena_check(arena, err);
}

sae_status sae_arena_check(const sae_arena *arena, sae_error *err)
{
    return arena->failed ? sae_fail(err, SAE_E_MEMORY, "out of memory for a result") : SAE_OK;
}
