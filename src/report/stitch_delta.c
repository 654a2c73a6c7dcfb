/* What inserting each latent does to the small SAE, over its maximum cosine. */
#include "report/cosine_class.h"
#include "report/points.h"
#include "report/stitch_figures.h"
#include "report/words.h"

#include "base/alloc.h"
#include "base/error.h"

#include <math.h>
#include <stdlib.h>

#define CLEAR 2 /* standard errors by which an effect differs clearly from 0 */

static sae_points points_of(const sae_stitch *s)
{
    return (sae_points){
        .count = s->n_large, .x = s->max_cos, .y = s->delta_mse, .x_noun = "cosine", .y_noun = "ΔMSE", .style = "cl"};
}

static int ascending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* The vertical axis: the range of ΔMSE without the outermost hundredths, 0 within it. */
static sae_status make_axis(const sae_stitch *s, sae_axis *axis, sae_error *err)
{
    double *values = sae_alloc((size_t)s->n_large, sizeof *values);
    if (!values) return sae_fail_memory(err, "a picture", (size_t)s->n_large * sizeof *values);
    int64_t n = 0;
    for (int64_t i = 0; i < s->n_large; i++)
        if (!isnan(s->delta_mse[i])) values[n++] = s->delta_mse[i];
    qsort(values, (size_t)n, sizeof *values, ascending);
    *axis = sae_axis_linear(n ? fmin(0, values[n / 100]) : 0, n ? fmax(0, values[n - 1 - n / 100]) : 0, 8);
    sae_free(values);
    return SAE_OK;
}

static void finding(FILE *out, const void *results)
{
    const sae_stitch *s = results;
    int64_t fired = s->improving + s->worsening, below = 0, below_improving = 0, clear = 0;
    for (int64_t i = 0; i < s->n_large; i++) {
        if (isnan(s->delta_mse[i])) continue;
        bool under = s->max_cos[i] < s->threshold;
        below += under;
        below_improving += under && s->delta_mse[i] < 0;
        clear += s->delta_mse[i] < -CLEAR * s->delta_mse_se[i];
    }
    fprintf(out,
            "Inserted one at a time into the small SAE, %s lower its MSE, %s of them by more than two standard "
            "errors. ",
            sae_share_words(s->improving, fired).text, sae_count_words(clear).text);
    fprintf(out, "Of the %s below cosine %s, %s improve it; of the other %s, %s do.", sae_count_words(below).text,
            sae_short_words(s->threshold).text, sae_count_words(below_improving).text,
            sae_count_words(fired - below).text, sae_count_words(s->improving - below_improving).text);
}

static sae_status draw(sae_chart *chart, const void *results, sae_error *err)
{
    const sae_stitch *s = results;
    sae_points points = points_of(s);
    sae_chart_entry key[1];
    double least = 0.9;
    char text[64], y_name[160];
    sae_status status = make_axis(s, &chart->y, err);
    if (status != SAE_OK) return status;
    for (int64_t i = 0; i < s->n_large; i++) {
        if (isnan(s->delta_mse[i])) continue;
        least = fmin(least, s->max_cos[i]);
    }
    chart->x = sae_axis_linear(least, 1, sae_chart_ticks(chart));
    int64_t beyond = sae_points_beyond(&points, &chart->x, &chart->y);
    snprintf(y_name, sizeof y_name, "ΔMSE when the latent is inserted: below 0 it improves%s",
             beyond ? " (few lie beyond the edge and are drawn at it)" : "");
    sae_chart_frame frame = {.down = chart->form == SAE_CHART_NARROW ? 250 : 360,
                             .x_name = "Maximum decoder cosine with a latent of the small SAE",
                             .y_name = y_name,
                             .key = key,
                             .entries = sae_points_key(&points, "darker: more latents", key)};
    sae_chart_begin(chart, &frame);
    sae_chart_grid_y(chart);
    sae_chart_grid_x(chart);
    double zero = sae_chart_y(chart, 0);
    fprintf(chart->out, "<path class=\"a\" d=\"M%.1f %.1fh%.1f\"/>\n", chart->left, zero, chart->across);
    sae_points_draw(chart, &points);
    snprintf(text, sizeof text, "threshold %.3g", s->threshold);
    sae_chart_marker(chart, fmin(fmax(s->threshold, chart->x.low), chart->x.high), text);
    sae_chart_end(chart);
    return SAE_OK;
}

/* ---- the table ------------------------------------------------------------------------------------------ */

static void tabulate(sae_table *table, const void *results)
{
    static const char *const columns[] = {"Maximum cosine", "Latents", "Improve", "Worsen", "Mean ΔMSE"};
    const sae_stitch *s = results;
    int64_t counts[SAE_COSINE_CLASSES][2] = {{0}};
    double sums[SAE_COSINE_CLASSES] = {0};
    for (int64_t i = 0; i < s->n_large; i++) {
        if (isnan(s->delta_mse[i])) continue;
        counts[sae_cosine_class(s->max_cos[i])][s->delta_mse[i] >= 0]++;
        sums[sae_cosine_class(s->max_cos[i])] += s->delta_mse[i];
    }
    sae_table_begin(table, "Latents that fired, by their maximum cosine", columns, 5);
    for (int class = SAE_COSINE_CLASSES - 1; class >= 0; class --) {
        int64_t n = counts[class][0] + counts[class][1];
        if (n == 0) continue;
        sae_table_row(table);
        sae_table_text(table, sae_cosine_class_words(class).text);
        sae_table_count(table, n);
        sae_table_count(table, counts[class][0]);
        sae_table_count(table, counts[class][1]);
        sae_table_real(table, sums[class] / (double)n, 3);
    }
    sae_table_end(table);
}

const sae_figure sae_delta_figure = {
    .name = "delta",
    .title = "What inserting a latent does",
    .shows = "A scatter plot of the latents of the large SAE: to the right their maximum decoder cosine with the small "
             "SAE, upwards the change of the small SAE's mean squared error when the latent is inserted.",
    .finding = finding,
    .draw = draw,
    .tabulate = tabulate,
    .csv = "latents.csv",
};
