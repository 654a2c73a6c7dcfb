/* All cosines between the rows of two matrices, tile by tile: SGEMM screens them, and what the screen leaves open is
 * computed again in double. */
#ifndef SAE_ANALYSIS_COSINE_TILES_H
#define SAE_ANALYSIS_COSINE_TILES_H

#include <sae/env.h>
#include <stdint.h>

enum { SAE_COSINE_QUERIES = 256 }; /* queries of one tile; the first has a multiple of this as its number */

/* Rows and 1/‖row‖ (0 for a row of zeros). */
typedef struct sae_cosine_side {
    const float *rows;
    int64_t n, d;
    double *inverse;
} sae_cosine_side;
sae_status sae_cosine_side_new(sae_cosine_side *side, const float *rows, int64_t n, int64_t d, const sae_env *env,
                               sae_error *err);
void sae_cosine_side_clear(sae_cosine_side *side);

/* cos(queries_i, keys_j) in double, in one fixed order; 0 with a row of zeros. */
double sae_cosine_exact(const sae_cosine_side *queries, int64_t i, const sae_cosine_side *keys, int64_t j);
/* Two screened cosines of one query whose exact values are in the other order differ by less than this, and a screened
 * cosine is off by less than half of it. */
float sae_cosine_margin(int64_t d);

/* Called on the thread `thread`, of as many as sae_cosine_threads says; all calls for one query come from one thread,
 * in the order of the keys. */
typedef struct sae_cosine_visitor {
    void *ud;
    void (*start)(void *ud, int thread, int64_t query); /* may be NULL */
    /* screened [count]: cosines of `query` with keys first_key … */
    void (*scan)(void *ud, int thread, int64_t query, int64_t first_key, int64_t count, const float *screened);
    void (*finish)(void *ud, int thread, int64_t query); /* may be NULL */
} sae_cosine_visitor;

int sae_cosine_threads(const sae_cosine_side *queries, const sae_env *env);
/* Visits every query with every key. Progress is reported as "decoder cosines". */
sae_status sae_cosine_tiles(const sae_cosine_side *queries, const sae_cosine_side *keys,
                            const sae_cosine_visitor *visitor, const sae_env *env, sae_error *err);

#endif
