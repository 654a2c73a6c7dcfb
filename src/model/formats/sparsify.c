/* EleutherAI's sparsify: cfg.json and sae.safetensors. TopK; inputs are always centred. */
#include "model/formats/format.h"

#include "base/alloc.h"
#include "base/error.h"
#include "base/file.h"
#include "io/archive_write.h"
#include "io/json.h"
#include "model/fold.h"
#include "model/formats/config.h"
#include "model/formats/layout.h"
#include "model/formats/saelens.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static const char config_name[] = "cfg.json", weights_name[] = "sae.safetensors";

static const sae_layout layout = {
    .W_enc = "encoder.weight", .W_dec = "W_dec", .b_enc = "encoder.bias", .b_dec = "b_dec"};

/* num_latents, where 0 means d_in · expansion_factor. */
static sae_status read_sizes(const json_t *cfg, const char *path, sae_model_info *info, sae_error *err)
{
    sae_status status;
    int64_t factor = 0;
    const json_t *latents = json_object_get(cfg, "num_latents");
    SAE_TRY(sae_config_count(cfg, path, "d_in", &info->d, err));
    if (json_is_integer(latents) && json_integer_value(latents) != 0) {
        SAE_TRY(sae_config_count(cfg, path, "num_latents", &info->n, err));
        goto done;
    }
    if (latents && !json_is_integer(latents)) {
        status = sae_fail(err, SAE_E_FORMAT, "%s: \"num_latents\" is not a whole number", path);
        goto done;
    }
    SAE_TRY(sae_config_optional_count(cfg, path, "expansion_factor", &factor, err));
    if (factor == 0)
        status = sae_fail(err, SAE_E_FORMAT, "%s: \"num_latents\" is %s, and \"expansion_factor\" is missing", path,
                          latents ? "0" : "missing");
    info->n = factor * info->d;
done:
    return status;
}

/* Things that are not an autoencoder with TopK. */
static sae_status refuse_others(const json_t *cfg, const char *path, sae_error *err)
{
    static const char *const flags[] = {"transcode", "skip_connection", "signed"};
    const json_t *activation = json_object_get(cfg, "activation");
    const char *name = json_string_value(activation);
    if (activation && (!name || strcmp(name, "topk") != 0)) {
        char shown[64] = "something else";
        if (name) sae_printable(name, strlen(name), shown, sizeof shown);
        return sae_fail(err, SAE_E_UNSUPPORTED, "%s: the activation function is %s; only topk is read", path, shown);
    }
    for (size_t i = 0; i < sizeof flags / sizeof *flags; i++) {
        bool set = false;
        sae_status status = sae_config_bool(cfg, path, flags[i], &set, err);
        if (status != SAE_OK) return status;
        if (set)
            return sae_fail(err, SAE_E_UNSUPPORTED, "%s: \"%s\" is true; this is not a plain sparse autoencoder", path,
                            flags[i]);
    }
    return SAE_OK;
}

/* The directory is called after the module whose output was taken ("layers.10", "h.5"), the one above has the run's
 * config.json. sparsify runs models as Hugging Face has them: nothing is centred. */
static void read_origin(const sae_source *source, sae_model_info *info)
{
    char name[128], above[32];
    int layer, end = 0;
    json_t *run = NULL;
    char *dir = sae_strdup(source->config);
    if (!dir) return;
    dir[strlen(dir) - (sizeof config_name - 1)] = 0;
    sae_path_name(*dir ? dir : ".", name, sizeof name);
    const char *dot = strrchr(name, '.');
    bool stream = strncmp(name, "layers.", 7) == 0 || strncmp(name, "h.", 2) == 0;
    if (stream && sscanf(dot, ".%d%n", &layer, &end) == 1 && dot[end] == 0) {
        snprintf(info->acts.hook_name, sizeof info->acts.hook_name, "blocks.%d.hook_resid_post", layer);
        info->knows_centering = true;
    }
    snprintf(above, sizeof above, "../config.json");
    char *config = sae_path_join(*dir ? dir : ".", above);
    if (config && sae_file_exists(config) && sae_config_open(&run, config, NULL) == SAE_OK)
        sae_config_text(json_object_get(run, "model"), info->acts.model, sizeof info->acts.model);
    json_decref(run);
    sae_free(config);
    sae_free(dir);
}

static sae_status read(sae_source *source, sae_model **out, sae_error *err)
{
    sae_status status;
    sae_model *model = NULL;
    json_t *cfg = NULL;
    sae_model_info info = {.rule = SAE_RULE_TOPK, .arch = SAE_ARCH_TOPK, .subtract_b_dec = true};
    SAE_TRY(sae_source_need_config(source, config_name, err));
    SAE_TRY(sae_config_open(&cfg, source->config, err));
    SAE_TRY(read_sizes(cfg, source->config, &info, err));
    SAE_TRY(refuse_others(cfg, source->config, err));
    SAE_TRY(sae_config_k(cfg, source->config, "k", info.n, &info.k, err));
    if (json_object_get(cfg, "metadata"))
        sae_saelens_metadata_read(cfg, &info);
    else
        read_origin(source, &info);
    SAE_TRY(sae_model_allocate(&model, &info, source->path, err));
    SAE_TRY(sae_layout_read(&layout, source->file, config_name, model, err));
    *out = model;
    model = NULL;
done:
    sae_model_free(model);
    json_decref(cfg);
    return status;
}

/* ---- writing ------------------------------------------------------------------------------------------------ */

static bool has_unit_rows(const sae_model *model)
{
    int64_t d = model->info.d;
    for (int64_t i = 0; i < model->info.n; i++) {
        const float *row = model->weights.W_dec + i * d;
        double square = 0;
        for (int64_t j = 0; j < d; j++) square += (double)row[j] * (double)row[j];
        if (fabs(sqrt(square) - 1) > 1e-4) return false;
    }
    return true;
}

static sae_status write_config(const sae_model *model, const char *path, sae_error *err)
{
    const sae_model_info *info = &model->info;
    json_int_t factor = info->n % info->d == 0 ? info->n / info->d : 32; /* num_latents decides */
    json_t *cfg = json_pack("{s:s, s:I, s:b, s:I, s:I, s:b, s:b, s:b, s:I}", "activation", "topk", "expansion_factor",
                            factor, "normalize_decoder", has_unit_rows(model), "num_latents", (json_int_t)info->n, "k",
                            (json_int_t)info->k, "multi_topk", 0, "skip_connection", 0, "transcode", 0, "d_in",
                            (json_int_t)info->d);
    bool bad = !cfg || sae_saelens_metadata_write(cfg, info, false) != 0;
    sae_status status = bad ? sae_fail_memory(err, path, 0) : sae_json_write(path, cfg, err);
    json_decref(cfg);
    return status;
}

static sae_status write(const sae_model *model, const char *path, sae_error *err)
{
    sae_status status;
    const sae_model_info *info = &model->info;
    const sae_weights *w = &model->weights;
    sae_format_paths paths = {0};
    float *b_enc = NULL;
    if (info->rule != SAE_RULE_TOPK)
        return sae_fail(
            err, SAE_E_UNSUPPORTED,
            "sparsify has only TopK and no thresholds, which this SAE (%s) chooses its latents by; write it as "
            "saelens, dictionary_learning or npz",
            sae_arch_name(info->arch));
    if (info->input_norm == SAE_INPUT_TOKEN)
        return sae_fail(err, SAE_E_UNSUPPORTED,
                        "sparsify does not standardise tokens, which this SAE needs; write it as saelens");
    b_enc = sae_alloc((size_t)info->n, sizeof *b_enc);
    if (!b_enc) return sae_fail_memory(err, path, (size_t)info->n * sizeof *b_enc);
    SAE_TRY(sae_format_prepare(&paths, path, config_name, weights_name, err));
    sae_bias_for_input(model, true, b_enc);
    const sae_tensor tensors[] = {sae_tensor_f32("W_dec", w->W_dec, info->n, info->d),
                                  sae_tensor_f32("b_dec", w->b_dec, info->d, 0),
                                  sae_tensor_f32("encoder.bias", b_enc, info->n, 0),
                                  sae_tensor_f32("encoder.weight", w->W_enc, info->n, info->d)};
    static const char *const meta[] = {"format", "pt"};
    SAE_TRY(sae_safetensors_write(paths.fresh, tensors, sizeof tensors / sizeof *tensors, meta, 1, err));
    SAE_TRY(sae_format_place(&paths, err));
    status = write_config(model, paths.config, err);
done:
    sae_format_done(&paths, status == SAE_OK);
    sae_free(b_enc);
    return status;
}

const sae_format_entry sae_format_sparsify = {.format = SAE_FORMAT_SPARSIFY,
                                              .name = "sparsify",
                                              .config = config_name,
                                              .weights = weights_name,
                                              .read = read,
                                              .write = write};
