/* Recipes: options from a JSON file that also says where they come from. */
#include <sae/train.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/file.h"
#include "io/json.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FILE_LIMIT = 1 << 20, DEPTH = 8 };

/* Option texts, which the configs point to. */
struct sae_recipe {
    char **texts;
    size_t count;
};

void sae_recipe_free(sae_recipe *recipe)
{
    if (!recipe) return;
    for (size_t i = 0; i < recipe->count; i++) sae_free(recipe->texts[i]);
    sae_free(recipe->texts);
    sae_free(recipe);
}

/* ---- the file's form -------------------------------------------------------------------------------- */

typedef struct entry {
    const char *key;
    json_type type;
    const char *type_name;
    bool required;
} entry;

static const entry top[] = {
    {"source", JSON_STRING, "a string", true},          {"options", JSON_OBJECT, "an object", true},
    {"source_values", JSON_OBJECT, "an object", false}, {"cites", JSON_OBJECT, "an object", false},
    {"differs", JSON_ARRAY, "an array", false},
};
static const entry difference[] = {
    {"name", JSON_STRING, "a string", true},
    {"value", JSON_NULL, "", true}, /* of any type */
    {"why", JSON_STRING, "a string", true},
};
enum { TOP = sizeof top / sizeof *top, DIFFERENCE = sizeof difference / sizeof *difference };

/* Keys come from the file: at most some characters of them, and nothing that a terminal obeys. */
static const char *shown(const char *key, char *out, size_t size)
{
    sae_printable(key, strlen(key), out, size);
    return out;
}

/* Whether an object has the entries that it must have, all of their types, and no others. `where` begins messages. */
static sae_status check_object(const json_t *object, const entry *entries, size_t count, const char *where,
                               sae_error *err)
{
    const char *key;
    json_t *value;
    char name[64];
    if (!json_is_object(object)) return sae_fail(err, SAE_E_FORMAT, "%s is not a JSON object", where);
    json_object_foreach((json_t *)object, key, value)
    {
        size_t i = 0;
        while (i < count && strcmp(key, entries[i].key) != 0) i++;
        if (i == count)
            return sae_fail(err, SAE_E_FORMAT, "%s has an unknown key \"%s\"", where, shown(key, name, sizeof name));
        if (entries[i].type != JSON_NULL && json_typeof(value) != entries[i].type)
            return sae_fail(err, SAE_E_FORMAT, "%s: \"%s\" is not %s", where, key, entries[i].type_name);
    }
    for (size_t i = 0; i < count; i++)
        if (entries[i].required && !json_object_get(object, entries[i].key))
            return sae_fail(err, SAE_E_FORMAT, "%s has no \"%s\"", where, entries[i].key);
    return SAE_OK;
}

static sae_status check_form(const json_t *file, const char *path, sae_error *err)
{
    sae_status status;
    const char *key;
    json_t *value;
    char name[64], where[512];
    size_t i;
    SAE_TRY(check_object(file, top, TOP, path, err));
    json_object_foreach(json_object_get(file, "cites"), key, value)
    {
        if (!json_is_string(value))
            return sae_fail(err, SAE_E_FORMAT, "%s: \"%s\" in cites is not a string", path,
                            shown(key, name, sizeof name));
    }
    json_array_foreach(json_object_get(file, "differs"), i, value)
    {
        snprintf(where, sizeof where, "%.400s: entry %zu of differs", path, i + 1);
        SAE_TRY(check_object(value, difference, DIFFERENCE, where, err));
    }
done:
    return status;
}

/* ---- values ----------------------------------------------------------------------------------------- */

/* A JSON value as the text of the command line, onto `out`; false when this type of option does not take it. */
static bool write_scalar(const json_t *value, sae_option_type type, FILE *out)
{
    if (json_is_string(value)) {
        if (type == SAE_OPT_BOOL) return false;
        fputs(json_string_value(value), out);
        return true;
    }
    if (json_is_boolean(value)) {
        if (type != SAE_OPT_ON_OFF && type != SAE_OPT_BOOL) return false;
        fputs(json_is_true(value) ? "on" : "off", out);
        return true;
    }
    if (type != SAE_OPT_INT && type != SAE_OPT_FLOAT && type != SAE_OPT_LIST) return false;
    if (json_is_integer(value)) {
        fprintf(out, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
        return true;
    }
    if (!json_is_real(value)) return false;
    char text[40]; /* the shortest that reads back as the same number */
    double number = json_real_value(value);
    sae_option_get(&(sae_option){.type = SAE_OPT_FLOAT}, &number, text, sizeof text);
    fputs(text, out);
    return true;
}

static bool write_value(const json_t *value, sae_option_type type, FILE *out)
{
    size_t i;
    json_t *item;
    if (type != SAE_OPT_LIST || !json_is_array(value)) return write_scalar(value, type, out);
    json_array_foreach((json_t *)value, i, item)
    {
        if (i) fputc(',', out);
        if (!write_scalar(item, type, out)) return false;
    }
    return true;
}

/* *out (free with sae_free) = the value's text, NULL when it is of a wrong type. */
static sae_status make_text(const json_t *value, sae_option_type type, char **out, sae_error *err)
{
    char *text = NULL;
    size_t size = 0;
    FILE *stream = open_memstream(&text, &size);
    if (!stream) return sae_fail_memory(err, "a recipe", 0);
    bool fits = write_value(value, type, stream);
    bool failed = ferror(stream) != 0;
    failed |= fclose(stream) != 0;
    sae_status status = failed ? sae_fail_memory(err, "a recipe", size) : SAE_OK;
    if (status == SAE_OK && fits) {
        *out = text;
        return SAE_OK;
    }
    *out = NULL;
    free(text);
    return status;
}

/* ---- options ---------------------------------------------------------------------------------------- */

static const sae_option *find(const char *name, const sae_option_group *groups, size_t n_groups, void **config)
{
    for (size_t g = 0; g < n_groups; g++) {
        const sae_option *option = sae_option_find(groups[g].options, groups[g].count, name);
        if (!option) continue;
        *config = groups[g].config;
        return option;
    }
    return NULL;
}

static sae_status set_option(sae_recipe *recipe, const char *path, const char *name, const json_t *value,
                             const sae_option_group *groups, size_t n_groups, sae_error *err)
{
    char key[64];
    void *config = NULL;
    sae_error why;
    const sae_option *option = find(name, groups, n_groups, &config);
    shown(name, key, sizeof key);
    if (!option) return sae_fail(err, SAE_E_FORMAT, "%s: there is no option \"%s\"", path, key);
    if (option->type == SAE_OPT_FILES || strcmp(name, "recipe") == 0)
        return sae_fail(err, SAE_E_FORMAT, "%s: \"%s\" can only be given on the command line", path, key);
    char **text = &recipe->texts[recipe->count];
    sae_status status = make_text(value, option->type, text, err);
    if (status != SAE_OK) return status;
    if (!*text) {
        static const char *const wanted[] = {[SAE_OPT_BOOL] = "true or false",
                                             [SAE_OPT_ON_OFF] = "true or false",
                                             [SAE_OPT_INT] = "a number",
                                             [SAE_OPT_FLOAT] = "a number",
                                             [SAE_OPT_STRING] = "a string",
                                             [SAE_OPT_CHOICE] = "a string",
                                             [SAE_OPT_LIST] = "a number, a string or an array of these"};
        return sae_fail(err, SAE_E_FORMAT, "%s: option \"%s\" takes %s", path, key, wanted[option->type]);
    }
    recipe->count++;
    if (option->type == SAE_OPT_BOOL && json_is_false(value)) return SAE_OK; /* flags are off by default */
    status = sae_option_set(option, config, *text, &why);
    return status == SAE_OK ? SAE_OK : sae_fail(err, SAE_E_FORMAT, "%s: %s", path, why.message);
}

sae_status sae_recipe_load(sae_recipe **out, const char *path, const sae_option_group *groups, size_t n_groups,
                           sae_error *err)
{
    sae_status status;
    json_t *file = NULL, *value;
    const char *name;
    sae_recipe *recipe = NULL;
    SAE_TRY(sae_json_read(&file, path, FILE_LIMIT, DEPTH, err));
    SAE_TRY(check_form(file, path, err));
    const json_t *options = json_object_get(file, "options");
    recipe = sae_calloc(1, sizeof *recipe);
    if (recipe) recipe->texts = sae_calloc(json_object_size(options) + 1, sizeof *recipe->texts);
    if (!recipe || !recipe->texts) SAE_TRY(sae_fail_memory(err, path, json_object_size(options) * sizeof(char *)));
    json_object_foreach((json_t *)options, name, value)
    {
        SAE_TRY(set_option(recipe, path, name, value, groups, n_groups, err));
    }
    *out = recipe;
    recipe = NULL;
done:
    sae_recipe_free(recipe);
    json_decref(file);
    return status;
}
