/* Stitching: identities, what must not matter, latents that never fire or are there twice, and bad input. */
#include "analysis/stitching.h"

#include "base/alloc.h"

/* An SAE made of `count` latents of another, by number; those in `silent` (may be NULL) get a bias at which they never
 * fire. */
static sae_model *made_of(const sae_model *model, const int32_t *latents, int64_t count, const bool *silent)
{
    sae_error err;
    sae_model_info info = *sae_model_get_info(model);
    sae_weights w = sae_model_get_weights(model);
    size_t n = (size_t)count, d = (size_t)info.d;
    float *W_enc = malloc(n * d * 4), *W_dec = malloc(n * d * 4), *b_enc = malloc(n * 4), *threshold = malloc(n * 4);
    for (size_t i = 0; i < n; i++) {
        size_t from = (size_t)latents[i];
        memcpy(W_enc + i * d, w.W_enc + from * d, d * 4);
        memcpy(W_dec + i * d, w.W_dec + from * d, d * 4);
        b_enc[i] = silent && silent[i] ? -1e6f : w.b_enc[from];
        threshold[i] = w.threshold ? w.threshold[from] : 0;
    }
    info.n = count;
    sae_weights weights = {W_enc, b_enc, W_dec, w.b_dec, w.threshold ? threshold : NULL};
    sae_model *out = NULL;
    assert_ok(sae_model_create(&out, &info, &weights, &err));
    free(W_enc);
    free(W_dec);
    free(b_enc);
    free(threshold);
    return out;
}

/* ---- identities -------------------------------------------------------------------------------------------- */

/* An SAE and itself: every latent has its own, swapping changes nothing, and so does the whole way. */
static void with_itself(void **state)
{
    (void)state;
    for (int number = 0; number < 4; number++) {
        pair p = pair_open(number, number);
        sae_stitch_config config = sae_stitch_config_default();
        config.threshold = 0.95;
        sae_stitch *s = stitch(&p, config);
        bool zero_row = number % 2 == 1; /* row 30 of these has cosine 0 with everything, itself too */
        for (int64_t i = 0; i < s->n_large; i++) assert_close(s->max_cos[i], zero_row && i == 30 ? 0.0 : 1.0, 1e-14);
        assert_int_equal(s->n_insert, zero_row ? 1 : 0);
        assert_int_equal(s->n_remove, s->n_insert);
        assert_true(s->base.mse == s->large.mse && s->base.l0 == s->large.l0);
        for (int64_t c = 0; c < s->n_swap; c++) {
            const sae_stitch_component *component = &s->components[c];
            assert_int_equal(component->n_small, component->n_large);
            assert_memory_equal(component->small, component->large, (size_t)component->n_small * sizeof(int32_t));
            assert_true(fabs(component->delta_mse) < 1e-12 * s->base.mse);
        }
        for (int o = 0; o < SAE_STITCH_ORDERS; o++) {
            for (int64_t e = 0; e < s->paths[o].n_entries; e++)
                assert_close(s->paths[o].entries[e].quality.mse, s->base.mse, 1e-12);
            assert_int_equal(s->paths[o].rises, 0);
        }
        assert_true(s->end_error == 0);
        sae_stitch_free(s);
        pair_close(&p);
    }
}

static void order_of_latents(void **state)
{
    (void)state;
    pair p = pair_open(0, 1), q = pair_open(0, 1);
    int64_t a = sae_model_get_info(p.small)->n, b = sae_model_get_info(p.large)->n;
    int32_t *back = malloc((size_t)(a + b) * sizeof *back);
    for (int64_t i = 0; i < a; i++) back[i] = (int32_t)(a - 1 - i);
    for (int64_t i = 0; i < b; i++) back[a + i] = (int32_t)(b - 1 - i);
    sae_model_free(q.small);
    sae_model_free(q.large);
    q.small = made_of(p.small, back, a, NULL);
    q.large = made_of(p.large, back + a, b, NULL);
    sae_stitch_config config = sae_stitch_config_default();
    config.threshold = 0.5;
    sae_stitch *s = stitch(&p, config), *moved = stitch(&q, config);
    for (int64_t i = 0; i < b; i++) {
        assert_true(s->max_cos[i] == moved->max_cos[b - 1 - i]);
        assert_int_equal(s->n_active[i], moved->n_active[b - 1 - i]);
        assert_close(moved->delta_mse[b - 1 - i], s->delta_mse[i], 1e-9);
        assert_close(moved->delta_mse_se[b - 1 - i], s->delta_mse_se[i], 1e-9);
    }
    assert_close(moved->auc, s->auc, 1e-15);
    assert_true(moved->best_threshold == s->best_threshold);
    assert_int_equal(moved->pairs, s->pairs);
    assert_int_equal(moved->n_swap, s->n_swap);
    for (int64_t c = 0; c < s->n_swap; c++) {
        const sae_stitch_component *x = &s->components[c], *y = &moved->components[c];
        if (x->max_cos != y->max_cos || (c > 0 && x->max_cos == x[-1].max_cos)) continue;
        if (c + 1 < s->n_swap && x->max_cos == x[1].max_cos) continue; /* equals come in the order of ids */
        assert_int_equal(x->n_small, y->n_small);
        assert_int_equal(x->n_large, y->n_large);
        for (int64_t i = 0; i < x->n_large; i++) assert_int_equal(x->large[i], b - 1 - y->large[x->n_large - 1 - i]);
        assert_true(fabs(x->delta_mse - y->delta_mse) < 1e-10 * s->base.mse);
    }
    for (int o = 0; o < SAE_STITCH_RANDOM; o++)
        assert_close(moved->paths[o].highest_mse, s->paths[o].highest_mse, 1e-10);
    free(back);
    sae_stitch_free(s);
    sae_stitch_free(moved);
    pair_close(&p);
    pair_close(&q);
}

static void same_doubles(const double *a, const double *b, int64_t n)
{
    assert_memory_equal(a, b, (size_t)n * sizeof *a);
}

static void threads_do_not_matter(void **state)
{
    (void)state;
    pair p = pair_open(2, 1);
    sae_error err;
    sae_stitch *one = NULL;
    assert_ok(try_stitch(&p, sae_stitch_config_default(), &one, &(sae_env){.threads = 1}, &err));
    for (int threads = 2; threads < 9; threads += 3) {
        sae_stitch *many = NULL;
        assert_ok(try_stitch(&p, sae_stitch_config_default(), &many, &(sae_env){.threads = threads}, &err));
        same_doubles(one->max_cos, many->max_cos, one->n_large);
        same_doubles(one->delta_mse, many->delta_mse, one->n_large);
        same_doubles(one->delta_mse_se, many->delta_mse_se, one->n_large);
        const sae_quadratic *x = &one->inside->rows.form, *y = &many->inside->rows.form;
        same_doubles(x->h, y->h, x->n);
        same_doubles(x->q.values, y->q.values, x->q.offsets[x->n]);
        assert_int_equal(one->operations, many->operations);
        for (int o = 0; o < SAE_STITCH_ORDERS; o++)
            for (int64_t e = 0; e < one->paths[o].n_entries; e++)
                same_doubles(&one->paths[o].entries[e].quality.mse, &many->paths[o].entries[e].quality.mse, 3);
        sae_stitch_free(many);
    }
    sae_stitch_free(one);
    pair_close(&p);
}

/* ---- odd latents ----------------------------------------------------------------------------------------------- */

/* Latents that never fire have no ΔMSE, do no harm on the way, and the end is B all the same. */
static void latents_that_never_fire(void **state)
{
    (void)state;
    pair p = pair_open(0, 1);
    int64_t b = sae_model_get_info(p.large)->n;
    int32_t *ids = malloc((size_t)b * sizeof *ids);
    bool *silent = calloc((size_t)b, sizeof *silent);
    for (int64_t i = 0; i < b; i++) {
        ids[i] = (int32_t)i;
        silent[i] = i % 3 == 0;
    }
    sae_model *quiet = made_of(p.large, ids, b, silent), *all_quiet;
    sae_model_free(p.large);
    p.large = quiet;
    sae_stitch *s = stitch(&p, sae_stitch_config_default());
    int64_t without = 0;
    for (int64_t i = 0; i < b; i++) {
        assert_int_equal(isnan(s->delta_mse[i]), s->n_active[i] == 0);
        if (silent[i]) assert_int_equal(s->n_active[i], 0);
        without += s->n_active[i] == 0;
    }
    assert_int_equal(s->improving + s->worsening, b - without);
    assert_true(s->end_error < 1e-6);
    sae_stitch_free(s);
    /* none fires: B's reconstruction is its bias */
    for (int64_t i = 0; i < b; i++) silent[i] = true;
    all_quiet = made_of(p.large, ids, b, silent);
    sae_model_free(p.large);
    p.large = all_quiet;
    s = stitch(&p, sae_stitch_config_default());
    assert_int_equal(s->improving + s->worsening, 0);
    assert_true(isnan(s->auc) && isnan(s->accuracy) && s->large.l0 == 0);
    assert_true(s->paths[SAE_STITCH_COSINE].entries[s->operations].quality.mse > s->base.mse);
    sae_stitch_free(s);
    free(ids);
    free(silent);
    pair_close(&p);
}

/* B is A with every latent twice: components of one latent and its two copies. */
static void latents_that_are_there_twice(void **state)
{
    (void)state;
    pair p = pair_open(2, 2);
    int64_t a = sae_model_get_info(p.small)->n;
    int32_t *ids = malloc((size_t)(2 * a) * sizeof *ids);
    for (int64_t i = 0; i < 2 * a; i++) ids[i] = (int32_t)(i % a);
    sae_model_free(p.large);
    p.large = made_of(p.small, ids, 2 * a, NULL);
    sae_stitch_config config = sae_stitch_config_default();
    config.threshold = 0.999;
    sae_stitch *s = stitch(&p, config);
    assert_int_equal(s->n_insert + s->n_remove, 0);
    for (int64_t c = 0; c < s->n_swap; c++) {
        const sae_stitch_component *component = &s->components[c];
        assert_int_equal(component->n_large, 2 * component->n_small);
        for (int64_t i = 0; i < component->n_small; i++) {
            assert_int_equal(component->large[i], component->small[i]);
            assert_int_equal(component->large[component->n_small + i], component->small[i] + a);
        }
    }
    for (int64_t i = 0; i < a; i++) assert_true(s->n_active[i] == s->n_active[i + a]);
    assert_close(s->large.l0, 2 * s->base.l0, 1e-12);
    sae_stitch_free(s);
    free(ids);
    pair_close(&p);
}

static void all_and_none_novel(void **state)
{
    (void)state;
    pair p = pair_open(0, 1);
    sae_stitch_config config = sae_stitch_config_default();
    config.threshold = 1; /* no cosine is above it */
    sae_stitch *s = stitch(&p, config);
    assert_int_equal(s->n_insert, s->n_large);
    assert_int_equal(s->n_remove, s->n_small);
    assert_int_equal(s->n_swap, 0);
    assert_close(s->paths[SAE_STITCH_COSINE].entries[s->operations].quality.mse, s->large.mse, 1e-10);
    sae_stitch_free(s);
    config.threshold = 1e-3; /* nearly all hang together */
    s = stitch(&p, config);
    assert_int_equal(s->n_insert, 1); /* the row of zeros */
    assert_int_equal(s->n_swap, 1);
    assert_int_equal(s->components[0].n_small, s->n_small);
    assert_close(s->paths[SAE_STITCH_GREEDY].entries[s->operations].quality.mse, s->large.mse, 1e-10);
    sae_stitch_free(s);
    pair_close(&p);
}

/* ---- bad input -------------------------------------------------------------------------------------------------- */

static void count_warnings(void *ud, sae_log_level level, const char *message)
{
    (void)message;
    *(int *)ud += level == SAE_LOG_WARN;
}

static void no_threshold_to_find(void **state)
{
    (void)state;
    pair p = pair_open(2, 2);
    int32_t ids[1] = {0}; /* with one latent there are not two signs */
    sae_model_free(p.large);
    p.large = made_of(p.small, ids, 1, NULL);
    sae_stitch_config config = sae_stitch_config_default();
    config.threshold = 0;
    int warnings = 0;
    sae_error err;
    sae_stitch *s = NULL;
    assert_ok(try_stitch(&p, config, &s, &(sae_env){.log = count_warnings, .ud = &warnings}, &err));
    assert_int_equal(warnings, 1);
    assert_true(s->threshold == 0.7 && s->threshold_auto && isnan(s->best_threshold));
    sae_stitch_free(s);
    pair_close(&p);
}

static void refused(void **state)
{
    (void)state;
    sae_error err;
    sae_stitch *s = NULL;
    sae_stitch_config config = sae_stitch_config_default();
    pair p = pair_open(0, 5), q = pair_open(0, 1);
    assert_int_equal(try_stitch(&p, config, &s, NULL, &err), SAE_E_UNSUPPORTED);
    assert_contains(err.message, "large SAE standardises each token");
    const float zeros[4] = {0};
    sae_weights weights = {.W_enc = zeros, .b_enc = zeros, .W_dec = zeros, .b_dec = zeros};
    sae_model_info info = {.d = 2, .n = 2, .k = 1};
    sae_model_free(p.large);
    assert_ok(sae_model_create(&p.large, &info, &weights, &err));
    assert_int_equal(try_stitch(&p, config, &s, NULL, &err), SAE_E_SHAPE);
    assert_contains(err.message, "16 and 2");
    config.order = SAE_STITCH_RANDOM;
    assert_int_equal(try_stitch(&q, config, &s, NULL, &err), SAE_E_ARG);
    assert_contains(err.message, "cosine, delta or greedy");
    config = sae_stitch_config_default();
    config.max_pairs = 3;
    assert_int_equal(try_stitch(&q, config, &s, NULL, &err), SAE_E_MEMORY);
    assert_contains(err.message, "more than the 3 allowed");
    volatile sig_atomic_t stop = 1;
    assert_int_equal(try_stitch(&q, sae_stitch_config_default(), &s, &(sae_env){.stop = &stop}, &err),
                     SAE_E_INTERRUPTED);
    assert_null(s);
    s = stitch(&q, sae_stitch_config_default());
    sae_model *model = NULL;
    assert_int_equal(sae_stitch_model(s, SAE_STITCH_COSINE, s->operations + 1, &model, NULL, &err), SAE_E_ARG);
    assert_int_equal(sae_stitch_model(s, SAE_STITCH_COSINE, -1, &model, NULL, &err), SAE_E_ARG);
    assert_null(model);
    sae_stitch_free(s);
    pair_close(&p);
    pair_close(&q);
}

/* Every allocation fails once: an error, nothing lost, nothing half made. */
static void out_of_memory(void **state)
{
    (void)state;
    pair p = pair_open(0, 3);
    p.rows = 64;
    sae_error err;
    sae_stitch *s = NULL;
    sae_status status = SAE_E_MEMORY;
    sae_source *source = NULL;
    sae_source_config how = sae_source_config_default();
    sae_stitch_config config = sae_stitch_config_default();
    assert_ok(sae_source_open_memory(&source, p.x, p.rows, p.d, &how, &err));
    for (uint64_t n = 1; status != SAE_OK; n++) {
        assert_true(n < 1000);
        sae_alloc_fail_after(n);
        status = sae_stitch_run(p.small, p.large, source, &config, &s, &(sae_env){.threads = 1}, &err);
        sae_alloc_fail_after(0);
        if (status == SAE_OK) continue;
        assert_int_equal(status, SAE_E_MEMORY);
        assert_null(s);
    }
    sae_stitch_free(s);
    sae_source_close(source);
    pair_close(&p);
}

static void options(void **state)
{
    (void)state;
    sae_error err;
    size_t count;
    const sae_option *table = sae_stitch_option_table(&count);
    sae_stitch_config config = sae_stitch_config_default(), again = {0};
    for (size_t i = 0; i < count; i++) { /* every default can be said on the command line */
        char text[64];
        sae_option_get(&table[i], &config, text, sizeof text);
        assert_ok(sae_option_set(&table[i], &again, text, &err));
    }
    assert_true(config.threshold == again.threshold && config.order == again.order && config.every == again.every &&
                config.max_pairs == again.max_pairs && config.max_tokens == again.max_tokens);
    assert_ok(sae_option_set(sae_option_find(table, count, "threshold"), &config, "auto", &err));
    assert_true(config.threshold == 0);
    assert_int_equal(sae_option_set(sae_option_find(table, count, "threshold"), &config, "1.5", &err), SAE_E_ARG);
    assert_int_equal(sae_option_set(sae_option_find(table, count, "order"), &config, "random", &err), SAE_E_ARG);
    assert_int_equal(sae_option_set(sae_option_find(table, count, "every"), &config, "0", &err), SAE_E_ARG);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(with_itself),
        cmocka_unit_test(order_of_latents),
        cmocka_unit_test(threads_do_not_matter),
        cmocka_unit_test(latents_that_never_fire),
        cmocka_unit_test(latents_that_are_there_twice),
        cmocka_unit_test(all_and_none_novel),
        cmocka_unit_test(no_threshold_to_find),
        cmocka_unit_test(refused),
        cmocka_unit_test(out_of_memory),
        cmocka_unit_test(options),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
