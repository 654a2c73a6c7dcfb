/* Inside the reader: the open store, and columns whose sizes are checked. */
#ifndef SAE_STORE_READ_H
#define SAE_STORE_READ_H

#include "store/arena.h"
#include "store/db.h"

#include <sae/store.h>

#define SAE_STORE_INTERVALS 10

/* The vocabulary, held in memory: a latent's page shows thousands of tokens. */
typedef struct sae_vocabulary {
    int64_t size;
    size_t *starts; /* [size + 1] in bytes */
    char *bytes;
    bool *special; /* [size] */
} sae_vocabulary;

struct sae_store {
    sae_db db;
    uint64_t size;   /* of the file, in bytes */
    sae_arena arena; /* of meta and saes */
    sae_store_meta meta;
    sae_store_sae *saes; /* [meta.n_saes] */
    sae_vocabulary vocabulary;
};

/* SAE_E_FORMAT: the file is damaged or was tampered with; `what` says where. */
sae_status sae_store_damaged(const sae_store *store, const char *what, sae_error *err);
/* SAE_E_ARG unless it is there. */
sae_status sae_store_check_sae(const sae_store *store, int64_t sae, sae_error *err);
sae_status sae_store_check_latent(const sae_store *store, int64_t sae, int64_t latent, sae_error *err);

/* A prepared statement with integers bound to ?1, ?2, …; finalise with sqlite3_finalize. */
sae_status sae_store_select(const sae_store *store, sqlite3_stmt **out, const char *sql, const int64_t *values,
                            int count, sae_error *err);

/* Reads meta and the table of SAEs into the store (open.c calls it after its checks). */
sae_status sae_store_read_meta(sae_store *store, sae_error *err);
sae_status sae_store_read_vocabulary(sae_store *store, sae_error *err);

/* ---- columns of the current row ---- */

double sae_column_real(sqlite3_stmt *row, int column); /* NaN for NULL */
/* Text into the arena. */
const char *sae_column_text(sqlite3_stmt *row, int column, sae_arena *arena);
/* A BLOB of numbers of `size` bytes each, copied into the arena. expected < 0: any number of them. SAE_E_FORMAT for
 * another number or a part of one; NULL columns have none. */
typedef struct sae_array {
    const void *data;
    size_t count;
} sae_array;
sae_status sae_column_array(const sae_store *store, sqlite3_stmt *row, int column, size_t size, int64_t expected,
                            sae_arena *arena, sae_array *out, sae_error *err);
/* SAE_E_MEMORY when the arena failed. */
sae_status sae_arena_check(const sae_arena *arena, sae_error *err);

/* ---- texts ---- */

/* The token's bytes, in the arena. */
sae_store_text sae_store_token_bytes(const sae_store *store, int32_t id, sae_arena *arena);
/* The passage of at most `around` tokens on each side of `row`, within its context; without activations. SAE_E_FORMAT
 * when there is no such row. */
sae_status sae_store_passage_at(const sae_store *store, int64_t row, int64_t before, int64_t after, sae_arena *arena,
                                sae_store_passage *out, sae_error *err);
/* Activations on a passage: `count` of them at rows peak + offsets[i], as far as they are shown. SAE_E_FORMAT unless
 * the offsets ascend and the values are finite. */
sae_status sae_store_passage_acts(const sae_store *store, sae_store_passage *passage, int64_t peak,
                                  const int16_t *offsets, const float *values, size_t count, sae_arena *arena,
                                  sae_error *err);

/* ---- parts of a latent's page ---- */

/* A row of `latent` whose columns begin at column 0, with token texts. */
sae_status sae_store_fill_row(const sae_store *store, sqlite3_stmt *row, sae_arena *arena, sae_store_row *out,
                              sae_error *err);
#define SAE_STORE_ROW_COLUMNS                                                                                          \
    "l.id, l.n_active, l.max, l.mean, l.std, l.skew, l.kurtosis, l.p50, l.p90, l.p99, l.dec_norm, l.enc_dec_cos, "     \
    "l.threshold, l.max_cos, l.top_token, l.boosted, l.spark"

/* The examples of one kind, appended as groups. */
sae_status sae_store_read_groups(const sae_store *store, int64_t sae, int64_t latent, double max, int64_t around,
                                 sae_arena *arena, sae_store_latent *out, sae_error *err);
/* Lists of links in the columns latents, cosine, pearson, jaccard, together, mutual from `column` on. n: latents of the
 * SAE that they lead to. */
sae_status sae_store_read_links(const sae_store *store, sqlite3_stmt *row, int column, int64_t n, sae_arena *arena,
                                sae_store_links *out, sae_error *err);

#endif
