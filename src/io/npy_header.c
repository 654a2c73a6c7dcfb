/* The header is a Python dictionary with exactly three keys; only its literal form as NumPy writes it is read:
 *   {'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), }                                                   */
#include "io/npy_header.h"

#include "base/alloc.h"
#include "base/error.h"
#include "base/file.h"

#include <stdio.h>
#include <string.h>

static const struct {
    const char *descr;
    size_t size;
    sae_dtype dtype;
} types[] = {
    {"<f8", 8, SAE_DTYPE_F64}, {"<f4", 4, SAE_DTYPE_F32}, {"<f2", 2, SAE_DTYPE_F16},   {"<i8", 8, SAE_DTYPE_I64},
    {"<i4", 4, SAE_DTYPE_I32}, {"|u1", 1, SAE_DTYPE_U8},  {"<u2", 2, SAE_DTYPE_OTHER},
};
#define TYPES (sizeof types / sizeof *types)

const char *sae_npy_descr(sae_dtype dtype)
{
    for (size_t i = 0; i < TYPES; i++)
        if (types[i].dtype == dtype && dtype != SAE_DTYPE_OTHER) return types[i].descr;
    return NULL;
}

typedef struct cursor {
    const char *path, *text;
    size_t length, at;
} cursor;

static sae_status bad(const cursor *c, const char *why, sae_error *err)
{
    return sae_fail(err, SAE_E_FORMAT, "%s is not a readable .npy file: %s", c->path, why);
}

static char peek(cursor *c)
{
    while (c->at < c->length && memchr(" \t\r\n", c->text[c->at], 4)) c->at++;
    return c->at < c->length ? c->text[c->at] : 0;
}

/* Takes `expected` if it is next. */
static bool take(cursor *c, char expected)
{
    if (peek(c) != expected) return false;
    c->at++;
    return true;
}

static bool take_word(cursor *c, const char *word)
{
    size_t length = strlen(word);
    peek(c);
    if (c->length - c->at < length || memcmp(c->text + c->at, word, length) != 0) return false;
    c->at += length;
    return true;
}

/* A quoted text without escapes, at most size − 1 bytes. */
static bool take_text(cursor *c, char *out, size_t size)
{
    char quote = peek(c);
    if (quote != '\'' && quote != '"') return false;
    const char *start = c->text + c->at + 1, *end = memchr(start, quote, c->length - c->at - 1);
    if (!end || (size_t)(end - start) >= size) return false;
    memcpy(out, start, (size_t)(end - start));
    out[end - start] = 0;
    c->at = (size_t)(end - c->text) + 1;
    return true;
}

static bool take_number(cursor *c, int64_t *out)
{
    char digit = peek(c);
    int64_t value = 0;
    if (digit < '0' || digit > '9') return false;
    for (; c->at < c->length && c->text[c->at] >= '0' && c->text[c->at] <= '9'; c->at++)
        if (__builtin_mul_overflow(value, 10, &value) || __builtin_add_overflow(value, c->text[c->at] - '0', &value))
            return false;
    *out = value;
    return true;
}

static sae_status read_shape(cursor *c, sae_tensor *array, sae_error *err)
{
    bool comma = true;
    if (!take(c, '(')) return bad(c, "'shape' is not a tuple", err);
    while (!take(c, ')')) {
        if (!comma) return bad(c, "'shape' is not a tuple of whole numbers", err);
        if (array->rank == SAE_MAX_RANK) return bad(c, "it has more than 8 dimensions", err);
        if (!take_number(c, &array->shape[array->rank++]))
            return bad(c, "'shape' holds something other than whole numbers from 0 up", err);
        comma = take(c, ',');
    }
    if (array->rank == 1 && !comma) return bad(c, "'shape' is not a tuple", err);
    return SAE_OK;
}

static sae_status read_descr(cursor *c, sae_npy_header *header, sae_error *err)
{
    char descr[16], shown[16];
    if (!take_text(c, descr, sizeof descr))
        return sae_fail(err, SAE_E_UNSUPPORTED, "%s: only plain arrays of numbers are read, not records or objects",
                        c->path);
    for (size_t i = 0; i < TYPES; i++) {
        if (strcmp(descr, types[i].descr) != 0) continue;
        header->array.dtype = types[i].dtype;
        header->element_size = types[i].size;
        return SAE_OK;
    }
    sae_printable(descr, strlen(descr), shown, sizeof shown);
    return sae_fail(err, SAE_E_UNSUPPORTED,
                    "%s: element type '%s' is not read; convert the array to one of <f2 <f4 <f8 <i4 <i8 |u1 <u2",
                    c->path, shown);
}

static sae_status read_dictionary(cursor *c, sae_npy_header *header, bool *fortran, sae_error *err)
{
    sae_status status = SAE_OK;
    bool descr = false, order = false, shape = false, comma = true;
    if (!take(c, '{')) return bad(c, "its header is not a dictionary", err);
    while (!take(c, '}')) {
        char key[16];
        if (!comma || !take_text(c, key, sizeof key) || !take(c, ':'))
            return bad(c, "its header is not a dictionary of descr, fortran_order and shape", err);
        if (strcmp(key, "descr") == 0 && !descr) {
            descr = true;
            status = read_descr(c, header, err);
        } else if (strcmp(key, "fortran_order") == 0 && !order) {
            order = true;
            *fortran = take_word(c, "True");
            if (!*fortran && !take_word(c, "False")) status = bad(c, "'fortran_order' is neither True nor False", err);
        } else if (strcmp(key, "shape") == 0 && !shape) {
            shape = true;
            status = read_shape(c, &header->array, err);
        } else {
            status = bad(c, "its header has an unknown key, or one twice", err);
        }
        if (status != SAE_OK) return status;
        comma = take(c, ',');
    }
    if (!descr || !order || !shape) return bad(c, "its header lacks descr, fortran_order or shape", err);
    if (peek(c) != 0 || c->at < c->length) return bad(c, "there is text behind its header", err);
    return SAE_OK;
}

sae_status sae_npy_header_parse(sae_npy_header *out, const char *path, const unsigned char *file, size_t size,
                                sae_error *err)
{
    cursor c = {.path = path};
    sae_npy_header header = {.array = {.name = "array"}};
    bool fortran = false;
    int64_t bytes = 1;

    if (size < 10 || memcmp(file, "\x93NUMPY", 6) != 0) return bad(&c, "it does not begin with the magic number", err);
    int version = file[6];
    if (version < 1 || version > 3 || file[7] != 0)
        return sae_fail(err, SAE_E_UNSUPPORTED, "%s: .npy format %d.%d is not read; 1.0, 2.0 and 3.0 are", path,
                        version, file[7]);
    size_t prefix = version == 1 ? 10 : 12, length = 0;
    if (size < prefix) return bad(&c, "it is cut short", err);
    for (size_t i = prefix; i-- > 8;) length = length << 8 | file[i];
    if (length > size - prefix) return bad(&c, "its header is longer than the file", err);
    c.text = (const char *)file + prefix;
    c.length = length;
    sae_status status = read_dictionary(&c, &header, &fortran, err);
    if (status != SAE_OK) return status;

    if (fortran && header.array.rank > 1)
        return sae_fail(err, SAE_E_UNSUPPORTED,
                        "%s is stored by columns (fortran_order); save numpy.ascontiguousarray(x) instead", path);
    for (int i = 0; i < header.array.rank; i++)
        if (!sae_mul_i64(bytes, header.array.shape[i], &bytes)) return bad(&c, "its shape overflows", err);
    if (!sae_mul_i64(bytes, (int64_t)header.element_size, &bytes)) return bad(&c, "its shape overflows", err);
    if ((uint64_t)bytes != size - prefix - length)
        return sae_fail(err, SAE_E_FORMAT, "%s is cut short or damaged: its shape needs %lld bytes of data, it has %zu",
                        path, (long long)bytes, size - prefix - length);
    header.array.bytes = (size_t)bytes;
    header.array.data = file + prefix + length;
    *out = header;
    return SAE_OK;
}

sae_status sae_npy_header_format(char out[SAE_NPY_HEADER], size_t *length, const char *path, const sae_tensor *array,
                                 sae_error *err)
{
    const char *descr = sae_npy_descr(array->dtype);
    char shape[SAE_MAX_RANK * 24 + 1] = "";
    size_t used = 0;
    if (!descr)
        return sae_fail(err, SAE_E_UNSUPPORTED, "cannot write %s: NumPy has no element type %s; use f16 or f32", path,
                        sae_dtype_name(array->dtype));
    for (int i = 0; i < array->rank; i++)
        used += (size_t)snprintf(shape + used, sizeof shape - used, i ? ", %lld" : "%lld", (long long)array->shape[i]);
    /* 10 bytes of prefix, the dictionary, spaces and a line end */
    int text = snprintf(out + 10, SAE_NPY_HEADER - 10, "{'descr': '%s', 'fortran_order': False, 'shape': (%s%s), }",
                        descr, shape, array->rank == 1 ? "," : "");
    size_t total = ((size_t)text + 10 + 1 + 63) / 64 * 64;
    memset(out + 10 + text, ' ', total - 10 - (size_t)text);
    out[total - 1] = '\n';
    memcpy(out, "\x93NUMPY\x01\x00", 8);
    out[8] = (char)((total - 10) & 0xff);
    out[9] = (char)((total - 10) >> 8);
    *length = total;
    return SAE_OK;
}
