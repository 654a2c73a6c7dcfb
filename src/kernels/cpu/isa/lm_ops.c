/* The transformer loops of kernels/lm_ops.h; compiled once per instruction set with its name in SAE_ISA.
 * Rows are worked on in blocks of 16 elements whatever the vector width, the last one filled up, and sums are
 * kept in 16 lanes: that makes the bits the same on every instruction set. */
#include "kernels/lm_ops.h"

#include "kernels/cpu/isa/vector.h"
#include "kernels/cpu/lm_ops_tables.h"

#include <math.h>
#include <stddef.h>

#define BLOCK 16
#define PARTS (BLOCK / SAE_WIDTH)

typedef uint32_t vu __attribute__((vector_size(SAE_VECTOR_BYTES)));

/* One block of a row. */
typedef struct block {
    vf part[PARTS];
} block;

/* Elements j … of a row of n; beyond its end `fill`. */
static inline void load(block *b, const float *row, int64_t j, int64_t n, float fill)
{
    if (n - j >= BLOCK) {
        memcpy(b, row + j, sizeof *b);
        return;
    }
    float last[BLOCK];
    for (int64_t l = 0; l < BLOCK; l++) last[l] = j + l < n ? row[j + l] : fill;
    memcpy(b, last, sizeof *b);
}

static inline void store(const block *b, float *row, int64_t j, int64_t n)
{
    int64_t count = n - j < BLOCK ? n - j : BLOCK;
    if (count == BLOCK)
        memcpy(row + j, b, sizeof *b);
    else
        memcpy(row + j, b, (size_t)count * sizeof *row);
}

static inline float sum_lanes(const block *b)
{
    float lanes[BLOCK];
    memcpy(lanes, b, sizeof lanes);
    for (int half = BLOCK / 2; half > 0; half /= 2)
        for (int l = 0; l < half; l++) lanes[l] += lanes[l + half];
    return lanes[0];
}

/* mask ? a : b, lane by lane. */
static inline vf pick(vi mask, vf a, vf b)
{
    return (vf)(((vi)a & mask) | ((vi)b & ~mask));
}

/* exp(x) to 2 units in the last place for −87 ≤ x ≤ 88.7; x is clamped to that range, NaN stays NaN.
 * x = n·ln 2 + r with |r| ≤ ln 2/2; exp(r) = 1 + r + r²·p(r) with p fitted to 3e-9; 2ⁿ goes into the exponent. */
static inline vf exponential(vf x)
{
    const vf low = vf_set(-87.0f), high = vf_set(88.7f), round = vf_set(0x1.8p23f);
    x = pick(x < low, low, x);
    x = pick(x > high, high, x);
    vf shifted = x * 0x1.715476p+0f + round; /* its low bits are n */
    vf n = shifted - round;
    vf r = (x - n * 0x1.62ep-1f) - n * 0x1.0bfbe8p-15f; /* ln 2 in two parts; the first product is exact */
    vf p = r * 0x1.6a23cep-10f + 0x1.123a2p-7f;
    p = p * r + 0x1.5558f2p-5f;
    p = p * r + 0x1.555492p-3f;
    p = p * r + 0x1.fffffcp-2f;
    vf e = (p * (r * r) + r) + 1.0f;
    return (vf)((vu)e + ((vu)shifted << 23));
}

static float mean(int64_t n, const float *x)
{
    block sum = {0}, b;
    for (int64_t j = 0; j < n; j += BLOCK) {
        load(&b, x, j, n, 0);
        for (int p = 0; p < PARTS; p++) sum.part[p] += b.part[p];
    }
    return sum_lanes(&sum) / (float)n;
}

static void add_scalar(int64_t n, const float *x, float a, float *y)
{
    for (int64_t j = 0; j < n; j++) y[j] = x[j] + a;
}

static void layer_norm(int64_t rows, int64_t d, float epsilon, const float *x, const float *gain, const float *bias,
                       float *out)
{
    for (int64_t r = 0; r < rows; r++, x += d, out += d) {
        float center = mean(d, x);
        block sum = {0}, b, g, c;
        for (int64_t j = 0; j < d; j += BLOCK) {
            load(&b, x, j, d, center);
            for (int p = 0; p < PARTS; p++) {
                vf off = b.part[p] - center;
                sum.part[p] += off * off;
            }
        }
        float scale = 1.0f / sqrtf(sum_lanes(&sum) / (float)d + epsilon);
        for (int64_t j = 0; j < d; j += BLOCK) {
            load(&b, x, j, d, 0);
            load(&g, gain, j, d, 0);
            load(&c, bias, j, d, 0);
            for (int p = 0; p < PARTS; p++) b.part[p] = (b.part[p] - center) * scale * g.part[p] + c.part[p];
            store(&b, out, j, d);
        }
    }
}

static void add_bias(int64_t rows, int64_t n, const float *bias, float *y)
{
    for (int64_t r = 0; r < rows; r++, y += n)
        for (int64_t j = 0; j < n; j++) y[j] += bias[j];
}

/* x/2·(1 + tanh u) = x/(1 + exp(−2u)), u = √(2/π)(x + 0.044715x³): without the cancellation of 1 + tanh. */
static inline vf gelu_tanh(vf x)
{
    vf u = x * (x * x * 0.044715f + 1.0f);
    return x / (exponential(u * -1.5957691216f) + 1.0f);
}

static void activate_row(int64_t n, sae_activation activation, const float *bias, float *y)
{
    block b, c;
    for (int64_t j = 0; j < n; j += BLOCK) {
        load(&b, y, j, n, 0);
        load(&c, bias, j, n, 0);
        for (int p = 0; p < PARTS; p++) {
            vf x = b.part[p] + c.part[p];
            b.part[p] = activation == SAE_ACTIVATION_RELU ? pick(x < 0.0f, vf_set(0.0f), x) : gelu_tanh(x);
        }
        store(&b, y, j, n);
    }
}

static void activate(int64_t rows, int64_t n, sae_activation activation, const float *bias, float *y)
{
    for (int64_t r = 0; r < rows; r++, y += n) {
        if (activation != SAE_ACTIVATION_GELU) {
            activate_row(n, activation, bias, y);
            continue;
        }
        for (int64_t j = 0; j < n; j++) {
            float x = y[j] + bias[j];
            y[j] = 0.5f * x * (1.0f + erff(x * 0.70710678f));
        }
    }
}

static void add(int64_t n, const float *x, float *y)
{
    for (int64_t j = 0; j < n; j++) y[j] += x[j];
}

static void to_bf16(int64_t n, const float *x, uint16_t *out)
{
    for (int64_t j = 0; j < n; j++) {
        uint32_t bits;
        memcpy(&bits, x + j, sizeof bits);
        uint32_t rounded = bits + 0x7fff + (bits >> 16 & 1), nan = bits | 0x400000;
        out[j] = (uint16_t)(((bits & 0x7fffffff) > 0x7f800000 ? nan : rounded) >> 16);
    }
}

static float maximum(int64_t n, const float *x)
{
    block best, b;
    load(&best, x, 0, n, x[0]);
    for (int64_t j = BLOCK; j < n; j += BLOCK) {
        load(&b, x, j, n, x[0]);
        for (int p = 0; p < PARTS; p++) best.part[p] = pick(b.part[p] > best.part[p], b.part[p], best.part[p]);
    }
    float lanes[BLOCK], most;
    memcpy(lanes, &best, sizeof lanes);
    most = lanes[0];
    for (int l = 1; l < BLOCK; l++) most = lanes[l] > most ? lanes[l] : most;
    return most;
}

static void softmax(int64_t n, float scale, float *p)
{
    const float most = maximum(n, p);
    block sum = {0}, b;
    for (int64_t j = 0; j < n; j += BLOCK) {
        load(&b, p, j, n, -INFINITY);
        for (int i = 0; i < PARTS; i++) b.part[i] = exponential((b.part[i] - most) * scale);
        store(&b, p, j, n);
        load(&b, p, j, n, 0);
        for (int i = 0; i < PARTS; i++) sum.part[i] += b.part[i];
    }
    const float share = 1.0f / sum_lanes(&sum);
    for (int64_t j = 0; j < n; j++) p[j] *= share;
}

static double sum_exp(int64_t n, const float *x, float shift)
{
    double sums[BLOCK] = {0}, total = 0;
    block b;
    for (int64_t j = 0; j < n; j += BLOCK) {
        float e[BLOCK];
        load(&b, x, j, n, 0);
        for (int p = 0; p < PARTS; p++) b.part[p] = exponential(b.part[p] - shift);
        memcpy(e, &b, sizeof e);
        int64_t count = n - j < BLOCK ? n - j : BLOCK;
        for (int64_t l = 0; l < count; l++) sums[l] += (double)e[l];
    }
    for (int l = 0; l < BLOCK; l++) total += sums[l];
    return total;
}

static double sum_exp_difference(int64_t n, const float *x, float shift, const float *y)
{
    double sums[BLOCK] = {0}, total = 0;
    block b, c;
    for (int64_t j = 0; j < n; j += BLOCK) {
        float e[BLOCK];
        load(&b, x, j, n, 0);
        load(&c, y, j, n, 0);
        for (int p = 0; p < PARTS; p++) b.part[p] = exponential(b.part[p] - shift) * (b.part[p] - c.part[p]);
        memcpy(e, &b, sizeof e);
        for (int l = 0; l < BLOCK; l++) sums[l] += (double)e[l]; /* what fills up is exp(…)·(0 − 0) */
    }
    for (int l = 0; l < BLOCK; l++) total += sums[l];
    return total;
}

#define JOIN(a, b) a##b
#define TABLE(isa) JOIN(sae_lm_ops_, isa)
#define TEXT(word) #word
#define NAME(isa)  TEXT(isa)

const sae_lm_ops TABLE(SAE_ISA) = {
    .name = NAME(SAE_ISA),
    .layer_norm = layer_norm,
    .add_bias = add_bias,
    .activate = activate,
    .add = add,
    .softmax = softmax,
    .mean = mean,
    .add_scalar = add_scalar,
    .to_bf16 = to_bf16,
    .max = maximum,
    .sum_exp = sum_exp,
    .sum_exp_difference = sum_exp_difference,
};
