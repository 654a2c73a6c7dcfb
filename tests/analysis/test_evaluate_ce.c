/* Cross-entropy with an SAE spliced into the demo model: SAEs whose effect is known. */
#include "analysis/splicing.h"

#include <sae/analysis.h>

/* x̂ = x, as max(x − c, 0) and max(c − x, 0). */
static sae_model *identity(int64_t d, sae_input_norm norm)
{
    sae_error err;
    float *W = calloc((size_t)(2 * d * d), sizeof *W), *zeros = calloc((size_t)(2 * d), sizeof *zeros);
    for (int64_t j = 0; j < d; j++) {
        W[j * d + j] = 1;
        W[(d + j) * d + j] = -1;
    }
    sae_model_info info = {.d = d, .n = 2 * d, .rule = SAE_RULE_THRESHOLD, .input_norm = norm, .subtract_b_dec = true};
    sae_weights weights = {.W_enc = W, .b_enc = zeros, .W_dec = W, .b_dec = zeros, .threshold = zeros};
    sae_model *model = NULL;
    assert_ok(sae_model_create(&model, &info, &weights, &err));
    free(W);
    free(zeros);
    return model;
}

/* x̂ = b_dec, always. */
static sae_model *constant(int64_t d, const double *b_dec)
{
    sae_error err;
    float *zeros = calloc((size_t)d, sizeof *zeros), *b = calloc((size_t)d, sizeof *b), one = 1;
    for (int64_t j = 0; b_dec && j < d; j++) b[j] = (float)b_dec[j];
    sae_model_info info = {.d = d, .n = 1, .rule = SAE_RULE_THRESHOLD, .subtract_b_dec = true};
    sae_weights weights = {.W_enc = zeros, .b_enc = zeros, .W_dec = zeros, .b_dec = b, .threshold = &one};
    sae_model *model = NULL;
    assert_ok(sae_model_create(&model, &info, &weights, &err));
    free(zeros);
    free(b);
    return model;
}

static sae_eval_ce evaluate(const splicing *b, sae_model *model, bool centred, const sae_env *env)
{
    sae_error err;
    sae_eval_ce ce;
    assert_ok(sae_evaluate_ce((const sae_model *const *)&model, 1, b->lm, &b->contexts, b->hook, centred, &b->rows,
                              b->x_mean, &ce, env, &err));
    sae_model_free(model);
    return ce;
}

/* Nothing is lost by an SAE that reconstructs everything. */
static void perfect(void **state)
{
    const splicing *b = *state;
    const sae_input_norm norms[] = {SAE_INPUT_PLAIN, SAE_INPUT_TOKEN};
    for (int i = 0; i < 4; i++) {
        sae_eval_ce ce = evaluate(b, identity(b->d, norms[i % 2]), i / 2, NULL);
        assert_int_equal(ce.tokens,
                         COUNT * (CTX - 2)); /* neither the first position nor the last, which predicts nothing */
        assert_true(fabs(ce.spliced - ce.clean) < 1e-4);
        assert_true(fabs(ce.kl) < 1e-5);
        assert_true(fabs(ce.recovered - 1) < 1e-4);
        assert_true(fabs(ce.recovered_mean - 1) < 1e-4);
        assert_true(ce.clean > 1 && ce.clean < 6);
        assert_true(ce.zero > ce.clean + 0.5 && ce.mean > ce.clean + 0.5);
    }
}

/* An SAE that says 0, or the mean, is that ablation: the same bits, nothing recovered. */
static void ablations(void **state)
{
    const splicing *b = *state;
    sae_eval_ce zero = evaluate(b, constant(b->d, NULL), false, NULL),
                mean = evaluate(b, constant(b->d, b->x_mean), false, NULL);
    assert_true(zero.spliced == zero.zero && zero.recovered == 0);
    assert_true(mean.spliced == mean.mean && mean.recovered_mean == 0);
    assert_true(zero.clean == mean.clean && zero.zero == mean.zero && zero.mean == mean.mean);
    assert_true(zero.kl > 0.1 && mean.kl > 0.1);
    assert_true(fabs(zero.recovered_mean - (zero.mean - zero.zero) / (zero.mean - zero.clean)) < 1e-12);
}

static void threads_do_not_matter(void **state)
{
    const splicing *b = *state;
    sae_eval_ce one = evaluate(b, constant(b->d, b->x_mean), true, &(sae_env){.threads = 1});
    sae_eval_ce three = evaluate(b, constant(b->d, b->x_mean), true, &(sae_env){.threads = 3});
    assert_memory_equal(&one, &three, sizeof one);
}

/* Each SAE of several has the bits that it has alone. */
static void together(void **state)
{
    sae_error err;
    const splicing *b = *state;
    for (int centred = 0; centred < 2; centred++) {
        sae_model *models[] = {identity(b->d, SAE_INPUT_TOKEN), constant(b->d, NULL), constant(b->d, b->x_mean)};
        sae_eval_ce all[3];
        assert_ok(sae_evaluate_ce((const sae_model *const *)models, 3, b->lm, &b->contexts, b->hook, centred, &b->rows,
                                  b->x_mean, all, NULL, &err));
        for (int i = 0; i < 3; i++) {
            sae_eval_ce alone = evaluate(b, models[i], centred, NULL);
            assert_memory_equal(&alone, &all[i], sizeof alone);
        }
    }
}

/* Excluded positions keep their activation and their predictions are not counted. */
static void exclusions(void **state)
{
    splicing b = **(splicing **)state;
    const int32_t excluded[2] = {b.contexts.tokens[3], b.contexts.tokens[CTX + 7]};
    int64_t expected = 0;
    for (int64_t r = 0; r < COUNT * CTX; r++) {
        int32_t id = b.contexts.tokens[r];
        expected += r % CTX != 0 && r % CTX != CTX - 1 && id != excluded[0] && id != excluded[1];
    }
    b.rows.exclude = excluded;
    b.rows.n_exclude = 2;
    assert_int_equal(evaluate(&b, constant(b.d, NULL), false, NULL).tokens, expected);
    b.rows.n_exclude = 0;
    b.rows.keep_first = true;
    assert_int_equal(evaluate(&b, constant(b.d, NULL), false, NULL).tokens, COUNT * (CTX - 1));
}

static void refused(void **state)
{
    sae_error err;
    splicing b = **(splicing **)state;
    sae_eval_ce ce;
    sae_model *narrow = constant(b.d - 1, NULL), *model = constant(b.d, NULL);
    assert_int_equal(sae_evaluate_ce((const sae_model *const *)&narrow, 1, b.lm, &b.contexts, b.hook, false, &b.rows,
                                     b.x_mean, &ce, NULL, &err),
                     SAE_E_SHAPE);
    assert_contains(err.message, "blocks.4.hook_resid_pre");
    assert_contains(err.message, "255");
    volatile sig_atomic_t stop = 1;
    assert_int_equal(sae_evaluate_ce((const sae_model *const *)&model, 1, b.lm, &b.contexts, b.hook, false, &b.rows,
                                     b.x_mean, &ce, &(sae_env){.stop = &stop}, &err),
                     SAE_E_INTERRUPTED);
    b.contexts.ctx = 2; /* a first position that is skipped, and a last that predicts nothing */
    assert_int_equal(sae_evaluate_ce((const sae_model *const *)&model, 1, b.lm, &b.contexts, b.hook, false, &b.rows,
                                     b.x_mean, &ce, NULL, &err),
                     SAE_E_ARG);
    assert_int_equal(sae_evaluate_ce(NULL, 0, b.lm, &b.contexts, b.hook, false, &b.rows, b.x_mean, &ce, NULL, &err),
                     SAE_E_ARG);
    sae_model_free(narrow);
    sae_model_free(model);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(perfect),  cmocka_unit_test(ablations),  cmocka_unit_test(threads_do_not_matter),
        cmocka_unit_test(together), cmocka_unit_test(exclusions), cmocka_unit_test(refused),
    };
    return cmocka_run_group_tests(tests, splicing_setup, splicing_teardown);
}
