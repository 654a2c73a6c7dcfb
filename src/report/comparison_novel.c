/* The errors of both SAEs where novel latents are active and where they are not: four bars. */
#include "report/comparison_figures.h"
#include "report/svg.h"
#include "report/words.h"

#include <math.h>

static void finding(FILE *out, const void *results)
{
    const sae_comparison *c = results;
    const sae_novel_mean *m = &c->novel_mean;
    if (m->n == 0) {
        fprintf(out, "Nothing to say: of %s none was active and inactive on at least %s tokens each.",
                sae_plural_words(c->novel, "novel latent").text, sae_count_words(c->min_active).text);
        return;
    }
    const char *verdict = m->excess_interval.low > 0    ? "Novel latents hold what the small SAE misses"
                          : m->excess_interval.high < 0 ? "Novel latents are not where the small SAE errs most"
                                                        : "Whether novel latents hold what the small SAE misses "
                                                          "cannot be told";
    fprintf(out,
            "%s: where one fires, the error of the small SAE is larger by %s, that of the large one by %s; %s is the "
            "difference of the two (%s). ",
            verdict, sae_real_words(m->small.difference, 4).text, sae_real_words(m->large.difference, 4).text,
            sae_real_words(m->excess, 3).text, sae_interval_words(&m->excess_interval, 3).text);
    fprintf(out, "Means over %s", sae_plural_words(m->n, "novel latent").text);
    if (m->left_out > 0)
        fprintf(out,
                "; %s left out because they were active or inactive on fewer than %s tokens, of which %s never fired",
                sae_count_words(m->left_out).text, sae_count_words(c->min_active).text,
                sae_count_words(m->never_fired).text);
    fputs(".", out);
}

/* ---- the drawing --------------------------------------------------------------------------------------- */

typedef struct bar {
    const char *name, *style;
    double value;
    sae_interval interval;
    double opacity;
} bar;

static void draw_bar(const sae_chart *chart, const bar *b, double middle, double width)
{
    double top = sae_chart_y(chart, b->value), ground = chart->top + chart->down;
    double low = sae_chart_y(chart, b->interval.low), high = sae_chart_y(chart, b->interval.high);
    fprintf(chart->out,
            "<rect class=\"g\" x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\"/><g class=\"%s\"><rect "
            "fill=\"currentColor\" fill-opacity=\"%.2f\" x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" "
            "height=\"%.1f\"/></g>\n",
            middle - width / 2, top, width, ground - top, b->style, b->opacity, middle - width / 2, top, width,
            ground - top);
    fprintf(chart->out, "<path class=\"w\" d=\"M%.1f %.1fV%.1fm-7 0h14M%.1f %.1fh14\"/>\n", middle, low, high,
            middle - 7, low);
    sae_chart_text(chart, middle, high - 8, "t n", "middle", sae_real_words(b->value, 4).text);
    sae_chart_text(chart, middle, ground + 19, "m", "middle", b->name);
}

static void draw_group(const sae_chart *chart, const char *name, const bar bars[2], double difference,
                       const sae_interval *interval, double left, double across)
{
    char text[160];
    double width = across * 0.3, ground = chart->top + chart->down;
    for (int i = 0; i < 2; i++) draw_bar(chart, &bars[i], left + across * (0.3 + 0.4 * i), width);
    sae_chart_text(chart, left + across / 2, ground + 40, "t n", "middle", name);
    snprintf(text, sizeof text, "difference %.30s", sae_real_words(difference, 4).text);
    sae_chart_text(chart, left + across / 2, ground + 59, "m", "middle", text);
    snprintf(text, sizeof text, "%.30s to %.30s", sae_real_words(interval->low, 4).text,
             sae_real_words(interval->high, 4).text);
    sae_chart_text(chart, left + across / 2, ground + 77, "m", "middle", text);
}

static sae_status draw(sae_chart *chart, const void *results, sae_error *err)
{
    (void)err;
    const sae_comparison *c = results;
    const sae_novel_mean *m = &c->novel_mean;
    const bar large[2] = {{"inactive", "cl", m->large.inactive, m->large_inactive, 0.45},
                          {"active", "cl", m->large.active, m->large_active, 1}};
    const bar small[2] = {{"inactive", "cs", m->small.inactive, m->small_inactive, 0.45},
                          {"active", "cs", m->small.active, m->small_active, 1}};
    bool any = m->n > 0;
    double most = any ? fmax(fmax(m->large_active.high, m->large_inactive.high),
                             fmax(m->small_active.high, m->small_inactive.high))
                      : 1;
    chart->x = sae_axis_linear(0, 1, 3);
    chart->y = sae_axis_linear(0, most * 1.08, 7);
    /* names of bars, groups and differences stand where other charts have ticks and the name of the axis */
    sae_chart_frame frame = {.down = sae_chart_height(chart, 320),
                             .x_name = " ",
                             .y_name = "Mean squared error, summed over the dimensions",
                             .room = 34};
    sae_chart_begin(chart, &frame);
    sae_chart_grid_y(chart);
    if (any) {
        draw_group(chart, "Large SAE", large, m->large.difference, &m->large_difference, chart->left,
                   chart->across / 2);
        draw_group(chart, "Small SAE", small, m->small.difference, &m->small_difference,
                   chart->left + chart->across / 2, chart->across / 2);
    } else {
        sae_chart_text(chart, chart->left + chart->across / 2, chart->top + chart->down / 2, "m", "middle",
                       "no novel latents to average over");
    }
    sae_chart_ground(chart);
    sae_chart_end(chart);
    return SAE_OK;
}

/* ---- the table ----------------------------------------------------------------------------------------- */

static void row(sae_table *table, const char *name, const sae_split *split, const sae_interval *intervals, double unit)
{
    const double values[3] = {split->inactive, split->active, split->difference};
    sae_table_row(table);
    sae_table_text(table, name);
    for (int i = 0; i < 3; i++) {
        sae_interval interval = {intervals[i].low * unit, intervals[i].high * unit};
        sae_table_real(table, values[i] * unit, 4);
        sae_table_interval(table, &interval, 4);
    }
}

static void tabulate(sae_table *table, const void *results)
{
    static const char *const columns[] = {"Mean squared error", "Inactive",   "95 % interval", "Active",
                                          "95 % interval",      "Difference", "95 % interval"};
    const sae_comparison *c = results;
    const sae_novel_mean *m = &c->novel_mean;
    const sae_interval large[3] = {m->large_inactive, m->large_active, m->large_difference};
    const sae_interval small[3] = {m->small_inactive, m->small_active, m->small_difference};
    sae_table_begin(table, "Errors where novel latents are active and inactive", columns, 7);
    row(table, "Large SAE", &m->large, large, 1);
    row(table, "Small SAE", &m->small, small, 1);
    row(table, "Large SAE, per dimension", &m->large, large, 1 / (double)c->d);
    row(table, "Small SAE, per dimension", &m->small, small, 1 / (double)c->d);
    sae_table_end(table);
}

const sae_figure sae_novel_figure = {
    .name = "novel",
    .title = "Errors where novel latents fire",
    .shows = "Four bars with 95 % intervals: the mean squared error of the large SAE where a novel latent is inactive "
             "and where it is active, and the same two of the small SAE.",
    .finding = finding,
    .draw = draw,
    .tabulate = tabulate,
    .csv = "novel.csv",
};
