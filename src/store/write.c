#include "store/write.h"

#include "base/alloc.h"
#include "base/error.h"
#include "base/file.h"
#include "store/db.h"

#include <inttypes.h>
#include <math.h>
#include <sae/store.h>
#include <stdio.h>
#include <string.h>

/* Large pages: rows of a few kilobytes lie in one page, several to a page. No journal: the file is new, and thrown away
 * when anything fails. */
#define PRAGMAS                                                                                                        \
    "PRAGMA page_size=32768; PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF; PRAGMA locking_mode=EXCLUSIVE; "         \
    "PRAGMA temp_store=MEMORY; PRAGMA cache_size=-16384"

struct sae_store_writer {
    sae_output output;
    sae_db db;
    sqlite3_stmt *insert[SAE_TABLES];
    uint64_t hash; /* FNV-1a of all that was put */
};

sae_cell sae_cell_null(void)
{
    return (sae_cell){.type = SAE_CELL_NULL};
}

sae_cell sae_cell_int(int64_t value)
{
    return (sae_cell){.type = SAE_CELL_INT, .integer = value};
}

sae_cell sae_cell_real(double value)
{
    return isnan(value) ? sae_cell_null() : (sae_cell){.type = SAE_CELL_REAL, .real = value};
}

sae_cell sae_cell_text(const char *text)
{
    return (sae_cell){.type = SAE_CELL_TEXT, .data = text, .size = strlen(text)};
}

sae_cell sae_cell_blob(const void *data, size_t count, size_t size)
{
    return (sae_cell){.type = SAE_CELL_BLOB, .data = data ? data : "", .size = count * size};
}

static void mix(uint64_t *hash, const void *data, size_t size)
{
    const unsigned char *p = data;
    for (size_t i = 0; i < size; i++) *hash = (*hash ^ p[i]) * 0x100000001b3u;
}

static void mix_cell(uint64_t *hash, const sae_cell *c)
{
    unsigned char type = (unsigned char)c->type;
    uint64_t size = c->size;
    mix(hash, &type, 1);
    switch (c->type) {
    case SAE_CELL_NULL:
        break;
    case SAE_CELL_INT:
        mix(hash, &c->integer, sizeof c->integer);
        break;
    case SAE_CELL_REAL:
        mix(hash, &c->real, sizeof c->real);
        break;
    case SAE_CELL_TEXT:
    case SAE_CELL_BLOB:
        mix(hash, &size, sizeof size);
        mix(hash, c->data, c->size);
        break;
    }
}

static sae_status make_tables(const sae_store_writer *w, sae_error *err)
{
    char version[96];
    sae_status status;
    SAE_TRY(sae_db_exec(&w->db, PRAGMAS, err));
    snprintf(version, sizeof version, "PRAGMA application_id=%d; PRAGMA user_version=%d; BEGIN", SAE_STORE_APPLICATION,
             SAE_STORE_VERSION);
    SAE_TRY(sae_db_exec(&w->db, version, err));
    for (int t = 0; t < SAE_TABLES; t++) SAE_TRY(sae_db_exec(&w->db, sae_store_schema[t].sql, err));
done:
    return status;
}

sae_status sae_store_writer_open(sae_store_writer **out, const char *path, bool force, sae_error *err)
{
    sae_status status;
    if (!force && sae_file_exists(path))
        return sae_fail(err, SAE_E_EXISTS, "%s is already there; --force replaces it", path);
    if (sae_is_directory(path)) return sae_fail(err, SAE_E_IO, "%s is a directory; a database is a file", path);
    sae_store_writer *w = sae_calloc(1, sizeof *w);
    if (!w) return sae_fail_memory(err, "a database", sizeof *w);
    w->hash = 0xcbf29ce484222325u;
    SAE_TRY(sae_output_open(&w->output, path, err));
    SAE_TRY(sae_db_open(&w->db, path, w->output.temporary, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, err));
    SAE_TRY(make_tables(w, err));
    *out = w;
    w = NULL;
done:
    sae_store_writer_abort(w);
    return status;
}

static sae_status prepare(sae_store_writer *w, sae_store_table_id table, size_t count, sae_error *err)
{
    char sql[256];
    int used = snprintf(sql, sizeof sql, "INSERT INTO \"%s\" VALUES(?", sae_store_schema[table].name);
    for (size_t i = 1; i < count; i++) used += snprintf(sql + used, sizeof sql - (size_t)used, ",?");
    snprintf(sql + used, sizeof sql - (size_t)used, ")");
    return sae_db_prepare(&w->db, &w->insert[table], sql, err);
}

static int bind(sqlite3_stmt *statement, int at, const sae_cell *c)
{
    switch (c->type) {
    case SAE_CELL_INT:
        return sqlite3_bind_int64(statement, at, c->integer);
    case SAE_CELL_REAL:
        return sqlite3_bind_double(statement, at, c->real);
    case SAE_CELL_TEXT:
        return sqlite3_bind_text64(statement, at, c->data, c->size, SQLITE_STATIC, SQLITE_UTF8);
    case SAE_CELL_BLOB:
        return sqlite3_bind_blob64(statement, at, c->data, c->size, SQLITE_STATIC);
    case SAE_CELL_NULL:
        break;
    }
    return sqlite3_bind_null(statement, at);
}

sae_status sae_store_put(sae_store_writer *w, sae_store_table_id table, const sae_cell *cells, size_t count,
                         sae_error *err)
{
    sae_status status = SAE_OK;
    unsigned char id = (unsigned char)table;
    bool row;
    if (!w->insert[table]) SAE_TRY(prepare(w, table, count, err));
    sqlite3_stmt *insert = w->insert[table];
    mix(&w->hash, &id, 1);
    for (size_t i = 0; i < count; i++) {
        mix_cell(&w->hash, &cells[i]);
        if (bind(insert, (int)i + 1, &cells[i]) != SQLITE_OK) return sae_db_fail(&w->db, err);
    }
    SAE_TRY(sae_db_step(&w->db, insert, &row, err));
    if (sqlite3_reset(insert) != SQLITE_OK) status = sae_db_fail(&w->db, err);
done:
    return status;
}

sae_status sae_store_put_meta(sae_store_writer *w, const char *key, sae_cell value, sae_error *err)
{
    sae_cell cells[2] = {sae_cell_text(key), value};
    return sae_store_put(w, SAE_TABLE_META, cells, 2, err);
}

static void close_db(sae_store_writer *w)
{
    for (int t = 0; t < SAE_TABLES; t++) sqlite3_finalize(w->insert[t]);
    memset(w->insert, 0, sizeof w->insert);
    sae_db_close(&w->db);
}

sae_status sae_store_writer_finish(sae_store_writer *w, sae_error *err)
{
    char build[17];
    sae_status status;
    snprintf(build, sizeof build, "%016" PRIx64, w->hash);
    SAE_TRY(sae_store_put_meta(w, "build", sae_cell_text(build), err));
    SAE_TRY(sae_db_exec(&w->db, "COMMIT", err));
    close_db(w);
    status = sae_output_commit(&w->output, err);
done:
    sae_store_writer_abort(w);
    return status;
}

void sae_store_writer_abort(sae_store_writer *w)
{
    if (!w) return;
    close_db(w);
    sae_output_abort(&w->output);
    sae_free(w);
}
