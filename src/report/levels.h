/* Bars that lie, one below the other, each with its name above and its number behind it: room for long names on narrow
 * screens. */
#ifndef SAE_REPORT_LEVELS_H
#define SAE_REPORT_LEVELS_H

#include "report/chart.h"
#include "report/words.h"

#define SAE_LEVELS 16 /* at most so many bars */

typedef struct sae_level {
    char name[96];
    double value; /* ≥ 0, or NaN: unknown */
    sae_words number;
    const char *style;
    double opacity;
} sae_level;

/* The whole drawing, from the beginning to the end, with an axis from 0 to `full` (0: what the bars need). */
void sae_levels_draw(sae_chart *chart, const sae_level *levels, int count, double full, const char *x_name);

#endif
