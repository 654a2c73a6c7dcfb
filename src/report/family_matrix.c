/* Which share of each SAE's latents is novel to each other SAE, and where the latents of the largest appear first. */
#include "report/family_figures.h"
#include "report/levels.h"
#include "report/words.h"

enum { MOST_CELLS = 12 }; /* larger matrices are drawn without numbers in the cells */

static int64_t novel_of(const sae_family *f, size_t i, size_t j)
{
    return f->novel[i * f->n_members + j];
}

static double share_of(const sae_family *f, size_t i, size_t j)
{
    return (double)novel_of(f, i, j) / (double)f->members[i].n;
}

/* ---- the matrix ---------------------------------------------------------------------------------------------- */

static void matrix_finding(FILE *out, const void *results)
{
    const sae_family *f = results;
    size_t last = f->n_members - 1, from = 0, in = 0;
    for (size_t i = 0; i <= last; i++)
        for (size_t j = 0; j <= last; j++)
            if (share_of(f, i, j) > share_of(f, from, in)) {
                from = i;
                in = j;
            }
    fprintf(out, "Of the %s of the largest SAE, %s are novel to the smallest. ",
            sae_plural_words(f->members[last].n, "latent").text,
            sae_percent_words(novel_of(f, last, 0), f->members[last].n).text);
    fprintf(out,
            "The other way round, %s of the smallest SAE have no counterpart in the largest: a larger "
            "dictionary %s. ",
            sae_share_words(novel_of(f, 0, last), f->members[0].n).text,
            novel_of(f, 0, last) > 0 ? "does not hold all of a smaller one" : "holds all of the smaller one");
    fprintf(out, "The largest share is that of SAE %zu in SAE %zu, %s. Counterparts have cosine %s or more.", from + 1,
            in + 1, sae_percent_words(novel_of(f, from, in), f->members[from].n).text,
            sae_short_words(f->threshold).text);
}

static void cell(const sae_chart *chart, const sae_family *f, size_t i, size_t j, double x, double y, double across,
                 double down)
{
    fprintf(chart->out,
            "<g class=\"cl\"><rect fill=\"currentColor\" fill-opacity=\"%.3f\" x=\"%.1f\" y=\"%.1f\" "
            "width=\"%.1f\" height=\"%.1f\" rx=\"2\">",
            i == j ? 0 : 0.04 + 0.46 * share_of(f, i, j), x + 1, y + 1, across - 2, down - 2);
    fprintf(chart->out, "<title>SAE %zu in SAE %zu: %s novel</title></rect></g>\n", i + 1, j + 1,
            sae_share_words(novel_of(f, i, j), f->members[i].n).text);
    if (f->n_members <= MOST_CELLS)
        sae_chart_text(chart, x + across / 2, y + down / 2 + 5, i == j ? "m" : "t n", "middle",
                       i == j ? "·" : sae_percent_words(novel_of(f, i, j), f->members[i].n).text);
}

static sae_status draw_matrix(sae_chart *chart, const void *results, sae_error *err)
{
    (void)err;
    const sae_family *f = results;
    double wide = chart->form == SAE_CHART_NARROW ? 302 : 720;
    double label = 64, across = (wide - label - 24) / (double)f->n_members, down;
    if (across > 110) across = 110;
    down = across < 58 ? across : 58;
    sae_chart_frame frame = {.down = down * (double)f->n_members,
                             .x_name = "… that have no counterpart in this SAE (number and latents)",
                             .y_name = "Share of the latents of this SAE …",
                             .room = 4};
    sae_chart_begin(chart, &frame);
    double left = chart->left + label - 44;
    for (size_t i = 0; i < f->n_members; i++) {
        char number[32];
        snprintf(number, sizeof number, "%zu", i + 1);
        double x = left + (double)i * across + across / 2, y = chart->top + (double)i * down + down / 2;
        sae_chart_text(chart, left - 8, y - 1, "t n", "end", number);
        sae_chart_text(chart, left - 8, y + 14, "m", "end", sae_count_words(f->members[i].n).text);
        snprintf(number, sizeof number, "%zu", i + 1);
        sae_chart_text(chart, x, chart->bottom + 17, "t n", "middle", number);
        for (size_t j = 0; j < f->n_members; j++)
            cell(chart, f, i, j, left + (double)j * across, chart->top + (double)i * down, across, down);
    }
    sae_chart_end(chart);
    return SAE_OK;
}

static void tabulate_matrix(sae_table *table, const void *results)
{
    static const char *const columns[] = {"SAE", "Latents", "In SAE", "Novel", "Share"};
    const sae_family *f = results;
    sae_table_begin(table, "Latents of one SAE that are novel to another", columns, 5);
    for (size_t i = 0; i < f->n_members; i++)
        for (size_t j = 0; j < f->n_members; j++) {
            if (i == j) continue;
            sae_table_row(table);
            sae_table_count(table, (int64_t)i + 1);
            sae_table_count(table, f->members[i].n);
            sae_table_count(table, (int64_t)j + 1);
            sae_table_count(table, novel_of(f, i, j));
            sae_table_text(table, sae_percent_words(novel_of(f, i, j), f->members[i].n).text);
        }
    sae_table_end(table);
}

const sae_figure sae_matrix_figure = {
    .name = "matrix",
    .title = "Who lacks what",
    .shows =
        "A matrix with a row and a column for each SAE, by ascending width. The darker a cell, the larger the share "
        "of the row's latents that have no counterpart in the column's SAE.",
    .finding = matrix_finding,
    .draw = draw_matrix,
    .tabulate = tabulate_matrix,
    .csv = "matrix.csv",
};

/* ---- first appearances --------------------------------------------------------------------------------------- */

static void first_finding(FILE *out, const void *results)
{
    const sae_family *f = results;
    size_t last = f->n_members - 1;
    fprintf(out,
            "%s of the largest SAE appear only there. %s are there already in the smallest; the others have their "
            "first counterpart at a width between.",
            sae_share_words(f->n_first[last], f->members[last].n).text, sae_count_words(f->n_first[0]).text);
}

static sae_status draw_first(sae_chart *chart, const void *results, sae_error *err)
{
    (void)err;
    const sae_family *f = results;
    sae_level levels[SAE_LEVELS];
    size_t count = f->n_members < SAE_LEVELS ? f->n_members : SAE_LEVELS;
    for (size_t i = 0; i < count; i++) {
        levels[i] = (sae_level){.value = (double)f->n_first[i],
                                .number = sae_count_words(f->n_first[i]),
                                .style = "cl",
                                .opacity = i + 1 == f->n_members ? 1 : 0.45};
        snprintf(levels[i].name, sizeof levels[i].name, "SAE %zu, %.60s", i + 1,
                 sae_plural_words(f->members[i].n, "latent").text);
    }
    sae_levels_draw(chart, levels, (int)count, 0, "Latents of the largest SAE that appear first in this one");
    return SAE_OK;
}

static void tabulate_first(sae_table *table, const void *results)
{
    static const char *const columns[] = {"SAE", "Latents", "First appearances", "Never fired"};
    const sae_family *f = results;
    sae_table_begin(table, "First counterparts of the latents of the largest SAE", columns, 4);
    for (size_t i = 0; i < f->n_members; i++) {
        sae_table_row(table);
        sae_table_count(table, (int64_t)i + 1);
        sae_table_count(table, f->members[i].n);
        sae_table_count(table, f->n_first[i]);
        sae_table_count(table, f->members[i].never_fired);
    }
    sae_table_end(table);
}

const sae_figure sae_first_figure = {
    .name = "first",
    .title = "At which width do latents appear?",
    .shows = "A bar for each SAE, by ascending width: how many latents of the largest SAE have their first counterpart "
             "in it.",
    .finding = first_finding,
    .draw = draw_first,
    .tabulate = tabulate_first,
    .csv = "family.csv",
};
