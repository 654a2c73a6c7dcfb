/* Inside the encoder: what one worker holds while it screens blocks of rows. */
#ifndef SAE_KERNELS_ENCODER_H
#define SAE_KERNELS_ENCODER_H

#include "base/alloc.h"
#include "kernels/cpu/low_gemm.h"
#include "kernels/cpu/select.h"
#include "kernels/kernels.h"
#include "kernels/ops.h"

#include <stdbool.h>

/* Rows of a tile of the screen. A product packs or reads its latents once for all of these. */
#define SAE_TILE_ROWS 512

/* How the work is cut. The results are the same for every size. */
typedef struct sae_tile_size {
    int64_t latents; /* of a tile, which is float32 and fills the second-level cache; a multiple of the panel */
    int64_t part;    /* latents of a subset that are scanned at a time: their encoder rows take three eighths of it */
} sae_tile_size;

/* second_cache: bytes for each processor. 256 to 1024 latents; parts of 64 up to a tile. */
sae_tile_size sae_tile_size_for(int64_t second_cache, int64_t d);

/* sae_encoder_new, with a size of the caller's choice in place of the one for this processor. */
sae_status sae_encoder_new_tiled(sae_encoder **out, sae_screen_kind kind, int64_t d, int64_t max_rows, int64_t row_k,
                                 int64_t batch_k, sae_tile_size size, const sae_env *env, sae_error *err);

/* Entries found so far: recomputed z > 0 at or above the filter. */
typedef struct sae_found {
    int32_t *row, *latent;
    float *value;
    int64_t count, capacity;
} sae_found;

/* On lines of its own: counters of one worker must not share one with another's pointers. */
typedef struct sae_worker {
    _Alignas(SAE_ALIGN) float *z; /* [SAE_TILE_ROWS, latents] the tile */
    float *bias;                  /* [latents] */
    float *w;                     /* [latents, d] gathered encoder rows, for a subset */
    float *w_norm;                /* [latents] their norms */
    float *w_error;               /* [latents] and roundings */
    float *w_scale;               /* [latents] int8: their scales */
    int32_t *w_sum;               /* [latents] sums of bytes */
    float *columns;               /* [SAE_SPLIT, latents] and values of dimensions that are split off */
    int32_t *hits;                /* [latents] */
    float *least_bias;            /* [latents] ROW: biases, to find what entries cannot be below */
    float *least;                 /* [latents] that */
    float *c;                     /* [SAE_TILE_ROWS, d] gathered rows, for rows that are screened again */
    void *c_low;                  /* [SAE_TILE_ROWS, depth] the rows in low precision */
    float *c_scale;               /* [SAE_TILE_ROWS] int8: their scales */
    float *c_split;               /* [SAE_TILE_ROWS, SAE_SPLIT] and values of dimensions that are split off */
    float *rest;                  /* [d] int8: a row without them */
    sae_low_gemm *gemm;           /* NULL: fp32 */
    sae_screen_kind kind;         /* what the block at hand is screened with */
    float *norm;                  /* [SAE_TILE_ROWS] upper bounds of ‖c_b‖ */
    double *reach;                /* [SAE_TILE_ROWS] of ‖c_b‖ and ‖ĉ_b‖ */
    float *by_norm;               /* [SAE_TILE_ROWS] what of the bound goes with ‖w‖ */
    float *by_error;              /* [SAE_TILE_ROWS] and with ‖w − ŵ‖ */
    float *filter;                /* [SAE_TILE_ROWS] z below this are not looked for */
    float *near_bias;             /* [latents] biases less job->near */
    sae_found near;               /* what exceeds job->near */
    sae_found found;     /* BATCH and LATENT: all entries of this worker; ROW: lists of list_capacity per row */
    int32_t *list_count; /* [SAE_TILE_ROWS] */
    float cut;           /* BATCH: this worker's filter, raised when its buffer was pruned */
    int64_t rescored;
    bool out_of_memory, failed;
} sae_worker;

struct sae_encoder {
    int threads;
    sae_screen_kind kind;
    sae_tile_size size;
    int64_t d, max_rows;
    int64_t list_capacity, list_rows; /* ROW: entries per row's list (2k), rows per block that lists exist for */
    sae_worker *workers;              /* [threads] */
    double *split_sums;               /* [d] */
    float *row_ratio;                 /* [max_rows] smallest kept z over ‖c_b‖; −1: to be screened again */
    int32_t *again;                   /* [max_rows] */
    sae_candidates *lists;            /* [threads] what the workers found */
    int64_t *row_counts;              /* [max_rows] */
    int64_t (*digits)[256];           /* [threads] scratch of the selection */
};

/* Where found entries go, and which are wanted. */
typedef struct sae_screen {
    const sae_encode_job *job;
    const sae_ops *ops;
    sae_screen_kind kind;
    sae_tile_size size;
    int64_t n;                         /* latents to look at: job->n or job->n_subset */
    int64_t list_capacity;             /* ROW */
    int64_t split[SAE_SPLIT], n_split; /* int8: dimensions that are multiplied in fp32 */
} sae_screen;

/* Screens `rows` rows of c (global numbers first_row, first_row + 1, …) against all latents with the worker's
 * filters, and recomputes and stores what passes. worker->norm and worker->filter are set. */
void sae_screen_rows(const sae_screen *screen, sae_worker *worker, const float *c, int64_t first_row, int64_t rows);

/* Keeps the best k of a list, in place and in order. Returns the smallest value kept. */
float sae_found_prune(sae_found *found, int64_t k);
/* The same for one row's list. */
float sae_list_prune(const sae_ops *ops, int32_t *latent, float *value, int32_t *count, int64_t k);

#endif
