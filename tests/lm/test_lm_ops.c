/* The transformer loops: accurate, and the same bits on every instruction set. */
#include "testing.h"

#include "base/rng.h"
#include "io/dtype.h"
#include "kernels/lm_ops.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define N 1037 /* no multiple of any vector width */

static void fill(float *x, int64_t n, double size, uint64_t salt)
{
    sae_rng rng = sae_rng_make(11, "test", salt);
    for (int64_t i = 0; i < n; i++) x[i] = (float)(size * sae_rng_normal(&rng, (uint64_t)i));
}

/* Units in the last place of `expected` as a float. */
static double ulps(float ours, double expected)
{
    float rounded = fabsf((float)expected);
    return fabs((double)ours - expected) / (double)(nextafterf(rounded, INFINITY) - rounded);
}

static void gelu_is_accurate(void **state)
{
    (void)state;
    double worst = 0;
    for (int i = -80000; i <= 80000; i++) {
        float y = (float)i * 1e-4f, zero = 0;
        double x = (double)y, u = 0.7978845608028654 * (x + 0.044715 * x * x * x);
        double expected = x / (1 + exp(-2 * u));
        sae_lm_ops_best()->activate(1, 1, SAE_ACTIVATION_GELU_TANH, &zero, &y);
        /* Four roundings go into −2u before it is exponentiated, so its size counts where the result is tiny. */
        double allowed = 3 + (x < 0 ? 4 * fabs(2 * u) : 0);
        if (i != 0) worst = fmax(worst, ulps(y, expected) / allowed);
    }
    if (!(worst < 1)) fail_msg("%g", worst);
}

static void gelu_of_extremes(void **state)
{
    (void)state;
    const float in[] = {0, 100, 1e30f, -100, -1e5f, INFINITY, 1e-40f};
    const float out[] = {0, 100, 1e30f, 0, 0, INFINITY, 0};
    for (size_t i = 0; i < sizeof in / sizeof *in; i++) {
        float y = in[i], zero = 0;
        sae_lm_ops_best()->activate(1, 1, SAE_ACTIVATION_GELU_TANH, &zero, &y);
        if (!(y == out[i] || fabsf(y - out[i]) < 1e-33f)) fail_msg("gelu(%g) = %g", (double)in[i], (double)y);
    }
    float y = NAN, zero = 0;
    sae_lm_ops_best()->activate(1, 1, SAE_ACTIVATION_GELU_TANH, &zero, &y);
    assert_true(isnan(y));
    y = NAN;
    sae_lm_ops_best()->activate(1, 1, SAE_ACTIVATION_RELU, &zero, &y);
    assert_true(isnan(y));
}

/* The bits of the element types' own rounding, on every instruction set: ties, infinities, NaN, denormals. */
static void bfloat16(void **state)
{
    (void)state;
    enum { SPECIAL = 9 };
    const float special[SPECIAL] = {0, -0.0f, INFINITY, -INFINITY, 1e-40f, 1.00390625f, 1.01171875f, 3.4e38f, -1};
    float x[N];
    uint16_t expected[N], got[N];
    fill(x, N, 3, 12);
    memcpy(x, special, sizeof special);
    sae_f32_to_dtype(x, N, SAE_DTYPE_BF16, expected);
    for (int table = 0; sae_lm_ops_at(table); table++) {
        sae_lm_ops_at(table)->to_bf16(N, x, got);
        assert_memory_equal(got, expected, sizeof got);
        const float nan = NAN;
        uint16_t bits;
        sae_lm_ops_at(table)->to_bf16(1, &nan, &bits);
        assert_true((bits & 0x7f80) == 0x7f80 && (bits & 0x7f));
    }
}

static void other_activations(void **state)
{
    (void)state;
    float y[2] = {-2, 3}, bias[2] = {0.5f, 0.5f};
    sae_lm_ops_best()->activate(1, 2, SAE_ACTIVATION_RELU, bias, y);
    assert_true(y[0] == 0 && y[1] == 3.5f);
    float z[2] = {-2, 3};
    sae_lm_ops_best()->activate(1, 2, SAE_ACTIVATION_GELU, bias, z);
    assert_true(fabs((double)z[0] - -1.5 / 2 * (1 + erf(-1.5 / sqrt(2)))) < 1e-7);
    assert_true(fabs((double)z[1] - 3.5 / 2 * (1 + erf(3.5 / sqrt(2)))) < 1e-6);
}

static void softmax_is_accurate(void **state)
{
    (void)state;
    static float x[N], p[N];
    for (int64_t n = 1; n <= N; n = n < 40 ? n + 1 : n + 333) {
        double sum = 0, most = -INFINITY;
        fill(x, n, 5, (uint64_t)n);
        memcpy(p, x, sizeof x);
        sae_lm_ops_best()->softmax(n, 0.7f, p);
        for (int64_t j = 0; j < n; j++) most = fmax(most, (double)x[j] * (double)0.7f);
        for (int64_t j = 0; j < n; j++) sum += exp((double)x[j] * (double)0.7f - most);
        for (int64_t j = 0; j < n; j++) {
            double expected = exp((double)x[j] * (double)0.7f - most) / sum;
            assert_true(fabs((double)p[j] - expected) <= 1e-7 * expected * (20 + fabs((double)x[j])));
        }
    }
}

static void layer_norm_is_accurate(void **state)
{
    (void)state;
    static float x[3 * N], gain[N], bias[N], out[3 * N];
    const int64_t sizes[] = {1, 7, 16, 17, 768, N};
    for (int s = 0; s < 6; s++) {
        const int64_t d = sizes[s];
        fill(x, 3 * d, 3, 1);
        for (int64_t j = 0; j < d; j++) x[d + j] += 100; /* a large mean */
        fill(gain, d, 1, 2);
        fill(bias, d, 1, 3);
        sae_lm_ops_best()->layer_norm(3, d, 1e-5f, x, gain, bias, out);
        for (int64_t r = 0; r < 3; r++) {
            double mean = 0, variance = 0;
            for (int64_t j = 0; j < d; j++) mean += (double)x[r * d + j] / (double)d;
            for (int64_t j = 0; j < d; j++) variance += pow((double)x[r * d + j] - mean, 2) / (double)d;
            for (int64_t j = 0; j < d; j++) {
                double expected = ((double)x[r * d + j] - mean) / sqrt(variance + (double)1e-5f) * (double)gain[j];
                expected += (double)bias[j];
                assert_true(fabs((double)out[r * d + j] - expected) < 3e-5);
            }
        }
    }
}

static void sums_of_exponentials(void **state)
{
    (void)state;
    static float x[N], y[N];
    fill(x, N, 3, 1);
    fill(y, N, 3, 2);
    const sae_lm_ops *ops = sae_lm_ops_best();
    float most = ops->max(N, x), largest = x[0];
    double sum = 0, difference = 0;
    for (int j = 0; j < N; j++) largest = x[j] > largest ? x[j] : largest;
    assert_true(most == largest);
    for (int j = 0; j < N; j++) {
        sum += exp((double)x[j] - (double)most);
        difference += exp((double)x[j] - (double)most) * ((double)x[j] - (double)y[j]);
    }
    assert_true(fabs(ops->sum_exp(N, x, most) - sum) < 1e-6 * sum);
    assert_true(fabs(ops->sum_exp_difference(N, x, most, y) - difference) < 1e-5 * sum);
}

/* Everything that a table computes from the same input, one after the other. */
static size_t run_all(const sae_lm_ops *ops, float *out)
{
    static float x[2 * N], a[N], b[N];
    float *at = out;
    fill(x, 2 * N, 4, 1);
    fill(a, N, 1, 2);
    fill(b, N, 1, 3);
    ops->layer_norm(2, N, 1e-5f, x, a, b, at);
    at += 2 * N;
    for (int activation = 0; activation < 3; activation++, at += 2 * N) {
        memcpy(at, x, sizeof x);
        ops->activate(2, N, (sae_activation)activation, a, at);
    }
    memcpy(at, x, sizeof x);
    ops->add_bias(2, N, b, at);
    ops->add(N, a, at);
    ops->softmax(N, 0.3f, at);
    ops->softmax(5, 0.3f, at + N);
    at += 2 * N;
    const double sums[] = {ops->sum_exp(N, x, 9), ops->sum_exp_difference(N, x, 9, a)};
    memcpy(at, sums, sizeof sums);
    at += 2 * sizeof(double) / sizeof(float);
    *at++ = ops->mean(N, x);
    *at++ = ops->max(N, x);
    ops->add_scalar(N, x, *(at - 1), at);
    return (size_t)(at + N - out);
}

static void bits_of_every_table(void **state)
{
    (void)state;
    static float first[16 * N], other[16 * N];
    size_t count = run_all(sae_lm_ops_at(0), first);
    int tables = 1;
    for (; sae_lm_ops_at(tables); tables++) {
        assert_int_equal(run_all(sae_lm_ops_at(tables), other), count);
        if (memcmp(first, other, count * sizeof *first) != 0)
            fail_msg("%s and %s differ", sae_lm_ops_at(0)->name, sae_lm_ops_at(tables)->name);
    }
    assert_string_equal(sae_lm_ops_at(tables - 1)->name, "baseline");
    assert_null(sae_lm_ops_at(-1));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gelu_is_accurate),
        cmocka_unit_test(gelu_of_extremes),
        cmocka_unit_test(bfloat16),
        cmocka_unit_test(other_activations),
        cmocka_unit_test(softmax_is_accurate),
        cmocka_unit_test(layer_norm_is_accurate),
        cmocka_unit_test(sums_of_exponentials),
        cmocka_unit_test(bits_of_every_table),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
