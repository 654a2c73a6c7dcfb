/* sae_model_info → cfg.json, as SAELens' save_inference_model writes it. */
#include "model/formats/saelens.h"

#include "base/error.h"
#include "base/file.h"
#include "io/json.h"

#include <string.h>

/* The version of the layout. Without this key SAELens takes a file for one from before version 6. */
static const char FORMAT_VERSION[] = "6.0.0";

static const char *training_name(sae_arch arch)
{
    if (arch == SAE_ARCH_RELU) return "standard";
    return arch == SAE_ARCH_MATRYOSHKA ? "matryoshka_batchtopk" : sae_arch_name(arch);
}

bool sae_saelens_is_standard(const sae_model_info *info)
{
    return info->rule == SAE_RULE_THRESHOLD && info->arch == SAE_ARCH_RELU && info->has_theta && info->theta == 0;
}

static const char *architecture(const sae_model_info *info)
{
    if (info->rule == SAE_RULE_TOPK) return "topk";
    return sae_saelens_is_standard(info) ? "standard" : "jumprelu";
}

/* Unknown keys are left out: SAELens answers None for them. */
int sae_saelens_metadata_write(json_t *cfg, const sae_model_info *info, bool version)
{
    json_t *metadata = json_object();
    int bad = json_object_set_new(cfg, "metadata", metadata);
    char program[64] = "sae ";
    strncat(program, sae_version(), sizeof program - sizeof "sae ");
    if (version) bad |= json_object_set_new(metadata, "sae_lens_version", json_string(FORMAT_VERSION));
    if (version) bad |= json_object_set_new(metadata, "sae_lens_training_version", json_null());
    bad |= json_object_set_new(metadata, "trained_with", json_string(program));
    if (*info->acts.model) bad |= json_object_set_new(metadata, "model_name", sae_json_text(info->acts.model));
    if (*info->acts.hook_name) bad |= json_object_set_new(metadata, "hook_name", sae_json_text(info->acts.hook_name));
    if (info->acts.ctx > 0) bad |= json_object_set_new(metadata, "context_size", json_integer(info->acts.ctx));
    if (info->knows_bos) bad |= json_object_set_new(metadata, "prepend_bos", json_boolean(info->acts.prepend_bos));
    if (info->knows_centering) {
        json_t *centred = json_boolean(info->acts.center_residual);
        bad |= json_object_set_new(metadata, "model_from_pretrained_kwargs",
                                   json_pack("{s:o}", "center_writing_weights", centred));
    }
    bad |= json_object_set_new(metadata, "training_architecture", json_string(training_name(info->arch)));
    if (info->k > 0)
        bad |= json_object_set_new(metadata, "training_architecture_details",
                                   json_pack("{s:I}", "k", (json_int_t)info->k));
    return bad;
}

sae_status sae_saelens_config_write(const char *path, const sae_model_info *info, sae_error *err)
{
    json_t *cfg = json_object();
    int bad = json_object_set_new(cfg, "architecture", json_string(architecture(info)));
    bad |= json_object_set_new(cfg, "d_in", json_integer(info->d));
    bad |= json_object_set_new(cfg, "d_sae", json_integer(info->n));
    bad |= json_object_set_new(cfg, "dtype", json_string("float32"));
    bad |= json_object_set_new(cfg, "device", json_string("cpu"));
    bad |= json_object_set_new(cfg, "apply_b_dec_to_input", json_boolean(info->subtract_b_dec));
    const char *norm = info->input_norm == SAE_INPUT_TOKEN ? "layer_norm" : "none";
    bad |= json_object_set_new(cfg, "normalize_activations", json_string(norm));
    const char *shape = sae_has_ending(info->acts.hook_name, "hook_z") ? "hook_z" : "none";
    bad |= json_object_set_new(cfg, "reshape_activations", json_string(shape));
    if (info->rule == SAE_RULE_TOPK) {
        bad |= json_object_set_new(cfg, "k", json_integer(info->k));
        bad |= json_object_set_new(cfg, "rescale_acts_by_decoder_norm", json_false());
    }
    bad |= sae_saelens_metadata_write(cfg, info, true);
    sae_status status = bad ? sae_fail_memory(err, path, 0) : sae_json_write(path, cfg, err);
    json_decref(cfg);
    return status;
}
