/* Texts that come as lines of JSON. */
#include "lm/bpe.h"

#include "base/error.h"
#include "base/file.h"

#include <jansson.h>
#include <string.h>

sae_status sae_bpe_encode_json_line(sae_bpe_worker *worker, const char *line, size_t length, const char *path,
                                    int64_t number, bool parse_special, sae_ids *ids, sae_error *err)
{
    json_error_t why;
    json_t *object = json_loadb(line, length, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, &why);
    if (!object) {
        if (json_error_code(&why) == json_error_out_of_memory) return sae_fail_memory(err, path, length);
        char reason[JSON_ERROR_TEXT_LENGTH];
        sae_printable(why.text, strlen(why.text), reason, sizeof reason);
        return sae_fail(err, SAE_E_FORMAT, "%s, line %lld, is not JSON: %s", path, (long long)number, reason);
    }
    const json_t *text = json_object_get(object, "text");
    sae_status status =
        json_is_string(text)
            ? sae_bpe_encode(worker, json_string_value(text), json_string_length(text), parse_special, ids, err)
            : sae_fail(err, SAE_E_FORMAT, "%s, line %lld, is not an object with a \"text\" that is a string", path,
                       (long long)number);
    json_decref(object);
    return status;
}
