/* The vector operations under the kernels, once per instruction set; results are the same bits on all. */
#ifndef SAE_KERNELS_OPS_H
#define SAE_KERNELS_OPS_H

#include <stdint.h>

/* What Adam needs at step t (1, 2, …): p ← p − (lr/(1 − β1ᵗ))·m / (√(v/(1 − β2ᵗ)) + eps). */
typedef struct sae_adam {
    float beta1, beta2, one_minus_beta1, one_minus_beta2;
    float step;            /* lr / (1 − β1ᵗ) */
    float inv_correction2; /* 1 / (1 − β2ᵗ) */
    float eps;
} sae_adam;

#define SAE_DOT_LANES                                                                                                  \
    32 /* element j is added to lane j mod 32; lanes are then added in pairs l, l + 16, 8, 4, 2, 1                     \
        */

/* One code on its way into gradients: row `row`, times a weight, belongs to slot `slot`. */
typedef struct sae_entry {
    int32_t row, slot;
} sae_entry;

#define SAE_SLICE 128 /* dimensions that sae_ops.gather works on at a time: a few slots of them fit the first cache */

/* What a row of the screen's tile is held against. */
typedef struct sae_scan {
    int64_t n;
    const float *bias, *norm, *error; /* [n] */
    float x, y, low;
} sae_scan;

#define SAE_SPLIT 8 /* dimensions at most that an int8 screen multiplies in fp32 */

/* How a row of the screen's tile of byte products becomes float: what belongs to its latents, and to the row. */
typedef struct sae_from_int8 {
    int64_t n, split, stride;
    const int32_t *bytes; /* [n] sums of the latents' bytes */
    const float *scale;   /* [n] of the latents */
    const float *columns; /* [split, stride] */
    float factor;         /* scale of the row */
    float c[SAE_SPLIT];   /* [split] values of the row */
} sae_from_int8;

typedef struct sae_ops {
    const char *name; /* "avx512", "avx2", "baseline" */
    /* Σ a_j b_j in float32, in the one fixed order above; multiply and add are rounded separately. */
    float (*dot)(const float *a, const float *b, int64_t d);
    /* out[r] = dot(a, rows[r]) for 4 rows: the same bits, sharing the loads of a. */
    void (*dot4)(const float *a, const float *const rows[4], int64_t d, float out[4]);
    /* Σ a_j² in double; any order, the same everywhere. */
    double (*sum_squares)(const float *a, int64_t d);
    /* y += a·x. */
    void (*axpy)(int64_t d, float a, const float *x, float *y);
    /* y += (scale·f_j)·w_{index_j} for each j < count in turn, over `width` dimensions; w and y point at the first of
     * them, rows of w are `stride` apart. */
    void (*add_rows)(int64_t count, const int32_t *index, const float *f, float scale, const float *w, int64_t stride,
                     int64_t width, float *y);
    /* For each entry i in order: rows[slot] += f_i·x[row], over `width` ≤ SAE_SLICE dimensions; x and rows [slots]
     * point at the first of these, all their rows are `stride` apart. sums [slots, SAE_SLICE] is scratch. */
    void (*gather)(int64_t count, const sae_entry *entries, const float *f, int64_t slots, const float *x,
                   int64_t stride, int64_t width, float *rows, float *sums);
    /* Indices j in [0, n) with not (z_j + (bias_j + x·norm_j + y·error_j) < low): written to hits, the count returned.
     * A NaN is a hit. */
    int64_t (*scan)(const sae_scan *scan, const float *z, int32_t *hits);
    /* out_j = z_j + (bias_j + x·norm_j + y·error_j): what scan compares. */
    void (*reach)(const sae_scan *scan, const float *z, float *out);
    /* How many of x [n] are > t; a NaN is not. */
    int64_t (*count_above)(const float *x, int64_t n, float t);
    /* out [d] = x rounded to bfloat16, to nearest, ties to even; results below the normal numbers become 0, as the
     * processors' products take them. Returns Σ (x_j − out_j)² in double, any order. */
    double (*to_bf16)(const float *x, int64_t d, uint16_t *out);
    /* max |x_j|; NaN where there is one. */
    float (*max_abs)(const float *x, int64_t d);
    /* out [d] = q_j + offset, q_j a whole number nearest to inverse·x_j, which is at most 127 in size; *sum = Σ q_j.
     * Returns Σ (inverse·x_j − q_j)² in float32, any order. With inverse 0 all are 0, whatever stands in x. */
    float (*to_int8)(const float *x, int64_t d, float inverse, int offset, uint8_t *out, int32_t *sum);
    /* z_j = (sum_j − 128·bytes_j)·(scale_j·factor) + Σ_m c_m columns_m,j over `split` ≤ SAE_SPLIT columns, `stride`
     * apart; z may be sum. */
    void (*from_int8)(const sae_from_int8 *from, const int32_t *sum, float *z);
    /* One Adam step on a vector; moments below 2⁻¹⁰⁰ in size become 0 (they would decay into denormals, which are
     * slow, and are far below eps). */
    void (*adam)(const sae_adam *adam, int64_t d, const float *g, float *p, float *m, float *v);
    /* x *= a. */
    void (*scale)(int64_t d, float a, float *x);
} sae_ops;

/* The best table for this processor. */
const sae_ops *sae_ops_best(void);
/* Table i of those that this processor can run, best first; NULL past the end. For tests. */
const sae_ops *sae_ops_at(int i);

/* An upper bound of ‖v‖₂, tight to 2⁻²⁰ + (d/SAE_DOT_LANES)·2⁻²⁴: for the screen's bound. */
float sae_norm_above(const sae_ops *ops, const float *v, int64_t d);

#endif
