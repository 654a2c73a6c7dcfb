/* Files of other tools that are refused: inconsistent, ambiguous, or of a kind that is not a plain SAE. Each with one
 * sentence that says why. */
#include "model/format_golden.h"

#include "base/alloc.h"
#include "io/archive_write.h"

/* Copies tests/golden/formats/FROM to the scratch directory's TO. */
static void copy(void **state, const char *from, const char *to)
{
    char path[512];
    size_t size;
    snprintf(path, sizeof path, FORMATS "%s", from);
    unsigned char *data = get_file(path, &size);
    put_file(temp_path(state, to), data, size);
    free(data);
}

static void put_text(void **state, const char *name, const char *text)
{
    put_file(temp_path(state, name), text, strlen(text));
}

static void refuse(void **state, const char *name, sae_status status, const char *message)
{
    sae_error err = {0};
    sae_model *model = NULL;
    sae_status got = sae_model_load(&model, temp_path(state, name), &err);
    if (got != status || !strstr(err.message, message))
        fail_msg("%s: %s (%s)", message, sae_status_name(got), err.message);
    assert_null(model);
}

typedef struct description {
    const char *text;
    sae_status status;
    const char *message;
} description;

#define BOTH "\"d_in\":6,\"num_latents\":10"

static void sparsify(void **state)
{
    static const description cases[] = {
        {"{\"num_latents\":10,\"k\":3}", SAE_E_FORMAT, "\"d_in\" is missing"},
        {"{" BOTH "}", SAE_E_FORMAT, "\"k\" is missing"},
        {"{" BOTH ",\"k\":0}", SAE_E_FORMAT, "\"k\" is 0"},
        {"{" BOTH ",\"k\":11}", SAE_E_FORMAT, "\"k\" is 11; with 10 latents"},
        {"{\"d_in\":6,\"k\":3}", SAE_E_FORMAT, "\"num_latents\" is missing, and \"expansion_factor\" is missing"},
        {"{\"d_in\":6,\"num_latents\":0,\"k\":3}", SAE_E_FORMAT, "\"num_latents\" is 0"},
        {"{\"d_in\":6,\"num_latents\":0,\"expansion_factor\":2,\"k\":3}", SAE_E_SHAPE, "it must be [12, 6]"},
        {"{\"d_in\":6,\"num_latents\":\"10\",\"k\":3}", SAE_E_FORMAT, "not a whole number"},
        {"{\"d_in\":10,\"num_latents\":6,\"k\":3}", SAE_E_SHAPE, "stored transposed"},
        {"{" BOTH ",\"k\":3,\"activation\":\"groupmax\"}", SAE_E_UNSUPPORTED, "groupmax"},
        {"{" BOTH ",\"k\":3,\"transcode\":true}", SAE_E_UNSUPPORTED, "\"transcode\" is true"},
        {"{" BOTH ",\"k\":3,\"skip_connection\":true}", SAE_E_UNSUPPORTED, "\"skip_connection\" is true"},
        {"{" BOTH ",\"k\":3,\"signed\":true}", SAE_E_UNSUPPORTED, "\"signed\" is true"},
        {"[1]", SAE_E_FORMAT, "JSON object"},
    };
    mkdir(temp_path(state, "s"), 0777);
    copy(state, "sparsify/layers.5/sae.safetensors", "s/sae.safetensors");
    refuse(state, "s", SAE_E_IO, "has no cfg.json");
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        put_text(state, "s/cfg.json", cases[i].text);
        refuse(state, "s", cases[i].status, cases[i].message);
    }
}

#define TRAINER(class, rest) "{\"trainer\":{\"dict_class\":\"" class "\"" rest "}}"

static void dictionary_learning(void **state)
{
    static const description cases[] = {
        {TRAINER("AutoEncoderTopK", ",\"k\":4"), SAE_E_FORMAT, "\"k\" is 4, but the weights beside it have 3"},
        {TRAINER("AutoEncoderTopK", ",\"activation_dim\":7"), SAE_E_FORMAT, "\"activation_dim\" is 7"},
        {TRAINER("AutoEncoderTopK", ",\"dict_size\":6"), SAE_E_FORMAT, "\"dict_size\" is 6"},
        {TRAINER("CrossCoder", ""), SAE_E_UNSUPPORTED, "the class CrossCoder is not read"},
        {TRAINER("JumpReluAutoEncoder", ""), SAE_E_FORMAT, "has no tensor b_enc"},
        {TRAINER("BatchTopKSAE", ""), SAE_E_FORMAT, "has no threshold"},
        {"{}", SAE_E_FORMAT, "can be an AutoEncoderTopK or a BatchTopKSAE"},
        {"{\"trainer\":3}", SAE_E_FORMAT, "can be an AutoEncoderTopK or a BatchTopKSAE"},
    };
    mkdir(temp_path(state, "d"), 0777);
    copy(state, "dl_topk/ae.pt", "d/ae.pt");
    refuse(state, "d", SAE_E_FORMAT, "put the config.json");
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        put_text(state, "d/config.json", cases[i].text);
        refuse(state, "d", cases[i].status, cases[i].message);
    }
}

static float zeros[60], negative[10] = {0, 0, -0.5f};

/* Writes an ae.pt of these arrays with its config.json. */
static void put_state(void **state, const char *config, const sae_array *arrays, size_t count)
{
    sae_error err;
    mkdir(temp_path(state, "w"), 0777);
    put_text(state, "w/config.json", config);
    assert_ok(sae_torch_write(temp_path(state, "w/ae.pt"), arrays, count, &err));
}

static void weights(void **state)
{
    int32_t k = 11;
    float theta = -0.25f, nan = NAN;
    sae_array linear[6] = {sae_array_f32("encoder.weight", zeros, 10, 6, false),
                           sae_array_f32("decoder.weight", zeros, 6, 10, false),
                           sae_array_f32("encoder.bias", zeros, 10, 0, false),
                           sae_array_f32("b_dec", zeros, 6, 0, false),
                           sae_array_scalar("k", SAE_DTYPE_I32, &k),
                           sae_array_scalar("threshold", SAE_DTYPE_F32, &theta)};
    put_state(state, TRAINER("AutoEncoderTopK", ""), linear, 6);
    refuse(state, "w", SAE_E_FORMAT, "k is 11; with 10 latents");
    put_state(state, TRAINER("AutoEncoderTopK", ""), linear, 4);
    refuse(state, "w", SAE_E_FORMAT, "k, the number of active latents");
    put_text(state, "w/config.json", TRAINER("AutoEncoderTopK", ",\"k\":11"));
    refuse(state, "w", SAE_E_FORMAT, "\"k\" is 11; with 10 latents");
    k = 3;
    put_state(state, TRAINER("BatchTopKSAE", ""), linear, 6);
    refuse(state, "w", SAE_E_VALUE, "the threshold is -0.25");
    theta = nan;
    put_state(state, TRAINER("BatchTopKSAE", ""), linear, 6);
    refuse(state, "w", SAE_E_VALUE, "threshold is nan");
    linear[5] = sae_array_f32("threshold", zeros, 10, 0, false);
    put_state(state, TRAINER("BatchTopKSAE", ""), linear, 6);
    refuse(state, "w", SAE_E_FORMAT, "threshold is not one number");
    linear[1] = sae_array_f32("decoder.weight", zeros, 10, 6, false);
    put_state(state, TRAINER("AutoEncoderTopK", ""), linear, 5);
    refuse(state, "w", SAE_E_SHAPE, "stored transposed");
    const sae_array jump[] = {sae_array_f32("W_enc", zeros, 6, 10, false), sae_array_f32("W_dec", zeros, 10, 6, false),
                              sae_array_f32("b_enc", zeros, 10, 0, false), sae_array_f32("b_dec", zeros, 6, 0, false),
                              sae_array_f32("threshold", negative, 10, 0, false)};
    put_state(state, TRAINER("JumpReluAutoEncoder", ""), jump, 5);
    refuse(state, "w", SAE_E_VALUE, "the threshold of latent 2 is -0.5");
    sae_error err;
    assert_ok(sae_npz_write(temp_path(state, "n.npz"), jump, 5, &err));
    refuse(state, "n.npz", SAE_E_VALUE, "the threshold of latent 2 is -0.5");
    assert_ok(sae_npz_write(temp_path(state, "n.npz"), jump, 4, &err));
    refuse(state, "n.npz", SAE_E_FORMAT, "has no tensor threshold");
    const sae_array gated[] = {
        sae_array_f32("encoder.weight", zeros, 10, 6, false), sae_array_f32("decoder.weight", zeros, 6, 10, false),
        sae_array_f32("mag_bias", zeros, 10, 0, false),       sae_array_f32("decoder_bias", zeros, 6, 0, false),
        sae_array_f32("r_mag", zeros, 10, 0, false),          sae_array_f32("gate_bias", zeros, 9, 0, false)};
    put_state(state, TRAINER("GatedAutoEncoder", ""), gated, 6);
    refuse(state, "w", SAE_E_SHAPE, "gate_bias has shape [9]");
    put_state(state, TRAINER("GatedAutoEncoder", ""), gated, 4);
    refuse(state, "w", SAE_E_FORMAT, "no tensor r_mag");
}

static void npz(void **state)
{
    static float factor[10] = {1, 1, 2};
    sae_error err;
    const sae_array arrays[] = {
        sae_array_f32("W_enc", zeros, 10, 6, false),     sae_array_f32("W_dec", zeros, 10, 6, false),
        sae_array_f32("b_enc", zeros, 10, 0, false),     sae_array_f32("b_dec", zeros, 6, 0, false),
        sae_array_f32("threshold", zeros, 10, 0, false), sae_array_f32("scaling_factor", factor, 10, 0, false)};
    assert_ok(sae_npz_write(temp_path(state, "t.npz"), arrays, 5, &err));
    refuse(state, "t.npz", SAE_E_SHAPE,
           "W_enc has shape [10, 6]; by its biases it must be [6, 10] (it is stored transposed)");
    assert_ok(sae_npz_write(temp_path(state, "t.npz"), arrays, 6, &err));
    refuse(state, "t.npz", SAE_E_UNSUPPORTED, "scaling_factor is 2 at index 2");
    copy(state, "fortran.npz", "f.npz");
    refuse(state, "f.npz", SAE_E_UNSUPPORTED, "W_enc.npy is stored by columns");
}

static void openai(void **state)
{
    static const struct {
        const char *file;
        sae_status status;
        const char *message;
    } cases[] = {{"bad_openai_no_k.pt", SAE_E_FORMAT, "k is not in activation_state_dict"},
                 {"bad_openai_large_k.pt", SAE_E_FORMAT, "k is 11; with 10 latents"},
                 {"bad_openai_identity_after.pt", SAE_E_UNSUPPORTED, "TopK is followed by Identity"},
                 {"bad_openai_identity.pt", SAE_E_UNSUPPORTED, "its activation is Identity"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        copy(state, cases[i].file, "o.pt");
        refuse(state, "o.pt", cases[i].status, cases[i].message);
    }
}

static void batchtopk(void **state)
{
    static const description cases[] = {
        {"{}", SAE_E_FORMAT, "\"sae_type\" is missing"},
        {"{\"sae_type\":\"switch\"}", SAE_E_UNSUPPORTED, "\"switch\" is not read"},
        {"{\"sae_type\":\"topk\",\"top_k\":3}", SAE_E_FORMAT, "\"input_unit_norm\" is missing"},
        {"{\"sae_type\":\"topk\",\"input_unit_norm\":true}", SAE_E_FORMAT, "\"top_k\" is missing"},
        {"{\"sae_type\":\"topk\",\"input_unit_norm\":true,\"top_k\":3,\"act_size\":8}", SAE_E_FORMAT,
         "\"act_size\" is 8"},
        {"{\"sae_type\":\"topk\",\"input_unit_norm\":true,\"top_k\":11}", SAE_E_FORMAT, "\"top_k\" is 11"},
        {"{\"sae_type\":\"jumprelu\",\"input_unit_norm\":true}", SAE_E_FORMAT, "no tensor jumprelu.log_threshold"},
        {"{\"sae_type\":\"batchtopk\",\"input_unit_norm\":true}", SAE_E_FORMAT, "has no threshold"},
    };
    mkdir(temp_path(state, "b"), 0777);
    copy(state, "btk_topk/sae.pt", "b/sae.pt");
    refuse(state, "b", SAE_E_IO, "has no config.json");
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        put_text(state, "b/config.json", cases[i].text);
        refuse(state, "b", cases[i].status, cases[i].message);
    }
}

/* The scale of the inputs that a training checkpoint keeps in a file of its own. */
static void activation_scaler(void **state)
{
    static const description cases[] = {
        {"{\"scaling_factor\":null}", SAE_E_FORMAT, "is not in"},
        {"{\"scaling_factor\":0}", SAE_E_FORMAT, "not a number above 0"},
        {"{\"scaling_factor\":-2}", SAE_E_FORMAT, "not a number above 0"},
        {"{\"scaling_factor\":\"1\"}", SAE_E_FORMAT, "not a number above 0"},
        {"{\"scaling_factor\":1,\"has_whitening\":true}", SAE_E_UNSUPPORTED, "whitened"},
    };
    mkdir(temp_path(state, "c"), 0777);
    copy(state, "saelens_batchtopk/cfg.json", "c/cfg.json");
    copy(state, "saelens_batchtopk/sae_weights.safetensors", "c/sae_weights.safetensors");
    refuse(state, "c", SAE_E_FORMAT, "is not in");
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        put_text(state, "c/activation_scaler.json", cases[i].text);
        refuse(state, "c", cases[i].status, cases[i].message);
    }
    copy(state, "saelens_gated/cfg.json", "c/cfg.json");
    copy(state, "saelens_gated/sae_weights.safetensors", "c/sae_weights.safetensors");
    put_text(state, "c/activation_scaler.json", "{\"scaling_factor\":0.5}");
    refuse(state, "c", SAE_E_FORMAT, "does not ask for one");
    put_text(state, "c/activation_scaler.json", "{\"scaling_factor\":null,\"has_whitening\":false}");
    sae_error err;
    sae_model *model = NULL;
    assert_ok(sae_model_load(&model, temp_path(state, "c"), &err));
    assert_golden(model, "saelens_gated");
    sae_model_free(model);
}

static void places(void **state)
{
    refuse(state, "nothing", SAE_E_IO, "nothing");
    mkdir(temp_path(state, "two"), 0777);
    copy(state, "dl_topk/ae.pt", "two/ae.pt");
    copy(state, "btk_topk/sae.pt", "two/sae.pt");
    refuse(state, "two", SAE_E_FORMAT, "holds two SAEs, ae.pt and sae.pt");
    copy(state, "expected.safetensors", "other.safetensors");
    refuse(state, "other.safetensors", SAE_E_FORMAT, "give the directory");
    sae_error err;
    sae_model *model = NULL;
    assert_int_equal(sae_model_load_theta(&model, FORMATS "btk_batchtopk", -1, &err), SAE_E_ARG);
    assert_int_equal(sae_model_load_theta(&model, FORMATS "btk_batchtopk", NAN, &err), SAE_E_ARG);
    assert_null(model);
}

/* Out of memory at every place: an error, nothing leaked (ASan looks), nothing half done. */
static void no_memory(void **state)
{
    static const char *const names[] = {"saelens_batchtopk", "saelens_gated",       "sparsify/layers.5",
                                        "dl_gated",          "dl_standard",         "openai_topk.pt",
                                        "btk_jumprelu",      "gemma_scope_deflated"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char path[512];
        snprintf(path, sizeof path, FORMATS "%s", names[i]);
        sae_model *model = NULL;
        for (uint64_t n = 1; !model; n++) {
            sae_error err;
            assert_true(n < 500);
            sae_alloc_fail_after(n);
            sae_status status = sae_model_load(&model, path, &err);
            sae_alloc_fail_after(0);
            assert_int_equal(status == SAE_OK, model != NULL);
        }
        assert_golden(model, names[i]);
        for (int format = SAE_FORMAT_SAELENS; format <= SAE_FORMAT_NPZ; format++) {
            sae_error err;
            sae_status status = SAE_E_MEMORY;
            const char *out = temp_path(state, "out");
            for (uint64_t n = 1; status == SAE_E_MEMORY; n++) {
                assert_true(n < 200);
                sae_alloc_fail_after(n);
                status = sae_model_save_as(model, (sae_format)format, out, &err);
                sae_alloc_fail_after(0);
            }
            assert_true(status == SAE_OK || status == SAE_E_UNSUPPORTED);
            remove_tree(out);
        }
        sae_model_free(model);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        temp_test(sparsify),  temp_test(dictionary_learning), temp_test(weights),           temp_test(npz),
        temp_test(openai),    temp_test(batchtopk),           temp_test(activation_scaler), temp_test(places),
        temp_test(no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
