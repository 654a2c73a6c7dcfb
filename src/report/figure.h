/* A figure: a picture, what it says in words, and its numbers as a table. The same description gives the picture's
 * own file and its place in a page. */
#ifndef SAE_REPORT_FIGURE_H
#define SAE_REPORT_FIGURE_H

#include "report/chart.h"
#include "report/table.h"

#include <sae/status.h>

typedef struct sae_figure {
    const char *name;  /* of its files without their endings, and of its place in a page */
    const char *title; /* what is shown, in a few words */
    const char *shows; /* how it is drawn, for those who do not see it */
    /* The finding, with its uncertainty: plain text, escaped by the caller. */
    void (*finding)(FILE *out, const void *results);
    sae_status (*draw)(sae_chart *chart, const void *results, sae_error *err);
    void (*tabulate)(sae_table *table, const void *results);
    const char *csv; /* file that has all numbers, beside the page */
} sae_figure;

/* *out = the finding; free(). */
sae_status sae_figure_finding(const sae_figure *figure, const void *results, char **out, sae_error *err);
/* Draws the figure into `out`; `finding` is that above. */
sae_status sae_figure_draw(const sae_figure *figure, const void *results, sae_chart_form form, const char *finding,
                           FILE *out, sae_error *err);
/* *out = the picture as a file of its own, *length bytes; free(). */
sae_status sae_figure_picture(const sae_figure *figure, const void *results, const char *finding, char **out,
                              size_t *length, sae_error *err);
/* Writes the picture's file, whole or not at all. */
sae_status sae_figure_save(const sae_figure *figure, const void *results, const char *path, sae_error *err);

#endif
