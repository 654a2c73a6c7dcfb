/* The phases after encode, on sizes that reach every path: rows wider than a slice, groups of latents that share rows
 * (AuxK) and latents that are active on few, subsets of several ranges. */
#include "kernels/ops.h"
#include "kernels/ref/ref.h"
#include "kernels/step.h"
#include "testing.h"
#include "train/training.h"

#include "base/rng.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { ROWS = 96, D = 300, N = 400, K = 3, K_AUX = 70 };
static const int32_t ENDS[] = {33, 150, 290, N}; /* within groups of latents and between them */

static float *gaussian(int64_t count, uint64_t salt)
{
    float *x = malloc((size_t)count * sizeof *x);
    sae_rng rng = sae_rng_make(9, "step", salt);
    for (int64_t i = 0; i < count; i++) x[i] = (float)sae_rng_normal(&rng, (uint64_t)i);
    return x;
}

/* A trainer and the float reference in the same state: latents 100 to 299 (every second of them) dead, so that some
 * groups are dense and others mixed. */
typedef struct pair {
    sae_trainer *fast;
    sae_ref_step_float ref;
    float *x;
} pair;

static sae_ref_tensors_float tensors_new(void)
{
    return (sae_ref_tensors_float){calloc(N * D, 4), calloc(N, 4), calloc(N * D, 4), calloc(D, 4), calloc(N, 4)};
}

static void tensors_free(sae_ref_tensors_float *t)
{
    free(t->W_enc);
    free(t->b_enc);
    free(t->W_dec);
    free(t->b_dec);
    free(t->theta);
}

static pair pair_new(sae_arch arch, int threads)
{
    pair p = {.x = gaussian(ROWS * D, 1)};
    sae_train_options o = sae_train_options_default();
    o.input_scale = SAE_SCALE_NONE;
    o.k_aux = K_AUX;
    o.dead_tokens = 1000;
    o.warmup = o.decay = 0;
    sae_train_config config = {.arch = arch, .width = N, .k = K, .lr = 1e-3, .shared = o};
    if (arch == SAE_ARCH_MATRYOSHKA) {
        memcpy(config.prefix_ends, ENDS, sizeof ENDS);
        config.n_prefixes = sizeof ENDS / sizeof *ENDS;
    }
    sae_env env = {.threads = threads};
    assert_int_equal(sae_trainer_create(&p.fast, &config, 1, D, ROWS, 10, &env, NULL), SAE_OK);
    sae_train_view view = sae_trainer_get_view(p.fast, 0);
    p.ref = (sae_ref_step_float){
        .rows = ROWS,
        .d = D,
        .n = N,
        .k = K,
        .k_aux = K_AUX,
        .filter = arch == SAE_ARCH_TOPK ? SAE_FILTER_ROW : SAE_FILTER_BATCH,
        .prefix_ends = ENDS,
        .n_prefixes = config.n_prefixes,
        .aux_alpha = 1.0f / 32,
        .lr = 1e-3f,
        .beta1 = 0.9f,
        .beta2 = 0.999f,
        .eps = 1e-8f,
        .step = 1,
        .dead_tokens = 1000,
        .x = p.x,
        .p = tensors_new(),
        .m = tensors_new(),
        .v = tensors_new(),
        .g = tensors_new(),
        .since_fired = calloc(N, sizeof(int64_t)),
        .f = calloc(ROWS * N, sizeof(float)),
    };
    for (int i = 100; i < 300; i += 1 + (i >= 200)) p.ref.since_fired[i] = view.tokens_since_fired[i] = 5000;
    memcpy(p.ref.p.W_enc, view.W_enc, N * D * 4);
    memcpy(p.ref.p.W_dec, view.W_dec, N * D * 4);
    return p;
}

static void pair_free(pair *p)
{
    sae_trainer_free(p->fast);
    tensors_free(&p->ref.p);
    tensors_free(&p->ref.m);
    tensors_free(&p->ref.v);
    tensors_free(&p->ref.g);
    free(p->ref.since_fired);
    free(p->ref.f);
    free(p->x);
}

static void close_to(const char *name, const float *a, const float *b, int64_t count, double limit)
{
    double difference = 0, size = 0;
    for (int64_t i = 0; i < count; i++) {
        difference += ((double)a[i] - b[i]) * ((double)a[i] - b[i]);
        size += (double)b[i] * b[i];
    }
    if (!(sqrt(difference / size) <= limit)) fail_msg("%s: relative error %.3g", name, sqrt(difference / size));
}

static void against_reference(void **state)
{
    (void)state;
    const sae_arch archs[] = {SAE_ARCH_TOPK, SAE_ARCH_BATCHTOPK, SAE_ARCH_MATRYOSHKA};
    for (int a = 0; a < 3; a++) {
        pair p = pair_new(archs[a], 2);
        sae_train_view view = sae_trainer_get_view(p.fast, 0);
        float *batch = malloc(ROWS * D * sizeof *batch);
        memcpy(batch, p.x, ROWS * D * sizeof *batch);
        sae_step_metrics m;
        assert_int_equal(sae_trainer_step(p.fast, batch, false, &m, NULL), SAE_OK);
        sae_ref_train_float(&p.ref);
        assert_true(m.aux_codes > 20 * ROWS); /* the dense path had work */
        assert_true(fabs(m.mse - (double)p.ref.mse) < 1e-5 * m.mse);
        assert_true(fabs(m.loss - (double)p.ref.loss) < 1e-5 * m.loss);
        assert_true(fabs(m.aux - (double)p.ref.aux) < 1e-5 * m.aux);
        close_to("W_enc", view.m_W_enc, p.ref.m.W_enc, N * D, 1e-5);
        close_to("b_enc", view.m_b_enc, p.ref.m.b_enc, N, 1e-5);
        close_to("W_dec", view.m_W_dec, p.ref.m.W_dec, N * D, 1e-5);
        close_to("b_dec", view.m_b_dec, p.ref.m.b_dec, D, 1e-5);
        assert_memory_equal(view.tokens_since_fired, p.ref.since_fired, N * sizeof(int64_t));
        free(batch);
        pair_free(&p);
    }
}

static void threads_do_not_matter(void **state)
{
    (void)state;
    float *first[3] = {0};
    const int threads[] = {1, 2, 3, 8};
    for (int t = 0; t < 4; t++) {
        pair p = pair_new(SAE_ARCH_BATCHTOPK, threads[t]);
        sae_train_view view = sae_trainer_get_view(p.fast, 0);
        for (int step = 0; step < 3; step++) {
            float *batch = malloc(ROWS * D * sizeof *batch);
            memcpy(batch, p.x, ROWS * D * sizeof *batch);
            sae_step_metrics m;
            assert_int_equal(sae_trainer_step(p.fast, batch, false, &m, NULL), SAE_OK);
            free(batch);
        }
        const float *parts[3] = {view.W_enc, view.W_dec, view.b_dec};
        const size_t sizes[3] = {N * D * 4, N * D * 4, D * 4};
        for (int i = 0; i < 3; i++) {
            if (t == 0)
                first[i] = memcpy(malloc(sizes[i]), parts[i], sizes[i]);
            else
                assert_memory_equal(first[i], parts[i], sizes[i]);
        }
        pair_free(&p);
    }
    for (int i = 0; i < 3; i++) free(first[i]);
}

/* One prefix is the plain residual, bit for bit; several are the residuals of the prefixes, summed from the end. */
static void prefixes(void **state)
{
    (void)state;
    float *W = gaussian(N * D, 12), *x = gaussian(ROWS * D, 13), *values = gaussian(ROWS * 40, 14);
    float *plain = malloc(ROWS * D * sizeof *plain), *sliced = malloc(4 * ROWS * D * sizeof *sliced);
    float slope[2][ROWS * 40];
    double square[4 * ROWS], expected[ROWS];
    const int32_t whole[] = {N};
    sae_codes *codes = sae_codes_new();
    assert_int_equal(sae_codes_reserve(codes, ROWS, ROWS * 40, NULL), SAE_OK);
    codes->rows = ROWS;
    for (int b = 0; b <= ROWS; b++) codes->row_offsets[b] = 40 * b;
    for (int j = 0; j < ROWS * 40; j++) {
        codes->latents[j] = j % 40 * 10 + j / 40 % 10;
        codes->values[j] = values[j];
    }
    sae_residual(codes, NULL, 0, x, W, D, plain, slope[0], expected, 2);
    sae_residual_prefixes(codes, whole, 1, x, W, D, sliced, slope[1], square, 2);
    assert_memory_equal(plain, sliced, ROWS * D * sizeof *plain);
    assert_memory_equal(slope[0], slope[1], sizeof slope[0]);
    sae_residual_prefixes(codes, ENDS, 4, x, W, D, sliced, slope[1], square, 2);
    assert_memory_equal(plain, sliced + 3 * ROWS * D, ROWS * D * sizeof *plain);
    assert_memory_equal(square + 3 * ROWS, expected, sizeof expected);
    for (int b = 0; b < ROWS; b++)
        for (int g = 0; g < 4; g++) {
            double sum = 0, own = 0;
            for (int j = 0; j < D; j++) {
                double e = x[b * D + j], suffix;
                for (int k = 40 * b; k < 40 * b + 40 && codes->latents[k] < ENDS[g]; k++)
                    e -= (double)values[k] * W[codes->latents[k] * D + j];
                suffix = sliced[(g * ROWS + b) * D + j] - (g < 3 ? (double)sliced[((g + 1) * ROWS + b) * D + j] : 0);
                sum += (e - suffix) * (e - suffix);
                own += e * e;
            }
            assert_true(sum < 1e-9 * own && fabs(square[g * ROWS + b] - own) < 1e-5 * own);
        }
    sae_codes_free(codes);
    free(W);
    free(x);
    free(values);
    free(plain);
    free(sliced);
}

/* Ranges of a subset change the order of memory, not of sums. */
static void ranges_do_not_matter(void **state)
{
    (void)state;
    float *W = gaussian(N * D, 2), *x = gaussian(ROWS * D, 3), *values = gaussian(ROWS * 80, 4);
    float *e[2], *slope[2];
    double square[2][ROWS];
    int32_t subset[N / 2];
    sae_codes *codes = sae_codes_new();
    assert_int_equal(sae_codes_reserve(codes, ROWS, ROWS * 80, NULL), SAE_OK);
    for (int i = 0; i < N / 2; i++) subset[i] = 2 * i + 1;
    int64_t at = 0;
    codes->rows = ROWS;
    for (int b = 0; b < ROWS; b++) { /* 0 to 79 codes in a row */
        codes->row_offsets[b] = at;
        for (int i = b % 7; i < N / 2 && at - codes->row_offsets[b] < (b * 13) % 80; i += 1 + b % 3) {
            codes->latents[at] = subset[i];
            codes->values[at] = values[at];
            at++;
        }
    }
    codes->row_offsets[ROWS] = at;
    for (int i = 0; i < 2; i++) {
        e[i] = malloc(ROWS * D * sizeof *e[i]);
        slope[i] = malloc((size_t)at * sizeof *slope[i]);
        sae_residual(codes, i ? subset : NULL, i ? N / 2 : 0, x, W, D, e[i], slope[i], square[i], 2);
    }
    assert_memory_equal(e[0], e[1], ROWS * D * sizeof(float));
    assert_memory_equal(slope[0], slope[1], (size_t)at * sizeof(float));
    assert_memory_equal(square[0], square[1], sizeof square[0]);
    for (int i = 0; i < 2; i++) {
        free(e[i]);
        free(slope[i]);
    }
    sae_codes_free(codes);
    free(W);
    free(x);
    free(values);
}

/* Sums over entries, and over rows of one latent, are those of one axpy after the other, on every instruction set. */
static void gathering(void **state)
{
    (void)state;
    enum { ENTRIES = 200, SLOTS = 5, STRIDE = 450 };
    const float scale = -0.3f;
    float *x = gaussian(40 * STRIDE, 5), *f = gaussian(ENTRIES, 7), *start = gaussian(SLOTS * STRIDE, 8);
    float scratch[SLOTS * SAE_SLICE], sums[SLOTS * STRIDE], expected[SLOTS * STRIDE];
    sae_entry entries[ENTRIES];
    int32_t rows[ENTRIES];
    for (int i = 0; i < ENTRIES; i++) {
        entries[i] = (sae_entry){i / 5 % 40, (i * 3) % SLOTS};
        rows[i] = (i * 7) % 40;
    }
    const int64_t widths[] = {STRIDE, SAE_SLICE, 100, 33, 7, 1};
    for (int table = 0; sae_ops_at(table); table++) {
        const sae_ops *ops = sae_ops_at(table);
        for (int w = 0; w < 6; w++) {
            int64_t width = widths[w];
            memcpy(sums, start, sizeof sums);
            memcpy(expected, start, sizeof expected);
            ops->add_rows(ENTRIES, rows, f, scale, x, STRIDE, width, sums);
            for (int i = 0; i < ENTRIES; i++) ops->axpy(width, scale * f[i], x + rows[i] * STRIDE, expected);
            assert_memory_equal(sums, expected, sizeof sums);
            if (width > SAE_SLICE) continue;
            ops->gather(ENTRIES, entries, f, SLOTS, x, STRIDE, width, sums, scratch);
            for (int i = 0; i < ENTRIES; i++)
                ops->axpy(width, f[i], x + entries[i].row * STRIDE, expected + entries[i].slot * STRIDE);
            assert_memory_equal(sums, expected, sizeof sums);
        }
    }
    free(x);
    free(f);
    free(start);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(against_reference), cmocka_unit_test(threads_do_not_matter),
        cmocka_unit_test(prefixes),          cmocka_unit_test(ranges_do_not_matter),
        cmocka_unit_test(gathering),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
