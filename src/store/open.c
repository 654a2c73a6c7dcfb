/* Opening a database, and what makes a file one. */
#include "base/alloc.h"
#include "base/error.h"
#include "base/file.h"
#include "store/read.h"
#include "store/schema.h"

#include <string.h>

enum { HEADER = 100 };

static uint32_t big_endian(const unsigned char *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

/* From the file's first bytes, before SQLite is asked: what it is, which version, and whether it is as long as it
 * says. */
static sae_status check_header(const char *path, uint64_t *size, sae_error *err)
{
    sae_map map;
    sae_status status = sae_map_open(&map, path, err);
    if (status != SAE_OK) return status;
    const unsigned char *h = map.data;
    *size = map.size;
    if (map.size < HEADER || memcmp(h, "SQLite format 3", 16) != 0) {
        status = sae_fail(err, SAE_E_FORMAT, "%s is no SQLite database; sae dash makes them", path);
    } else if (big_endian(h + 68) != SAE_STORE_APPLICATION) {
        status = sae_fail(err, SAE_E_FORMAT,
                          "%s is a SQLite database of another program; sae dash makes those with "
                          "dashboards",
                          path);
    } else if (big_endian(h + 60) > SAE_STORE_VERSION) {
        status =
            sae_fail(err, SAE_E_UNSUPPORTED, "%s has version %u, this program reads versions up to %d; use a newer one",
                     path, big_endian(h + 60), SAE_STORE_VERSION);
    } else if (big_endian(h + 60) < 1) {
        status = sae_fail(err, SAE_E_FORMAT, "%s has no version: it was not finished", path);
    } else {
        uint64_t page = (uint64_t)h[16] << 8 | h[17];
        if (page == 1) page = 65536;
        if (page * big_endian(h + 28) != map.size)
            status =
                sae_fail(err, SAE_E_FORMAT, "%s has %zu bytes and says that it has %llu: it was cut short or changed",
                         path, map.size, (unsigned long long)(page * big_endian(h + 28)));
    }
    sae_map_close(&map);
    return status;
}

/* "file:PATH?immutable=1" with everything else than plain characters escaped: no locks, no journal, so that a read-only
 * directory will do. */
static char *immutable_uri(const char *path)
{
    static const char start[] = "file:", end[] = "?immutable=1", digits[] = "0123456789ABCDEF";
    char *uri = sae_alloc(sizeof start + sizeof end + 3 * strlen(path), 1), *to = uri;
    if (!uri) return NULL;
    to += sizeof start - 1;
    memcpy(uri, start, sizeof start);
    for (const char *p = path; *p; p++) {
        unsigned char c = (unsigned char)*p;
        bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || strchr("/._-", c);
        if (plain) {
            *to++ = (char)c;
        } else {
            *to++ = '%';
            *to++ = digits[c >> 4];
            *to++ = digits[c & 15];
        }
    }
    memcpy(to, end, sizeof end);
    return uri;
}

/* No statement of the file's own runs: the schema must be ours, without views, triggers or indices of others. */
static sae_status check_schema(const sae_store *store, sae_error *err)
{
    sae_status status;
    sqlite3_stmt *rows = NULL;
    bool seen[SAE_TABLES] = {false};
    SAE_TRY(sae_db_prepare(&store->db, &rows, "SELECT type, name, sql FROM sqlite_schema", err));
    while (sae_db_next(&store->db, rows, &status, err)) {
        const char *type = (const char *)sqlite3_column_text(rows, 0),
                   *name = (const char *)sqlite3_column_text(rows, 1);
        const char *sql = (const char *)sqlite3_column_text(rows, 2);
        int t = 0;
        if (type && name && !sql && strcmp(type, "index") == 0 && strncmp(name, "sqlite_autoindex_", 17) == 0) continue;
        while (t < SAE_TABLES && !(sql && name && strcmp(sae_store_schema[t].name, name) == 0)) t++;
        if (t == SAE_TABLES || strcmp(sae_store_schema[t].sql, sql) != 0) {
            status = sae_store_damaged(store, "its tables are not those of this version", err);
            goto done;
        }
        seen[t] = true;
    }
    if (status != SAE_OK) goto done;
    for (int t = 0; t < SAE_TABLES; t++)
        if (!seen[t]) {
            status = sae_store_damaged(store, "tables are missing", err);
            goto done;
        }
done:
    sqlite3_finalize(rows);
    return status;
}

static sae_status open_db(sae_store *store, const char *path, sae_error *err)
{
    sae_status status;
    char *uri = immutable_uri(path);
    if (!uri) return sae_fail_memory(err, "a path", strlen(path));
    SAE_TRY(sae_db_open(&store->db, path, uri, SQLITE_OPEN_READONLY | SQLITE_OPEN_URI | SQLITE_OPEN_NOMUTEX, err));
    sqlite3_db_config(store->db.handle, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
    sqlite3_db_config(store->db.handle, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
    SAE_TRY(sae_db_exec(&store->db, "PRAGMA query_only=1; PRAGMA cell_size_check=1; PRAGMA temp_store=MEMORY", err));
    status = check_schema(store, err);
done:
    sae_free(uri);
    return status;
}

sae_status sae_store_open(sae_store **out, const char *path, sae_error *err)
{
    uint64_t size;
    sae_status status = check_header(path, &size, err);
    if (status != SAE_OK) return status;
    sae_store *store = sae_calloc(1, sizeof *store);
    if (!store) return sae_fail_memory(err, "a database", sizeof *store);
    store->size = size;
    SAE_TRY(open_db(store, path, err));
    SAE_TRY(sae_store_read_meta(store, err));
    SAE_TRY(sae_store_read_vocabulary(store, err));
    *out = store;
    store = NULL;
done:
    sae_store_close(store);
    return status;
}

void sae_store_close(sae_store *store)
{
    if (!store) return;
    sae_db_close(&store->db);
    sae_arena_clear(&store->arena);
    sae_free(store->vocabulary.starts);
    sae_free(store->vocabulary.bytes);
    sae_free(store->vocabulary.special);
    sae_free(store);
}

void sae_store_free(const void *result)
{
    sae_arena_free_result(result);
}

const sae_store_meta *sae_store_get_meta(const sae_store *store)
{
    return &store->meta;
}

const sae_store_sae *sae_store_get_sae(const sae_store *store, int64_t index)
{
    return index >= 0 && index < (int64_t)store->meta.n_saes ? &store->saes[index] : NULL;
}

int64_t sae_store_find_sae(const sae_store *store, const char *name)
{
    for (size_t i = 0; i < store->meta.n_saes; i++)
        if (strcmp(store->saes[i].name, name) == 0) return (int64_t)i;
    return -1;
}

sae_status sae_store_check_sae(const sae_store *store, int64_t sae, sae_error *err)
{
    if (sae_store_get_sae(store, sae)) return SAE_OK;
    return sae_fail(err, SAE_E_ARG, "%s has no SAE %lld; it has %zu, counted from 0", store->db.path, (long long)sae,
                    store->meta.n_saes);
}

sae_status sae_store_check_latent(const sae_store *store, int64_t sae, int64_t latent, sae_error *err)
{
    sae_status status = sae_store_check_sae(store, sae, err);
    if (status != SAE_OK || (latent >= 0 && latent < store->saes[sae].n)) return status;
    return sae_fail(err, SAE_E_ARG, "%s has no latent %lld; it has %lld, counted from 0", store->saes[sae].name,
                    (long long)latent, (long long)store->saes[sae].n);
}
