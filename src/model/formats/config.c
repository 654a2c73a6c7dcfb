#include "model/formats/config.h"

#include "base/error.h"
#include "base/file.h"
#include "io/json.h"

#include <string.h>

enum { CONFIG_LIMIT = 16 << 20, CONFIG_DEPTH = 32 };

sae_status sae_config_open(json_t **out, const char *path, sae_error *err)
{
    json_t *config = NULL;
    sae_status status = sae_json_read(&config, path, CONFIG_LIMIT, CONFIG_DEPTH, err);
    if (status != SAE_OK) return status;
    if (!json_is_object(config)) {
        json_decref(config);
        return sae_fail(err, SAE_E_FORMAT, "%s does not hold a JSON object", path);
    }
    *out = config;
    return SAE_OK;
}

sae_status sae_config_count(const json_t *config, const char *path, const char *key, int64_t *out, sae_error *err)
{
    const json_t *value = json_object_get(config, key);
    if (!json_is_integer(value))
        return sae_fail(err, SAE_E_FORMAT, "%s: \"%s\" is %s", path, key, value ? "not a whole number" : "missing");
    json_int_t count = json_integer_value(value);
    if (count < 1 || count > INT32_MAX)
        return sae_fail(err, SAE_E_FORMAT, "%s: \"%s\" is %lld; it must be from 1 to %d", path, key, (long long)count,
                        INT32_MAX);
    *out = count;
    return SAE_OK;
}

sae_status sae_config_optional_count(const json_t *config, const char *path, const char *key, int64_t *out,
                                     sae_error *err)
{
    const json_t *value = json_object_get(config, key);
    return !value || json_is_null(value) ? SAE_OK : sae_config_count(config, path, key, out, err);
}

sae_status sae_config_k(const json_t *config, const char *path, const char *key, int64_t n, int64_t *out,
                        sae_error *err)
{
    int64_t k = 0;
    sae_status status = sae_config_count(config, path, key, &k, err);
    if (status != SAE_OK) return status;
    if (k > n)
        return sae_fail(err, SAE_E_FORMAT, "%s: \"%s\" is %lld; with %lld latents it must be from 1 to %lld", path, key,
                        (long long)k, (long long)n, (long long)n);
    *out = k;
    return SAE_OK;
}

sae_status sae_config_same(const json_t *config, const char *path, const char *key, int64_t value, sae_error *err)
{
    int64_t said = value;
    sae_status status = sae_config_optional_count(config, path, key, &said, err);
    if (status == SAE_OK && said != value)
        return sae_fail(err, SAE_E_FORMAT, "%s: \"%s\" is %lld, but the weights beside it have %lld", path, key,
                        (long long)said, (long long)value);
    return status;
}

sae_status sae_config_bool(const json_t *config, const char *path, const char *key, bool *out, sae_error *err)
{
    const json_t *value = json_object_get(config, key);
    if (!value || json_is_null(value)) return SAE_OK;
    if (!json_is_boolean(value)) return sae_fail(err, SAE_E_FORMAT, "%s: \"%s\" is neither true nor false", path, key);
    *out = json_is_true(value);
    return SAE_OK;
}

void sae_config_text(const json_t *value, char *out, size_t size)
{
    const char *text = json_string_value(value);
    if (text) sae_printable(text, strlen(text), out, size);
}
