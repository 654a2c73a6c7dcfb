/* Tables of pages. Every text is escaped. */
#ifndef SAE_REPORT_TABLE_H
#define SAE_REPORT_TABLE_H

#include <sae/compare.h>
#include <stdint.h>
#include <stdio.h>

typedef struct sae_table {
    FILE *out;
    int cells; /* of the row so far */
    int words; /* number of the column that has lists of words, which begin at the left; 0: none */
} sae_table;

/* `columns` [count]: their names. The first cell of each row is its head. */
void sae_table_begin(sae_table *table, const char *caption, const char *const *columns, int count);
void sae_table_row(sae_table *table);
void sae_table_text(sae_table *table, const char *text);
/* Text that leads to a page beside this one. */
void sae_table_link(sae_table *table, const char *target, const char *text);
void sae_table_count(sae_table *table, int64_t value);
/* `digits` significant ones; "unknown" is shown as a dash with that name. */
void sae_table_real(sae_table *table, double value, int digits);
void sae_table_fixed(sae_table *table, double value, int decimals);
void sae_table_interval(sae_table *table, const sae_interval *interval, int digits);
void sae_table_end(sae_table *table);

#endif
