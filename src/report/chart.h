/* The frame of a plot as an SVG picture: headings, two axes, and where values lie between them. */
#ifndef SAE_REPORT_CHART_H
#define SAE_REPORT_CHART_H

#include "report/axis.h"

#include <stdint.h>
#include <stdio.h>

#define SAE_CHART_SERIES 4   /* kinds of lines that can be told apart */
#define SAE_CHART_ACROSS 580 /* lengths of the axes, in pixels */
#define SAE_CHART_DOWN   330

typedef struct sae_chart {
    FILE *out;
    sae_axis x, y;
    double left, top, across, down; /* of the axes, in pixels; set by sae_chart_begin */
} sae_chart;

/* Writes the picture's beginning: the title, and the finding in words as its text alternative and, in lines, below the
 * title. `keys`: lines of a key below that. */
void sae_chart_begin(sae_chart *chart, const char *title, const char *finding, int keys);
/* Grid, ticks and names of both axes; without `ticks_x` only the name of the horizontal one. */
void sae_chart_axes(const sae_chart *chart, const char *x_name, const char *y_name, bool ticks_x);
void sae_chart_end(const sae_chart *chart);

double sae_chart_x(const sae_chart *chart, double value);
double sae_chart_y(const sae_chart *chart, double value);

/* A line over points [count], each x, y, in the style of a series: colour and dashes. */
void sae_chart_line(const sae_chart *chart, const double *points, int64_t count, int series);
/* Entry number `line` of the key. */
void sae_chart_key(const sae_chart *chart, int line, int series, const char *text);

#endif
