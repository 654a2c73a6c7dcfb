#include "lm/fields.h"

#include "base/error.h"
#include "io/json.h"

#define MAX_DEPTH 32

static const char *type_name(const json_t *value)
{
    switch (json_typeof(value)) {
    case JSON_OBJECT:
        return "an object";
    case JSON_ARRAY:
        return "an array";
    case JSON_STRING:
        return "a text";
    case JSON_INTEGER:
        return "a whole number";
    case JSON_REAL:
        return "a number with a fraction";
    case JSON_TRUE:
    case JSON_FALSE:
        return "true or false";
    case JSON_NULL:
        return "null";
    }
    return "something else";
}

sae_status sae_fields_read(json_t **out, const char *path, size_t limit, sae_error *err)
{
    json_t *root;
    sae_status status = sae_json_read(&root, path, limit, MAX_DEPTH, err);
    if (status != SAE_OK) return status;
    if (!json_is_object(root)) {
        status = sae_fail(err, SAE_E_FORMAT, "%s holds %s; it must be an object", path, type_name(root));
        json_decref(root);
        return status;
    }
    *out = root;
    return SAE_OK;
}

sae_status sae_field_int(const json_t *object, const char *key, int64_t min, int64_t max, const int64_t *fallback,
                         const char *path, int64_t *out, sae_error *err)
{
    const json_t *value = json_object_get(object, key);
    if (!value || json_is_null(value)) {
        if (!fallback) return sae_fail(err, SAE_E_FORMAT, "%s lacks \"%s\"", path, key);
        *out = *fallback;
        return SAE_OK;
    }
    if (!json_is_integer(value))
        return sae_fail(err, SAE_E_FORMAT, "\"%s\" in %s is %s; it must be a whole number", key, path,
                        type_name(value));
    int64_t number = json_integer_value(value);
    if (number < min || number > max)
        return sae_fail(err, SAE_E_FORMAT, "\"%s\" in %s is %lld; it must be from %lld to %lld", key, path,
                        (long long)number, (long long)min, (long long)max);
    *out = number;
    return SAE_OK;
}

sae_status sae_field_bool(const json_t *object, const char *key, bool fallback, const char *path, bool *out,
                          sae_error *err)
{
    const json_t *value = json_object_get(object, key);
    if (value && !json_is_null(value) && !json_is_boolean(value))
        return sae_fail(err, SAE_E_FORMAT, "\"%s\" in %s is %s; it must be true or false", key, path, type_name(value));
    *out = value && !json_is_null(value) ? json_is_true(value) : fallback;
    return SAE_OK;
}

sae_status sae_field_text(const json_t *object, const char *key, const char *path, const char **out, sae_error *err)
{
    const json_t *value = json_object_get(object, key);
    if (value && !json_is_null(value) && !json_is_string(value))
        return sae_fail(err, SAE_E_FORMAT, "\"%s\" in %s is %s; it must be a text", key, path, type_name(value));
    *out = value && json_is_string(value) ? json_string_value(value) : NULL;
    return SAE_OK;
}
