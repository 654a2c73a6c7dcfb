/* SAELens directories that must be refused, each with one clear sentence. */
#include "model/sae_parts.h"

#include <math.h>

/* ---- bad files ------------------------------------------------------------------------------------------ */

static void bad_configs(void **state)
{
    static const struct {
        const char *cfg, *message;
        sae_status status;
    } cases[] = {
        {"", "cfg.json", SAE_E_FORMAT},
        {"[]", "object", SAE_E_FORMAT},
        {"{\"d_in\":3,\"d_in\":3}", "cfg.json", SAE_E_FORMAT},
        {"{\"architecture\":\"topk\",\"d_sae\":5}", "\"d_in\" is missing", SAE_E_FORMAT},
        {"{\"d_in\":3,\"d_sae\":0}", "\"d_sae\" is 0", SAE_E_FORMAT},
        {"{\"d_in\":-3,\"d_sae\":5}", "\"d_in\" is -3", SAE_E_FORMAT},
        {"{\"d_in\":3.5,\"d_sae\":5}", "whole number", SAE_E_FORMAT},
        {"{\"d_in\":3,\"d_sae\":99999999999}", "99999999999", SAE_E_FORMAT},
        {CFG("\"architecture\":\"topk\""), "needs \"k\", which is missing", SAE_E_FORMAT},
        {CFG("\"architecture\":\"topk\",\"k\":\"2\""), "not a number", SAE_E_FORMAT},
        {CFG("\"architecture\":\"topk\",\"k\":6"), "k is 6", SAE_E_FORMAT},
        {CFG("\"architecture\":\"topk\",\"k\":0"), "k is 0", SAE_E_FORMAT},
        {CFG("\"architecture\":\"topk\",\"k\":1.5"), "k is 1.5", SAE_E_FORMAT},
        {CFG("\"architecture\":\"topk\",\"k\":2,\"rescale_acts_by_decoder_norm\":1"), "neither true nor false",
         SAE_E_FORMAT},
        {CFG("\"architecture\":7"), "not text", SAE_E_FORMAT},
        {CFG("\"architecture\":\"temporal\""), "\"temporal\" is not supported", SAE_E_UNSUPPORTED},
        {CFG("\"architecture\":\"standard\",\"activation_fn_str\":\"tanh-relu\""), "tanh-relu", SAE_E_UNSUPPORTED},
        {CFG("\"normalize_activations\":\"expected_average_only_in\""), "is not in", SAE_E_FORMAT},
        {CFG("\"normalize_activations\":\"constant_norm_rescale\""), "constant_norm_rescale", SAE_E_UNSUPPORTED},
        {CFG("\"normalize_activations\":true"), "expected_average_only_in", SAE_E_FORMAT},
        {CFG("\"normalize_activations\":3"), "not text", SAE_E_FORMAT},
        {CFG("\"reshape_activations\":\"fold\""), "reshape_activations", SAE_E_UNSUPPORTED},
        {CFG("\"finetuning_scaling_factor\":true"), "has no tensor scaling_factor", SAE_E_FORMAT},
        {CFG("\"apply_b_dec_to_input\":\"yes\""), "neither true nor false", SAE_E_FORMAT},
    };
    parts p;
    good_parts(&p);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        sae_error err = {0};
        sae_model *model = NULL;
        sae_status status = load_parts(state, cases[i].cfg, &p, &model, &err);
        if (status != cases[i].status) fail_msg("%s gives %s", cases[i].cfg, sae_status_name(status));
        assert_contains(err.message, cases[i].message);
        assert_contains(err.message, "cfg.json");
        assert_null(model);
    }
}

static void expect_bad(void **state, const parts *p, sae_status status, const char *message)
{
    sae_error err = {0};
    sae_model *model = NULL;
    assert_int_equal(load_parts(state, CFG("\"architecture\":\"jumprelu\""), p, &model, &err), status);
    assert_contains(err.message, message);
    assert_contains(err.message, "sae_weights.safetensors");
    assert_null(model);
}

static void bad_weights(void **state)
{
    parts p;
    good_parts(&p);
    p.tensors[0] = tensor_of("W_enc", p.W_enc, N, D);
    expect_bad(state, &p, SAE_E_SHAPE, "transposed");
    p.tensors[0] = tensor_of("W_enc", p.W_enc, D, N - 1);
    expect_bad(state, &p, SAE_E_SHAPE, "[3, 4]; by cfg.json it must be [3, 5]");
    p.tensors[0] = tensor_of("W_enc", p.W_enc, D * N, 0);
    expect_bad(state, &p, SAE_E_SHAPE, "[15]");
    p.tensors[0] = tensor_of("encoder", p.W_enc, D, N);
    expect_bad(state, &p, SAE_E_FORMAT, "no tensor W_enc");
    good_parts(&p);
    p.count = 4;
    expect_bad(state, &p, SAE_E_FORMAT, "no tensor threshold");
    good_parts(&p);
    p.tensors[1].dtype = SAE_DTYPE_I32;
    expect_bad(state, &p, SAE_E_FORMAT, "not a float type");
    good_parts(&p);
    p.W_dec[7] = NAN;
    expect_bad(state, &p, SAE_E_VALUE, "W_dec has nan at latent 2, dimension 1");
    good_parts(&p);
    p.W_enc[7] = INFINITY; /* dimension 1 of latent 2, as the file has it */
    expect_bad(state, &p, SAE_E_VALUE, "W_enc has inf at latent 2, dimension 1");
    good_parts(&p);
    p.b_enc[3] = -INFINITY;
    expect_bad(state, &p, SAE_E_VALUE, "b_enc has -inf at index 3");
    good_parts(&p);
    p.b_dec[2] = NAN;
    expect_bad(state, &p, SAE_E_VALUE, "b_dec");
    good_parts(&p);
    p.threshold[4] = -0.25f;
    expect_bad(state, &p, SAE_E_VALUE, "the threshold of latent 4 is -0.25");
    good_parts(&p);
    p.threshold[1] = NAN;
    expect_bad(state, &p, SAE_E_VALUE, "threshold has nan");
    good_parts(&p);
    p.count = 6;
    p.extra[3] = 1.5f;
    expect_bad(state, &p, SAE_E_FORMAT, "scaling_factor is 1.5");
}

static void missing_files(void **state)
{
    sae_error err;
    parts p;
    sae_model *model = NULL;
    assert_int_equal(sae_model_load(&model, temp_path(state, "nothing"), &err), SAE_E_IO);
    assert_contains(err.message, "nothing");
    mkdir(temp_path(state, "empty"), 0777);
    assert_int_equal(sae_model_load(&model, temp_path(state, "empty"), &err), SAE_E_FORMAT);
    assert_contains(err.message, "not a saved SAE");
    good_parts(&p);
    assert_ok(load_parts(state, CFG("\"architecture\":\"standard\""), &p, &model, &err));
    sae_model_free(model);
    model = NULL;
    size_t size;
    unsigned char *whole = get_file(temp_path(state, "sae/sae_weights.safetensors"), &size);
    put_file(temp_path(state, "sae/sae_weights.safetensors"), whole, size - 1);
    assert_int_equal(sae_model_load(&model, temp_path(state, "sae"), &err), SAE_E_FORMAT);
    free(whole);
    unlink(temp_path(state, "sae/sae_weights.safetensors"));
    assert_int_equal(sae_model_load(&model, temp_path(state, "sae"), &err), SAE_E_IO);
    assert_null(model);
}

static void bad_arguments(void **state)
{
    (void)state;
    sae_error err;
    parts p;
    good_parts(&p);
    sae_model *model = NULL;
    sae_weights w = {p.W_enc, p.b_enc, p.W_dec, p.b_dec, p.threshold};
    sae_model_info info = {.d = D, .n = N, .rule = SAE_RULE_TOPK, .k = 2};
    assert_int_equal(sae_model_create(&model, &info, &w, &err), SAE_E_ARG); /* TopK with thresholds */
    w.threshold = NULL;
    info.k = 0;
    assert_int_equal(sae_model_create(&model, &info, &w, &err), SAE_E_ARG);
    info.k = N + 1;
    assert_int_equal(sae_model_create(&model, &info, &w, &err), SAE_E_ARG);
    assert_contains(err.message, "k is 6");
    info.rule = SAE_RULE_THRESHOLD;
    assert_int_equal(sae_model_create(&model, &info, &w, &err), SAE_E_ARG); /* thresholds missing */
    w.threshold = p.threshold;
    info.k = 0;
    info.n = 0;
    assert_int_equal(sae_model_create(&model, &info, &w, &err), SAE_E_ARG);
    info.n = N;
    info.d = 1;
    info.input_norm = SAE_INPUT_TOKEN;
    assert_int_equal(sae_model_create(&model, &info, &w, &err), SAE_E_ARG);
    assert_null(model);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        temp_test(bad_configs),
        temp_test(bad_weights),
        temp_test(missing_files),
        temp_test(bad_arguments),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
