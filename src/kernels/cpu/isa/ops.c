/* The vector operations of kernels/ops.h; compiled once per instruction set with its name in SAE_ISA. */
#include "kernels/ops.h"

#include "kernels/cpu/isa/vector.h"
#include "kernels/cpu/ops_tables.h"

#include <math.h>

#define LANES SAE_DOT_LANES
#define PARTS (LANES / SAE_WIDTH)

/* Adds the rest of a row (fewer than LANES elements) and sums the lanes pairwise. */
static inline float finish(vf sum[PARTS], const float *a, const float *b, int64_t rest)
{
    if (rest > 0) {
        float lanes[LANES];
        memcpy(lanes, sum, sizeof lanes);
        for (int64_t l = 0; l < rest; l++) lanes[l] += a[l] * b[l];
        memcpy(sum, lanes, sizeof lanes);
    }
    for (int half = PARTS / 2; half > 0; half /= 2)
        for (int p = 0; p < half; p++) sum[p] += sum[p + half];
    return vf_sum(sum[0]);
}

static float dot(const float *a, const float *b, int64_t d)
{
    vf sum[PARTS] = {0};
    int64_t j = 0;
    for (; j + LANES <= d; j += LANES)
        for (int p = 0; p < PARTS; p++) sum[p] += vf_load(a + j + p * SAE_WIDTH) * vf_load(b + j + p * SAE_WIDTH);
    return finish(sum, a + j, b + j, d - j);
}

#define TOGETHER (SAE_WIDTH == 16 ? 4 : 2) /* rows whose sums fit the registers */

static void dot4(const float *a, const float *const rows[4], int64_t d, float out[4])
{
    for (int first = 0; first < 4; first += TOGETHER) {
        vf sum[TOGETHER][PARTS] = {0};
        int64_t j = 0;
        for (; j + LANES <= d; j += LANES)
            for (int p = 0; p < PARTS; p++) {
                vf x = vf_load(a + j + p * SAE_WIDTH);
                for (int r = 0; r < TOGETHER; r++) sum[r][p] += x * vf_load(rows[first + r] + j + p * SAE_WIDTH);
            }
        for (int r = 0; r < TOGETHER; r++) out[first + r] = finish(sum[r], a + j, rows[first + r] + j, d - j);
    }
}

static double sum_squares(const float *a, int64_t d)
{
    enum { SUMS = 32 }; /* enough that additions do not wait for each other */
    double sums[SUMS] = {0};
    int64_t j = 0;
    for (; j + SUMS <= d; j += SUMS)
        for (int l = 0; l < SUMS; l++) sums[l] += (double)a[j + l] * (double)a[j + l];
    for (; j < d; j++) sums[0] += (double)a[j] * (double)a[j];
    for (int half = SUMS / 2; half > 0; half /= 2)
        for (int l = 0; l < half; l++) sums[l] += sums[l + half];
    return sums[0];
}

static void axpy(int64_t d, float a, const float *x, float *y)
{
    int64_t j = 0;
    vf va = vf_set(a);
    for (; j + SAE_WIDTH <= d; j += SAE_WIDTH) vf_store(y + j, vf_load(y + j) + va * vf_load(x + j));
    for (; j < d; j++) y[j] += a * x[j];
}

#define SUMS  8 /* vectors of a row of sums that stay in registers while what is added to them passes */
#define BLOCK (SUMS * SAE_WIDTH)

static inline void load_block(const float *x, vf sums[SUMS])
{
    for (int v = 0; v < SUMS; v++) sums[v] = vf_load(x + v * SAE_WIDTH);
}

static inline void store_block(const vf sums[SUMS], float *x)
{
    for (int v = 0; v < SUMS; v++) vf_store(x + v * SAE_WIDTH, sums[v]);
}

static void add_rows(int64_t count, const int32_t *index, const float *f, float scale, const float *w, int64_t stride,
                     int64_t width, float *y)
{
    int64_t j = 0;
    for (; j + BLOCK <= width; j += BLOCK) {
        vf sums[SUMS];
        load_block(y + j, sums);
        for (int64_t i = 0; i < count; i++) {
            const float *row = w + index[i] * stride + j;
            vf a = vf_set(scale * f[i]);
            for (int v = 0; v < SUMS; v++) sums[v] += a * vf_load(row + v * SAE_WIDTH);
        }
        store_block(sums, y + j);
    }
    for (int64_t i = 0; j < width && i < count; i++) axpy(width - j, scale * f[i], w + index[i] * stride + j, y + j);
}

static inline void prefetch_slice(const float *x)
{
    for (int j = 0; j < SAE_SLICE; j += 16) __builtin_prefetch(x + j);
}

/* sums[slot] += f·x over one block, for entries of one row. */
static inline void add_block(const sae_entry *entries, const float *weights, int64_t count, const float *x, float *sums)
{
    vf row[SUMS];
    load_block(x, row);
    for (int64_t i = 0; i < count; i++) {
        float *sum = sums + (int64_t)entries[i].slot * SAE_SLICE;
        vf f = vf_set(weights[i]);
        for (int v = 0; v < SUMS; v++) vf_store(sum + v * SAE_WIDTH, vf_load(sum + v * SAE_WIDTH) + f * row[v]);
    }
}

static inline void copy(int64_t count, const float *x, float *y)
{
    int64_t j = 0;
    for (; j + SAE_WIDTH <= count; j += SAE_WIDTH) vf_store(y + j, vf_load(x + j));
    for (; j < count; j++) y[j] = x[j];
}

static void gather(int64_t count, const sae_entry *entries, const float *f, int64_t slots, const float *x,
                   int64_t stride, int64_t width, float *rows, float *sums)
{
    for (int64_t r = 0; r < slots; r++) copy(width, rows + r * stride, sums + r * SAE_SLICE);
    for (int64_t i = 0, end; i < count; i = end) {
        for (end = i + 1; end < count && entries[end].row == entries[i].row;) end++;
        const float *row = x + entries[i].row * stride;
        if (end < count) prefetch_slice(x + entries[end].row * stride);
        int64_t j = 0;
        for (; j + BLOCK <= width; j += BLOCK) add_block(entries + i, f + i, end - i, row + j, sums + j);
        for (int64_t k = i; j < width && k < end; k++)
            axpy(width - j, f[k], row + j, sums + (int64_t)entries[k].slot * SAE_SLICE + j);
    }
    for (int64_t r = 0; r < slots; r++) copy(width, sums + r * SAE_SLICE, rows + r * stride);
}

static int64_t scan(const sae_scan *s, const float *z, int32_t *hits)
{
    int64_t j = 0, count = 0;
    vf cut = vf_set(s->low), x = vf_set(s->x), y = vf_set(s->y);
    for (; j + 4 * SAE_WIDTH <= s->n; j += 4 * SAE_WIDTH) {
        uint64_t mask = 0;
        for (int p = 0; p < 4; p++) {
            int64_t at = j + p * SAE_WIDTH;
            vf slack = vf_load(s->bias + at) + x * vf_load(s->norm + at) + y * vf_load(s->error + at);
            mask |= (uint64_t)vf_not_less(vf_load(z + at) + slack, cut) << (p * SAE_WIDTH);
        }
        for (; mask; mask &= mask - 1) hits[count++] = (int32_t)(j + __builtin_ctzll(mask));
    }
    for (; j < s->n; j++)
        if (!(z[j] + (s->bias[j] + s->x * s->norm[j] + s->y * s->error[j]) < s->low)) hits[count++] = (int32_t)j;
    return count;
}

static void reach(const sae_scan *s, const float *z, float *out)
{
    int64_t j = 0;
    vf x = vf_set(s->x), y = vf_set(s->y);
    for (; j + SAE_WIDTH <= s->n; j += SAE_WIDTH)
        vf_store(out + j,
                 vf_load(z + j) + (vf_load(s->bias + j) + x * vf_load(s->norm + j) + y * vf_load(s->error + j)));
    for (; j < s->n; j++) out[j] = z[j] + (s->bias[j] + s->x * s->norm[j] + s->y * s->error[j]);
}

static int64_t count_above(const float *x, int64_t n, float t)
{
    int64_t j = 0, others = 0; /* at most t, or NaN */
    vf vt = vf_set(t);
    for (; j + SAE_WIDTH <= n; j += SAE_WIDTH) others += __builtin_popcount(vf_not_less(vt, vf_load(x + j)));
    for (; j < n; j++) others += !(t < x[j]);
    return n - others;
}

static inline uint16_t bf16_of(float x)
{
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    bits = (bits + 0x7fff + (bits >> 16 & 1)) >> 16;
    return (uint16_t)(bits & 0x7f80 ? bits : 0);
}

static inline float float_of(uint16_t x)
{
    uint32_t bits = (uint32_t)x << 16;
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

static double to_bf16(const float *x, int64_t d, uint16_t *out)
{
    enum { PIECE = 256 };
    double total = 0;
    for (int64_t j = 0; j < d; j += PIECE) {
        float rest[PIECE]; /* exact */
        int64_t count = d - j < PIECE ? d - j : PIECE;
        for (int64_t l = 0; l < count; l++) out[j + l] = bf16_of(x[j + l]);
        for (int64_t l = 0; l < count; l++) rest[l] = x[j + l] - float_of(out[j + l]);
        total += sum_squares(rest, count);
    }
    return total;
}

static inline vi larger_of(vi a, vi b)
{
    vi which = a > b;
    return (a & which) | (b & ~which);
}

static float max_abs(const float *x, int64_t d)
{
    enum { MAXIMA = 4 };     /* enough that they do not wait for each other */
    vi most[MAXIMA] = {{0}}; /* sizes of floats sort like their bits */
    int64_t j = 0;
    for (; j + MAXIMA * SAE_WIDTH <= d; j += MAXIMA * SAE_WIDTH)
        for (int v = 0; v < MAXIMA; v++) most[v] = larger_of((vi)vf_load(x + j + v * SAE_WIDTH) & 0x7fffffff, most[v]);
    for (int v = 1; v < MAXIMA; v++) most[0] = larger_of(most[v], most[0]);
    int32_t largest = 0, lanes[SAE_WIDTH];
    memcpy(lanes, most, sizeof lanes);
    for (int l = 0; l < SAE_WIDTH; l++) largest = lanes[l] > largest ? lanes[l] : largest;
    for (; j < d; j++) {
        int32_t size;
        memcpy(&size, x + j, sizeof size);
        size &= 0x7fffffff;
        largest = size > largest ? size : largest;
    }
    float result;
    memcpy(&result, &largest, sizeof result);
    return result;
}

#define WHOLE 0x1.8p23f /* added to a float below 2²², leaves it rounded to a whole number, which its last bits are */

static float to_int8(const float *x, int64_t d, float inverse, int offset, uint8_t *out, int32_t *sum)
{
    enum { VECTORS = 4 };
    if (inverse == 0) {
        memset(out, offset, (size_t)d);
        *sum = 0;
        return 0;
    }
    vf squares = {0}, by = vf_set(inverse);
    vi sums = {0};
    int64_t j = 0;
    for (; j + VECTORS * SAE_WIDTH <= d; j += VECTORS * SAE_WIDTH) {
        int32_t whole[VECTORS * SAE_WIDTH];
        for (int v = 0; v < VECTORS; v++) {
            vf steps = by * vf_load(x + j + v * SAE_WIDTH), shifted = steps + vf_set(WHOLE);
            vf rest = steps - (shifted - vf_set(WHOLE));
            vi q = (vi)shifted - 0x4b400000;
            memcpy(whole + v * SAE_WIDTH, &q, sizeof q);
            sums += q;
            squares += rest * rest;
        }
        for (int l = 0; l < VECTORS * SAE_WIDTH; l++) out[j + l] = (uint8_t)(whole[l] + offset);
    }
    float square = vf_sum(squares);
    int32_t total = 0;
    for (int l = 0; l < SAE_WIDTH; l++) total += sums[l];
    for (; j < d; j++) {
        float steps = inverse * x[j], shifted = steps + WHOLE, rest = steps - (shifted - WHOLE);
        int32_t q;
        memcpy(&q, &shifted, sizeof q);
        q -= 0x4b400000;
        out[j] = (uint8_t)(q + offset);
        total += q;
        square += rest * rest;
    }
    *sum = total;
    return square;
}

static void from_int8(const sae_from_int8 *from, const int32_t *sum, float *z)
{
    int64_t j = 0;
    vf factor = vf_set(from->factor);
    for (; j + SAE_WIDTH <= from->n; j += SAE_WIDTH) {
        vi whole_sum, bytes;
        memcpy(&whole_sum, sum + j, sizeof whole_sum);
        memcpy(&bytes, from->bytes + j, sizeof bytes);
        vf value = __builtin_convertvector(whole_sum - 128 * bytes, vf) * (vf_load(from->scale + j) * factor);
        for (int64_t m = 0; m < from->split; m++)
            value += vf_set(from->c[m]) * vf_load(from->columns + m * from->stride + j);
        vf_store(z + j, value);
    }
    for (; j < from->n; j++) {
        float value = (float)(sum[j] - 128 * from->bytes[j]) * (from->scale[j] * from->factor);
        for (int64_t m = 0; m < from->split; m++) value += from->c[m] * from->columns[m * from->stride + j];
        z[j] = value;
    }
}

#define TINY 0x1p-100f

static inline vf flush_tiny(vf x)
{
    vi magnitude = (vi)x & 0x7fffffff;
    return (vf)((vi)x & ~((vf)magnitude < vf_set(TINY))); /* a NaN stays, so that divergence is seen */
}

static void adam(const sae_adam *a, int64_t d, const float *g, float *p, float *m, float *v)
{
    int64_t j = 0;
    vf b1 = vf_set(a->beta1), b2 = vf_set(a->beta2), c1 = vf_set(a->one_minus_beta1), c2 = vf_set(a->one_minus_beta2);
    vf step = vf_set(a->step), inv = vf_set(a->inv_correction2), eps = vf_set(a->eps);
    for (; j + SAE_WIDTH <= d; j += SAE_WIDTH) {
        vf x = vf_load(g + j);
        vf mean = flush_tiny(b1 * vf_load(m + j) + c1 * x);
        vf square = flush_tiny(b2 * vf_load(v + j) + c2 * (x * x));
        vf_store(m + j, mean);
        vf_store(v + j, square);
        vf_store(p + j, vf_load(p + j) - step * mean / (vf_sqrt(square * inv) + eps));
    }
    for (; j < d; j++) {
        float mean = a->beta1 * m[j] + a->one_minus_beta1 * g[j];
        float square = a->beta2 * v[j] + a->one_minus_beta2 * (g[j] * g[j]);
        m[j] = fabsf(mean) < TINY ? 0 : mean;
        v[j] = square < TINY ? 0 : square;
        p[j] -= a->step * m[j] / (sqrtf(v[j] * a->inv_correction2) + a->eps);
    }
}

static void scale(int64_t d, float a, float *x)
{
    int64_t j = 0;
    vf va = vf_set(a);
    for (; j + SAE_WIDTH <= d; j += SAE_WIDTH) vf_store(x + j, va * vf_load(x + j));
    for (; j < d; j++) x[j] *= a;
}

#define TEXT(name) #name
#define NAME(isa)  TEXT(isa)
#define TABLE(isa) SAE_OPS_TABLE(isa)

const sae_ops TABLE(SAE_ISA) = {
    .name = NAME(SAE_ISA),
    .dot = dot,
    .dot4 = dot4,
    .sum_squares = sum_squares,
    .axpy = axpy,
    .add_rows = add_rows,
    .gather = gather,
    .scan = scan,
    .reach = reach,
    .count_above = count_above,
    .to_bf16 = to_bf16,
    .max_abs = max_abs,
    .to_int8 = to_int8,
    .from_int8 = from_int8,
    .adam = adam,
    .scale = scale,
};
