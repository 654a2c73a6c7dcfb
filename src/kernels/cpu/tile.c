/* Tiles of approximate products, by SGEMM, in bfloat16 or in bytes.
 *
 * Bound. Let u = 2⁻²⁴, z₀ the fixed-order dot of c and w, ĉ and ŵ what the product is given (c and w themselves in
 * fp32), ẑ what it gives.
 * 1. |z₀ − c·w| ≤ γ_d‖c‖‖w‖ with γ_d = d·u/(1 − d·u), whatever the order of summation.
 * 2. |ẑ − ĉ·ŵ| ≤ 2γ_d‖ĉ‖‖ŵ‖: sums of any order whose steps may be truncated instead of rounded; products of two
 *    bfloat16 are exact in float, sums of bytes exact in int32. With fused multiply-add or not. Bytes: the way from
 *    int32 to ẑ rounds at most 2 + 2·SAE_SPLIT times more, 2⁻¹⁹.
 * 3. |ĉ·ŵ − c·w| ≤ ‖c − ĉ‖‖w‖ + ‖ĉ‖‖w − ŵ‖. Both differences are measured when the rows are rounded, in double:
 *    about 0.4 of 2⁻⁸ of the norm for bfloat16, 0.01 for bytes, and 0 in fp32.
 *    Bytes: dimensions with outliers are multiplied in fp32 on both sides, so ĉ = c and ŵ = w there, and of ‖ĉ‖ only
 * the rest counts, R.
 * 4. The sums ẑ + b + bound (scan), z₀ + b (exact), and b − θ for thresholds, round: at most eight times u of
 *    (‖ĉ‖‖ŵ‖ + |b| + |θ|) together, and the bound itself is raised by 2⁻²⁰ of its size for the roundings in it.
 * 5. Products and sums below 2⁻¹²⁶ may be lost where denormals are flushed: d·2⁻¹²⁴.
 * With C ≥ ‖c‖, ‖ĉ‖, with ‖ŵ‖ ≤ ‖w‖ + ‖w − ŵ‖, and R = C but for bytes, an entry can reach t only if
 *     ẑ + (b + 2⁻²¹(|b| + |θ|)) + x‖w‖ + y‖w − ŵ‖ ≥ t − d·2⁻¹²⁴,
 *     x = ‖c − ĉ‖ + C·κ,   y = R + C·κ,   κ = 1.02·d·(2⁻²³ + 2⁻²⁴) + 2⁻²¹, and 2⁻¹⁹ more for bytes.
 * All of this holds in both directions, so an entry is at least ẑ + (b − 2⁻²¹|b|) − x‖w‖ − y‖w − ŵ‖ − d·2⁻¹²⁴.
 * A NaN in the tile is always recomputed, as is a row whose sums could overflow on the way (C(‖w‖ + ‖w − ŵ‖) ≥ 2¹²⁰).
 */
#include "kernels/cpu/tile.h"

#include "kernels/blas.h"

#include <math.h>
#include <string.h>

static float rounded_up(double x)
{
    float rounded = (float)x;
    return (double)rounded < x ? nextafterf(rounded, HUGE_VALF) : rounded;
}

/* ---- dimensions with outliers ----------------------------------------------------------------------- */

/* An outlier's mean size is this many times that of all dimensions; SAMPLE rows tell. */
enum { OUTLIER = 4, SAMPLE = 64 };

void sae_tile_split(sae_screen *screen, double *sums, int threads)
{
    const sae_encode_job *job = screen->job;
    int64_t d = job->d, n = job->n, step = job->rows / SAMPLE + 1, most = d / SAE_SPLIT;
    double total = 0;
    screen->n_split = 0;
    memset(sums, 0, (size_t)d * sizeof *sums);
    for (int64_t b = 0; b < job->rows; b += step)
        for (int64_t j = 0; j < d; j++) sums[j] += fabs((double)job->c[b * d + j]);
    for (int64_t j = 0; j < d; j++) total += sums[j];
    while (screen->n_split < SAE_SPLIT && screen->n_split < most) {
        int64_t largest = 0;
        for (int64_t j = 1; j < d; j++)
            if (sums[j] > sums[largest]) largest = j;
        if (!(sums[largest] * (double)d > OUTLIER * total)) break;
        sums[largest] = 0;
        screen->split[screen->n_split++] = largest;
    }
    if (screen->n_split == 0) return;
#pragma omp parallel for num_threads(threads) schedule(static)
    for (int64_t i = 0; i < n; i++)
        for (int64_t m = 0; m < screen->n_split; m++)
            job->shadow->columns[m * n + i] = job->W_enc[i * d + screen->split[m]];
}

/* ---- rows ----------------------------------------------------------------------------------------------- */

/* Rounds row b; returns a bound of ‖c − ĉ‖, and in *rest one of ‖ĉ‖ without the dimensions that are split off. */
static double round_row(const sae_screen *screen, sae_worker *worker, const float *c, int64_t b, double *rest)
{
    int64_t d = screen->job->d, depth = screen->job->shadow->depth;
    if (worker->kind == SAE_SCREEN_FP32) return 0;
    if (worker->kind == SAE_SCREEN_BF16)
        return (double)sae_root_above(screen->ops->to_bf16(c, d, (uint16_t *)worker->c_low + b * depth));
    float inverse, *own = worker->rest;
    memcpy(own, c, (size_t)d * sizeof *own);
    for (int64_t m = 0; m < screen->n_split; m++) {
        worker->c_split[b * SAE_SPLIT + m] = c[screen->split[m]];
        own[screen->split[m]] = 0;
    }
    float scale = worker->c_scale[b] = sae_byte_scale(screen->ops, own, d, &inverse);
    uint8_t *bytes = (uint8_t *)worker->c_low + b * depth;
    int32_t sum;
    float square = screen->ops->to_int8(own, d, inverse, 128, bytes, &sum), norm = sae_norm_above(screen->ops, own, d);
    double error = (double)sae_byte_error(square, d, scale, norm);
    *rest = (double)norm + error;
    return error;
}

/* Returns how many rows have a bound that lets too much through. */
static int64_t round_rows(const sae_screen *screen, sae_worker *worker, const float *c, int64_t rows)
{
    int64_t d = screen->job->d, loose = 0;
    bool bytes = worker->kind == SAE_SCREEN_INT8;
    double kappa = 1.02 * (double)d * (0x1p-23 + 0x1p-24) + 0x1p-21 + (bytes ? 0x1p-19 : 0);
    for (int64_t b = 0; b < rows; b++) {
        double R = 0, error = round_row(screen, worker, c + b * d, b, &R), C = (double)worker->norm[b] + error;
        if (!bytes) R = C;
        worker->reach[b] = C;
        worker->by_norm[b] = rounded_up((error + C * kappa) * (1 + 0x1p-20));
        worker->by_error[b] = worker->kind == SAE_SCREEN_FP32 ? 0 : rounded_up((R + C * kappa) * (1 + 0x1p-20));
        loose += error > 0x1p-5 * R;
    }
    return loose;
}

void sae_tile_rows(const sae_screen *screen, sae_worker *worker, const float *c, int64_t rows)
{
    worker->kind = screen->kind;
    if (round_rows(screen, worker, c, rows) <= rows / 8) return;
    worker->kind = SAE_SCREEN_FP32;
    round_rows(screen, worker, c, rows);
}

sae_tile_size sae_tile_size_for(int64_t second_cache, int64_t d)
{
    sae_tile_size size = {.latents = 256};
    while (size.latents < 1024 && 2 * size.latents * SAE_TILE_ROWS * (int64_t)sizeof(float) <= second_cache)
        size.latents *= 2;
    size.part = second_cache / 8 * 3 / (d * (int64_t)sizeof(float)) / SAE_SHADOW_PANEL * SAE_SHADOW_PANEL;
    if (size.part > size.latents) size.part = size.latents;
    if (size.part < SAE_SHADOW_PANEL) size.part = SAE_SHADOW_PANEL;
    return size;
}

/* ---- latents ---------------------------------------------------------------------------------------------- */

/* Latents of a subset side by side: rows of W_enc, or of the panels of its copy, and what goes with them. */
static void gather_latents(const sae_screen *screen, sae_worker *worker, const sae_tile *t)
{
    const sae_encode_job *job = screen->job;
    const sae_shadow *shadow = job->shadow;
    bool low = worker->kind != SAE_SCREEN_FP32, bytes = worker->kind == SAE_SCREEN_INT8;
    int64_t words = low ? sae_shadow_words(shadow) : 0;
    for (int64_t j = 0; j < t->count; j++) {
        int64_t i = job->subset[t->first + j];
        worker->w_norm[j] = shadow->norm[i];
        if (!low) {
            memcpy(worker->w + j * job->d, job->W_enc + i * job->d, (size_t)job->d * sizeof(float));
            continue;
        }
        worker->w_error[j] = shadow->error[i];
        if (bytes) worker->w_scale[j] = shadow->scale[i];
        if (bytes) worker->w_sum[j] = shadow->sum[i];
        for (int64_t m = 0; bytes && m < screen->n_split; m++)
            worker->columns[m * screen->size.latents + j] = shadow->columns[m * job->n + i];
        const uint32_t *from = shadow->rows + i / SAE_SHADOW_PANEL * SAE_SHADOW_PANEL * words + i % SAE_SHADOW_PANEL;
        uint32_t *to =
            (uint32_t *)(void *)worker->w + j / SAE_SHADOW_PANEL * SAE_SHADOW_PANEL * words + j % SAE_SHADOW_PANEL;
        for (int64_t k = 0; k < words; k++) to[k * SAE_SHADOW_PANEL] = from[k * SAE_SHADOW_PANEL];
    }
}

static void place_latents(const sae_screen *screen, sae_worker *worker, sae_tile *t)
{
    const sae_encode_job *job = screen->job;
    const sae_shadow *shadow = job->shadow;
    bool low = worker->kind != SAE_SCREEN_FP32, bytes = worker->kind == SAE_SCREEN_INT8;
    t->limits = (sae_scan){.n = t->count, .bias = worker->bias};
    t->bytes = (sae_from_int8){.n = t->count, .split = screen->n_split};
    if (job->subset) {
        gather_latents(screen, worker, t);
        t->w = worker->w;
        t->limits.norm = worker->w_norm;
        t->limits.error = low ? worker->w_error : worker->w_norm;
        t->bytes.bytes = worker->w_sum;
        t->bytes.scale = worker->w_scale;
        t->bytes.columns = worker->columns;
        t->bytes.stride = screen->size.latents;
        return;
    }
    t->w = low ? (const void *)(shadow->rows + t->first * sae_shadow_words(shadow))
               : (const void *)(job->W_enc + t->first * job->d);
    t->limits.norm = shadow->norm + t->first;
    t->limits.error = low ? shadow->error + t->first : t->limits.norm;
    if (!bytes) return;
    t->bytes.bytes = shadow->sum + t->first;
    t->bytes.scale = shadow->scale + t->first;
    t->bytes.columns = shadow->columns + t->first;
    t->bytes.stride = job->n;
}

sae_tile sae_tile_at(const sae_screen *screen, sae_worker *worker, int64_t first)
{
    const sae_encode_job *job = screen->job;
    bool low = worker->kind != SAE_SCREEN_FP32, thresholds = job->filter == SAE_FILTER_LATENT;
    int64_t rest = screen->n - first, latents = screen->size.latents;
    sae_tile t = {.first = first, .count = rest < latents ? rest : latents};
    /* what is left of a dictionary goes panel by panel: those products are padded to one */
    if (low && t.count < latents && t.count > SAE_SHADOW_PANEL) t.count = SAE_SHADOW_PANEL;
    t.width = low && t.count < SAE_SHADOW_PANEL ? SAE_SHADOW_PANEL : t.count;
    place_latents(screen, worker, &t);
    for (int64_t j = 0; j < t.count; j++) {
        int64_t i = sae_tile_latent(job, first + j);
        double b = (double)job->b_enc[i], theta = thresholds ? (double)job->theta[i] : 0;
        worker->bias[j] = rounded_up(b - theta + 0x1p-21 * (fabs(b) + fabs(theta)));
        worker->least_bias[j] = -rounded_up(-(b - 0x1p-21 * fabs(b)));
        double size = (double)t.limits.norm[j] + (low ? (double)t.limits.error[j] : 0);
        if (size > t.size || isnan(size)) t.size = size;
        if (!job->near) continue;
        double near = (double)job->near[i];
        worker->near_bias[j] = rounded_up(b - near + 0x1p-21 * (fabs(b) + fabs(near)));
    }
    return t;
}

sae_tile sae_tile_part(const sae_tile *at, int64_t offset, int64_t count)
{
    sae_tile t = *at;
    t.first += offset;
    t.offset += offset;
    t.count = at->count - offset < count ? at->count - offset : count;
    t.limits.bias += offset;
    t.limits.norm += offset;
    t.limits.error += offset;
    t.limits.n = t.bytes.n = t.count;
    if (at->bytes.bytes) {
        t.bytes.bytes += offset;
        t.bytes.scale += offset;
        t.bytes.columns += offset;
    }
    return t;
}

/* ---- products ----------------------------------------------------------------------------------------------- */

void sae_tile_multiply(const sae_screen *screen, sae_worker *worker, const sae_tile *at, const float *c, int64_t rows)
{
    int64_t d = screen->job->d;
    if (worker->kind == SAE_SCREEN_FP32)
        sae_gemm_nt(rows, at->count, d, 1, c, d, at->w, d, 0, worker->z, at->width);
    else if (!sae_low_gemm_run(worker->gemm, rows, at->width, worker->c_low, at->w, worker->z))
        worker->failed = true;
}

const float *sae_tile_row(const sae_screen *screen, sae_worker *worker, const sae_tile *at, int64_t b)
{
    float *z = worker->z + b * at->width + at->offset;
    if (worker->kind != SAE_SCREEN_INT8) return z;
    sae_from_int8 from = at->bytes;
    from.factor = worker->c_scale[b];
    memcpy(from.c, worker->c_split + b * SAE_SPLIT, sizeof from.c);
    screen->ops->from_int8(&from, (const int32_t *)(const void *)z, z);
    return z;
}

sae_scan sae_tile_limits(const sae_screen *screen, const sae_worker *worker, const sae_tile *at, int64_t b, float t)
{
    sae_scan limits = at->limits;
    double low = (double)t - (double)screen->job->d * 0x1p-124;
    limits.x = worker->by_norm[b];
    limits.y = worker->by_error[b];
    limits.low = worker->reach[b] * at->size < 0x1p120 ? -rounded_up(-low) : -HUGE_VALF;
    return limits;
}

void sae_tile_least(const sae_screen *screen, sae_worker *worker, const sae_tile *at, const float *products, int64_t b)
{
    sae_scan below = at->limits;
    below.bias = worker->least_bias + at->offset;
    below.x = -worker->by_norm[b];
    below.y = -worker->by_error[b];
    screen->ops->reach(&below, products, worker->least);
}
