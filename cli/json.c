#include "cli/json.h"

#include "cli/utf8.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static void write_string(FILE *out, const char *text, size_t size)
{
    fputc('"', out);
    for (size_t i = 0; i < size;) {
        const unsigned char *s = (const unsigned char *)text + i;
        size_t length = cli_utf8_length(text + i, size - i);
        if (length == 0) {
            fputs("\\ufffd", out);
            length = 1;
        } else if (*s == '"' || *s == '\\') {
            fprintf(out, "\\%c", *s);
        } else if (*s < 0x20 || *s == 0x7F) {
            fprintf(out, "\\u%04x", *s);
        } else {
            fwrite(s, 1, length, out);
        }
        i += length;
    }
    fputc('"', out);
}

/* What comes before a value: a comma, and its key. */
static void lead(cli_json *json, const char *key)
{
    if (!json->level[json->depth].first) fputc(',', json->out);
    json->level[json->depth].first = false;
    if (key) {
        write_string(json->out, key, strlen(key));
        fputc(':', json->out);
    }
}

static void open_level(cli_json *json, char opener, char closer)
{
    fputc(opener, json->out);
    if (json->depth + 1 >= CLI_JSON_DEPTH) abort(); /* results are not nested that deep: a mistake in the program */
    json->depth++;
    json->level[json->depth].closer = closer;
    json->level[json->depth].first = true;
}

void cli_json_start(cli_json *json, FILE *out)
{
    *json = (cli_json){.out = out};
    open_level(json, '{', '}');
}

void cli_json_finish(cli_json *json)
{
    while (json->depth > 0) cli_json_end(json);
    fputc('\n', json->out);
}

void cli_json_object(cli_json *json, const char *key)
{
    lead(json, key);
    open_level(json, '{', '}');
}

void cli_json_array(cli_json *json, const char *key)
{
    lead(json, key);
    open_level(json, '[', ']');
}

void cli_json_end(cli_json *json)
{
    fputc(json->level[json->depth].closer, json->out);
    json->depth--;
}

void cli_json_null(cli_json *json, const char *key)
{
    lead(json, key);
    fputs("null", json->out);
}

void cli_json_bool(cli_json *json, const char *key, bool value)
{
    lead(json, key);
    fputs(value ? "true" : "false", json->out);
}

void cli_json_int(cli_json *json, const char *key, int64_t value)
{
    lead(json, key);
    fprintf(json->out, "%" PRId64, value);
}

void cli_json_real(cli_json *json, const char *key, double value)
{
    lead(json, key);
    if (!isfinite(value)) {
        fputs("null", json->out);
        return;
    }
    char text[40];
    for (int digits = 15; digits <= 17; digits++) {
        snprintf(text, sizeof text, "%.*g", digits, value);
        if (strtod(text, NULL) == value) break;
    }
    fputs(text, json->out);
}

static void float_value(cli_json *json, float value)
{
    lead(json, NULL);
    if (!isfinite(value)) {
        fputs("null", json->out);
        return;
    }
    char text[32];
    for (int digits = 6; digits <= 9; digits++) {
        snprintf(text, sizeof text, "%.*g", digits, (double)value);
        if (strtof(text, NULL) == value) break;
    }
    fputs(text, json->out);
}

void cli_json_bytes(cli_json *json, const char *key, const char *text, size_t length)
{
    lead(json, key);
    write_string(json->out, text, length);
}

void cli_json_text(cli_json *json, const char *key, const char *text)
{
    if (text)
        cli_json_bytes(json, key, text, strlen(text));
    else
        cli_json_null(json, key);
}

void cli_json_known(cli_json *json, const char *key, const char *text)
{
    cli_json_text(json, key, text && *text ? text : NULL);
}

void cli_json_reals(cli_json *json, const char *key, const double *values, int64_t count)
{
    if (!values) {
        cli_json_null(json, key);
        return;
    }
    cli_json_array(json, key);
    for (int64_t i = 0; i < count; i++) cli_json_real(json, NULL, values[i]);
    cli_json_end(json);
}

void cli_json_floats(cli_json *json, const char *key, const float *values, int64_t count)
{
    if (!values) {
        cli_json_null(json, key);
        return;
    }
    cli_json_array(json, key);
    for (int64_t i = 0; i < count; i++) float_value(json, values[i]);
    cli_json_end(json);
}

void cli_json_ids(cli_json *json, const char *key, const int32_t *values, int64_t count)
{
    if (!values) {
        cli_json_null(json, key);
        return;
    }
    cli_json_array(json, key);
    for (int64_t i = 0; i < count; i++)
        if (values[i] >= 0)
            cli_json_int(json, NULL, values[i]);
        else
            cli_json_null(json, NULL);
    cli_json_end(json);
}

void cli_json_ints(cli_json *json, const char *key, const int64_t *values, int64_t count)
{
    if (!values) {
        cli_json_null(json, key);
        return;
    }
    cli_json_array(json, key);
    for (int64_t i = 0; i < count; i++) cli_json_int(json, NULL, values[i]);
    cli_json_end(json);
}
