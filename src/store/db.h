/* SQLite with this library's errors. */
#ifndef SAE_STORE_DB_H
#define SAE_STORE_DB_H

#include <sae/status.h>
#include <sqlite3.h>
#include <stdbool.h>

typedef struct sae_db {
    sqlite3 *handle;
    char *path; /* for messages */
} sae_db;

/* flags as sqlite3_open_v2; `uri`: what SQLite is to open, when that is not `path` itself. */
sae_status sae_db_open(sae_db *db, const char *path, const char *uri, int flags, sae_error *err);
/* Safe on a zeroed db. */
void sae_db_close(sae_db *db);
/* The sentence for what SQLite reported last: SAE_E_FORMAT for a damaged file, SAE_E_IO for a full disk, … */
sae_status sae_db_fail(const sae_db *db, sae_error *err);
sae_status sae_db_exec(const sae_db *db, const char *sql, sae_error *err);
sae_status sae_db_prepare(const sae_db *db, sqlite3_stmt **out, const char *sql, sae_error *err);
/* *row: whether there is a row. */
sae_status sae_db_step(const sae_db *db, sqlite3_stmt *statement, bool *row, sae_error *err);
/* The condition of a loop over rows: whether there is one more. Behind the loop *status says whether the
 * last one was reached (SAE_OK) or reading failed. */
bool sae_db_next(const sae_db *db, sqlite3_stmt *statement, sae_status *status, sae_error *err);

#endif
