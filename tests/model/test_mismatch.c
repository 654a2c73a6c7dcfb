/* When activations are called those of another model, hook, BOS or centring than the SAE's. */
#include "io/temp.h"

#include <sae/model.h>

static char text[1024];

/* The sentence for an SAE trained on `trained`, with both flags known, given rows described by `acts`. */
static const char *mismatch(sae_acts_meta trained, bool knows, sae_acts_meta acts)
{
    sae_error err;
    const float zeros[4] = {0};
    sae_model_info info = {.d = 2, .n = 2, .k = 1, .acts = trained, .knows_bos = knows, .knows_centering = knows};
    sae_weights weights = {.W_enc = zeros, .b_enc = zeros, .W_dec = zeros, .b_dec = zeros};
    sae_model *model = NULL;
    assert_ok(sae_model_create(&model, &info, &weights, &err));
    sae_model_mismatch(model, &acts, text, sizeof text);
    sae_model_free(model);
    return text;
}

static const sae_acts_meta demo = {
    .model = "demo-lm", .hook_name = "blocks.4.hook_resid_pre", .prepend_bos = true, .center_residual = true};

static void nothing_differs(void **state)
{
    (void)state;
    assert_string_equal(mismatch(demo, true, demo), "");
    sae_acts_meta bare = {.d = 2};
    assert_string_equal(mismatch(demo, true, bare), ""); /* an .npy says nothing of itself */
    assert_string_equal(mismatch(bare, false, demo), "");
    sae_acts_meta other = demo;
    other.prepend_bos = other.center_residual = false;
    assert_string_equal(mismatch(demo, false, other), ""); /* the SAE's file does not say */
}

static void names_of_one_model(void **state)
{
    (void)state;
    sae_acts_meta a = {.model = "gpt2-small"}, b = {.model = "openai-community/gpt2"}, c = {.model = "GPT2"};
    assert_string_equal(mismatch(a, false, b), "");
    assert_string_equal(mismatch(b, false, c), "");
    assert_string_equal(mismatch(c, false, a), "");
}

static void both_sides_are_named(void **state)
{
    (void)state;
    sae_acts_meta other = demo;
    strcpy(other.model, "gpt2");
    mismatch(demo, true, other);
    assert_contains(text, "demo-lm");
    assert_contains(text, "gpt2");
    other = demo;
    strcpy(other.hook_name, "blocks.3.hook_resid_pre");
    mismatch(demo, true, other);
    assert_contains(text, "blocks.4.hook_resid_pre");
    assert_contains(text, "blocks.3.hook_resid_pre");
    other = demo;
    other.prepend_bos = false;
    mismatch(demo, true, other);
    assert_contains(text, "with a BOS");
    assert_contains(text, "without it");
    other = demo;
    other.center_residual = false;
    mismatch(demo, true, other);
    assert_contains(text, "--center-residual");
    /* centring only concerns the residual stream */
    sae_acts_meta mlp = demo;
    strcpy(mlp.hook_name, "blocks.4.hook_mlp_out");
    other = mlp;
    other.center_residual = false;
    assert_string_equal(mismatch(mlp, true, other), "");
}

static void short_buffers(void **state)
{
    (void)state;
    sae_error err;
    const float zeros[4] = {0};
    sae_model_info info = {.d = 2, .n = 2, .k = 1, .acts = demo, .knows_bos = true, .knows_centering = true};
    sae_weights weights = {.W_enc = zeros, .b_enc = zeros, .W_dec = zeros, .b_dec = zeros};
    sae_acts_meta other = {.model = "a", .hook_name = "blocks.1.hook_resid_post"};
    sae_model *model = NULL;
    assert_ok(sae_model_create(&model, &info, &weights, &err));
    sae_model_mismatch(model, &other, text, sizeof text);
    size_t whole = strlen(text);
    for (size_t size = 0; size <= whole + 1; size++) {
        char *cut = malloc(size ? size : 1);
        sae_model_mismatch(model, &other, cut, size);
        if (size) {
            assert_int_equal(strlen(cut), size - 1);
            assert_memory_equal(cut, text, size - 1);
        }
        free(cut);
    }
    sae_model_free(model);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_differs),
        cmocka_unit_test(names_of_one_model),
        cmocka_unit_test(both_sides_are_named),
        cmocka_unit_test(short_buffers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
