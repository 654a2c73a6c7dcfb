/* How often the language model runs for several SAEs. The runs are counted by a stand-in: sae_lm_losses is defined
 * here, so the linker does not take the library's. */
#include "io/temp.h"

#include <sae/analysis.h>
#include <sae/lm.h>

#include <math.h>

enum { CTX = 128, WIDTH = 256, TARGET_ROWS = 5 };

/* What the stand-in was asked for. */
static struct {
    int calls, clean, replaced;
    size_t most;
} asked;

/* The loss of a run is the sum of its first TARGET_ROWS rows' first values, a clean row being all 1. */
sae_status sae_lm_losses(const sae_lm *lm, const int32_t *tokens, int64_t batch, int64_t ctx, sae_hook hook,
                         bool center_residual, const uint8_t *keep, const sae_lm_run *runs, size_t n_runs,
                         double *loss_sums, double *kl_sums, int64_t *targets, const sae_env *env, sae_error *err)
{
    (void)lm;
    (void)tokens;
    (void)hook;
    (void)center_residual;
    (void)keep;
    (void)env;
    static float rows[TARGET_ROWS * WIDTH];
    assert_true(batch * ctx >= TARGET_ROWS && runs[0].fn == NULL);
    asked.calls++;
    if (n_runs > asked.most) asked.most = n_runs;
    for (size_t run = 0; run < n_runs; run++) {
        for (int i = 0; i < TARGET_ROWS * WIDTH; i++) rows[i] = 1;
        if (runs[run].fn) assert_int_equal(runs[run].fn(runs[run].ud, 0, TARGET_ROWS, rows, err), SAE_OK);
        asked.clean += runs[run].fn == NULL;
        asked.replaced += runs[run].fn != NULL;
        for (int r = 0; r < TARGET_ROWS; r++) {
            loss_sums[run] += (double)rows[r * WIDTH];
            kl_sums[run] += 10 * (double)rows[r * WIDTH];
        }
    }
    *targets += TARGET_ROWS;
    return SAE_OK;
}

/* x̂ = value everywhere. */
static sae_model *constant(float value)
{
    sae_error err;
    float zeros[WIDTH] = {0}, b[WIDTH], one = 1;
    for (int j = 0; j < WIDTH; j++) b[j] = value;
    sae_model_info info = {.d = WIDTH, .n = 1, .rule = SAE_RULE_THRESHOLD, .subtract_b_dec = true};
    sae_weights weights = {.W_enc = zeros, .b_enc = zeros, .W_dec = zeros, .b_dec = b, .threshold = &one};
    sae_model *model = NULL;
    assert_ok(sae_model_create(&model, &info, &weights, &err));
    return model;
}

/* Evaluates `count` SAEs on `batches` batches and checks every number. */
static void evaluate(const sae_lm *lm, int count, int batches)
{
    sae_error err;
    const int64_t contexts = 32 * (batches - 1) + 1; /* 32 contexts of 128 tokens are a batch */
    int32_t *tokens = calloc((size_t)(contexts * CTX), sizeof *tokens);
    const sae_contexts text = {.count = contexts, .ctx = CTX, .tokens = tokens};
    const sae_source_config rows = sae_source_config_default();
    sae_model **models = calloc((size_t)count, sizeof(sae_model *));
    sae_eval_ce *ce = calloc((size_t)count, sizeof *ce);
    double x_mean[WIDTH];
    sae_hook hook;
    for (int j = 0; j < WIDTH; j++) x_mean[j] = 9;
    for (int i = 0; i < count; i++) models[i] = constant(2 + 0.5f * (float)i);
    assert_ok(sae_hook_parse(&hook, lm, "blocks.4.hook_resid_pre", &err));
    memset(&asked, 0, sizeof asked);
    assert_ok(sae_evaluate_ce((const sae_model *const *)models, (size_t)count, lm, &text, hook, false, &rows, x_mean,
                              ce, NULL, &err));
    for (int i = 0; i < count; i++) {
        assert_true(ce[i].clean == 1 && ce[i].zero == 0 && ce[i].mean == 9);
        assert_true(ce[i].spliced == 2 + 0.5 * i && ce[i].kl == 10 * (2 + 0.5 * i));
        assert_true(isnan(ce[i].recovered)); /* zeros do no harm to this model */
        assert_true(fabs(ce[i].recovered_mean - (9 - ce[i].spliced) / 8) < 1e-15);
        assert_int_equal(ce[i].tokens, batches * TARGET_ROWS);
        sae_model_free(models[i]);
    }
    free(models);
    free(ce);
    free(tokens);
}

static sae_lm *open_model(void)
{
    sae_error err;
    sae_lm *lm = NULL;
    assert_ok(sae_lm_open(&lm, SAE_SOURCE_DIR "/demo/model", NULL, &err));
    return lm;
}

/* Six runs for three SAEs: clean, zeroed, mean, and one each. */
static void shared_runs(void **state)
{
    (void)state;
    sae_lm *lm = open_model();
    evaluate(lm, 1, 1);
    assert_true(asked.calls == 1 && asked.clean == 1 && asked.replaced == 3);
    evaluate(lm, 3, 1);
    assert_true(asked.calls == 1 && asked.clean == 1 && asked.replaced == 5);
    evaluate(lm, 3, 4);
    assert_true(asked.calls == 4 && asked.clean == 4 && asked.replaced == 4 * 5);
    sae_lm_close(lm);
}

/* Each run holds 4096 rows of 256 floats, 4 MiB: 64 SAEs at a time are 256 MiB. */
static void bounded_memory(void **state)
{
    (void)state;
    sae_lm *lm = open_model();
    evaluate(lm, 64, 1);
    assert_true(asked.calls == 1 && asked.most == 64 + 3);
    evaluate(lm, 150, 2);
    assert_int_equal(asked.most, 64 + 3);
    assert_true(asked.calls == 2 * 3 && asked.clean == 2 * 3);
    assert_int_equal(asked.replaced, 2 * (150 + 2)); /* the ablations only once */
    sae_lm_close(lm);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(shared_runs),
        cmocka_unit_test(bounded_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
