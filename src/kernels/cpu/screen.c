/* The screen: a tile of approximate products, by SGEMM or in lower precision, scanned against a lowered filter; every
 * entry that could matter is recomputed by the fixed-order dot.
 *
 * Bound. Let u = 2⁻²⁴, z₀ the fixed-order dot of c and w, ĉ and ŵ what the product is given (c and w themselves in
 * fp32), ẑ what it gives.
 * 1. |z₀ − c·w| ≤ γ_d‖c‖‖w‖ with γ_d = d·u/(1 − d·u), whatever the order of summation.
 * 2. |ẑ − ĉ·ŵ| ≤ 2γ_d‖ĉ‖‖ŵ‖: sums of any order whose steps may be truncated instead of rounded; products of two
 *    bfloat16 are exact in float. With fused multiply-add or not.
 * 3. |ĉ·ŵ − c·w| ≤ ‖c − ĉ‖‖w‖ + ‖ĉ‖‖w − ŵ‖. Both differences are measured when the rows are rounded, in double:
 *    about 0.4 of 2⁻⁸ of the norm for bfloat16, and 0 in fp32.
 * 4. The sums ẑ + b + bound (scan), z₀ + b (exact), and b − θ for thresholds, round: at most eight times u of
 *    (‖ĉ‖‖ŵ‖ + |b| + |θ|) together, and the bound itself is raised by 2⁻²⁰ of its size for the roundings in it.
 * 5. Products and sums below 2⁻¹²⁶ may be lost where denormals are flushed: d·2⁻¹²⁴.
 * With C ≥ ‖c‖, ‖ĉ‖ and ‖ŵ‖ ≤ ‖w‖ + ‖w − ŵ‖, an entry can reach t only if
 *     ẑ + (b + 2⁻²¹(|b| + |θ|)) + x‖w‖ + y‖w − ŵ‖ ≥ t − d·2⁻¹²⁴,
 *     x = ‖c − ĉ‖ + C·κ,   y = C·(1 + κ),   κ = 1.02·d·(2⁻²³ + 2⁻²⁴) + 2⁻²¹.
 * A NaN in the tile is always recomputed, as is a row whose sums could overflow on the way (C(‖w‖ + ‖w − ŵ‖) ≥ 2¹²⁰).
 */
#include "kernels/blas.h"
#include "kernels/cpu/encoder.h"
#include "kernels/cpu/select.h"

#include "base/alloc.h"

#include <math.h>
#include <string.h>

/* One tile of latents: what is multiplied and scanned. */
typedef struct tile {
    int64_t first, count;
    int64_t width;   /* of its rows of z: count, or more where the product is padded */
    const void *w;   /* encoder rows, or panels of their copy */
    sae_scan limits; /* all but x, y and low, which belong to a row */
    double size;     /* the largest ‖w‖ + ‖w − ŵ‖ */
} tile;

static int32_t latent_of(const sae_encode_job *job, int64_t j)
{
    return job->subset ? job->subset[j] : (int32_t)j;
}

static float rounded_up(double x)
{
    float rounded = (float)x;
    return (double)rounded < x ? nextafterf(rounded, HUGE_VALF) : rounded;
}

/* Rows of a subset side by side: of W_enc, or of the panels of its copy. */
static void gather_rows(const sae_screen *screen, sae_worker *worker, const tile *t)
{
    const sae_encode_job *job = screen->job;
    const sae_shadow *shadow = job->shadow;
    bool low = screen->kind != SAE_SCREEN_FP32;
    int64_t words = low ? sae_shadow_words(shadow) : 0;
    for (int64_t j = 0; j < t->count; j++) {
        int64_t i = job->subset[t->first + j];
        worker->w_norm[j] = shadow->norm[i];
        if (!low) {
            memcpy(worker->w + j * job->d, job->W_enc + i * job->d, (size_t)job->d * sizeof(float));
            continue;
        }
        worker->w_error[j] = shadow->error[i];
        const uint32_t *from = shadow->rows + i / SAE_SHADOW_PANEL * SAE_SHADOW_PANEL * words + i % SAE_SHADOW_PANEL;
        uint32_t *to =
            (uint32_t *)(void *)worker->w + j / SAE_SHADOW_PANEL * SAE_SHADOW_PANEL * words + j % SAE_SHADOW_PANEL;
        for (int64_t k = 0; k < words; k++) to[k * SAE_SHADOW_PANEL] = from[k * SAE_SHADOW_PANEL];
    }
}

static tile tile_at(const sae_screen *screen, sae_worker *worker, int64_t first)
{
    const sae_encode_job *job = screen->job;
    const sae_shadow *shadow = job->shadow;
    bool low = screen->kind != SAE_SCREEN_FP32, thresholds = job->filter == SAE_FILTER_LATENT;
    int64_t rest = screen->n - first;
    tile t = {.first = first, .count = rest < SAE_TILE_LATENTS ? rest : SAE_TILE_LATENTS};
    /* what is left of a dictionary goes panel by panel: those products are padded to one */
    if (low && t.count < SAE_TILE_LATENTS && t.count > SAE_SHADOW_PANEL) t.count = SAE_SHADOW_PANEL;
    t.width = low && t.count < SAE_SHADOW_PANEL ? SAE_SHADOW_PANEL : t.count;
    t.limits = (sae_scan){.n = t.count, .bias = worker->bias};
    if (job->subset) {
        gather_rows(screen, worker, &t);
        t.w = worker->w;
        t.limits.norm = worker->w_norm;
        t.limits.error = low ? worker->w_error : worker->w_norm;
    } else {
        t.w = low ? (const void *)(shadow->rows + first * sae_shadow_words(shadow))
                  : (const void *)(job->W_enc + first * job->d);
        t.limits.norm = shadow->norm + first;
        t.limits.error = low ? shadow->error + first : shadow->norm + first;
    }
    for (int64_t j = 0; j < t.count; j++) {
        int64_t i = latent_of(job, first + j);
        double b = (double)job->b_enc[i], theta = thresholds ? (double)job->theta[i] : 0;
        worker->bias[j] = rounded_up(b - theta + 0x1p-21 * (fabs(b) + fabs(theta)));
        double size = (double)t.limits.norm[j] + (low ? (double)t.limits.error[j] : 0);
        if (size > t.size || isnan(size)) t.size = size;
    }
    return t;
}

/* What an entry of one row must reach in one tile, for the filter t. */
static sae_scan row_limits(const sae_screen *screen, const sae_worker *worker, const tile *at, int64_t block_row,
                           float t)
{
    sae_scan limits = at->limits;
    double low = (double)t - (double)screen->job->d * 0x1p-124;
    limits.x = worker->by_norm[block_row];
    limits.y = worker->by_error[block_row];
    limits.low = worker->reach[block_row] * at->size < 0x1p120 ? -rounded_up(-low) : -HUGE_VALF;
    return limits;
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

static void scan_row(const sae_screen *screen, sae_worker *worker, const tile *at, const float *c, int64_t block_row,
                     int64_t row)
{
    const sae_encode_job *job = screen->job;
    float t = job->filter == SAE_FILTER_ROW ? worker->filter[block_row] : worker->cut;
    sae_scan limits = row_limits(screen, worker, at, block_row, t);
    int64_t hits = screen->ops->scan(&limits, worker->z + block_row * at->width, worker->hits);
    worker->rescored += hits;
    int64_t h = 0;
    for (; h < hits; h += 4) {
        float z[4];
        const float *rows[4];
        int32_t latents[4];
        int64_t group = hits - h < 4 ? hits - h : 4;
        for (int64_t g = 0; g < 4; g++) {
            latents[g] = latent_of(job, at->first + worker->hits[h + (g < group ? g : 0)]);
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

/* Rounds a block of rows, and finds what their bounds are made of. */
static void prepare_rows(const sae_screen *screen, sae_worker *worker, const float *c, int64_t rows)
{
    bool low = screen->kind != SAE_SCREEN_FP32;
    int64_t d = screen->job->d, depth = screen->job->shadow->depth;
    double kappa = 1.02 * (double)d * (0x1p-23 + 0x1p-24) + 0x1p-21;
    for (int64_t b = 0; b < rows; b++) {
        double error = 0;
        if (low) {
            uint16_t *rounded = (uint16_t *)worker->c_low + b * depth;
            error = (double)sae_root_above(screen->ops->to_bf16(c + b * d, d, rounded));
        }
        double C = (double)worker->norm[b] + error;
        worker->reach[b] = C;
        worker->by_norm[b] = rounded_up((error + C * kappa) * (1 + 0x1p-20));
        worker->by_error[b] = low ? rounded_up(C * (1 + kappa) * (1 + 0x1p-20)) : 0;
    }
}

static void multiply(const sae_screen *screen, sae_worker *worker, const tile *at, const float *c, int64_t rows)
{
    int64_t d = screen->job->d;
    if (screen->kind == SAE_SCREEN_FP32)
        sae_gemm_nt(rows, at->count, d, 1, c, d, at->w, d, 0, worker->z, at->width);
    else if (!sae_low_gemm_run(worker->gemm, rows, at->width, worker->c_low, at->w, worker->z))
        worker->failed = true;
}

void sae_screen_rows(const sae_screen *screen, sae_worker *worker, const float *c, int64_t first_row, int64_t rows)
{
    int64_t d = screen->job->d;
    prepare_rows(screen, worker, c, rows);
    for (int64_t first = 0; first < screen->n && !worker->failed;) {
        tile t = tile_at(screen, worker, first);
        multiply(screen, worker, &t, c, rows);
        for (int64_t b = 0; b < rows; b++) scan_row(screen, worker, &t, c + b * d, b, first_row + b);
        first += t.count;
    }
}
