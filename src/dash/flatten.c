#include "dash/flatten.h"

#include "base/alloc.h"
#include "base/error.h"

#include <math.h>
#include <string.h>

enum { NAME = 256, MOST_WORDS = 16, SHORTEST = 3, DEEPEST = 12, MOST_PARTS = 8 };

typedef struct flattener {
    sae_flatten_fn emit;
    void *ud;
    sae_error *err;
    sae_status status; /* sticky */
} flattener;

static bool is_number(const json_t *v)
{
    return json_is_number(v) || json_is_null(v) || json_is_boolean(v);
}

static double number(const json_t *v)
{
    return json_is_number(v) ? json_number_value(v) : json_is_boolean(v) ? (double)json_is_true(v) : (double)NAN;
}

static void emit(flattener *f, const char *name, const double *values, size_t count)
{
    if (f->status == SAE_OK) f->status = f->emit(f->ud, name, values, (int64_t)count, f->err);
}

static double *room(flattener *f, size_t count)
{
    double *values = f->status == SAE_OK ? sae_alloc(count, sizeof *values) : NULL;
    if (!values && f->status == SAE_OK) f->status = sae_fail_memory(f->err, "a vector", count * sizeof *values);
    return values;
}

/* out = "name.key"; the names of a document that no command wrote may be too long. */
static void join(flattener *f, char out[NAME], const char *name, const char *key)
{
    size_t a = strlen(name), b = strlen(key), dot = a > 0;
    if (a + dot + b >= NAME) {
        if (f->status == SAE_OK) f->status = sae_fail(f->err, SAE_E_FORMAT, "the key %.64s… is too long", key);
        b = 0;
    }
    memcpy(out, name, a);
    if (dot) out[a] = '.';
    memcpy(out + a + dot, key, b);
    out[a + dot + b] = 0;
}

static bool all(const json_t *array, bool (*holds)(const json_t *))
{
    for (size_t i = 0; i < json_array_size(array); i++)
        if (!holds(json_array_get(array, i))) return false;
    return json_array_size(array) > 0;
}

static bool is_object(const json_t *v)
{
    return json_is_object(v);
}

static bool is_text(const json_t *v)
{
    return json_is_string(v);
}

static void numbers(flattener *f, const char *name, const json_t *array)
{
    size_t count = json_array_size(array);
    double *values = room(f, count);
    for (size_t i = 0; values && i < count; i++) values[i] = number(json_array_get(array, i));
    if (values) emit(f, name, values, count);
    sae_free(values);
}

/* ---- columns of arrays of objects ------------------------------------------------------------------------------- */

/* The values of one key, as an array; NULL unless every object has it. Borrowed values. */
static json_t *column_of(const json_t *array, const char *key)
{
    json_t *column = json_array();
    for (size_t i = 0; column && i < json_array_size(array); i++) {
        json_t *v = json_object_get(json_array_get(array, i), key);
        if (v && json_array_append(column, v) == 0) continue;
        json_decref(column);
        column = NULL;
    }
    return column;
}

/* Texts of few kinds: a vector of places in *words. False for too many kinds. */
static bool texts(flattener *f, const char *name, const json_t *column, json_t *words)
{
    size_t count = json_array_size(column);
    double *values = room(f, count);
    bool fits = values != NULL;
    for (size_t i = 0; fits && i < count; i++) {
        const char *text = json_string_value(json_array_get(column, i));
        size_t w = 0;
        while (w < json_array_size(words) && strcmp(json_string_value(json_array_get(words, w)), text) != 0) w++;
        if (w == json_array_size(words)) fits = w < MOST_WORDS && json_array_append_new(words, json_string(text)) == 0;
        values[i] = (double)w;
    }
    if (fits) emit(f, name, values, count);
    sae_free(values);
    return fits;
}

/* The length that all lists within the lists have; 0 when these hold numbers, −1 for anything else. */
static int part_of(const json_t *column)
{
    int part = -1;
    for (size_t i = 0; i < json_array_size(column); i++) {
        const json_t *list = json_array_get(column, i);
        if (!json_is_array(list)) return -1;
        for (size_t j = 0; j < json_array_size(list); j++) {
            const json_t *v = json_array_get(list, j);
            int here = is_number(v) ? 0 : all(v, is_number) ? (int)json_array_size(v) : -1;
            if (here < 0 || here > (int)MOST_PARTS || (part >= 0 && here != part)) return -1;
            part = here;
        }
    }
    return part < 0 ? 0 : part;
}

/* Lists of different lengths: one vector of where each begins, one of each part of what they hold. */
static bool lists(flattener *f, const char *name, const json_t *column)
{
    static const char *const places[MOST_PARTS] = {"0", "1", "2", "3", "4", "5", "6", "7"};
    char own[NAME];
    size_t count = json_array_size(column), total = 0;
    int part = part_of(column);
    if (part < 0) return false;
    double *starts = room(f, count + 1);
    for (size_t i = 0; starts && i < count; i++) {
        starts[i] = (double)total;
        total += json_array_size(json_array_get(column, i));
        starts[i + 1] = (double)total;
    }
    join(f, own, name, "starts");
    if (starts) emit(f, own, starts, count + 1);
    sae_free(starts);
    for (int p = 0; p < (part ? part : 1); p++) {
        double *values = room(f, total);
        size_t at = 0;
        for (size_t i = 0; values && i < count; i++) {
            const json_t *list = json_array_get(column, i);
            for (size_t j = 0; j < json_array_size(list); j++)
                values[at++] =
                    number(part ? json_array_get(json_array_get(list, j), (size_t)p) : json_array_get(list, j));
        }
        if (part) join(f, own, name, places[p]);
        if (values) emit(f, part ? own : name, values, total);
        sae_free(values);
    }
    return true;
}

/* What stands for an array of objects; NULL when its columns are not all of these kinds, before anything is emitted but
 * what the caller may ignore. */
static json_t *objects(flattener *f, const char *name, const json_t *array)
{
    const char *key;
    json_t *value, *out = json_object(), *words = json_object();
    bool good = out && words;
    if (good) good = json_object_set_new(out, "vectors", json_integer((json_int_t)json_array_size(array))) == 0;
    json_object_foreach(json_array_get(array, 0), key, value)
    {
        char own[NAME];
        json_t *column = good ? column_of(array, key) : NULL, *list = json_array();
        join(f, own, name, key);
        if (!column || !list)
            good = false;
        else if (all(column, is_number))
            numbers(f, own, column);
        else if (all(column, is_text))
            good = texts(f, own, column, list) && json_object_set(words, key, list) == 0;
        else
            good = lists(f, own, column);
        json_decref(column);
        json_decref(list);
        if (!good) break;
    }
    if (good) good = json_object_set(out, "words", words) == 0;
    json_decref(words);
    if (good) return out;
    json_decref(out);
    return NULL;
}

/* ---- documents --------------------------------------------------------------------------------------------------- */

static json_t *flatten(flattener *f, const json_t *value, const char *name, int depth)
{
    size_t length = json_array_size(value);
    if (json_is_array(value) && length >= SHORTEST && all(value, is_number)) {
        numbers(f, name, value);
        return json_pack("{s:I}", "vector", (json_int_t)length);
    }
    if (json_is_array(value) && all(value, is_object)) {
        json_t *out = objects(f, name, value);
        return out ? out : json_deep_copy(value);
    }
    if (!json_is_object(value) || depth == DEEPEST) return json_deep_copy(value);
    json_t *out = json_object(), *member;
    const char *key;
    json_object_foreach((json_t *)(uintptr_t)value, key, member)
    {
        char own[NAME];
        join(f, own, name, key);
        json_object_set_new(out, key, flatten(f, member, own, depth + 1));
    }
    return out;
}

sae_status sae_flatten(const json_t *document, sae_flatten_fn emit_, void *ud, json_t **out, sae_error *err)
{
    flattener f = {.emit = emit_, .ud = ud, .err = err};
    json_t *flat = flatten(&f, document, "", 0);
    if (!flat && f.status == SAE_OK) f.status = sae_fail_memory(err, "a JSON document", sizeof(void *));
    if (f.status == SAE_OK)
        *out = flat;
    else
        json_decref(flat);
    return f.status;
}
