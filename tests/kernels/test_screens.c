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

/* Bytes are whole multiples of the scale, none further from the value than half of it (and the rounding of 127/max). */
static void bytes_are_nearest(void **state)
{
    (void)state;
    enum { COUNT = 500 };
    static float x[COUNT];
    sae_rng rng = sae_rng_make(3, "int8", 0);
    for (int table = 0; sae_ops_at(table); table++)
        for (int d = 0; d < COUNT; d += 37) {
            const sae_ops *ops = sae_ops_at(table);
            static uint8_t bytes[COUNT];
            double size = exp2(200 * sae_rng_uniform(&rng, (uint64_t)d) - 99), expected = 0;
            for (int j = 0; j < d; j++) x[j] = (float)(size * sae_rng_normal(&rng, (uint64_t)(COUNT * d + j)));
            float inverse, scale = sae_byte_scale(ops, x, d, &inverse), most = 0;
            for (int j = 0; j < d; j++) most = fabsf(x[j]) > most ? fabsf(x[j]) : most;
            assert_true(ops->max_abs(x, d) == most);
            int32_t sum, total = 0;
            float square = ops->to_int8(x, d, inverse, 128, bytes, &sum);
            for (int j = 0; j < d; j++) {
                double error = (double)x[j] - (double)scale * (bytes[j] - 128);
                assert_true(bytes[j] >= 1 && fabs(error) <= 0.50001 * (double)scale);
                expected += error * error;
                total += bytes[j] - 128;
            }
            double root = sqrt(expected), bound = (double)sae_byte_error(square, d, scale, 0);
            assert_true(sum == total && bound >= root);
            assert_true(bound <= 1.0001 * root + sqrt((double)d) * 0x1p-14 * (double)scale);
        }
    float inverse, tiny[4] = {1e-40f, -1e-39f, 0, 0};
    assert_true(sae_byte_scale(sae_ops_best(), tiny, 4, &inverse) == 0 && inverse == 0);
    assert_true(sae_byte_error(0, 4, 0, 7) == 7); /* all of a row that is too small for bytes is lost */
    const float others[] = {INFINITY, -INFINITY, NAN};
    for (int table = 0; sae_ops_at(table); table++)
        for (int i = 0; i < 3; i++) { /* so is one that is not of numbers */
            for (int j = 0; j < COUNT; j++) x[j] = j == 7 * i ? others[i] : 3e38f;
            static uint8_t bytes[COUNT];
            int32_t sum = 1;
            assert_true(sae_byte_scale(sae_ops_at(table), x, COUNT, &inverse) == 0 && inverse == 0);
            assert_true(sae_ops_at(table)->to_int8(x, COUNT, inverse, 128, bytes, &sum) == 0 && sum == 0);
            for (int j = 0; j < COUNT; j++) assert_int_equal(bytes[j], 128);
        }
}

static void bytes_to_floats(void **state)
{
    (void)state;
    enum { COUNT = 77, SPLIT = 3 };
    int32_t sums[COUNT], bytes[COUNT];
    float scale[COUNT], columns[SPLIT * COUNT];
    sae_rng rng = sae_rng_make(3, "from int8", 0);
    for (int j = 0; j < COUNT; j++) {
        sums[j] = (int32_t)sae_rng_below(&rng, (uint64_t)j, 1 << 24) - (1 << 23);
        bytes[j] = (int32_t)sae_rng_below(&rng, (uint64_t)(1000 + j), 1 << 15) - (1 << 14);
        scale[j] = (float)sae_rng_uniform(&rng, (uint64_t)(2000 + j));
    }
    for (int j = 0; j < SPLIT * COUNT; j++) columns[j] = (float)sae_rng_normal(&rng, (uint64_t)(3000 + j));
    for (int table = 0; sae_ops_at(table); table++)
        for (int n = 0; n <= COUNT; n += 7) {
            float z[COUNT];
            sae_from_int8 from = {n, SPLIT, COUNT, bytes, scale, columns, 0.25f, {2, -3, 5}};
            sae_ops_at(table)->from_int8(&from, sums, z);
            for (int j = 0; j < n; j++) {
                double whole = (double)sums[j] - 128.0 * bytes[j], expected = whole * (double)scale[j] * 0.25;
                double size = fabs(expected);
                for (int m = 0; m < SPLIT; m++) {
                    expected += (double)from.c[m] * (double)columns[m * COUNT + j];
                    size += fabs((double)from.c[m] * (double)columns[m * COUNT + j]);
                }
                assert_true(fabs((double)z[j] - expected) <= 0x1p-20 * size);
            }
        }
}

/* Values of a row as the product takes them. */
static double value_of(const sae_shadow *s, int64_t i, int64_t j)
{
    if (s->kind == SAE_SCREEN_INT8) {
        const int8_t *bytes = (const int8_t *)s->rows;
        int64_t at = (i / LATENTS * sae_shadow_words(s) + j / 4) * LATENTS + i % LATENTS;
        return (double)s->scale[i] * bytes[4 * at + j % 4];
    }
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
            double square = 0, norm = 0, sum = 0;
            for (int64_t j = 0; j < shadow.depth; j++) {
                if (kind == SAE_SCREEN_INT8) sum += value_of(&shadow, i, j) / (double)shadow.scale[i];
                double w = j < d ? (double)W[i * d + j] : 0, error = w - value_of(&shadow, i, j);
                assert_true(j < d || error == 0);
                square += error * error;
                norm += w * w;
            }
            double loose = kind == SAE_SCREEN_INT8 ? 1.001 * sqrt(square) + 0x1p-14 * (double)shadow.scale[i]
                                                   : 1.000001 * sqrt(square);
            assert_true((double)shadow.error[i] >= sqrt(square) && (double)shadow.error[i] <= loose);
            double loosest = sqrt(norm) * (1 + 0x1p-20 + (double)(d / SAE_DOT_LANES) * 0x1p-24);
            assert_true((double)shadow.norm[i] >= sqrt(norm) && (double)shadow.norm[i] <= loosest);
            if (kind == SAE_SCREEN_BF16)
                assert_true(square <= norm * 0x1p-16); /* half a unit in the last of 8 places */
            else
                assert_true(fabs(sum - shadow.sum[i]) < 0.5);
        }
        sae_shadow_clear(&shadow);
        free(W);
    }
}

/* ---- the bound ------------------------------------------------------------------------------------------- */

typedef enum rows_kind { RANDOM, SAME_ROUNDING, OUTLIERS, WIDE_RANGE, ROW_KINDS } rows_kind;

static float value_at(sae_screen_kind screen, rows_kind kind, const sae_rng *rng, int64_t row, int64_t j, int64_t at)
{
    double x = sae_rng_normal(rng, (uint64_t)at);
    switch (kind) {
    case SAME_ROUNDING: /* every value is rounded by nearly half a unit the same way, and all products are positive */
        if (screen == SAE_SCREEN_INT8) return j == 0 ? 127 : 63.49f;
        return 1 + 0x1p-8f - 0x1p-16f;
    case OUTLIERS:
        return (float)(j % 17 == 3 ? 100 * x : x);
    case WIDE_RANGE:
        return (float)(x * exp2((double)((j * 7 + row) % 60) - 30));
    default:
        return (float)x;
    }
}

/* Rows of c as the encoder rounds them, and how much that took away. */
static void round_rows(sae_screen_kind kind, const float *c, int64_t d, int64_t depth, uint8_t *low, float *scale,
                       double *error)
{
    const sae_ops *ops = sae_ops_best();
    for (int64_t b = 0; b < SAE_LOW_ROWS; b++) {
        float inverse;
        if (kind == SAE_SCREEN_BF16) {
            error[b] = (double)sae_root_above(ops->to_bf16(c + b * d, d, (uint16_t *)(void *)low + b * depth));
        } else {
            scale[b] = sae_byte_scale(ops, c + b * d, d, &inverse);
            int32_t sum;
            float square = ops->to_int8(c + b * d, d, inverse, 128, low + b * depth, &sum);
            error[b] = (double)sae_byte_error(square, d, scale[b], sae_norm_above(ops, c + b * d, d));
        }
    }
}

/* The largest error of the screen's products as a share of its bound, over 64 latents and 32 rows. */
static double closest(sae_screen_kind kind, rows_kind rows, int64_t d)
{
    const sae_ops *ops = sae_ops_best();
    float *c = malloc((size_t)(SAE_LOW_ROWS * d) * 4), *W = malloc((size_t)(LATENTS * d) * 4), scale[SAE_LOW_ROWS];
    double error[SAE_LOW_ROWS];
    sae_rng rng = sae_rng_make(5, "bound", (uint64_t)(rows * 10000 + d));
    for (int64_t b = 0; b < SAE_LOW_ROWS; b++)
        for (int64_t j = 0; j < d; j++) c[b * d + j] = value_at(kind, rows, &rng, b, j, b * d + j);
    for (int64_t i = 0; i < LATENTS; i++)
        for (int64_t j = 0; j < d; j++)
            W[i * d + j] = value_at(kind, rows == OUTLIERS ? RANDOM : rows, &rng, i, j, (1 << 24) + i * d + j);
    sae_shadow w;
    assert_int_equal(sae_shadow_new(&w, kind, LATENTS, d, NULL), SAE_OK);
    sae_shadow_fill(&w, W, 1);
    uint8_t *low = sae_alloc((size_t)(SAE_LOW_ROWS * w.depth), 2);
    memset(low, 0, (size_t)(SAE_LOW_ROWS * w.depth) * 2);
    round_rows(kind, c, d, w.depth, low, scale, error);
    float *z = sae_alloc(SAE_LOW_ROWS * LATENTS, sizeof *z);
    sae_low_gemm *gemm = NULL;
    assert_int_equal(sae_low_gemm_new(&gemm, kind, w.depth, SAE_LOW_ROWS, LATENTS, NULL), SAE_OK);
    assert_true(sae_low_gemm_run(gemm, SAE_LOW_ROWS, LATENTS, low, w.rows, z));
    double most = 0, kappa = 1.02 * (double)d * (0x1p-23 + 0x1p-24) + 0x1p-21 + (kind == SAE_SCREEN_INT8 ? 0x1p-19 : 0);
    for (int64_t b = 0; b < SAE_LOW_ROWS; b++) {
        float *row = z + b * LATENTS;
        double C = (double)sae_norm_above(ops, c + b * d, d) + error[b];
        if (kind == SAE_SCREEN_INT8) {
            sae_from_int8 from = {.n = LATENTS, .bytes = w.sum, .scale = w.scale, .factor = scale[b]};
            ops->from_int8(&from, (const int32_t *)(const void *)row, row);
        }
        for (int64_t i = 0; i < LATENTS; i++) {
            double bound = (error[b] + C * kappa) * (double)w.norm[i] + C * (1 + kappa) * (double)w.error[i];
            double exact = (double)ops->dot(c + b * d, W + i * d, d);
            double share = fabs((double)row[i] - exact) / (bound + (double)d * 0x1p-124);
            if (!(share <= most)) most = share;
        }
    }
    sae_low_gemm_free(gemm);
    sae_shadow_clear(&w);
    sae_free(low);
    sae_free(z);
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
            bool some = kind == SAE_SCREEN_BF16 || ds[i] >= 64; /* of few bytes the largest, which is exact, is one */
            if (rows == SAME_ROUNDING && some) assert_true(share > 0.88);
            if (rows == RANDOM && some) assert_true(share > 0.5 / sqrt((double)ds[i]));
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
#define FOR_ALL(test) FOR_SCREEN(BF16, test), FOR_SCREEN(INT8, test)

int main(void)
{
    static sae_screen_kind screens[] = {SAE_SCREEN_AUTO, SAE_SCREEN_FP32, SAE_SCREEN_BF16, SAE_SCREEN_INT8};
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rounds_to_nearest), cmocka_unit_test(bytes_are_nearest), cmocka_unit_test(bytes_to_floats),
        FOR_ALL(copies_are_what_they_say),   FOR_ALL(bound_holds_and_is_reached), FOR_ALL(random_problems),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
