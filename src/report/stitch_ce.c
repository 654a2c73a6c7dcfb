/* What the language model loses on the way from the small SAE to the large one. */
#include "report/stitch_figures.h"
#include "report/words.h"

#include "base/alloc.h"
#include "base/error.h"

#include <math.h>

enum { MOST_MARKS = 60, MOST_ROWS = 24 }; /* of an order, in the picture and in the table */

/* The orders whose states were measured: the one asked for, and the baseline. */
static void orders_of(const sae_stitch *s, int orders[2])
{
    orders[0] = s->order;
    orders[1] = SAE_STITCH_RANDOM;
}

static double highest(const sae_stitch_path *path)
{
    double most = NAN;
    for (int64_t e = 0; e < path->n_entries; e++) most = fmax(most, path->entries[e].ce); /* fmax passes over NaN */
    return most;
}

static void finding(FILE *out, const void *results)
{
    const sae_stitch *s = results;
    const sae_stitch_ce *ce = &s->ce;
    fprintf(
        out,
        "With the small SAE's reconstructions the language model predicts with a cross-entropy of %s nats, with the "
        "large one's with %s; with its own activations %s, with zeros %s. ",
        sae_real_words(ce->small, 4).text, sae_real_words(ce->large, 4).text, sae_real_words(ce->clean, 4).text,
        sae_real_words(ce->zero, 4).text);
    fprintf(out, "On the way in %s order it is at most %s, in random order %s, ",
            sae_stitch_order_name((sae_stitch_order)s->order), sae_real_words(highest(&s->paths[s->order]), 4).text,
            sae_real_words(highest(&s->paths[SAE_STITCH_RANDOM]), 4).text);
    fprintf(out, "measured at %s of each on %s.", sae_plural_words(ce->points, "state").text,
            sae_plural_words(ce->tokens, "predicted token").text);
}

static void draw_order(const sae_chart *chart, const sae_stitch_path *path, double *points, const sae_chart_entry *look)
{
    int64_t count = 0;
    for (int64_t e = 0; e < path->n_entries; e++) {
        if (isnan(path->entries[e].ce)) continue;
        points[2 * count] = (double)path->entries[e].operations;
        points[2 * count++ + 1] = path->entries[e].ce;
    }
    sae_chart_line(chart, points, count, look);
    if (count > MOST_MARKS) return;
    fprintf(chart->out, "<g class=\"%s\" fill=\"currentColor\">\n", look->style);
    for (int64_t i = 0; i < count; i++)
        fprintf(chart->out,
                "<circle cx=\"%.1f\" cy=\"%.1f\" r=\"3\"><title>after %s operations: %s nats</title></circle>\n",
                sae_chart_x(chart, points[2 * i]), sae_chart_y(chart, points[2 * i + 1]),
                sae_count_words((int64_t)points[2 * i]).text, sae_real_words(points[2 * i + 1], 4).text);
    fputs("</g>\n", chart->out);
}

static sae_status draw(sae_chart *chart, const void *results, sae_error *err)
{
    const sae_stitch *s = results;
    int orders[2];
    int64_t most_entries = 0;
    orders_of(s, orders);
    for (int o = 0; o < 2; o++)
        if (s->paths[orders[o]].n_entries > most_entries) most_entries = s->paths[orders[o]].n_entries;
    double *points = sae_alloc((size_t)most_entries, 2 * sizeof *points);
    if (!points) return sae_fail_memory(err, "a picture", (size_t)most_entries * 2 * sizeof *points);
    const sae_chart_entry key[3] = {sae_chart_series(orders[0], sae_stitch_order_name((sae_stitch_order)s->order)),
                                    sae_chart_series(orders[1], "random, the baseline"),
                                    {SAE_SWATCH_LINE, "cr", "1 4", 1, "the model's own activations"}};
    double high = fmax(highest(&s->paths[orders[0]]), highest(&s->paths[orders[1]]));
    chart->x = sae_axis_linear(0, (double)s->operations, sae_chart_ticks(chart) - 1);
    chart->y = sae_axis_linear(s->ce.clean, high, 7);
    sae_chart_frame frame = {.down = sae_chart_height(chart, 300),
                             .x_name = "Operations done",
                             .y_name = "Cross-entropy of the next token, nats",
                             .key = key,
                             .entries = 3};
    sae_chart_begin(chart, &frame);
    sae_chart_grid_y(chart);
    sae_chart_grid_x(chart);
    sae_chart_ground(chart);
    const double clean[4] = {0, s->ce.clean, (double)s->operations, s->ce.clean};
    sae_chart_line(chart, clean, 2, &key[2]);
    for (int o = 1; o >= 0; o--) draw_order(chart, &s->paths[orders[o]], points, &key[o]);
    sae_chart_end(chart);
    sae_free(points);
    return SAE_OK;
}

static void tabulate(sae_table *table, const void *results)
{
    static const char *const columns[] = {"Order", "Operations", "Cross-entropy", "MSE"};
    const sae_stitch *s = results;
    int orders[2];
    orders_of(s, orders);
    sae_table_begin(table, "Cross-entropy of the states that were measured", columns, 4);
    for (int o = 0; o < 2; o++) {
        const sae_stitch_path *path = &s->paths[orders[o]];
        int64_t measured = 0, step = (s->ce.points - 1) / MOST_ROWS + 1;
        for (int64_t e = 0; e < path->n_entries; e++) {
            const sae_stitch_entry *entry = &path->entries[e];
            if (isnan(entry->ce) || (measured++ % step && e + 1 < path->n_entries)) continue;
            sae_table_row(table);
            sae_table_text(table, sae_stitch_order_name((sae_stitch_order)orders[o]));
            sae_table_count(table, entry->operations);
            sae_table_fixed(table, entry->ce, 4);
            sae_table_real(table, entry->quality.mse, 4);
        }
    }
    sae_table_end(table);
}

const sae_figure sae_ce_figure = {
    .name = "ce",
    .title = "What the language model loses on the way",
    .shows =
        "A line chart over the operations done: the language model's cross-entropy with the reconstructions of states "
        "in the order asked for and in random order, and a line for its own activations.",
    .finding = finding,
    .draw = draw,
    .tabulate = tabulate,
    .csv = "path.csv",
};
