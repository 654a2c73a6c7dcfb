/* The SAELens v6 directory: cfg.json says what the SAE is, sae_weights.safetensors holds it. */
#ifndef SAE_MODEL_SAELENS_H
#define SAE_MODEL_SAELENS_H

#include <sae/model.h>

#define SAE_SAELENS_CONFIG  "cfg.json"
#define SAE_SAELENS_WEIGHTS "sae_weights.safetensors"

/* Reads cfg.json. *fold_norms: the file selects on z_i·‖w_i‖ and decodes with w_i/‖w_i‖
 * (rescale_acts_by_decoder_norm), which the reader folds into the weights. *standard: the file has no
 * tensor of thresholds because all are 0. */
sae_status sae_saelens_config_read(const char *path, sae_model_info *info, bool *fold_norms, bool *standard,
                                   sae_error *err);

/* A ReLU SAE: architecture "standard", which has no tensor of thresholds. Everything else that has thresholds is
 * saved as "jumprelu". */
bool sae_saelens_is_standard(const sae_model_info *info);

/* Writes cfg.json: a function of `info` alone. */
sae_status sae_saelens_config_write(const char *path, const sae_model_info *info, sae_error *err);

#endif
