/* Whole runs: the same bits for any number of threads, alone or in a grid; refusals; no allocation inside a step. */
#include "train/runs.h"

#include "base/alloc.h"
#include "lm/gpt2.h"
#include "train/training.h"

#include <math.h>
#include <sys/stat.h>

static void any_number_of_threads(void **state)
{
    const fixture *f = *state;
    sae_train_options o = small_options();
    const char *names[3] = {"t1", "t3", "t8"};
    const int threads[3] = {1, 3, 8};
    for (int a = 0; a < KINDS; a++) {
        use_kind(&o, &kinds[a]);
        o.force = true;
        o.clip = a % 2 == 0 ? 0.5 : 0;
        for (int t = 0; t < 3; t++) train_ok(f, &o, names[t], threads[t]);
        for (int t = 1; t < 3; t++) same_files(f, "t1", names[t]);
    }
}

static void alone_or_in_a_grid(void **state)
{
    const fixture *f = *state;
    sae_train_options o = small_options(), alone;
    o.arch = "topk,batchtopk,matryoshka,relu,jumprelu";
    o.k = NULL;
    o.l0 = "3,4";
    o.width = "64,40";
    train_ok(f, &o, "grid", 2);
    for (int a = 0; a < KINDS; a++) {
        char name[64];
        if (kinds[a].lambda) continue;
        alone = small_options();
        use_kind(&alone, &kinds[a]);
        alone.force = true;
        train_ok(f, &alone, "alone", 2);
        snprintf(name, sizeof name, "grid/%s", kinds[a].name);
        same_files(f, "alone", name);
    }
    o = small_options();
    o.seed = "3,5";
    train_ok(f, &o, "seeds", 2);
    alone = small_options();
    alone.seed = "5";
    alone.force = true;
    train_ok(f, &alone, "alone", 2);
    same_files(f, "alone", "seeds/batchtopk-64-k4-s5");
}

/* A jumprelu that was asked for an L0 begins as topk, to the bit, and has that L0 when its own steps begin. */
static void warm_start(void **state)
{
    const fixture *f = *state;
    enum { STEPS = 20, WARM = 8, BATCH = 300 };
    sae_trainer *trainers[2];
    sae_train_options o = small_options();
    o.warm_start = (double)WARM / STEPS;
    for (int a = 0; a < 2; a++) {
        sae_train_config *config;
        size_t count;
        sae_error err;
        use_kind(&o, &kinds[a == 0 ? 0 : 4]);
        if (sae_train_grid(&o, &config, &count, &err) != SAE_OK) fail_msg("%s", err.message);
        if (sae_trainer_create(&trainers[a], config, 1, D, BATCH, STEPS, NULL, &err) != SAE_OK)
            fail_msg("%s", err.message);
        free(config);
    }
    /* kinds draw different weights: one starts with the other's */
    sae_train_view from = sae_trainer_get_view(trainers[0], 0), to = sae_trainer_get_view(trainers[1], 0);
    memcpy(to.W_enc, from.W_enc, 64 * D * sizeof(float));
    memcpy(to.W_dec, from.W_dec, 64 * D * sizeof(float));
    sae_trainer_refresh(trainers[1]);
    for (int step = 1; step <= WARM + 1; step++) {
        sae_step_metrics m[2];
        for (int a = 0; a < 2; a++) {
            float x[BATCH * D];
            memcpy(x, f->rows + (step - 1) * BATCH * D, sizeof x);
            assert_int_equal(sae_trainer_step(trainers[a], x, false, &m[a], NULL), SAE_OK);
        }
        sae_train_view topk = sae_trainer_get_view(trainers[0], 0), jump = sae_trainer_get_view(trainers[1], 0);
        bool same = memcmp(topk.W_enc, jump.W_enc, 64 * D * sizeof(float)) == 0 &&
                    memcmp(topk.v_W_dec, jump.v_W_dec, 64 * D * sizeof(float)) == 0;
        assert_int_equal(same, step <= WARM);
        if (step > WARM) assert_true(fabs(m[1].l0 - 4) < 0.01);
    }
    for (int a = 0; a < 2; a++) sae_trainer_free(trainers[a]);
}

static void refusals(void **state)
{
    const fixture *f = *state;
    sae_train_options o = small_options();
    sae_error err;
    o.resume = true;
    assert_int_equal(train_with(f, &o, "nothing", NULL, NULL, &err), SAE_E_ARG);
    assert_non_null(strstr(err.message, "no run"));
    o = small_options();
    stopper s = {0, 5};
    sae_env env = {.progress = count_down, .ud = &s, .stop = &s.stop};
    assert_int_equal(train_with(f, &o, "other", &env, NULL, &err), SAE_E_INTERRUPTED);
    assert_int_equal(train_with(f, &o, "other", NULL, NULL, &err), SAE_E_EXISTS);
    o.resume = true;
    o.aux_alpha = 0.5;
    assert_int_equal(train_with(f, &o, "other", NULL, NULL, &err), SAE_E_ARG);
    assert_non_null(strstr(err.message, "aux-alpha"));
    o.aux_alpha = 1.0 / 32;
    o.held_out = 0.2;
    assert_int_equal(train_with(f, &o, "other", NULL, NULL, &err), SAE_E_ARG);
    o.held_out = 0.1;
    /* the last eight bytes are a counter or weights: all ones are neither */
    FILE *saved = fopen(in_dir(f, "other/checkpoint/state-5.safetensors"), "r+");
    char last[8];
    assert_non_null(saved);
    fseek(saved, -8, SEEK_END);
    assert_int_equal(fread(last, 1, 8, saved), 8);
    fseek(saved, -8, SEEK_END);
    fwrite("\xff\xff\xff\xff\xff\xff\xff\xff", 1, 8, saved);
    assert_int_equal(fflush(saved), 0);
    assert_int_equal(train_with(f, &o, "other", NULL, NULL, &err), SAE_E_FORMAT);
    assert_non_null(strstr(err.message, "was altered"));
    fseek(saved, -8, SEEK_END);
    fwrite(last, 1, 8, saved);
    fclose(saved);
    assert_int_equal(truncate(in_dir(f, "other/checkpoint/state-5.safetensors"), 1000), 0);
    assert_int_equal(train_with(f, &o, "other", NULL, NULL, &err), SAE_E_FORMAT);

    const struct {
        const char *arch, *width, *k, *lr, *seed, *says;
    } bad[] = {
        {"topk", "0", "4", "1e-3", "0", "--width"},     {"topk", "64", "65", "1e-3", "0", "--k"},
        {"topk", "64", "0", "1e-3", "0", "--k"},        {"topk", "64,64", "4", "1e-3", "0", "twice"},
        {"topk", "64,", "4", "1e-3", "0", "empty"},     {"gated", "64", "4", "1e-3", "0", "--arch"},
        {"topk", "64", "4", "fast", "0", "--lr"},       {"topk", "64", "4", "1e-3", "-1", "--seed"},
        {"topk", "1000,1k", "4", "1e-3", "0", "twice"}, {"topk", "64", "4", "nan", "0", "--lr"},
        {"topk", NULL, "4", "1e-3", "0", "--width"},    {"topk", "64x", "4", "1e-3", "0", "--width"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        o = small_options();
        o.arch = bad[i].arch;
        o.width = bad[i].width;
        o.k = bad[i].k;
        o.lr = bad[i].lr;
        o.seed = bad[i].seed;
        assert_int_equal(train_with(f, &o, "bad", NULL, NULL, &err), SAE_E_ARG);
        if (!strstr(err.message, bad[i].says)) fail_msg("\"%s\" does not say %s", err.message, bad[i].says);
        assert_false(sae_file_exists(in_dir(f, "bad")));
    }
    const struct {
        const char *arch, *k, *l0, *lambda, *prefixes, *says;
    } sparsity[] = {
        {"jumprelu", NULL, "65", NULL, NULL, "--l0"},       {"relu", "4", NULL, NULL, NULL, "--l0"},
        {"batchtopk", "4", "4", NULL, NULL, "--k"},         {"relu", NULL, "4", "0.1", NULL, "exclude"},
        {"topk", NULL, "4.5", NULL, NULL, "whole number"},  {"relu", NULL, "4,4", NULL, NULL, "twice"},
        {"jumprelu", NULL, NULL, "-1", NULL, "--lambda"},   {"relu", NULL, "0", NULL, NULL, "--l0"},
        {"matryoshka", "4", NULL, NULL, "8,8,64", "twice"}, {"matryoshka", "4", NULL, NULL, "1/2,1/4,1", "ascend"},
        {"matryoshka", "4", NULL, NULL, "8,32", "whole"},   {"matryoshka", "4", NULL, NULL, "8,65", "ascend"},
        {"matryoshka", "4", NULL, NULL, "8,,64", "empty"},  {"matryoshka", "4", NULL, NULL, "1/x,1", "--prefixes"},
    };
    for (size_t i = 0; i < sizeof sparsity / sizeof *sparsity; i++) {
        o = small_options();
        o.arch = sparsity[i].arch;
        o.k = sparsity[i].k;
        o.l0 = sparsity[i].l0;
        o.lambda = sparsity[i].lambda;
        if (sparsity[i].prefixes) o.prefixes = sparsity[i].prefixes;
        assert_int_equal(train_with(f, &o, "bad", NULL, NULL, &err), SAE_E_ARG);
        if (!strstr(err.message, sparsity[i].says)) fail_msg("\"%s\" does not say %s", err.message, sparsity[i].says);
    }
    o = small_options(); /* found out when output is already prepared */
    o.b_dec_init = SAE_B_DEC_MEDIAN;
    stopper at_once = {1, 1};
    sae_env stopped = {.stop = &at_once.stop};
    assert_int_equal(train_with(f, &o, "bad", &stopped, NULL, &err), SAE_E_INTERRUPTED);
    assert_false(sae_file_exists(in_dir(f, "bad")));
    o = small_options();
    o.batch = 1 << 20;
    assert_int_equal(train_with(f, &o, "bad", NULL, NULL, &err), SAE_E_ARG);
    o = small_options();
    o.tokens = 199;
    assert_int_equal(train_with(f, &o, "bad", NULL, NULL, &err), SAE_E_ARG);
}

/* What leaves float32 ends the run at once, with the SAE and the step: in gradients (the loss, in double, is still a
 * number) or, larger still, in pre-activations of one of them. */
static void diverges(void **state)
{
    fixture huge = *(const fixture *)*state;
    const float *rows = huge.rows, sizes[] = {1e25f, 3e37f};
    const char *const archs[] = {"topk", "batchtopk", "matryoshka", "relu", "jumprelu"};
    int in_weights = 0, in_loss = 0;
    huge.rows = malloc(ROWS * D * sizeof *huge.rows);
    for (int run = 0; run < 10; run++) {
        sae_error err;
        sae_train_options o = small_options();
        o.input_scale = SAE_SCALE_NONE;
        o.arch = archs[run % 5];
        if (run % 5 > 2) o.k = NULL, o.l0 = "4";
        for (int i = 0; i < ROWS * D; i++) huge.rows[i] = sizes[run / 5] * rows[i];
        assert_int_equal(train_with(&huge, &o, "diverges", NULL, NULL, &err), SAE_E_VALUE);
        assert_non_null(strstr(err.message, "training diverged (lr "));
        in_weights += strstr(err.message, "weights of the SAE are not finite after step 1:") != NULL;
        in_loss += strstr(err.message, "the loss of the SAE is not finite at step 1:") != NULL;
    }
    assert_true(in_weights >= 5 && in_loss >= 1 && in_weights + in_loss == 10);
    free(huge.rows);
}

/* Rows without size, or all the same, are refused before anything is written, however they are scaled. */
static void nothing_to_learn(void **state)
{
    fixture same = *(const fixture *)*state;
    sae_error err;
    same.rows = malloc(ROWS * D * sizeof *same.rows);
    for (int value = 0; value < 2; value++) {
        for (int i = 0; i < ROWS * D; i++) same.rows[i] = (float)(value * (1 + i % D));
        for (int scale = SAE_SCALE_NONE; scale <= SAE_SCALE_TOKEN; scale++) {
            sae_train_options o = small_options();
            o.input_scale = scale;
            assert_int_equal(train_with(&same, &o, "same", NULL, NULL, &err), SAE_E_VALUE);
            bool none = value == 0 && (scale == SAE_SCALE_NORM || scale == SAE_SCALE_RMS);
            assert_non_null(strstr(err.message, none ? "no size" : "all the same"));
            assert_false(sae_file_exists(in_dir(&same, "same")));
        }
    }
    free(same.rows);
}

static void no_allocation_inside_a_step(void **state)
{
    const fixture *f = *state;
    sae_train_options o = small_options();
    o.arch = "topk,batchtopk";
    o.aux_norm = SAE_AUX_VARIANCE;
    o.clip = 1;
    sae_train_config *configs;
    size_t count;
    sae_trainer *trainer;
    sae_step_metrics metrics[2];
    assert_int_equal(sae_train_grid(&o, &configs, &count, NULL), SAE_OK);
    assert_int_equal(count, 2);
    assert_int_equal(sae_trainer_create(&trainer, configs, count, D, 200, 40, NULL, NULL), SAE_OK);
    float *x = malloc(200 * D * sizeof *x);
    uint64_t before = sae_alloc_count();
    int64_t aux = 0;
    for (int step = 0; step < 30; step++) {
        memcpy(x, f->rows + step % 20 * 200 * D, 200 * D * sizeof *x);
        assert_int_equal(sae_trainer_step(trainer, x, true, metrics, NULL), SAE_OK);
        aux += metrics[0].aux_codes + metrics[1].aux_codes;
        assert_int_equal(metrics[0].codes, 800);
        assert_int_equal(metrics[1].codes, 800);
    }
    assert_true(aux > 0);
    assert_int_equal(sae_alloc_count(), before);
    free(x);
    sae_trainer_free(trainer);
    free(configs);
}

static void no_memory_for(const fixture *f, const struct kind *kind)
{
    sae_train_options o = small_options();
    use_kind(&o, kind);
    o.tokens = 400;
    o.force = true;
    for (uint64_t fail = 1; fail < 2000; fail++) {
        sae_error err = {0};
        sae_source *source = NULL;
        sae_source_config config = sae_source_config_default();
        sae_train_result *r = NULL;
        assert_int_equal(sae_source_open_memory(&source, f->rows, ROWS, D, &config, NULL), SAE_OK);
        sae_alloc_fail_after(fail);
        sae_status status = sae_train(&o, source, in_dir(f, "memory"), &r, NULL, &err);
        sae_alloc_fail_after(0);
        sae_train_result_free(r);
        sae_source_close(source);
        if (status == SAE_OK) return;
        if (status != SAE_E_MEMORY) fail_msg("allocation %llu: %s", (unsigned long long)fail, err.message);
    }
    fail_msg("never succeeded");
}

static void no_memory(void **state)
{
    no_memory_for(*state, &kinds[1]);
    no_memory_for(*state, &kinds[4]); /* warm start, window */
    no_memory_for(*state, &kinds[5]); /* dense products */
}

typedef struct passes {
    double tokens, last; /* that the model ran on, in all and as last told */
} passes;

static void count_model(void *ud, const sae_progress *progress)
{
    passes *p = ud;
    if (strcmp(progress->what, "running the model") != 0) return;
    p->tokens += progress->done - p->last;
    p->last = progress->done < progress->total ? progress->done : 0;
}

/* One pass over the text runs the model on each context once, though the threshold is calibrated after the last. */
static void streamed_once(void **state)
{
    enum { CONTEXTS = 100, CTX = 24, VOCAB = 50, HELD_OUT = 10 };
    const fixture *f = *state;
    int32_t tokens[CONTEXTS * CTX], docs[CONTEXTS * CTX] = {0};
    const sae_hook hook = {.layer = 1, .site = SAE_HOOK_RESID_PRE};
    sae_lm *lm;
    sae_error err;
    sae_source *source;
    sae_train_result *result;
    sae_source_config config = sae_source_config_default();
    sae_train_options o = small_options();
    passes p = {0};
    sae_env env = {.threads = 2, .progress = count_model, .ud = &p};
    for (int i = 0; i < CONTEXTS * CTX; i++) tokens[i] = i * 31 % 97 % VOCAB;
    sae_contexts contexts = {.count = CONTEXTS, .ctx = CTX, .tokens = tokens, .docs = docs, .documents = 1};
    if (sae_gpt2_random(&lm, 2, D, 4, 32, VOCAB, &err) != SAE_OK) fail_msg("%s", err.message);
    o.arch = "batchtopk";
    o.tokens = 0;
    o.batch = 100;
    o.checkpoint_every = 0;
    o.input_scale = SAE_SCALE_TOKEN; /* reads nothing ahead, and so does b_dec 0 */
    o.b_dec_init = SAE_B_DEC_ZERO;
    sae_train_source_config(&o, &config);
    config.buffer_bytes = (int64_t)30 * CTX * D * (int64_t)sizeof(float);
    if (sae_source_open_lm(&source, lm, &contexts, hook, false, false, &config, &env, &err) != SAE_OK)
        fail_msg("%s", err.message);
    assert_true(sae_source_get_info(source)->train == (CONTEXTS - HELD_OUT) * (CTX - 1));
    if (sae_train(&o, source, in_dir(f, "streamed"), &result, &env, &err) != SAE_OK) fail_msg("%s", err.message);
    assert_int_equal((int)p.tokens, (CONTEXTS - HELD_OUT) * CTX);
    sae_train_result_free(result);
    sae_source_close(source);
    sae_lm_close(lm);
}

static void schedule(void **state)
{
    (void)state;
    sae_train_config c = {.lr = 2, .shared = {.warmup = 0.1, .decay = 0.2}};
    assert_float_equal(sae_learning_rate(&c, 1, 100), 0.2, 1e-12);
    assert_float_equal(sae_learning_rate(&c, 10, 100), 2, 1e-12);
    assert_float_equal(sae_learning_rate(&c, 80, 100), 2, 1e-12);
    assert_float_equal(sae_learning_rate(&c, 81, 100), 2, 1e-12);
    assert_float_equal(sae_learning_rate(&c, 91, 100), 1, 1e-12);
    assert_float_equal(sae_learning_rate(&c, 100, 100), 0.1, 1e-12);
}

/* auto: an angle a step, less for wide SAEs and long runs, never more than 4e-3; a trainer knows the run's length. */
static void auto_rate(void **state)
{
    (void)state;
    assert_float_equal(sae_auto_learning_rate(512, 64, 100), 4e-3, 1e-12);
    assert_float_equal(sae_auto_learning_rate(512, 1024, 4000), 2e-3, 1e-12);
    assert_float_equal(sae_auto_learning_rate(16384, 1024, 4000), 1e-3, 1e-12);
    assert_float_equal(sae_auto_learning_rate(16384, 1024, 64000), 0.5e-3, 1e-12);
    sae_train_options o = small_options();
    o.lr = "auto";
    sae_train_config *config;
    size_t count;
    sae_trainer *trainer;
    assert_int_equal(sae_train_grid(&o, &config, &count, NULL), SAE_OK);
    assert_true(isnan(config->lr));
    assert_int_equal(sae_trainer_create(&trainer, config, 1, D, 300, 1000000, NULL, NULL), SAE_OK);
    assert_float_equal(trainer->saes[0].config.lr, sae_auto_learning_rate(config->width, D, 1000000), 1e-12);
    sae_trainer_free(trainer);
    free(config);
}

/* Eq. 8's running mean is unbiased from the first batch. */
static void running_theta(void **state)
{
    (void)state;
    sae_running_theta theta = {0};
    assert_true(isnan(sae_running_theta_value(&theta)));
    for (int i = 0; i < 5; i++) {
        sae_running_theta_add(&theta, 3);
        assert_float_equal(sae_running_theta_value(&theta), 3, 1e-12);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(any_number_of_threads),
        cmocka_unit_test(alone_or_in_a_grid),
        cmocka_unit_test(warm_start),
        cmocka_unit_test(refusals),
        cmocka_unit_test(diverges),
        cmocka_unit_test(nothing_to_learn),
        cmocka_unit_test(no_allocation_inside_a_step),
        cmocka_unit_test(no_memory),
        cmocka_unit_test(streamed_once),
        cmocka_unit_test(schedule),
        cmocka_unit_test(auto_rate),
        cmocka_unit_test(running_theta),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
