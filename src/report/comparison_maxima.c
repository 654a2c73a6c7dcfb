/* The histograms of maximum cosines, in both directions and against random dictionaries. */
#include "report/comparison_figures.h"
#include "report/histogram.h"
#include "report/words.h"

#include <math.h>

enum { ROWS = 3, BIN_DECIMALS = 2 };

#define ROW_HEIGHT    132.0
#define RANDOM_HEIGHT 72.0
#define ROW_GAP       32.0
#define NAME_ROOM     16.0 /* above the first row, for its name */

static double edge(int bin)
{
    return -1 + bin * (2.0 / SAE_COS_BINS);
}

/* The lowest bin with something in it. */
static int lowest_bin(const sae_comparison *c)
{
    for (int b = 0; b < SAE_COS_BINS; b++)
        if (c->hist_large_in_small[b] || c->hist_small_in_large[b] || c->hist_random[b] || c->hist_random_cov[b])
            return b;
    return SAE_COS_BINS - 1;
}

/* The cosine below which at least half of what is counted lies: the upper edge of that bin. */
static double median_edge(const int64_t *bins)
{
    int64_t total = 0, below = 0;
    for (int b = 0; b < SAE_COS_BINS; b++) total += bins[b];
    for (int b = 0; b < SAE_COS_BINS; b++)
        if (2 * (below += bins[b]) >= total) return edge(b + 1);
    return 1;
}

static int64_t above(const int64_t *bins, double from)
{
    int64_t count = 0;
    for (int b = 0; b < SAE_COS_BINS; b++)
        if (edge(b) > from - 1e-9) count += bins[b];
    return count;
}

static void finding(FILE *out, const void *results)
{
    const sae_comparison *c = results;
    fprintf(out,
            "%s latents of the large SAE are novel: no latent of the small one lies within cosine %s of them. In the "
            "other direction %s of the small SAE have no counterpart in the large one. ",
            sae_share_words(c->novel, c->n_large).text, sae_short_words(c->threshold).text,
            sae_share_words(c->small_below, c->n_small).text);
    fprintf(out, "%s latents of the large SAE lie above 0.9, as good as the same direction. ",
            sae_count_words(above(c->hist_large_in_small, 0.9)).text);
    fprintf(out,
            "Chance gives less: half of the maxima against random directions are below %s, below %s when these have "
            "the covariance of the small SAE's rows.",
            sae_fixed_words(median_edge(c->hist_random), 2).text,
            sae_fixed_words(median_edge(c->hist_random_cov), 2).text);
}

/* ---- the drawing --------------------------------------------------------------------------------------- */

/* The plot's place, `row` from above. */
static void enter_row(sae_chart *chart, double first, int row)
{
    double tall = sae_chart_height(chart, ROW_HEIGHT);
    chart->top = first + row * (tall + ROW_GAP);
    chart->down = row == ROWS - 1 ? sae_chart_height(chart, RANDOM_HEIGHT) : tall;
}

static sae_histogram of(const int64_t *counts)
{
    return (sae_histogram){-1, 1, SAE_COS_BINS, counts};
}

static void row_axis(sae_chart *chart, int64_t most, int ticks)
{
    chart->y = sae_axis_linear(0, (double)most, ticks);
    sae_chart_grid_y(chart);
}

static void row_name(const sae_chart *chart, const char *text)
{
    sae_chart_text(chart, chart->left, chart->top - 8, "t n", "start", text);
}

static sae_status draw(sae_chart *chart, const void *results, sae_error *err)
{
    (void)err;
    const sae_comparison *c = results;
    bool narrow = chart->form == SAE_CHART_NARROW;
    const sae_chart_entry key[2] = {{SAE_SWATCH_LINE, "cr", NULL, 1, "random directions"},
                                    {SAE_SWATCH_LINE, "c3", "5 3", 1, "random with the small SAE's covariance"}};
    double tall = sae_chart_height(chart, ROW_HEIGHT);
    sae_chart_frame frame = {.down = NAME_ROOM + 2 * (tall + ROW_GAP) + sae_chart_height(chart, RANDOM_HEIGHT),
                             .x_name = "Maximum decoder cosine with the latents of the other SAE",
                             .y_name = "Number of latents",
                             .key = key,
                             .entries = 2};
    chart->x = sae_axis_linear(edge(lowest_bin(c)), 1, sae_chart_ticks(chart));
    sae_chart_begin(chart, &frame);
    double first = chart->top + NAME_ROOM, threshold = fmin(fmax(c->threshold, chart->x.low), chart->x.high);
    chart->top = first;
    sae_chart_grid_x(chart);
    enter_row(chart, first, 0);
    sae_histogram h = of(c->hist_large_in_small);
    row_axis(chart, sae_histogram_most(&h), 5);
    sae_histogram_bars(chart, &h, "cl", "latent", c->threshold);
    sae_chart_ground(chart);
    row_name(chart, narrow ? "Large SAE, in the small one" : "Latents of the large SAE, in the small one");
    enter_row(chart, first, 1);
    h = of(c->hist_small_in_large);
    row_axis(chart, sae_histogram_most(&h), 5);
    sae_histogram_bars(chart, &h, "cs", "latent", c->threshold);
    sae_chart_ground(chart);
    row_name(chart, narrow ? "Small SAE, in the large one" : "Latents of the small SAE, in the large one");
    enter_row(chart, first, 2);
    sae_histogram random = of(c->hist_random), random_cov = of(c->hist_random_cov);
    int64_t most = sae_histogram_most(&random), most_cov = sae_histogram_most(&random_cov);
    row_axis(chart, most > most_cov ? most : most_cov, 3);
    sae_histogram_outline(chart, &random, &key[0]);
    sae_histogram_outline(chart, &random_cov, &key[1]);
    sae_chart_ground(chart);
    row_name(chart, narrow ? "Large SAE, in random ones" : "Latents of the large SAE, in random dictionaries");
    chart->top = first;
    char text[64];
    snprintf(text, sizeof text, "threshold %.3g", c->threshold);
    sae_chart_marker(chart, threshold, text);
    sae_chart_end(chart);
    return SAE_OK;
}

/* ---- the table ----------------------------------------------------------------------------------------- */

static void tabulate(sae_table *table, const void *results)
{
    static const char *const columns[] = {"Cosine", "Large in small", "Small in large", "Random", "Random, covariance"};
    const sae_comparison *c = results;
    sae_table_begin(table, "Latents by their maximum decoder cosine", columns, 5);
    for (int b = SAE_COS_BINS - 1; b >= lowest_bin(c); b--) {
        char range[64];
        snprintf(range, sizeof range, "%.20s to %.20s", sae_fixed_words(edge(b), BIN_DECIMALS).text,
                 sae_fixed_words(edge(b + 1), BIN_DECIMALS).text);
        sae_table_row(table);
        sae_table_text(table, range);
        sae_table_count(table, c->hist_large_in_small[b]);
        sae_table_count(table, c->hist_small_in_large[b]);
        sae_table_count(table, c->hist_random[b]);
        sae_table_count(table, c->hist_random_cov[b]);
    }
    sae_table_end(table);
}

const sae_figure sae_maxima_figure = {
    .name = "histogram",
    .title = "How near each latent has a counterpart",
    .shows = "Three histograms over the maximum decoder cosine, from the lowest that occurs to 1: the latents of the "
             "large SAE in the small one, those of the small SAE in the large one, and those of the large SAE in two "
             "random dictionaries of the small SAE's size. A dashed line marks the threshold.",
    .finding = finding,
    .draw = draw,
    .tabulate = tabulate,
    .csv = "histogram.csv",
};
