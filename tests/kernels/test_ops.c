/* Every instruction set gives the bits of the written-out scalar formulas. */
#include "kernels/ops.h"

#include "base/rng.h"
#include "testing.h"

#include <math.h>
#include <string.h>

#define MAX 300

static void fill(float *x, int n, uint64_t salt)
{
    sae_rng rng = sae_rng_make(5, "ops", salt);
    for (int i = 0; i < n; i++) x[i] = (float)(sae_rng_normal(&rng, (uint64_t)i) * pow(10, i % 7 - 3));
}

static float scalar_dot(const float *a, const float *b, int d)
{
    float lanes[SAE_DOT_LANES] = {0};
    for (int j = 0; j < d; j++) lanes[j % SAE_DOT_LANES] += a[j] * b[j];
    for (int half = SAE_DOT_LANES / 2; half; half /= 2)
        for (int l = 0; l < half; l++) lanes[l] += lanes[l + half];
    return lanes[0];
}

static void dots(void **state)
{
    (void)state;
    float a[MAX + 1], b[5][MAX + 1];
    fill(a, MAX + 1, 0);
    for (int r = 0; r < 5; r++) fill(b[r], MAX + 1, 1 + (uint64_t)r);
    for (int table = 0; sae_ops_at(table); table++) {
        const sae_ops *ops = sae_ops_at(table);
        for (int d = 0; d < MAX; d++) {
            /* one element off: rows in files and slices are not aligned */
            float expected = scalar_dot(a + 1, b[4] + 1, d), got = ops->dot(a + 1, b[4] + 1, d), four[4];
            assert_memory_equal(&expected, &got, sizeof got);
            const float *rows[4] = {b[0], b[1] + 1, b[2], b[3]};
            ops->dot4(a, rows, d, four);
            for (int r = 0; r < 4; r++) {
                expected = scalar_dot(a, rows[r], d);
                assert_memory_equal(&expected, &four[r], sizeof expected);
            }
            double sum = 0;
            for (int j = 0; j < d; j++) sum += (double)a[j] * a[j];
            assert_true(fabs(ops->sum_squares(a, d) - sum) <= 1e-13 * sum);
        }
    }
}

/* Also of values whose squares leave float32 on either side. */
static void norms(void **state)
{
    (void)state;
    const float sizes[] = {1, 1e25f, 1e-25f, 1e-40f};
    for (int table = 0; sae_ops_at(table); table++)
        for (int s = 0; s < 4; s++)
            for (int d = 0; d < MAX; d++) {
                float a[MAX];
                double sum = 0;
                fill(a, d, 7 + (uint64_t)d);
                for (int j = 0; j < d; j++) a[j] *= sizes[s];
                for (int j = 0; j < d; j++) sum += (double)a[j] * (double)a[j];
                double norm = (double)sae_norm_above(sae_ops_at(table), a, d),
                       tight = 0x1p-20 + d / SAE_DOT_LANES * 0x1p-24;
                assert_true(norm >= sqrt(sum));
                assert_true(norm <= sqrt(sum) * (1 + tight) + 1e-44);
            }
}

static void sums(void **state)
{
    (void)state;
    float x[MAX], w[MAX], y0[MAX];
    fill(x, MAX, 1);
    fill(w, MAX, 2);
    fill(y0, MAX, 3);
    const int32_t both[2] = {0, 1};
    const float factors[2] = {-0.3f, 1.7f};
    float rows[2 * MAX];
    memcpy(rows, x, sizeof x);
    memcpy(rows + MAX, w, sizeof w);
    for (int table = 0; sae_ops_at(table); table++) {
        const sae_ops *ops = sae_ops_at(table);
        for (int d = 0; d < MAX; d += 7) {
            float one[MAX], two[MAX], expected[MAX];
            memcpy(one, y0, sizeof one);
            memcpy(two, y0, sizeof two);
            for (int j = 0; j < d; j++) {
                float first = 0.3f * x[j], second = -1.7f * w[j];
                expected[j] = y0[j] + first;
                expected[j] = expected[j] + second;
            }
            ops->axpy(d, 0.3f, x, one);
            ops->axpy(d, -1.7f, w, one);
            ops->add_rows(2, both, factors, -1, rows, MAX, d, two);
            assert_memory_equal(one, expected, (size_t)d * sizeof(float));
            assert_memory_equal(two, expected, (size_t)d * sizeof(float));
            assert_memory_equal(one + d, y0 + d, (size_t)(MAX - d) * sizeof(float));
        }
    }
}

static void scans(void **state)
{
    (void)state;
    float z[MAX], bias[MAX], norm[MAX], error[MAX];
    fill(z, MAX, 4);
    fill(bias, MAX, 5);
    fill(norm, MAX, 10);
    fill(error, MAX, 11);
    z[17] = NAN;
    z[MAX - 1] = NAN;
    z[40] = INFINITY;
    z[41] = -INFINITY;
    const float lows[] = {-INFINITY, -1, 0, 0.5f, 100, INFINITY};
    for (int table = 0; sae_ops_at(table); table++)
        for (int l = 0; l < 6; l++)
            for (int n = 0; n <= MAX; n += 3) {
                int32_t hits[MAX];
                sae_scan scan = {n, bias, norm, error, 0.01f, -0.3f, lows[l]};
                int64_t count = sae_ops_at(table)->scan(&scan, z, hits), at = 0, above = 0;
                float reach[MAX];
                sae_ops_at(table)->reach(&scan, z, reach);
                for (int j = 0; j < n; j++) {
                    float x = 0.01f * norm[j], y = -0.3f * error[j], slack = bias[j] + x;
                    slack = slack + y;
                    assert_memory_equal(&reach[j], &(float){z[j] + slack}, sizeof *reach);
                    above += z[j] + slack > lows[l];
                    if (!(z[j] + slack < lows[l])) {
                        assert_true(at < count);
                        assert_int_equal(hits[at++], j);
                    }
                }
                assert_int_equal(at, count);
                assert_int_equal(sae_ops_at(table)->count_above(reach, n, lows[l]), above);
            }
}

static void adam(void **state)
{
    (void)state;
    sae_adam a = {0.9f, 0.999f, 0.1f, 0.001f, 0.01f, 10, 1e-8f};
    float g[MAX], p0[MAX], m0[MAX], v0[MAX];
    fill(g, MAX, 6);
    fill(p0, MAX, 7);
    fill(m0, MAX, 8);
    fill(v0, MAX, 9);
    for (int j = 0; j < MAX; j++) v0[j] = fabsf(v0[j]);
    g[3] = 0;
    m0[3] = 1e-31f; /* decays below 2⁻¹⁰⁰ */
    v0[3] = 1e-31f;
    g[70] = NAN; /* divergence stays visible */
    for (int table = 0; sae_ops_at(table); table++) {
        float p[MAX], m[MAX], v[MAX];
        memcpy(p, p0, sizeof p);
        memcpy(m, m0, sizeof m);
        memcpy(v, v0, sizeof v);
        sae_ops_at(table)->adam(&a, MAX, g, p, m, v);
        for (int j = 0; j < MAX; j++) {
            float mean = 0.9f * m0[j] + 0.1f * g[j], square = 0.999f * v0[j] + 0.001f * (g[j] * g[j]);
            if (fabsf(mean) < 0x1p-100f) mean = 0;
            if (square < 0x1p-100f) square = 0;
            float expected = p0[j] - 0.01f * mean / (sqrtf(square * 10) + 1e-8f);
            if (j == 70) {
                assert_true(isnan(p[j]) && isnan(m[j]) && isnan(v[j]));
                continue;
            }
            assert_memory_equal(&expected, &p[j], sizeof expected);
            assert_memory_equal(&mean, &m[j], sizeof mean);
            assert_memory_equal(&square, &v[j], sizeof square);
        }
        assert_true(m[3] == 0 && v[3] == 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(dots),  cmocka_unit_test(norms), cmocka_unit_test(sums),
        cmocka_unit_test(scans), cmocka_unit_test(adam),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
