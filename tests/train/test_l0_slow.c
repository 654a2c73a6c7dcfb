/* What is asked for is what comes out: L0 on rows that no step and no controller saw, within 3 %, for JumpReLU and ReLU
 * of several widths and sparsities, on sparse mixtures with noise. */
#include "testing.h"

#include <sae/analysis.h>
#include <sae/train.h>

#include "base/rng.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ROWS = 200000, D = 48, DIRECTIONS = 128 };

/* Directions on with p = 0.06 and 5 % noise. */
static float *make_rows(void)
{
    float *u = malloc(DIRECTIONS * D * sizeof *u), *x = malloc((size_t)ROWS * D * sizeof *x);
    sae_rng rng = sae_rng_make(2, "noise", 0);
    sae_synthetic_directions(2, DIRECTIONS, D, u);
    sae_synthetic_rows(2, u, DIRECTIONS, D, 0.06, 0, ROWS, x);
    for (int64_t i = 0; i < (int64_t)ROWS * D; i++)
        x[i] += (float)(0.05 * 2.8 / sqrt(D) * sae_rng_normal(&rng, (uint64_t)i));
    free(u);
    return x;
}

/* Trains the grid and counts the SAEs whose L0 on held-out rows is off by more than `limit`. */
static int count_missed(const float *rows, sae_train_options o, size_t saes, double limit)
{
    char dir[] = "/tmp/sae-test-l0-XXXXXX", command[64];
    sae_source *source = NULL;
    sae_source_config config = sae_source_config_default();
    sae_train_result *r = NULL;
    sae_error err;
    assert_non_null(mkdtemp(dir));
    o.lr = "2e-3";
    o.batch = 1024;
    o.held_out = 0.1;
    o.force = true;
    sae_train_source_config(&o, &config);
    assert_int_equal(sae_source_open_memory(&source, rows, ROWS, D, &config, NULL), SAE_OK);
    if (sae_train(&o, source, dir, &r, NULL, &err) != SAE_OK) fail_msg("%s", err.message);
    assert_int_equal(r->n_saes, saes);
    int missed = 0;
    for (size_t i = 0; i < r->n_saes; i++) {
        sae_model *model = NULL;
        sae_eval eval;
        assert_int_equal(sae_model_load(&model, r->saes[i].path, &err), SAE_OK);
        assert_int_equal(sae_evaluate_held_out((const sae_model *const *)&model, 1, source, &eval, NULL, &err), SAE_OK);
        double error = eval.l0 / r->saes[i].config.l0 - 1;
        print_message("%-20s L0 %.3f (%+.2f %%)  FVU %.4f  lambda %.3g\n", r->saes[i].config.name, eval.l0, 100 * error,
                      eval.fvu, r->saes[i].lambda);
        missed += !(fabs(error) <= limit);
        sae_eval_clear(&eval);
        sae_model_free(model);
    }
    sae_train_result_free(r);
    sae_source_close(source);
    snprintf(command, sizeof command, "rm -rf %s", dir);
    assert_int_equal(system(command), 0);
    return missed;
}

static void asked_and_given(void **state)
{
    (void)state;
    float *rows = make_rows();
    sae_train_options o = sae_train_options_default();
    o.arch = "jumprelu,relu";
    o.width = "96,256";
    o.l0 = "4,8,12.5";
    o.tokens = 1200 * 1024;
    assert_int_equal(count_missed(rows, o, 12, 0.03), 0);
    free(rows);
}

/* Few steps, a wide dictionary, rows of different size: the first λ of a ReLU SAE must not be far off, since few
 * steps cannot make up for it. */
static void wide_and_short(void **state)
{
    (void)state;
    float *rows = make_rows();
    sae_rng rng = sae_rng_make(3, "sizes", 0);
    sae_train_options o = sae_train_options_default();
    for (uint64_t r = 0; r < ROWS; r++) {
        float size = expf(0.1f * (float)sae_rng_normal(&rng, r));
        for (int j = 0; j < D; j++) rows[r * D + (uint64_t)j] *= size;
    }
    o.arch = "relu";
    o.width = "1536";
    o.l0 = "8,16";
    o.tokens = 400 * 1024;
    assert_int_equal(count_missed(rows, o, 2, 0.1), 0);
    free(rows);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(asked_and_given), cmocka_unit_test(wide_and_short)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
