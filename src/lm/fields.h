/* Typed fields of the JSON files of a model directory: errors name the file, the key and what is wrong. */
#ifndef SAE_LM_FIELDS_H
#define SAE_LM_FIELDS_H

#include <sae/status.h>

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Parses a file of at most `limit` bytes whose top level is an object. Release *out with json_decref. */
sae_status sae_fields_read(json_t **out, const char *path, size_t limit, sae_error *err);

/* *out = object[key], a whole number in [min, max]. Missing or null: *fallback; SAE_E_FORMAT if NULL. */
sae_status sae_field_int(const json_t *object, const char *key, int64_t min, int64_t max, const int64_t *fallback,
                         const char *path, int64_t *out, sae_error *err);
/* *out = object[key], true or false; `fallback` when missing or null. */
sae_status sae_field_bool(const json_t *object, const char *key, bool fallback, const char *path, bool *out,
                          sae_error *err);
/* *out = object[key], a text borrowed from the object; NULL when missing or null. */
sae_status sae_field_text(const json_t *object, const char *key, const char *path, const char **out, sae_error *err);

#endif
