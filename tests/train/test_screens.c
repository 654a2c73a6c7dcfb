/* 300 training steps end in the same bits whatever the screen, for every kind, with AuxK at work. Skipped, screen by
 * screen, where this machine or build lacks it. */
#include "kernels/cpu/low_gemm.h"
#include "testing.h"
#include "train/training.h"

#include "base/rng.h"

#include <stdlib.h>
#include <string.h>

enum { D = 48, N = 400, BATCH = 160, STEPS = 300 };
#define LARGE ((int64_t)1 << 40) /* bytes */

static sae_train_config config_of(sae_arch arch)
{
    sae_train_options o = sae_train_options_default();
    o.input_scale = SAE_SCALE_NONE;
    o.k_aux = 32;
    o.dead_tokens = 10 * BATCH;
    sae_train_config config = {.arch = arch, .width = N, .k = 6, .lr = 3e-3, .shared = o};
    if (arch == SAE_ARCH_MATRYOSHKA) {
        config.prefix_ends[0] = 70;
        config.prefix_ends[1] = N;
        config.n_prefixes = 2;
    }
    if (arch == SAE_ARCH_RELU || arch == SAE_ARCH_JUMPRELU) {
        config.k = 0;
        config.l0 = 6;
    }
    return config;
}

/* Rows with three outlier dimensions, on 40 directions. */
static void next_batch(uint64_t step, float *x)
{
    sae_rng rng = sae_rng_make(8, "screens", step), fixed = sae_rng_make(8, "directions", 0);
    for (uint64_t b = 0; b < BATCH; b++) {
        for (uint64_t j = 0; j < D; j++) x[b * D + j] = (float)(0.1 * sae_rng_normal(&rng, b * D + j));
        for (uint64_t part = 0; part < 5; part++) {
            uint64_t direction = sae_rng_u64(&rng, 100000 + 5 * b + part) % 40;
            for (uint64_t j = 0; j < D; j++)
                x[b * D + j] += (float)(sae_rng_normal(&fixed, direction * D + j) * (j % 19 == 5 ? 100 : 1));
        }
    }
}

typedef struct outcome {
    float *bits; /* all parameters and moments */
    size_t count;
    int64_t aux_codes;
} outcome;

static void append(outcome *o, const float *values, size_t count)
{
    if (!values) return;
    o->bits = realloc(o->bits, (o->count + count) * sizeof *values);
    memcpy(o->bits + o->count, values, count * sizeof *values);
    o->count += count;
}

static outcome train(sae_arch arch, sae_screen_kind screen, double clip, int64_t last_cache)
{
    outcome o = {0};
    sae_env env = {.threads = 2, .screen = screen};
    sae_train_config config = config_of(arch);
    config.shared.clip = clip;
    sae_trainer *trainer = NULL;
    float *x = malloc(BATCH * D * sizeof *x);
    assert_int_equal(sae_trainer_create(&trainer, &config, 1, D, BATCH, STEPS, &env, NULL), SAE_OK);
    assert_int_equal(trainer->screen, screen);
    trainer->last_cache = last_cache;
    for (uint64_t step = 0; step < STEPS; step++) {
        sae_step_metrics m;
        next_batch(step, x);
        assert_int_equal(sae_trainer_step(trainer, x, false, &m, NULL), SAE_OK);
        o.aux_codes += m.aux_codes;
    }
    sae_train_view v = sae_trainer_get_view(trainer, 0);
    const float *const matrices[] = {v.W_enc, v.W_dec, v.m_W_enc, v.m_W_dec, v.v_W_enc, v.v_W_dec};
    const float *const vectors[] = {v.b_enc, v.theta, v.m_b_enc, v.m_theta, v.v_b_enc, v.v_theta};
    for (int i = 0; i < 6; i++) {
        append(&o, matrices[i], N * D);
        append(&o, vectors[i], N);
    }
    append(&o, v.b_dec, D);
    sae_trainer_free(trainer);
    free(x);
    return o;
}

static void same_bits(void **state)
{
    sae_screen_kind screen = *(const sae_screen_kind *)*state;
    const sae_arch archs[] = {SAE_ARCH_TOPK, SAE_ARCH_BATCHTOPK, SAE_ARCH_MATRYOSHKA, SAE_ARCH_JUMPRELU, SAE_ARCH_RELU};
    if (!sae_low_gemm_usable(screen, NULL)) skip();
    for (int a = 0; a < 5; a++) {
        outcome fp32 = train(archs[a], SAE_SCREEN_FP32, 0, LARGE), low = train(archs[a], screen, 0, LARGE);
        assert_int_equal(fp32.count, low.count);
        assert_memory_equal(fp32.bits, low.bits, fp32.count * sizeof *fp32.bits);
        assert_int_equal(fp32.aux_codes, low.aux_codes);
        if (archs[a] == SAE_ARCH_TOPK || archs[a] == SAE_ARCH_BATCHTOPK) assert_true(fp32.aux_codes > 0);
        free(fp32.bits);
        free(low.bits);
    }
}

/* The update of both matrices at once, or of one after the other where the last cache is small: the same bits, with
 * clipped gradients too. */
static void same_bits_in_two_sweeps(void **state)
{
    (void)state;
    const double clips[] = {0, 0.5};
    for (int i = 0; i < 2; i++) {
        outcome once = train(SAE_ARCH_TOPK, SAE_SCREEN_FP32, clips[i], LARGE);
        outcome twice = train(SAE_ARCH_TOPK, SAE_SCREEN_FP32, clips[i], 0);
        assert_int_equal(once.count, twice.count);
        assert_memory_equal(once.bits, twice.bits, once.count * sizeof *once.bits);
        assert_true(once.aux_codes > 0);
        free(once.bits);
        free(twice.bits);
    }
}

/* A screen that is asked for by name and is not there is refused, and auto always works. */
static void refuses_what_is_missing(void **state)
{
    (void)state;
    const sae_screen_kind kinds[] = {SAE_SCREEN_BF16, SAE_SCREEN_INT8};
    sae_screen_kind chosen;
    for (int i = 0; i < 2; i++) {
        sae_error err = {.status = SAE_OK};
        sae_env env = {.screen = kinds[i]};
        sae_status status = sae_screen_choose(&env, D, &chosen, &err);
        if (sae_low_gemm_usable(kinds[i], NULL)) {
            assert_int_equal(status, SAE_OK);
            assert_int_equal(chosen, kinds[i]);
        } else {
            assert_int_equal(status, SAE_E_ARG);
            assert_non_null(strstr(err.message, "--screen auto"));
        }
    }
    assert_int_equal(sae_screen_choose(NULL, D, &chosen, NULL), SAE_OK);
    assert_int_not_equal(chosen, SAE_SCREEN_AUTO);
    /* sums of bytes would overflow */
    sae_env env = {.screen = SAE_SCREEN_INT8};
    assert_int_equal(sae_screen_choose(&env, 65537, &chosen, NULL), SAE_E_ARG);
    assert_int_equal(sae_screen_choose(NULL, 65537, &chosen, NULL), SAE_OK);
    assert_int_not_equal(chosen, SAE_SCREEN_INT8);
}

int main(void)
{
    static sae_screen_kind bf16 = SAE_SCREEN_BF16, int8 = SAE_SCREEN_INT8;
    const struct CMUnitTest tests[] = {
        {"same_bits BF16", same_bits, NULL, NULL, &bf16},
        {"same_bits INT8", same_bits, NULL, NULL, &int8},
        cmocka_unit_test(same_bits_in_two_sweeps),
        cmocka_unit_test(refuses_what_is_missing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
