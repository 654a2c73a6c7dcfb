/* What fires on each row, kept in a file until all rows are there: written row by row, read in any order. */
#ifndef SAE_DASH_SPOOL_H
#define SAE_DASH_SPOOL_H

#include <sae/io.h>

typedef struct sae_dash_code {
    int32_t latent;
    float value;
} sae_dash_code;

typedef struct sae_dash_spool {
    int64_t n, rows, codes, row_room;
    int64_t *offsets;          /* [rows + 1] */
    int64_t *counts;           /* [n] rows on which each latent fired */
    double *sums, *squares;    /* [n] of its activations */
    const sae_dash_code *data; /* [codes] mapped by sae_dash_spool_close_writing */
    int fd;
    char *path; /* for messages: the database's */
    sae_dash_code *buffer;
    int64_t buffered;
} sae_dash_spool;

/* A nameless file in the directory of `path` (nothing is left of it, whatever happens). */
sae_status sae_dash_spool_open(sae_dash_spool *out, int64_t n, int64_t rows, const char *path, sae_error *err);
sae_status sae_dash_spool_add(sae_dash_spool *spool, const sae_codes *codes, sae_error *err);
sae_status sae_dash_spool_close_writing(sae_dash_spool *spool, sae_error *err);
/* Safe on a zeroed spool. */
void sae_dash_spool_clear(sae_dash_spool *spool);

/* The same codes by latent: those of latents first … first + count − 1. */
typedef struct sae_dash_columns {
    int64_t first, count;
    int64_t *starts; /* [count + 1] */
    int32_t *rows;   /* ascending for each latent */
    float *values;
} sae_dash_columns;

/* How many latents from `first` on have codes for at most `bytes` together; 1 at least. */
int64_t sae_dash_columns_fit(const sae_dash_spool *spool, int64_t first, int64_t bytes);
sae_status sae_dash_columns_read(sae_dash_columns *out, const sae_dash_spool *spool, int64_t first, int64_t count,
                                 const sae_env *env, sae_error *err);
void sae_dash_columns_clear(sae_dash_columns *columns);

#endif
