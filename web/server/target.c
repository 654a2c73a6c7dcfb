#include "web/server/target.h"

#include "web/server/fail.h"
#include "web/server/utf8.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- taking it apart -------------------------------------------------------------------------------------- */

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

/* Decodes raw[0 … length) at *write, ends it with NUL and moves *write behind it. */
static sae_status decode(const char *raw, size_t length, bool plus_is_space, char **write, sae_error *err)
{
    char *start = *write, *out = start;
    for (size_t i = 0; i < length; i++) {
        char c = raw[i];
        if (c == '%') {
            int upper = length - i > 2 ? hex_digit(raw[i + 1]) : -1, lower = upper >= 0 ? hex_digit(raw[i + 2]) : -1;
            if (lower < 0)
                return sae_fail(err, SAE_E_ARG, "the address has a %% that no two hexadecimal digits follow");
            c = (char)(upper * 16 + lower);
            i += 2;
        } else if (c == '+' && plus_is_space) {
            c = ' ';
        } else if ((unsigned char)c <= ' ' || (unsigned char)c >= 0x7F) {
            return sae_fail(err, SAE_E_ARG, "the address has a byte that must be written as %%XX");
        }
        if (((unsigned char)c < ' ' && c != '\n' && c != '\t') || c == 0x7F)
            return sae_fail(err, SAE_E_ARG, "the address holds a control character");
        *out++ = c;
    }
    if (!web_utf8_valid(start, (size_t)(out - start)))
        return sae_fail(err, SAE_E_ARG, "the address holds bytes that are no UTF-8");
    *out++ = 0;
    *write = out;
    return SAE_OK;
}

static sae_status read_path(web_target *out, const char *path, size_t length, char **write, sae_error *err)
{
    size_t at = 1;
    while (at < length) {
        const char *slash = memchr(path + at, '/', length - at);
        size_t end = slash ? (size_t)(slash - path) : length;
        if (end == at) return sae_fail(err, SAE_E_ARG, "the address has an empty part between two slashes");
        if (out->n_segments == WEB_TARGET_SEGMENTS) return sae_fail(err, SAE_E_ARG, "the address has too many parts");
        out->segments[out->n_segments++] = *write;
        sae_status status = decode(path + at, end - at, false, write, err);
        if (status != SAE_OK) return status;
        at = end + 1;
    }
    return SAE_OK;
}

static sae_status add_param(web_target *out, const char *text, size_t length, char **write, sae_error *err)
{
    const char *equals = memchr(text, '=', length);
    size_t name_length = equals ? (size_t)(equals - text) : length;
    if (name_length == 0) return sae_fail(err, SAE_E_ARG, "the address has a value without a name");
    if (out->n_params == WEB_TARGET_PARAMS) return sae_fail(err, SAE_E_ARG, "the address has too many parameters");
    web_param *param = &out->params[out->n_params];
    param->name = *write;
    sae_status status = decode(text, name_length, true, write, err);
    if (status != SAE_OK) return status;
    param->value = *write;
    status = equals ? decode(equals + 1, length - name_length - 1, true, write, err) : decode("", 0, true, write, err);
    if (status != SAE_OK) return status;
    if (web_target_text(out, param->name)) return sae_fail(err, SAE_E_ARG, "\"%.60s\" is given twice", param->name);
    out->n_params++;
    return SAE_OK;
}

static sae_status read_query(web_target *out, const char *query, char **write, sae_error *err)
{
    while (*query) {
        size_t length = strcspn(query, "&");
        sae_status status = length > 0 ? add_param(out, query, length, write, err) : SAE_OK;
        if (status != SAE_OK) return status;
        query += length + (query[length] == '&');
    }
    return SAE_OK;
}

sae_status web_target_parse(web_target *out, const char *raw, sae_error *err)
{
    *out = (web_target){0};
    size_t size = strlen(raw);
    if (size > WEB_TARGET_BYTES)
        return sae_fail(err, SAE_E_ARG, "the address is longer than %d bytes", WEB_TARGET_BYTES);
    if (raw[0] != '/') return sae_fail(err, SAE_E_ARG, "the address does not begin with a slash");
    /* Decoding never lengthens; each part takes a NUL, and parts are told apart by a byte except name and value of a
     * parameter without "=". */
    out->text = malloc(size + WEB_TARGET_PARAMS + 2);
    if (!out->text) return web_fail_memory(err);
    char *write = out->text;
    size_t length = strcspn(raw, "?");
    sae_status status = read_path(out, raw, length, &write, err);
    if (status == SAE_OK && raw[length] == '?') status = read_query(out, raw + length + 1, &write, err);
    return status;
}

void web_target_clear(web_target *target)
{
    free(target->text);
    *target = (web_target){0};
}

/* ---- what it says ----------------------------------------------------------------------------------------- */

const char *web_target_text(const web_target *target, const char *name)
{
    for (size_t i = 0; i < target->n_params; i++)
        if (strcmp(target->params[i].name, name) == 0) return target->params[i].value;
    return NULL;
}

static bool read_int(const char *text, int64_t min, int64_t max, int64_t *out)
{
    char *end;
    if (*text != '-' && (*text < '0' || *text > '9')) return false;
    errno = 0;
    long long value = strtoll(text, &end, 10);
    if (*end || end == text || errno || value < min || value > max) return false;
    *out = value;
    return true;
}

sae_status web_target_int(const web_target *target, const char *name, int64_t min, int64_t max, int64_t *out,
                          sae_error *err)
{
    const char *text = web_target_text(target, name);
    if (!text || read_int(text, min, max, out)) return SAE_OK;
    return sae_fail(err, SAE_E_ARG, "\"%s\" is \"%.60s\"; it must be a whole number from %lld to %lld", name, text,
                    (long long)min, (long long)max);
}

sae_status web_target_real(const web_target *target, const char *name, double min, double max, double *out,
                           sae_error *err)
{
    const char *text = web_target_text(target, name);
    if (!text) return SAE_OK;
    /* Digits, a point and an exponent: strtod would also read hexadecimal numbers, "inf" and "nan". */
    bool plain = *text && strspn(text, "0123456789.eE+-") == strlen(text);
    char *end = NULL;
    double value = plain ? strtod(text, &end) : NAN;
    if (!plain || *end || !isfinite(value) || value < min || value > max)
        return sae_fail(err, SAE_E_ARG, "\"%s\" is \"%.60s\"; it must be a number from %g to %g", name, text, min, max);
    *out = value;
    return SAE_OK;
}

sae_status web_target_choice(const web_target *target, const char *name, const char *const *words, int *out,
                             sae_error *err)
{
    const char *text = web_target_text(target, name);
    if (!text) return SAE_OK;
    char list[300] = "";
    for (int i = 0; words[i]; i++) {
        if (strcmp(words[i], text) == 0) {
            *out = i;
            return SAE_OK;
        }
        size_t used = strlen(list);
        snprintf(list + used, sizeof list - used, " %s", words[i]);
    }
    return sae_fail(err, SAE_E_ARG, "\"%s\" is \"%.60s\"; it must be one of:%s", name, text, list);
}

sae_status web_segment_int(const char *segment, const char *what, int64_t max, int64_t *out, sae_error *err)
{
    if (read_int(segment, 0, max, out)) return SAE_OK;
    return sae_fail(err, SAE_E_ARG, "%s \"%.60s\" must be a whole number from 0 to %lld", what, segment,
                    (long long)max);
}
