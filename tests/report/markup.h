/* Reading pages and pictures in tests: well-formed, only known elements and attributes, cells of tables. */
#ifndef SAE_TESTS_REPORT_MARKUP_H
#define SAE_TESTS_REPORT_MARKUP_H

#include "io/temp.h"

#include <ctype.h>
#include <stdbool.h>

static inline char *read_text(const char *path)
{
    size_t size;
    char *text = (char *)get_file(path, &size);
    text[size] = 0;
    return text;
}

static inline int count_of(const char *text, const char *part)
{
    int count = 0;
    for (; (text = strstr(text, part)); text += strlen(part)) count++;
    return count;
}

static inline bool in_list(const char *list, const char *word, size_t length)
{
    for (const char *at = list; (at = strstr(at, word)); at++) {
        bool starts = at == list || at[-1] == ' ', ends = at[length] == ' ' || at[length] == 0;
        if (starts && ends) return true;
    }
    return false;
}

/* Nothing else may stand in what is written: no script, no handler, no style attribute. */
static const char allowed_elements[] =
    "html head meta title link style body a header p h1 h2 h3 nav ol li main section div dl dt dd figure figcaption "
    "span bdi svg desc rect path circle text g details summary table caption thead tbody tr th td footer";
static const char allowed_attributes[] =
    "lang charset http-equiv content name rel href class id aria-label aria-labelledby aria-hidden role tabindex scope "
    "download xmlns width height viewBox fill fill-opacity stroke stroke-width stroke-dasharray stroke-linejoin "
    "stroke-linecap d x y cx cy r rx text-anchor transform opacity";

/* Text up to `end` has no bare & or <, and no character that XML does not have. */
static inline void check_characters(const char *text, const char *end)
{
    for (; text < end; text++) {
        unsigned char c = (unsigned char)*text;
        assert_true(c != '<' && (c >= 0x20 || c == '\n'));
        if (c != '&') continue;
        if (strncmp(text, "&amp;", 5) && strncmp(text, "&lt;", 4) && strncmp(text, "&gt;", 4) &&
            strncmp(text, "&quot;", 6))
            fail_msg("a bare &: %.40s", text);
    }
}

/* The attributes of a tag, from behind its name; returns behind its ">". *empty = whether it ends with "/>". */
static inline const char *check_attributes(const char *at, bool *empty)
{
    *empty = false;
    for (;;) {
        while (isspace((unsigned char)*at)) at++;
        if (*at == '/' && at[1] == '>') {
            *empty = true;
            return at + 2;
        }
        if (*at == '>') return at + 1;
        size_t length = strcspn(at, "=");
        char name[64];
        assert_true(length > 0 && length < sizeof name);
        snprintf(name, sizeof name, "%.*s", (int)length, at);
        if (!in_list(allowed_attributes, name, length)) fail_msg("attribute %s", name);
        assert_true(at[length + 1] == '"');
        const char *end = strchr(at + length + 2, '"');
        assert_non_null(end);
        check_characters(at + length + 2, end);
        at = end + 1;
    }
}

/* `text` is one well-formed element, after a doctype if there is one. */
static inline void check_markup(const char *text)
{
    enum { DEPTH = 64 };
    char stack[DEPTH][32];
    int depth = 0;
    const char *at = text;
    if (strncmp(at, "<!doctype html>\n", 16) == 0) at += 16;
    while (*at) {
        const char *tag = strchr(at, '<');
        check_characters(at, tag ? tag : at + strlen(at));
        if (!tag) break;
        bool closing = tag[1] == '/', empty = false;
        char name[32];
        size_t length = strcspn(tag + 1 + closing, " \t\n/>");
        assert_true(length > 0 && length < sizeof name);
        snprintf(name, sizeof name, "%.*s", (int)length, tag + 1 + closing);
        if (!in_list(allowed_elements, name, length)) fail_msg("element %s", name);
        at = tag + 1 + closing + length;
        if (closing) {
            assert_true(depth > 0);
            assert_string_equal(stack[--depth], name);
            assert_true(*at == '>');
            at++;
            continue;
        }
        at = check_attributes(at, &empty);
        if (empty) continue;
        assert_true(depth < DEPTH);
        snprintf(stack[depth++], sizeof stack[0], "%s", name);
        if (strcmp(name, "style") == 0) at = strstr(at, "</style>"); /* raw text */
        assert_non_null(at);
    }
    assert_int_equal(depth, 0);
}

/* Every id is there once, and every reference finds one. */
static inline void check_ids(const char *text)
{
    static const char *const references[] = {" href=\"#", " aria-labelledby=\""};
    char part[160];
    for (const char *at = text; (at = strstr(at, " id=\"")); at++) {
        snprintf(part, sizeof part, "%.*s", (int)strcspn(at + 5, "\"") + 6, at);
        assert_int_equal(count_of(text, part), 1);
    }
    for (int r = 0; r < 2; r++)
        for (const char *at = text; (at = strstr(at, references[r])); at++) {
            const char *word = at + strlen(references[r]);
            snprintf(part, sizeof part, " id=\"%.*s\"", (int)strcspn(word, "\" "), word);
            assert_int_equal(count_of(text, part), 1);
        }
}

/* out = the text of a cell of the table whose caption begins with `caption`, both counted from 0 below its head. */
static inline void get_cell(const char *page, const char *caption, int row, int column, char *out, size_t size)
{
    char start[200];
    snprintf(start, sizeof start, "<caption>%s", caption);
    const char *at = strstr(page, start);
    if (!at) fail_msg("no table %s", caption);
    at = strstr(at, "<tbody>");
    for (int r = 0; r <= row; r++) {
        at = strstr(at + 1, "<tr>");
        if (!at) fail_msg("no row %d in table %s", row, caption);
    }
    at += 4;
    for (int c = 0; c <= column; c++) {
        at = strchr(at, '>') + 1;
        if (c < column) at = strchr(strstr(at, column == 0 ? "</th" : "</t"), '>') + 1;
    }
    snprintf(out, size, "%.*s", (int)(strstr(at, "</t") - at), at);
}

/* The number in a cell, without commas and with a true minus sign read as "-". */
static inline double cell_number(const char *page, const char *caption, int row, int column)
{
    char text[200], digits[200], *to = digits;
    get_cell(page, caption, row, column, text, sizeof text);
    for (const char *p = text; *p; p++) {
        if (*p == ',') continue;
        if (strncmp(p, "\xe2\x88\x92", 3) == 0) {
            *to++ = '-';
            p += 2;
        } else {
            *to++ = *p;
        }
    }
    *to = 0;
    return strtod(digits, &to);
}

static inline int table_rows(const char *page, const char *caption)
{
    char start[200];
    snprintf(start, sizeof start, "<caption>%s", caption);
    const char *at = strstr(page, start);
    if (!at) fail_msg("no table %s", caption);
    at = strstr(at, "<tbody>");
    const char *end = strstr(at, "</tbody>");
    int rows = 0;
    for (; (at = strstr(at, "<tr>")) && at < end; at++) rows++;
    return rows;
}

#endif
