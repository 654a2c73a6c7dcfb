/* The figures of a stitching. */
#include <sae/stitch.h>

#include "base/alloc.h"
#include "base/error.h"
#include "report/chart.h"
#include "report/draft.h"
#include "report/svg.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Starts a picture; its axes are set and `finding` is written by the caller. */
static sae_status start(sae_draft *draft, sae_chart *chart, sae_error *err)
{
    sae_status status = sae_draft_open(draft, "a picture", err);
    chart->out = draft->stream;
    return status;
}

/* ---- ΔMSE over the maximum cosine ---------------------------------------------------------------------- */

enum { MOST_MARKS = 3000, CELL = 6, COLUMNS = SAE_CHART_ACROSS / CELL + 1, ROWS = SAE_CHART_DOWN / CELL + 1 };

static int ascending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* The range of ΔMSE without the outermost hundredths, 0 within it. */
static sae_status delta_range(const sae_stitch *s, double *low, double *high, sae_error *err)
{
    double *values = sae_alloc((size_t)s->n_large, sizeof *values);
    if (!values) return sae_fail_memory(err, "a picture", (size_t)s->n_large * sizeof *values);
    int64_t n = 0;
    for (int64_t i = 0; i < s->n_large; i++)
        if (!isnan(s->delta_mse[i])) values[n++] = s->delta_mse[i];
    qsort(values, (size_t)n, sizeof *values, ascending);
    *low = n ? fmin(0, values[n / 100]) : 0;
    *high = n ? fmax(0, values[n - 1 - n / 100]) : 0;
    sae_free(values);
    return SAE_OK;
}

static double clamped(const sae_axis *axis, double value)
{
    return fmin(fmax(value, axis->low), axis->high);
}

static void marks(const sae_chart *chart, const sae_stitch *s)
{
    fputs("<g class=\"c2\" fill=\"currentColor\" fill-opacity=\"0.55\">\n", chart->out);
    for (int64_t i = 0; i < s->n_large; i++) {
        if (isnan(s->delta_mse[i])) continue;
        fprintf(
            chart->out,
            "<circle cx=\"%.2f\" cy=\"%.2f\" r=\"2.6\"><title>latent %lld: cosine %.3f, ΔMSE %.4g</title></circle>\n",
            sae_chart_x(chart, s->max_cos[i]), sae_chart_y(chart, clamped(&chart->y, s->delta_mse[i])), (long long)i,
            s->max_cos[i], s->delta_mse[i]);
    }
    fputs("</g>\n", chart->out);
}

/* Of very many latents, how many lie in each cell: the more, the denser its colour. */
static void cells(const sae_chart *chart, const sae_stitch *s)
{
    int64_t counts[ROWS][COLUMNS] = {{0}}, most = 1;
    for (int64_t i = 0; i < s->n_large; i++) {
        if (isnan(s->delta_mse[i])) continue;
        double x = sae_chart_x(chart, s->max_cos[i]) - chart->left;
        double y = sae_chart_y(chart, clamped(&chart->y, s->delta_mse[i])) - chart->top;
        int64_t *cell = &counts[(int64_t)(y / CELL)][(int64_t)(x / CELL)];
        if (++*cell > most) most = *cell;
    }
    fputs("<g class=\"c2\" fill=\"currentColor\">\n", chart->out);
    for (int r = 0; r < ROWS; r++)
        for (int c = 0; c < COLUMNS; c++) {
            if (counts[r][c] == 0) continue;
            fprintf(chart->out,
                    "<rect x=\"%.0f\" y=\"%.0f\" width=\"%d\" height=\"%d\" fill-opacity=\"%.2f\"><title>%lld "
                    "latents</title></rect>\n",
                    chart->left + c * CELL, chart->top + r * CELL, CELL, CELL,
                    0.15 + 0.85 * log((double)counts[r][c] + 1) / log((double)most + 1), (long long)counts[r][c]);
        }
    fputs("</g>\n", chart->out);
}

sae_status sae_stitch_draw_delta(const sae_stitch *s, const char *path, sae_error *err)
{
    double low = 0, high = 0, least = 1;
    int64_t below = 0, below_improving = 0, beyond = 0;
    char finding[512], text[128];
    sae_draft draft;
    sae_chart chart = {0};
    sae_status status = delta_range(s, &low, &high, err);
    if (status != SAE_OK) return status;
    chart.y = sae_axis_linear(low, high, 9);
    for (int64_t i = 0; i < s->n_large; i++) {
        if (isnan(s->delta_mse[i])) continue;
        bool under = s->max_cos[i] < s->threshold;
        least = fmin(least, s->max_cos[i]);
        below += under;
        below_improving += under && s->delta_mse[i] < 0;
        beyond += s->delta_mse[i] < chart.y.low || s->delta_mse[i] > chart.y.high;
    }
    chart.x = sae_axis_linear(least, 1, 11);
    snprintf(
        finding, sizeof finding,
        "Of %lld latents of the large SAE that fired, %lld have no latent of the small one within cosine %.3g; %lld "
        "of these improve it (below 0), and %lld of the other %lld. AUC of the cosine: %.3f. Latents drawn at the "
        "edge because they lie beyond it: %lld.",
        (long long)(s->improving + s->worsening), (long long)below, s->threshold, (long long)below_improving,
        (long long)(s->improving - below_improving), (long long)(s->improving + s->worsening - below), s->auc,
        (long long)beyond);
    if ((status = start(&draft, &chart, err)) != SAE_OK) return status;
    sae_chart_begin(&chart, "What inserting a latent does", finding, 0);
    sae_chart_axes(&chart, "Maximum decoder cosine with a latent of the small SAE",
                   "ΔMSE of the small SAE when the latent is inserted", true);
    double x = sae_chart_x(&chart, clamped(&chart.x, s->threshold)), zero = sae_chart_y(&chart, 0);
    fprintf(chart.out, "<path class=\"a\" d=\"M%.0f %.2fH%.0f\"/>\n", chart.left, zero, chart.left + chart.across);
    fprintf(chart.out, "<path class=\"a\" stroke-dasharray=\"4 4\" d=\"M%.2f %.0fV%.0f\"/>\n", x, chart.top,
            chart.top + chart.down);
    snprintf(text, sizeof text, "threshold %.3g", s->threshold);
    fprintf(chart.out, "<text class=\"m\" x=\"%.2f\" y=\"%.0f\" text-anchor=\"end\">%s</text>\n", x - 6, chart.top + 12,
            text);
    if (s->n_large <= MOST_MARKS)
        marks(&chart, s);
    else
        cells(&chart, s);
    sae_chart_end(&chart);
    return sae_draft_save(&draft, path, err);
}

/* ---- ROC ---------------------------------------------------------------------------------------------------- */

static void curve(const sae_chart *chart, const sae_stitch *s)
{
    fputs("<path class=\"c2\" fill=\"none\" stroke=\"currentColor\" stroke-width=\"2\" stroke-linejoin=\"round\" d=\"",
          chart->out);
    for (int64_t i = 0; i < s->n_roc; i++)
        fprintf(chart->out, "%c%.2f %.2f", i ? 'L' : 'M', sae_chart_x(chart, 1 - s->roc[i].specificity),
                sae_chart_y(chart, s->roc[i].sensitivity));
    double x = sae_chart_x(chart, 1 - s->best.specificity), y = sae_chart_y(chart, s->best.sensitivity);
    fprintf(chart->out,
            "\"/>\n<circle class=\"c2\" fill=\"currentColor\" cx=\"%.2f\" cy=\"%.2f\" r=\"5\"/><text class=\"t\" "
            "x=\"%.2f\" y=\"%.2f\">best threshold %.3g</text>\n",
            x, y, x + 10, y + 18, s->best_threshold);
}

sae_status sae_stitch_draw_roc(const sae_stitch *s, const char *path, sae_error *err)
{
    char finding[512];
    sae_draft draft;
    sae_chart chart = {.x = sae_axis_linear(0, 1, 11), .y = sae_axis_linear(0, 1, 11)};
    sae_status status = start(&draft, &chart, err);
    if (status != SAE_OK) return status;
    if (s->n_roc > 0)
        snprintf(
            finding, sizeof finding,
            "AUC %.3f: 1 would be a perfect prediction, 0.5 none. At threshold %.3g, where sensitivity and "
            "specificity sum to most, %.1f %% of the %lld latents that improve the small SAE are found, and %.1f %% of "
            "the %lld that worsen it are not taken for one. At %.3g, %.1f %% of all are predicted rightly.",
            s->auc, s->best_threshold, 100 * s->best.sensitivity, (long long)s->improving, 100 * s->best.specificity,
            (long long)s->worsening, s->threshold, 100 * s->accuracy);
    else
        snprintf(finding, sizeof finding,
                 "No curve: %lld latents improve the small SAE and %lld worsen it, so there is nothing to tell apart.",
                 (long long)s->improving, (long long)s->worsening);
    sae_chart_begin(&chart, "Does a low cosine tell that a latent improves?", finding, 0);
    sae_chart_axes(&chart, "1 − specificity: worsening latents taken for improving ones",
                   "Sensitivity: improving latents that are found", true);
    fprintf(chart.out, "<path class=\"a\" stroke-dasharray=\"4 4\" d=\"M%.2f %.2fL%.2f %.2f\"/>\n",
            sae_chart_x(&chart, 0), sae_chart_y(&chart, 0), sae_chart_x(&chart, 1), sae_chart_y(&chart, 1));
    if (s->n_roc > 0) curve(&chart, s);
    sae_chart_end(&chart);
    return sae_draft_save(&draft, path, err);
}

/* ---- the path ------------------------------------------------------------------------------------------------ */

enum { BUCKETS = 600 };

/* points [2·(2·BUCKETS + 2)] = the path with, of each bucket of entries, the lowest and the highest, in their order: no
 * peak is lost. Returns how many. */
static int64_t thin(const sae_stitch_path *path, double *points)
{
    int64_t count = 0, size = path->n_entries / BUCKETS + 1;
    for (int64_t first = 0; first < path->n_entries; first += size) {
        int64_t low = first, high = first;
        for (int64_t e = first; e < path->n_entries && e < first + size; e++) {
            if (path->entries[e].quality.mse < path->entries[low].quality.mse) low = e;
            if (path->entries[e].quality.mse > path->entries[high].quality.mse) high = e;
        }
        int64_t pair[2] = {low < high ? low : high, low < high ? high : low};
        for (int p = 0; p < (low == high ? 1 : 2); p++) {
            points[2 * count] = (double)path->entries[pair[p]].operations;
            points[2 * count++ + 1] = path->entries[pair[p]].quality.mse;
        }
    }
    const sae_stitch_entry *last = &path->entries[path->n_entries - 1];
    points[2 * count] = (double)last->operations;
    points[2 * count++ + 1] = last->quality.mse;
    return count;
}

static void draw_orders(const sae_chart *chart, const sae_stitch *s, double *points)
{
    for (int o = 0; o < SAE_STITCH_ORDERS; o++) {
        char text[160];
        const sae_stitch_path *p = &s->paths[o];
        snprintf(text, sizeof text, "%s%s: highest MSE %.4g, %lld of %lld operations raise it",
                 sae_stitch_order_name((sae_stitch_order)o), o == SAE_STITCH_RANDOM ? " (the baseline)" : "",
                 p->highest_mse, (long long)p->rises, (long long)s->operations);
        sae_chart_key(chart, o, o, text);
        sae_chart_line(chart, points, thin(p, points), o);
    }
}

sae_status sae_stitch_draw_path(const sae_stitch *s, const char *path, sae_error *err)
{
    char finding[512];
    double low = fmin(s->base.mse, s->large.mse), high = fmax(s->base.mse, s->large.mse);
    sae_draft draft;
    sae_chart chart = {0};
    double *points = sae_alloc(2 * BUCKETS + 2, 2 * sizeof *points);
    if (!points) return sae_fail_memory(err, "a picture", (2 * BUCKETS + 2) * 2 * sizeof *points);
    for (int o = 0; o < SAE_STITCH_ORDERS; o++)
        for (int64_t e = 0; e < s->paths[o].n_entries; e++) {
            low = fmin(low, s->paths[o].entries[e].quality.mse);
            high = fmax(high, s->paths[o].entries[e].quality.mse);
        }
    chart.x = sae_axis_linear(0, (double)s->operations, 9);
    chart.y = sae_axis_linear(low, high, 9);
    sae_status status = start(&draft, &chart, err);
    if (status == SAE_OK) {
        const sae_stitch_path *chosen = &s->paths[s->order];
        snprintf(finding, sizeof finding,
                 "%lld insertions, %lld swaps and %lld removals turn the small SAE (MSE %.4g) into the large one (MSE "
                 "%.4g). "
                 "In %s order the MSE %s %.4g; in random order up to %.4g.",
                 (long long)s->n_insert, (long long)s->n_swap, (long long)s->n_remove, s->base.mse, s->large.mse,
                 sae_stitch_order_name((sae_stitch_order)s->order),
                 chosen->highest_mse > s->base.mse * (1 + 1e-9) ? "rises up to" : "never rises above",
                 chosen->highest_mse, s->paths[SAE_STITCH_RANDOM].highest_mse);
        sae_chart_begin(&chart, "From the small SAE to the large one", finding, SAE_STITCH_ORDERS);
        sae_chart_axes(&chart, "Operations done", "MSE, squared error summed over the dimensions", true);
        draw_orders(&chart, s, points);
        sae_chart_end(&chart);
        status = sae_draft_save(&draft, path, err);
    }
    sae_free(points);
    return status;
}

/* ---- sizes of components ------------------------------------------------------------------------------------- */

enum { SIZES = 33 }; /* 1, 2, 3–4, 5–8, … */

static int size_bin(int64_t latents)
{
    int bin = 0;
    for (int64_t top = 1; top < latents; top *= 2) bin++;
    return bin;
}

static void size_name(int bin, char *out, size_t size)
{
    long long top = 1LL << bin;
    if (bin < 2)
        snprintf(out, size, "%lld", top);
    else
        snprintf(out, size, "%lld–%lld", top / 2 + 1, top);
}

static void bars(const sae_chart *chart, const int64_t *counts, int bins)
{
    double step = chart->across / bins;
    for (int b = 0; b < bins; b++) {
        char name[64];
        double x = chart->left + b * step + step / 2, y = sae_chart_y(chart, (double)counts[b]);
        size_name(b, name, sizeof name);
        if (counts[b])
            fprintf(chart->out,
                    "<rect class=\"c2\" fill=\"currentColor\" x=\"%.2f\" y=\"%.2f\" width=\"%.2f\" height=\"%.2f\"/>",
                    x - step * 0.35, y, step * 0.7, chart->top + chart->down - y);
        fprintf(
            chart->out,
            "<text class=\"t\" x=\"%.2f\" y=\"%.2f\" text-anchor=\"middle\">%lld</text><text class=\"m\" x=\"%.2f\" "
            "y=\"%.0f\" text-anchor=\"middle\">%s</text>\n",
            x, y - 6, (long long)counts[b], x, chart->top + chart->down + 20, name);
    }
}

sae_status sae_stitch_draw_components(const sae_stitch *s, const char *path, sae_error *err)
{
    int64_t counts[SIZES] = {0}, most = 0, largest = 0, one_to_one = 0;
    int bins = 1;
    char finding[512];
    for (int64_t c = 0; c < s->n_swap + s->n_remove; c++) {
        int64_t latents = s->components[c].n_small + s->components[c].n_large;
        int bin = size_bin(latents);
        if (++counts[bin] > most) most = counts[bin];
        if (bin >= bins) bins = bin + 1;
        if (latents > largest) largest = latents;
        one_to_one += s->components[c].n_small == 1 && s->components[c].n_large == 1;
    }
    sae_draft draft;
    sae_chart chart = {.x = sae_axis_linear(0, bins, 9), .y = sae_axis_linear(0, (double)most * 1.1, 9)};
    sae_status status = start(&draft, &chart, err);
    if (status != SAE_OK) return status;
    snprintf(
        finding, sizeof finding,
        "At threshold %.3g, %lld components have latents of both SAEs, %lld of them one of each; the largest has %lld "
        "latents. %lld latents of the small SAE have no counterpart in the large one (1), and %lld of the large none "
        "in "
        "the small.",
        s->threshold, (long long)s->n_swap, (long long)one_to_one, (long long)largest, (long long)s->n_remove,
        (long long)s->n_insert);
    sae_chart_begin(&chart, "Latents that change places together", finding, 0);
    sae_chart_axes(&chart, "Latents of both SAEs in a component", "Number of components", false);
    bars(&chart, counts, bins);
    sae_chart_end(&chart);
    return sae_draft_save(&draft, path, err);
}
