/* A writer for JSON results: one object, in one line. NaN and infinities, unknown text and missing arrays
 * become null; text that is not UTF-8 gets U+FFFD for its bad bytes. */
#ifndef CLI_JSON_H
#define CLI_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#define CLI_JSON_DEPTH 16

typedef struct cli_json {
    FILE *out;
    int depth;
    struct {
        char closer;
        bool first;
    } level[CLI_JSON_DEPTH];
} cli_json;

/* Starts the outermost object; cli_json_finish closes it and ends the line. */
void cli_json_start(cli_json *json, FILE *out);
void cli_json_finish(cli_json *json);

/* `key` is NULL inside arrays. */
void cli_json_object(cli_json *json, const char *key);
void cli_json_array(cli_json *json, const char *key);
void cli_json_end(cli_json *json); /* of the innermost object or array */

void cli_json_null(cli_json *json, const char *key);
void cli_json_bool(cli_json *json, const char *key, bool value);
void cli_json_int(cli_json *json, const char *key, int64_t value);
/* The shortest decimal number that reads back as the same double. */
void cli_json_real(cli_json *json, const char *key, double value);
void cli_json_text(cli_json *json, const char *key, const char *text); /* NULL: null */
/* The same for text of known length, which may hold NUL bytes. */
void cli_json_bytes(cli_json *json, const char *key, const char *text, size_t length);
/* "" becomes null: how the library's metadata says unknown. */
void cli_json_known(cli_json *json, const char *key, const char *text);

/* Arrays of numbers; NULL gives null. */
void cli_json_reals(cli_json *json, const char *key, const double *values, int64_t count);
void cli_json_floats(cli_json *json, const char *key, const float *values, int64_t count);
/* Numbers of latents; −1, none, becomes null. */
void cli_json_ids(cli_json *json, const char *key, const int32_t *values, int64_t count);
void cli_json_ints(cli_json *json, const char *key, const int64_t *values, int64_t count);

#endif
