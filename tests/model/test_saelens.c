/* SAELens directories: what is written, what is read back, and other forms of the same. */
#include "io/temp.h"
#include "model/sae_golden.h"
#include "model/sae_parts.h"

#include "base/alloc.h"

#include <jansson.h>

/* ---- round trip ------------------------------------------------------------------------------------ */

static void same_array(const float *a, const float *b, int64_t count)
{
    assert_memory_equal(a, b, (size_t)count * sizeof *a);
}

static void same_model(const sae_model *a, const sae_model *b)
{
    const sae_model_info *p = sae_model_get_info(a), *q = sae_model_get_info(b);
    sae_weights v = sae_model_get_weights(a), w = sae_model_get_weights(b);
    assert_int_equal(p->d, q->d);
    assert_int_equal(p->n, q->n);
    assert_int_equal(p->rule, q->rule);
    assert_int_equal(p->k, q->k);
    assert_int_equal(p->arch, q->arch);
    assert_int_equal(p->input_norm, q->input_norm);
    assert_int_equal(p->subtract_b_dec, q->subtract_b_dec);
    assert_int_equal(p->has_theta, q->has_theta);
    assert_true(p->theta == q->theta);
    assert_string_equal(p->acts.model, q->acts.model);
    assert_string_equal(p->acts.hook_name, q->acts.hook_name);
    assert_int_equal(p->acts.ctx, q->acts.ctx);
    assert_int_equal(p->knows_bos, q->knows_bos);
    assert_int_equal(p->acts.prepend_bos, q->acts.prepend_bos);
    assert_int_equal(p->knows_centering, q->knows_centering);
    assert_int_equal(p->acts.center_residual, q->acts.center_residual);
    same_array(v.W_enc, w.W_enc, p->n * p->d);
    same_array(v.W_dec, w.W_dec, p->n * p->d);
    same_array(v.b_enc, w.b_enc, p->n);
    same_array(v.b_dec, w.b_dec, p->d);
    if (p->rule == SAE_RULE_THRESHOLD) same_array(v.threshold, w.threshold, p->n);
}

/* A random SAE whose sizes are not multiples of any tile. */
static sae_model *odd_model(sae_rule rule, sae_arch arch, float theta)
{
    enum { ODD_D = 131, ODD_N = 203 };
    static float W[ODD_N * ODD_D], V[ODD_N * ODD_D], b[ODD_N], c[ODD_D], t[ODD_N];
    sae_error err;
    for (int i = 0; i < ODD_N * ODD_D; i++) {
        W[i] = sinf((float)i);
        V[i] = cosf(3 * (float)i);
    }
    for (int i = 0; i < ODD_N; i++) {
        b[i] = sinf(7 * (float)i);
        t[i] = theta < 0 ? 1 + b[i] : theta;
    }
    for (int j = 0; j < ODD_D; j++) c[j] = cosf(5 * (float)j);
    sae_model_info info = {
        .d = ODD_D,
        .n = ODD_N,
        .rule = rule,
        .k = 9,
        .arch = arch,
        .subtract_b_dec = true,
        .knows_bos = true,
        .knows_centering = true,
        .acts = {.model = "demo-lm", .hook_name = "blocks.4.hook_resid_pre", .ctx = 128, .prepend_bos = true}};
    sae_weights weights = {W, b, V, c, rule == SAE_RULE_TOPK ? NULL : t};
    sae_model *model = NULL;
    assert_ok(sae_model_create(&model, &info, &weights, &err));
    return model;
}

static void round_trip(void **state)
{
    sae_error err;
    sae_safetensors *file = golden_open();
    sae_model *models[GOLDEN_MODELS + 3];
    for (int i = 0; i < GOLDEN_MODELS; i++) models[i] = golden_model(file, i, NULL);
    models[GOLDEN_MODELS] = odd_model(SAE_RULE_TOPK, SAE_ARCH_TOPK, 0);
    models[GOLDEN_MODELS + 1] = odd_model(SAE_RULE_THRESHOLD, SAE_ARCH_JUMPRELU, -1);
    models[GOLDEN_MODELS + 2] = odd_model(SAE_RULE_THRESHOLD, SAE_ARCH_BATCHTOPK, 0.75f);
    for (int i = 0; i < GOLDEN_MODELS + 3; i++) {
        sae_model *again = NULL;
        char name[16];
        snprintf(name, sizeof name, "a/b/%d", i);
        const char *dir = temp_path(state, name);
        assert_ok(sae_model_save(models[i], dir, &err));
        assert_int_equal(count_entries(dir), 2);
        assert_ok(sae_model_load(&again, dir, &err));
        assert_string_equal(sae_model_path(again), dir);
        assert_string_equal(sae_model_path(models[i]), "");
        same_model(models[i], again);
        sae_model_free(models[i]);
        sae_model_free(again);
    }
    sae_safetensors_close(file);
}

/* The same SAE gives the same bytes: nothing of time, place or machine is in the files. */
static void saving_is_a_function(void **state)
{
    sae_error err;
    sae_model *model = odd_model(SAE_RULE_THRESHOLD, SAE_ARCH_BATCHTOPK, 0.75f);
    const char *files[] = {"cfg.json", "sae_weights.safetensors"};
    assert_ok(sae_model_save(model, temp_path(state, "one"), &err));
    assert_ok(sae_model_save(model, temp_path(state, "two"), &err));
    assert_ok(sae_model_save(model, temp_path(state, "two"), &err)); /* over an older one */
    for (int i = 0; i < 2; i++) {
        char one[64], two[64];
        size_t a_size, b_size;
        snprintf(one, sizeof one, "one/%s", files[i]);
        snprintf(two, sizeof two, "two/%s", files[i]);
        unsigned char *a = get_file(temp_path(state, one), &a_size), *b = get_file(temp_path(state, two), &b_size);
        assert_int_equal(a_size, b_size);
        assert_memory_equal(a, b, a_size);
        free(a);
        free(b);
    }
    sae_model_free(model);
}

static const char *text_of(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));
    return text ? text : "";
}

static json_t *saved_config(void **state, const sae_model *model)
{
    sae_error err;
    assert_ok(sae_model_save(model, temp_path(state, "saved"), &err));
    json_t *cfg = json_load_file(temp_path(state, "saved/cfg.json"), 0, NULL);
    assert_non_null(cfg);
    return cfg;
}

static void what_is_written(void **state)
{
    sae_error err;
    sae_model *model = odd_model(SAE_RULE_THRESHOLD, SAE_ARCH_BATCHTOPK, 0.75f);
    json_t *cfg = saved_config(state, model);
    const json_t *metadata = json_object_get(cfg, "metadata");
    assert_string_equal(text_of(cfg, "architecture"), "jumprelu");
    assert_string_equal(text_of(cfg, "dtype"), "float32");
    assert_string_equal(text_of(cfg, "normalize_activations"), "none");
    assert_string_equal(text_of(cfg, "reshape_activations"), "none");
    assert_true(json_is_true(json_object_get(cfg, "apply_b_dec_to_input")));
    assert_int_equal(json_integer_value(json_object_get(cfg, "d_in")), 131);
    assert_int_equal(json_integer_value(json_object_get(cfg, "d_sae")), 203);
    assert_string_equal(text_of(metadata, "model_name"), "demo-lm");
    assert_string_equal(text_of(metadata, "hook_name"), "blocks.4.hook_resid_pre");
    assert_string_equal(text_of(metadata, "sae_lens_version"), "6.0.0");
    assert_string_equal(text_of(metadata, "training_architecture"), "batchtopk");
    assert_int_equal(json_integer_value(json_object_get(metadata, "context_size")), 128);
    assert_true(json_is_true(json_object_get(metadata, "prepend_bos")));
    const json_t *kwargs = json_object_get(metadata, "model_from_pretrained_kwargs");
    assert_true(json_is_false(json_object_get(kwargs, "center_writing_weights")));
    assert_int_equal(
        json_integer_value(json_object_get(json_object_get(metadata, "training_architecture_details"), "k")), 9);
    json_decref(cfg);
    /* latents are columns in the file */
    sae_safetensors *file = NULL;
    assert_ok(sae_safetensors_open(&file, temp_path(state, "saved/sae_weights.safetensors"), &err));
    const sae_tensor *W = sae_safetensors_find(file, "W_enc");
    assert_int_equal(W->shape[0], 131);
    assert_int_equal(W->shape[1], 203);
    float value;
    sae_tensor_read_f32(W, 100 * 203 + 70, 1, &value);
    assert_true(value == sae_model_get_weights(model).W_enc[70 * 131 + 100]);
    assert_int_equal(sae_safetensors_count(file), 5);
    sae_safetensors_close(file);
    sae_model_free(model);

    model = odd_model(SAE_RULE_TOPK, SAE_ARCH_TOPK, 0);
    cfg = saved_config(state, model);
    assert_string_equal(text_of(cfg, "architecture"), "topk");
    assert_int_equal(json_integer_value(json_object_get(cfg, "k")), 9);
    assert_true(json_is_false(json_object_get(cfg, "rescale_acts_by_decoder_norm")));
    json_decref(cfg);
    sae_model_free(model);

    model = odd_model(SAE_RULE_THRESHOLD, SAE_ARCH_RELU, 0);
    cfg = saved_config(state, model);
    assert_string_equal(text_of(cfg, "architecture"), "standard");
    json_decref(cfg);
    assert_ok(sae_safetensors_open(&file, temp_path(state, "saved/sae_weights.safetensors"), &err));
    assert_null(sae_safetensors_find(file, "threshold"));
    sae_safetensors_close(file);
    sae_model_free(model);
}

/* ---- files made by others -------------------------------------------------------------------------- */

static void flat_config(void **state)
{
    sae_error err;
    parts p;
    sae_model *model = NULL;
    good_parts(&p);
    p.count = 6;
    const char *old =
        "{\"architecture\":\"standard\",\"d_in\":3,\"d_sae\":5,\"dtype\":\"torch.float32\",\"model_name\":"
        "\"gpt2-small\",\"hook_name\":\"blocks.8.hook_resid_pre\",\"activation_fn_str\":\"topk\","
        "\"activation_fn_kwargs\":{\"k\":2},\"normalize_activations\":false,\"context_size\":128,"
        "\"prepend_bos\":true,\"finetuning_scaling_factor\":false}";
    assert_ok(load_parts(state, old, &p, &model, &err));
    const sae_model_info *info = sae_model_get_info(model);
    assert_int_equal(info->rule, SAE_RULE_TOPK);
    assert_int_equal(info->k, 2);
    assert_string_equal(info->acts.model, "gpt2-small");
    assert_int_equal(info->acts.ctx, 128);
    assert_true(info->knows_bos && info->acts.prepend_bos);
    assert_false(info->knows_centering);
    sae_model_free(model);
}

static void other_dtypes(void **state)
{
    sae_error err;
    const sae_dtype dtypes[] = {SAE_DTYPE_F64, SAE_DTYPE_F16, SAE_DTYPE_BF16};
    for (int i = 0; i < 3; i++) {
        parts p;
        char converted[5][8 * D * N];
        sae_model *model = NULL;
        good_parts(&p);
        for (size_t t = 0; t < 5; t++) { /* the values are small integers and halves: exact in every type */
            int64_t count = sae_tensor_elements(&p.tensors[t]);
            sae_f32_to_dtype(p.tensors[t].data, count, dtypes[i], converted[t]);
            p.tensors[t].data = converted[t];
            p.tensors[t].dtype = dtypes[i];
            p.tensors[t].bytes = (size_t)count * sae_dtype_size(dtypes[i]);
        }
        assert_ok(load_parts(state, CFG("\"architecture\":\"jumprelu\""), &p, &model, &err));
        sae_weights w = sae_model_get_weights(model);
        for (int latent = 0; latent < N; latent++)
            for (int j = 0; j < D; j++) assert_true(w.W_enc[latent * D + j] == p.W_enc[j * N + latent]);
        same_array(w.W_dec, p.W_dec, N * D);
        same_array(w.threshold, p.threshold, N);
        sae_model_free(model);
    }
}

/* Latents are chosen by z·‖w‖ and decoded with w/‖w‖: after folding, plain TopK does the same. */
static void rescaled_by_decoder_norms(void **state)
{
    sae_error err;
    parts p;
    sae_model *model = NULL;
    good_parts(&p);
    p.count = 4;
    for (int j = 0; j < D; j++) p.W_dec[4 * D + j] = 0; /* a latent without direction */
    p.b_dec[0] = p.b_dec[1] = p.b_dec[2] = 0;
    assert_ok(load_parts(state, CFG("\"architecture\":\"topk\",\"k\":2,\"rescale_acts_by_decoder_norm\":true"), &p,
                         &model, &err));
    sae_weights w = sae_model_get_weights(model);
    const float x[D] = {1.5f, -0.25f, 2};
    for (int i = 0; i < N; i++) {
        double norm = 0, z = 0, expected = p.b_enc[i];
        for (int j = 0; j < D; j++) norm += (double)(p.W_dec[i * D + j] * p.W_dec[i * D + j]);
        norm = sqrt(norm);
        for (int j = 0; j < D; j++) {
            expected += (double)(p.W_enc[j * N + i] * x[j]);
            z += (double)(w.W_enc[i * D + j] * x[j]);
            double unit = norm > 0 ? (double)p.W_dec[i * D + j] / norm : 0;
            assert_true(fabs((double)w.W_dec[i * D + j] - unit) < 1e-6);
        }
        assert_true(fabs(z + (double)w.b_enc[i] - expected * norm) < 1e-5);
    }
    sae_codes *codes = sae_codes_new();
    assert_ok(sae_model_encode(model, x, 1, codes, NULL, &err));
    for (int64_t e = 0; e < codes->row_offsets[1]; e++) assert_int_not_equal(codes->latents[e], 4);
    sae_codes_free(codes);
    sae_model_free(model);
}

static void inputs_and_kinds(void **state)
{
    sae_error err;
    parts p;
    sae_model *model = NULL;
    good_parts(&p);
    assert_ok(load_parts(state,
                         CFG("\"architecture\":\"jumprelu\",\"normalize_activations\":\"layer_norm\","
                             "\"apply_b_dec_to_input\":false,\"reshape_activations\":\"hook_z\""),
                         &p, &model, &err));
    const sae_model_info *info = sae_model_get_info(model);
    assert_int_equal(info->input_norm, SAE_INPUT_TOKEN);
    assert_false(info->subtract_b_dec);
    assert_false(info->has_theta);
    assert_int_equal(info->arch, SAE_ARCH_JUMPRELU);
    sae_model_free(model);
    assert_ok(load_parts(state, CFG("\"architecture\":\"standard\""), &p, &model, &err)); /* no thresholds asked for */
    assert_true(sae_model_get_info(model)->has_theta);
    assert_true(sae_model_get_info(model)->theta == 0);
    assert_true(sae_model_get_info(model)->subtract_b_dec);
    assert_int_equal(sae_model_get_info(model)->arch, SAE_ARCH_RELU);
    sae_model_free(model);
}

/* ---- failure leaves nothing behind ------------------------------------------------------------------------ */

static void unwritable(void **state)
{
    sae_error err;
    sae_model *model = odd_model(SAE_RULE_TOPK, SAE_ARCH_TOPK, 0);
    put_file(temp_path(state, "file"), "x", 1);
    assert_int_equal(sae_model_save(model, temp_path(state, "file"), &err), SAE_E_IO);
    assert_contains(err.message, "file");
    assert_int_equal(sae_model_save(model, temp_path(state, "file/below"), &err), SAE_E_IO);
    sae_model_free(model);
}

static void out_of_memory(void **state)
{
    sae_error err;
    sae_model *model = odd_model(SAE_RULE_THRESHOLD, SAE_ARCH_JUMPRELU, -1), *again = NULL;
    char dir[TEMP_PATH];
    snprintf(dir, sizeof dir, "%s", temp_path(state, "out"));
    sae_status status = SAE_E_MEMORY;
    for (uint64_t n = 1; status != SAE_OK; n++) {
        assert_true(n < 200);
        sae_alloc_fail_after(n);
        status = sae_model_save(model, dir, &err);
        sae_alloc_fail_after(0);
        if (status != SAE_OK) {
            assert_int_equal(status, SAE_E_MEMORY);
            assert_false(access(temp_path(state, "out/cfg.json"), F_OK) == 0);
        }
    }
    assert_int_equal(count_entries(dir), 2);
    status = SAE_E_MEMORY;
    for (uint64_t n = 1; status != SAE_OK; n++) {
        assert_true(n < 200);
        sae_alloc_fail_after(n);
        status = sae_model_load(&again, dir, &err);
        sae_alloc_fail_after(0);
        if (status != SAE_OK) assert_int_equal(status, SAE_E_MEMORY);
    }
    same_model(model, again);
    sae_model_free(model);
    sae_model_free(again);
}

/* Saving over another SAE that fails leaves the old one, or none: never new weights under an old description. */
static void failing_over_another(void **state)
{
    sae_error err;
    sae_model *old = odd_model(SAE_RULE_THRESHOLD, SAE_ARCH_BATCHTOPK, 0.75f),
              *new = odd_model(SAE_RULE_TOPK, SAE_ARCH_TOPK, 0);
    char dir[TEMP_PATH];
    snprintf(dir, sizeof dir, "%s", temp_path(state, "over"));
    int kept = 0, gone = 0;
    sae_status status = SAE_E_MEMORY;
    for (uint64_t n = 1; status != SAE_OK; n++) {
        assert_true(n < 200);
        assert_ok(sae_model_save(old, dir, &err));
        sae_alloc_fail_after(n);
        status = sae_model_save(new, dir, &err);
        sae_alloc_fail_after(0);
        sae_model *found = NULL;
        sae_status loaded = sae_model_load(&found, dir, &err);
        if (loaded == SAE_OK) same_model(found, status == SAE_OK ? new : old);
        kept += status != SAE_OK && loaded == SAE_OK;
        gone += loaded != SAE_OK;
        sae_model_free(found);
    }
    assert_true(kept > 0 && gone > 0);
    sae_model_free(old);
    sae_model_free(new);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        temp_test(round_trip),           temp_test(saving_is_a_function), temp_test(what_is_written),
        temp_test(flat_config),          temp_test(other_dtypes),         temp_test(rescaled_by_decoder_norms),
        temp_test(inputs_and_kinds),     temp_test(unwritable),           temp_test(out_of_memory),
        temp_test(failing_over_another),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
