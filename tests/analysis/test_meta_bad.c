/* Meta-SAEs: what is refused, stopping and going on, memory that fails, files. */
#include "analysis/meta_fixture.h"

#include "base/alloc.h"
#include "base/file.h"

static sae_status try_meta(const sae_model *model, sae_source *acts, const sae_model *against, sae_meta_config config,
                           const char *dir, const sae_env *env, sae_error *err)
{
    sae_meta *meta = NULL;
    sae_status status = sae_meta_run(model, acts, against, &config, dir, &meta, env, err);
    assert_true((status == SAE_OK) == (meta != NULL));
    sae_meta_free(meta);
    return status;
}

static void wrong_sizes(void **state)
{
    sae_error err;
    sae_model *model = meta_model();
    const char *dir = temp_path(state, "meta");
    const struct {
        int64_t width, k;
        const char *message;
    } wrong[] = {
        {0, 4, "0 meta-latents are none"},
        {-3, 4, "-3 meta-latents are none"},
        {8, 9, "k is 9: of 8 meta-latents, 1 to 8"},
        {8, 0, "k is 0"},
        {META_N + 1, 4, "301 meta-latents are more than the 300 latents"},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        sae_meta_config config = meta_config();
        config.width = wrong[i].width;
        config.k = wrong[i].k;
        assert_int_equal(try_meta(model, NULL, NULL, config, dir, NULL, &err), SAE_E_ARG);
        assert_contains(err.message, wrong[i].message);
    }
    static float W[3 * (META_D + 1)];
    W[0] = W[META_D + 3] = W[2 * META_D + 2] = 1;
    sae_model *other = meta_model_of(W, 3, META_D + 1);
    assert_int_equal(try_meta(model, NULL, other, meta_config(), dir, NULL, &err), SAE_E_SHAPE);
    assert_contains(err.message, "25 dimensions");
    sae_source *source = meta_source(W, 3, META_D + 1);
    assert_int_equal(try_meta(model, source, NULL, meta_config(), dir, NULL, &err), SAE_E_SHAPE);
    assert_int_equal(count_entries(dir), -1); /* nothing was written */
    sae_source_close(source);
    sae_model_free(other);
    sae_model_free(model);
}

static void nothing_to_explain(void **state)
{
    static float W[8 * META_D], x[4 * META_D];
    sae_error err;
    const char *dir = temp_path(state, "meta");
    sae_meta_config config = meta_config();
    config.width = 2;
    sae_source *source = meta_source(x, 4, META_D); /* zeros: nothing fires */
    for (int i = 0; i < 8; i++) W[i * META_D + 1] = (float)(i + 1);
    sae_model *model = meta_model_of(W, 8, META_D);
    assert_int_equal(try_meta(model, source, NULL, config, dir, NULL, &err), SAE_E_VALUE);
    assert_contains(err.message, "none of the 8 latents fired on 4 tokens");
    assert_int_equal(try_meta(model, NULL, NULL, config, dir, NULL, &err), SAE_E_VALUE);
    assert_contains(err.message, "all 8 decoder rows point the same way");
    sae_model_free(model);
    memset(W + META_D, 0, 7 * META_D * sizeof *W);
    model = meta_model_of(W, 8, META_D);
    assert_int_equal(try_meta(model, NULL, NULL, config, dir, NULL, &err), SAE_E_VALUE);
    assert_contains(err.message, "1 of 8 decoder rows is left (0 never fired, 7 are zero)");
    sae_model_free(model);
    config.width = config.k = 1;
    model = meta_model_of(W, 1, META_D);
    assert_int_equal(try_meta(model, NULL, NULL, config, dir, NULL, &err), SAE_E_VALUE);
    assert_contains(err.message, "needs two");
    sae_model_free(model);
    /* more meta-latents than rows that fire */
    x[1] = 2;
    for (int i = 0; i < 8; i++) W[i * META_D + i] = 1 + (float)(i == 1);
    model = meta_model_of(W, 8, META_D);
    for (int i = 0; i < 3; i++) x[i * META_D + i] = 3;
    config.width = 4;
    assert_int_equal(try_meta(model, source, NULL, config, dir, NULL, &err), SAE_E_ARG);
    assert_contains(err.message, "4 meta-latents are more than the 3 decoder rows");
    assert_int_equal(count_entries(dir), -1);
    sae_model_free(model);
    sae_source_close(source);
}

/* As many meta-latents as rows, one meta-latent, and more of them at a time than there are dimensions. */
static void extremes(void **state)
{
    sae_error err;
    sae_model *model = meta_model();
    const int64_t sizes[][2] = {{META_N, 2}, {1, 1}, {64, 40}};
    for (int i = 0; i < 3; i++) {
        sae_meta_config config = meta_config();
        config.width = sizes[i][0];
        config.k = sizes[i][1];
        config.epochs = 2;
        config.force = true;
        assert_ok(try_meta(model, NULL, NULL, config, temp_path(state, "meta"), NULL, &err));
    }
    sae_model_free(model);
}

/* ---- stopping ------------------------------------------------------------------------------------------------- */

/* Stops at the n-th report of a task. */
typedef struct stopper {
    const char *what;
    int after;
    volatile sig_atomic_t stop;
} stopper;

static void watch(void *ud, const sae_progress *progress)
{
    stopper *s = ud;
    if (strcmp(progress->what, s->what) == 0 && --s->after == 0) s->stop = 1;
}

/* Bytes of a file of the result. */
static void same_file(const char *a, const char *b)
{
    size_t sizes[2];
    unsigned char *data[2] = {get_file(a, &sizes[0]), get_file(b, &sizes[1])};
    assert_int_equal(sizes[0], sizes[1]);
    assert_memory_equal(data[0], data[1], sizes[0]);
    free(data[0]);
    free(data[1]);
}

static void stopped_and_resumed(void **state)
{
    sae_error err;
    sae_model *model = meta_model();
    sae_meta_config config = meta_config();
    const struct {
        const char *what;
        int after;
    } stops[] = {{"training", 20}, {"calibrating", 5}, {"principal components", 1}, {"pursuit with random rows", 1}};
    sae_meta_free(meta_of(model, NULL, config, temp_path(state, "whole"), NULL));
    for (size_t i = 0; i < sizeof stops / sizeof *stops; i++) {
        char dir[32], name[64];
        snprintf(dir, sizeof dir, "stopped-%zu", i);
        stopper s = {stops[i].what, stops[i].after, 0};
        sae_env env = {.progress = watch, .ud = &s, .stop = &s.stop};
        config.resume = false;
        assert_int_equal(try_meta(model, NULL, NULL, config, temp_path(state, dir), &env, &err), SAE_E_INTERRUPTED);
        assert_int_equal(try_meta(model, NULL, NULL, config, temp_path(state, dir), NULL, &err), SAE_E_EXISTS);
        assert_contains(err.message, "--resume");
        config.resume = true;
        config.seed = 1;
        assert_int_equal(try_meta(model, NULL, NULL, config, temp_path(state, dir), NULL, &err), SAE_E_ARG);
        assert_contains(err.message, "option seed was \"0\"");
        config.seed = 0;
        assert_ok(try_meta(model, NULL, NULL, config, temp_path(state, dir), NULL, &err));
        snprintf(name, sizeof name, "%s/sae_weights.safetensors", dir);
        same_file(temp_path(state, name), temp_path(state, "whole/sae_weights.safetensors"));
        snprintf(name, sizeof name, "%s/cfg.json", dir);
        same_file(temp_path(state, name), temp_path(state, "whole/cfg.json"));
    }
    sae_model_free(model);
}

/* An old result's mark goes when the training of a new one begins, and not when that is refused. */
static void the_mark_of_an_old_result(void **state)
{
    sae_error err;
    sae_model *model = meta_model();
    sae_meta_config config = meta_config();
    config.epochs = 1;
    const char *mark = temp_path(state, "meta/meta.json");
    sae_meta_free(meta_of(model, NULL, config, temp_path(state, "meta"), NULL));
    put_file(mark, "{}", 2);
    config.force = true;
    config.k = 33;
    assert_int_equal(try_meta(model, NULL, NULL, config, temp_path(state, "meta"), NULL, &err), SAE_E_ARG);
    assert_true(sae_file_exists(mark));
    config.k = 2;
    assert_ok(try_meta(model, NULL, NULL, config, temp_path(state, "meta"), NULL, &err));
    assert_false(sae_file_exists(mark));
    sae_model_free(model);
}

/* Every allocation fails once: an error, nothing lost. */
static void out_of_memory(void **state)
{
    sae_error err;
    sae_model *model = meta_model();
    sae_meta_config config = meta_config();
    sae_status status = SAE_E_MEMORY;
    config.epochs = 1;
    config.force = true;
    for (uint64_t n = 1; status != SAE_OK; n += n < 60 ? 1 : 7) {
        assert_true(n < 5000);
        sae_alloc_fail_after(n);
        sae_meta *meta = NULL;
        status =
            sae_meta_run(model, NULL, model, &config, temp_path(state, "meta"), &meta, &(sae_env){.threads = 1}, &err);
        sae_alloc_fail_after(0);
        assert_true((status == SAE_OK) == (meta != NULL));
        sae_meta_free(meta);
    }
    sae_model_free(model);
}

/* ---- tables as files ------------------------------------------------------------------------------------------- */

static int lines_of(const char *path)
{
    size_t size;
    unsigned char *data = get_file(path, &size);
    int lines = 0;
    for (size_t i = 0; i < size; i++) lines += data[i] == '\n';
    free(data);
    return lines;
}

static void tables_as_csv(void **state)
{
    sae_error err;
    sae_model *model = meta_model();
    sae_meta *m = meta_of(model, model, meta_config(), temp_path(state, "meta"), NULL);
    const char *path = temp_path(state, "table.csv");
    assert_ok(sae_meta_write_decomposition(m, path, &err));
    assert_int_equal(lines_of(path), 1 + m->parts + m->alone);
    assert_ok(sae_meta_write_meta_latents(m, path, &err));
    assert_int_equal(lines_of(path), 1 + m->width);
    assert_ok(sae_meta_write_against(m, path, &err));
    assert_int_equal(lines_of(path), 1 + m->width);
    assert_ok(sae_meta_write_baselines(m, path, &err));
    assert_int_equal(lines_of(path), 6);
    assert_int_equal(sae_meta_write_baselines(m, temp_path(state, "no/table.csv"), &err), SAE_E_IO);
    sae_meta_free(m);
    sae_model_free(model);
}

static void options(void **state)
{
    (void)state;
    sae_error err;
    size_t count;
    const sae_option *table = sae_meta_option_table(&count);
    sae_meta_config config = sae_meta_config_default(), again = {0};
    for (size_t i = 0; i < count; i++) { /* every default can be said on the command line */
        char text[64];
        if (strcmp(table[i].name, "width") == 0 || table[i].type == SAE_OPT_BOOL) continue;
        sae_option_get(&table[i], &config, text, sizeof text);
        assert_ok(sae_option_set(&table[i], &again, text, &err));
    }
    /* all but the padding after the last member, which a compiler need not copy */
    assert_memory_equal(&config, &again, offsetof(sae_meta_config, force) + sizeof config.force);
    assert_int_equal(sae_option_set(sae_option_find(table, count, "width"), &config, "0", &err), SAE_E_ARG);
    assert_int_equal(sae_option_set(sae_option_find(table, count, "k"), &config, "0", &err), SAE_E_ARG);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        temp_test(wrong_sizes),
        temp_test(nothing_to_explain),
        temp_test(extremes),
        temp_test(stopped_and_resumed),
        temp_test(the_mark_of_an_old_result),
        temp_test(out_of_memory),
        temp_test(tables_as_csv),
        cmocka_unit_test(options),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
