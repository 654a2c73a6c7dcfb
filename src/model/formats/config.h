/* The JSON file that describes an SAE beside its weights, whichever tool wrote it. */
#ifndef SAE_MODEL_FORMATS_CONFIG_H
#define SAE_MODEL_FORMATS_CONFIG_H

#include <jansson.h>
#include <sae/status.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Reads a JSON object of bounded size and depth; SAE_E_FORMAT when the file holds something else. json_decref *out. */
sae_status sae_config_open(json_t **out, const char *path, sae_error *err);

/* A whole number from 1 to 2³¹ − 1; SAE_E_FORMAT when the key is missing or something else. `path` is for messages. */
sae_status sae_config_count(const json_t *config, const char *path, const char *key, int64_t *out, sae_error *err);
/* The same, but a key that is missing or null leaves *out alone. */
sae_status sae_config_optional_count(const json_t *config, const char *path, const char *key, int64_t *out,
                                     sae_error *err);
/* The number of active latents, from 1 to n; SAE_E_FORMAT when the key is missing or something else. */
sae_status sae_config_k(const json_t *config, const char *path, const char *key, int64_t n, int64_t *out,
                        sae_error *err);
/* A size that the file may repeat: SAE_E_FORMAT when it says something else than the weights, `value`. */
sae_status sae_config_same(const json_t *config, const char *path, const char *key, int64_t value, sae_error *err);
/* true or false; a key that is missing or null leaves *out alone. */
sae_status sae_config_bool(const json_t *config, const char *path, const char *key, bool *out, sae_error *err);
/* Text, made printable and cut to size; anything else leaves `out` alone. */
void sae_config_text(const json_t *value, char *out, size_t size);

#endif
