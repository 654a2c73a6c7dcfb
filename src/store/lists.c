/* Lists of latents in the database of labels. */
#include "store/labels.h"

#include "base/error.h"

#include <string.h>

static sae_status count_rows(sae_labels *labels, const char *sql, const sae_label_bind *bind, size_t binds, size_t *out,
                             sae_error *err)
{
    sqlite3_stmt *r = NULL;
    bool row;
    sae_status status = sae_labels_prepare(labels, &r, sql, bind, binds, err);
    if (status == SAE_OK) status = sae_db_step(&labels->db, r, &row, err);
    if (status == SAE_OK) *out = row ? (size_t)sqlite3_column_int64(r, 0) : 0;
    sqlite3_finalize(r);
    return status;
}

static sae_status read_items(sae_labels *labels, sae_list *list, sae_arena *arena, sae_error *err)
{
    static const char sql[] = "SELECT i.sae, i.sae_name, i.latent, l.text FROM item i LEFT JOIN label l "
                              "ON l.sae = i.sae AND l.latent = i.latent WHERE i.list = ?1 ORDER BY i.place";
    const sae_label_bind bind = {NULL, list->id};
    sqlite3_stmt *r = NULL;
    size_t room;
    sae_status status;
    SAE_TRY(count_rows(labels, "SELECT count(*) FROM item WHERE list = ?1", &bind, 1, &room, err));
    sae_list_item *items = sae_arena_alloc(arena, room, sizeof *items);
    SAE_TRY(sae_labels_check(labels, arena, err));
    list->items = items;
    SAE_TRY(sae_labels_prepare(labels, &r, sql, &bind, 1, err));
    for (; list->count < room && sae_db_next(&labels->db, r, &status, err); list->count++) {
        bool labelled = sqlite3_column_type(r, 3) != SQLITE_NULL;
        items[list->count] = (sae_list_item){.sae_hash = sae_labels_text(r, 0, arena),
                                             .sae_name = sae_labels_text(r, 1, arena),
                                             .latent = sqlite3_column_int64(r, 2),
                                             .label = labelled ? sae_labels_text(r, 3, arena) : NULL};
    }
    if (status == SAE_OK) status = sae_labels_check(labels, arena, err);
done:
    sqlite3_finalize(r);
    return status;
}

sae_status sae_labels_lists(sae_labels *labels, const sae_list_table **out, sae_error *err)
{
    sae_arena arena = {0};
    sqlite3_stmt *r = NULL;
    size_t room;
    sae_status status;
    sae_list_table *table = sae_arena_alloc(&arena, 1, sizeof *table);
    SAE_TRY(sae_labels_check(labels, &arena, err));
    SAE_TRY(count_rows(labels, "SELECT count(*) FROM list", NULL, 0, &room, err));
    sae_list *lists = sae_arena_alloc(&arena, room, sizeof *lists);
    SAE_TRY(sae_labels_check(labels, &arena, err));
    table->lists = lists;
    SAE_TRY(sae_labels_prepare(labels, &r, "SELECT id, name FROM list ORDER BY name", NULL, 0, err));
    for (; table->count < room && sae_db_next(&labels->db, r, &status, err); table->count++)
        lists[table->count] = (sae_list){.id = sqlite3_column_int64(r, 0), .name = sae_labels_text(r, 1, &arena)};
    if (status != SAE_OK) goto done;
    for (size_t i = 0; i < table->count; i++) SAE_TRY(read_items(labels, &lists[i], &arena, err));
    SAE_TRY(sae_labels_check(labels, &arena, err));
    *out = table;
done:
    sqlite3_finalize(r);
    if (status != SAE_OK) sae_arena_clear(&arena);
    return status;
}

sae_status sae_labels_add_list(sae_labels *labels, const char *name, int64_t *id, sae_error *err)
{
    const sae_label_bind bind = {name, 0};
    size_t taken;
    if (!*name || strlen(name) > SAE_LIST_NAME_BYTES)
        return sae_fail(err, SAE_E_ARG, "the name of a list has 1 to %d bytes, not %zu", SAE_LIST_NAME_BYTES,
                        strlen(name));
    sae_status status = count_rows(labels, "SELECT count(*) FROM list WHERE name = ?1", &bind, 1, &taken, err);
    if (status != SAE_OK) return status;
    if (taken > 0) return sae_fail(err, SAE_E_EXISTS, "there is a list \"%.200s\" already", name);
    status = sae_labels_run(labels, "INSERT INTO list(name) VALUES(?1)", &bind, 1, err);
    if (status == SAE_OK) *id = sqlite3_last_insert_rowid(labels->db.handle);
    return status;
}

sae_status sae_labels_remove_list(sae_labels *labels, int64_t id, sae_error *err)
{
    const sae_label_bind bind = {NULL, id};
    return sae_labels_run(labels, "DELETE FROM list WHERE id = ?1", &bind, 1, err);
}

static sae_status check_list(sae_labels *labels, int64_t id, sae_error *err)
{
    const sae_label_bind bind = {NULL, id};
    size_t found;
    sae_status status = count_rows(labels, "SELECT count(*) FROM list WHERE id = ?1", &bind, 1, &found, err);
    if (status != SAE_OK || found > 0) return status;
    return sae_fail(err, SAE_E_ARG, "there is no list %lld", (long long)id);
}

sae_status sae_labels_put(sae_labels *labels, int64_t list, const char *sae_hash, const char *sae_name, int64_t latent,
                          sae_error *err)
{
    const sae_label_bind binds[] = {{NULL, list}, {sae_hash, 0}, {sae_name, 0}, {NULL, latent}};
    sae_status status = check_list(labels, list, err);
    if (status != SAE_OK) return status;
    return sae_labels_run(labels,
                          "INSERT OR IGNORE INTO item(list, place, sae, sae_name, latent) VALUES(?1, "
                          "(SELECT coalesce(max(place), 0) + 1 FROM item WHERE list = ?1), ?2, ?3, ?4)",
                          binds, 4, err);
}

sae_status sae_labels_take(sae_labels *labels, int64_t list, const char *sae_hash, int64_t latent, sae_error *err)
{
    const sae_label_bind binds[] = {{NULL, list}, {sae_hash, 0}, {NULL, latent}};
    sae_status status = check_list(labels, list, err);
    if (status != SAE_OK) return status;
    return sae_labels_run(labels, "DELETE FROM item WHERE list = ?1 AND sae = ?2 AND latent = ?3", binds, 3, err);
}
