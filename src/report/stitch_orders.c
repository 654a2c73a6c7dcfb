/* The path from the small SAE to the large one, in all orders. */
#include "report/stitch_figures.h"
#include "report/words.h"

#include "base/alloc.h"
#include "base/error.h"

#include <math.h>

enum { BUCKETS = 300, POINTS = 2 * BUCKETS + 2 };

#define SMOOTH     1.001 /* an MSE that rises less than this above the start's is said not to rise */
#define L0_HEIGHT  110.0
#define MSE_HEIGHT 320.0
#define GAP        40.0

static void finding(FILE *out, const void *results)
{
    const sae_stitch *s = results;
    const sae_stitch_path *chosen = &s->paths[s->order];
    const char *name = sae_stitch_order_name((sae_stitch_order)s->order);
    double start = fmax(s->base.mse, s->large.mse);
    int best = s->order;
    for (int o = 0; o < SAE_STITCH_RANDOM; o++)
        if (s->paths[o].highest_mse < s->paths[best].highest_mse) best = o;
    fprintf(out, "In %s order the MSE ", name);
    if (chosen->highest_mse <= start * SMOOTH)
        fprintf(out, "never rises above that of the SAEs at the ends, %s and %s. ", sae_real_words(s->base.mse, 4).text,
                sae_real_words(s->large.mse, 4).text);
    else
        fprintf(out, "rises from %s up to %s before it ends at %s: the way is not smooth. ",
                sae_real_words(s->base.mse, 4).text, sae_real_words(chosen->highest_mse, 4).text,
                sae_real_words(s->large.mse, 4).text);
    if (best != s->order)
        fprintf(out, "The order that rises least is %s, %s at most. ", sae_stitch_order_name((sae_stitch_order)best),
                sae_real_words(s->paths[best].highest_mse, 4).text);
    fprintf(out, "In random order it reaches %s. ", sae_real_words(s->paths[SAE_STITCH_RANDOM].highest_mse, 4).text);
    fprintf(out, "%s, %s and %s; exact sums over %s.", sae_plural_words(s->n_insert, "insertion").text,
            sae_plural_words(s->n_swap, "swap").text, sae_plural_words(s->n_remove, "removal").text,
            sae_plural_words(s->tokens, "token").text);
}

/* ---- the drawing ---------------------------------------------------------------------------------------- */

static double value_of(const sae_stitch_entry *entry, bool l0)
{
    return l0 ? entry->quality.l0 : entry->quality.mse;
}

/* points [2·POINTS] = the path with, of each bucket of entries, the lowest and the highest, in their order: no peak is
 * lost. Returns how many. */
static int64_t thin(const sae_stitch_path *path, bool l0, double *points)
{
    int64_t count = 0, size = path->n_entries / BUCKETS + 1;
    for (int64_t first = 0; first < path->n_entries; first += size) {
        int64_t low = first, high = first;
        for (int64_t e = first; e < path->n_entries && e < first + size; e++) {
            if (value_of(&path->entries[e], l0) < value_of(&path->entries[low], l0)) low = e;
            if (value_of(&path->entries[e], l0) > value_of(&path->entries[high], l0)) high = e;
        }
        int64_t pair[2] = {low < high ? low : high, low < high ? high : low};
        for (int p = 0; p < (low == high ? 1 : 2); p++) {
            points[2 * count] = (double)path->entries[pair[p]].operations;
            points[2 * count++ + 1] = value_of(&path->entries[pair[p]], l0);
        }
    }
    const sae_stitch_entry *last = &path->entries[path->n_entries - 1];
    points[2 * count] = (double)last->operations;
    points[2 * count++ + 1] = value_of(last, l0);
    return count;
}

static sae_axis axis_of(const sae_stitch *s, bool l0)
{
    double low = l0 ? s->base.l0 : s->base.mse, high = low;
    for (int o = 0; o < SAE_STITCH_ORDERS; o++)
        for (int64_t e = 0; e < s->paths[o].n_entries; e++) {
            low = fmin(low, value_of(&s->paths[o].entries[e], l0));
            high = fmax(high, value_of(&s->paths[o].entries[e], l0));
        }
    return sae_axis_linear(low, high, l0 ? 5 : 8);
}

static void draw_lines(const sae_chart *chart, const sae_stitch *s, bool l0, double *points)
{
    for (int o = SAE_STITCH_ORDERS - 1; o >= 0; o--) { /* the baseline below the others */
        sae_chart_entry look = sae_chart_series(o, "");
        sae_chart_line(chart, points, thin(&s->paths[o], l0, points), &look);
    }
}

static sae_status draw(sae_chart *chart, const void *results, sae_error *err)
{
    const sae_stitch *s = results;
    sae_chart_entry key[SAE_STITCH_ORDERS];
    double *points = sae_alloc(POINTS, 2 * sizeof *points);
    if (!points) return sae_fail_memory(err, "a picture", POINTS * 2 * sizeof *points);
    for (int o = 0; o < SAE_STITCH_ORDERS; o++)
        key[o] = sae_chart_series(o, o == SAE_STITCH_RANDOM ? "random, the baseline"
                                                            : sae_stitch_order_name((sae_stitch_order)o));
    double tall = sae_chart_height(chart, MSE_HEIGHT), low = sae_chart_height(chart, L0_HEIGHT);
    sae_chart_frame frame = {.down = tall + GAP + low,
                             .x_name = "Operations done",
                             .y_name = "MSE, squared error summed over the dimensions",
                             .key = key,
                             .entries = SAE_STITCH_ORDERS};
    chart->x = sae_axis_linear(0, (double)s->operations, sae_chart_ticks(chart) - 1);
    sae_chart_begin(chart, &frame);
    double first = chart->top;
    sae_chart_grid_x(chart);
    chart->down = tall;
    chart->y = axis_of(s, false);
    sae_chart_grid_y(chart);
    draw_lines(chart, s, false, points);
    chart->top = first + tall + GAP;
    chart->down = low;
    chart->y = axis_of(s, true);
    sae_chart_text(chart, chart->left - 40, chart->top - 12, "m", "start", "L0, active latents per token");
    sae_chart_grid_y(chart);
    draw_lines(chart, s, true, points);
    sae_chart_ground(chart);
    sae_chart_end(chart);
    sae_free(points);
    return SAE_OK;
}

/* ---- the table ------------------------------------------------------------------------------------------ */

static void tabulate(sae_table *table, const void *results)
{
    enum { PARTS = 4 };
    static const char *const columns[] = {"Order", "Start",   "A quarter", "Half",    "Three quarters",
                                          "End",   "Highest", "Raise it",  "Half, L0"};
    const sae_stitch *s = results;
    sae_table_begin(table, "MSE on the way, and operations that raise it", columns, 9);
    for (int o = 0; o < SAE_STITCH_ORDERS; o++) {
        const sae_stitch_path *p = &s->paths[o];
        sae_table_row(table);
        sae_table_text(table, sae_stitch_order_name((sae_stitch_order)o));
        for (int i = 0; i <= PARTS; i++)
            sae_table_real(table, p->entries[(p->n_entries - 1) * i / PARTS].quality.mse, 4);
        sae_table_real(table, p->highest_mse, 4);
        sae_table_count(table, p->rises);
        sae_table_real(table, p->entries[(p->n_entries - 1) / 2].quality.l0, 4);
    }
    sae_table_end(table);
}

const sae_figure sae_orders_figure = {
    .name = "path",
    .title = "From the small SAE to the large one",
    .shows =
        "Two line charts over the operations done, one above the other: the mean squared error and the mean number "
        "of active latents, each in cosine, delta, greedy and random order.",
    .finding = finding,
    .draw = draw,
    .tabulate = tabulate,
    .csv = "path.csv",
};
