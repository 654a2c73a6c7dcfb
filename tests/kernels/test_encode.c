/* Codes equal brute force bit for bit: the same latents, the same values, for every filter, any number of threads and
 * any hint, on data made to break the screen. */
#include "kernels/cpu/encoder.h"
#include "kernels/cpu/low_gemm.h"
#include "kernels/kernels.h"
#include "kernels/ref/ref.h"

#include "base/alloc.h"
#include "base/rng.h"
#include "testing.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct problem {
    int64_t rows, d, n;
    float *c, *W, *b, *theta;
} problem;

enum kind { GAUSSIAN, OUTLIERS, TIES, HUGE_ROWS, TINY_ROWS, DENORMAL, CONSTANT, ZERO, BIASED, NEGATIVE, KINDS };
static const char *const kind_names[] = {"gaussian", "outliers", "ties", "huge",   "tiny",
                                         "denormal", "constant", "zero", "biased", "negative"};

static problem problem_new(enum kind kind, int64_t rows, int64_t d, int64_t n)
{
    problem p = {rows,
                 d,
                 n,
                 calloc((size_t)(rows * d), 4),
                 calloc((size_t)(n * d), 4),
                 calloc((size_t)n, 4),
                 calloc((size_t)n, 4)};
    sae_rng rng = sae_rng_make(11, "encode", (uint64_t)kind);
    uint64_t draw = 0;
    for (int64_t i = 0; i < rows * d; i++) {
        float x = (float)sae_rng_normal(&rng, draw++);
        if (kind == OUTLIERS && i % d == 3) x *= 100;
        if (kind == TIES) x = (float)(int)(x * 1.5f); /* small integers: products are exact, many z are equal */
        if (kind == HUGE_ROWS && (i / d) % 3 == 0) x *= 1e18f;
        if (kind == TINY_ROWS && (i / d) % 3 == 0) x *= 1e-18f;
        if (kind == DENORMAL) x *= 1e-39f;
        if (kind == CONSTANT) x = 1;
        if (kind == ZERO) x = 0;
        p.c[i] = x;
    }
    for (int64_t i = 0; i < n * d; i++) {
        float w = (float)sae_rng_normal(&rng, draw++);
        if (kind == TIES) w = (float)(int)w;
        if (kind == HUGE_ROWS && (i / d) % 5 == 0) w *= 1e18f;
        if (kind == NEGATIVE) w = -fabsf(w) * (p.c[i % d] > 0 ? 1 : 0);
        p.W[i] = w;
    }
    for (int64_t i = 0; i < n; i++) {
        p.b[i] = kind == BIASED ? (float)(100 * sae_rng_normal(&rng, draw++)) : 0;
        p.theta[i] = (float)fabs(sae_rng_normal(&rng, draw++)) * (i % 4 ? 3 : 0);
    }
    return p;
}

static void problem_free(problem *p)
{
    free(p->c);
    free(p->W);
    free(p->b);
    free(p->theta);
}

static void check(const char *what, const sae_codes *codes, const float *f, int64_t rows, int64_t n)
{
    for (int64_t b = 0; b < rows; b++) {
        int64_t j = codes->row_offsets[b];
        for (int64_t i = 0; i < n; i++) {
            float expected = f[b * n + i];
            if (expected == 0) continue;
            if (j >= codes->row_offsets[b + 1] || codes->latents[j] != i ||
                memcmp(&codes->values[j], &expected, sizeof expected) != 0)
                fail_msg("%s: row %lld latent %lld: expected %a", what, (long long)b, (long long)i, (double)expected);
            j++;
        }
        if (j != codes->row_offsets[b + 1]) fail_msg("%s: row %lld has codes too many", what, (long long)b);
    }
}

static bool usable(sae_screen_kind kind)
{
    return kind == SAE_SCREEN_FP32 || sae_low_gemm_usable(kind, NULL);
}

static void compare_with(const problem *p, sae_screen_kind kind, sae_filter filter, int64_t k, const int32_t *subset,
                         int64_t n_subset, sae_tile_size size, const float *f, const char *name)
{
    sae_shadow shadow;
    assert_int_equal(sae_shadow_new(&shadow, kind, p->n, p->d, NULL), 0);
    sae_shadow_fill(&shadow, p->W, 1);
    const int threads[] = {1, 2, 3, 8};
    const float hints[] = {0, 1e-3f, 1, 1e3f, 1e30f};
    for (int t = 0; t < 4; t++) {
        sae_env env = {.threads = threads[t]};
        sae_encoder *encoder = NULL;
        sae_codes *codes = sae_codes_new();
        assert_int_equal(sae_encoder_new_tiled(&encoder, kind, p->d, p->rows, k, filter == SAE_FILTER_BATCH ? k : 0,
                                               size, &env, NULL),
                         0);
        assert_int_equal(sae_codes_reserve(codes, p->rows, filter == SAE_FILTER_LATENT ? 0 : p->rows * k, NULL), 0);
        sae_encode_job job = {.c = p->c,
                              .rows = p->rows,
                              .d = p->d,
                              .n = p->n,
                              .W_enc = p->W,
                              .b_enc = p->b,
                              .shadow = &shadow,
                              .subset = subset,
                              .n_subset = n_subset,
                              .filter = filter,
                              .k = k,
                              .theta = p->theta};
        for (int h = 0; h < 5; h++) {
            sae_encode_hint hint = {.cut = hints[h], .margin = 0.05f};
            uint64_t before = sae_alloc_count();
            for (int repeat = 0; repeat < 2; repeat++) { /* the second time with the hint that the first left */
                char what[128];
                snprintf(what, sizeof what, "%s screen %d filter %d k %lld tile %lld/%lld threads %d hint %g/%d", name,
                         kind, filter, (long long)k, (long long)size.latents, (long long)size.part, threads[t],
                         (double)hints[h], repeat);
                assert_int_equal(sae_encode(encoder, &job, &hint, codes, NULL, NULL), SAE_OK);
                check(what, codes, f, p->rows, p->n);
            }
            if (filter != SAE_FILTER_LATENT) assert_int_equal(sae_alloc_count(), before);
        }
        sae_encoder_free(encoder);
        sae_codes_free(codes);
    }
    sae_shadow_clear(&shadow);
}

static void compare_sizes(const problem *p, sae_screen_kind kind, sae_filter filter, int64_t k, const int32_t *subset,
                          int64_t n_subset, const sae_tile_size *sizes, int n_sizes, const char *name)
{
    float *f = malloc((size_t)(p->rows * p->n) * 4);
    bool *only = subset ? calloc((size_t)p->n, 1) : NULL;
    for (int64_t i = 0; i < n_subset; i++) only[subset[i]] = true;
    sae_ref_encode_float(p->c, p->rows, p->d, p->n, p->W, p->b, filter, k, p->theta, only, f);
    for (int i = 0; i < n_sizes; i++) compare_with(p, kind, filter, k, subset, n_subset, sizes[i], f, name);
    free(f);
    free(only);
}

static void compare(const problem *p, sae_screen_kind kind, sae_filter filter, int64_t k, const int32_t *subset,
                    int64_t n_subset, const char *name)
{
    const sae_tile_size size = sae_tile_size_for((int64_t)1 << 20, p->d);
    compare_sizes(p, kind, filter, k, subset, n_subset, &size, 1, name);
}

/* The kind that a test is registered for; skips where this machine lacks it. */
static sae_screen_kind kind_of(void **state)
{
    sae_screen_kind kind = *(const sae_screen_kind *)*state;
    if (!usable(kind)) skip();
    return kind;
}

static void every_kind(void **state)
{
    sae_screen_kind screen = kind_of(state);
    for (int kind = 0; kind < KINDS; kind++) {
        problem p = problem_new((enum kind)kind, 75, 40, 130);
        const int64_t ks[] = {1, 5, 130};
        for (int i = 0; i < 3; i++) {
            compare(&p, screen, SAE_FILTER_ROW, ks[i], NULL, 0, kind_names[kind]);
            compare(&p, screen, SAE_FILTER_BATCH, ks[i], NULL, 0, kind_names[kind]);
        }
        compare(&p, screen, SAE_FILTER_LATENT, 0, NULL, 0, kind_names[kind]);
        problem_free(&p);
    }
}

static void several_tiles(void **state)
{
    sae_screen_kind screen = kind_of(state);
    problem p = problem_new(GAUSSIAN, 300, 33, 1100);
    compare(&p, screen, SAE_FILTER_ROW, 7, NULL, 0, "tiles");
    compare(&p, screen, SAE_FILTER_BATCH, 7, NULL, 0, "tiles");
    compare(&p, screen, SAE_FILTER_LATENT, 0, NULL, 0, "tiles");
    problem_free(&p);
}

static void subsets(void **state)
{
    sae_screen_kind screen = kind_of(state);
    int32_t subset[400];
    for (int i = 0; i < 400; i++) subset[i] = 2 * i + (i > 100);
    for (int kind = 0; kind < 3; kind++) {
        problem p = problem_new((enum kind)kind, 70, 40, 900);
        compare(&p, screen, SAE_FILTER_ROW, 64, subset, 400, "subset");
        compare(&p, screen, SAE_FILTER_ROW, 512, subset, 20, "subset smaller than k");
        problem_free(&p);
    }
}

/* What other caches lead to, and less: the same codes. */
static void every_size(void **state)
{
    sae_screen_kind screen = kind_of(state);
    const sae_tile_size sizes[] = {{64, 64}, {256, 128}, {1024, 64}, {1024, 1024}};
    int32_t subset[1050];
    for (int i = 0; i < 1050; i++) subset[i] = i + i / 3;
    problem p = problem_new(OUTLIERS, 270, 33, 1400);
    compare_sizes(&p, screen, SAE_FILTER_ROW, 7, NULL, 0, sizes, 4, "sizes");
    compare_sizes(&p, screen, SAE_FILTER_BATCH, 7, NULL, 0, sizes, 4, "sizes");
    compare_sizes(&p, screen, SAE_FILTER_LATENT, 0, NULL, 0, sizes, 4, "sizes");
    compare_sizes(&p, screen, SAE_FILTER_ROW, 64, subset, 1050, sizes, 4, "sizes, subset");
    problem_free(&p);
}

/* The second-level cache for a tile, three eighths for a part's encoder rows, within bounds. */
static void sizes_for_caches(void **state)
{
    (void)state;
    const struct {
        int64_t kilobytes, d, latents, part;
    } cases[] = {{1024, 768, 512, 128}, {2048, 768, 1024, 256},   {512, 768, 256, 64}, {256, 768, 256, 64},
                 {1280, 768, 512, 128}, {65536, 768, 1024, 1024}, {0, 768, 256, 64},   {1024, 256, 512, 384},
                 {1024, 1, 512, 512},   {1024, 65536, 512, 64}};
    for (int i = 0; i < 10; i++) {
        sae_tile_size size = sae_tile_size_for(cases[i].kilobytes << 10, cases[i].d);
        assert_int_equal(size.latents, cases[i].latents);
        assert_int_equal(size.part, cases[i].part);
    }
}

/* The bound is neither wrong nor absurdly loose: the largest error of the screen seen stays below it, and the
 * number of recomputed entries stays near the number selected. */
static void few_are_rescored(void **state)
{
    sae_screen_kind screen = kind_of(state);
    problem p = problem_new(OUTLIERS, 512, 96, 2048);
    const sae_tile_size size = sae_tile_size_for((int64_t)1 << 20, p.d);
    sae_shadow shadow;
    assert_int_equal(sae_shadow_new(&shadow, screen, p.n, p.d, NULL), 0);
    sae_shadow_fill(&shadow, p.W, 1);
    sae_encoder *encoder = NULL;
    sae_codes *codes = sae_codes_new();
    assert_int_equal(sae_encoder_new_tiled(&encoder, screen, p.d, p.rows, 16, 16, size, NULL, NULL), 0);
    assert_int_equal(sae_codes_reserve(codes, p.rows, p.rows * 16, NULL), 0);
    for (int filter = 0; filter < 2; filter++) {
        sae_encode_job job = {.c = p.c,
                              .rows = p.rows,
                              .d = p.d,
                              .n = p.n,
                              .W_enc = p.W,
                              .b_enc = p.b,
                              .shadow = &shadow,
                              .filter = (sae_filter)filter,
                              .k = 16};
        sae_encode_hint hint = {0};
        sae_encode_stats stats = {0};
        int64_t kept = p.rows * 16, unprepared = 0;
        for (int repeat = 0; repeat < 20; repeat++) {
            stats = (sae_encode_stats){0};
            assert_int_equal(sae_encode(encoder, &job, &hint, codes, &stats, NULL), SAE_OK);
            if (repeat == 0) unprepared = stats.rescored;
        }
        /* nothing is known of the rows yet; half of the first tile is positive */
        assert_true(filter == SAE_FILTER_BATCH || (double)unprepared < 4 * (double)kept);
        print_message("filter %d: %.3f dots for each code, %.3f in the first call\n", filter,
                      (double)stats.rescored / (double)kept, (double)unprepared / (double)kept);
        assert_true(stats.rescored >= kept);
        assert_true(stats.rescored < (filter == SAE_FILTER_BATCH ? 1.2 : 2.5) * (double)kept);
    }
    sae_encoder_free(encoder);
    sae_codes_free(codes);
    sae_shadow_clear(&shadow);
    problem_free(&p);
}

static void no_memory(void **state)
{
    sae_screen_kind screen = kind_of(state);
    problem p = problem_new(GAUSSIAN, 75, 40, 130);
    for (uint64_t fail = 1;; fail++) {
        sae_encoder *encoder = NULL;
        sae_error err;
        sae_alloc_fail_after(fail);
        sae_status status = sae_encoder_new(&encoder, screen, p.d, p.rows, 4, 4, NULL, &err);
        sae_alloc_fail_after(0);
        sae_encoder_free(encoder);
        if (status == SAE_OK) break;
        assert_int_equal(status, SAE_E_MEMORY);
        assert_null(encoder);
        assert_true(fail < 100);
    }
    problem_free(&p);
}

#define FOR_SCREEN(kind, test)                                                                                         \
    {                                                                                                                  \
#test " " #kind, test, NULL, NULL, &screens[SAE_SCREEN_##kind]                                                 \
    }
#define FOR_ALL(test) FOR_SCREEN(FP32, test), FOR_SCREEN(BF16, test), FOR_SCREEN(INT8, test)

int main(void)
{
    static sae_screen_kind screens[] = {SAE_SCREEN_AUTO, SAE_SCREEN_FP32, SAE_SCREEN_BF16, SAE_SCREEN_INT8};
    const struct CMUnitTest tests[] = {
        FOR_ALL(every_kind),
        FOR_ALL(several_tiles),
        FOR_ALL(subsets),
        FOR_ALL(every_size),
        cmocka_unit_test(sizes_for_caches),
        FOR_ALL(few_are_rescored),
        FOR_ALL(no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
