/* Harvested directories hold the rows that the model gives; a run that fails or is stopped leaves none. */
#include "io/temp.h"

#include <sae/data.h>

#define TINY SAE_TEST_DATA "/lm_tiny"

/* A tile is 36 contexts of 7 tokens and a batch at least 16 tiles: three batches. */
enum { COUNT = 1300, CTX = 7, D = 16, ROWS = COUNT * CTX };

static sae_error err;

typedef struct parts {
    sae_lm *lm;
    sae_contexts contexts;
    int32_t tokens[ROWS], docs[ROWS];
} parts;

static parts *make_parts(void)
{
    parts *p = calloc(1, sizeof *p);
    assert_ok(sae_lm_open(&p->lm, TINY, NULL, &err));
    for (int i = 0; i < ROWS; i++) {
        p->tokens[i] = i * 7919 % 320;
        p->docs[i] = i / 50;
    }
    p->contexts =
        (sae_contexts){.count = COUNT, .ctx = CTX, .tokens = p->tokens, .docs = p->docs, .documents = ROWS / 50};
    return p;
}

static void free_parts(parts *p)
{
    sae_lm_close(p->lm);
    free(p);
}

static const sae_hook hooks[] = {{1, SAE_HOOK_RESID_PRE}, {0, SAE_HOOK_MLP_POST}};

static sae_harvest_config one_hook(void)
{
    return (sae_harvest_config){.hooks = hooks, .n_hooks = 1, .dtype = SAE_DTYPE_F32, .shard_tokens = 1000};
}

static void check_rows(const parts *p, const char *path, sae_hook hook, bool center, int64_t width)
{
    sae_acts *acts;
    float *expected = malloc((size_t)(ROWS * width) * sizeof *expected),
          *rows = malloc(sizeof *rows * (size_t)(ROWS * width));
    int32_t *tokens = malloc(ROWS * sizeof *tokens), *positions = malloc(ROWS * sizeof *positions),
            *docs = malloc(ROWS * sizeof *docs);
    assert_ok(sae_lm_hooks(p->lm, p->tokens, COUNT, CTX, &hook, 1, center, &expected, NULL, &err));
    assert_ok(sae_acts_open(&acts, path, &err));
    const sae_acts_meta *meta = sae_acts_get_meta(acts);
    char name[64];
    sae_hook_name(hook, name, sizeof name);
    assert_string_equal(meta->model, "lm_tiny");
    assert_string_equal(meta->hook_name, name);
    assert_int_equal(meta->d, width);
    assert_int_equal(meta->n_tokens, ROWS);
    assert_int_equal(meta->ctx, CTX);
    assert_int_equal(meta->center_residual, center);
    assert_ok(sae_acts_read(acts, 0, ROWS, rows, &err));
    assert_memory_equal(rows, expected, (size_t)(ROWS * width) * sizeof *rows);
    sae_acts_read_ids(acts, 0, ROWS, tokens, positions, docs);
    for (int i = 0; i < ROWS; i++) {
        assert_int_equal(tokens[i], p->tokens[i]);
        assert_int_equal(positions[i], i % CTX);
        assert_int_equal(docs[i], p->docs[i]);
    }
    sae_acts_close(acts);
    free(expected);
    free(rows);
    free(tokens);
    free(positions);
    free(docs);
}

/* For every number of threads (the batch depends on it) the rows are those of one call over all contexts. */
static void rows_of_the_model(void **state)
{
    parts *p = make_parts();
    const int threads[] = {1, 3, 40};
    for (int t = 0; t < 3; t++) {
        const sae_env env = {.threads = threads[t]};
        sae_harvest_config config = one_hook();
        int64_t shards = 0;
        config.center_residual = t == 1;
        config.prepend_bos = true;
        config.force = t > 0;
        assert_ok(sae_harvest(p->lm, &p->contexts, &config, temp_path(state, "acts"), &shards, &env, &err));
        assert_int_equal(shards, (ROWS + 999) / 1000);
        check_rows(p, temp_path(state, "acts"), hooks[0], t == 1, D);
    }
    free_parts(p);
}

static void several_hooks(void **state)
{
    parts *p = make_parts();
    sae_harvest_config config = one_hook();
    int64_t shards = 0;
    config.n_hooks = 2;
    config.shard_tokens = ROWS;
    assert_ok(sae_harvest(p->lm, &p->contexts, &config, temp_path(state, "acts"), &shards, NULL, &err));
    assert_int_equal(shards, 2);
    check_rows(p, temp_path(state, "acts/blocks.1.hook_resid_pre"), hooks[0], false, D);
    check_rows(p, temp_path(state, "acts/blocks.0.mlp.hook_post"), hooks[1], false, 4 * D);
    free_parts(p);
}

static void existing_output(void **state)
{
    parts *p = make_parts();
    sae_harvest_config config = one_hook();
    assert_ok(sae_harvest(p->lm, &p->contexts, &config, temp_path(state, "acts"), NULL, NULL, &err));
    assert_int_equal(sae_harvest(p->lm, &p->contexts, &config, temp_path(state, "acts"), NULL, NULL, &err),
                     SAE_E_EXISTS);
    check_rows(p, temp_path(state, "acts"), hooks[0], false, D);
    free_parts(p);
}

typedef struct stopper {
    volatile sig_atomic_t stop;
    int calls;
} stopper;

/* Asks to stop after the first batch. */
static void stop_now(void *ud, const sae_progress *progress)
{
    stopper *s = ud;
    assert_string_equal(progress->what, "harvesting");
    assert_true(progress->done > 0 && progress->done < progress->total && (int)progress->total == ROWS);
    s->calls++;
    s->stop = 1;
}

static void stopped_run(void **state)
{
    parts *p = make_parts();
    for (size_t n = 1; n <= 2; n++) {
        stopper s = {0};
        const sae_env env = {.threads = 1, .progress = stop_now, .ud = &s, .stop = &s.stop};
        sae_harvest_config config = one_hook();
        config.n_hooks = n;
        assert_int_equal(sae_harvest(p->lm, &p->contexts, &config, temp_path(state, "acts"), NULL, &env, &err),
                         SAE_E_INTERRUPTED);
        assert_contains(err.message, "576 of 1300");
        assert_int_equal(s.calls, 1);
        assert_int_equal(count_entries(temp_path(state, "acts")), -1);
    }
    free_parts(p);
}

static void refuse(void **state, const parts *p, sae_harvest_config config, sae_status status, const char *part)
{
    assert_int_equal(sae_harvest(p->lm, &p->contexts, &config, temp_path(state, "acts"), NULL, NULL, &err), status);
    assert_contains(err.message, part);
    assert_int_equal(count_entries(temp_path(state, "acts")), -1);
}

static void wrong_arguments(void **state)
{
    parts *p = make_parts();
    const sae_hook late[] = {{2, SAE_HOOK_RESID_PRE}}, twice[] = {hooks[0], hooks[1], hooks[0]};
    sae_harvest_config config = one_hook();
    config.n_hooks = 0;
    refuse(state, p, config, SAE_E_ARG, "no hook");
    config.hooks = late;
    config.n_hooks = 1;
    refuse(state, p, config, SAE_E_ARG, "layer 2");
    config.hooks = twice;
    config.n_hooks = 3;
    refuse(state, p, config, SAE_E_ARG, "twice");
    config = one_hook();
    config.dtype = SAE_DTYPE_F64;
    refuse(state, p, config, SAE_E_ARG, "f64");
    config = one_hook();
    p->tokens[5000] = 320;
    refuse(state, p, config, SAE_E_VALUE, "320");
    p->tokens[5000] = 0;
    config.n_hooks = 2; /* their folders cannot be made: a file is in the way */
    const char *in_the_way = temp_path(state, "acts2");
    put_file(in_the_way, "", 0);
    assert_int_equal(sae_harvest(p->lm, &p->contexts, &config, in_the_way, NULL, NULL, &err), SAE_E_IO);
    free_parts(p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        temp_test(rows_of_the_model), temp_test(several_hooks),   temp_test(existing_output),
        temp_test(stopped_run),       temp_test(wrong_arguments),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
