/* dictionary_learning: config.json and ae.pt, a state dict of one of seven classes. */
#include "model/formats/dictionary_learning.h"

#include "base/error.h"
#include "base/file.h"
#include "model/fold.h"
#include "model/formats/config.h"
#include "model/formats/layout.h"
#include "model/formats/saelens.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

typedef enum choice { RELU, GATED, TOPK, JUMPRELU, BATCHTOPK, MATRYOSHKA } choice;

static const struct {
    const char *name;
    const char *mark; /* a tensor that no other class has; NULL: there is none */
    choice latents;
    bool subtract_b_dec;
    bool normalise; /* the tool makes decoder rows unit vectors when it loads */
    sae_layout layout;
} classes[] = {
    {"AutoEncoder",
     "bias",
     RELU,
     true,
     true,
     {.W_enc = "encoder.weight",
      .W_dec = "decoder.weight",
      .b_enc = "encoder.bias",
      .b_dec = "bias",
      .W_dec_by_input = true}},
    {"AutoEncoderNew",
     "decoder.bias",
     RELU,
     false,
     false,
     {.W_enc = "encoder.weight",
      .W_dec = "decoder.weight",
      .b_enc = "encoder.bias",
      .b_dec = "decoder.bias",
      .W_dec_by_input = true}},
    {"GatedAutoEncoder",
     "r_mag",
     GATED,
     true,
     false,
     {.W_enc = "encoder.weight",
      .W_dec = "decoder.weight",
      .b_enc = "mag_bias",
      .b_dec = "decoder_bias",
      .W_dec_by_input = true}},
    {"AutoEncoderTopK",
     NULL,
     TOPK,
     true,
     false,
     {.W_enc = "encoder.weight",
      .W_dec = "decoder.weight",
      .b_enc = "encoder.bias",
      .b_dec = "b_dec",
      .W_dec_by_input = true}},
    {"BatchTopKSAE",
     NULL,
     BATCHTOPK,
     true,
     false,
     {.W_enc = "encoder.weight",
      .W_dec = "decoder.weight",
      .b_enc = "encoder.bias",
      .b_dec = "b_dec",
      .W_dec_by_input = true}},
    {"MatryoshkaBatchTopKSAE",
     "group_sizes",
     MATRYOSHKA,
     true,
     false,
     {.W_enc = "W_enc", .W_dec = "W_dec", .b_enc = "b_enc", .b_dec = "b_dec", .W_enc_by_input = true}},
    {"JumpReluAutoEncoder",
     NULL,
     JUMPRELU,
     false,
     false,
     {.W_enc = "W_enc",
      .W_dec = "W_dec",
      .b_enc = "b_enc",
      .b_dec = "b_dec",
      .threshold = "threshold",
      .W_enc_by_input = true}},
};
#define CLASSES (sizeof classes / sizeof *classes)

static bool holds(const sae_tensor_file *file)
{
    const sae_tensor *threshold = sae_tensor_file_find(file, "threshold");
    if (sae_tensor_file_kind(file) != SAE_FILE_TORCH) return false;
    if (sae_tensor_file_find(file, "W_enc"))
        return sae_tensor_file_find(file, "k") || (threshold && threshold->rank == 1);
    return sae_tensor_file_find(file, "encoder.weight") && sae_tensor_file_find(file, "decoder.weight");
}

/* ---- the class ---------------------------------------------------------------------------------------------- */

static sae_status class_by_name(const char *name, const char *path, size_t *out, sae_error *err)
{
    for (size_t i = 0; i < CLASSES; i++) {
        if (strcmp(name, classes[i].name) != 0) continue;
        *out = i;
        return SAE_OK;
    }
    char shown[64];
    sae_printable(name, strlen(name), shown, sizeof shown);
    return sae_fail(err, SAE_E_UNSUPPORTED, "%s: the class %s is not read", path, shown);
}

/* Without config.json: by the tensor that only this class has. */
static sae_status class_by_tensors(const sae_tensor_file *file, size_t *out, sae_error *err)
{
    for (size_t i = 0; i < CLASSES; i++) {
        if (!classes[i].mark || !sae_tensor_file_find(file, classes[i].mark)) continue;
        *out = i;
        return SAE_OK;
    }
    if (sae_tensor_file_find(file, "W_enc")) return class_by_name("JumpReluAutoEncoder", "", out, err);
    return sae_fail(err, SAE_E_FORMAT,
                    "%s can be an AutoEncoderTopK or a BatchTopKSAE, whose files have the same tensors; put the "
                    "config.json that belongs to it beside it",
                    sae_tensor_file_path(file));
}

static sae_status find_class(const sae_source *source, const json_t *trainer, size_t *out, sae_error *err)
{
    const char *name = json_string_value(json_object_get(trainer, "dict_class"));
    if (name) return class_by_name(name, source->config, out, err);
    return class_by_tensors(source->file, out, err);
}

/* ---- what config.json says ------------------------------------------------------------------------------------ */

/* k of the state dict, or of config.json in files from before it was there. */
static sae_status read_k(const sae_source *source, const json_t *trainer, sae_model_info *info, sae_error *err)
{
    sae_status status;
    double k = 0;
    SAE_TRY(sae_layout_scalar(source->file, "k", &k, err));
    if (k != 0 && (!(k >= 1) || k > (double)info->n || k != floor(k))) {
        status = sae_fail(err, SAE_E_FORMAT, "%s: k is %g; with %lld latents it must be a whole number from 1 to %lld",
                          sae_tensor_file_path(source->file), k, (long long)info->n, (long long)info->n);
        goto done;
    }
    info->k = (int64_t)k;
    if (k != 0)
        SAE_TRY(sae_config_same(trainer, source->config, "k", info->k, err));
    else if (json_object_get(trainer, "k"))
        SAE_TRY(sae_config_k(trainer, source->config, "k", info->n, &info->k, err));
    if (info->k == 0)
        status =
            sae_fail(err, SAE_E_FORMAT, "%s: k, the number of active latents, is neither in it nor in a config.json",
                     sae_tensor_file_path(source->file));
done:
    return status;
}

/* The tool runs models as Hugging Face has them: nothing is centred. Its demo calls hooks "resid_post_layer_8". */
static void read_origin(const json_t *config, const json_t *trainer, sae_model_info *info)
{
    int layer, end = 0;
    const char *submodule = json_string_value(json_object_get(trainer, "submodule_name"));
    if (json_object_get(config, "metadata")) {
        sae_saelens_metadata_read(config, info);
        return;
    }
    sae_config_text(json_object_get(trainer, "lm_name"), info->acts.model, sizeof info->acts.model);
    json_int_t ctx = json_integer_value(json_object_get(json_object_get(config, "buffer"), "ctx_len"));
    if (ctx > 0) info->acts.ctx = ctx;
    if (!submodule || sscanf(submodule, "resid_post_layer_%d%n", &layer, &end) != 1 || submodule[end]) return;
    snprintf(info->acts.hook_name, sizeof info->acts.hook_name, "blocks.%d.hook_resid_post", layer);
    info->knows_centering = true;
}

/* ---- reading ------------------------------------------------------------------------------------------------ */

/* Before threshold_start_step the threshold is −1. */
static sae_status read_threshold(sae_source *source, sae_model *model, sae_error *err)
{
    double theta = (double)NAN;
    sae_status status;
    SAE_TRY(sae_layout_scalar(source->file, "threshold", &theta, err));
    if (theta == -1) theta = (double)NAN;
    SAE_TRY(sae_source_theta(source, theta, "its training ended before threshold_start_step", &theta, err));
    sae_fill_threshold(model, theta);
done:
    return status;
}

static sae_status read(sae_source *source, sae_model **out, sae_error *err)
{
    static const sae_arch archs[] = {
        [RELU] = SAE_ARCH_RELU,         [GATED] = SAE_ARCH_JUMPRELU,      [TOPK] = SAE_ARCH_TOPK,
        [JUMPRELU] = SAE_ARCH_JUMPRELU, [BATCHTOPK] = SAE_ARCH_BATCHTOPK, [MATRYOSHKA] = SAE_ARCH_MATRYOSHKA};
    sae_status status;
    sae_model *model = NULL;
    json_t *config = NULL;
    size_t class = 0;
    sae_model_info info = {.rule = SAE_RULE_THRESHOLD};
    if (source->config) SAE_TRY(sae_config_open(&config, source->config, err));
    const json_t *trainer = json_object_get(config, "trainer");
    SAE_TRY(find_class(source, trainer, &class, err));
    choice latents = classes[class].latents;
    info.arch = archs[latents];
    info.subtract_b_dec = classes[class].subtract_b_dec;
    SAE_TRY(sae_layout_sizes(&classes[class].layout, source->file, &info.n, &info.d, err));
    SAE_TRY(sae_config_same(trainer, source->config, "activation_dim", info.d, err));
    SAE_TRY(sae_config_same(trainer, source->config, "dict_size", info.n, err));
    if (latents == TOPK) info.rule = SAE_RULE_TOPK;
    bool batch = latents == BATCHTOPK || latents == MATRYOSHKA;
    if (latents == TOPK || batch) SAE_TRY(read_k(source, trainer, &info, err));
    read_origin(config, trainer, &info);
    SAE_TRY(sae_model_allocate(&model, &info, source->path, err));
    SAE_TRY(sae_layout_read(&classes[class].layout, source->file, "its biases", model, err));
    if (latents == GATED) SAE_TRY(sae_layout_gate(source->file, "r_mag", "gate_bias", "its biases", model, err));
    if (batch) SAE_TRY(read_threshold(source, model, err));
    if (classes[class].normalise) sae_fold_decoder_norms(model, true);
    *out = model;
    model = NULL;
done:
    sae_model_free(model);
    json_decref(config);
    return status;
}

const sae_format_entry sae_format_dictionary_learning = {.format = SAE_FORMAT_DICTIONARY_LEARNING,
                                                         .name = "dictionary_learning",
                                                         .config = SAE_DICTIONARY_LEARNING_CONFIG,
                                                         .weights = SAE_DICTIONARY_LEARNING_WEIGHTS,
                                                         .holds = holds,
                                                         .read = read,
                                                         .write = sae_dictionary_learning_write};
