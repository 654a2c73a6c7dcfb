/* Reading a SAELens directory. The file has W_enc as [d, n]. Training checkpoints are brought into the form that the
 * tool itself exports: decoder norms, then the scale of the inputs, are folded into the weights. */
#include "base/alloc.h"
#include "base/error.h"
#include "base/file.h"
#include "model/fold.h"
#include "model/formats/config.h"
#include "model/formats/format.h"
#include "model/formats/layout.h"
#include "model/formats/saelens.h"

#include <math.h>
#include <string.h>

/* ---- things beside the weights ------------------------------------------------------------------------------ */

/* The factor that activations were multiplied by in training: 1 when none is declared. */
static sae_status read_scale(const sae_source *source, bool declared, double *out, sae_error *err)
{
    sae_status status = SAE_OK;
    json_t *scaler = NULL;
    bool whitened = false;
    size_t length = strlen(source->config) - strlen(SAE_SAELENS_CONFIG) + sizeof SAE_SAELENS_SCALER;
    char *path = sae_alloc(length, 1);
    if (!path) return sae_fail_memory(err, source->config, length);
    memcpy(path, source->config, length - sizeof SAE_SAELENS_SCALER);
    memcpy(path + length - sizeof SAE_SAELENS_SCALER, SAE_SAELENS_SCALER, sizeof SAE_SAELENS_SCALER);
    *out = 1;
    bool there = sae_file_exists(path);
    if (there) {
        SAE_TRY(sae_config_open(&scaler, path, err));
        SAE_TRY(sae_config_bool(scaler, path, "has_whitening", &whitened, err));
    }
    const json_t *factor = json_object_get(scaler, "scaling_factor");
    double s = json_number_value(factor);
    if (whitened)
        status = sae_fail(
            err, SAE_E_UNSUPPORTED,
            "%s: the weights expect whitened activations; fold that into them with SAELens and save again", path);
    else if (!factor || json_is_null(factor))
        status = declared
                     ? sae_fail(err, SAE_E_FORMAT,
                                "%s: normalize_activations is \"expected_average_only_in\", but the number by which "
                                "activations were scaled is not in %s; fold it into the weights with SAELens and save "
                                "again",
                                source->config, path)
                     : SAE_OK;
    else if (!json_is_number(factor) || !(s > 0) || isinf(s))
        status = sae_fail(err, SAE_E_FORMAT, "%s: \"scaling_factor\" is not a number above 0", path);
    else if (!declared && s != 1)
        status =
            sae_fail(err, SAE_E_FORMAT,
                     "%s has a scaling_factor of %g, but normalize_activations in %s does not ask for one; remove the "
                     "file if the factor is folded into the weights already",
                     path, s, source->config);
    else
        *out = s;
done:
    json_decref(scaler);
    sae_free(path);
    return status;
}

/* Versions before 6 may have a scaling factor per latent, used only when it was fine-tuned. */
static sae_status fold_scaling_factor(const sae_source *source, bool finetuned, sae_model *model, sae_error *err)
{
    sae_status status;
    float *factor = NULL;
    const char *path = sae_tensor_file_path(source->file), *name = "scaling_factor";
    if (!sae_tensor_file_find(source->file, name)) name = "finetuning_scaling_factor"; /* version 5 */
    if (!sae_tensor_file_find(source->file, name))
        return finetuned ? sae_fail(err, SAE_E_FORMAT,
                                    "%s: finetuning_scaling_factor is true, but %s has no tensor scaling_factor",
                                    source->config, path)
                         : SAE_OK;
    SAE_TRY(sae_layout_vector(source->file, name, model->info.n, SAE_SAELENS_CONFIG, &factor, err));
    for (int64_t i = 0; !finetuned && i < model->info.n; i++) {
        if (fabsf(factor[i] - 1) <= 1e-5f) continue;
        status =
            sae_fail(err, SAE_E_FORMAT,
                     "%s: %s is %g at index %lld, but " SAE_SAELENS_CONFIG " does not say finetuning_scaling_factor",
                     path, name, (double)factor[i], (long long)i);
        goto done;
    }
    if (finetuned) sae_fold_output_scale(model, factor);
done:
    sae_free(factor);
    return status;
}

/* ---- weights ------------------------------------------------------------------------------------------------ */

static sae_status read_weights(sae_source *source, const sae_saelens_config *config, sae_model *model, sae_error *err)
{
    sae_status status;
    const sae_tensor_file *file = source->file;
    bool gated = config->form == SAE_SAELENS_GATED;
    bool logarithm = config->form == SAE_SAELENS_JUMPRELU && !sae_tensor_file_find(file, "threshold") &&
                     sae_tensor_file_find(file, "log_threshold");
    const sae_layout layout = {.W_enc = "W_enc",
                               .W_dec = "W_dec",
                               .b_enc = gated ? "b_mag" : "b_enc",
                               .b_dec = "b_dec",
                               .threshold = config->form == SAE_SAELENS_JUMPRELU && !logarithm ? "threshold" : NULL,
                               .W_enc_by_input = true};
    SAE_TRY(sae_layout_read(&layout, file, SAE_SAELENS_CONFIG, model, err));
    if (gated) SAE_TRY(sae_layout_gate(file, "r_mag", "b_gate", SAE_SAELENS_CONFIG, model, err));
    if (logarithm) /* training checkpoints up to version 6.47 */
        SAE_TRY(sae_layout_log_threshold(file, "log_threshold", SAE_SAELENS_CONFIG, model, err));
    if (config->form == SAE_SAELENS_BATCHTOPK) {
        double theta = (double)NAN;
        SAE_TRY(sae_layout_scalar(file, "topk_threshold", &theta, err));
        SAE_TRY(sae_source_theta(source, theta, "a training checkpoint has it as topk_threshold", &theta, err));
        sae_fill_threshold(model, theta);
    }
done:
    return status;
}

static sae_status read(sae_source *source, sae_model **out, sae_error *err)
{
    sae_status status;
    sae_model *model = NULL;
    sae_saelens_config config;
    double scale = 1;
    SAE_TRY(sae_source_need_config(source, SAE_SAELENS_CONFIG, err));
    SAE_TRY(sae_saelens_config_read(source->config, &config, err));
    SAE_TRY(read_scale(source, config.scaled, &scale, err));
    SAE_TRY(sae_model_allocate(&model, &config.info, source->path, err));
    SAE_TRY(read_weights(source, &config, model, err));
    SAE_TRY(fold_scaling_factor(source, config.finetuned, model, err));
    /* θ of a BatchTopK checkpoint is compared with z·‖w‖, as it stands */
    if (config.fold_norms) sae_fold_decoder_norms(model, false);
    if (scale != 1) sae_fold_input_scale(model, scale);
    *out = model;
    model = NULL;
done:
    sae_model_free(model);
    return status;
}

const sae_format_entry sae_format_saelens = {.format = SAE_FORMAT_SAELENS,
                                             .name = "saelens",
                                             .config = SAE_SAELENS_CONFIG,
                                             .weights = SAE_SAELENS_WEIGHTS,
                                             .read = read,
                                             .write = sae_model_save};
