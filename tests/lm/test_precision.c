/* The model in bfloat16: near fp32, the same bits whatever the threads, and back again. */
#include "testing.h"

#include "base/alloc.h"
#include "lm/gpt2.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* d and d_mlp are no multiples of the blocks that kernels work in; CTX leaves the last tile part full. */
enum { LAYERS = 3, D = 72, CTX = 40, BATCH = 15, ROWS = BATCH * CTX, VOCAB = 2100 };

static sae_error err;

typedef struct model {
    sae_lm *lm;
    int32_t tokens[ROWS];
} model;

static void open_model(model *m)
{
    assert_int_equal(sae_gpt2_random(&m->lm, LAYERS, D, 4, CTX, VOCAB, &err), SAE_OK);
    for (int i = 0; i < ROWS; i++) m->tokens[i] = (int32_t)((long long)i * i * 31 % VOCAB);
}

static bool low(const model *m)
{
    sae_status status = sae_lm_set_precision(m->lm, SAE_PRECISION_BF16, NULL, &err);
    if (status == SAE_OK) return true;
    assert_int_equal(status, SAE_E_UNSUPPORTED);
    assert_non_null(strstr(err.message, sae_bf16_missing()));
    assert_int_equal(sae_lm_get_info(m->lm).precision, SAE_PRECISION_FP32);
    assert_string_equal(sae_precision_unit(SAE_PRECISION_BF16), "none");
    print_message("%s\n", err.message);
    return false;
}

static float *activations(const model *m, int64_t batch, int threads, sae_hook hook)
{
    const sae_env env = {.threads = threads};
    float *out = sae_alloc((size_t)(batch * CTX), (size_t)sae_hook_width(m->lm, hook) * sizeof *out);
    assert_int_equal(sae_lm_hooks(m->lm, m->tokens, batch, CTX, &hook, 1, false, &out, &env, &err), SAE_OK);
    return out;
}

static double distance(const float *a, const float *b, int64_t n)
{
    double error = 0, size = 0;
    for (int64_t i = 0; i < n; i++) {
        error += ((double)a[i] - b[i]) * ((double)a[i] - b[i]);
        size += (double)b[i] * b[i];
    }
    return sqrt(error / size);
}

static void near_fp32_and_back(void **state)
{
    (void)state;
    model m;
    open_model(&m);
    for (int site = SAE_HOOK_RESID_MID; site <= SAE_HOOK_MLP_POST; site++) {
        const sae_hook hook = {.layer = LAYERS - 1, .site = (sae_hook_site)site};
        const int64_t n = ROWS * sae_hook_width(m.lm, hook);
        float *exact = activations(&m, BATCH, 2, hook);
        if (!low(&m)) skip();
        assert_int_equal(sae_lm_get_info(m.lm).precision, SAE_PRECISION_BF16);
        float *rounded = activations(&m, BATCH, 2, hook);
        double error = distance(rounded, exact, n);
        assert_true(error > 1e-5 && error < 1e-2);
        sae_free(rounded);
        assert_int_equal(sae_lm_set_precision(m.lm, SAE_PRECISION_FP32, NULL, &err), SAE_OK);
        rounded = activations(&m, BATCH, 2, hook);
        assert_memory_equal(rounded, exact, (size_t)n * sizeof *exact);
        sae_free(rounded);
        sae_free(exact);
    }
    sae_lm_close(m.lm);
}

/* Contexts of whole tiles have the same bits alone, with others, and on any number of threads. */
static void same_bits(void **state)
{
    (void)state;
    model m;
    const sae_hook hook = {.layer = LAYERS - 1, .site = SAE_HOOK_RESID_POST};
    const int64_t tile = sae_gpt2_tile_contexts(CTX);
    open_model(&m);
    if (!low(&m)) skip();
    float *all = activations(&m, BATCH, 1, hook);
    for (int threads = 1; threads <= 4; threads++) {
        float *again = activations(&m, BATCH, threads, hook), *fewer = activations(&m, tile, threads, hook);
        assert_memory_equal(all, again, ROWS * D * sizeof *all);
        assert_memory_equal(all, fewer, (size_t)(tile * CTX * D) * sizeof *all);
        sae_free(again);
        sae_free(fewer);
    }
    sae_free(all);
    sae_lm_close(m.lm);
}

/* What a tile's unused rows hold must not matter: a context gives the bits that it has as the first of its tile. */
static void part_of_a_tile(void **state)
{
    (void)state;
    model m;
    const sae_hook hook = {.layer = LAYERS - 1, .site = SAE_HOOK_MLP_OUT};
    open_model(&m);
    if (!low(&m)) skip();
    float *one = activations(&m, 1, 1, hook), *all = activations(&m, BATCH, 1, hook);
    assert_memory_equal(one, all, CTX * D * sizeof *one);
    sae_free(one);
    sae_free(all);
    sae_lm_close(m.lm);
}

/* Logits and losses agree with one another, on a vocabulary that is more than one piece, and with fp32. */
static void logits_and_losses(void **state)
{
    (void)state;
    model m;
    const sae_hook hook = {.layer = 1, .site = SAE_HOOK_RESID_PRE};
    const sae_lm_run run = {0};
    open_model(&m);
    double exact = 0, rounded = 0, by_logits = 0;
    int64_t targets = 0;
    assert_int_equal(
        sae_lm_losses(m.lm, m.tokens, BATCH, CTX, hook, false, NULL, &run, 1, &exact, NULL, &targets, NULL, &err),
        SAE_OK);
    if (!low(&m)) skip();
    assert_int_equal(
        sae_lm_losses(m.lm, m.tokens, BATCH, CTX, hook, false, NULL, &run, 1, &rounded, NULL, &targets, NULL, &err),
        SAE_OK);
    float *logits = sae_alloc(ROWS, VOCAB * sizeof *logits);
    assert_int_equal(sae_lm_logits(m.lm, m.tokens, BATCH, CTX, logits, NULL, &err), SAE_OK);
    for (int r = 0; r < ROWS; r++) {
        double sum = 0;
        if (r % CTX == CTX - 1) continue;
        for (int v = 0; v < VOCAB; v++) sum += exp((double)logits[r * VOCAB + v]);
        by_logits += log(sum) - (double)logits[r * VOCAB + m.tokens[r + 1]];
    }
    assert_int_equal(targets, 2 * BATCH * (CTX - 1));
    assert_true(fabs(by_logits - rounded) < 1e-5 * rounded);
    assert_true(rounded != exact && fabs(rounded - exact) / (BATCH * (CTX - 1)) < 0.005);
    sae_free(logits);
    sae_lm_close(m.lm);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(near_fp32_and_back),
        cmocka_unit_test(same_bits),
        cmocka_unit_test(part_of_a_tile),
        cmocka_unit_test(logits_and_losses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
