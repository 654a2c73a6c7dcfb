/* Histograms: upright bars, and a second one as an outline over it. */
#ifndef SAE_REPORT_HISTOGRAM_H
#define SAE_REPORT_HISTOGRAM_H

#include "report/chart.h"

/* n equal bins from low to high; the last one includes high. */
typedef struct sae_histogram {
    double low, high;
    int n;
    const int64_t *counts; /* [n] */
} sae_histogram;

/* The bin of a value; the first or the last one for values beyond. */
int sae_histogram_bin(const sae_histogram *h, double value);
double sae_histogram_edge(const sae_histogram *h, int bin); /* its lower one */
int64_t sae_histogram_most(const sae_histogram *h);         /* the largest count, at least 1 */
/* Bars between the chart's axes, of so many `noun`s ("latent"); paler below `pale`. */
void sae_histogram_bars(const sae_chart *chart, const sae_histogram *h, const char *style, const char *noun,
                        double pale);
void sae_histogram_outline(const sae_chart *chart, const sae_histogram *h, const sae_chart_entry *look);

#endif
