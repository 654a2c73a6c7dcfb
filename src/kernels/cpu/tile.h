/* One tile of the screen: rows by latents, in the precision at hand, with the bound of its errors. */
#ifndef SAE_KERNELS_TILE_H
#define SAE_KERNELS_TILE_H

#include "kernels/cpu/encoder.h"

/* The latents of a tile: what is multiplied and scanned. */
typedef struct sae_tile {
    int64_t first, count;
    int64_t width;       /* of its rows of z: count, or more where the product is padded */
    int64_t offset;      /* in these rows, of the first latent */
    const void *w;       /* encoder rows, or panels of their copy */
    sae_scan limits;     /* all but x, y and low, which belong to a row */
    sae_from_int8 bytes; /* all but factor and c, which belong to a row */
    double size;         /* the largest ‖w‖ + ‖w − ŵ‖ */
} sae_tile;

/* The latent at place j of those that are looked at. */
static inline int32_t sae_tile_latent(const sae_encode_job *job, int64_t j)
{
    return job->subset ? job->subset[j] : (int32_t)j;
}

/* Before a call: chooses dimensions that are multiplied in fp32 beside bytes, and collects their columns of W_enc. */
void sae_tile_split(sae_screen *screen, double *sums, int threads);

/* Before the tiles of a block: rounds its rows and finds their bounds; decides what worker->kind screens them with. */
void sae_tile_rows(const sae_screen *screen, sae_worker *worker, const float *c, int64_t rows);

/* The tile that begins at place `first`. */
sae_tile sae_tile_at(const sae_screen *screen, sae_worker *worker, int64_t first);

/* The part of a tile that is scanned at a time: `count` latents, or what is left, from the one at `offset`. */
sae_tile sae_tile_part(const sae_tile *at, int64_t offset, int64_t count);

/* worker->z = the products of the block's rows with the tile's latents. */
void sae_tile_multiply(const sae_screen *screen, sae_worker *worker, const sae_tile *at, const float *c, int64_t rows);

/* Row b of the products, as float; once for each row of each part. */
const float *sae_tile_row(const sae_screen *screen, sae_worker *worker, const sae_tile *at, int64_t b);

/* What an entry of row b must reach in this tile, for the filter t. */
sae_scan sae_tile_limits(const sae_screen *screen, const sae_worker *worker, const sae_tile *at, int64_t b, float t);

/* worker->least [at->count]: exact values of row b in this tile are not more than d·2⁻¹²⁴ below these. Of no use for a
 * row whose sums could overflow. */
void sae_tile_least(const sae_screen *screen, sae_worker *worker, const sae_tile *at, const float *products, int64_t b);

#endif
