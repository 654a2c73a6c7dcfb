/* A dictionary that is known is found: 256 unit Gaussian directions in R⁶⁴, each on with probability 4/256, amplitude
 * U(0.5, 1.5). BatchTopK with n = 256 and k = 4 has to find at least 95 % of them (cosine > 0.95), from three seeds.
 * They are trained as one grid, on the same batches. */
#include "testing.h"

#include <sae/train.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ROWS = 400000, D = 64, DIRECTIONS = 256 };

static double share_found(const float *u, const float *w)
{
    int found = 0;
    for (int i = 0; i < DIRECTIONS; i++) {
        double best = 0;
        for (int j = 0; j < DIRECTIONS; j++) {
            double dot = 0;
            for (int k = 0; k < D; k++) dot += (double)u[i * D + k] * w[j * D + k];
            if (dot > best) best = dot;
        }
        found += best > 0.95;
    }
    return (double)found / DIRECTIONS;
}

static void directions_are_found(void **state)
{
    (void)state;
    float *u = malloc(sizeof *u * DIRECTIONS * D), *x = malloc(sizeof *x * ROWS * D);
    sae_synthetic_directions(2024, DIRECTIONS, D, u);
    sae_synthetic_rows(2024, u, DIRECTIONS, D, 4.0 / DIRECTIONS, 0, ROWS, x);

    sae_train_options o = sae_train_options_default();
    o.width = "256";
    o.k = "4";
    o.lr = "1e-3";
    o.seed = "1,2,3";
    o.batch = 1024;
    o.dead_tokens = 51200;
    o.tokens = 15000 * o.batch;
    sae_train_config *configs;
    size_t count;
    sae_error err;
    sae_trainer *trainer = NULL;
    sae_source *source = NULL;
    sae_source_config config = sae_source_config_default();
    sae_train_source_config(&o, &config);
    config.held_out = 0;
    assert_int_equal(sae_source_open_memory(&source, x, ROWS, D, &config, &err), SAE_OK);
    assert_int_equal(sae_train_grid(&o, &configs, &count, &err), SAE_OK);
    assert_int_equal(sae_trainer_create(&trainer, configs, count, D, o.batch, 15000, NULL, &err), SAE_OK);
    float *batch = malloc(sizeof *batch * (size_t)o.batch * D);
    sae_step_metrics metrics[3];
    for (int64_t step = 0; step < 15000; step++) {
        assert_int_equal(sae_source_train(source, step * o.batch, o.batch, batch, &err), SAE_OK);
        assert_int_equal(sae_trainer_step(trainer, batch, false, metrics, &err), SAE_OK);
    }
    for (size_t i = 0; i < count; i++) {
        double share = share_found(u, sae_trainer_get_view(trainer, i).W_dec);
        printf("seed %llu: %.1f %% of the directions found, loss %.4f, dead %lld\n",
               (unsigned long long)configs[i].seed, 100 * share, metrics[i].loss, (long long)metrics[i].dead);
        if (!(share >= 0.95)) fail_msg("only %.1f %% found", 100 * share);
    }
    sae_trainer_free(trainer);
    sae_source_close(source);
    free(configs);
    free(batch);
    free(u);
    free(x);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(directions_are_found)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
