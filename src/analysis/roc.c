#include "analysis/roc.h"

#include "base/alloc.h"
#include "base/error.h"

#include <math.h>
#include <stdlib.h>

typedef struct sample {
    double cosine;
    bool improves;
} sample;

static int ascending(const void *a, const void *b)
{
    double x = ((const sample *)a)->cosine, y = ((const sample *)b)->cosine;
    return (x > y) - (x < y);
}

/* Latents that fired, sorted by cosine; counts those that improve and that worsen. */
static int64_t collect(sae_stitch *s, sample *samples)
{
    int64_t n = 0;
    for (int64_t i = 0; i < s->n_large; i++) {
        if (isnan(s->delta_mse[i])) continue;
        bool improves = s->delta_mse[i] < 0;
        samples[n++] = (sample){s->max_cos[i], improves};
        if (improves)
            s->improving++;
        else
            s->worsening++;
    }
    qsort(samples, (size_t)n, sizeof *samples, ascending);
    return n;
}

/* Halfway, and above `low` whatever the rounding: a latent of cosine `low` lies below the threshold, one of `high` does
 * not. */
static double between(double low, double high)
{
    double middle = low + (high - low) / 2;
    return middle > low ? middle : high;
}

/* One point for each set of equal cosines that lies below the threshold, and the area between the points. */
static void trace(sae_stitch *s, const sample *samples, int64_t n)
{
    int64_t found = 0, false_alarms = 0; /* below the threshold: improving, worsening */
    double area = 0, p = (double)s->improving, q = (double)s->worsening;
    s->roc[s->n_roc++] = (sae_stitch_roc){samples[0].cosine, 0, 1};
    for (int64_t i = 0, end; i < n; i = end) {
        int64_t hits = 0;
        for (end = i; end < n && samples[end].cosine == samples[i].cosine; end++) hits += samples[end].improves;
        int64_t alarms = end - i - hits;
        area += (double)alarms * ((double)found + (double)hits / 2);
        found += hits;
        false_alarms += alarms;
        double threshold = end < n ? between(samples[i].cosine, samples[end].cosine) : NAN;
        s->roc[s->n_roc++] = (sae_stitch_roc){threshold, (double)found / p, 1 - (double)false_alarms / q};
    }
    s->auc = area / (p * q);
}

sae_status sae_roc_compute(sae_stitch *s, sae_error *err)
{
    sae_status status = SAE_OK;
    sample *samples = sae_alloc((size_t)s->n_large, sizeof *samples);
    s->auc = s->best_threshold = NAN;
    s->best = (sae_stitch_roc){NAN, NAN, NAN};
    if (!samples) SAE_TRY(sae_fail_memory(err, "a ROC curve", (size_t)s->n_large * sizeof *samples));
    int64_t n = collect(s, samples);
    if (s->improving == 0 || s->worsening == 0) goto done;
    s->roc = sae_alloc((size_t)n + 1, sizeof *s->roc);
    if (!s->roc) SAE_TRY(sae_fail_memory(err, "a ROC curve", (size_t)n * sizeof *s->roc));
    trace(s, samples, n);
    s->best = s->roc[0];
    for (int64_t i = 1; i < s->n_roc; i++)
        if (s->roc[i].sensitivity + s->roc[i].specificity > s->best.sensitivity + s->best.specificity)
            s->best = s->roc[i];
    s->best_threshold = s->best.threshold;
done:
    sae_free(samples);
    return status;
}

void sae_roc_accuracy(sae_stitch *s)
{
    int64_t right = 0;
    for (int64_t i = 0; i < s->n_large; i++)
        right += !isnan(s->delta_mse[i]) && (s->max_cos[i] < s->threshold) == (s->delta_mse[i] < 0);
    s->accuracy = (double)right / (double)(s->improving + s->worsening); /* NaN when none fired */
}
