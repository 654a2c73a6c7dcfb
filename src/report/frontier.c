#include "report/frontier.h"

#include "base/alloc.h"
#include "base/error.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define LOG_FVU 20.0 /* from this ratio of the largest to the smallest FVU on, its axis is logarithmic */

void sae_frontier_mark(sae_frontier_point *points, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const sae_frontier_point *p = &points[i];
        bool best = !isnan(p->l0) && !isnan(p->fvu);
        for (size_t j = 0; best && j < count; j++) {
            const sae_frontier_point *q = &points[j];
            best = !(q->l0 <= p->l0 && q->fvu <= p->fvu && (q->l0 < p->l0 || q->fvu < p->fvu));
        }
        points[i].on_frontier = best;
    }
}

static bool has_place(const sae_frontier_point *p)
{
    return isfinite(p->l0) && p->l0 > 0 && isfinite(p->fvu);
}

static int compare_numbers(double a, double b)
{
    return (a > b) - (a < b);
}

static int by_l0(const sae_frontier_point *p, const sae_frontier_point *q)
{
    int l0 = compare_numbers(p->l0, q->l0);
    return l0 ? l0 : compare_numbers(p->fvu, q->fvu);
}

static int by_series(const sae_frontier_point *p, const sae_frontier_point *q)
{
    if (p->arch != q->arch) return p->arch < q->arch ? -1 : 1;
    if (p->width != q->width) return p->width < q->width ? -1 : 1;
    return by_l0(p, q);
}

/* Insertion keeps equal points in their order, and there are at most some hundreds. */
static void sort(size_t *index, size_t count, const sae_frontier_point *points,
                 int (*compare)(const sae_frontier_point *, const sae_frontier_point *))
{
    for (size_t i = 1; i < count; i++) {
        size_t moved = index[i], at = i;
        for (; at > 0 && compare(&points[index[at - 1]], &points[moved]) > 0; at--) index[at] = index[at - 1];
        index[at] = moved;
    }
}

static void find_series(sae_frontier_plot *plot)
{
    for (size_t i = 0; i < plot->shown; i++) {
        const sae_frontier_point *p = &plot->points[plot->order[i]];
        sae_series *last = plot->n_series ? &plot->series[plot->n_series - 1] : NULL;
        if (last && last->arch == p->arch && last->width == p->width)
            last->count++;
        else
            plot->series[plot->n_series++] = (sae_series){.arch = p->arch, .width = p->width, .first = i, .count = 1};
    }
}

/* rank = how many different widths are smaller. */
static void rank_widths(sae_frontier_plot *plot)
{
    for (size_t s = 0; s < plot->n_series; s++) {
        for (size_t t = 0; t < plot->n_series; t++) {
            bool first = true; /* of its width */
            for (size_t u = 0; u < t; u++) first &= plot->series[u].width != plot->series[t].width;
            plot->series[s].rank += first && plot->series[t].width < plot->series[s].width;
        }
        if (plot->series[s].rank + 1 > plot->n_widths) plot->n_widths = plot->series[s].rank + 1;
    }
}

static void make_axes(sae_frontier_plot *plot, int x_ticks, int y_ticks)
{
    double l0[2] = {INFINITY, 0}, fvu[2] = {INFINITY, -INFINITY};
    for (size_t i = 0; i < plot->shown; i++) {
        const sae_frontier_point *p = &plot->points[plot->order[i]];
        l0[0] = fmin(l0[0], p->l0);
        l0[1] = fmax(l0[1], p->l0);
        fvu[0] = fmin(fvu[0], p->fvu);
        fvu[1] = fmax(fvu[1], p->fvu);
    }
    if (!plot->shown) {
        l0[0] = 1;
        l0[1] = 100;
        fvu[0] = 0;
        fvu[1] = 1;
    }
    double room = 0.03 * (fvu[1] - fvu[0]); /* marks do not touch the frame */
    plot->x = sae_axis_log(l0[0], l0[1], x_ticks);
    if (fvu[0] > 0 && fvu[1] / fvu[0] >= LOG_FVU)
        plot->y = sae_axis_log(fvu[0], fvu[1], y_ticks);
    else
        plot->y = sae_axis_linear(fvu[0] >= 0 ? fmax(0, fvu[0] - room) : fvu[0] - room, fvu[1] + room, y_ticks);
}

sae_status sae_frontier_plot_make(sae_frontier_plot *out, const sae_frontier_point *points, size_t count, int x_ticks,
                                  int y_ticks, sae_error *err)
{
    sae_frontier_plot plot = {.points = points};
    plot.order = sae_calloc(count + 1, sizeof *plot.order);
    plot.series = sae_calloc(count + 1, sizeof *plot.series);
    plot.frontier = sae_calloc(count + 1, sizeof *plot.frontier);
    if (!plot.order || !plot.series || !plot.frontier) {
        sae_frontier_plot_clear(&plot);
        return sae_fail_memory(err, "a plot", count * sizeof *plot.series);
    }
    for (size_t i = 0; i < count; i++)
        if (has_place(&points[i])) plot.order[plot.shown++] = i;
    plot.hidden = count - plot.shown;
    for (size_t i = 0; i < plot.shown; i++)
        if (points[plot.order[i]].on_frontier) plot.frontier[plot.n_frontier++] = plot.order[i];
    sort(plot.order, plot.shown, points, by_series);
    sort(plot.frontier, plot.n_frontier, points, by_l0);
    find_series(&plot);
    rank_widths(&plot);
    make_axes(&plot, x_ticks, y_ticks);
    *out = plot;
    return SAE_OK;
}

void sae_frontier_plot_clear(sae_frontier_plot *plot)
{
    sae_free(plot->order);
    sae_free(plot->series);
    sae_free(plot->frontier);
    *plot = (sae_frontier_plot){0};
}

const sae_frontier_point *sae_series_point(const sae_frontier_plot *plot, const sae_series *series, size_t i)
{
    return &plot->points[plot->order[series->first + i]];
}
