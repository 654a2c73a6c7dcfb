/* Numbers of a latent: moments, quantiles, histograms. */
#include "base/alloc.h"
#include "base/error.h"
#include "dash/latent.h"

#include <math.h>
#include <string.h>

sae_status sae_dash_scratch_new(sae_dash_scratch *out, int64_t firings, sae_error *err)
{
    size_t room = (size_t)firings;
    *out = (sae_dash_scratch){.room = firings};
    for (int i = 0; i < 2; i++) out->sorted[i] = sae_alloc(room, sizeof(float));
    out->stretches = sae_alloc(room, sizeof *out->stretches);
    out->order = sae_alloc(room, sizeof *out->order);
    if (out->sorted[0] && out->sorted[1] && out->stretches && out->order) return SAE_OK;
    sae_dash_scratch_clear(out);
    return sae_fail_memory(err, "a latent's activations", room * (sizeof *out->stretches + 4 * sizeof(float)));
}

void sae_dash_scratch_clear(sae_dash_scratch *s)
{
    for (int i = 0; i < 2; i++) sae_free(s->sorted[i]);
    sae_free(s->stretches);
    sae_free(s->order);
    *s = (sae_dash_scratch){0};
}

/* Positive floats sort as the integers that their bits are: three passes over 11 bits each (the sign is 0). */
const float *sae_dash_sort(sae_dash_scratch *s, const float *values, int64_t count)
{
    enum { PASSES = 3, DIGIT = 11, BUCKETS = 1 << DIGIT };
    float *from = s->sorted[0], *to = s->sorted[1];
    memcpy(from, values, (size_t)count * sizeof *from);
    for (int pass = 0; pass < PASSES; pass++) {
        int64_t starts[BUCKETS] = {0}, sum = 0;
        int shift = pass * DIGIT;
        uint32_t bits;
        for (int64_t i = 0; i < count; i++) {
            memcpy(&bits, &from[i], sizeof bits);
            starts[bits >> shift & (BUCKETS - 1)]++;
        }
        for (int b = 0; b < BUCKETS; b++) {
            int64_t here = starts[b];
            starts[b] = sum;
            sum += here;
        }
        for (int64_t i = 0; i < count; i++) {
            memcpy(&bits, &from[i], sizeof bits);
            to[starts[bits >> shift & (BUCKETS - 1)]++] = from[i];
        }
        float *held = from;
        from = to;
        to = held;
    }
    return from;
}

static void moments(sae_dash_stats *out, const sae_dash_firings *f)
{
    double n = (double)f->count, sum = 0, m2 = 0, m3 = 0, m4 = 0;
    for (int64_t i = 0; i < f->count; i++) sum += (double)f->values[i];
    out->mean = sum / n;
    for (int64_t i = 0; i < f->count; i++) {
        double x = (double)f->values[i] - out->mean, xx = x * x;
        m2 += xx;
        m3 += xx * x;
        m4 += xx * xx;
    }
    m2 /= n;
    out->std = sqrt(m2);
    bool spread = m2 > 0;
    out->skew = spread ? m3 / n / (m2 * out->std) : (double)NAN;
    out->kurtosis = spread ? m4 / n / (m2 * m2) : (double)NAN;
}

/* The smallest value that at least the share q of all do not exceed. */
static float quantile(const float *sorted, int64_t count, double q)
{
    int64_t at = (int64_t)ceil(q * (double)count) - 1;
    return sorted[at < 0 ? 0 : at >= count ? count - 1 : at];
}

/* Counts in bins (edge b, edge b + 1] of sorted values; the first bin has its lower edge too, the last all the rest. */
static void count_bins(uint32_t *counts, int bins, double lo, double hi, const float *sorted, int64_t count, bool log)
{
    int64_t at = 0;
    for (int b = 0; b < bins; b++) {
        double edge = lo + (hi - lo) * (double)(b + 1) / (double)bins;
        int64_t begin = at;
        while (at < count && (b == bins - 1 || (log ? log10((double)sorted[at]) : (double)sorted[at]) <= edge)) at++;
        counts[b] = (uint32_t)(at - begin);
    }
}

/* Heights of the small histogram in tables: square roots, the highest 255, what is there at least 1. */
static void draw_spark(sae_dash_stats *out, const float *sorted, int64_t count)
{
    uint32_t counts[SAE_STORE_SPARK], most = 1;
    count_bins(counts, SAE_STORE_SPARK, 0, out->max, sorted, count, false);
    for (int b = 0; b < SAE_STORE_SPARK; b++)
        if (counts[b] > most) most = counts[b];
    for (int b = 0; b < SAE_STORE_SPARK; b++) {
        double height = 255 * sqrt((double)counts[b] / (double)most);
        out->spark[b] = counts[b] > 0 && height < 1 ? 1 : (uint8_t)height;
    }
}

void sae_dash_stats_of(sae_dash_stats *out, const sae_dash_firings *f, sae_dash_scratch *scratch)
{
    static const double at[SAE_DASH_QUANTILES] = {0.01, 0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99, 0.999};
    const double none = (double)NAN;
    *out = (sae_dash_stats){.min = none, .max = none, .mean = none, .std = none, .skew = none, .kurtosis = none};
    out->log_lo = out->log_hi = none;
    if (f->count == 0) return;
    const float *sorted = sae_dash_sort(scratch, f->values, f->count);
    out->min = (double)sorted[0];
    out->max = (double)sorted[f->count - 1];
    moments(out, f);
    for (int q = 0; q < SAE_DASH_QUANTILES; q++) out->quantiles[q] = quantile(sorted, f->count, at[q]);
    count_bins(out->hist, SAE_DASH_BINS, 0, out->max, sorted, f->count, false);
    out->log_lo = log10(out->min);
    out->log_hi = log10(out->max);
    if (out->log_lo == out->log_hi) { /* bins of no width could not be drawn */
        out->log_lo -= 0.05;
        out->log_hi += 0.05;
    }
    count_bins(out->log_hist, SAE_DASH_LOG_BINS, out->log_lo, out->log_hi, sorted, f->count, true);
    draw_spark(out, sorted, f->count);
}
