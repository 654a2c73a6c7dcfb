#include "web/server/json.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

json_t *web_real(double value)
{
    return isfinite(value) ? json_real(value) : json_null();
}

json_t *web_short(double value)
{
    char text[32];
    if (!isfinite(value)) return json_null();
    snprintf(text, sizeof text, "%.6g", value);
    return json_real(strtod(text, NULL));
}

json_t *web_known(const char *text)
{
    return *text ? json_string(text) : json_null();
}

/* ---- text --------------------------------------------------------------------------------------------------- */

/* Length of the well-formed character at s, or 0: the shortest piece that JSON may hold. */
static size_t character(const char *s, size_t left)
{
    enum { LONGEST = 4 };
    for (size_t n = 1; n <= left && n <= LONGEST; n++) {
        json_t *piece = json_stringn(s, n);
        json_decref(piece);
        if (piece) return n;
    }
    return 0;
}

json_t *web_text(const char *data, size_t size)
{
    enum { ESCAPED = 4 };
    json_t *whole = json_stringn(data, size);
    if (whole) return whole;
    char *text = malloc(ESCAPED * size + 1);
    size_t used = 0;
    for (size_t i = 0; text && i < size;) {
        size_t length = character(data + i, size - i);
        if (length > 0)
            memcpy(text + used, data + i, length);
        else
            snprintf(text + used, ESCAPED + 1, "\\x%02X", (unsigned char)data[i]);
        used += length > 0 ? length : ESCAPED;
        i += length > 0 ? length : 1;
    }
    whole = text ? json_stringn(text, used) : NULL;
    free(text);
    return whole;
}

/* ---- arrays ------------------------------------------------------------------------------------------------- */

json_t *web_ints(const int64_t *values, size_t count)
{
    json_t *array = json_array();
    for (size_t i = 0; i < count; i++) json_array_append_new(array, json_integer(values[i]));
    return array;
}

json_t *web_shorts(const double *values, size_t count)
{
    json_t *array = json_array();
    for (size_t i = 0; i < count; i++) json_array_append_new(array, web_short(values[i]));
    return array;
}

static void encode_base64(const unsigned char *bytes, size_t size, char *out)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for (size_t i = 0; i < size; i += 3) {
        size_t left = size - i;
        unsigned triple =
            (unsigned)bytes[i] << 16 | (left > 1 ? (unsigned)bytes[i + 1] << 8 : 0) | (left > 2 ? bytes[i + 2] : 0);
        *out++ = digits[triple >> 18];
        *out++ = digits[triple >> 12 & 63];
        *out++ = left > 1 ? digits[triple >> 6 & 63] : '=';
        *out++ = left > 2 ? digits[triple & 63] : '=';
    }
    *out = 0;
}

json_t *web_floats(const double *values, size_t count)
{
    unsigned char *bytes = malloc(4 * count + 1);
    char *text = malloc((4 * count + 2) / 3 * 4 + 1);
    json_t *packed = NULL;
    for (size_t i = 0; bytes && i < count; i++) {
        float value = (float)values[i];
        uint32_t bits;
        memcpy(&bits, &value, sizeof bits);
        for (size_t b = 0; b < sizeof bits; b++) bytes[4 * i + b] = (unsigned char)(bits >> 8 * b);
    }
    if (bytes && text) {
        encode_base64(bytes, 4 * count, text);
        packed = json_pack("{s:s}", "f32", text);
    }
    free(bytes);
    free(text);
    return packed;
}

/* ---- pieces of latents -------------------------------------------------------------------------------------- */

/* A token and those after it that end its last character. */
static json_t *piece(const sae_store_passage *passage, size_t at)
{
    const sae_store_token *tokens = passage->tokens;
    size_t end = at + 1, size = tokens[at].text.size;
    while (end < passage->count && tokens[end].joined) size += tokens[end++].text.size;
    if (end == at + 1) return web_text(tokens[at].text.data, size);
    char *bytes = malloc(size + 1);
    size_t used = 0;
    for (size_t i = at; bytes && i < end; i++) {
        memcpy(bytes + used, tokens[i].text.data, tokens[i].text.size);
        used += tokens[i].text.size;
    }
    json_t *text = bytes ? web_text(bytes, used) : NULL;
    free(bytes);
    return text;
}

json_t *web_passage(const sae_store_passage *passage)
{
    json_t *text = json_array(), *acts = json_array(), *special = json_array();
    for (size_t i = 0; i < passage->count; i++) {
        bool ends_another = i > 0 && passage->tokens[i].joined;
        if (passage->tokens[i].special) json_array_append_new(special, json_integer((json_int_t)i));
        json_array_append_new(text, ends_another ? json_null() : piece(passage, i));
    }
    for (size_t i = 0; i < passage->n_acts; i++)
        json_array_append_new(acts,
                              json_pack("[i,o]", (int)passage->offsets[i], web_short((double)passage->values[i])));
    return json_pack("{s:I,s:I,s:I,s:I,s:o,s:o,s:o}", "first", (json_int_t)passage->first, "document",
                     (json_int_t)passage->document, "before", (json_int_t)passage->before, "after",
                     (json_int_t)passage->after, "text", text, "special", special, "acts", acts);
}

json_t *web_hist(const sae_store_hist *hist)
{
    if (hist->bins == 0) return json_null();
    return json_pack("{s:o,s:o}", "edges", web_shorts(hist->edges, hist->bins + 1), "counts",
                     web_ints(hist->counts, hist->bins));
}
