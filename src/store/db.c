#include "store/db.h"

#include "base/alloc.h"
#include "base/error.h"

#include <string.h>

sae_status sae_db_fail(const sae_db *db, sae_error *err)
{
    int code = db->handle ? sqlite3_errcode(db->handle) : SQLITE_NOMEM;
    int system = db->handle ? sqlite3_system_errno(db->handle) : 0;
    switch (code & 0xff) {
    case SQLITE_NOMEM:
        return sae_fail(err, SAE_E_MEMORY, "out of memory for %s", db->path);
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
        return sae_fail(err, SAE_E_FORMAT, "%s is damaged or no database of sae dash: %s", db->path,
                        sqlite3_errmsg(db->handle));
    case SQLITE_FULL:
        return sae_fail(err, SAE_E_IO, "cannot write %s: the disk is full", db->path);
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        return sae_fail(err, SAE_E_IO, "%s is being written by another program; try again", db->path);
    default:
        return sae_fail(err, SAE_E_IO, "%s: %s%s%s", db->path, sqlite3_errmsg(db->handle), system ? ": " : "",
                        system ? strerror(system) : "");
    }
}

sae_status sae_db_open(sae_db *db, const char *path, const char *uri, int flags, sae_error *err)
{
    *db = (sae_db){.path = sae_strdup(path)};
    if (!db->path) return sae_fail_memory(err, "a path", strlen(path));
    if (sqlite3_open_v2(uri ? uri : path, &db->handle, flags, NULL) != SQLITE_OK) {
        sae_status status = sae_db_fail(db, err);
        sae_db_close(db);
        return status;
    }
    sqlite3_extended_result_codes(db->handle, 1);
    return SAE_OK;
}

void sae_db_close(sae_db *db)
{
    sqlite3_close(db->handle);
    sae_free(db->path);
    *db = (sae_db){0};
}

sae_status sae_db_exec(const sae_db *db, const char *sql, sae_error *err)
{
    return sqlite3_exec(db->handle, sql, NULL, NULL, NULL) == SQLITE_OK ? SAE_OK : sae_db_fail(db, err);
}

sae_status sae_db_prepare(const sae_db *db, sqlite3_stmt **out, const char *sql, sae_error *err)
{
    return sqlite3_prepare_v2(db->handle, sql, -1, out, NULL) == SQLITE_OK ? SAE_OK : sae_db_fail(db, err);
}

sae_status sae_db_step(const sae_db *db, sqlite3_stmt *statement, bool *row, sae_error *err)
{
    int code = sqlite3_step(statement);
    *row = code == SQLITE_ROW;
    return code == SQLITE_ROW || code == SQLITE_DONE ? SAE_OK : sae_db_fail(db, err);
}

bool sae_db_next(const sae_db *db, sqlite3_stmt *statement, sae_status *status, sae_error *err)
{
    bool row;
    *status = sae_db_step(db, statement, &row, err);
    return *status == SAE_OK && row;
}
