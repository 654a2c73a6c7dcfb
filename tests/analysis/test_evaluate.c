/* Every number of an evaluation against the float64 witness, and what must not change them. */
#include "io/temp.h"
#include "model/sae_golden.h"

#include <sae/analysis.h>

#include "base/alloc.h"

/* ---- helpers ------------------------------------------------------------------------------------------ */

typedef struct rows {
    sae_source *source;
    float *data;
    int64_t count, d;
} rows;

static rows open_rows(float *data, int64_t count, int64_t d)
{
    sae_error err;
    rows r = {.data = data, .count = count, .d = d};
    sae_source_config config = sae_source_config_default();
    assert_ok(sae_source_open_memory(&r.source, data, count, d, &config, &err));
    return r;
}

static rows golden_rows(const sae_safetensors *file)
{
    const sae_tensor *x = golden_tensor(file, "x");
    return open_rows(golden_floats(file, "x"), x->shape[0], x->shape[1]);
}

static void close_rows(rows *r)
{
    sae_source_close(r->source);
    free(r->data);
}

static void same_eval(const sae_eval *a, const sae_eval *b, int64_t n, int64_t d)
{
    assert_int_equal(a->tokens, b->tokens);
    const double p[] = {a->l0,     a->mse,      a->mse_per_dim, a->fvu, a->explained_variance,
                        a->cosine, a->l2_ratio, a->rel_bias};
    const double q[] = {b->l0,     b->mse,      b->mse_per_dim, b->fvu, b->explained_variance,
                        b->cosine, b->l2_ratio, b->rel_bias};
    assert_memory_equal(p, q, sizeof p);
    assert_int_equal(a->dead, b->dead);
    assert_memory_equal(a->density_counts, b->density_counts, sizeof a->density_counts);
    assert_memory_equal(a->density, b->density, (size_t)n * sizeof *a->density);
    assert_memory_equal(a->x_mean, b->x_mean, (size_t)d * sizeof *a->x_mean);
}

/* ---- the witness ------------------------------------------------------------------------------------------ */

static void every_number(void **state)
{
    (void)state;
    sae_error err;
    sae_safetensors *file = golden_open();
    rows r = golden_rows(file);
    sae_model *models[GOLDEN_MODELS];
    sae_eval evals[GOLDEN_MODELS];
    for (int i = 0; i < GOLDEN_MODELS; i++) models[i] = golden_model(file, i, NULL);
    assert_ok(sae_evaluate((const sae_model *const *)models, GOLDEN_MODELS, r.source, 0, evals, NULL, &err));
    double *mean = golden_array(file, "x_mean", r.d);
    for (int i = 0; i < GOLDEN_MODELS; i++) {
        int64_t n = sae_model_get_info(models[i])->n;
        const sae_eval *e = &evals[i];
        double *numbers = golden_array(file, golden_key(i, "numbers"), 9);
        double *density = golden_array(file, golden_key(i, "density"), n);
        double *counts = golden_array(file, golden_key(i, "density_counts"), SAE_DENSITY_BINS);
        assert_int_equal(e->tokens, r.count);
        assert_close(e->l0, numbers[0], 1e-12);
        assert_close(e->mse, numbers[1], 1e-5);
        assert_close(e->mse_per_dim, numbers[2], 1e-5);
        assert_close(e->fvu, numbers[3], 1e-5);
        assert_close(e->explained_variance, numbers[4], 1e-5);
        assert_close(e->cosine, numbers[5], 1e-5);
        assert_close(e->l2_ratio, numbers[6], 1e-5);
        assert_close(e->rel_bias, numbers[7], 1e-5);
        assert_int_equal(e->dead, (int64_t)numbers[8]);
        for (int64_t j = 0; j < n; j++) assert_close(e->density[j], density[j], 1e-12);
        for (int b = 0; b < SAE_DENSITY_BINS; b++) assert_int_equal(e->density_counts[b], (int64_t)counts[b]);
        for (int64_t j = 0; j < r.d; j++) assert_close(e->x_mean[j], mean[j], 1e-10);
        free(numbers);
        free(density);
        free(counts);
    }
    free(mean);
    for (int i = 0; i < GOLDEN_MODELS; i++) {
        sae_eval_clear(&evals[i]);
        sae_model_free(models[i]);
    }
    close_rows(&r);
    sae_safetensors_close(file);
}

/* ---- what must not matter --------------------------------------------------------------------------------- */

static void company_and_threads_do_not_matter(void **state)
{
    (void)state;
    sae_error err;
    sae_safetensors *file = golden_open();
    rows r = golden_rows(file);
    sae_model *models[GOLDEN_MODELS];
    sae_eval together[GOLDEN_MODELS];
    for (int i = 0; i < GOLDEN_MODELS; i++) models[i] = golden_model(file, i, NULL);
    assert_ok(sae_evaluate((const sae_model *const *)models, GOLDEN_MODELS, r.source, 0, together, NULL, &err));
    for (int i = 0; i < GOLDEN_MODELS; i++) {
        const sae_model *one = models[i];
        for (int threads = 1; threads <= 5; threads += 2) {
            sae_eval alone;
            assert_ok(sae_evaluate(&one, 1, r.source, 0, &alone, &(sae_env){.threads = threads}, &err));
            same_eval(&together[i], &alone, sae_model_get_info(one)->n, r.d);
            sae_eval_clear(&alone);
        }
    }
    for (int i = 0; i < GOLDEN_MODELS; i++) {
        sae_eval_clear(&together[i]);
        sae_model_free(models[i]);
    }
    close_rows(&r);
    sae_safetensors_close(file);
}

/* More rows than one block has: repeating all rows changes no mean. */
static void repeated_rows(void **state)
{
    (void)state;
    sae_error err;
    sae_safetensors *file = golden_open();
    rows r = golden_rows(file);
    int64_t copies = 10000 / r.count;
    float *data = malloc((size_t)(copies * r.count * r.d) * sizeof *data);
    for (int64_t c = 0; c < copies; c++)
        memcpy(data + c * r.count * r.d, r.data, (size_t)(r.count * r.d) * sizeof *data);
    rows many = open_rows(data, copies * r.count, r.d);
    sae_model *model = golden_model(file, 1, NULL);
    const sae_model *one = model;
    sae_eval a, b, c;
    assert_ok(sae_evaluate(&one, 1, r.source, 0, &a, NULL, &err));
    assert_ok(sae_evaluate(&one, 1, many.source, 0, &b, NULL, &err));
    assert_int_equal(b.tokens, copies * r.count);
    assert_close(b.l0, a.l0, 1e-12);
    assert_close(b.mse, a.mse, 1e-12);
    assert_close(b.fvu, a.fvu, 1e-12);
    assert_close(b.cosine, a.cosine, 1e-12);
    assert_close(b.l2_ratio, a.l2_ratio, 1e-12);
    assert_close(b.rel_bias, a.rel_bias, 1e-12);
    assert_int_equal(b.dead, a.dead);
    /* max_tokens: the first rows only */
    assert_ok(sae_evaluate(&one, 1, many.source, r.count, &c, NULL, &err));
    same_eval(&a, &c, sae_model_get_info(one)->n, r.d);
    sae_eval_clear(&a);
    sae_eval_clear(&b);
    sae_eval_clear(&c);
    sae_model_free(model);
    close_rows(&many);
    close_rows(&r);
    sae_safetensors_close(file);
}

/* ---- known answers ------------------------------------------------------------------------------------------- */

/* x̂ = b_dec for every row: an SAE that never fires. With b_dec the mean of the rows its FVU is 1. */
static void never_fires(void **state)
{
    (void)state;
    sae_error err;
    enum { D = 3, N = 4, ROWS = 1000 };
    float zeros[N * D] = {0}, low[N], mean[D] = {1e4f, -2, 0.5f}, *data = malloc(ROWS * D * sizeof *data);
    for (int i = 0; i < N; i++) low[i] = -1;
    /* pairs about the mean, so that it is exact; a mean of 1e4 against a spread of 1 must not cost digits */
    for (int i = 0; i < ROWS * D; i++) data[i] = mean[i % D] + ((i / D) % 2 ? 1.0f : -1.0f);
    rows r = open_rows(data, ROWS, D);
    sae_model_info info = {.d = D, .n = N, .k = 2};
    sae_weights weights = {.W_enc = zeros, .b_enc = low, .W_dec = zeros, .b_dec = mean};
    sae_model *model = NULL;
    assert_ok(sae_model_create(&model, &info, &weights, &err));
    const sae_model *one = model;
    sae_eval e;
    assert_ok(sae_evaluate(&one, 1, r.source, 0, &e, NULL, &err));
    assert_true(e.l0 == 0);
    assert_int_equal(e.dead, N);
    assert_close(e.mse, 3.0, 1e-12);
    assert_close(e.fvu, 1.0, 1e-9);
    for (int j = 0; j < D; j++) assert_close(e.x_mean[j], (double)mean[j], 1e-12);
    for (int b = 0; b < SAE_DENSITY_BINS; b++) assert_int_equal(e.density_counts[b], 0);
    sae_eval_clear(&e);
    sae_model_free(model);
    close_rows(&r);
}

/* x̂ = x: the identity in two halves, max(x, 0) and max(−x, 0). */
static void perfect(void **state)
{
    (void)state;
    sae_error err;
    enum { D = 2, N = 4, ROWS = 500 };
    const float W[N * D] = {1, 0, 0, 1, -1, 0, 0, -1}, zeros[N] = {0};
    float *data = malloc(ROWS * D * sizeof *data);
    for (int i = 0; i < ROWS * D; i++) data[i] = sinf((float)(i + 1));
    rows r = open_rows(data, ROWS, D);
    sae_model_info info = {.d = D, .n = N, .rule = SAE_RULE_THRESHOLD};
    sae_weights weights = {.W_enc = W, .b_enc = zeros, .W_dec = W, .b_dec = zeros, .threshold = zeros};
    sae_model *model = NULL;
    assert_ok(sae_model_create(&model, &info, &weights, &err));
    const sae_model *one = model;
    sae_eval e;
    assert_ok(sae_evaluate(&one, 1, r.source, 0, &e, NULL, &err));
    assert_true(e.mse == 0 && e.fvu == 0 && e.explained_variance == 1);
    assert_true(e.l0 == 2);
    assert_close(e.cosine, 1.0, 1e-14);
    assert_close(e.l2_ratio, 1.0, 1e-14);
    assert_close(e.rel_bias, 1.0, 1e-14);
    assert_int_equal(e.dead, 0);
    int64_t counted = 0;
    for (int b = 0; b < SAE_DENSITY_BINS; b++) counted += e.density_counts[b];
    assert_int_equal(counted, N);
    sae_eval_clear(&e);
    sae_model_free(model);
    close_rows(&r);
}

/* Held-out rows alone give what those rows give as a source of their own. */
static void held_out(void **state)
{
    (void)state;
    sae_error err;
    sae_safetensors *file = golden_open();
    const sae_tensor *x = golden_tensor(file, "x");
    int64_t count = x->shape[0], d = x->shape[1];
    float *data = golden_floats(file, "x");
    sae_source *source = NULL;
    sae_source_config config = sae_source_config_default();
    config.held_out = 0.25;
    assert_ok(sae_source_open_memory(&source, data, count, d, &config, &err));
    int64_t held = sae_source_get_info(source)->held_out;
    assert_true(held > 0 && held < count);
    float *part = malloc((size_t)(held * d) * sizeof *part);
    assert_ok(sae_source_held_out(source, 0, held, part, &err));
    rows r = open_rows(part, held, d);
    sae_model *model = golden_model(file, 0, NULL);
    const sae_model *one = model;
    sae_eval a, b;
    assert_ok(sae_evaluate_held_out(&one, 1, source, &a, NULL, &err));
    assert_ok(sae_evaluate(&one, 1, r.source, 0, &b, NULL, &err));
    assert_int_equal(a.tokens, held);
    same_eval(&a, &b, sae_model_get_info(model)->n, d);
    sae_eval_clear(&a);
    sae_eval_clear(&b);
    config.held_out = 0;
    sae_source_close(source);
    assert_ok(sae_source_open_memory(&source, data, count, d, &config, &err));
    assert_int_equal(sae_evaluate_held_out(&one, 1, source, &a, NULL, &err), SAE_E_ARG);
    sae_source_close(source);
    sae_model_free(model);
    close_rows(&r);
    free(data);
    sae_safetensors_close(file);
}

/* ---- bad input ----------------------------------------------------------------------------------------------- */

static void messages(void *ud, sae_log_level level, const char *message)
{
    assert_int_equal(level, SAE_LOG_WARN);
    snprintf(ud, 1024, "%s", message);
}

static void refused(void **state)
{
    (void)state;
    sae_error err;
    sae_safetensors *file = golden_open();
    sae_model *model = golden_model(file, 0, NULL);
    const sae_model *one = model;
    sae_eval e;
    float *narrow = calloc(80, sizeof *narrow);
    rows r = open_rows(narrow, 10, 8);
    assert_int_equal(sae_evaluate(&one, 1, r.source, 0, &e, NULL, &err), SAE_E_SHAPE);
    assert_contains(err.message, "16");
    assert_contains(err.message, "8");
    close_rows(&r);
    float *bad = calloc(160, sizeof *bad);
    bad[37] = NAN;
    r = open_rows(bad, 10, 16);
    assert_int_equal(sae_evaluate(&one, 1, r.source, 0, &e, NULL, &err), SAE_E_VALUE);
    assert_null(e.density);
    bad[37] = 0;
    volatile sig_atomic_t stop = 1;
    assert_int_equal(sae_evaluate(&one, 1, r.source, 0, &e, &(sae_env){.stop = &stop}, &err), SAE_E_INTERRUPTED);
    /* bare rows say nothing of their origin: no warning; all rows zero: no variance, FVU unknown */
    char said[1024] = "";
    assert_ok(sae_evaluate(&one, 1, r.source, 0, &e, &(sae_env){.log = messages, .ud = said}, &err));
    assert_string_equal(said, "");
    assert_true(isnan(e.fvu) && isnan(e.l2_ratio));
    assert_true(e.cosine == 0);
    sae_eval_clear(&e);
    close_rows(&r);
    sae_model_free(model);
    sae_safetensors_close(file);
}

static void out_of_memory(void **state)
{
    (void)state;
    sae_error err;
    sae_safetensors *file = golden_open();
    rows r = golden_rows(file);
    sae_model *models[2] = {golden_model(file, 0, NULL), golden_model(file, 1, NULL)};
    sae_eval evals[2];
    sae_status status = SAE_E_MEMORY;
    for (uint64_t n = 1; status != SAE_OK; n++) {
        assert_true(n < 1000);
        sae_alloc_fail_after(n);
        status =
            sae_evaluate((const sae_model *const *)models, 2, r.source, 100, evals, &(sae_env){.threads = 1}, &err);
        sae_alloc_fail_after(0);
        if (status == SAE_OK) continue;
        assert_int_equal(status, SAE_E_MEMORY);
        assert_true(!evals[0].density && !evals[1].x_mean);
    }
    for (int i = 0; i < 2; i++) {
        sae_eval_clear(&evals[i]);
        sae_model_free(models[i]);
    }
    close_rows(&r);
    sae_safetensors_close(file);
}

/* Activations of another model than the SAE's: evaluated, with a warning that names both. */
static void warned(void **state)
{
    sae_error err;
    sae_acts_writer *writer = NULL;
    sae_acts *acts = NULL;
    sae_source *source = NULL;
    sae_model *model = NULL;
    sae_eval e;
    sae_acts_meta meta = {
        .model = "gpt2", .hook_name = "blocks.3.hook_resid_pre", .d = 2, .ctx = 4, .dtype = SAE_DTYPE_F32};
    const float rows_data[8] = {1, 2, 3, 4, 5, 6, 7, 9}, W[4] = {1, 0, 0, 1}, zeros[2] = {0};
    const int32_t ids[4] = {0, 1, 2, 3};
    assert_ok(sae_acts_writer_open(&writer, temp_path(state, "acts"), &meta, 100, false, &err));
    assert_ok(sae_acts_writer_append(writer, 4, rows_data, ids, ids, ids, &err));
    assert_ok(sae_acts_writer_finish(writer, NULL, &err));
    assert_ok(sae_acts_open(&acts, temp_path(state, "acts"), &err));
    sae_source_config config = sae_source_config_default();
    assert_ok(sae_source_open_acts(&source, acts, &config, NULL, &err));
    sae_model_info info = {
        .d = 2, .n = 2, .k = 1, .acts = {.model = "demo-lm", .hook_name = "blocks.3.hook_resid_pre"}};
    sae_weights weights = {.W_enc = W, .b_enc = zeros, .W_dec = W, .b_dec = zeros};
    assert_ok(sae_model_create(&model, &info, &weights, &err));
    const sae_model *one = model;
    char said[1024] = "";
    assert_ok(sae_evaluate(&one, 1, source, 0, &e, &(sae_env){.log = messages, .ud = said}, &err));
    assert_contains(said, "demo-lm");
    assert_contains(said, "gpt2");
    assert_int_equal(e.tokens, 3); /* position 0 is skipped */
    sae_eval_clear(&e);
    sae_model_free(model);
    sae_source_close(source);
    sae_acts_close(acts);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_number),
        cmocka_unit_test(company_and_threads_do_not_matter),
        cmocka_unit_test(repeated_rows),
        cmocka_unit_test(never_fires),
        cmocka_unit_test(perfect),
        cmocka_unit_test(refused),
        cmocka_unit_test(held_out),
        cmocka_unit_test(out_of_memory),
        temp_test(warned),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
