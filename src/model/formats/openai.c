/* OpenAI's .pt files: a state dict with the activation function beside the weights. */
#include "model/formats/format.h"

#include "base/error.h"
#include "base/file.h"
#include "model/formats/layout.h"

#include <stdio.h>
#include <string.h>

static const sae_layout layout = {.W_enc = "encoder.weight",
                                  .W_dec = "decoder.weight",
                                  .b_enc = "latent_bias",
                                  .b_dec = "pre_bias",
                                  .W_dec_by_input = true};

static bool holds(const sae_tensor_file *file)
{
    return sae_tensor_file_find(file, "pre_bias") && sae_tensor_file_find(file, "latent_bias");
}

/* A text beside the tensors, or NULL. */
static const char *text_of(const sae_tensor_file *file, const char *name)
{
    const sae_value *value = sae_tensor_file_value(file, name);
    return value && value->type == SAE_VALUE_TEXT ? value->text : NULL;
}

static sae_status read_topk(const sae_tensor_file *file, sae_model_info *info, sae_error *err)
{
    const char *path = sae_tensor_file_path(file), *after = text_of(file, "activation_state_dict.postact_fn");
    const sae_value *k = sae_tensor_file_value(file, "activation_state_dict.k");
    if (after && strcmp(after, "ReLU") != 0)
        return sae_fail(err, SAE_E_UNSUPPORTED, "%s: TopK is followed by %s; only ReLU is read", path, after);
    if (!k || k->type != SAE_VALUE_INT)
        return sae_fail(err, SAE_E_FORMAT, "%s: its activation is TopK, but k is not in activation_state_dict", path);
    if (k->integer < 1 || k->integer > info->n)
        return sae_fail(err, SAE_E_FORMAT, "%s: k is %lld; with %lld latents it must be from 1 to %lld", path,
                        (long long)k->integer, (long long)info->n, (long long)info->n);
    info->rule = SAE_RULE_TOPK;
    info->arch = SAE_ARCH_TOPK;
    info->k = k->integer;
    /* not in the file: the tool standardises the inputs of exactly those SAEs */
    info->input_norm = SAE_INPUT_TOKEN;
    return SAE_OK;
}

static sae_status read(sae_source *source, sae_model **out, sae_error *err)
{
    sae_status status;
    sae_model *model = NULL;
    const sae_tensor_file *file = source->file;
    const char *activation = text_of(file, "activation");
    sae_model_info info = {.rule = SAE_RULE_THRESHOLD, .arch = SAE_ARCH_RELU, .subtract_b_dec = true};
    SAE_TRY(sae_layout_sizes(&layout, file, &info.n, &info.d, err));
    if (!activation) activation = "ReLU"; /* as the tool takes it */
    if (strcmp(activation, "TopK") == 0) {
        SAE_TRY(read_topk(file, &info, err));
    } else if (strcmp(activation, "ReLU") != 0) {
        status = sae_fail(err, SAE_E_UNSUPPORTED, "%s: its activation is %s; ReLU and TopK are read",
                          sae_tensor_file_path(file), activation);
        goto done;
    }
    SAE_TRY(sae_model_allocate(&model, &info, source->path, err));
    SAE_TRY(sae_layout_read(&layout, file, "its biases", model, err));
    *out = model;
    model = NULL;
done:
    sae_model_free(model);
    return status;
}

const sae_format_entry sae_format_openai = {
    .format = SAE_FORMAT_OPENAI, .name = "openai", .holds = holds, .read = read};
