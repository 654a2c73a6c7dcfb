/* The screen: a tile of approximate products by SGEMM, scanned against a lowered filter; every entry that could
 * matter is recomputed by the fixed-order dot.
 *
 * Bound. Let u = 2⁻²⁴, ẑ the SGEMM's product and z₀ the fixed-order dot of the same d products. Each differs
 * from the exact sum by at most γ_d Σ|c_j w_j| with γ_d = d·u/(1 − d·u), so |ẑ − z₀| ≤ 2γ_d‖c‖‖w‖ whatever the
 * order of summation, with or without fused multiply-add. The sums ẑ + b (scan) and z₀ + b (exact), and b − θ for
 * thresholds, round once more each: ≤ 2⁻²²(‖c‖‖w‖ + |b| + |θ|) together. Products below 2⁻¹²⁶ may be lost by a
 * library that flushes denormals: d·2⁻¹²⁵. A NaN in the tile is always recomputed; an infinite bound lowers the
 * filter to −∞. */
#include "kernels/blas.h"
#include "kernels/cpu/encoder.h"
#include "kernels/cpu/select.h"

#include "base/alloc.h"

#include <math.h>
#include <string.h>

/* One tile of latents: where its encoder rows and biases lie, and the largest norm and bias among them. */
typedef struct tile {
    int64_t first, count;
    const float *w, *bias;
    double w_norm, bias_size;
    double near_size; /* the largest bias and near value among them */
} tile;

static int32_t latent_of(const sae_encode_job *job, int64_t j)
{
    return job->subset ? job->subset[j] : (int32_t)j;
}

static tile tile_at(const sae_screen *screen, sae_worker *worker, int64_t first)
{
    const sae_encode_job *job = screen->job;
    int64_t rest = screen->n - first;
    tile t = {.first = first, .count = rest < SAE_TILE_LATENTS ? rest : SAE_TILE_LATENTS};
    bool thresholds = job->filter == SAE_FILTER_LATENT;
    t.w = worker->w;
    t.bias = worker->bias;
    if (!job->subset) t.w = job->W_enc + first * job->d;
    for (int64_t j = 0; j < t.count; j++) {
        int64_t i = latent_of(job, first + j);
        if (job->subset) memcpy(worker->w + j * job->d, job->W_enc + i * job->d, (size_t)job->d * sizeof(float));
        worker->bias[j] = thresholds ? job->b_enc[i] - job->theta[i] : job->b_enc[i];
        double size = fabs(job->b_enc[i]) + (thresholds ? fabs(job->theta[i]) : 0);
        if (job->w_norm[i] > t.w_norm || isnan(job->w_norm[i])) t.w_norm = job->w_norm[i];
        if (size > t.bias_size || isnan(size)) t.bias_size = size;
        if (!job->near) continue;
        worker->near_bias[j] = job->b_enc[i] - job->near[i];
        double near_size = fabs(job->b_enc[i]) + fabs(job->near[i]);
        if (near_size > t.near_size || isnan(near_size)) t.near_size = near_size;
    }
    return t;
}

/* The filter for ẑ + b of one row and one tile: t lowered by the bound, rounded down. */
static float lowered(float t, double c_norm, const tile *at, double bias_size, int64_t d)
{
    const double per_product = 1.02 * (double)d * (0x1p-23 + 0x1p-24) + 0x1p-22;
    double product = c_norm * at->w_norm;
    double bound = per_product * product + 0x1p-22 * bias_size + (double)d * 0x1p-125;
    double low = (double)t - bound;
    if (!(low > -(double)HUGE_VALF)) return -HUGE_VALF;
    float rounded = (float)low;
    return (double)rounded > low ? nextafterf(rounded, -HUGE_VALF) : rounded;
}

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
    sae_cut cut = sae_select_cut(&all, 1, k);
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
    sae_cut cut = sae_select_cut(&all, 1, k);
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

/* What exceeds job->near, from the same tile. */
static void scan_near(const sae_screen *screen, sae_worker *worker, const tile *at, const float *c, int64_t block_row,
                      int64_t row)
{
    const sae_encode_job *job = screen->job;
    sae_found *near = &worker->near;
    float low = lowered(0, worker->norm[block_row], at, at->near_size, job->d);
    int64_t hits =
        screen->ops->scan(worker->z + block_row * SAE_TILE_LATENTS, worker->near_bias, low, at->count, worker->hits);
    for (int64_t h = 0; h < hits; h++) {
        int32_t latent = latent_of(job, at->first + worker->hits[h]);
        float z = screen->ops->dot(c, at->w + worker->hits[h] * job->d, job->d) + job->b_enc[latent];
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

static void scan_row(const sae_screen *screen, sae_worker *worker, const tile *at, const float *c, int64_t block_row,
                     int64_t row)
{
    const sae_encode_job *job = screen->job;
    float t = job->filter == SAE_FILTER_ROW ? worker->filter[block_row] : worker->cut;
    float low = lowered(t, worker->norm[block_row], at, at->bias_size, job->d);
    int64_t hits = screen->ops->scan(worker->z + block_row * SAE_TILE_LATENTS, at->bias, low, at->count, worker->hits);
    worker->rescored += hits;
    int64_t h = 0;
    for (; h < hits; h += 4) {
        float z[4];
        const float *rows[4];
        int64_t group = hits - h < 4 ? hits - h : 4;
        for (int64_t g = 0; g < 4; g++) rows[g] = at->w + worker->hits[h + (g < group ? g : 0)] * job->d;
        if (group > 1)
            screen->ops->dot4(c, rows, job->d, z);
        else
            z[0] = screen->ops->dot(c, rows[0], job->d);
        for (int64_t g = 0; g < group; g++) {
            int32_t latent = latent_of(job, at->first + worker->hits[h + g]);
            store(screen, worker, block_row, row, latent, z[g] + job->b_enc[latent]);
        }
    }
}

void sae_screen_rows(const sae_screen *screen, sae_worker *worker, const float *c, int64_t first_row, int64_t rows)
{
    int64_t d = screen->job->d;
    for (int64_t first = 0; first < screen->n; first += SAE_TILE_LATENTS) {
        tile t = tile_at(screen, worker, first);
        sae_gemm_nt(rows, t.count, d, 1, c, d, t.w, d, 0, worker->z, SAE_TILE_LATENTS);
        for (int64_t b = 0; b < rows; b++) {
            scan_row(screen, worker, &t, c + b * d, b, first_row + b);
            if (screen->job->near) scan_near(screen, worker, &t, c + b * d, b, first_row + b);
        }
    }
}
