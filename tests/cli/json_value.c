/* json_value PATH < JSON: checks that stdin is one valid JSON object without duplicate keys, and prints the value at
 * PATH (keys and indices separated by dots): strings bare, arrays as [N], objects as {N}. Exit status 1 otherwise. */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const json_t *step(const json_t *at, const char *key)
{
    if (json_is_array(at)) return json_array_get(at, (size_t)strtoul(key, NULL, 10));
    return json_object_get(at, key);
}

static void print(const json_t *value)
{
    if (json_is_string(value))
        puts(json_string_value(value));
    else if (json_is_array(value))
        printf("[%zu]\n", json_array_size(value));
    else if (json_is_object(value))
        printf("{%zu}\n", json_object_size(value));
    else if (json_is_integer(value))
        printf("%" JSON_INTEGER_FORMAT "\n", json_integer_value(value));
    else if (json_is_real(value))
        printf("%.17g\n", json_real_value(value));
    else
        puts(json_is_true(value) ? "true" : json_is_false(value) ? "false" : "null");
}

int main(int argc, char **argv)
{
    json_error_t error;
    json_t *whole = json_loadf(stdin, JSON_REJECT_DUPLICATES, &error);
    if (!whole || !json_is_object(whole)) {
        fprintf(stderr, "json_value: %s\n", whole ? "not an object" : error.text);
        json_decref(whole);
        return 1;
    }
    const json_t *at = whole;
    char path[512];
    snprintf(path, sizeof path, "%s", argc > 1 ? argv[1] : "");
    char *rest = path;
    while (at && *rest) {
        char *key = rest;
        rest += strcspn(rest, ".");
        if (*rest) *rest++ = 0;
        at = step(at, key);
    }
    if (at)
        print(at);
    else
        fprintf(stderr, "json_value: no %s\n", argc > 1 ? argv[1] : "");
    json_decref(whole);
    return at ? 0 : 1;
}
