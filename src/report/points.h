/* Many points of a scatter plot: marks one by one, or counted in hexagons when they are too many to be told apart. */
#ifndef SAE_REPORT_POINTS_H
#define SAE_REPORT_POINTS_H

#include "report/chart.h"

#define SAE_POINTS_MARKS 1200 /* more points than that are counted */

typedef struct sae_points {
    int64_t count;
    const double *x, *y; /* [count]; those with a NaN are left out, values beyond the axes are drawn at their ends */
    const char *x_noun, *y_noun; /* "cosine": what the values are, shown where a mark is pointed at */
    const char *style;           /* class of the marks */
} sae_points;

/* Of points without NaN: their number, and how many lie beyond the chart's axes. */
int64_t sae_points_known(const sae_points *points);
int64_t sae_points_beyond(const sae_points *points, const sae_axis *x, const sae_axis *y);
/* What marks are, for a key; no entry (0) when each is a point. `noun`: "pairs". */
int sae_points_key(const sae_points *points, const char *noun, sae_chart_entry *entry);
/* Draws them between the chart's axes. Points are latents by their index. */
void sae_points_draw(const sae_chart *chart, const sae_points *points);

#endif
