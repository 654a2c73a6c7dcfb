/* Cross-entropy along a path: that of the stitched SAEs themselves, to the bit. */
#include "analysis/splicing.h"

#include "analysis/random_rows.h"
#include "analysis/stitch.h"

#include <sae/analysis.h>

enum { SMALL = 30, LARGE = 70, ALIKE = 18 };

/* A text, its activations, and two SAEs of them of which some latents are alike, stitched. */
typedef struct journey {
    const splicing *at;
    sae_contexts contexts;
    sae_model *small, *large;
    sae_source *source;
    float *x;
    sae_stitch *stitch;
} journey;

static sae_model *random_sae(const splicing *at, int64_t n, uint64_t seed, const float *like)
{
    sae_error err;
    size_t d = (size_t)at->d;
    float *W = malloc((size_t)n * d * sizeof *W), *b_dec = malloc(d * sizeof *b_dec);
    float *zeros = calloc((size_t)n, sizeof *zeros), *threshold = malloc((size_t)n * sizeof *threshold);
    sae_random_rows(seed, n, at->d, W, NULL);
    for (size_t e = 0; e < (size_t)n * d; e++) {
        W[e] = 0.3f * W[e] + (like && e < ALIKE * d ? like[e] : 0);
        W[e] *= 0.2f;
    }
    for (size_t j = 0; j < d; j++) b_dec[j] = (float)at->x_mean[j] + 0.01f * (float)(seed % 7);
    for (int64_t i = 0; i < n; i++) threshold[i] = 1.5f;
    sae_model_info info = {.d = at->d, .n = n, .rule = SAE_RULE_THRESHOLD, .subtract_b_dec = true};
    sae_weights weights = {W, zeros, W, b_dec, threshold};
    sae_model *model = NULL;
    assert_ok(sae_model_create(&model, &info, &weights, &err));
    free(W);
    free(b_dec);
    free(zeros);
    free(threshold);
    return model;
}

static journey journey_begin(const splicing *at, sae_stitch_config config)
{
    sae_error err;
    journey j = {.at = at, .contexts = at->contexts};
    float *shared = malloc((size_t)(ALIKE * at->d) * sizeof *shared);
    sae_random_rows(5, ALIKE, at->d, shared, NULL);
    j.small = random_sae(at, SMALL, 1, shared);
    j.large = random_sae(at, LARGE, 2, shared);
    free(shared);
    int64_t rows = COUNT * CTX;
    j.x = malloc((size_t)(rows * at->d) * sizeof *j.x);
    assert_ok(sae_lm_hooks(at->lm, at->contexts.tokens, COUNT, CTX, &at->hook, 1, false, &j.x, NULL, &err));
    for (int64_t r = 0; r < rows; r += CTX) memcpy(j.x + r * at->d, j.x + (r + 1) * at->d, (size_t)at->d * sizeof *j.x);
    assert_ok(sae_source_open_memory(&j.source, j.x, rows, at->d, &at->rows, &err));
    assert_ok(sae_stitch_run(j.small, j.large, j.source, &config, &j.stitch, NULL, &err));
    assert_true(j.stitch->n_insert > 20 && j.stitch->n_swap >= ALIKE - 3 && j.stitch->base.l0 > 1);
    return j;
}

static void journey_end(journey *j)
{
    sae_stitch_free(j->stitch);
    sae_source_close(j->source);
    sae_model_free(j->small);
    sae_model_free(j->large);
    free(j->x);
}

static sae_status measure(const journey *j, bool centred, int64_t points, const sae_env *env, sae_error *err)
{
    return sae_stitch_measure_ce(j->stitch, j->at->lm, &j->contexts, j->at->hook, centred, &j->at->rows, points, env,
                                 err);
}

/* The SAE that is there, spliced in like any other. */
static sae_eval_ce of_sae(const journey *j, sae_stitch_order order, int64_t operations, bool centred)
{
    sae_error err;
    sae_eval_ce ce;
    sae_model *model = NULL;
    assert_ok(sae_stitch_model(j->stitch, order, operations, &model, NULL, &err));
    assert_ok(sae_evaluate_ce((const sae_model *const *)&model, 1, j->at->lm, &j->contexts, j->at->hook, centred,
                              &j->at->rows, j->at->x_mean, &ce, NULL, &err));
    sae_model_free(model);
    return ce;
}

/* Checks every entry of a path; returns how many were measured. Of those it runs every `stride`-th as an SAE. */
static int64_t check_path(const journey *j, sae_stitch_order order, bool centred, int64_t stride)
{
    const sae_stitch_path *p = &j->stitch->paths[order];
    int64_t measured = 0;
    assert_false(isnan(p->entries[0].ce) || isnan(p->entries[p->n_entries - 1].ce));
    for (int64_t i = 0; i < p->n_entries; i++) {
        if (isnan(p->entries[i].ce)) continue;
        if (measured++ % stride && i < p->n_entries - 1) continue;
        sae_eval_ce ce = of_sae(j, order, p->entries[i].operations, centred);
        if (p->entries[i].ce != ce.spliced)
            fail_msg("after %lld operations: %.17g, not %.17g", (long long)p->entries[i].operations, p->entries[i].ce,
                     ce.spliced);
        assert_true(j->stitch->ce.clean == ce.clean && j->stitch->ce.zero == ce.zero);
        assert_int_equal(j->stitch->ce.tokens, ce.tokens);
    }
    return measured;
}

static void as_the_stitched_saes_have_it(void **state)
{
    for (int centred = 0; centred < 2; centred++) {
        sae_error err;
        sae_stitch_config config = sae_stitch_config_default();
        config.order = SAE_STITCH_GREEDY;
        config.every = centred ? 4 : 1;
        journey j = journey_begin(*state, config);
        for (int o = 0; o < SAE_STITCH_ORDERS; o++) assert_true(isnan(j.stitch->paths[o].entries[0].ce));
        assert_ok(measure(&j, centred, 9, NULL, &err));
        assert_int_equal(check_path(&j, SAE_STITCH_GREEDY, centred, 2), 9);
        assert_int_equal(check_path(&j, SAE_STITCH_RANDOM, centred, 3), 9);
        assert_true(isnan(j.stitch->paths[SAE_STITCH_COSINE].entries[0].ce)); /* not asked for */
        const sae_stitch_path *path = &j.stitch->paths[SAE_STITCH_GREEDY];
        assert_int_equal(j.stitch->ce.points, 9);
        assert_true(j.stitch->ce.small == path->entries[0].ce);
        assert_true(j.stitch->ce.large == path->entries[path->n_entries - 1].ce);
        assert_true(j.stitch->ce.small != j.stitch->ce.large && j.stitch->ce.clean < j.stitch->ce.large);
        journey_end(&j);
    }
}

/* All states: more than fit at a time. */
static void in_groups(void **state)
{
    sae_error err;
    journey j = journey_begin(*state, sae_stitch_config_default());
    assert_true(j.stitch->operations > 40);
    assert_ok(measure(&j, false, 0, NULL, &err));
    assert_int_equal(j.stitch->ce.points, j.stitch->operations + 1);
    assert_int_equal(check_path(&j, SAE_STITCH_COSINE, false, 13), j.stitch->operations + 1);
    assert_int_equal(check_path(&j, SAE_STITCH_RANDOM, false, 13), j.stitch->operations + 1);
    journey_end(&j);
}

/* A text of two batches: what A and B make of the first does not stay for the second. */
static void several_batches(void **state)
{
    enum { MANY = 173 }; /* 170 contexts of 24 tokens are a batch */
    sae_error err;
    journey j = journey_begin(*state, sae_stitch_config_default());
    int32_t *tokens = malloc(MANY * CTX * sizeof *tokens);
    for (int i = 0; i < MANY * CTX; i++) tokens[i] = j.contexts.tokens[i * 7 % (COUNT * CTX)];
    j.contexts = (sae_contexts){.count = MANY, .ctx = CTX, .tokens = tokens};
    assert_ok(measure(&j, false, 2, NULL, &err));
    assert_int_equal(check_path(&j, SAE_STITCH_COSINE, false, 1), 2);
    assert_int_equal(j.stitch->ce.tokens, MANY * (CTX - 2));
    free(tokens);
    journey_end(&j);
}

/* More asked for than there are. */
static void all_of_a_few(void **state)
{
    sae_error err;
    sae_stitch_config config = sae_stitch_config_default();
    config.every = 1000000;
    journey j = journey_begin(*state, config);
    assert_ok(measure(&j, false, 50, NULL, &err));
    assert_int_equal(j.stitch->ce.points, 2);
    assert_int_equal(check_path(&j, SAE_STITCH_RANDOM, false, 1), 2);
    journey_end(&j);
}

static void threads_do_not_matter(void **state)
{
    sae_error err;
    double ce[2];
    journey j = journey_begin(*state, sae_stitch_config_default());
    for (int run = 0; run < 2; run++) {
        assert_ok(measure(&j, true, 3, &(sae_env){.threads = run ? 3 : 1}, &err));
        ce[run] = j.stitch->paths[SAE_STITCH_RANDOM].entries[llround((double)j.stitch->operations / 2)].ce;
    }
    assert_true(ce[0] == ce[1] && !isnan(ce[0]));
    journey_end(&j);
}

static void refused(void **state)
{
    sae_error err;
    journey j = journey_begin(*state, sae_stitch_config_default());
    assert_int_equal(measure(&j, false, 1, NULL, &err), SAE_E_ARG);
    assert_contains(err.message, "1 points");
    assert_int_equal(measure(&j, false, -2, NULL, &err), SAE_E_ARG);
    volatile sig_atomic_t stop = 1;
    assert_int_equal(measure(&j, false, 4, &(sae_env){.stop = &stop}, &err), SAE_E_INTERRUPTED);
    splicing wide = *j.at;
    assert_ok(sae_hook_parse(&wide.hook, wide.lm, "blocks.4.mlp.hook_post", &err));
    j.at = &wide;
    assert_int_equal(measure(&j, false, 4, NULL, &err), SAE_E_SHAPE);
    assert_contains(err.message, "1024");
    j.at = *state;
    j.contexts.ctx = 2;
    assert_int_equal(measure(&j, false, 4, NULL, &err), SAE_E_ARG);
    assert_contains(err.message, "no position whose prediction could be counted");
    assert_int_equal(j.stitch->ce.tokens, 0);
    journey_end(&j);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(as_the_stitched_saes_have_it),
        cmocka_unit_test(in_groups),
        cmocka_unit_test(several_batches),
        cmocka_unit_test(all_of_a_few),
        cmocka_unit_test(threads_do_not_matter),
        cmocka_unit_test(refused),
    };
    return cmocka_run_group_tests(tests, splicing_setup, splicing_teardown);
}
