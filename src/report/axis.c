#include "report/axis.h"

#include <math.h>
#include <stdio.h>

#define ROUNDING 1e-9 /* of a step: what divisions by it may be off */

/* ---- linear ----------------------------------------------------------------------------------------- */

static double first_step(double min, double step)
{
    return floor(min / step + ROUNDING);
}

static double last_step(double max, double step)
{
    return ceil(max / step - ROUNDING);
}

/* The smallest of 1, 2, 5 times a power of ten by which [min, max], widened to whole steps, has at most `most` ticks:
 * with `most` ≥ 3 there is one, since a step beyond both has the ticks −1, 0 and 1. */
static double nice_step(double min, double max, int most)
{
    static const double mantissas[] = {1, 2, 5};
    for (double power = pow(10, floor(log10((max - min) / most)));; power *= 10) {
        for (size_t i = 0; i < sizeof mantissas / sizeof *mantissas; i++) {
            double step = power * mantissas[i];
            if (last_step(max, step) - first_step(min, step) + 1 <= most) return step;
        }
    }
}

sae_axis sae_axis_linear(double min, double max, int most)
{
    sae_axis axis = {0};
    if (!(max - min >
          ROUNDING * fmax(fabs(min),
                          fabs(max)))) { /* one value, but for rounding: room on both sides, but 0 stays at the end */
        double room = min != 0 ? fabs(min) / 10 : 1;
        if (min != 0) min -= room;
        max += room;
    }
    double step = nice_step(min, max, most), first = first_step(min, step);
    axis.count = (int)(last_step(max, step) - first) + 1;
    for (int i = 0; i < axis.count; i++) axis.ticks[i] = (first + i) * step;
    axis.low = axis.ticks[0];
    axis.high = axis.ticks[axis.count - 1];
    axis.decimals = step < 1 ? (int)-floor(log10(step) + ROUNDING) : 0;
    return axis;
}

/* ---- logarithmic ------------------------------------------------------------------------------------ */

/* Ticks at the mantissas times every `stride`-th power of ten; how many there are, even if they do not fit. */
static int log_ticks(sae_axis *axis, const double *mantissas, int n, int stride, int most)
{
    int count = 0;
    for (int e = (int)floor(log10(axis->low)); e <= (int)ceil(log10(axis->high)); e++) {
        if (e % stride) continue;
        for (int m = 0; m < n; m++) {
            double tick = mantissas[m] * pow(10, e);
            if (tick < axis->low * (1 - ROUNDING) || tick > axis->high * (1 + ROUNDING)) continue;
            if (count < most) axis->ticks[count] = tick;
            count++;
        }
    }
    return count;
}

/* Round numbers on a range that is less than a factor: those of a linear axis that lie within. */
static void ticks_between(sae_axis *axis, int most)
{
    sae_axis linear = sae_axis_linear(axis->low, axis->high, most);
    axis->count = 0;
    for (int i = 0; i < linear.count; i++)
        if (linear.ticks[i] >= axis->low && linear.ticks[i] <= axis->high) axis->ticks[axis->count++] = linear.ticks[i];
}

sae_axis sae_axis_log(double min, double max, int most)
{
    static const double dense[] = {1, 1.5, 2, 3, 4, 5, 6, 8}, usual[] = {1, 2, 5}, sparse[] = {1};
    /* a little at both ends, and at least a factor of 2 in all, so that small differences look small */
    double room = fmax(pow(max / min, 0.06), sqrt(2 / (max / min)));
    sae_axis axis = {.log = true, .low = min / room, .high = max * room};
    axis.count = log_ticks(&axis, dense, 8, 1, most);
    if (axis.count > most) axis.count = log_ticks(&axis, usual, 3, 1, most);
    for (int stride = 1; axis.count > most; stride++) axis.count = log_ticks(&axis, sparse, 1, stride, most);
    if (axis.count < 3 && axis.high / axis.low < 10) ticks_between(&axis, most);
    return axis;
}

/* ---- use -------------------------------------------------------------------------------------------- */

double sae_axis_place(const sae_axis *axis, double value)
{
    if (axis->log) return log(value / axis->low) / log(axis->high / axis->low);
    return (value - axis->low) / (axis->high - axis->low);
}

void sae_axis_label(const sae_axis *axis, int tick, char *out, size_t size)
{
    if (axis->log)
        snprintf(out, size, "%g", axis->ticks[tick]);
    else
        snprintf(out, size, "%.*f", axis->decimals, axis->ticks[tick]);
}
