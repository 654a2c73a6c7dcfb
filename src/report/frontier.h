/* What a plot of the L0–FVU frontier shows, whatever it is drawn on: series, the frontier's points, axes. */
#ifndef SAE_REPORT_FRONTIER_H
#define SAE_REPORT_FRONTIER_H

#include <sae/frontier.h>

#include "report/axis.h"

/* SAEs of one kind and width: plot->order[first … first + count), by ascending L0. */
typedef struct sae_series {
    sae_arch arch;
    int64_t width;
    size_t rank; /* of its width among all widths, 0: the smallest */
    size_t first, count;
} sae_series;

typedef struct sae_frontier_plot {
    const sae_frontier_point *points;
    size_t *order; /* [shown] points with a place on the axes, by kind, width, L0, FVU */
    size_t shown, hidden;
    sae_series *series;
    size_t n_series;
    size_t *frontier; /* [n_frontier] of the points shown, those on the frontier, by ascending L0 */
    size_t n_frontier;
    size_t n_widths; /* how many different widths there are */
    sae_axis x, y;   /* L0, logarithmic; FVU */
} sae_frontier_plot;

/* Borrows the points. Axes have at most x_ticks and y_ticks ticks. Clear with sae_frontier_plot_clear. */
sae_status sae_frontier_plot_make(sae_frontier_plot *out, const sae_frontier_point *points, size_t count, int x_ticks,
                                  int y_ticks, sae_error *err);
void sae_frontier_plot_clear(sae_frontier_plot *plot);

/* Point i of series s. */
const sae_frontier_point *sae_series_point(const sae_frontier_plot *plot, const sae_series *series, size_t i);

#endif
