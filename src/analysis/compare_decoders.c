#include "analysis/compare_decoders.h"

#include "analysis/assign.h"
#include "analysis/cosine.h"
#include "analysis/cosine_tiles.h"
#include "analysis/random_rows.h"
#include "base/alloc.h"
#include "base/error.h"

#include <math.h>
#include <string.h>

enum { KEPT = 32 }; /* nearest latents of each among which one-to-one pairs are sought first; memory, not the result */

/* Every look at all pairs of latents costs the same, whichever SAE's latents are the queries: progress counts them. */
typedef struct passes {
    const sae_env *env;
    double last; /* share of the present one that was done when last heard of */
    int done;    /* before it */
} passes;

enum { USUAL_PASSES = 6 }; /* maxima both ways, two for one-to-one pairs, two baselines */

static void report_pass(void *ud, const sae_progress *progress)
{
    passes *p = ud;
    if (strcmp(progress->what, "decoder cosines") != 0) {
        sae_report_progress(p->env, progress->what, progress->unit, progress->done, progress->total, progress->detail);
        return;
    }
    double share = progress->total > 0 ? progress->done / progress->total : 0;
    p->done += share < p->last;
    p->last = share;
    double total = p->done < USUAL_PASSES ? USUAL_PASSES : p->done + 1;
    sae_report_progress(p->env, "decoder cosines", "passes", p->done + share, total, NULL);
}

static void histogram(const double *values, int64_t n, int64_t *counts)
{
    for (int64_t i = 0; i < n; i++) {
        int64_t bin = (int64_t)floor((values[i] + 1) * (SAE_COS_BINS / 2.0));
        counts[bin < 0 ? 0 : bin >= SAE_COS_BINS ? SAE_COS_BINS - 1 : bin]++;
    }
}

int64_t sae_count_below(const double *values, int64_t n, double threshold)
{
    int64_t count = 0;
    for (int64_t i = 0; i < n; i++) count += values[i] < threshold;
    return count;
}

static sae_status random_baselines(sae_comparison *c, const float *small, const float *large, uint64_t seed,
                                   const sae_env *env, sae_error *err)
{
    sae_status status = SAE_OK;
    double *best = sae_alloc((size_t)c->n_large, sizeof *best);
    float *rows = sae_alloc((size_t)(c->n_small * c->d), sizeof *rows);
    if (!best || !rows)
        SAE_TRY(sae_fail_memory(err, "a random dictionary", (size_t)(c->n_small * c->d) * sizeof *rows));
    sae_random_rows(seed, c->n_small, c->d, rows, env);
    SAE_TRY(sae_max_cosine(large, c->n_large, rows, c->n_small, c->d, best, NULL, env, err));
    histogram(best, c->n_large, c->hist_random);
    SAE_TRY(sae_random_rows_like(seed, small, c->n_small, c->d, rows, env, err));
    SAE_TRY(sae_max_cosine(large, c->n_large, rows, c->n_small, c->d, best, NULL, env, err));
    histogram(best, c->n_large, c->hist_random_cov);
done:
    sae_free(best);
    sae_free(rows);
    return status;
}

static sae_status one_to_one(sae_comparison *c, const float *small, const float *large, const sae_env *env,
                             sae_error *err)
{
    sae_status status;
    sae_cosine_side a = {0}, b = {0};
    double sum = 0;
    SAE_TRY(sae_assign(small, c->n_small, large, c->n_large, c->d, KEPT, c->partner_small, c->partner, NULL, env, err));
    SAE_TRY(sae_cosine_side_new(&a, small, c->n_small, c->d, env, err));
    SAE_TRY(sae_cosine_side_new(&b, large, c->n_large, c->d, env, err));
    for (int64_t i = 0; i < c->n_large; i++) {
        c->partner_cos[i] = NAN;
        if (c->partner[i] < 0) continue;
        c->partner_cos[i] = sae_cosine_exact(&b, i, &a, c->partner[i]);
        c->one_to_one++;
        c->one_to_one_above += c->partner_cos[i] >= c->threshold;
        sum += c->partner_cos[i];
    }
    c->one_to_one_mean = sum / (double)c->one_to_one;
done:
    sae_cosine_side_clear(&a);
    sae_cosine_side_clear(&b);
    return status;
}

sae_status sae_compare_decoders(sae_comparison *c, const sae_model *small, const sae_model *large, uint64_t seed,
                                const sae_env *env_, sae_error *err)
{
    sae_status status;
    const float *A = sae_model_get_weights(small).W_dec, *B = sae_model_get_weights(large).W_dec;
    passes counted = {.env = env_};
    const sae_env inner = {.threads = env_ ? env_->threads : 0,
                           .stop = env_ ? env_->stop : NULL,
                           .progress = report_pass,
                           .ud = &counted},
                  *env = &inner;
    SAE_TRY(sae_max_cosine(B, c->n_large, A, c->n_small, c->d, c->large_in_small, c->argmax, env, err));
    SAE_TRY(sae_max_cosine(A, c->n_small, B, c->n_large, c->d, c->small_in_large, c->argmax_small, env, err));
    histogram(c->large_in_small, c->n_large, c->hist_large_in_small);
    histogram(c->small_in_large, c->n_small, c->hist_small_in_large);
    c->novel = sae_count_below(c->large_in_small, c->n_large, c->threshold);
    c->small_below = sae_count_below(c->small_in_large, c->n_small, c->threshold);
    SAE_TRY(one_to_one(c, A, B, env, err));
    SAE_TRY(random_baselines(c, A, B, seed, env, err));
done:
    return status;
}
