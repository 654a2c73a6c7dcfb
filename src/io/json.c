#include "io/json.h"

#include "base/alloc.h"
#include "base/error.h"
#include "base/file.h"

#include <stdlib.h>
#include <string.h>

size_t sae_json_extent(const char *text, size_t length, int depth)
{
    int open = 0;
    bool in_string = false;
    for (size_t i = 0; i < length; i++) {
        char c = text[i];
        if (in_string) {
            if (c == '\\') i++;
            if (c == '"') in_string = false;
        } else if (c == '"') {
            in_string = true;
        } else if (c == '{' || c == '[') {
            if (++open > depth) return 0;
        } else if (c == '}' || c == ']') {
            if (--open == 0) return i + 1;
        }
        if (open <= 0) return 0;
    }
    return 0;
}

sae_status sae_json_parse(json_t **out, const char *path, const char *text, size_t length, int depth, sae_error *err)
{
    json_error_t why;
    size_t start = 0;
    while (start < length && memchr(" \t\r\n", text[start], 4)) start++;
    if (sae_json_extent(text + start, length - start, depth) == 0)
        return sae_fail(err, SAE_E_FORMAT, "%s is not JSON, is cut short, or is nested more than %d deep", path, depth);
    json_t *json = json_loadb(text, length, JSON_REJECT_DUPLICATES, &why);
    if (!json) {
        if (json_error_code(&why) == json_error_out_of_memory) return sae_fail_memory(err, path, length);
        char reason[JSON_ERROR_TEXT_LENGTH];
        sae_printable(why.text, strlen(why.text), reason, sizeof reason);
        return sae_fail(err, SAE_E_FORMAT, "%s, line %d: not JSON: %s", path, why.line, reason);
    }
    *out = json;
    return SAE_OK;
}

sae_status sae_json_read(json_t **out, const char *path, size_t limit, int depth, sae_error *err)
{
    sae_status status;
    char *text = NULL;
    size_t length;
    SAE_TRY(sae_read_text(path, limit, &text, &length, err));
    SAE_TRY(sae_json_parse(out, path, text, length, depth, err));
done:
    sae_free(text);
    return status;
}

static int write_piece(const char *piece, size_t size, void *stream)
{
    return fwrite(piece, 1, size, stream) == size ? 0 : -1;
}

sae_status sae_json_write(const char *path, const json_t *json, sae_error *err)
{
    sae_status status;
    sae_output out = {0};
    if (!json) return sae_fail_memory(err, path, 0);
    SAE_TRY(sae_output_open(&out, path, err));
    if (json_dump_callback(json, write_piece, out.stream, JSON_INDENT(2) | JSON_REAL_PRECISION(17)) != 0)
        SAE_TRY(sae_fail_errno(err, "cannot write %s", path));
    SAE_TRY(sae_output_write(&out, "\n", 1, err));
    status = sae_output_commit(&out, err);
done:
    sae_output_abort(&out);
    return status;
}

json_t *sae_json_text(const char *text)
{
    json_t *json = json_string(text);
    if (json) return json;
    size_t size = strlen(text) + 1;
    char *shown = sae_alloc(size, 1);
    if (!shown) return NULL;
    sae_printable(text, size - 1, shown, size);
    json = json_string(shown);
    sae_free(shown);
    return json;
}
