/* What the tests of whole runs share: rows, options of a small run, every kind of SAE, a way to stop a run. */
#ifndef TESTS_TRAIN_RUNS_H
#define TESTS_TRAIN_RUNS_H

#include "testing.h"

#include <sae/train.h>

#include "base/file.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { ROWS = 6000, D = 24 };

typedef struct fixture {
    char dir[64];
    float *rows;
} fixture;

static inline int setup(void **state)
{
    fixture *f = calloc(1, sizeof *f);
    strcpy(f->dir, "/tmp/sae-test-run-XXXXXX");
    assert_non_null(mkdtemp(f->dir));
    float *u = malloc(48 * D * sizeof *u);
    f->rows = malloc(ROWS * D * sizeof *f->rows);
    sae_synthetic_directions(1, 48, D, u);
    sae_synthetic_rows(1, u, 48, D, 0.08, 0, ROWS, f->rows);
    for (int i = 0; i < ROWS * D; i++) f->rows[i] = 3 * f->rows[i] + (float)(i % D) / 8;
    free(u);
    *state = f;
    return 0;
}

static inline int teardown(void **state)
{
    fixture *f = *state;
    char command[128];
    snprintf(command, sizeof command, "rm -rf %s", f->dir);
    assert_int_equal(system(command), 0);
    free(f->rows);
    free(f);
    return 0;
}

/* Every kind, asked for the same sparsity; jumprelu and relu with given λ too, which start dense. */
enum { KINDS = 7 };
static const struct kind {
    const char *arch, *l0, *lambda, *name; /* name: directory of width 64 in a grid */
} kinds[KINDS] = {
    {"topk", "4", NULL, "topk-64-k4"},
    {"batchtopk", "4", NULL, "batchtopk-64-k4"},
    {"matryoshka", "4", NULL, "matryoshka-64-k4"},
    {"relu", "4", NULL, "relu-64-l04"},
    {"jumprelu", "4", NULL, "jumprelu-64-l04"},
    {"relu", NULL, "2", "relu-64-lambda2"},
    {"jumprelu", NULL, "0.5", "jumprelu-64-lambda0.5"},
};

static inline void use_kind(sae_train_options *o, const struct kind *kind)
{
    o->arch = kind->arch;
    o->k = NULL;
    o->l0 = kind->l0;
    o->lambda = kind->lambda;
}

static inline sae_train_options small_options(void)
{
    sae_train_options o = sae_train_options_default();
    o.width = "64";
    o.k = "4";
    o.batch = 200;
    o.tokens = 12000;
    o.dead_tokens = 600; /* so that AuxK has work */
    o.k_aux = 16;
    o.log_every = 7;
    o.checkpoint_every = 13;
    o.held_out = 0.1;
    return o;
}

static const char *in_dir(const fixture *f, const char *name)
{
    static char path[256];
    snprintf(path, sizeof path, "%s/%s", f->dir, name);
    return path;
}

static inline sae_status train_with(const fixture *f, const sae_train_options *o, const char *name, const sae_env *env,
                                    sae_train_result **result, sae_error *err)
{
    sae_source *source = NULL;
    sae_source_config config = sae_source_config_default();
    sae_train_source_config(o, &config);
    assert_int_equal(sae_source_open_memory(&source, f->rows, ROWS, D, &config, NULL), SAE_OK);
    sae_train_result *r = NULL;
    sae_status status = sae_train(o, source, in_dir(f, name), &r, env, err);
    if (result)
        *result = r;
    else
        sae_train_result_free(r);
    sae_source_close(source);
    return status;
}

static inline void train_ok(const fixture *f, const sae_train_options *o, const char *name, int threads)
{
    sae_error err = {0};
    sae_env env = {.threads = threads};
    if (train_with(f, o, name, &env, NULL, &err) != SAE_OK) fail_msg("%s: %s", name, err.message);
}

static inline void same_files(const fixture *f, const char *a, const char *b)
{
    static const char *const names[] = {"sae_weights.safetensors", "cfg.json", "metrics.jsonl"};
    for (int i = 0; i < 3; i++) {
        char path[2][256];
        sae_map map[2];
        snprintf(path[0], sizeof path[0], "%s/%s/%s", f->dir, a, names[i]);
        snprintf(path[1], sizeof path[1], "%s/%s/%s", f->dir, b, names[i]);
        for (int k = 0; k < 2; k++) assert_int_equal(sae_map_open(&map[k], path[k], NULL), SAE_OK);
        if (map[0].size != map[1].size || memcmp(map[0].data, map[1].data, map[0].size) != 0)
            fail_msg("%s and %s differ", path[0], path[1]);
        for (int k = 0; k < 2; k++) sae_map_close(&map[k]);
    }
}

/* Stops a run when the trainer has reported `countdown` times. */
typedef struct stopper {
    volatile sig_atomic_t stop;
    int countdown;
} stopper;

static inline void count_down(void *ud, const sae_progress *progress)
{
    stopper *s = ud;
    if (strcmp(progress->what, "training") == 0 && --s->countdown <= 0) s->stop = 1;
}

#endif
