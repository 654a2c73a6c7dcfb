/* Runs that were stopped, killed or are finished, and go on with --resume to the same bits. */
#include "train/runs.h"

#include <math.h>

static void stopped_and_resumed(void **state)
{
    const fixture *f = *state;
    sae_train_options o = small_options();
    o.width = "64,40";
    train_ok(f, &o, "whole", 2);
    /* between, at and right after checkpoints and logged steps, the first, the last and the last but one */
    const int stops[] = {1, 7, 13, 26, 58};
    for (size_t i = 0; i < sizeof stops / sizeof *stops; i++) {
        stopper s = {0, stops[i]};
        sae_env env = {.threads = 1 + (int)(i % 3), .progress = count_down, .ud = &s, .stop = &s.stop};
        sae_error err;
        o.force = true;
        o.resume = false;
        assert_int_equal(train_with(f, &o, "parts", &env, NULL, &err), SAE_E_INTERRUPTED);
        assert_non_null(strstr(err.message, "--resume"));
        s = (stopper){0, 3}; /* three more steps, then again */
        o.force = false;
        o.resume = true;
        sae_status second = train_with(f, &o, "parts", &env, NULL, &err);
        if (stops[i] + 3 < 60) assert_int_equal(second, SAE_E_INTERRUPTED);
        sae_train_result *r = NULL;
        env.progress = NULL;
        s.stop = 0;
        if (second == SAE_E_INTERRUPTED) {
            if (train_with(f, &o, "parts", &env, &r, &err) != SAE_OK) fail_msg("%s", err.message);
            assert_int_equal(r->resumed_from, stops[i] + 3 < 60 ? stops[i] + 3 : 60);
            sae_train_result_free(r);
        }
        same_files(f, "whole/batchtopk-64-k4", "parts/batchtopk-64-k4");
        same_files(f, "whole/batchtopk-40-k4", "parts/batchtopk-40-k4");
        /* nothing is left of the states */
        assert_false(sae_file_exists(in_dir(f, "parts/batchtopk-64-k4/checkpoint")));
    }
}

static void same_number(double a, double b)
{
    assert_true(a == b || (isnan(a) && isnan(b)));
}

/* What is finished gives its result again and stays as it is. */
static void finished_and_resumed(void **state)
{
    const fixture *f = *state;
    for (int a = 0; a < KINDS; a++) {
        sae_train_options o = small_options();
        sae_train_result *first = NULL, *again = NULL;
        sae_error err;
        use_kind(&o, &kinds[a]);
        o.force = true;
        train_ok(f, &o, "kept", 2);
        if (train_with(f, &o, "finished", NULL, &first, &err) != SAE_OK) fail_msg("%s", err.message);
        o.force = false;
        assert_int_equal(train_with(f, &o, "finished", NULL, NULL, &err), SAE_E_EXISTS);
        o.resume = true;
        if (train_with(f, &o, "finished", NULL, &again, &err) != SAE_OK) fail_msg("%s", err.message);
        assert_int_equal(again->resumed_from, 60);
        assert_int_equal(again->steps, first->steps);
        assert_int_equal(again->tokens, first->tokens);
        assert_int_equal(again->n_saes, 1);
        const sae_train_sae *x = &first->saes[0], *y = &again->saes[0];
        assert_string_equal(x->path, y->path);
        assert_int_equal(x->config.width, y->config.width);
        same_number(x->theta, y->theta);
        same_number(x->lambda, y->lambda);
        same_number(x->thetas.calibrated, y->thetas.calibrated);
        same_number(x->thetas.running, y->thetas.running);
        same_number(x->thetas.l0, y->thetas.l0);
        same_number(x->thetas.l0_calibrated, y->thetas.l0_calibrated);
        same_number(x->thetas.l0_running, y->thetas.l0_running);
        same_number(x->thetas.l0_l0, y->thetas.l0_l0);
        same_files(f, "kept", "finished");
        assert_false(sae_file_exists(in_dir(f, "finished/checkpoint")));
        sae_train_result_free(first);
        sae_train_result_free(again);
        /* a run.json without the result: refused, nothing is touched */
        FILE *run = fopen(in_dir(f, "finished/run.json"), "r+");
        char text[8192];
        size_t length = fread(text, 1, sizeof text - 1, run);
        text[length] = 0;
        char *key = strstr(text, "\"made\"");
        assert_non_null(key);
        assert_int_equal(fseek(run, key - text + 1, SEEK_SET), 0);
        fputc('M', run);
        fclose(run);
        assert_int_equal(train_with(f, &o, "finished", NULL, NULL, &err), SAE_E_FORMAT);
        assert_non_null(strstr(err.message, "--force"));
        same_files(f, "kept", "finished");
    }
}

/* The kinds that are not stopped above, stopped while warming up, where JumpReLU's own steps begin (24), and later.
 */
static void every_kind_resumes(void **state)
{
    const fixture *f = *state;
    for (int a = 2; a < KINDS; a++) {
        sae_train_options o = small_options();
        use_kind(&o, &kinds[a]);
        o.force = true;
        train_ok(f, &o, "whole2", 2);
        const int stops[] = {2, 24, 40};
        for (size_t i = 0; i < sizeof stops / sizeof *stops; i++) {
            stopper s = {0, stops[i]};
            sae_env env = {.threads = 2, .progress = count_down, .ud = &s, .stop = &s.stop};
            sae_error err;
            o.force = true;
            o.resume = false;
            assert_int_equal(train_with(f, &o, "part2", &env, NULL, &err), SAE_E_INTERRUPTED);
            o.force = false;
            o.resume = true;
            train_ok(f, &o, "part2", 1);
            same_files(f, "whole2", "part2");
        }
    }
}

/* Killed without warning after a checkpoint: what was written since is ignored. */
static void killed_and_resumed(void **state)
{
    const fixture *f = *state;
    sae_train_options o = small_options();
    sae_error err;
    train_ok(f, &o, "whole1", 1);
    stopper s = {0, 30};
    sae_env env = {.threads = 1, .progress = count_down, .ud = &s, .stop = &s.stop};
    assert_int_equal(train_with(f, &o, "killed", &env, NULL, &err), SAE_E_INTERRUPTED);
    /* as if killed later: a half-written next state, more metrics */
    FILE *half = fopen(in_dir(f, "killed/checkpoint/state-39.safetensors"), "w");
    fputs("half", half);
    fclose(half);
    half = fopen(in_dir(f, "killed/checkpoint/state-39.safetensors.tmp-99"), "w");
    fclose(half);
    FILE *log = fopen(in_dir(f, "killed/metrics.jsonl"), "a");
    fputs("{\"step\":35", log);
    fclose(log);
    o.resume = true;
    train_ok(f, &o, "killed", 1);
    same_files(f, "whole1", "killed");
    assert_false(sae_file_exists(in_dir(f, "killed/checkpoint")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(stopped_and_resumed),
        cmocka_unit_test(finished_and_resumed),
        cmocka_unit_test(every_kind_resumes),
        cmocka_unit_test(killed_and_resumed),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
