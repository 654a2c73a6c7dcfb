/* Text for people: numbers with thousands separators, columns that line up. */
#ifndef CLI_TABLE_H
#define CLI_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/* 1234567 → "1,234,567" */
void cli_format_count(char *out, size_t size, int64_t value);
/* `digits` significant digits without an exponent where that stays short: "0.5423", "1,234"; "-" for NaN. */
void cli_format_number(char *out, size_t size, double value, int digits);
/* 0.5547 → "55.5%" */
void cli_format_percent(char *out, size_t size, double share);

/* Characters (code points) in UTF-8 text, and how many bytes its first `columns` characters take. */
int cli_columns(const char *text);
int cli_prefix_bytes(const char *text, int columns);

/* A sentence or two, indented by two columns and wrapped. */
void cli_paragraph(FILE *out, const char *format, ...) __attribute__((format(printf, 2, 3)));

#define CLI_TABLE_COLUMNS 16

/* A table: `columns` cells to a row (at most CLI_TABLE_COLUMNS), the first row is the heading. Text is copied. */
typedef struct cli_table {
    size_t columns;
    bool failed; /* out of memory; the table is then printed as far as it goes */
    size_t used, capacity;
    char **cells;
} cli_table;

void cli_table_start(cli_table *table, const char *const *headings, size_t columns);
void cli_table_text(cli_table *table, const char *text);
void cli_table_count(cli_table *table, int64_t value);
void cli_table_number(cli_table *table, double value, int digits);
void cli_table_percent(cli_table *table, double share);
/* Prints with the first column to the left, the others to the right, and frees the cells. Where stdout is a terminal
 * too narrow for it, columns that do not fit follow below, behind the first column again. */
void cli_table_print(cli_table *table, FILE *out);

/* "name    value   explanation" lines, for results that are one number each. */
typedef struct cli_facts {
    FILE *out;
    int name_width, value_width;
} cli_facts;
void cli_fact(const cli_facts *facts, const char *name, const char *value, const char *meaning);
void cli_fact_count(const cli_facts *facts, const char *name, int64_t value, const char *meaning);
void cli_fact_number(const cli_facts *facts, const char *name, double value, int digits, const char *meaning);
void cli_fact_percent(const cli_facts *facts, const char *name, double share, const char *meaning);

#endif
