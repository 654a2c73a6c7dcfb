/* The BatchTopK and Matryoshka repositories: config.json and sae.pt, both flat. The encoder's bias is in every file,
 * but only vanilla and jumprelu use it; only jumprelu does not centre its inputs. */
#include "model/formats/format.h"

#include "base/error.h"
#include "base/file.h"
#include "model/formats/config.h"
#include "model/formats/layout.h"

#include <math.h>
#include <string.h>

static const char config_name[] = "config.json", weights_name[] = "sae.pt", log_threshold[] = "jumprelu.log_threshold";

/* Kinds by a part of sae_type, the first that fits: "batchtopk", "global-matryoshka-topk", … */
static const struct {
    const char *part;
    sae_rule rule;
    sae_arch arch;
} kinds[] = {
    {"vanilla", SAE_RULE_THRESHOLD, SAE_ARCH_RELU},
    {"jumprelu", SAE_RULE_THRESHOLD, SAE_ARCH_JUMPRELU},
    {"matryoshka", SAE_RULE_THRESHOLD, SAE_ARCH_MATRYOSHKA},
    {"batch", SAE_RULE_THRESHOLD, SAE_ARCH_BATCHTOPK},
    {"topk", SAE_RULE_TOPK, SAE_ARCH_TOPK},
};

static bool takes_from_batch(sae_arch arch)
{
    return arch == SAE_ARCH_BATCHTOPK || arch == SAE_ARCH_MATRYOSHKA;
}

static bool holds(const sae_tensor_file *file)
{
    return sae_tensor_file_kind(file) == SAE_FILE_TORCH && sae_tensor_file_find(file, "W_enc") &&
           sae_tensor_file_find(file, "W_dec");
}

static sae_status read_kind(const json_t *cfg, const char *path, sae_model_info *info, sae_error *err)
{
    const char *type = json_string_value(json_object_get(cfg, "sae_type"));
    if (!type) return sae_fail(err, SAE_E_FORMAT, "%s: \"sae_type\" is missing or not text", path);
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        if (!strstr(type, kinds[i].part)) continue;
        info->rule = kinds[i].rule;
        info->arch = kinds[i].arch;
        return SAE_OK;
    }
    char shown[64];
    sae_printable(type, strlen(type), shown, sizeof shown);
    return sae_fail(err, SAE_E_UNSUPPORTED, "%s: sae_type \"%s\" is not read", path, shown);
}

/* Whether tokens are standardised changes everything and can be seen from nothing else. */
static sae_status read_input(const json_t *cfg, const char *path, sae_model_info *info, sae_error *err)
{
    bool standardised = false;
    if (!json_is_boolean(json_object_get(cfg, "input_unit_norm")))
        return sae_fail(err, SAE_E_FORMAT,
                        "%s: \"input_unit_norm\" is missing or neither true nor false; write there whether the SAE was "
                        "trained with it",
                        path);
    sae_status status = sae_config_bool(cfg, path, "input_unit_norm", &standardised, err);
    info->input_norm = standardised ? SAE_INPUT_TOKEN : SAE_INPUT_PLAIN;
    return status;
}

static void read_origin(const json_t *cfg, sae_model_info *info)
{
    sae_config_text(json_object_get(cfg, "model_name"), info->acts.model, sizeof info->acts.model);
    sae_config_text(json_object_get(cfg, "hook_point"), info->acts.hook_name, sizeof info->acts.hook_name);
    json_int_t ctx = json_integer_value(json_object_get(cfg, "seq_len"));
    if (ctx > 0) info->acts.ctx = ctx;
}

static sae_status read_thresholds(sae_source *source, sae_model *model, sae_error *err)
{
    sae_status status = SAE_OK;
    double theta = (double)NAN;
    if (model->info.arch == SAE_ARCH_JUMPRELU)
        return sae_layout_log_threshold(source->file, log_threshold, "its biases", model, err);
    if (!takes_from_batch(model->info.arch)) return SAE_OK;
    SAE_TRY(sae_layout_scalar(source->file, "threshold", &theta, err));
    SAE_TRY(sae_source_theta(source, theta, "its repository does not estimate one", &theta, err));
    sae_fill_threshold(model, theta);
done:
    return status;
}

static sae_status read(sae_source *source, sae_model **out, sae_error *err)
{
    sae_status status;
    sae_model *model = NULL;
    json_t *cfg = NULL;
    sae_model_info info = {0};
    sae_layout layout = {
        .W_enc = "W_enc", .W_dec = "W_dec", .b_enc = "b_enc", .b_dec = "b_dec", .W_enc_by_input = true};
    SAE_TRY(sae_source_need_config(source, config_name, err));
    SAE_TRY(sae_config_open(&cfg, source->config, err));
    SAE_TRY(read_kind(cfg, source->config, &info, err));
    SAE_TRY(read_input(cfg, source->config, &info, err));
    SAE_TRY(sae_layout_sizes(&layout, source->file, &info.n, &info.d, err));
    SAE_TRY(sae_config_same(cfg, source->config, "act_size", info.d, err));
    if (info.arch == SAE_ARCH_TOPK)
        SAE_TRY(sae_config_k(cfg, source->config, "top_k", info.n, &info.k, err));
    else if (takes_from_batch(info.arch))
        SAE_TRY(sae_config_optional_count(cfg, source->config, "top_k", &info.k, err));
    layout.b_enc_unused = info.arch == SAE_ARCH_TOPK || takes_from_batch(info.arch);
    info.subtract_b_dec = info.arch != SAE_ARCH_JUMPRELU;
    read_origin(cfg, &info);
    SAE_TRY(sae_model_allocate(&model, &info, source->path, err));
    SAE_TRY(sae_layout_read(&layout, source->file, "its biases", model, err));
    SAE_TRY(read_thresholds(source, model, err));
    *out = model;
    model = NULL;
done:
    sae_model_free(model);
    json_decref(cfg);
    return status;
}

const sae_format_entry sae_format_batchtopk = {.format = SAE_FORMAT_BATCHTOPK,
                                               .name = "batchtopk",
                                               .config = config_name,
                                               .weights = weights_name,
                                               .holds = holds,
                                               .read = read};
