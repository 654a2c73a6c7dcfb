#include "store/labels.h"

#include "base/alloc.h"
#include "base/error.h"

#include <string.h>

#define APPLICATION 0x5341454C /* "SAEL" */
#define VERSION     1
#define WAIT_MS     2000 /* for another program that writes */

static const char schema[] =
    "BEGIN IMMEDIATE;"
    "CREATE TABLE IF NOT EXISTS label(sae TEXT NOT NULL, latent INTEGER NOT NULL, text TEXT NOT NULL, "
    "source TEXT NOT NULL, PRIMARY KEY(sae, latent)) WITHOUT ROWID;"
    "CREATE TABLE IF NOT EXISTS list(id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL UNIQUE);"
    "CREATE TABLE IF NOT EXISTS item(list INTEGER NOT NULL REFERENCES list(id) ON DELETE CASCADE, "
    "place INTEGER NOT NULL, sae TEXT NOT NULL, sae_name TEXT NOT NULL, latent INTEGER NOT NULL, "
    "PRIMARY KEY(list, sae, latent)) WITHOUT ROWID;"
    "PRAGMA application_id=1396786508; PRAGMA user_version=1;"
    "COMMIT;";
_Static_assert(APPLICATION == 1396786508 && VERSION == 1, "the schema sets both");

/* ---- statements ---------------------------------------------------------------------------------------- */

sae_status sae_labels_prepare(const sae_labels *labels, sqlite3_stmt **out, const char *sql,
                              const sae_label_bind *binds, size_t count, sae_error *err)
{
    sae_status status = sae_db_prepare(&labels->db, out, sql, err);
    for (size_t i = 0; status == SAE_OK && i < count; i++) {
        int code = binds[i].text ? sqlite3_bind_text(*out, (int)i + 1, binds[i].text, -1, SQLITE_STATIC)
                                 : sqlite3_bind_int64(*out, (int)i + 1, binds[i].number);
        if (code != SQLITE_OK) status = sae_db_fail(&labels->db, err);
    }
    return status;
}

sae_status sae_labels_run(const sae_labels *labels, const char *sql, const sae_label_bind *binds, size_t count,
                          sae_error *err)
{
    sqlite3_stmt *statement = NULL;
    bool row;
    sae_status status = sae_labels_prepare(labels, &statement, sql, binds, count, err);
    if (status == SAE_OK) status = sae_db_step(&labels->db, statement, &row, err);
    sqlite3_finalize(statement);
    return status;
}

sae_status sae_labels_check(const sae_labels *labels, const sae_arena *arena, sae_error *err)
{
    return arena->failed ? sae_fail(err, SAE_E_MEMORY, "out of memory for %s", labels->db.path) : SAE_OK;
}

const char *sae_labels_text(sqlite3_stmt *row, int column, sae_arena *arena)
{
    const void *text = sqlite3_column_text(row, column);
    return sae_arena_copy(arena, text, text ? (size_t)sqlite3_column_bytes(row, column) : 0);
}

/* ---- the file -------------------------------------------------------------------------------------------- */

static sae_status read_number(const sae_labels *labels, const char *sql, int64_t *out, sae_error *err)
{
    sqlite3_stmt *r = NULL;
    bool row;
    sae_status status = sae_db_prepare(&labels->db, &r, sql, err);
    if (status == SAE_OK) status = sae_db_step(&labels->db, r, &row, err);
    if (status == SAE_OK) *out = row ? sqlite3_column_int64(r, 0) : 0;
    sqlite3_finalize(r);
    return status;
}

/* A file that is empty or not there becomes one of ours; any other must be one. */
static sae_status prepare_file(const sae_labels *labels, sae_error *err)
{
    int64_t application, version, tables;
    sae_status status;
    SAE_TRY(read_number(labels, "PRAGMA application_id", &application, err));
    SAE_TRY(read_number(labels, "PRAGMA user_version", &version, err));
    SAE_TRY(read_number(labels, "SELECT count(*) FROM sqlite_schema", &tables, err));
    if (application != APPLICATION && (application != 0 || tables != 0))
        return sae_fail(err, SAE_E_FORMAT, "%s is a database of something else than labels; name another file",
                        labels->db.path);
    if (version > VERSION)
        return sae_fail(err, SAE_E_UNSUPPORTED, "%s has version %lld, this program reads version %d; use a newer one",
                        labels->db.path, (long long)version, VERSION);
    status = sae_db_exec(&labels->db, schema, err);
done:
    return status;
}

sae_status sae_labels_open(sae_labels **out, const char *path, sae_error *err)
{
    sae_status status;
    sae_labels *labels = sae_calloc(1, sizeof *labels);
    if (!labels) return sae_fail_memory(err, "labels", sizeof *labels);
    SAE_TRY(
        sae_db_open(&labels->db, path, NULL, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX, err));
    sqlite3 *handle = labels->db.handle;
    sqlite3_busy_timeout(handle, WAIT_MS);
    /* No statement of the file's own runs. */
    sqlite3_db_config(handle, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
    sqlite3_db_config(handle, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
    sqlite3_db_config(handle, SQLITE_DBCONFIG_ENABLE_TRIGGER, 0, NULL);
    sqlite3_db_config(handle, SQLITE_DBCONFIG_ENABLE_VIEW, 0, NULL);
    sqlite3_db_config(handle, SQLITE_DBCONFIG_ENABLE_FKEY, 1, NULL);
    SAE_TRY(prepare_file(labels, err));
    *out = labels;
    labels = NULL;
done:
    sae_labels_close(labels);
    return status;
}

void sae_labels_close(sae_labels *labels)
{
    if (!labels) return;
    sae_db_close(&labels->db);
    sae_free(labels);
}

void sae_labels_free(const void *result)
{
    sae_arena_free_result(result);
}

/* ---- labels ---------------------------------------------------------------------------------------------- */

sae_status sae_labels_get(sae_labels *labels, const char *sae_hash, const char *containing, const sae_label_table **out,
                          sae_error *err)
{
    static const char sql[] = "SELECT latent, text, source, count(*) OVER () FROM label WHERE sae = ?1 "
                              "AND instr(lower(text), lower(?2)) > 0 ORDER BY latent";
    const sae_label_bind binds[] = {{sae_hash, 0}, {containing ? containing : "", 0}};
    sae_arena arena = {0};
    sqlite3_stmt *r = NULL;
    sae_status status;
    sae_label *list = NULL;
    sae_label_table *table = sae_arena_alloc(&arena, 1, sizeof *table);
    SAE_TRY(sae_labels_check(labels, &arena, err));
    SAE_TRY(sae_labels_prepare(labels, &r, sql, binds, 2, err));
    for (size_t count = 0; sae_db_next(&labels->db, r, &status, err); table->count++) {
        if (!list) {
            count = (size_t)sqlite3_column_int64(r, 3);
            table->labels = list = sae_arena_alloc(&arena, count, sizeof *list);
            SAE_TRY(sae_labels_check(labels, &arena, err));
        }
        if (table->count == count) break;
        list[table->count] = (sae_label){.latent = sqlite3_column_int64(r, 0),
                                         .text = sae_labels_text(r, 1, &arena),
                                         .source = sae_labels_text(r, 2, &arena)};
    }
    if (status != SAE_OK) goto done;
    SAE_TRY(sae_labels_check(labels, &arena, err));
    *out = table;
done:
    sqlite3_finalize(r);
    if (status != SAE_OK) sae_arena_clear(&arena);
    return status;
}

sae_status sae_labels_set(sae_labels *labels, const char *sae_hash, int64_t latent, const char *text,
                          const char *source, sae_error *err)
{
    if (strlen(text) > SAE_LABEL_BYTES)
        return sae_fail(err, SAE_E_ARG, "the label has %zu bytes; it may have %d", strlen(text), SAE_LABEL_BYTES);
    const sae_label_bind binds[] = {{sae_hash, 0}, {NULL, latent}, {text, 0}, {source, 0}};
    if (!*text) return sae_labels_run(labels, "DELETE FROM label WHERE sae = ?1 AND latent = ?2", binds, 2, err);
    return sae_labels_run(labels,
                          "INSERT INTO label(sae, latent, text, source) VALUES(?1, ?2, ?3, ?4) "
                          "ON CONFLICT(sae, latent) DO UPDATE SET text = excluded.text, source = excluded.source",
                          binds, 4, err);
}

sae_status sae_labels_set_all(sae_labels *labels, const char *sae_hash, const char *const *texts, int64_t n,
                              const char *source, sae_error *err)
{
    sae_status status = sae_db_exec(&labels->db, "BEGIN IMMEDIATE", err);
    if (status != SAE_OK) return status;
    for (int64_t i = 0; i < n && status == SAE_OK; i++)
        if (texts[i]) status = sae_labels_set(labels, sae_hash, i, texts[i], source, err);
    if (status == SAE_OK) status = sae_db_exec(&labels->db, "COMMIT", err);
    if (status != SAE_OK) (void)sae_db_exec(&labels->db, "ROLLBACK", NULL);
    return status;
}
