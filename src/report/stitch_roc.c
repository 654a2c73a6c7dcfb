/* How well the maximum cosine tells which latents improve the small SAE. */
#include "report/stitch_figures.h"
#include "report/words.h"

#include <math.h>

sae_interval sae_auc_interval(double auc, int64_t positives, int64_t negatives)
{
    double p = (double)positives, n = (double)negatives;
    double q1 = auc / (2 - auc), q2 = 2 * auc * auc / (1 + auc);
    double variance = (auc * (1 - auc) + (p - 1) * (q1 - auc * auc) + (n - 1) * (q2 - auc * auc)) / (p * n);
    double half = 1.959964 * sqrt(fmax(variance, 0));
    return (sae_interval){fmax(auc - half, 0), fmin(auc + half, 1)};
}

static void finding(FILE *out, const void *results)
{
    const sae_stitch *s = results;
    if (s->n_roc == 0) {
        fprintf(out, "No curve: %s the small SAE and %s worsen it, so there is nothing to tell apart.",
                s->improving == 1 ? "1 latent improves" : "all or none improve", sae_count_words(s->worsening).text);
        return;
    }
    sae_interval interval = sae_auc_interval(s->auc, s->improving, s->worsening);
    fprintf(out, "The cosine %s which latents improve: AUC %s (%s); 1 would be a perfect prediction, 0.5 none. ",
            s->auc >= 0.8   ? "tells rather well"
            : s->auc >= 0.6 ? "tells somewhat"
                            : "hardly tells",
            sae_fixed_words(s->auc, 3).text, sae_interval_words(&interval, 3).text);
    fprintf(out,
            "Best is a threshold of %s, which finds %s %% of those that improve and spares %s %% of those that "
            "worsen",
            sae_short_words(s->best_threshold).text, sae_fixed_words(100 * s->best.sensitivity, 0).text,
            sae_fixed_words(100 * s->best.specificity, 0).text);
    fprintf(out, "; at %s, %s %% of all are predicted rightly.", sae_short_words(s->threshold).text,
            sae_fixed_words(100 * s->accuracy, 0).text);
}

static void curve(const sae_chart *chart, const sae_stitch *s)
{
    fputs("<path class=\"cl\" fill=\"none\" stroke=\"currentColor\" stroke-width=\"2\" stroke-linejoin=\"round\" d=\"",
          chart->out);
    for (int64_t i = 0; i < s->n_roc; i++)
        fprintf(chart->out, "%c%.1f %.1f", i ? 'L' : 'M', sae_chart_x(chart, 1 - s->roc[i].specificity),
                sae_chart_y(chart, s->roc[i].sensitivity));
    double x = sae_chart_x(chart, 1 - s->best.specificity), y = sae_chart_y(chart, s->best.sensitivity);
    char text[64];
    snprintf(text, sizeof text, "best threshold %.3g", s->best_threshold);
    fprintf(chart->out, "\"/>\n<circle class=\"cl\" fill=\"currentColor\" cx=\"%.1f\" cy=\"%.1f\" r=\"5\"/>\n", x, y);
    bool right = x < chart->left + chart->across * 0.6;
    sae_chart_text(chart, right ? x + 10 : x - 10, y + 20, "t o", right ? "start" : "end", text);
}

static sae_status draw(sae_chart *chart, const void *results, sae_error *err)
{
    (void)err;
    const sae_stitch *s = results;
    bool narrow = chart->form == SAE_CHART_NARROW;
    chart->x = chart->y = sae_axis_linear(0, 1, 6);
    sae_chart_frame frame = {.down = narrow ? 230 : 400,
                             .x_name = "1 − specificity: worsening latents taken for improving ones",
                             .y_name = "Sensitivity: improving latents that are found"};
    sae_chart_begin(chart, &frame);
    sae_chart_grid_y(chart);
    sae_chart_grid_x(chart);
    fprintf(chart->out, "<path class=\"a\" stroke-dasharray=\"4 4\" d=\"M%.1f %.1fL%.1f %.1f\"/>\n",
            sae_chart_x(chart, 0), sae_chart_y(chart, 0), sae_chart_x(chart, 1), sae_chart_y(chart, 1));
    sae_chart_text(chart, sae_chart_x(chart, 0.7), sae_chart_y(chart, 0.66), "m o", "start", "chance");
    if (s->n_roc > 0) curve(chart, s);
    sae_chart_end(chart);
    return SAE_OK;
}

/* About a dozen points of the curve, its ends among them. */
static void tabulate(sae_table *table, const void *results)
{
    enum { MOST = 12 };
    static const char *const columns[] = {"Threshold", "Improving found", "Worsening spared"};
    const sae_stitch *s = results;
    int64_t last = s->n_roc - 1, step = last / MOST + 1;
    sae_table_begin(table, "Points of the curve", columns, 3);
    for (int64_t i = 0; i <= last; i += i == last ? 1 : i + step < last ? step : last - i) {
        sae_table_row(table);
        sae_table_text(table, isnan(s->roc[i].threshold) ? "above all" : sae_fixed_words(s->roc[i].threshold, 3).text);
        sae_table_fixed(table, s->roc[i].sensitivity, 3);
        sae_table_fixed(table, s->roc[i].specificity, 3);
    }
    sae_table_end(table);
}

const sae_figure sae_roc_figure = {
    .name = "roc",
    .title = "Does a low cosine tell that a latent improves?",
    .shows = "A ROC curve: for every threshold on the maximum cosine, upwards the share of improving latents below it, "
             "to the right the share of worsening ones. A dashed diagonal is chance; a dot marks the best threshold.",
    .finding = finding,
    .draw = draw,
    .tabulate = tabulate,
    .csv = "roc.csv",
};
