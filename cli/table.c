#include "cli/table.h"

#include "cli/help.h"
#include "cli/progress.h"

#include <inttypes.h>
#include <limits.h>
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Inserts commas into the whole part of a printed number. */
static void separate(char *out, size_t size, const char *digits)
{
    const char *start = digits + (*digits == '-');
    size_t whole = strspn(start, "0123456789"), n = 0;
    if (*digits == '-' && n + 1 < size) out[n++] = '-';
    for (size_t i = 0; start[i] && n + 1 < size; i++) {
        if (i > 0 && i < whole && (whole - i) % 3 == 0 && n + 2 < size) out[n++] = ',';
        out[n++] = start[i];
    }
    if (size) out[n] = 0;
}

void cli_format_count(char *out, size_t size, int64_t value)
{
    char digits[32];
    snprintf(digits, sizeof digits, "%" PRId64, value);
    separate(out, size, digits);
}

void cli_format_number(char *out, size_t size, double value, int digits)
{
    char text[64];
    if (isnan(value)) {
        snprintf(out, size, "-");
        return;
    }
    double magnitude = fabs(value);
    if (isinf(value) || magnitude >= 1e9 || (magnitude > 0 && magnitude < 1e-4)) {
        snprintf(out, size, "%.*g", digits, value);
        return;
    }
    int whole = magnitude >= 1 ? (int)floor(log10(magnitude)) + 1 : 1;
    if (magnitude > 0 && magnitude < 1) whole = 1 + (int)floor(log10(magnitude));
    int decimals = digits - whole;
    snprintf(text, sizeof text, "%.*f", decimals > 0 ? decimals : 0, value);
    separate(out, size, text);
}

void cli_format_percent(char *out, size_t size, double share)
{
    if (isnan(share))
        snprintf(out, size, "-");
    else
        snprintf(out, size, "%.1f%%", 100 * share);
}

static bool continues(char c)
{
    return ((unsigned char)c & 0xC0) == 0x80;
}

int cli_columns(const char *text)
{
    int columns = 0;
    for (; *text; text++) columns += !continues(*text);
    return columns;
}

int cli_prefix_bytes(const char *text, int columns)
{
    int bytes = 0;
    for (; text[bytes]; bytes++)
        if (!continues(text[bytes]) && columns-- <= 0) break;
    return bytes;
}

void cli_paragraph(FILE *out, const char *format, ...)
{
    char text[1024];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    cli_wrap(out, text, 0, 2);
}

void cli_table_text(cli_table *table, const char *text)
{
    if (table->failed) return;
    if (table->used == table->capacity) {
        size_t capacity = table->capacity ? 2 * table->capacity : 64;
        char **grown = realloc(table->cells, capacity * sizeof *grown);
        if (!grown) {
            table->failed = true;
            return;
        }
        table->cells = grown;
        table->capacity = capacity;
    }
    char *copy = strdup(text);
    if (copy)
        table->cells[table->used++] = copy;
    else
        table->failed = true;
}

void cli_table_start(cli_table *table, const char *const *headings, size_t columns)
{
    *table = (cli_table){.columns = columns < CLI_TABLE_COLUMNS ? columns : CLI_TABLE_COLUMNS};
    for (size_t i = 0; i < table->columns; i++) cli_table_text(table, headings[i]);
}

void cli_table_count(cli_table *table, int64_t value)
{
    char text[48];
    cli_format_count(text, sizeof text, value);
    cli_table_text(table, text);
}

void cli_table_number(cli_table *table, double value, int digits)
{
    char text[64];
    cli_format_number(text, sizeof text, value, digits);
    cli_table_text(table, text);
}

void cli_table_percent(cli_table *table, double share)
{
    char text[32];
    cli_format_percent(text, sizeof text, share);
    cli_table_text(table, text);
}

/* Columns first … end − 1 of all rows, behind column 0. */
static void print_block(const cli_table *table, const int *width, size_t first, size_t end, FILE *out)
{
    for (size_t r = 0; r < table->used / table->columns; r++) {
        char *const *row = table->cells + r * table->columns;
        fprintf(out, "  %s%*s", row[0], width[0] - cli_columns(row[0]), "");
        for (size_t c = first; c < end; c++) fprintf(out, "  %*s%s", width[c] - cli_columns(row[c]), "", row[c]);
        fputc('\n', out);
    }
}

void cli_table_print(cli_table *table, FILE *out)
{
    size_t columns = table->columns, first = 1;
    int width[CLI_TABLE_COLUMNS] = {0};
    int room = isatty(STDOUT_FILENO) ? cli_terminal_columns(STDOUT_FILENO) : INT_MAX;
    for (size_t i = 0; i < table->used; i++) {
        int here = cli_columns(table->cells[i]);
        if (here > width[i % columns]) width[i % columns] = here;
    }
    do {
        size_t end = first;
        int used = 2 + width[0];
        while (end < columns && (end == first || used + 2 + width[end] <= room)) used += 2 + width[end++];
        if (first > 1) fputc('\n', out);
        print_block(table, width, first, end, out);
        first = end;
    } while (first < columns);
    for (size_t i = 0; i < table->used; i++) free(table->cells[i]);
    free(table->cells);
    *table = (cli_table){0};
}

void cli_fact(const cli_facts *facts, const char *name, const char *value, const char *meaning)
{
    int name_pad = facts->name_width - cli_columns(name), value_pad = facts->value_width - cli_columns(value);
    fprintf(facts->out, "  %s%*s  %*s%s", name, name_pad > 0 ? name_pad : 0, "", value_pad > 0 ? value_pad : 0, "",
            value);
    fprintf(facts->out, *meaning ? "  %s\n" : "%s\n", meaning);
}

void cli_fact_count(const cli_facts *facts, const char *name, int64_t value, const char *meaning)
{
    char text[48];
    cli_format_count(text, sizeof text, value);
    cli_fact(facts, name, text, meaning);
}

void cli_fact_number(const cli_facts *facts, const char *name, double value, int digits, const char *meaning)
{
    char text[64];
    cli_format_number(text, sizeof text, value, digits);
    cli_fact(facts, name, text, meaning);
}

void cli_fact_percent(const cli_facts *facts, const char *name, double share, const char *meaning)
{
    char text[32];
    cli_format_percent(text, sizeof text, share);
    cli_fact(facts, name, text, meaning);
}
