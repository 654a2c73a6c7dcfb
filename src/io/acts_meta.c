#include "io/acts_meta.h"

#include "base/error.h"
#include "io/dtype.h"
#include "io/json.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define MAX_FILE (1 << 20)

void sae_shard_name(int64_t index, char out[SAE_SHARD_NAME])
{
    snprintf(out, SAE_SHARD_NAME, "acts-%05" PRId64 ".safetensors", index);
}

static sae_status bad_key(const char *path, const char *key, const char *need, sae_error *err)
{
    return sae_fail(err, SAE_E_FORMAT, "%s: \"%s\" must be %s", path, key, need);
}

/* Text of at most size − 1 bytes; "" when the key is missing or null. */
static sae_status get_text(const json_t *json, const char *path, const char *key, char *out, size_t size,
                           sae_error *err)
{
    const json_t *value = json_object_get(json, key);
    out[0] = 0;
    if (!value || json_is_null(value)) return SAE_OK;
    if (!json_is_string(value) || json_string_length(value) >= size)
        return bad_key(path, key, "a text of reasonable length", err);
    memcpy(out, json_string_value(value), json_string_length(value) + 1);
    return SAE_OK;
}

static sae_status get_count(const json_t *json, const char *path, const char *key, bool required, int64_t *out,
                            sae_error *err)
{
    const json_t *value = json_object_get(json, key);
    if (!required && (!value || json_is_null(value))) return SAE_OK;
    if (!json_is_integer(value) || json_integer_value(value) < 1)
        return bad_key(path, key, "a whole number from 1 up", err);
    *out = json_integer_value(value);
    return SAE_OK;
}

static sae_status get_bool(const json_t *json, const char *path, const char *key, bool *out, sae_error *err)
{
    const json_t *value = json_object_get(json, key);
    if (!value || json_is_null(value)) return SAE_OK;
    if (!json_is_boolean(value)) return bad_key(path, key, "true or false", err);
    *out = json_is_true(value);
    return SAE_OK;
}

sae_status sae_acts_meta_read(sae_acts_meta *out, const char *path, sae_error *err)
{
    sae_status status;
    json_t *json = NULL;
    sae_acts_meta meta = {0};
    char dtype[16];
    SAE_TRY(sae_json_read(&json, path, MAX_FILE, 8, err));
    SAE_TRY(get_text(json, path, "model", meta.model, sizeof meta.model, err));
    SAE_TRY(get_text(json, path, "hook_name", meta.hook_name, sizeof meta.hook_name, err));
    SAE_TRY(get_count(json, path, "d", true, &meta.d, err));
    SAE_TRY(get_count(json, path, "n_tokens", true, &meta.n_tokens, err));
    SAE_TRY(get_count(json, path, "ctx", false, &meta.ctx, err));
    SAE_TRY(get_text(json, path, "dtype", dtype, sizeof dtype, err));
    SAE_TRY(get_bool(json, path, "prepend_bos", &meta.prepend_bos, err));
    SAE_TRY(get_bool(json, path, "center_residual", &meta.center_residual, err));
    SAE_TRY(get_text(json, path, "precision", meta.precision, sizeof meta.precision, err));
    meta.dtype = sae_dtype_parse(dtype);
    if (!sae_dtype_is_float(meta.dtype) || meta.dtype == SAE_DTYPE_F64)
        SAE_TRY(bad_key(path, "dtype", "\"f32\", \"f16\" or \"bf16\"", err));
    *out = meta;
done:
    json_decref(json);
    return status;
}

static json_t *known_text(const char *text)
{
    return *text ? sae_json_text(text) : json_null();
}

sae_status sae_acts_meta_write(const sae_acts_meta *meta, const char *path, sae_error *err)
{
    json_t *json =
        json_pack("{s:o, s:o, s:I, s:I, s:o, s:s, s:b, s:b, s:o}", "model", known_text(meta->model), "hook_name",
                  known_text(meta->hook_name), "d", (json_int_t)meta->d, "n_tokens", (json_int_t)meta->n_tokens, "ctx",
                  meta->ctx > 0 ? json_integer((json_int_t)meta->ctx) : json_null(), "dtype",
                  sae_dtype_name(meta->dtype), "prepend_bos", (int)meta->prepend_bos, "center_residual",
                  (int)meta->center_residual, "precision", known_text(meta->precision));
    sae_status status = sae_json_write(path, json, err);
    json_decref(json);
    return status;
}
