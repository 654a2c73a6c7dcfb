/* Screens below fp32: rounding and layout, the bound beside the errors that really occur, and codes of random problems
 * beside brute force. Skipped, kind by kind, where this machine or build lacks them. */
#include "kernels/cpu/low_gemm.h"
#include "kernels/kernels.h"
#include "kernels/ops.h"
#include "kernels/ref/ref.h"

#include "base/alloc.h"
#include "base/rng.h"
#include "testing.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LATENTS = SAE_SHADOW_PANEL };

static sae_screen_kind kind_of(void **state)
{
    sae_screen_kind kind = *(const sae_screen_kind *)*state;
    if (!sae_low_gemm_usable(kind, NULL)) skip();
    return kind;
}

/* ---- rounding and layout ------------------------------------------------------------------------------ */

/* The nearest bfloat16 by comparing both neighbours; ties to the even one; no denormals. */
static float nearest_bf16(float x)
{
    uint32_t bits, low, high;
    float below, above;
    memcpy(&bits, &x, sizeof bits);
    low = bits & 0xffff0000;
    high = low + 0x10000;
    memcpy(&below, &low, sizeof below);
    memcpy(&above, &high, sizeof above);
    double down = fabs((double)x - (double)below), up = fabs((double)above - (double)x);
    float nearest = down < up || (down == up && !(low & 0x10000)) ? below : above;
    return fabsf(nearest) < 0x1p-126f ? 0 : nearest;
}

static void rounds_to_nearest(void **state)
{
    (void)state;
    enum { COUNT = 3001 };
    static float x[COUNT];
    sae_rng rng = sae_rng_make(3, "bf16", 0);
    for (int j = 0; j < COUNT; j++) {
        double size = exp2(250 * sae_rng_uniform(&rng, (uint64_t)j) - 130); /* denormals too */
        x[j] = (float)(size * sae_rng_normal(&rng, (uint64_t)(COUNT + j)));
        uint32_t bits;
        memcpy(&bits, &x[j], sizeof bits);
        if (j % 5 == 0) bits = (bits & 0xffff0000) | 0x8000; /* a tie */
        memcpy(&x[j], &bits, sizeof bits);
    }
    x[7] = 0;
    x[8] = -0.0f;
    for (int table = 0; sae_ops_at(table); table++)
        for (int d = 0; d < COUNT; d += 97) {
            static uint16_t rounded[COUNT];
            double square = sae_ops_at(table)->to_bf16(x, d, rounded), expected = 0;
            for (int j = 0; j < d; j++) {
                uint32_t bits = (uint32_t)rounded[j] << 16;
                float value, right = nearest_bf16(x[j]);
                memcpy(&value, &bits, sizeof value);
                assert_true(value == right);
                double error = (double)x[j] - (double)value;
                expected += error * error;
            }
            assert_true(fabs(square - expected) <= 1e-13 * expected);
        }
}

/* Values of a row as the product takes them. */
static double value_of(const sae_shadow *s, int64_t i, int64_t j)
{
    int64_t per = 2, words = sae_shadow_words(s);
    uint32_t word = s->rows[(i / LATENTS * words + j / per) * LATENTS + i % LATENTS];
    uint32_t bits = word >> (16 * (j % per)) << 16;
    float value;
    memcpy(&value, &bits, sizeof value);
    return (double)value;
}

static void copies_are_what_they_say(void **state)
{
    sae_screen_kind kind = kind_of(state);
    const int64_t sizes[][2] = {{1, 1}, {63, 31}, {64, 32}, {130, 33}, {65, 513}, {64, 1050}};
    for (int t = 0; t < 6; t++) {
        int64_t n = sizes[t][0], d = sizes[t][1];
        float *W = malloc((size_t)(n * d) * sizeof *W);
        sae_rng rng = sae_rng_make(4, "shadow", (uint64_t)t);
        for (int64_t i = 0; i < n * d; i++) W[i] = (float)sae_rng_normal(&rng, (uint64_t)i);
        sae_shadow shadow;
        assert_int_equal(sae_shadow_new(&shadow, kind, n, d, NULL), SAE_OK);
        sae_shadow_fill(&shadow, W, 2);
        for (int64_t i = 0; i < n; i++) {
            double square = 0, norm = 0;
            for (int64_t j = 0; j < shadow.depth; j++) {
                double w = j < d ? (double)W[i * d + j] : 0, error = w - value_of(&shadow, i, j);
                assert_true(j < d || error == 0);
                square += error * error;
                norm += w * w;
            }
            assert_true((double)shadow.error[i] >= sqrt(square) && (double)shadow.error[i] <= 1.000001 * sqrt(square));
            assert_true((double)shadow.norm[i] >= sqrt(norm) && (double)shadow.norm[i] <= 1.000001 * sqrt(norm));
            assert_true(square <= norm * 0x1p-16); /* half a unit in the last of 8 places */
        }
        sae_shadow_clear(&shadow);
        free(W);
    }
}

/* ---- the bound ------------------------------------------------------------------------------------------- */

typedef enum rows_kind { RANDOM, SAME_ROUNDING, OUTLIERS, WIDE_RANGE, ROW_KINDS } rows_kind;

static float value_at(rows_kind kind, const sae_rng *rng, int64_t row, int64_t j, int64_t at)
{
    double x = sae_rng_normal(rng, (uint64_t)at);
    switch (kind) {
    case SAME_ROUNDING: /* every value is rounded by nearly half a unit the same way, and all products are positive */
        return 1 + 0x1p-8f - 0x1p-16f;
    case OUTLIERS:
        return (float)(j % 17 == 3 ? 100 * x : x);
    case WIDE_RANGE:
        return (float)(x * exp2((double)((j * 7 + row) % 60) - 30));
    default:
        return (float)x;
    }
}

/* The largest error of the screen's products as a share of its bound, over 64 latents and 32 rows. */
static double closest(sae_screen_kind kind, rows_kind rows, int64_t d)
{
    float *c = malloc((size_t)(SAE_LOW_ROWS * d) * 4), *W = malloc((size_t)(LATENTS * d) * 4);
    sae_rng rng = sae_rng_make(5, "bound", (uint64_t)(rows * 10000 + d));
    for (int64_t b = 0; b < SAE_LOW_ROWS; b++)
        for (int64_t j = 0; j < d; j++) c[b * d + j] = value_at(rows, &rng, b, j, b * d + j);
    for (int64_t i = 0; i < LATENTS; i++)
        for (int64_t j = 0; j < d; j++)
            W[i * d + j] = value_at(rows == OUTLIERS ? RANDOM : rows, &rng, i, j, (1 << 24) + i * d + j);
    sae_shadow w, x; /* the rows of c are rounded as those of W are */
    assert_int_equal(sae_shadow_new(&w, kind, LATENTS, d, NULL), SAE_OK);
    assert_int_equal(sae_shadow_new(&x, kind, SAE_LOW_ROWS, d, NULL), SAE_OK);
    sae_shadow_fill(&w, W, 1);
    sae_shadow_fill(&x, c, 1);
    uint16_t *low = sae_alloc((size_t)(SAE_LOW_ROWS * w.depth), sizeof *low);
    memset(low, 0, (size_t)(SAE_LOW_ROWS * w.depth) * sizeof *low);
    for (int64_t b = 0; b < SAE_LOW_ROWS; b++) sae_ops_best()->to_bf16(c + b * d, d, low + b * w.depth);
    static float z[SAE_LOW_ROWS * LATENTS];
    sae_low_gemm *gemm = NULL;
    assert_int_equal(sae_low_gemm_new(&gemm, kind, w.depth, SAE_LOW_ROWS, LATENTS, NULL), SAE_OK);
    assert_true(sae_low_gemm_run(gemm, SAE_LOW_ROWS, LATENTS, low, w.rows, z));
    double most = 0, kappa = 1.02 * (double)d * (0x1p-23 + 0x1p-24) + 0x1p-21;
    for (int64_t b = 0; b < SAE_LOW_ROWS; b++)
        for (int64_t i = 0; i < LATENTS; i++) {
            double C = (double)x.norm[b] + (double)x.error[b];
            double bound = ((double)x.error[b] + C * kappa) * (double)w.norm[i] + C * (1 + kappa) * (double)w.error[i];
            double exact = (double)sae_ops_best()->dot(c + b * d, W + i * d, d);
            double share = fabs((double)z[b * LATENTS + i] - exact) / (bound + (double)d * 0x1p-124);
            if (!(share <= most)) most = share;
        }
    sae_low_gemm_free(gemm);
    sae_shadow_clear(&w);
    sae_shadow_clear(&x);
    sae_free(low);
    free(c);
    free(W);
    return most;
}

static void bound_holds_and_is_reached(void **state)
{
    sae_screen_kind kind = kind_of(state);
    const int64_t ds[] = {1, 2, 31, 64, 768, 4096};
    for (int i = 0; i < 6; i++)
        for (int rows = 0; rows < ROW_KINDS; rows++) {
            double share = closest(kind, (rows_kind)rows, ds[i]);
            print_message("d = %lld, rows of kind %d: errors up to %.3f of the bound\n", (long long)ds[i], rows, share);
            assert_true(share <= 1);
            /* Cauchy and Schwarz meet where all roundings are alike; random ones stay within a few 1/√d of it */
            if (rows == SAME_ROUNDING) assert_true(share > 0.9);
            if (rows == RANDOM) assert_true(share > 0.5 / sqrt((double)ds[i]));
        }
}

/* ---- random problems ------------------------------------------------------------------------------------- */

/* A float with random sign and mantissa and an exponent within `range` of `middle`; now and then 0, a small integer,
 * or the value before it again. */
static float any_float(const sae_rng *rng, uint64_t *at, int middle, int range, float last)
{
    uint64_t bits = sae_rng_u64(rng, (*at)++);
    switch (bits >> 60) {
    case 0:
        return 0;
    case 1:
        return (float)((int)(bits & 7) - 3);
    case 2:
        return last;
    default:
        break;
    }
    int exponent = middle + (int)(bits >> 24 & 0xffff) % (2 * range + 1) - range;
    float value = ldexpf((float)(1 + (double)(bits & 0x7fffff) * 0x1p-23), exponent);
    return bits >> 59 & 1 ? -value : value;
}

static void fill(const sae_rng *rng, uint64_t *at, float *x, int64_t count, int middle, int range)
{
    for (int64_t i = 0; i < count; i++) x[i] = any_float(rng, at, middle, range, i > 0 ? x[i - 1] : 0);
}

static int64_t pick(const sae_rng *rng, uint64_t *at, int64_t most)
{
    return 1 + (int64_t)(sae_rng_u64(rng, (*at)++) % (uint64_t)most);
}

/* What exceeds job->near was found, once each and with its exact value, whatever was selected. */
typedef struct near_check {
    const sae_encode_job *job;
    float *left; /* [rows, n] z that are still to come; NaN: none */
    bool wrong;
} near_check;

static void meet(void *ud, int32_t row, int32_t latent, float z)
{
    near_check *check = ud;
    float *left = &check->left[row * check->job->n + latent];
    check->wrong = check->wrong || *left != z;
    *left = NAN;
}

static bool near_is_right(const sae_encode_job *job, const sae_encoder *encoder, const float *z)
{
    near_check check = {job, malloc((size_t)(job->rows * job->n) * sizeof(float)), false};
    for (int64_t i = 0; i < job->rows * job->n; i++) check.left[i] = z[i] > job->near[i % job->n] ? z[i] : NAN;
    sae_encoder_near(encoder, meet, &check);
    for (int64_t i = 0; i < job->rows * job->n; i++) check.wrong = check.wrong || !isnan(check.left[i]);
    free(check.left);
    return !check.wrong;
}

static void random_problem(sae_screen_kind kind, uint64_t seed)
{
    sae_rng rng = sae_rng_make(seed, "random problem", 0);
    uint64_t at = 0;
    int64_t rows = pick(&rng, &at, 70), d = pick(&rng, &at, 90), n = pick(&rng, &at, 700), k = pick(&rng, &at, n);
    int middle = (int)pick(&rng, &at, 160) - 120, range = (int)pick(&rng, &at, 12);
    sae_filter filter = (sae_filter)(pick(&rng, &at, 3) - 1);
    if (pick(&rng, &at, 3) > 1) k = pick(&rng, &at, n < 20 ? n : 20);
    float *c = malloc((size_t)(rows * d) * 4), *W = malloc((size_t)(n * d) * 4), *b = malloc((size_t)n * 4);
    float *theta = malloc((size_t)n * 4), *f = malloc((size_t)(rows * n) * 4), *got = calloc((size_t)(rows * n), 4);
    float *z = malloc((size_t)(rows * n) * 4), *near = malloc((size_t)n * 4);
    fill(&rng, &at, c, rows * d, middle, range);
    fill(&rng, &at, W, n * d, (int)pick(&rng, &at, 60) - 40, range);
    fill(&rng, &at, b, n, middle, range);
    fill(&rng, &at, theta, n, middle, range);
    for (int64_t i = 0; i < n; i++) theta[i] = fabsf(theta[i]);
    sae_ref_encode_float(c, rows, d, n, W, b, filter, k, theta, NULL, f);
    for (int64_t i = 0; i < rows * n; i++) z[i] = sae_ops_best()->dot(c + i / n * d, W + i % n * d, d) + b[i % n];
    fill(&rng, &at, near, n, middle, range);
    for (int64_t i = 0; i < n; i++)
        if (pick(&rng, &at, 8) == 1) near[i] = -HUGE_VALF;
    sae_shadow shadow;
    sae_encoder *encoder = NULL;
    sae_env env = {.threads = 2};
    sae_codes *codes = sae_codes_new();
    sae_encode_hint hint = {.cut = ldexpf(1, (int)pick(&rng, &at, 100) - 50), .margin = 0.05f};
    assert_int_equal(sae_shadow_new(&shadow, kind, n, d, NULL), SAE_OK);
    sae_shadow_fill(&shadow, W, 2);
    assert_int_equal(sae_encoder_new(&encoder, kind, d, rows, k, k, &env, NULL), SAE_OK);
    assert_int_equal(sae_codes_reserve(codes, rows, rows * k, NULL), SAE_OK);
    sae_encode_job job = {c, rows, d, n, W, b, &shadow, NULL, 0, filter, k, theta, near};
    assert_int_equal(sae_encode(encoder, &job, &hint, codes, NULL, NULL), SAE_OK);
    for (int64_t row = 0; row < rows; row++)
        for (int64_t j = codes->row_offsets[row]; j < codes->row_offsets[row + 1]; j++)
            got[row * n + codes->latents[j]] = codes->values[j];
    if (!near_is_right(&job, encoder, z)) fail_msg("seed %llu: near", (unsigned long long)seed);
    if (memcmp(got, f, (size_t)(rows * n) * sizeof *f) != 0)
        fail_msg("seed %llu: %lld rows, d = %lld, n = %lld, k = %lld, filter %d", (unsigned long long)seed,
                 (long long)rows, (long long)d, (long long)n, (long long)k, (int)filter);
    sae_encoder_free(encoder);
    sae_codes_free(codes);
    sae_shadow_clear(&shadow);
    free(c);
    free(W);
    free(b);
    free(theta);
    free(f);
    free(got);
    free(z);
    free(near);
}

static void random_problems(void **state)
{
    sae_screen_kind kind = kind_of(state);
    for (uint64_t seed = 0; seed < 300; seed++) random_problem(kind, seed);
}

#define FOR_SCREEN(kind, test)                                                                                         \
    {                                                                                                                  \
#test " " #kind, test, NULL, NULL, &screens[SAE_SCREEN_##kind]                                                 \
    }
#define FOR_ALL(test) FOR_SCREEN(BF16, test)

int main(void)
{
    static sae_screen_kind screens[] = {SAE_SCREEN_AUTO, SAE_SCREEN_FP32, SAE_SCREEN_BF16, SAE_SCREEN_INT8};
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rounds_to_nearest),
        FOR_ALL(copies_are_what_they_say),
        FOR_ALL(bound_holds_and_is_reached),
        FOR_ALL(random_problems),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
