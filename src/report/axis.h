/* Axes of plots: a range that shows all values, and ticks at round numbers. */
#ifndef SAE_REPORT_AXIS_H
#define SAE_REPORT_AXIS_H

#include <stdbool.h>
#include <stddef.h>

#define SAE_AXIS_TICKS 16

typedef struct sae_axis {
    bool log;
    double low, high; /* low < high; of a logarithmic axis both > 0 */
    int count;
    double ticks[SAE_AXIS_TICKS]; /* ascending, within low … high */
    int decimals;                 /* of the labels of a linear axis */
} sae_axis;

/* For finite values from min to max, min ≤ max; 3 ≤ most ≤ SAE_AXIS_TICKS. A linear axis begins and ends at ticks, and
 * not below 0 where no value is. */
sae_axis sae_axis_linear(double min, double max, int most);
/* For min > 0. Ticks at 1, 2, 5 times powers of ten, at more or fewer round numbers as they fit. */
sae_axis sae_axis_log(double min, double max, int most);

/* 0 at low, 1 at high. */
double sae_axis_place(const sae_axis *axis, double value);
void sae_axis_label(const sae_axis *axis, int tick, char *out, size_t size);

#endif
