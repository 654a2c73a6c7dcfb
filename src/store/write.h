/* Writing a dashboard database: rows into tables, the file whole or not at all. */
#ifndef SAE_STORE_WRITE_H
#define SAE_STORE_WRITE_H

#include "store/schema.h"

#include <sae/status.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* One value of a row. */
typedef struct sae_cell {
    enum { SAE_CELL_NULL, SAE_CELL_INT, SAE_CELL_REAL, SAE_CELL_TEXT, SAE_CELL_BLOB } type;
    int64_t integer;
    double real;
    const void *data; /* borrowed until put returns */
    size_t size;
} sae_cell;

sae_cell sae_cell_int(int64_t value);
sae_cell sae_cell_real(double value); /* NULL for NaN */
sae_cell sae_cell_text(const char *text);
/* count elements of `size` bytes. */
sae_cell sae_cell_blob(const void *data, size_t count, size_t size);
sae_cell sae_cell_null(void);

typedef struct sae_store_writer sae_store_writer;

/* Starts "PATH.tmp-PID". SAE_E_EXISTS when there is something at `path` unless force. */
sae_status sae_store_writer_open(sae_store_writer **out, const char *path, bool force, sae_error *err);
/* Appends a row: a cell for each column of the table, in the order of the schema. */
sae_status sae_store_put(sae_store_writer *writer, sae_store_table_id table, const sae_cell *cells, size_t count,
                         sae_error *err);
/* A key of the table meta. */
sae_status sae_store_put_meta(sae_store_writer *writer, const char *key, sae_cell value, sae_error *err);
/* Stores the hash of all rows as meta's "build", syncs, and renames over `path`; the writer is freed either way. */
sae_status sae_store_writer_finish(sae_store_writer *writer, sae_error *err);
/* Gives up; nothing is left. NULL is allowed. */
void sae_store_writer_abort(sae_store_writer *writer);

#endif
