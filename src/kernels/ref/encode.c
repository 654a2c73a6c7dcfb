/* Brute-force encoding: every z, a full sort. */
#include "kernels/ref/ref.h"

#include "kernels/ops.h"

#include <stdlib.h>
#include <string.h>

typedef SAE_REAL real;

typedef struct entry {
    real z;
    int64_t row, latent;
} entry;

static int by_order(const void *a, const void *b)
{
    const entry *x = a, *y = b;
    if (x->z != y->z) return x->z > y->z ? -1 : 1;
    if (x->row != y->row) return x->row < y->row ? -1 : 1;
    return x->latent < y->latent ? -1 : x->latent > y->latent;
}

/* The fixed order of ops.h, written out. */
static real dot(const real *a, const real *b, int64_t d)
{
    real lanes[SAE_DOT_LANES] = {0};
    for (int64_t j = 0; j < d; j++) lanes[j % SAE_DOT_LANES] += a[j] * b[j];
    for (int half = SAE_DOT_LANES / 2; half > 0; half /= 2)
        for (int l = 0; l < half; l++) lanes[l] += lanes[l + half];
    return lanes[0];
}

/* Keeps the first k of entries with z > 0. */
static void keep(entry *entries, int64_t count, int64_t k, int64_t n, real *f)
{
    qsort(entries, (size_t)count, sizeof *entries, by_order);
    for (int64_t i = 0; i < count && i < k && entries[i].z > 0; i++)
        f[entries[i].row * n + entries[i].latent] = entries[i].z;
}

void SAE_REF(sae_ref_encode_)(const real *c, int64_t rows, int64_t d, int64_t n, const real *W_enc, const real *b_enc,
                              sae_filter filter, int64_t k, const real *theta, const bool *only, real *f)
{
    entry *entries = malloc((size_t)(rows * n) * sizeof *entries);
    int64_t count = 0;
    if (!entries) abort();
    memset(f, 0, (size_t)(rows * n) * sizeof *f);
    for (int64_t b = 0; b < rows; b++) {
        if (filter == SAE_FILTER_ROW) count = 0;
        for (int64_t i = 0; i < n; i++) {
            if (only && !only[i]) continue;
            real z = dot(c + b * d, W_enc + i * d, d) + b_enc[i];
            if (filter == SAE_FILTER_LATENT && z > theta[i]) f[b * n + i] = z;
            entries[count++] = (entry){z, b, i};
        }
        if (filter == SAE_FILTER_ROW) keep(entries, count, k, n, f);
    }
    if (filter == SAE_FILTER_BATCH) keep(entries, count, k * rows, n, f);
    free(entries);
}
