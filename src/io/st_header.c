/* The JSON is read one tensor at a time, so that a hostile header of 100 MB cannot make a tree of gigabytes:
 * jansson parses every string and every entry, and only the outermost object is walked here. */
#include "io/st_header.h"

#include "base/alloc.h"
#include "base/error.h"
#include "base/file.h"
#include "io/json.h"

#include <stdlib.h>
#include <string.h>

#define MAX_NAME     (1 << 16)  /* bytes of JSON of a name */
#define MAX_ENTRY    4096       /* bytes of JSON that describe one tensor */
#define MAX_METADATA (16 << 20) /* bytes of JSON of __metadata__ */

static const struct {
    const char *name;
    size_t size;
    sae_dtype dtype;
} dtypes[] = {
    {"F64", 8, SAE_DTYPE_F64},   {"F32", 4, SAE_DTYPE_F32},       {"F16", 2, SAE_DTYPE_F16},
    {"BF16", 2, SAE_DTYPE_BF16}, {"I64", 8, SAE_DTYPE_I64},       {"I32", 4, SAE_DTYPE_I32},
    {"U8", 1, SAE_DTYPE_U8},     {"BOOL", 1, SAE_DTYPE_OTHER},    {"I8", 1, SAE_DTYPE_OTHER},
    {"I16", 2, SAE_DTYPE_OTHER}, {"U16", 2, SAE_DTYPE_OTHER},     {"U32", 4, SAE_DTYPE_OTHER},
    {"U64", 8, SAE_DTYPE_OTHER}, {"F8_E4M3", 1, SAE_DTYPE_OTHER}, {"F8_E5M2", 1, SAE_DTYPE_OTHER},
};
#define DTYPES (sizeof dtypes / sizeof *dtypes)

const char *sae_st_dtype_name(sae_dtype dtype)
{
    for (size_t i = 0; i < DTYPES; i++)
        if (dtypes[i].dtype == dtype && dtype != SAE_DTYPE_OTHER) return dtypes[i].name;
    return NULL;
}

/* ---- walking the outermost object --------------------------------------------------------------- */

typedef struct cursor {
    const char *path;
    const char *text;
    size_t length, at;
} cursor;

static sae_status bad_header(const cursor *c, const char *why, sae_error *err)
{
    return sae_fail(err, SAE_E_FORMAT, "%s is not a safetensors file: %s at byte %zu of its header", c->path, why,
                    c->at);
}

/* The next character that is not white space, or 0 at the end. */
static char peek(cursor *c)
{
    while (c->at < c->length && memchr(" \t\n\r", c->text[c->at], 4)) c->at++;
    return c->at < c->length ? c->text[c->at] : 0;
}

/* Length of the flat object at the cursor, or 0: what bounds the tree that jansson makes of it. */
static size_t object_extent(cursor *c, int depth, size_t limit)
{
    if (peek(c) != '{') return 0;
    size_t left = c->length - c->at;
    return sae_json_extent(c->text + c->at, left < limit ? left : limit, depth);
}

/* Parses one value at the cursor, within `length` bytes, and moves past it. */
static sae_status parse_value(cursor *c, size_t length, json_t **out, sae_error *err)
{
    json_error_t why;
    json_t *value =
        json_loadb(c->text + c->at, length, JSON_DECODE_ANY | JSON_DISABLE_EOF_CHECK | JSON_REJECT_DUPLICATES, &why);
    if (!value && json_error_code(&why) == json_error_out_of_memory)
        return sae_fail_memory(err, "a safetensors header", length);
    if (!value) {
        char text[JSON_ERROR_TEXT_LENGTH];
        sae_printable(why.text, strlen(why.text), text, sizeof text);
        return bad_header(c, text, err);
    }
    c->at += (size_t)why.position;
    *out = value;
    return SAE_OK;
}

/* ---- one tensor ----------------------------------------------------------------------------------- */

typedef struct entry {
    sae_tensor tensor;
    size_t begin, end; /* within the data area */
} entry;

static sae_status bad_entry(const cursor *c, const char *name, const char *why, sae_error *err)
{
    char shown[128];
    sae_printable(name, strlen(name), shown, sizeof shown);
    return sae_fail(err, SAE_E_FORMAT, "%s: tensor \"%s\": %s", c->path, shown, why);
}

/* Every number is a whole one: jansson reads "1.0" and "1e3" as reals and refuses what overflows. */
static bool whole(const json_t *value, int64_t *out)
{
    if (!json_is_integer(value) || json_integer_value(value) < 0) return false;
    *out = json_integer_value(value);
    return true;
}

static sae_status read_entry(const cursor *c, const char *name, const json_t *json, size_t data_size, entry *out,
                             sae_error *err)
{
    const json_t *dtype = json_object_get(json, "dtype"), *shape = json_object_get(json, "shape"),
                 *offsets = json_object_get(json, "data_offsets");
    entry e = {.tensor = {.name = name, .dtype = SAE_DTYPE_OTHER}};
    size_t size = 0;
    int64_t elements = 1, bytes, begin, end;

    if (!json_is_string(dtype)) return bad_entry(c, name, "\"dtype\" must be a text", err);
    for (size_t i = 0; i < DTYPES; i++) {
        if (strcmp(json_string_value(dtype), dtypes[i].name) != 0) continue;
        e.tensor.dtype = dtypes[i].dtype;
        size = dtypes[i].size;
    }
    if (!json_is_array(shape)) return bad_entry(c, name, "\"shape\" must be a list of numbers", err);
    if (json_array_size(shape) > SAE_MAX_RANK) return bad_entry(c, name, "it has more than 8 dimensions", err);
    e.tensor.rank = (int)json_array_size(shape);
    for (int i = 0; i < e.tensor.rank; i++) {
        if (!whole(json_array_get(shape, (size_t)i), &e.tensor.shape[i]))
            return bad_entry(c, name, "its shape holds something other than whole numbers from 0 up", err);
        if (!sae_mul_i64(elements, e.tensor.shape[i], &elements))
            return bad_entry(c, name, "its shape overflows: no memory holds that many elements", err);
    }
    if (json_array_size(offsets) != 2 || !whole(json_array_get(offsets, 0), &begin) ||
        !whole(json_array_get(offsets, 1), &end))
        return bad_entry(c, name, "\"data_offsets\" must be two whole numbers from 0 up", err);
    if (begin > end || (uint64_t)end > data_size)
        return bad_entry(c, name, "its data would lie outside the file, which is cut short or damaged", err);
    bytes = end - begin;
    if (size > 0 && (!sae_mul_i64(elements, (int64_t)size, &elements) || elements != bytes))
        return bad_entry(c, name, "the size of its data does not match its dtype and shape", err);
    e.begin = (size_t)begin;
    e.end = (size_t)end;
    e.tensor.bytes = (size_t)bytes;
    *out = e;
    return SAE_OK;
}

/* ---- the table -------------------------------------------------------------------------------------- */

typedef struct table {
    entry *entries;
    size_t count, capacity;
    char *names; /* decoded names are never longer than their text, so the header's length is room enough */
    size_t names_used;
} table;

static int by_offset(const void *a, const void *b)
{
    const entry *x = a, *y = b;
    if (x->begin != y->begin) return x->begin < y->begin ? -1 : 1;
    if (x->end != y->end) return x->end < y->end ? -1 : 1;
    return strcmp(x->tensor.name, y->tensor.name);
}

static int by_name(const void *a, const void *b)
{
    const entry *const *x = a, *const *y = b;
    return strcmp((*x)->tensor.name, (*y)->tensor.name);
}

static sae_status add_entry(cursor *c, table *t, const char *name, size_t data_size, sae_error *err)
{
    sae_status status = SAE_OK;
    json_t *json = NULL;
    char *kept = t->names + t->names_used;
    size_t length = strlen(name) + 1, extent;

    memcpy(kept, name, length);
    t->names_used += length;
    if (t->count == t->capacity) {
        size_t capacity = t->capacity ? 2 * t->capacity : 64;
        entry *grown = sae_realloc(t->entries, capacity, sizeof *grown);
        if (!grown) return sae_fail_memory(err, c->path, capacity * sizeof *grown);
        t->entries = grown;
        t->capacity = capacity;
    }
    extent = object_extent(c, 2, MAX_ENTRY);
    if (extent == 0) return bad_entry(c, name, "its description is not a small, flat JSON object", err);
    SAE_TRY(parse_value(c, extent, &json, err));
    SAE_TRY(read_entry(c, kept, json, data_size, &t->entries[t->count], err));
    t->count++;
done:
    json_decref(json);
    return status;
}

static sae_status read_metadata(cursor *c, json_t **metadata, sae_error *err)
{
    sae_status status;
    json_t *json = NULL;
    size_t extent = object_extent(c, 1, MAX_METADATA);
    if (*metadata) return bad_header(c, "a second \"__metadata__\"", err);
    if (extent == 0) return bad_header(c, "\"__metadata__\" is not a flat JSON object of at most 16 MB", err);
    SAE_TRY(parse_value(c, extent, &json, err));
    for (void *i = json_object_iter(json); i; i = json_object_iter_next(json, i))
        if (!json_is_string(json_object_iter_value(i)))
            SAE_TRY(bad_header(c, "a value of \"__metadata__\" is not a text", err));
    *metadata = json;
    return SAE_OK;
done:
    json_decref(json);
    return status;
}

/* All members of the outermost object. */
static sae_status read_members(cursor *c, table *t, json_t **metadata, size_t data_size, sae_error *err)
{
    sae_status status = SAE_OK;
    json_t *key = NULL;
    if (c->length == 0 || c->text[0] != '{') return bad_header(c, "no '{'", err);
    c->at = 1;
    bool more = peek(c) != '}';
    if (!more) c->at++;
    while (more) {
        if (peek(c) != '"') SAE_TRY(bad_header(c, "no tensor name", err));
        size_t left = c->length - c->at;
        SAE_TRY(parse_value(c, left < MAX_NAME ? left : MAX_NAME, &key, err));
        if (peek(c) != ':') SAE_TRY(bad_header(c, "no ':' after a name", err));
        c->at++;
        if (strcmp(json_string_value(key), "__metadata__") == 0)
            SAE_TRY(read_metadata(c, metadata, err));
        else
            SAE_TRY(add_entry(c, t, json_string_value(key), data_size, err));
        json_decref(key);
        key = NULL;
        char next = peek(c);
        if (next != ',' && next != '}') SAE_TRY(bad_header(c, "neither ',' nor '}' after a tensor", err));
        more = next == ',';
        c->at++;
    }
    if (peek(c) != 0 || c->at < c->length) status = bad_header(c, "text after the closing '}'", err);
done:
    json_decref(key);
    return status;
}

/* Tensors cover the data area exactly: no overlap, no hole, nothing behind the last. */
static sae_status check_tiling(const cursor *c, table *t, size_t data_size, sae_error *err)
{
    size_t at = 0;
    if (t->count > 0) qsort(t->entries, t->count, sizeof *t->entries, by_offset);
    for (size_t i = 0; i < t->count; i++) {
        const entry *e = &t->entries[i];
        if (e->begin < at) return bad_entry(c, e->tensor.name, "its data overlaps that of another tensor", err);
        if (e->begin > at) return bad_entry(c, e->tensor.name, "there is a hole in front of its data", err);
        at = e->end;
    }
    if (at != data_size)
        return sae_fail(err, SAE_E_FORMAT, "%s: its tensors take %zu bytes, but the file has %zu for them", c->path, at,
                        data_size);
    return SAE_OK;
}

/* Moves the table into `out`, with pointers to the data and the index of names; refuses a name that comes twice. */
static sae_status finish_table(const cursor *c, const table *t, const unsigned char *data, sae_st_header *out,
                               sae_error *err)
{
    sae_status status = SAE_OK;
    const entry **order = sae_alloc(t->count, sizeof *order);
    out->tensors = sae_alloc(t->count, sizeof *out->tensors);
    out->by_name = sae_alloc(t->count, sizeof *out->by_name);
    if (!order || !out->tensors || !out->by_name) {
        status = sae_fail_memory(err, c->path, t->count * sizeof *out->tensors);
        goto done;
    }
    for (size_t i = 0; i < t->count; i++) {
        order[i] = &t->entries[i];
        out->tensors[i] = t->entries[i].tensor;
        out->tensors[i].data = data + t->entries[i].begin;
    }
    if (t->count > 0) qsort(order, t->count, sizeof *order, by_name);
    for (size_t i = 0; i < t->count; i++) {
        out->by_name[i] = (size_t)(order[i] - t->entries);
        if (i > 0 && by_name(&order[i - 1], &order[i]) == 0)
            SAE_TRY(bad_entry(c, order[i]->tensor.name, "the name is there twice", err));
    }
    out->count = t->count;
done:
    sae_free(order);
    return status;
}

sae_status sae_st_header_parse(sae_st_header *out, const char *path, const unsigned char *file, size_t size,
                               sae_error *err)
{
    sae_status status;
    sae_st_header header = {0};
    table t = {0};
    cursor c = {.path = path};
    uint64_t length = 0;
    size_t data_size;

    if (size < 8)
        return sae_fail(err, SAE_E_FORMAT, "%s is not a safetensors file: it has %zu bytes, fewer than 8", path, size);
    for (int i = 7; i >= 0; i--) length = length << 8 | file[i];
    if (length > SAE_ST_MAX_HEADER)
        return sae_fail(err, SAE_E_FORMAT,
                        "%s is not a safetensors file: its header would have %llu bytes; at most %d are allowed", path,
                        (unsigned long long)length, SAE_ST_MAX_HEADER);
    if (length > size - 8)
        return sae_fail(err, SAE_E_FORMAT,
                        "%s is cut short or not a safetensors file: its header would have %llu bytes, the file has %zu",
                        path, (unsigned long long)length, size);
    c.text = (const char *)file + 8;
    c.length = (size_t)length;
    data_size = size - 8 - c.length;
    t.names = header.names = sae_alloc(c.length + 1, 1);
    if (!t.names) return sae_fail_memory(err, path, c.length + 1);

    SAE_TRY(read_members(&c, &t, &header.metadata, data_size, err));
    SAE_TRY(check_tiling(&c, &t, data_size, err));
    SAE_TRY(finish_table(&c, &t, file + 8 + c.length, &header, err));
    *out = header;
    header = (sae_st_header){0};
done:
    sae_free(t.entries);
    sae_st_header_clear(&header);
    return status;
}

void sae_st_header_clear(sae_st_header *header)
{
    sae_free(header->tensors);
    sae_free(header->by_name);
    sae_free(header->names);
    json_decref(header->metadata);
    *header = (sae_st_header){0};
}
