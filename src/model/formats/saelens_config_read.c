/* cfg.json → sae_model_info. Version 6 keeps what the SAE was trained on under "metadata"; files of earlier
 * versions have the same keys at the top. Both are read; whatever would change the result and cannot be
 * expressed here is refused. */
#include "model/saelens.h"

#include "base/error.h"
#include "base/file.h"
#include "io/json.h"

#include <math.h>
#include <string.h>

enum { CONFIG_LIMIT = 16 << 20, CONFIG_DEPTH = 32 };

/* A key of metadata, or of the top in files from before version 6; NULL when absent or null. */
static const json_t *about(const json_t *cfg, const char *key)
{
    const json_t *value = json_object_get(json_object_get(cfg, "metadata"), key);
    if (!value || json_is_null(value)) value = json_object_get(cfg, key);
    return json_is_null(value) ? NULL : value;
}

static void about_text(const json_t *cfg, const char *key, char *out, size_t size)
{
    const char *text = json_string_value(about(cfg, key));
    if (text) sae_printable(text, strlen(text), out, size);
}

static sae_status need_count(const json_t *cfg, const char *path, const char *key, int64_t *out, sae_error *err)
{
    const json_t *value = json_object_get(cfg, key);
    if (!json_is_integer(value))
        return sae_fail(err, SAE_E_FORMAT, "%s: \"%s\" is %s", path, key, value ? "not a whole number" : "missing");
    json_int_t count = json_integer_value(value);
    if (count < 1 || count > INT32_MAX)
        return sae_fail(err, SAE_E_FORMAT, "%s: \"%s\" is %lld; it must be from 1 to %d", path, key, (long long)count,
                        INT32_MAX);
    *out = count;
    return SAE_OK;
}

static sae_status optional_bool(const json_t *cfg, const char *path, const char *key, bool *out, sae_error *err)
{
    const json_t *value = json_object_get(cfg, key);
    if (!value || json_is_null(value)) return SAE_OK;
    if (!json_is_boolean(value)) return sae_fail(err, SAE_E_FORMAT, "%s: \"%s\" is neither true nor false", path, key);
    *out = json_is_true(value);
    return SAE_OK;
}

/* "topk" when a file from before version 6 calls itself standard but names TopK as its activation function. */
static sae_status read_architecture(const json_t *cfg, const char *path, const char **out, sae_error *err)
{
    const json_t *value = json_object_get(cfg, "architecture");
    const char *architecture = value ? json_string_value(value) : "standard";
    if (!architecture) return sae_fail(err, SAE_E_FORMAT, "%s: \"architecture\" is not text", path);
    const char *function = json_string_value(json_object_get(cfg, "activation_fn_str"));
    if (!function) function = json_string_value(json_object_get(cfg, "activation_fn"));
    if (function && strcmp(architecture, "standard") == 0) {
        if (strcmp(function, "topk") == 0) {
            architecture = "topk";
        } else if (strcmp(function, "relu") != 0) {
            char shown[64];
            sae_printable(function, strlen(function), shown, sizeof shown);
            return sae_fail(err, SAE_E_UNSUPPORTED,
                            "%s: the activation function \"%s\" is not supported (relu and topk are)", path, shown);
        }
    }
    *out = architecture;
    return SAE_OK;
}

static sae_status read_k(const json_t *cfg, const char *path, sae_model_info *info, sae_error *err)
{
    const json_t *k = json_object_get(cfg, "k");
    if (!k) k = json_object_get(json_object_get(cfg, "activation_fn_kwargs"), "k");
    double value = json_number_value(k);
    if (!json_is_number(k))
        return sae_fail(err, SAE_E_FORMAT, "%s: architecture topk needs \"k\", which is %s", path,
                        k ? "not a number" : "missing");
    if (!(value >= 1) || value > (double)info->n || value != floor(value))
        return sae_fail(err, SAE_E_FORMAT, "%s: k is %g; with %lld latents it must be a whole number from 1 to %lld",
                        path, value, (long long)info->n, (long long)info->n);
    info->k = (int64_t)value;
    return SAE_OK;
}

/* The average number of active latents that a threshold SAE was trained for, 0 if the file does not say. */
static int64_t trained_k(const json_t *cfg)
{
    const json_t *k = json_object_get(about(cfg, "training_architecture_details"), "k");
    double value = json_number_value(k);
    return value >= 1 && value < (double)INT32_MAX ? llround(value) : 0;
}

static sae_arch trained_arch(const json_t *cfg, sae_arch by_rule)
{
    static const struct {
        const char *name;
        sae_arch arch;
    } known[] = {{"standard", SAE_ARCH_RELU},
                 {"topk", SAE_ARCH_TOPK},
                 {"batchtopk", SAE_ARCH_BATCHTOPK},
                 {"matryoshka_batchtopk", SAE_ARCH_BATCHTOPK},
                 {"jumprelu", SAE_ARCH_JUMPRELU}};
    const char *name = json_string_value(about(cfg, "training_architecture"));
    for (size_t i = 0; name && i < sizeof known / sizeof *known; i++)
        if (strcmp(name, known[i].name) == 0) return known[i].arch;
    return by_rule;
}

static sae_status read_rule(const json_t *cfg, const char *path, sae_model_info *info, bool *fold_norms, bool *standard,
                            sae_error *err)
{
    const char *architecture = "";
    sae_status status;
    SAE_TRY(read_architecture(cfg, path, &architecture, err));
    *fold_norms = false;
    *standard = strcmp(architecture, "standard") == 0;
    if (strcmp(architecture, "topk") == 0) {
        info->rule = SAE_RULE_TOPK;
        info->arch = SAE_ARCH_TOPK;
        SAE_TRY(read_k(cfg, path, info, err));
        SAE_TRY(optional_bool(cfg, path, "rescale_acts_by_decoder_norm", fold_norms, err));
    } else if (*standard || strcmp(architecture, "jumprelu") == 0) {
        info->rule = SAE_RULE_THRESHOLD;
        info->arch = trained_arch(cfg, *standard ? SAE_ARCH_RELU : SAE_ARCH_JUMPRELU);
        info->k = trained_k(cfg);
    } else {
        char shown[64];
        sae_printable(architecture, strlen(architecture), shown, sizeof shown);
        bool training = strstr(architecture, "batchtopk") != NULL;
        status = sae_fail(err, SAE_E_UNSUPPORTED,
                          "%s: architecture \"%s\" is not supported (standard, topk and jumprelu are)%s", path, shown,
                          training ? "; it is a training checkpoint: save its inference form with save_inference_model"
                                   : "");
    }
done:
    return status;
}

static sae_status read_input(const json_t *cfg, const char *path, sae_model_info *info, sae_error *err)
{
    sae_status status;
    bool finetuned = false;
    info->subtract_b_dec = true;
    SAE_TRY(optional_bool(cfg, path, "apply_b_dec_to_input", &info->subtract_b_dec, err));
    SAE_TRY(optional_bool(cfg, path, "finetuning_scaling_factor", &finetuned, err));
    if (finetuned) {
        status = sae_fail(err, SAE_E_UNSUPPORTED, "%s: finetuning_scaling_factor is true; such SAEs are not supported",
                          path);
        goto done;
    }
    const json_t *norm = json_object_get(cfg, "normalize_activations");
    const char *name = json_string_value(norm);
    if (json_is_boolean(norm)) name = json_is_true(norm) ? "expected_average_only_in" : "none";
    if (!norm || json_is_null(norm)) name = "none";
    if (!name) {
        status = sae_fail(err, SAE_E_FORMAT, "%s: \"normalize_activations\" is not text", path);
        goto done;
    }
    if (strcmp(name, "none") == 0) {
        info->input_norm = SAE_INPUT_PLAIN;
    } else if (strcmp(name, "layer_norm") == 0) {
        info->input_norm = SAE_INPUT_TOKEN;
    } else {
        char shown[64];
        sae_printable(name, strlen(name), shown, sizeof shown);
        status =
            sae_fail(err, SAE_E_UNSUPPORTED,
                     "%s: normalize_activations is \"%s\": the weights expect activations scaled by a number that is "
                     "not in the file; fold it into the weights with SAELens and save again",
                     path, shown);
        goto done;
    }
    const json_t *reshape = json_object_get(cfg, "reshape_activations");
    const char *shape = json_string_value(reshape);
    bool flat = !reshape || json_is_null(reshape) || (shape && strcmp(shape, "none") == 0);
    /* hook_z concatenates the heads, which is the form that activations have here already. */
    if (!flat && !(shape && strcmp(shape, "hook_z") == 0))
        status =
            sae_fail(err, SAE_E_UNSUPPORTED, "%s: \"reshape_activations\" is neither \"none\" nor \"hook_z\"", path);
done:
    return status;
}

static void read_metadata(const json_t *cfg, sae_model_info *info)
{
    about_text(cfg, "model_name", info->acts.model, sizeof info->acts.model);
    about_text(cfg, "hook_name", info->acts.hook_name, sizeof info->acts.hook_name);
    json_int_t ctx = json_integer_value(about(cfg, "context_size"));
    if (ctx > 0) info->acts.ctx = ctx;
    const json_t *bos = about(cfg, "prepend_bos");
    info->knows_bos = json_is_boolean(bos);
    info->acts.prepend_bos = json_is_true(bos);
    const json_t *centred = json_object_get(about(cfg, "model_from_pretrained_kwargs"), "center_writing_weights");
    info->knows_centering = json_is_boolean(centred);
    info->acts.center_residual = json_is_true(centred);
}

sae_status sae_saelens_config_read(const char *path, sae_model_info *info, bool *fold_norms, bool *standard,
                                   sae_error *err)
{
    sae_status status;
    json_t *cfg = NULL;
    sae_model_info read = {0};
    SAE_TRY(sae_json_read(&cfg, path, CONFIG_LIMIT, CONFIG_DEPTH, err));
    if (!json_is_object(cfg)) {
        status = sae_fail(err, SAE_E_FORMAT, "%s does not hold a JSON object", path);
        goto done;
    }
    SAE_TRY(need_count(cfg, path, "d_in", &read.d, err));
    SAE_TRY(need_count(cfg, path, "d_sae", &read.n, err));
    SAE_TRY(read_rule(cfg, path, &read, fold_norms, standard, err));
    SAE_TRY(read_input(cfg, path, &read, err));
    read_metadata(cfg, &read);
    *info = read;
done:
    json_decref(cfg);
    return status;
}
