/* A tiny GPT-2 against what transformers computes with it in float64 (tests/golden/make_lm_golden.py). */
#include "io/temp.h"

#include <sae/io.h>
#include <sae/lm.h>

#include <math.h>

#define TINY  SAE_TEST_DATA "/lm_tiny"
#define SITES 7

static sae_error err;
static const char *const names[SITES] = {"hook_resid_pre", "hook_resid_mid", "hook_resid_post", "hook_attn_out",
                                         "hook_mlp_out",   "attn.hook_z",    "mlp.hook_post"};

typedef struct golden {
    sae_lm *lm;
    sae_safetensors *file;
    const int32_t *tokens;
    int64_t batch, ctx, rows;
} golden;

static const sae_tensor *tensor(const golden *g, const char *name)
{
    const sae_tensor *found = sae_safetensors_find(g->file, name);
    if (!found) fail_msg("no golden tensor %s", name);
    return found;
}

static int setup(void **state)
{
    golden *g = calloc(1, sizeof *g);
    assert_ok(sae_lm_open(&g->lm, TINY, NULL, &err));
    assert_ok(sae_safetensors_open(&g->file, SAE_TEST_DATA "/lm_tiny.safetensors", &err));
    const sae_tensor *tokens = tensor(g, "tokens");
    g->tokens = tokens->data;
    g->batch = tokens->shape[0];
    g->ctx = tokens->shape[1];
    g->rows = g->batch * g->ctx;
    *state = g;
    return 0;
}

static int teardown(void **state)
{
    golden *g = *state;
    sae_lm_close(g->lm);
    sae_safetensors_close(g->file);
    free(g);
    return 0;
}

/* max|Δ| / max|ref| ≤ 1e-5 */
static void compare(const char *name, const float *ours, const sae_tensor *reference)
{
    double error = 0, size = 0;
    const float *expected = reference->data;
    for (int64_t i = 0; i < sae_tensor_elements(reference); i++) {
        assert_true(isfinite(ours[i]));
        error = fmax(error, fabs((double)ours[i] - (double)expected[i]));
        size = fmax(size, fabs((double)expected[i]));
    }
    if (!(error <= 1e-5 * size)) fail_msg("%s: error %g of %g", name, error, size);
}

static void config_is_read(void **state)
{
    const golden *g = *state;
    sae_lm_info info = sae_lm_get_info(g->lm);
    assert_string_equal(info.name, "lm_tiny");
    assert_int_equal(info.layers, 2);
    assert_int_equal(info.d, 16);
    assert_int_equal(info.heads, 2);
    assert_int_equal(info.d_mlp, 64);
    assert_int_equal(info.positions, 32);
    assert_int_equal(info.vocab, 320);
    assert_int_equal(info.eos, 0);
    /* embeddings, two blocks, final norm */
    assert_int_equal(info.parameters, 320 * 16 + 32 * 16 + 2 * (12 * 16 * 16 + 13 * 16) + 2 * 16);
}

static void logits(void **state)
{
    const golden *g = *state;
    const sae_tensor *expected = tensor(g, "logits");
    float *ours = malloc(expected->bytes);
    assert_ok(sae_lm_logits(g->lm, g->tokens, g->batch, g->ctx, ours, NULL, &err));
    compare("logits", ours, expected);
    free(ours);
}

/* All hooks of both layers in one pass. */
static void hooks(void **state)
{
    const golden *g = *state;
    sae_hook list[2 * SITES];
    float *out[2 * SITES];
    char name[64];
    for (int i = 0; i < 2 * SITES; i++) {
        char back[64];
        snprintf(name, sizeof name, "blocks.%d.%s", i / SITES, names[i % SITES]);
        assert_ok(sae_hook_parse(&list[i], g->lm, name, &err));
        sae_hook_name(list[i], back, sizeof back);
        assert_string_equal(name, back);
        assert_int_equal(sae_hook_width(g->lm, list[i]), tensor(g, name)->shape[1]);
        out[i] = malloc(tensor(g, name)->bytes);
    }
    assert_ok(sae_lm_hooks(g->lm, g->tokens, g->batch, g->ctx, list, 2 * SITES, false, out, NULL, &err));
    for (int i = 0; i < 2 * SITES; i++) {
        sae_hook_name(list[i], name, sizeof name);
        compare(name, out[i], tensor(g, name));
    }
    float *plain[2 * SITES];
    for (int i = 0; i < 2 * SITES; i++) {
        plain[i] = out[i];
        out[i] = malloc((size_t)(g->rows * sae_hook_width(g->lm, list[i])) * sizeof(float));
    }
    assert_ok(sae_lm_hooks(g->lm, g->tokens, g->batch, g->ctx, list, 2 * SITES, true, out, NULL, &err));
    for (int i = 0; i < 2 * SITES; i++) {
        const int64_t width = sae_hook_width(g->lm, list[i]);
        for (int64_t r = 0; r < g->rows; r++) {
            double mean = 0;
            for (int64_t j = 0; j < width; j++) mean += (double)plain[i][r * width + j] / (double)width;
            if (!sae_hook_is_residual(list[i])) mean = 0;
            for (int64_t j = 0; j < width; j++)
                assert_true(fabs((double)plain[i][r * width + j] - mean - (double)out[i][r * width + j]) < 1e-5);
        }
        free(out[i]);
        free(plain[i]);
    }
}

/* A hook alone gives the bits it gives among others: layers after it are left out, nothing else changes. */
static void one_hook_alone(void **state)
{
    const golden *g = *state;
    const sae_hook both[2] = {{1, SAE_HOOK_MLP_POST}, {0, SAE_HOOK_RESID_POST}};
    float *out[2] = {malloc((size_t)g->rows * 64 * sizeof(float)), malloc((size_t)g->rows * 16 * sizeof(float))};
    float *alone = malloc((size_t)g->rows * 16 * sizeof(float));
    assert_ok(sae_lm_hooks(g->lm, g->tokens, g->batch, g->ctx, both, 2, false, out, NULL, &err));
    assert_ok(sae_lm_hooks(g->lm, g->tokens, g->batch, g->ctx, both + 1, 1, false, &alone, NULL, &err));
    assert_memory_equal(out[1], alone, (size_t)g->rows * 16 * sizeof(float));
    free(out[0]);
    free(out[1]);
    free(alone);
}

static sae_status halve(void *ud, int64_t first, int64_t n, float *rows, sae_error *e)
{
    (void)first;
    (void)e;
    for (int64_t i = 0; i < n * *(const int64_t *)ud; i++) rows[i] *= 0.5f;
    return SAE_OK;
}

static sae_status give_up(void *ud, int64_t first, int64_t n, float *rows, sae_error *e)
{
    (void)ud;
    (void)first;
    (void)n;
    (void)rows;
    snprintf(e->message, sizeof e->message, "gave up");
    return SAE_E_VALUE;
}

static void close_to(double ours, double expected)
{
    /* KL is a small difference of large sums: 1e-6 nats of rounding are allowed to it. */
    if (!(fabs(ours - expected) <= 2e-6 * fabs(expected) + 1e-6)) fail_msg("%.9g, expected %.9g", ours, expected);
}

static void losses(void **state)
{
    const golden *g = *state;
    for (int i = 0; i < 2 * SITES; i++) {
        char name[64], key[64];
        sae_hook hook;
        snprintf(name, sizeof name, "blocks.1.%s", names[i / 2]);
        snprintf(key, sizeof key, "losses.%s.%d", names[i / 2], i % 2);
        assert_ok(sae_hook_parse(&hook, g->lm, name, &err));
        const double *expected = tensor(g, key)->data;
        int64_t width = sae_hook_width(g->lm, hook), targets = 0;
        const sae_lm_run runs[3] = {{NULL, NULL}, {halve, &width}, {NULL, NULL}};
        double sums[3] = {0}, kl[3] = {0};
        assert_ok(sae_lm_losses(g->lm, g->tokens, g->batch, g->ctx, hook, i % 2, tensor(g, "keep")->data, runs, 3, sums,
                                kl, &targets, NULL, &err));
        assert_int_equal(targets, (int64_t)expected[3]);
        close_to(sums[0], expected[0]);
        close_to(sums[1], expected[1]);
        close_to(kl[1], expected[2]);
        assert_true(sums[2] == sums[0] && kl[0] == 0 && fabs(kl[2]) < 1e-9);
    }
}

static void losses_are_added(void **state)
{
    const golden *g = *state;
    const sae_lm_run clean = {NULL, NULL}, bad = {give_up, NULL};
    const sae_hook hook = {0, SAE_HOOK_RESID_PRE};
    double once = 0, twice = 0;
    int64_t targets = 0, ignored = 0;
    assert_ok(sae_lm_losses(g->lm, g->tokens, g->batch, g->ctx, hook, false, NULL, &clean, 1, &once, NULL, &targets,
                            NULL, &err));
    assert_int_equal(targets, g->batch * (g->ctx - 1));
    for (int i = 0; i < 2; i++)
        assert_ok(sae_lm_losses(g->lm, g->tokens, g->batch, g->ctx, hook, false, NULL, &clean, 1, &twice, NULL,
                                &targets, NULL, &err));
    assert_int_equal(targets, 3 * g->batch * (g->ctx - 1));
    close_to(twice, 2 * once);
    assert_int_equal(sae_lm_losses(g->lm, g->tokens, g->batch, g->ctx, hook, false, NULL, &bad, 1, &twice, NULL,
                                   &ignored, NULL, &err),
                     SAE_E_VALUE);
    assert_string_equal(err.message, "gave up");
    double kl = 0;
    assert_int_equal(sae_lm_losses(g->lm, g->tokens, g->batch, g->ctx, hook, false, NULL, &bad, 1, &twice, &kl,
                                   &ignored, NULL, &err),
                     SAE_E_ARG);
    assert_int_equal(ignored, 0);
}

/* Many tiles: the bits are the same for every number of threads, and for a batch taken apart at tiles. */
static void bits_of_threads(void **state)
{
    const golden *g = *state;
    enum { BATCH = 120, CTX = 31, D = 16, TILE = 256 / CTX };
    static int32_t tokens[BATCH * CTX];
    static float first[BATCH * CTX * D], other[BATCH * CTX * D];
    const sae_hook hook = {1, SAE_HOOK_RESID_POST};
    const int threads[] = {1, 2, 3, 8};
    double loss[4][2] = {{0}};
    int64_t width = D, targets = 0;
    const sae_lm_run runs[2] = {{NULL, NULL}, {halve, &width}};
    for (int i = 0; i < BATCH * CTX; i++) tokens[i] = i * 7919 % 320;
    for (int t = 0; t < 4; t++) {
        const sae_env env = {.threads = threads[t]};
        float *out = t ? other : first;
        assert_ok(sae_lm_hooks(g->lm, tokens, BATCH, CTX, &hook, 1, false, &out, &env, &err));
        if (t) assert_memory_equal(first, other, sizeof first);
        assert_ok(
            sae_lm_losses(g->lm, tokens, BATCH, CTX, hook, true, NULL, runs, 2, loss[t], NULL, &targets, &env, &err));
        assert_memory_equal(loss[0], loss[t], sizeof loss[0]);
    }
    for (int64_t at = 0; at < BATCH; at += 5 * TILE) {
        float *out = other + at * CTX * D;
        int64_t n = BATCH - at < 5 * TILE ? BATCH - at : 5 * TILE;
        assert_ok(sae_lm_hooks(g->lm, tokens + at * CTX, n, CTX, &hook, 1, false, &out, NULL, &err));
    }
    assert_memory_equal(first, other, sizeof first);
}

static void refuse_hook(const golden *g, const char *name, const char *part)
{
    sae_hook hook;
    assert_int_equal(sae_hook_parse(&hook, g->lm, name, &err), SAE_E_ARG);
    assert_contains(err.message, part);
}

static void wrong_arguments(void **state)
{
    const golden *g = *state;
    refuse_hook(g, "blocks.2.hook_resid_pre", "0 to 1");
    refuse_hook(g, "blocks.0.hook_resid", "hook_resid_pre");
    refuse_hook(g, "blocks.x.hook_resid_pre", "blocks.x");
    refuse_hook(g, "blocks.-1.hook_resid_pre", "blocks.-1");
    refuse_hook(g, "blocks.99999999999999999999.hook_resid_pre", "blocks.99");
    refuse_hook(g, "", "blocks.L");
    sae_hook_site site;
    assert_int_equal(sae_hook_site_parse(&site, "resid", &err), SAE_E_ARG);
    assert_contains(err.message, "resid_pre");
    assert_ok(sae_hook_site_parse(&site, "mlp_post", &err));
    assert_int_equal(site, SAE_HOOK_MLP_POST);

    float row[320];
    float *out = row;
    const sae_hook good = {0, SAE_HOOK_RESID_PRE}, late = {2, SAE_HOOK_RESID_PRE};
    const int32_t high[2] = {0, 320}, low[2] = {-1, 0}, long_ctx[33] = {0};
    assert_int_equal(sae_lm_hooks(g->lm, high, 1, 2, &good, 1, false, &out, NULL, &err), SAE_E_VALUE);
    assert_contains(err.message, "320");
    assert_int_equal(sae_lm_logits(g->lm, low, 1, 2, row, NULL, &err), SAE_E_VALUE);
    assert_contains(err.message, "-1");
    assert_int_equal(sae_lm_hooks(g->lm, long_ctx, 1, 33, &good, 1, false, &out, NULL, &err), SAE_E_ARG);
    assert_contains(err.message, "32 positions");
    assert_int_equal(sae_lm_hooks(g->lm, long_ctx, 1, 2, &late, 1, false, &out, NULL, &err), SAE_E_ARG);
    assert_int_equal(sae_lm_hooks(g->lm, long_ctx, 0, 2, &good, 1, false, &out, NULL, &err), SAE_E_ARG);
    assert_int_equal(sae_lm_hooks(g->lm, long_ctx, 1, 2, &good, 0, false, &out, NULL, &err), SAE_E_ARG);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(config_is_read),  cmocka_unit_test(logits),          cmocka_unit_test(hooks),
        cmocka_unit_test(one_hook_alone),  cmocka_unit_test(losses),          cmocka_unit_test(losses_are_added),
        cmocka_unit_test(bits_of_threads), cmocka_unit_test(wrong_arguments),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
