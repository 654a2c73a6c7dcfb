#include "report/histogram.h"

#include "report/words.h"

#define ROUNDING 1e-9 /* an edge at the end of pale bars may be off by its last bits */

int sae_histogram_bin(const sae_histogram *h, double value)
{
    double place = (value - h->low) / (h->high - h->low) * h->n;
    return place < 0 ? 0 : place >= h->n ? h->n - 1 : (int)place;
}

double sae_histogram_edge(const sae_histogram *h, int bin)
{
    return h->low + (h->high - h->low) * bin / h->n;
}

int64_t sae_histogram_most(const sae_histogram *h)
{
    int64_t most = 1;
    for (int b = 0; b < h->n; b++) most = h->counts[b] > most ? h->counts[b] : most;
    return most;
}

void sae_histogram_bars(const sae_chart *chart, const sae_histogram *h, const char *style, const char *noun,
                        double pale)
{
    fprintf(chart->out, "<g class=\"%s\" fill=\"currentColor\">\n", style);
    for (int b = 0; b < h->n; b++) {
        if (!h->counts[b]) continue;
        double low = sae_histogram_edge(h, b), high = sae_histogram_edge(h, b + 1);
        double x = sae_chart_x(chart, low), right = sae_chart_x(chart, high);
        double y = sae_chart_y(chart, (double)h->counts[b]);
        fprintf(chart->out,
                "<rect x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\"%s><title>%s to %s: %s</title></rect>\n",
                x + 0.5, y, right - x - 1, chart->top + chart->down - y,
                high > pale + ROUNDING ? "" : " fill-opacity=\"0.55\"", sae_fixed_words(low, 2).text,
                sae_fixed_words(high, 2).text, sae_plural_words(h->counts[b], noun).text);
    }
    fputs("</g>\n", chart->out);
}

void sae_histogram_outline(const sae_chart *chart, const sae_histogram *h, const sae_chart_entry *look)
{
    double ground = chart->top + chart->down;
    bool open = false;
    fprintf(chart->out,
            "<path class=\"%s\" fill=\"currentColor\" fill-opacity=\"0.12\" stroke=\"currentColor\" "
            "stroke-width=\"1.6\" stroke-dasharray=\"%s\" d=\"",
            look->style, look->dashes ? look->dashes : "none");
    for (int b = 0; b < h->n; b++) {
        if (h->counts[b] && !open)
            fprintf(chart->out, "M%.1f %.1f", sae_chart_x(chart, sae_histogram_edge(h, b)), ground);
        if (h->counts[b])
            fprintf(chart->out, "V%.1fH%.1f", sae_chart_y(chart, (double)h->counts[b]),
                    sae_chart_x(chart, sae_histogram_edge(h, b + 1)));
        else if (open)
            fprintf(chart->out, "V%.1f", ground);
        open = h->counts[b] > 0;
    }
    if (open) fprintf(chart->out, "V%.1f", ground);
    fputs("\"/>\n", chart->out);
}
