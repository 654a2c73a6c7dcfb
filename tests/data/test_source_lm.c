/* Rows made by the running model: those that harvesting gives, as a stream like any other. */
#include "io/temp.h"

#include "base/alloc.h"
#include "lm/gpt2.h"

#include <math.h>
#include <sae/data.h>

enum { LAYERS = 2, D = 16, CTX = 24, CONTEXTS = 90, ROWS = CONTEXTS * CTX, VOCAB = 50 };

static const sae_hook hook = {.layer = 1, .site = SAE_HOOK_RESID_PRE};

typedef struct model {
    sae_lm *lm;
    int32_t tokens[ROWS], docs[ROWS];
    sae_contexts contexts;
} model;

static void open_model(model *m)
{
    sae_error err;
    assert_ok(sae_gpt2_random(&m->lm, LAYERS, D, 4, 32, VOCAB, &err));
    for (int i = 0; i < ROWS; i++) m->tokens[i] = (int32_t)(i * 31 % 97 % VOCAB);
    memset(m->docs, 0, sizeof m->docs);
    m->contexts = (sae_contexts){.count = CONTEXTS, .ctx = CTX, .tokens = m->tokens, .docs = m->docs, .documents = 1};
}

/* All activations [ROWS, D], in one pass. */
static float *all_rows(const model *m, bool center)
{
    float *rows = malloc(sizeof(float[ROWS * D]));
    sae_error err;
    assert_ok(sae_lm_hooks(m->lm, m->tokens, CONTEXTS, CTX, &hook, 1, center, &rows, NULL, &err));
    return rows;
}

/* While *stop is set the model may not run. */
static sae_source *open_stoppable(const model *m, bool center, int threads, const sae_source_config *config,
                                  const volatile sig_atomic_t *stop)
{
    sae_env env = {.threads = threads, .stop = stop};
    sae_source *source;
    sae_error err;
    assert_ok(sae_source_open_lm(&source, m->lm, &m->contexts, hook, center, true, config, &env, &err));
    return source;
}

static sae_source *open_source(const model *m, bool center, int threads, const sae_source_config *config)
{
    return open_stoppable(m, center, threads, config, NULL);
}

/* The number of the row of `rows` that x is, to rounding. */
static int64_t find_row(const float *rows, const float *x)
{
    for (int64_t r = 0; r < ROWS; r++) {
        double worst = 0;
        for (int j = 0; j < D; j++) worst = fmax(worst, fabs((double)(rows[r * D + j] - x[j])));
        if (worst < 1e-5) return r;
    }
    return -1;
}

static void rows_of_the_model(void **state)
{
    (void)state;
    model m;
    sae_error err;
    open_model(&m);
    for (int center = 0; center < 2; center++) {
        float *rows = all_rows(&m, center), *out = malloc(sizeof(float[ROWS * D]));
        int64_t *ids = malloc(sizeof(int64_t[ROWS]));
        sae_source_config config = sae_source_config_default();
        const int32_t exclude[] = {5};
        config.held_out = 0.1;
        config.exclude = exclude;
        config.n_exclude = 1;
        config.buffer_bytes = 20 * CTX * D * 4;
        sae_source *source = open_source(&m, center, 2, &config);
        const sae_source_info *info = sae_source_get_info(source);
        assert_true(info->rows == ROWS && info->d == D && info->buffer_rows == 20 * CTX);
        assert_string_equal(info->meta.model, "random");
        assert_string_equal(info->meta.hook_name, "blocks.1.hook_resid_pre");
        assert_true(info->meta.ctx == CTX && info->meta.prepend_bos && info->meta.center_residual == (center == 1));
        int64_t n = 0;
        for (int64_t r = 0; r < ROWS; r++) n += r % CTX != 0 && m.tokens[r] != 5;
        assert_true(info->usable == n && info->excluded == ROWS - n && info->train + info->held_out == n);
        assert_ok(sae_source_usable(source, 0, n, out, ids, &err));
        for (int64_t i = 0; i < n; i++) {
            assert_true(ids[i] % CTX != 0 && m.tokens[ids[i]] != 5 && (i == 0 || ids[i] > ids[i - 1]));
            for (int j = 0; j < D; j++)
                assert_true(fabsf(out[i * D + j] - rows[ids[i] * D + j]) <= 1e-6f * (1 + fabsf(rows[ids[i] * D + j])));
        }
        /* An epoch and the held-out rows are together the usable rows: sums over all of them agree. */
        double want = 0, sum = 0;
        for (int64_t i = 0; i < n * D; i++) want += (double)out[i];
        assert_ok(sae_source_train(source, 0, info->train, out, &err));
        for (int64_t i = 0; i < info->train * D; i++) sum += (double)out[i];
        assert_ok(sae_source_held_out(source, 0, info->held_out, out, &err));
        for (int64_t i = 0; i < info->held_out * D; i++) sum += (double)out[i];
        assert_true(fabs(sum - want) < 1e-3);
        assert_true(info->held_out > 8 * (CTX - 3)); /* 9 whole contexts */
        for (int64_t i = 0; i < 20; i++) assert_true(find_row(rows, out + i * 7 * D) >= 0);
        sae_source_close(source);
        free(rows);
        free(out);
        free(ids);
    }
    sae_lm_close(m.lm);
}

/* Bit for bit the same stream for any threads, pieces and place to begin, with held-out rows read in between. */
static void taken_up_anywhere(void **state)
{
    (void)state;
    model m;
    sae_error err;
    open_model(&m);
    sae_source_config config = sae_source_config_default();
    config.held_out = 0.1;
    config.buffer_bytes = 20 * CTX * D * 4;
    sae_source *source = open_source(&m, false, 1, &config);
    int64_t train = sae_source_get_info(source)->train, held = sae_source_get_info(source)->held_out, n = 2 * train;
    float *all = malloc((size_t)n * D * sizeof *all), *some = malloc((size_t)n * D * sizeof *some),
          *held_rows = malloc((size_t)held * D * sizeof *held_rows);
    assert_ok(sae_source_train(source, 0, n, all, &err));
    assert_ok(sae_source_held_out(source, 0, held, held_rows, &err));
    sae_source_close(source);
    for (int threads = 1; threads <= 3; threads++) {
        source = open_source(&m, false, threads, &config);
        for (int64_t position = 100 * threads; position + 333 <= n; position += 333) {
            assert_ok(sae_source_train(source, position, 333, some, &err));
            assert_memory_equal(some, all + position * D, 333 * D * sizeof *some);
            int64_t first = position % (held - 5);
            assert_ok(sae_source_held_out(source, first, 5, some, &err));
            assert_memory_equal(some, held_rows + first * D, 5 * D * sizeof *some);
        }
        sae_source_close(source);
    }
    free(all);
    free(some);
    free(held_rows);
    sae_lm_close(m.lm);
}

/* What fits the buffer is made once: with the model forbidden to run, a second epoch gives the bits of a source that
 * begins there. */
static void made_once(void **state)
{
    (void)state;
    model m;
    sae_error err;
    volatile sig_atomic_t stop = 0;
    open_model(&m);
    sae_source_config config = sae_source_config_default();
    sae_source *source = open_stoppable(&m, false, 2, &config, &stop);
    int64_t n = sae_source_get_info(source)->train;
    float *first = malloc((size_t)n * D * sizeof *first), *second = malloc((size_t)n * D * sizeof *second);
    assert_ok(sae_source_train(source, 0, n, first, &err));
    stop = 1;
    assert_ok(sae_source_train(source, n, n, second, &err));
    assert_memory_not_equal(first, second, (size_t)n * D * sizeof *first);
    sae_source_close(source);
    source = open_source(&m, false, 3, &config);
    assert_ok(sae_source_train(source, n, n, first, &err));
    assert_memory_equal(first, second, (size_t)n * D * sizeof *first);
    sae_source_close(source);
    free(first);
    free(second);
    sae_lm_close(m.lm);
}

/* With the model forbidden to run: the rows of a group can all be read, the one before and the one behind cannot. */
static void groups(void **state)
{
    (void)state;
    model m;
    sae_error err;
    float out[D];
    volatile sig_atomic_t stop = 0;
    open_model(&m);
    sae_source_config config = sae_source_config_default();
    config.buffer_bytes = 20 * CTX * D * 4;
    sae_source *source = open_stoppable(&m, false, 1, &config, &stop);
    int64_t train = sae_source_get_info(source)->train, position = train + train / 2, first, count;
    sae_source_group(source, position, &first, &count);
    assert_true(first > train && first <= position && position < first + count && first + count < 2 * train);
    assert_ok(sae_source_train(source, position, 1, out, &err));
    stop = 1;
    for (int64_t i = 0; i < count; i++) assert_ok(sae_source_train(source, first + i, 1, out, &err));
    assert_int_equal(sae_source_train(source, first - 1, 1, out, &err), SAE_E_INTERRUPTED);
    assert_int_equal(sae_source_train(source, first + count, 1, out, &err), SAE_E_INTERRUPTED);
    sae_source_close(source);
    sae_lm_close(m.lm);
}

static void stopping(void **state)
{
    (void)state;
    model m;
    sae_error err;
    float out[D];
    volatile sig_atomic_t stop = 0;
    open_model(&m);
    sae_source_config config = sae_source_config_default();
    sae_source *source = open_stoppable(&m, false, 1, &config, &stop);
    stop = 1;
    assert_int_equal(sae_source_train(source, 0, 1, out, &err), SAE_E_INTERRUPTED);
    assert_contains(err.message, "blocks.1.hook_resid_pre");
    stop = 0;
    assert_ok(sae_source_train(source, 0, 1, out, &err));
    stop = 1;
    assert_ok(sae_source_train(source, 1, 1, out, &err)); /* what is there can still be read */
    sae_source_close(source);
    sae_lm_close(m.lm);
}

static void wrong_input(void **state)
{
    (void)state;
    model m;
    sae_error err;
    sae_source *source = NULL;
    sae_source_config config = sae_source_config_default();
    open_model(&m);
    sae_hook far = {.layer = LAYERS, .site = SAE_HOOK_RESID_PRE};
    assert_int_equal(sae_source_open_lm(&source, m.lm, &m.contexts, far, false, false, &config, NULL, &err), SAE_E_ARG);
    m.tokens[1000] = VOCAB;
    assert_int_equal(sae_source_open_lm(&source, m.lm, &m.contexts, hook, false, false, &config, NULL, &err),
                     SAE_E_VALUE);
    assert_null(source);
    sae_lm_close(m.lm);
}

static void out_of_memory(void **state)
{
    (void)state;
    model m;
    sae_error err;
    float out[50 * D];
    int failures = 0;
    open_model(&m);
    sae_source_config config = sae_source_config_default();
    sae_env env = {.threads = 1};
    for (uint64_t n = 1;; n++, failures++) {
        sae_source *source = NULL;
        sae_alloc_fail_after(n);
        sae_status status = sae_source_open_lm(&source, m.lm, &m.contexts, hook, false, false, &config, &env, &err);
        if (status == SAE_OK) status = sae_source_train(source, 0, 50, out, &err);
        if (status == SAE_OK) status = sae_source_usable(source, 0, 50, out, NULL, &err);
        sae_alloc_fail_after(0);
        sae_source_close(source);
        if (status == SAE_OK) break;
        assert_int_equal(status, SAE_E_MEMORY);
    }
    assert_true(failures >= 15);
    sae_lm_close(m.lm);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_of_the_model), cmocka_unit_test(taken_up_anywhere),
        cmocka_unit_test(made_once),         cmocka_unit_test(groups),
        cmocka_unit_test(stopping),          cmocka_unit_test(wrong_input),
        cmocka_unit_test(out_of_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
