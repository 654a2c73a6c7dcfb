/* The screen: tiles of approximate products are scanned against a lowered filter (tile.c has the bound), and every
 * entry that could matter is recomputed by the fixed-order dot. */
#include "kernels/cpu/encoder.h"
#include "kernels/cpu/select.h"
#include "kernels/cpu/tile.h"

#include "base/alloc.h"

#include <string.h>

static bool grow(sae_found *found)
{
    int64_t capacity = found->capacity > 0 ? found->capacity * 2 : 1 << 16;
    int32_t *row = sae_realloc(found->row, (size_t)capacity, sizeof *row);
    if (row) found->row = row;
    int32_t *latent = sae_realloc(found->latent, (size_t)capacity, sizeof *latent);
    if (latent) found->latent = latent;
    float *value = sae_realloc(found->value, (size_t)capacity, sizeof *value);
    if (value) found->value = value;
    if (!row || !latent || !value) return false;
    found->capacity = capacity;
    return true;
}

float sae_found_prune(sae_found *found, int64_t k)
{
    sae_candidates all = {found->value, found->row, found->latent, found->count};
    sae_cut cut = sae_select_cut(&all, k);
    int64_t kept = 0;
    for (int64_t i = 0; i < found->count; i++) {
        if (!sae_cut_keeps(&cut, &all, i)) continue;
        found->row[kept] = found->row[i];
        found->latent[kept] = found->latent[i];
        found->value[kept++] = found->value[i];
    }
    found->count = kept;
    return cut.value;
}

float sae_list_prune(int32_t *latent, float *value, int32_t *count, int64_t k)
{
    sae_candidates all = {value, NULL, latent, *count};
    sae_cut cut = sae_select_cut(&all, k);
    int32_t kept = 0;
    for (int32_t i = 0; i < *count; i++) {
        if (!sae_cut_keeps(&cut, &all, i)) continue;
        latent[kept] = latent[i];
        value[kept++] = value[i];
    }
    *count = kept;
    return cut.value;
}

/* Stores one exact value; buffers that are full are pruned to what can still be selected. */
static void store(const sae_screen *screen, sae_worker *worker, int64_t block_row, int64_t row, int32_t latent, float z)
{
    const sae_encode_job *job = screen->job;
    sae_found *found = &worker->found;
    switch (job->filter) {
    case SAE_FILTER_ROW: {
        if (!(z >= worker->filter[block_row] && z > 0)) return;
        int32_t *latents = found->latent + block_row * screen->list_capacity;
        float *values = found->value + block_row * screen->list_capacity;
        int32_t *count = &worker->list_count[block_row];
        if (*count == screen->list_capacity) {
            worker->filter[block_row] = sae_list_prune(latents, values, count, job->k);
            if (z < worker->filter[block_row]) return;
        }
        latents[*count] = latent;
        values[(*count)++] = z;
        return;
    }
    case SAE_FILTER_BATCH:
        if (!(z >= worker->cut && z > 0)) return;
        if (found->count == found->capacity) {
            worker->cut = sae_found_prune(found, job->k * job->rows);
            if (z < worker->cut) return;
        }
        break;
    case SAE_FILTER_LATENT:
        if (!(z > job->theta[latent])) return;
        if (found->count == found->capacity && !grow(found)) {
            worker->out_of_memory = true;
            return;
        }
        break;
    }
    found->row[found->count] = (int32_t)row;
    found->latent[found->count] = latent;
    found->value[found->count++] = z;
}

/* What exceeds job->near, from the same products. */
static void scan_near(const sae_screen *screen, sae_worker *worker, const sae_tile *at, const float *products,
                      const float *c, int64_t block_row, int64_t row)
{
    const sae_encode_job *job = screen->job;
    sae_found *near = &worker->near;
    sae_scan limits = sae_tile_limits(screen, worker, at, block_row, 0);
    limits.bias = worker->near_bias + at->offset;
    int64_t hits = screen->ops->scan(&limits, products, worker->hits);
    for (int64_t h = 0; h < hits; h++) {
        int32_t latent = sae_tile_latent(job, at->first + worker->hits[h]);
        float z = screen->ops->dot(c, job->W_enc + latent * job->d, job->d) + job->b_enc[latent];
        if (!(z > job->near[latent])) continue;
        if (near->count == near->capacity && !grow(near)) {
            worker->out_of_memory = true;
            return;
        }
        near->row[near->count] = (int32_t)row;
        near->latent[near->count] = latent;
        near->value[near->count++] = z;
    }
}

static void scan_row(const sae_screen *screen, sae_worker *worker, const sae_tile *at, const float *products,
                     const float *c, int64_t block_row, int64_t row)
{
    const sae_encode_job *job = screen->job;
    float t = job->filter == SAE_FILTER_ROW ? worker->filter[block_row] : worker->cut;
    sae_scan limits = sae_tile_limits(screen, worker, at, block_row, t);
    int64_t hits = screen->ops->scan(&limits, products, worker->hits);
    worker->rescored += hits;
    int64_t h = 0;
    for (; h < hits; h += 4) {
        float z[4];
        const float *rows[4];
        int32_t latents[4];
        int64_t group = hits - h < 4 ? hits - h : 4;
        for (int64_t g = 0; g < 4; g++) {
            latents[g] = sae_tile_latent(job, at->first + worker->hits[h + (g < group ? g : 0)]);
            rows[g] = job->W_enc + latents[g] * job->d;
        }
        if (group > 1)
            screen->ops->dot4(c, rows, job->d, z);
        else
            z[0] = screen->ops->dot(c, rows[0], job->d);
        for (int64_t g = 0; g < group; g++)
            store(screen, worker, block_row, row, latents[g], z[g] + job->b_enc[latents[g]]);
    }
}

/* Latents of a subset let much through: parts of a tile are scanned whose encoder rows fit the second cache, since each
 * of them is used by many of the block's rows. */
enum { PART = 128 };

static void scan_part(const sae_screen *screen, sae_worker *worker, const sae_tile *part, const float *c,
                      int64_t first_row, int64_t rows)
{
    int64_t d = screen->job->d;
    for (int64_t b = 0; b < rows; b++) {
        const float *products = sae_tile_row(screen, worker, part, b);
        scan_row(screen, worker, part, products, c + b * d, b, first_row + b);
        if (screen->job->near) scan_near(screen, worker, part, products, c + b * d, b, first_row + b);
    }
}

void sae_screen_rows(const sae_screen *screen, sae_worker *worker, const float *c, int64_t first_row, int64_t rows)
{
    sae_tile_rows(screen, worker, c, rows);
    for (int64_t first = 0; first < screen->n && !worker->failed;) {
        sae_tile t = sae_tile_at(screen, worker, first);
        sae_tile_multiply(screen, worker, &t, c, rows);
        int64_t step = screen->job->subset ? PART : t.count;
        for (int64_t at = 0; at < t.count; at += step) {
            sae_tile part = sae_tile_part(&t, at, step);
            scan_part(screen, worker, &part, c, first_row, rows);
        }
        first += t.count;
    }
}
