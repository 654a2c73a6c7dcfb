/* The vector loops of a transformer, once per instruction set; the same bits on all of them. */
#ifndef SAE_KERNELS_LM_OPS_H
#define SAE_KERNELS_LM_OPS_H

#include <stdint.h>

typedef enum sae_activation {
    SAE_ACTIVATION_GELU_TANH, /* x/2·(1 + tanh(√(2/π)(x + 0.044715x³))) */
    SAE_ACTIVATION_GELU,      /* x/2·(1 + erf(x/√2)) */
    SAE_ACTIVATION_RELU
} sae_activation;

typedef struct sae_lm_ops {
    const char *name; /* "avx512", "avx2", "baseline" */
    /* out[r] = (x[r] − mean)/√(variance + epsilon) ∘ gain + bias for rows x [rows, d]; out may be x. */
    void (*layer_norm)(int64_t rows, int64_t d, float epsilon, const float *x, const float *gain, const float *bias,
                       float *out);
    /* y [rows, n] += bias [n]. */
    void (*add_bias)(int64_t rows, int64_t n, const float *bias, float *y);
    /* y [rows, n] = activation(y + bias). */
    void (*activate)(int64_t rows, int64_t n, sae_activation activation, const float *bias, float *y);
    /* y [n] += x. */
    void (*add)(int64_t n, const float *x, float *y);
    /* p [n] = softmax(scale·p). */
    void (*softmax)(int64_t n, float scale, float *p);
    /* Mean of x [n]. */
    float (*mean)(int64_t n, const float *x);
    /* y [n] = x + a. */
    void (*add_scalar)(int64_t n, const float *x, float a, float *y);
    /* out [n] = x in bfloat16, rounded to nearest, ties to even; NaN stays NaN. */
    void (*to_bf16)(int64_t n, const float *x, uint16_t *out);
    /* max of x [n], n ≥ 1. */
    float (*max)(int64_t n, const float *x);
    /* Σ exp(x_j − shift). */
    double (*sum_exp)(int64_t n, const float *x, float shift);
    /* Σ exp(x_j − shift)·(x_j − y_j). */
    double (*sum_exp_difference)(int64_t n, const float *x, float shift, const float *y);
} sae_lm_ops;

/* The best table for this processor. */
const sae_lm_ops *sae_lm_ops_best(void);
/* Table i of those that this processor can run, best first; NULL past the end. For tests. */
const sae_lm_ops *sae_lm_ops_at(int i);

#endif
