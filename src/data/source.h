/* What a kind of source must provide; the order of rows, held-out rows and skipping are the same for all. */
#ifndef SAE_DATA_SOURCE_H
#define SAE_DATA_SOURCE_H

#include <sae/data.h>

/* Rows that are needed together: those of one shuffled group of the training stream, or a few chunks in file order.
 * Both can be in use at once (training goes on after held-out rows were looked at). */
typedef enum sae_window { SAE_WINDOW_TRAIN, SAE_WINDOW_FILE, SAE_WINDOWS } sae_window;

typedef struct sae_source_backend {
    /* Token ids and positions of rows first … first + count − 1. NULL: all rows are usable. */
    void (*ids)(const void *self, int64_t first, int64_t count, int32_t *tokens, int32_t *positions);
    /* Makes the rows of these chunks ready for gather, in place of what the window held. NULL: they always are. */
    sae_status (*load)(void *self, sae_window window, const int64_t *chunks, int64_t count, sae_error *err);
    /* out [count, d] = rows of chunks that are loaded in the window; SAE_E_VALUE for NaN or Inf. Called from several
     * threads. */
    sae_status (*gather)(const void *self, sae_window window, const int64_t *rows, int64_t count, float *out,
                         sae_error *err);
    /* Rows that will be asked for next, or NULL. */
    void (*will_need)(const void *self, int64_t first, int64_t count);
    void (*close)(void *self);
} sae_source_backend;

typedef struct sae_source_layout {
    const char *name;      /* what the rows are called in messages: a path */
    int64_t chunk_rows;    /* neighbouring rows that stay in one chunk */
    int64_t bytes_per_row; /* what buffer_bytes counts */
    int threads;           /* for gathering */
    sae_acts_meta meta;    /* d and n_tokens are the shape of the data */
} sae_source_layout;

/* Chunk length for rows that have no natural one. */
int64_t sae_source_chunk_rows(int64_t rows);

/* Makes a source of `backend`; self is closed by sae_source_close, and here when this fails. */
sae_status sae_source_create(sae_source **out, const sae_source_backend *backend, void *self,
                             const sae_source_layout *layout, const sae_source_config *config, sae_error *err);

#endif
