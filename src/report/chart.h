/* The frame of a plot as an SVG picture: headings, key, axes, and where values lie between them. A picture is drawn in
 * one of three forms: as a file of its own, or within a page for wide and for narrow screens. */
#ifndef SAE_REPORT_CHART_H
#define SAE_REPORT_CHART_H

#include "report/axis.h"

#include <stdint.h>
#include <stdio.h>

#define SAE_CHART_SERIES 4   /* kinds of lines that can be told apart */
#define SAE_CHART_ACROSS 640 /* the widest horizontal axis, in pixels */
#define SAE_CHART_DOWN   400 /* the tallest vertical axis */

typedef enum sae_chart_form {
    SAE_CHART_ALONE, /* a file: title and finding are drawn, the styles are in it */
    SAE_CHART_WIDE,  /* in a page, which has title, finding and styles */
    SAE_CHART_NARROW /* the same for a phone: fewer ticks, letters as large */
} sae_chart_form;

/* What stands in the key beside a text. */
typedef enum sae_chart_swatch { SAE_SWATCH_LINE, SAE_SWATCH_BOX, SAE_SWATCH_DOT } sae_chart_swatch;

typedef struct sae_chart_entry {
    sae_chart_swatch swatch;
    const char *style;  /* class, which gives the colour */
    const char *dashes; /* of a line, NULL: none */
    double opacity;     /* of a box */
    const char *text;
} sae_chart_entry;

typedef struct sae_chart {
    FILE *out;
    sae_chart_form form;
    const char *id;      /* of the picture, unique in its document */
    const char *title;   /* a few words */
    const char *finding; /* what the picture says */
    const char *shows;   /* what is drawn */
    sae_axis x, y;
    double left, top, across, down; /* of the axes, in pixels; set by sae_chart_begin */
    double bottom, below;           /* lower end of all plots; of what stands below it */
} sae_chart;

/* What a drawing says about itself before it begins. Of several plots above each other, `down` is the height of all. */
typedef struct sae_chart_frame {
    double down;
    double room;                 /* below the labels of the horizontal axis, for more than its name */
    const char *x_name, *y_name; /* y_name stands above the plot */
    const sae_chart_entry *key;
    int entries;
} sae_chart_frame;

/* A height for a picture in its form, out of that of a wide one. */
double sae_chart_height(const sae_chart *chart, double wide);
/* How many ticks a horizontal axis has room for. */
int sae_chart_ticks(const sae_chart *chart);

/* Writes the beginning, the key and the names of the axes, and sets the place of the axes. */
void sae_chart_begin(sae_chart *chart, const sae_chart_frame *frame);
/* Lines and labels of the vertical axis of the plot at top, down. */
void sae_chart_grid_y(const sae_chart *chart);
/* The same of the horizontal one, at `bottom`; lines reach up through all plots. */
void sae_chart_grid_x(const sae_chart *chart);
/* The horizontal line under the plot at top, down. */
void sae_chart_ground(const sae_chart *chart);
/* A dashed line across all plots at x = value. With `text`, its name at the upper end, on the side where room is. */
void sae_chart_marker(const sae_chart *chart, double value, const char *text);
/* Escaped text; `style` is its classes, `anchor` "start", "middle" or "end". */
void sae_chart_text(const sae_chart *chart, double x, double y, const char *style, const char *anchor,
                    const char *text);
void sae_chart_end(const sae_chart *chart);

double sae_chart_x(const sae_chart *chart, double value);
double sae_chart_y(const sae_chart *chart, double value);

/* A line over points [count], each x, y, with style and dashes of the entry. */
void sae_chart_line(const sae_chart *chart, const double *points, int64_t count, const sae_chart_entry *entry);
/* The look of series number 0 … SAE_CHART_SERIES − 1. */
sae_chart_entry sae_chart_series(int series, const char *text);

#endif
