/* Every number of a comparison against the float64 witness; identities; what must not matter; bad input. */
#include "analysis/comparing.h"

#include "base/alloc.h"

/* ---- the witness -------------------------------------------------------------------------------------- */

static double *expected(const sae_safetensors *file, const char *name, const char *key, int64_t count)
{
    char text[64];
    snprintf(text, sizeof text, "%s.%s", name, key);
    return golden_array(file, text, count);
}

static void check_doubles(const sae_safetensors *file, const char *name, const char *key, const double *values,
                          int64_t count, double tolerance)
{
    double *e = expected(file, name, key, count);
    for (int64_t i = 0; i < count; i++)
        if (isnan(values[i]) != isnan(e[i]) || fabs(values[i] - e[i]) > tolerance * fmax(1, fabs(e[i])))
            fail_msg("%s.%s[%lld] is %.17g, not %.17g", name, key, (long long)i, values[i], e[i]);
    free(e);
}

static void check_ids(const sae_safetensors *file, const char *name, const char *key, const int32_t *ids, int64_t count)
{
    double *e = expected(file, name, key, count);
    for (int64_t i = 0; i < count; i++) assert_int_equal(ids[i], (int32_t)e[i]);
    free(e);
}

static void check_counts(const sae_safetensors *file, const char *name, const char *key, const int64_t *counts,
                         int64_t n)
{
    double *e = expected(file, name, key, n);
    for (int64_t i = 0; i < n; i++) assert_int_equal(counts[i], (int64_t)e[i]);
    free(e);
}

static void check_histograms(const sae_safetensors *file, const char *name, const sae_comparison *c)
{
    double *e = expected(file, name, "hist", 4 * SAE_COS_BINS);
    const int64_t *hists[4] = {c->hist_large_in_small, c->hist_small_in_large, c->hist_random, c->hist_random_cov};
    for (int h = 0; h < 4; h++)
        for (int b = 0; b < SAE_COS_BINS; b++) assert_int_equal(hists[h][b], (int64_t)e[h * SAE_COS_BINS + b]);
    free(e);
}

static void every_number(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        int small, large;
    } cases[] = {{"plain", 0, 1}, {"token", 4, 5}};
    sae_safetensors *file = golden_open();
    for (int i = 0; i < 2; i++) {
        const char *name = cases[i].name;
        sae_comparison *c = golden_compare(cases[i].small, cases[i].large, golden_compare_config());
        check_doubles(file, name, "large_in_small", c->large_in_small, c->n_large, 1e-12);
        check_doubles(file, name, "small_in_large", c->small_in_large, c->n_small, 1e-12);
        check_ids(file, name, "argmax", c->argmax, c->n_large);
        check_ids(file, name, "argmax_small", c->argmax_small, c->n_small);
        check_histograms(file, name, c);
        check_counts(file, name, "n_active", c->n_active, c->n_large);
        check_counts(file, name, "n_active_small", c->n_active_small, c->n_small);
        check_doubles(file, name, "large", &c->large[0].inactive, 3 * c->n_large, 1e-5);
        check_doubles(file, name, "small", &c->small[0].inactive, 3 * c->n_large, 1e-5);
        check_doubles(file, name, "act_cos", c->act_cos, c->n_large, 1e-5);
        check_doubles(file, name, "pearson", c->pearson, c->n_large, 1e-5);
        const sae_novel_mean *m = &c->novel_mean;
        double mean[7] = {m->large.inactive,   m->large.active, m->large.difference, m->small.inactive, m->small.active,
                          m->small.difference, m->excess};
        const sae_interval intervals[7] = {m->large_inactive, m->large_active, m->large_difference,
                                           m->small_inactive, m->small_active, m->small_difference,
                                           m->excess_interval};
        double low[7], high[7];
        for (int v = 0; v < 7; v++) {
            low[v] = intervals[v].low;
            high[v] = intervals[v].high;
        }
        check_doubles(file, name, "novel_mean", mean, 7, 1e-5);
        check_doubles(file, name, "novel_low", low, 7, 1e-5);
        check_doubles(file, name, "novel_high", high, 7, 1e-5);
        double numbers[9] = {c->mse_small,        c->mse_large,        c->r2,
                             (double)c->r2_pairs, (double)c->novel,    (double)c->small_below,
                             (double)m->n,        (double)m->left_out, (double)m->never_fired};
        check_doubles(file, name, "numbers", numbers, 9, 1e-5);
        assert_int_equal(c->novel, m->n + m->left_out);
        assert_int_equal(c->tokens, golden_tensor(file, "x")->shape[0]);
        sae_comparison_free(c);
    }
    sae_safetensors_close(file);
}

/* ---- identities -------------------------------------------------------------------------------------------- */

static void same_split(sae_split a, sae_split b)
{
    assert_memory_equal(&a, &b, sizeof a);
}

/* An SAE against itself: nothing is novel, every latent is its own nearest, both errors are one. */
static void with_itself(void **state)
{
    (void)state;
    for (int number = 0; number < GOLDEN_MODELS; number++) {
        sae_comparison *c = golden_compare(number, number, golden_compare_config());
        for (int64_t i = 0; i < c->n_large; i++) {
            bool zero_row = number % 2 == 1 && i == 30;
            bool twin = number % 2 == 0 && i == 7; /* equals row 3, which has the smaller id */
            assert_close(c->large_in_small[i], zero_row ? 0.0 : 1.0, 1e-14);
            assert_true(c->large_in_small[i] == c->small_in_large[i]);
            assert_int_equal(c->argmax[i], zero_row ? 0 : twin ? 3 : i);
            assert_int_equal(c->argmax[i], c->argmax_small[i]);
            assert_int_equal(c->n_active[i], c->n_active_small[i]);
            same_split(c->large[i], c->small[i]);
            if (!twin && i != 3) assert_int_equal(c->partner[i], i); /* equal rows may change places */
            assert_close(c->partner_cos[i], zero_row ? 0.0 : 1.0, 1e-14);
            assert_int_equal(c->partner_small[c->partner[i]], i);
            if (c->partner[i] == c->argmax[i]) {
                assert_memory_equal(&c->partner_act_cos[i], &c->act_cos[i], sizeof *c->act_cos);
                assert_memory_equal(&c->partner_pearson[i], &c->pearson[i], sizeof *c->pearson);
            }
            if (c->n_active[i] >= 10 && !zero_row && !twin) {
                assert_close(c->act_cos[i], 1.0, 1e-12);
                if (c->n_active[i] < c->tokens) assert_close(c->pearson[i], 1.0, 1e-9);
            }
        }
        assert_int_equal(c->novel, number % 2 == 1 ? 1 : 0);
        assert_true(c->mse_small == c->mse_large);
        assert_int_equal(c->one_to_one, c->n_large);
        assert_int_equal(c->one_to_one_above, c->n_large - (number % 2));
        assert_memory_equal(c->hist_large_in_small, c->hist_small_in_large, sizeof c->hist_small_in_large);
        sae_comparison_free(c);
    }
}

/* The two directions change places with the SAEs; where a latent is active and what both miss there does not. */
static void directions(void **state)
{
    (void)state;
    sae_comparison *c = golden_compare(0, 3, golden_compare_config()),
                   *back = golden_compare(3, 0, golden_compare_config());
    assert_memory_equal(c->large_in_small, back->small_in_large, (size_t)c->n_large * sizeof(double));
    assert_memory_equal(c->small_in_large, back->large_in_small, (size_t)c->n_small * sizeof(double));
    assert_memory_equal(c->argmax, back->argmax_small, (size_t)c->n_large * sizeof(int32_t));
    assert_memory_equal(c->argmax_small, back->argmax, (size_t)c->n_small * sizeof(int32_t));
    assert_memory_equal(c->hist_large_in_small, back->hist_small_in_large, sizeof c->hist_random);
    assert_memory_equal(c->n_active, back->n_active_small, (size_t)c->n_large * sizeof(int64_t));
    assert_true(c->mse_large == back->mse_small && c->mse_small == back->mse_large);
    assert_int_equal(c->novel, back->small_below);
    assert_memory_equal(c->partner, back->partner_small, (size_t)c->n_large * sizeof(int32_t));
    assert_memory_equal(c->partner_small, back->partner, (size_t)c->n_small * sizeof(int32_t));
    assert_true(c->one_to_one == c->n_small && back->one_to_one == c->n_small);
    assert_close(c->one_to_one_mean, back->one_to_one_mean, 1e-14);
    sae_comparison_free(c);
    sae_comparison_free(back);
}

/* All tokens, split by a latent, give back the mean over all tokens. */
static void parts_make_the_whole(void **state)
{
    (void)state;
    sae_comparison *c = golden_compare(2, 3, golden_compare_config());
    for (int64_t i = 0; i < c->n_large; i++) {
        double share = (double)c->n_active[i] / (double)c->tokens;
        double active = c->n_active[i] > 0 ? share * c->large[i].active : 0;
        double inactive = c->n_active[i] < c->tokens ? (1 - share) * c->large[i].inactive : 0;
        assert_close(active + inactive, c->mse_large, 1e-12);
        if (c->n_active[i] == 0) {
            assert_true(isnan(c->large[i].active) && isnan(c->large[i].difference) && isnan(c->small[i].active));
            assert_true(isnan(c->act_cos[i]) && isnan(c->pearson[i]));
            assert_true(c->large[i].inactive == c->mse_large);
        }
    }
    sae_comparison_free(c);
}

/* ---- thresholds ----------------------------------------------------------------------------------------------- */

static void all_and_none_novel(void **state)
{
    (void)state;
    sae_compare_config config = golden_compare_config();
    config.threshold = 1.01;
    sae_comparison *c = golden_compare(0, 1, config);
    assert_int_equal(c->novel, c->n_large);
    assert_int_equal(c->small_below, c->n_small);
    assert_int_equal(c->novel_mean.n + c->novel_mean.left_out, c->n_large);
    assert_int_equal(c->novel_mean.never_fired, 3);
    assert_true(c->novel_mean.large_active.low <= c->novel_mean.large.active);
    assert_true(c->novel_mean.large.active <= c->novel_mean.large_active.high);
    assert_close(c->novel_mean.excess, c->novel_mean.small.difference - c->novel_mean.large.difference, 1e-9);
    sae_comparison_free(c);
    config.threshold = -1;
    c = golden_compare(0, 1, config);
    assert_int_equal(c->novel, 0);
    const sae_novel_mean *m = &c->novel_mean;
    assert_int_equal(m->n + m->left_out + m->never_fired, 0);
    assert_true(isnan(m->large.inactive) && isnan(m->small.difference) && isnan(m->excess));
    assert_true(isnan(m->large_active.low) && isnan(m->excess_interval.high));
    sae_comparison_free(c);
}

/* min_active counts both tokens where a latent is active and tokens where it is not. */
static void min_active(void **state)
{
    (void)state;
    sae_compare_config config = golden_compare_config();
    config.threshold = 1.01;
    for (config.min_active = 0; config.min_active < 150; config.min_active += 21) {
        sae_comparison *c = golden_compare(0, 1, config);
        int64_t entering = 0, pairs = 0;
        for (int64_t i = 0; i < c->n_large; i++) {
            int64_t off = c->tokens - c->n_active[i];
            entering +=
                c->n_active[i] > 0 && off > 0 && c->n_active[i] >= config.min_active && off >= config.min_active;
            bool pair = c->n_active[i] > 0 && c->n_active[i] >= config.min_active &&
                        c->n_active_small[c->argmax[i]] > 0 && c->n_active_small[c->argmax[i]] >= config.min_active;
            assert_int_equal(isnan(c->act_cos[i]), !pair);
            pairs += pair && c->large_in_small[i] > 0.5;
        }
        assert_int_equal(c->novel_mean.n, entering);
        assert_int_equal(c->r2_pairs, pairs);
        if (pairs < 3) assert_true(isnan(c->r2));
        sae_comparison_free(c);
    }
}

static void seeds(void **state)
{
    (void)state;
    sae_compare_config config = golden_compare_config();
    sae_comparison *a = golden_compare(0, 1, config), *same = golden_compare(0, 1, config);
    config.seed++;
    sae_comparison *other = golden_compare(0, 1, config);
    assert_memory_equal(&a->novel_mean, &same->novel_mean, sizeof a->novel_mean);
    assert_memory_equal(a->hist_random, same->hist_random, sizeof a->hist_random);
    assert_memory_not_equal(a->hist_random, other->hist_random, sizeof a->hist_random);
    assert_memory_not_equal(a->hist_random_cov, other->hist_random_cov, sizeof a->hist_random);
    assert_true(a->novel_mean.large.active == other->novel_mean.large.active);
    assert_true(a->novel_mean.large_active.low != other->novel_mean.large_active.low);
    sae_comparison_free(a);
    sae_comparison_free(same);
    sae_comparison_free(other);
}

/* ---- what must not matter ---------------------------------------------------------------------------------------- */

static void same_comparison(const sae_comparison *a, const sae_comparison *b)
{
    size_t n = (size_t)a->n_large, m = (size_t)a->n_small;
    assert_memory_equal(a->large_in_small, b->large_in_small, n * sizeof(double));
    assert_memory_equal(a->small_in_large, b->small_in_large, m * sizeof(double));
    assert_memory_equal(a->argmax, b->argmax, n * sizeof(int32_t));
    assert_memory_equal(a->argmax_small, b->argmax_small, m * sizeof(int32_t));
    assert_memory_equal(a->hist_random, b->hist_random, sizeof a->hist_random);
    assert_memory_equal(a->hist_random_cov, b->hist_random_cov, sizeof a->hist_random);
    assert_memory_equal(a->act_cos, b->act_cos, n * sizeof(double));
    assert_memory_equal(a->pearson, b->pearson, n * sizeof(double));
    assert_memory_equal(a->partner, b->partner, n * sizeof(int32_t));
    assert_memory_equal(a->partner_cos, b->partner_cos, n * sizeof(double));
    assert_memory_equal(a->partner_act_cos, b->partner_act_cos, n * sizeof(double));
    assert_memory_equal(a->partner_pearson, b->partner_pearson, n * sizeof(double));
    assert_memory_equal(a->large, b->large, n * sizeof(sae_split));
    assert_memory_equal(a->small, b->small, n * sizeof(sae_split));
    assert_memory_equal(&a->novel_mean, &b->novel_mean, sizeof a->novel_mean);
    assert_memory_equal(&a->r2, &b->r2, sizeof a->r2);
}

static void threads_do_not_matter(void **state)
{
    (void)state;
    sae_safetensors *file = golden_open();
    float *x = golden_floats(file, "x");
    int64_t tokens = golden_tensor(file, "x")->shape[0];
    sae_model *a = golden_model(file, 0, NULL), *b = golden_model(file, 1, NULL);
    sae_comparison *one = compare_rows(a, b, x, tokens, golden_compare_config(), &(sae_env){.threads = 1});
    for (int threads = 2; threads < 9; threads += 3) {
        sae_comparison *many = compare_rows(a, b, x, tokens, golden_compare_config(), &(sae_env){.threads = threads});
        same_comparison(one, many);
        sae_comparison_free(many);
    }
    sae_comparison_free(one);
    free(x);
    sae_model_free(a);
    sae_model_free(b);
    sae_safetensors_close(file);
}

/* SAE `number` with latent i moved to place n − 1 − i. */
static sae_model *reversed(const sae_model *model)
{
    sae_error err;
    sae_model_info info = *sae_model_get_info(model);
    sae_weights w = sae_model_get_weights(model);
    size_t n = (size_t)info.n, d = (size_t)info.d;
    float *W_enc = malloc(n * d * 4), *W_dec = malloc(n * d * 4), *b_enc = malloc(n * 4), *threshold = malloc(n * 4);
    for (size_t i = 0; i < n; i++) {
        memcpy(W_enc + (n - 1 - i) * d, w.W_enc + i * d, d * 4);
        memcpy(W_dec + (n - 1 - i) * d, w.W_dec + i * d, d * 4);
        b_enc[n - 1 - i] = w.b_enc[i];
        threshold[n - 1 - i] = w.threshold ? w.threshold[i] : 0;
    }
    sae_weights moved = {W_enc, b_enc, W_dec, w.b_dec, w.threshold ? threshold : NULL};
    sae_model *out = NULL;
    assert_ok(sae_model_create(&out, &info, &moved, &err));
    free(W_enc);
    free(W_dec);
    free(b_enc);
    free(threshold);
    return out;
}

/* Permuting latents permutes results. Sums over d run over codes in the order of ids, so errors may differ in the
 * last bits of float32; decoder cosines are the same bits. */
static void order_of_latents(void **state)
{
    (void)state;
    sae_safetensors *file = golden_open();
    float *x = golden_floats(file, "x");
    int64_t tokens = golden_tensor(file, "x")->shape[0];
    sae_model *a = golden_model(file, 2, NULL), *b = golden_model(file, 1, NULL), *moved_a = reversed(a),
              *moved_b = reversed(b);
    sae_comparison *c = compare_rows(a, b, x, tokens, golden_compare_config(), NULL);
    sae_comparison *moved = compare_rows(moved_a, moved_b, x, tokens, golden_compare_config(), NULL);
    for (int64_t i = 0; i < c->n_large; i++) {
        int64_t j = c->n_large - 1 - i;
        bool tied = i == 30 || c->argmax[i] == 3 || c->argmax[i] == 7; /* a row of zeros, and A's equal rows */
        assert_true(c->large_in_small[i] == moved->large_in_small[j]);
        assert_int_equal(c->n_active[i], moved->n_active[j]);
        assert_close(moved->large[j].inactive, c->large[i].inactive, 1e-5);
        assert_close(moved->small[j].active, c->small[i].active, 1e-5);
        if (tied) continue;
        assert_int_equal(c->argmax[i], c->n_small - 1 - moved->argmax[j]);
        if (c->partner[i] == 3 || c->partner[i] == 7) continue;
        assert_int_equal(c->partner[i], c->partner[i] < 0 ? moved->partner[j] : c->n_small - 1 - moved->partner[j]);
        assert_close(moved->act_cos[j], c->act_cos[i], 1e-12);
    }
    assert_memory_equal(c->hist_large_in_small, moved->hist_large_in_small, sizeof c->hist_random);
    assert_int_equal(c->novel, moved->novel);
    assert_int_equal(c->novel_mean.n, moved->novel_mean.n);
    assert_close(moved->novel_mean.small.difference, c->novel_mean.small.difference, 1e-4);
    sae_comparison_free(c);
    sae_comparison_free(moved);
    free(x);
    sae_model_free(a);
    sae_model_free(b);
    sae_model_free(moved_a);
    sae_model_free(moved_b);
    sae_safetensors_close(file);
}

/* ---- bad input ------------------------------------------------------------------------------------------------------
 */

static void refused(void **state)
{
    (void)state;
    sae_error err;
    sae_safetensors *file = golden_open();
    sae_model *plain = golden_model(file, 0, NULL), *token = golden_model(file, 5, NULL), *narrow = NULL;
    const float zeros[4] = {0};
    sae_weights weights = {.W_enc = zeros, .b_enc = zeros, .W_dec = zeros, .b_dec = zeros};
    sae_model_info info = {.d = 2, .n = 2, .k = 1};
    assert_ok(sae_model_create(&narrow, &info, &weights, &err));
    float rows[4] = {1, 2, 3, 4};
    sae_source *source = NULL;
    sae_source_config how = sae_source_config_default();
    assert_ok(sae_source_open_memory(&source, rows, 2, 2, &how, &err));
    sae_compare_config config = sae_compare_config_default();
    sae_comparison *c = NULL;
    assert_int_equal(sae_compare(plain, narrow, source, &config, &c, NULL, &err), SAE_E_SHAPE);
    assert_contains(err.message, "16 and 2");
    assert_int_equal(sae_compare(plain, token, source, &config, &c, NULL, &err), SAE_E_ARG);
    assert_contains(err.message, "large SAE standardises each token");
    assert_int_equal(sae_compare(plain, plain, source, &config, &c, NULL, &err), SAE_E_SHAPE);
    assert_contains(err.message, "16 dimensions, these have 2");
    config.latent = 2;
    assert_int_equal(sae_compare(narrow, narrow, source, &config, &c, NULL, &err), SAE_E_ARG);
    assert_contains(err.message, "latents 0 to 1");
    assert_null(c);
    config.latent = 1;
    assert_ok(sae_compare(narrow, narrow, source, &config, &c, NULL, &err));
    assert_int_equal(c->latent, 1);
    sae_comparison_free(c);
    sae_source_close(source);
    sae_model_free(plain);
    sae_model_free(token);
    sae_model_free(narrow);
    sae_safetensors_close(file);
}

/* Every allocation fails once: an error, nothing lost, nothing half made. */
static void out_of_memory(void **state)
{
    (void)state;
    sae_error err;
    sae_safetensors *file = golden_open();
    float *x = golden_floats(file, "x");
    sae_model *a = golden_model(file, 4, NULL), *b = golden_model(file, 5, NULL);
    sae_source *source = NULL;
    sae_source_config how = sae_source_config_default();
    assert_ok(sae_source_open_memory(&source, x, 100, sae_model_get_info(a)->d, &how, &err));
    sae_compare_config config = sae_compare_config_default();
    sae_comparison *c = NULL;
    sae_status status = SAE_E_MEMORY;
    for (uint64_t n = 1; status != SAE_OK; n++) {
        assert_true(n < 1000);
        sae_alloc_fail_after(n);
        status = sae_compare(a, b, source, &config, &c, &(sae_env){.threads = 1}, &err);
        sae_alloc_fail_after(0);
        if (status == SAE_OK) continue;
        assert_int_equal(status, SAE_E_MEMORY);
        assert_null(c);
    }
    sae_comparison_free(c);
    sae_source_close(source);
    free(x);
    sae_model_free(a);
    sae_model_free(b);
    sae_safetensors_close(file);
}

static void options(void **state)
{
    (void)state;
    sae_error err;
    size_t count;
    const sae_option *table = sae_compare_option_table(&count);
    sae_compare_config config = sae_compare_config_default(), again = sae_compare_config_default();
    for (size_t i = 0; i < count; i++) { /* every default can be said on the command line */
        char text[64];
        sae_option_get(&table[i], &config, text, sizeof text);
        assert_ok(sae_option_set(&table[i], &again, text, &err));
    }
    assert_true(config.threshold == again.threshold && config.latent == again.latent && config.draws == again.draws);
    assert_int_equal(sae_option_set(sae_option_find(table, count, "threshold"), &config, "1.5", &err), SAE_E_ARG);
    assert_int_equal(sae_option_set(sae_option_find(table, count, "min-active"), &config, "-1", &err), SAE_E_ARG);
    assert_int_equal(sae_option_set(sae_option_find(table, count, "draws"), &config, "0", &err), SAE_E_ARG);
    assert_null(sae_option_find(table, count, "colour"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_number),
        cmocka_unit_test(with_itself),
        cmocka_unit_test(directions),
        cmocka_unit_test(parts_make_the_whole),
        cmocka_unit_test(all_and_none_novel),
        cmocka_unit_test(min_active),
        cmocka_unit_test(seeds),
        cmocka_unit_test(threads_do_not_matter),
        cmocka_unit_test(order_of_latents),
        cmocka_unit_test(refused),
        cmocka_unit_test(out_of_memory),
        cmocka_unit_test(options),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
