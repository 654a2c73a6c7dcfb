#include "report/table.h"

#include "report/svg.h"
#include "report/words.h"

#include <math.h>

static const char unknown[] = "<span aria-hidden=\"true\">–</span><span class=\"away\">unknown</span>";

void sae_table_begin(sae_table *table, const char *caption, const char *const *columns, int count)
{
    fputs("<table><caption>", table->out);
    sae_svg_text(table->out, caption);
    fputs("</caption>\n<thead><tr>", table->out);
    for (int c = 0; c < count; c++) {
        fputs(c > 0 && c == table->words ? "<th scope=\"col\" class=\"list\">" : "<th scope=\"col\">", table->out);
        sae_svg_text(table->out, columns[c]);
        fputs("</th>", table->out);
    }
    fputs("</tr></thead>\n<tbody>", table->out);
    table->cells = -1;
}

void sae_table_row(sae_table *table)
{
    fputs(table->cells < 0 ? "\n<tr>" : "</tr>\n<tr>", table->out);
    table->cells = 0;
}

static void cell_open(sae_table *table)
{
    fputs(table->cells == 0              ? "<th scope=\"row\">"
          : table->cells == table->words ? "<td class=\"list\">"
                                         : "<td>",
          table->out);
}

static void cell_close(sae_table *table)
{
    fputs(table->cells == 0 ? "</th>" : "</td>", table->out);
    table->cells++;
}

void sae_table_text(sae_table *table, const char *text)
{
    cell_open(table);
    sae_svg_text(table->out, text);
    cell_close(table);
}

void sae_table_link(sae_table *table, const char *target, const char *text)
{
    cell_open(table);
    fputs("<a href=\"", table->out);
    sae_svg_text(table->out, target);
    fputs("\">", table->out);
    sae_svg_text(table->out, text);
    fputs("</a>", table->out);
    cell_close(table);
}

void sae_table_count(sae_table *table, int64_t value)
{
    sae_table_text(table, sae_count_words(value).text);
}

static void number(sae_table *table, double value, const char *text)
{
    cell_open(table);
    fputs(isfinite(value) ? text : unknown, table->out);
    cell_close(table);
}

void sae_table_real(sae_table *table, double value, int digits)
{
    number(table, value, sae_real_words(value, digits).text);
}

void sae_table_fixed(sae_table *table, double value, int decimals)
{
    number(table, value, sae_fixed_words(value, decimals).text);
}

void sae_table_interval(sae_table *table, const sae_interval *interval, int digits)
{
    char text[2 * sizeof(sae_words) + 8];
    snprintf(text, sizeof text, "%s … %s", sae_real_words(interval->low, digits).text,
             sae_real_words(interval->high, digits).text);
    number(table, interval->low + interval->high, text);
}

void sae_table_end(sae_table *table)
{
    if (table->cells < 0) { /* no rows */
        sae_table_row(table);
        sae_table_text(table, "none");
    }
    fputs("</tr>\n</tbody></table>\n", table->out);
}
