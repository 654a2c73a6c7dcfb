/* Inside the database of labels. */
#ifndef SAE_STORE_LABELS_H
#define SAE_STORE_LABELS_H

#include "store/arena.h"
#include "store/db.h"

#include <sae/labels.h>

struct sae_labels {
    sae_db db;
};

/* A value for ?1, ?2, …: text unless it is NULL, else the number. */
typedef struct sae_label_bind {
    const char *text;
    int64_t number;
} sae_label_bind;

/* A prepared statement with its values; texts must live until it is finalised. */
sae_status sae_labels_prepare(const sae_labels *labels, sqlite3_stmt **out, const char *sql,
                              const sae_label_bind *binds, size_t count, sae_error *err);
/* The same for a statement that gives no rows: prepared, run and finalised. */
sae_status sae_labels_run(const sae_labels *labels, const char *sql, const sae_label_bind *binds, size_t count,
                          sae_error *err);
/* SAE_E_MEMORY when the arena failed. */
sae_status sae_labels_check(const sae_labels *labels, const sae_arena *arena, sae_error *err);
/* Text of the current row, in the arena. */
const char *sae_labels_text(sqlite3_stmt *row, int column, sae_arena *arena);

#endif
