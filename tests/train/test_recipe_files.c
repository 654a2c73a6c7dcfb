/* The recipes of recipes/: every value of their sources is cited, and is set or explained. */
#include "io/temp.h"

#include <jansson.h>
#include <stdbool.h>

enum { LEAST_RECIPES = 15 };

static bool is_text(const json_t *value)
{
    return json_is_string(value) && json_string_length(value) > 3;
}

/* The entry of differs with this name, or NULL; two of the same name are a failure. */
static const json_t *difference(const json_t *differs, const char *name)
{
    const json_t *found = NULL, *item;
    size_t i;
    json_array_foreach(differs, i, item)
    {
        if (strcmp(json_string_value(json_object_get(item, "name")), name) != 0) continue;
        if (found) fail_msg("%s differs twice", name);
        found = item;
    }
    return found;
}

static void check(const char *path)
{
    json_error_t why;
    json_t *file = json_load_file(path, JSON_REJECT_DUPLICATES, &why);
    if (!file) fail_msg("%s: %s", path, why.text);
    const json_t *options = json_object_get(file, "options"), *values = json_object_get(file, "source_values"),
                 *cites = json_object_get(file, "cites"), *differs = json_object_get(file, "differs"), *item;
    const char *name;
    json_t *value;
    size_t i;
    assert_true(is_text(json_object_get(file, "source")));
    assert_true(json_object_size(options) > 0 && json_object_size(values) > json_object_size(options));
    json_object_foreach((json_t *)values, name, value)
    {
        const json_t *set = json_object_get(options, name), *entry = difference(differs, name);
        if (!is_text(json_object_get(cites, name))) fail_msg("%s: no cite for %s", path, name);
        if (!set == !entry)
            fail_msg("%s: %s is %s", path, name, set ? "set and differs" : "neither set nor in differs");
        if (set && !json_equal(set, value)) fail_msg("%s: %s is not set as in the source", path, name);
        if (entry && !json_equal(json_object_get(entry, "value"), value))
            fail_msg("%s: the value of %s in differs is not the source's", path, name);
    }
    json_object_foreach((json_t *)options, name, value)
    {
        if (!json_object_get(values, name)) fail_msg("%s: the source has no value for %s", path, name);
    }
    json_object_foreach((json_t *)cites, name, value)
    {
        if (!json_object_get(values, name)) fail_msg("%s: %s is cited without a value", path, name);
    }
    json_array_foreach(differs, i, item)
    {
        name = json_string_value(json_object_get(item, "name"));
        if (!json_object_get(values, name)) fail_msg("%s: %s differs without a value", path, name);
        if (!is_text(json_object_get(item, "why"))) fail_msg("%s: no reason why %s differs", path, name);
    }
    json_decref(file);
}

static void recipes(void **state)
{
    (void)state;
    char path[TEMP_PATH];
    int count = 0;
    DIR *list = opendir(SAE_SOURCE_DIR "/recipes");
    assert_non_null(list);
    for (const struct dirent *entry; (entry = readdir(list));) {
        const char *dot = strrchr(entry->d_name, '.');
        if (!dot || strcmp(dot, ".json") != 0) continue;
        snprintf(path, sizeof path, "%s/recipes/%s", SAE_SOURCE_DIR, entry->d_name);
        check(path);
        count++;
    }
    closedir(list);
    assert_true(count >= LEAST_RECIPES);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(recipes)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
