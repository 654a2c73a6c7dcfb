/* The SAELens directory: cfg.json says what the SAE is, sae_weights.safetensors holds it. */
#ifndef SAE_MODEL_FORMATS_SAELENS_H
#define SAE_MODEL_FORMATS_SAELENS_H

#include <jansson.h>
#include <sae/model.h>

#define SAE_SAELENS_CONFIG  "cfg.json"
#define SAE_SAELENS_WEIGHTS "sae_weights.safetensors"
#define SAE_SAELENS_SCALER  "activation_scaler.json"

/* What the tensors of the file are. */
typedef enum sae_saelens_form {
    SAE_SAELENS_STANDARD, /* no thresholds: all are 0 */
    SAE_SAELENS_TOPK,
    SAE_SAELENS_JUMPRELU,
    SAE_SAELENS_GATED,
    SAE_SAELENS_BATCHTOPK /* a training checkpoint: one topk_threshold */
} sae_saelens_form;

typedef struct sae_saelens_config {
    sae_model_info info;
    sae_saelens_form form;
    bool fold_norms; /* the file selects on z_i·‖w_i‖ and decodes with w_i/‖w_i‖ (rescale_acts_by_decoder_norm) */
    bool scaled;     /* the weights expect activations times a number that lies in activation_scaler.json */
    bool finetuned; /* activations are multiplied by the tensor scaling_factor before decoding */
} sae_saelens_config;

/* Reads cfg.json, of version 6 or of the flat kind before it. */
sae_status sae_saelens_config_read(const char *path, sae_saelens_config *out, sae_error *err);

/* A ReLU SAE: architecture "standard", which has no tensor of thresholds. Everything else that has thresholds is
 * saved as "jumprelu". */
bool sae_saelens_is_standard(const sae_model_info *info);

/* Writes cfg.json: a function of `info` alone. */
sae_status sae_saelens_config_write(const char *path, const sae_model_info *info, sae_error *err);

/* What the SAE was trained on, as cfg.json has it under "metadata". Other formats carry it under the same key, which
 * their tools ignore, without the version of the layout. The writer returns 0, or non-zero when out of memory. */
int sae_saelens_metadata_write(json_t *config, const sae_model_info *info, bool version);
void sae_saelens_metadata_read(const json_t *config, sae_model_info *info);

#endif
