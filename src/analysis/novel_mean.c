#include "analysis/novel_mean.h"

#include "base/alloc.h"
#include "base/error.h"
#include "base/parallel.h"
#include "base/rng.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { LARGE_INACTIVE, LARGE_ACTIVE, LARGE_DIFFERENCE, SMALL_INACTIVE, SMALL_ACTIVE, SMALL_DIFFERENCE, EXCESS, VALUES };

typedef struct sample {
    double value[VALUES];
} sample;

static sample of_latent(const sae_split *large, const sae_split *small)
{
    return (sample){{[LARGE_INACTIVE] = large->inactive,
                     [LARGE_ACTIVE] = large->active,
                     [LARGE_DIFFERENCE] = large->difference,
                     [SMALL_INACTIVE] = small->inactive,
                     [SMALL_ACTIVE] = small->active,
                     [SMALL_DIFFERENCE] = small->difference,
                     [EXCESS] = small->difference - large->difference}};
}

/* The latents that enter, in `samples`; counts the others. */
static void collect(sae_comparison *c, sample *samples)
{
    sae_novel_mean *mean = &c->novel_mean;
    for (int64_t i = 0; i < c->n_large; i++) {
        if (c->large_in_small[i] >= c->threshold) continue;
        bool enters = c->n_active[i] >= c->min_active && c->tokens - c->n_active[i] >= c->min_active;
        /* with min_active 0 a latent may still have no tokens of one kind, and so no mean */
        enters = enters && c->n_active[i] > 0 && c->n_active[i] < c->tokens;
        if (c->n_active[i] == 0) mean->never_fired++;
        if (enters)
            samples[mean->n++] = of_latent(&c->large[i], &c->small[i]);
        else
            mean->left_out++;
    }
}

static sample average(const sample *samples, int64_t n)
{
    sample sum = {{0}};
    for (int64_t i = 0; i < n; i++)
        for (int v = 0; v < VALUES; v++) sum.value[v] += samples[i].value[v];
    for (int v = 0; v < VALUES; v++) sum.value[v] /= (double)n; /* NaN for none */
    return sum;
}

/* means [VALUES][draws]: averages of n samples drawn with replacement; draw t uses numbers t·n … t·n + n − 1. */
static void bootstrap(const sample *samples, int64_t n, int64_t draws, uint64_t seed, double *means, const sae_env *env)
{
    sae_rng rng = sae_rng_make(seed, "bootstrap", 0);
#pragma omp parallel for num_threads(sae_threads(env)) schedule(static)
    for (int64_t t = 0; t < draws; t++) {
        sample sum = {{0}};
        for (int64_t i = 0; i < n; i++) {
            const sample *s = &samples[sae_rng_below(&rng, (uint64_t)(t * n + i), (uint64_t)n)];
            for (int v = 0; v < VALUES; v++) sum.value[v] += s->value[v];
        }
        for (int v = 0; v < VALUES; v++) means[v * draws + t] = sum.value[v] / (double)n;
    }
}

static int ascending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* The quantile q of sorted values, interpolated linearly between neighbours. */
static double quantile(const double *sorted, int64_t n, double q)
{
    double at = q * (double)(n - 1);
    int64_t below = (int64_t)floor(at), above = below + 1 < n ? below + 1 : below;
    return sorted[below] + (at - (double)below) * (sorted[above] - sorted[below]);
}

static sae_interval interval(double *means, int64_t draws)
{
    qsort(means, (size_t)draws, sizeof *means, ascending);
    return (sae_interval){quantile(means, draws, 0.025), quantile(means, draws, 0.975)};
}

sae_status sae_novel_mean_compute(sae_comparison *c, int64_t draws, uint64_t seed, const sae_env *env, sae_error *err)
{
    sae_status status = SAE_OK;
    sae_novel_mean *mean = &c->novel_mean;
    *mean = (sae_novel_mean){0};
    sample *samples = sae_alloc((size_t)c->n_large, sizeof *samples);
    double *means = sae_alloc((size_t)draws, VALUES * sizeof *means);
    if (!samples || !means) SAE_TRY(sae_fail_memory(err, "a bootstrap", (size_t)draws * VALUES * sizeof *means));
    collect(c, samples);
    sample m = average(samples, mean->n);
    mean->large = (sae_split){m.value[LARGE_INACTIVE], m.value[LARGE_ACTIVE], m.value[LARGE_DIFFERENCE]};
    mean->small = (sae_split){m.value[SMALL_INACTIVE], m.value[SMALL_ACTIVE], m.value[SMALL_DIFFERENCE]};
    mean->excess = m.value[EXCESS];
    sae_interval intervals[VALUES];
    for (int v = 0; v < VALUES; v++) intervals[v] = (sae_interval){NAN, NAN};
    if (mean->n > 0) {
        bootstrap(samples, mean->n, draws, seed, means, env);
        for (int v = 0; v < VALUES; v++) intervals[v] = interval(means + v * draws, draws);
    }
    mean->large_inactive = intervals[LARGE_INACTIVE];
    mean->large_active = intervals[LARGE_ACTIVE];
    mean->large_difference = intervals[LARGE_DIFFERENCE];
    mean->small_inactive = intervals[SMALL_INACTIVE];
    mean->small_active = intervals[SMALL_ACTIVE];
    mean->small_difference = intervals[SMALL_DIFFERENCE];
    mean->excess_interval = intervals[EXCESS];
done:
    sae_free(samples);
    sae_free(means);
    return status;
}
