/* cfg.json → sae_model_info. Version 6 keeps what the SAE was trained on under "metadata"; files of earlier
 * versions have the same keys at the top. Both are read; whatever would change the result and cannot be
 * expressed here is refused. */
#include "model/formats/saelens.h"

#include "base/error.h"
#include "base/file.h"
#include "model/formats/config.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* A key of metadata, or of the top in files from before version 6; NULL when absent or null. */
static const json_t *about(const json_t *cfg, const char *key)
{
    const json_t *value = json_object_get(json_object_get(cfg, "metadata"), key);
    if (!value || json_is_null(value)) value = json_object_get(cfg, key);
    return json_is_null(value) ? NULL : value;
}

/* The same under the name it had in early versions. */
static const json_t *about_or(const json_t *cfg, const char *key, const char *old)
{
    const json_t *value = about(cfg, key);
    return value ? value : about(cfg, old);
}

/* Versions before 6 have no "metadata" and do not name the version of the layout. */
static bool is_flat(const json_t *cfg)
{
    return !json_object_get(cfg, "metadata") && !json_object_get(cfg, "sae_lens_version");
}

/* d_sae, or the factor by which it is larger than d_in. */
static sae_status read_sizes(const json_t *cfg, const char *path, sae_model_info *info, sae_error *err)
{
    sae_status status;
    int64_t factor = 0;
    SAE_TRY(sae_config_count(cfg, path, "d_in", &info->d, err));
    if (!json_object_get(cfg, "d_sae")) SAE_TRY(sae_config_optional_count(cfg, path, "expansion_factor", &factor, err));
    if (factor)
        info->n = factor * info->d; /* both are below 2³¹; the model refuses what is too large */
    else
        SAE_TRY(sae_config_count(cfg, path, "d_sae", &info->n, err));
done:
    return status;
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

static int64_t count_or_0(const json_t *value)
{
    double number = json_number_value(value);
    return number >= 1 && number < (double)INT32_MAX ? llround(number) : 0;
}

/* The average number of active latents that a threshold SAE was trained for, 0 if the file does not say. */
static int64_t trained_k(const json_t *cfg)
{
    return count_or_0(json_object_get(about(cfg, "training_architecture_details"), "k"));
}

static sae_arch trained_arch(const json_t *cfg, sae_arch by_rule)
{
    static const struct {
        const char *name;
        sae_arch arch;
    } known[] = {{"standard", SAE_ARCH_RELU},
                 {"topk", SAE_ARCH_TOPK},
                 {"batchtopk", SAE_ARCH_BATCHTOPK},
                 {"matryoshka_batchtopk", SAE_ARCH_MATRYOSHKA},
                 {"jumprelu", SAE_ARCH_JUMPRELU}};
    const char *name = json_string_value(about(cfg, "training_architecture"));
    for (size_t i = 0; name && i < sizeof known / sizeof *known; i++)
        if (strcmp(name, known[i].name) == 0) return known[i].arch;
    return by_rule;
}

/* Architectures by the name that a file has. Those of BatchTopK are training checkpoints: an exported one is a
 * jumprelu. */
static const struct {
    const char *name;
    sae_saelens_form form;
    sae_arch arch;
} architectures[] = {
    {"standard", SAE_SAELENS_STANDARD, SAE_ARCH_RELU},
    {"topk", SAE_SAELENS_TOPK, SAE_ARCH_TOPK},
    {"jumprelu", SAE_SAELENS_JUMPRELU, SAE_ARCH_JUMPRELU},
    {"gated", SAE_SAELENS_GATED, SAE_ARCH_JUMPRELU},
    {"batchtopk", SAE_SAELENS_BATCHTOPK, SAE_ARCH_BATCHTOPK},
    {"matryoshka_batchtopk", SAE_SAELENS_BATCHTOPK, SAE_ARCH_MATRYOSHKA},
};
#define ARCHITECTURES (sizeof architectures / sizeof *architectures)

static sae_status read_rule(const json_t *cfg, const char *path, sae_saelens_config *out, sae_error *err)
{
    sae_status status;
    sae_model_info *info = &out->info;
    const char *name = "";
    size_t i = 0;
    SAE_TRY(read_architecture(cfg, path, &name, err));
    while (i < ARCHITECTURES && strcmp(name, architectures[i].name) != 0) i++;
    if (i == ARCHITECTURES) {
        char shown[64];
        sae_printable(name, strlen(name), shown, sizeof shown);
        status =
            sae_fail(err, SAE_E_UNSUPPORTED,
                     "%s: architecture \"%s\" is not supported (standard, topk, jumprelu, gated and batchtopk are)",
                     path, shown);
        goto done;
    }
    out->form = architectures[i].form;
    info->arch = architectures[i].arch;
    info->rule = out->form == SAE_SAELENS_TOPK ? SAE_RULE_TOPK : SAE_RULE_THRESHOLD;
    if (out->form == SAE_SAELENS_TOPK) {
        SAE_TRY(read_k(cfg, path, info, err));
    } else if (out->form == SAE_SAELENS_BATCHTOPK) {
        info->k = count_or_0(json_object_get(cfg, "k"));
    } else {
        info->arch = trained_arch(cfg, info->arch);
        info->k = trained_k(cfg);
    }
    if (out->form == SAE_SAELENS_TOPK || out->form == SAE_SAELENS_BATCHTOPK)
        SAE_TRY(sae_config_bool(cfg, path, "rescale_acts_by_decoder_norm", &out->fold_norms, err));
done:
    return status;
}

static sae_status read_norm(const json_t *cfg, const char *path, sae_saelens_config *out, sae_error *err)
{
    const json_t *norm = json_object_get(cfg, "normalize_activations");
    const char *name = json_string_value(norm);
    if (json_is_boolean(norm)) name = json_is_true(norm) ? "expected_average_only_in" : "none";
    if (!norm || json_is_null(norm)) name = "none";
    if (!name) return sae_fail(err, SAE_E_FORMAT, "%s: \"normalize_activations\" is not text", path);
    out->info.input_norm = strcmp(name, "layer_norm") == 0 ? SAE_INPUT_TOKEN : SAE_INPUT_PLAIN;
    out->scaled = strcmp(name, "expected_average_only_in") == 0;
    if (out->scaled || out->info.input_norm == SAE_INPUT_TOKEN || strcmp(name, "none") == 0) return SAE_OK;
    char shown[64];
    sae_printable(name, strlen(name), shown, sizeof shown);
    return sae_fail(
        err, SAE_E_UNSUPPORTED,
        "%s: normalize_activations is \"%s\", which cannot be folded into the weights (none, layer_norm and "
        "expected_average_only_in are read)",
        path, shown);
}

static sae_status read_input(const json_t *cfg, const char *path, sae_saelens_config *out, sae_error *err)
{
    sae_status status;
    out->info.subtract_b_dec = true;
    SAE_TRY(sae_config_bool(cfg, path, "apply_b_dec_to_input", &out->info.subtract_b_dec, err));
    SAE_TRY(sae_config_bool(cfg, path, "finetuning_scaling_factor", &out->finetuned, err));
    SAE_TRY(read_norm(cfg, path, out, err));
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

/* ---- what it was trained on --------------------------------------------------------------------------------- */

/* Releases whose cfg.json is older than the key that says whether writing weights were centred. They were:
 * TransformerLens did so by default then, and SAELens' own list of releases corrects them in the same way. */
static const struct {
    const char *release, *model, *site;
    int first_layer, last_layer;
    int64_t smallest, largest; /* width */
} centred_releases[] = {
    {"gpt2-small-res-jb", "gpt2-small", "hook_resid_pre", 0, 11, 24576, 24576},
    {"gpt2-small-res-jb", "gpt2-small", "hook_resid_post", 11, 11, 24576, 24576},
    {"gpt2-small-res-jb-feature-splitting", "gpt2-small", "hook_resid_pre", 8, 8, 768, 98304},
};

static bool is_centred_release(const json_t *cfg, const sae_model_info *info)
{
    const char *dataset = json_string_value(about(cfg, "dataset_path"));
    int layer = -1, end = 0;
    if (!is_flat(cfg) || !json_object_get(cfg, "hook_point") || info->d != 768) return false;
    if (dataset && !strstr(dataset, "openwebtext")) return false;
    if (sscanf(info->acts.hook_name, "blocks.%d.%n", &layer, &end) != 1 || end == 0) return false;
    for (size_t i = 0; i < sizeof centred_releases / sizeof *centred_releases; i++)
        if (strcmp(info->acts.model, centred_releases[i].model) == 0 &&
            strcmp(info->acts.hook_name + end, centred_releases[i].site) == 0 &&
            layer >= centred_releases[i].first_layer && layer <= centred_releases[i].last_layer &&
            info->n >= centred_releases[i].smallest && info->n <= centred_releases[i].largest)
            return true;
    return false;
}

void sae_saelens_metadata_read(const json_t *cfg, sae_model_info *info)
{
    sae_config_text(about(cfg, "model_name"), info->acts.model, sizeof info->acts.model);
    sae_config_text(about_or(cfg, "hook_name", "hook_point"), info->acts.hook_name, sizeof info->acts.hook_name);
    json_int_t ctx = json_integer_value(about(cfg, "context_size"));
    if (ctx > 0) info->acts.ctx = ctx;
    const json_t *bos = about(cfg, "prepend_bos");
    info->knows_bos = json_is_boolean(bos);
    info->acts.prepend_bos = json_is_true(bos);
    const json_t *kwargs = about_or(cfg, "model_from_pretrained_kwargs", "model_kwargs");
    const json_t *centred = json_object_get(kwargs, "center_writing_weights");
    info->knows_centering = json_is_boolean(centred);
    info->acts.center_residual = json_is_true(centred);
}

/* What earlier versions left out because there was no other way. */
static void complete_metadata(const json_t *cfg, sae_model_info *info)
{
    if (!info->knows_bos && is_flat(cfg) && json_object_get(cfg, "hook_point"))
        info->knows_bos = info->acts.prepend_bos = true;
    if (!info->knows_centering && is_centred_release(cfg, info))
        info->knows_centering = info->acts.center_residual = true;
}

sae_status sae_saelens_config_read(const char *path, sae_saelens_config *out, sae_error *err)
{
    sae_status status;
    json_t *cfg = NULL;
    sae_saelens_config read = {0};
    SAE_TRY(sae_config_open(&cfg, path, err));
    SAE_TRY(read_sizes(cfg, path, &read.info, err));
    SAE_TRY(read_rule(cfg, path, &read, err));
    SAE_TRY(read_input(cfg, path, &read, err));
    sae_saelens_metadata_read(cfg, &read.info);
    complete_metadata(cfg, &read.info);
    *out = read;
done:
    json_decref(cfg);
    return status;
}
