/* The screen: tiles of approximate products are scanned against a lowered filter (tile.c has the bound), and every
 * entry that could matter is recomputed by the fixed-order dot. */
#include "kernels/cpu/encoder.h"
#include "kernels/cpu/select.h"
#include "kernels/cpu/tile.h"

#include "base/alloc.h"

#include <math.h>
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

static float float_of(uint32_t bits)
{
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
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

/* The k-th value by bisection of its bits, which sort like positive floats: for hundreds of values counting them some
 * ten times is faster than a radix. Latents ascend, so of equal values the first ones are kept. */
float sae_list_prune(const sae_ops *ops, int32_t *latent, float *value, int32_t *count, int64_t k)
{
    uint32_t low = 0, high; /* k values at least are above low, fewer above high */
    float most = ops->max_abs(value, *count), smallest = most;
    int64_t above = *count, equal = 0;
    memcpy(&high, &most, sizeof high);
    while (above > k && high - low > 1) {
        uint32_t middle = low + (high - low) / 2;
        int64_t found = ops->count_above(value, *count, float_of(middle));
        if (found < k) {
            high = middle;
            continue;
        }
        low = middle;
        above = found;
    }
    float cut = float_of(above > k ? high : low);
    if (above > k) equal = k - ops->count_above(value, *count, cut);
    int32_t kept = 0;
    for (int32_t i = 0; i < *count; i++) {
        if (!(value[i] > cut) && !(value[i] == cut && equal-- > 0)) continue;
        if (value[i] < smallest) smallest = value[i];
        latent[kept] = latent[i];
        value[kept++] = value[i];
    }
    *count = kept;
    return smallest;
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
            worker->filter[block_row] = sae_list_prune(screen->ops, latents, values, count, job->k);
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

/* ROW: raises the filter of a row to where k of its values still lie above it: exact ones in its list, and what those
 * of this part cannot be below. Many entries of a row's first tiles pass a filter that was made for all rows; they cost
 * comparisons here in place of exact dots. Returns whether it was raised. */
static bool raise_filter(const sae_screen *screen, sae_worker *worker, const sae_tile *part, const float *products,
                         int64_t block_row)
{
    enum { ROUNDS = 12 };
    const sae_ops *ops = screen->ops;
    const float *listed = worker->found.value + block_row * screen->list_capacity;
    float from = worker->filter[block_row], to = (float)(worker->reach[block_row] * part->size);
    uint32_t low, high; /* positive floats sort like their bits */
    sae_tile_least(screen, worker, part, products, block_row);
    memcpy(&low, &from, sizeof low);
    memcpy(&high, &to, sizeof high);
    for (int round = 0; round <= ROUNDS && low < high; round++) {
        uint32_t middle = round == 0 ? low : low + (high - low) / 2;
        float t = float_of(middle);
        int64_t above = ops->count_above(listed, worker->list_count[block_row], t) +
                        ops->count_above(worker->least, part->count, t);
        if (above >= screen->job->k)
            low = middle;
        else if (round == 0)
            return false;
        else
            high = middle;
    }
    worker->filter[block_row] = fmaxf(from, float_of(low) - (float)screen->job->d * 0x1p-124f);
    return worker->filter[block_row] > from;
}

enum { WORTH = 16 }; /* entries whose exact dots cost more than raising the filter */

static void scan_row(const sae_screen *screen, sae_worker *worker, const sae_tile *at, const float *products,
                     const float *c, int64_t block_row, int64_t row)
{
    const sae_encode_job *job = screen->job;
    bool by_row = job->filter == SAE_FILTER_ROW;
    sae_scan limits = sae_tile_limits(screen, worker, at, block_row, by_row ? worker->filter[block_row] : worker->cut);
    int64_t hits = screen->ops->scan(&limits, products, worker->hits);
    if (by_row && hits >= WORTH && limits.low > -HUGE_VALF && raise_filter(screen, worker, at, products, block_row)) {
        limits = sae_tile_limits(screen, worker, at, block_row, worker->filter[block_row]);
        hits = screen->ops->scan(&limits, products, worker->hits);
    }
    worker->rescored += hits;
    for (int64_t h = 0; h < hits; h++) {
        int32_t latent = sae_tile_latent(job, at->first + worker->hits[h]);
        float z = screen->ops->dot(c, job->W_enc + latent * job->d, job->d);
        store(screen, worker, block_row, row, latent, z + job->b_enc[latent]);
    }
}

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
        /* latents of a subset let much through: each encoder row is used by many of the block's rows */
        int64_t step = screen->job->subset ? screen->size.part : t.count;
        for (int64_t at = 0; at < t.count; at += step) {
            sae_tile part = sae_tile_part(&t, at, step);
            scan_part(screen, worker, &part, c, first_row, rows);
        }
        first += t.count;
    }
}
