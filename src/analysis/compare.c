#include <sae/compare.h>

#include "analysis/compare_rows.h"
#include "analysis/cosine.h"
#include "analysis/novel_mean.h"
#include "analysis/pass.h"
#include "analysis/random_rows.h"
#include "base/alloc.h"
#include "base/error.h"

#include <math.h>
#include <stddef.h>
#include <string.h>

/* ---- configuration ------------------------------------------------------------------------------ */

sae_compare_config sae_compare_config_default(void)
{
    return (sae_compare_config){.threshold = 0.7, .min_active = 10, .latent = -1, .draws = 2000};
}

const sae_option *sae_compare_option_table(size_t *count)
{
#define AT(field) offsetof(sae_compare_config, field)
    static const sae_option table[] = {
        {"threshold", SAE_OPT_FLOAT, AT(threshold), "F", "0.7", -1, 1, NULL, NULL,
         "a latent of LARGE is novel when its maximum decoder cosine is below this"},
        {"min-active", SAE_OPT_INT, AT(min_active), "N", "10", 0, 1e12, NULL, NULL,
         "tokens on which a latent must be active, and inactive, to enter means and pairs"},
        {"max-tokens", SAE_OPT_INT, AT(max_tokens), "N", "all", 0, 1e15, NULL, "all",
         "compare on at most this many rows"},
        {"latent", SAE_OPT_INT, AT(latent), "ID", NULL, -1, 2147483647, NULL, NULL,
         "also print the table of this latent of LARGE"},
        {"draws", SAE_OPT_INT, AT(draws), "N", "2000", 1, 1e7, NULL, NULL, "bootstrap draws"},
        {"seed", SAE_OPT_INT, AT(seed), "S", "0", 0, 9e15, NULL, NULL, "seed of random baselines and bootstrap"},
    };
#undef AT
    *count = sizeof table / sizeof *table;
    return table;
}

/* ---- the object ----------------------------------------------------------------------------------- */

void sae_comparison_free(sae_comparison *c)
{
    if (!c) return;
    sae_free(c->large_in_small);
    sae_free(c->argmax);
    sae_free(c->small_in_large);
    sae_free(c->argmax_small);
    sae_free(c->act_cos);
    sae_free(c->pearson);
    sae_free(c->n_active);
    sae_free(c->n_active_small);
    sae_free(c->large);
    sae_free(c->small);
    sae_free(c);
}

static sae_comparison *comparison_new(int64_t d, int64_t n_small, int64_t n_large)
{
    sae_comparison *c = sae_calloc(1, sizeof *c);
    if (!c) return NULL;
    size_t a = (size_t)n_small, b = (size_t)n_large;
    *c = (sae_comparison){.d = d, .n_small = n_small, .n_large = n_large, .latent = -1};
    c->large_in_small = sae_alloc(b, sizeof *c->large_in_small);
    c->argmax = sae_alloc(b, sizeof *c->argmax);
    c->small_in_large = sae_alloc(a, sizeof *c->small_in_large);
    c->argmax_small = sae_alloc(a, sizeof *c->argmax_small);
    c->act_cos = sae_alloc(b, sizeof *c->act_cos);
    c->pearson = sae_alloc(b, sizeof *c->pearson);
    c->n_active = sae_alloc(b, sizeof *c->n_active);
    c->n_active_small = sae_alloc(a, sizeof *c->n_active_small);
    c->large = sae_alloc(b, sizeof *c->large);
    c->small = sae_alloc(b, sizeof *c->small);
    if (c->large_in_small && c->argmax && c->small_in_large && c->argmax_small && c->act_cos && c->pearson &&
        c->n_active && c->n_active_small && c->large && c->small)
        return c;
    sae_comparison_free(c);
    return NULL;
}

/* ---- decoder cosines ------------------------------------------------------------------------------ */

static void histogram(const double *values, int64_t n, int64_t *counts)
{
    for (int64_t i = 0; i < n; i++) {
        int64_t bin = (int64_t)floor((values[i] + 1) * (SAE_COS_BINS / 2.0));
        counts[bin < 0 ? 0 : bin >= SAE_COS_BINS ? SAE_COS_BINS - 1 : bin]++;
    }
}

static int64_t count_below(const double *values, int64_t n, double threshold)
{
    int64_t count = 0;
    for (int64_t i = 0; i < n; i++) count += values[i] < threshold;
    return count;
}

static void report(const sae_env *env, int done)
{
    sae_report_progress(env, "decoder cosines", "comparisons", done, 4, NULL);
}

static sae_status random_baselines(sae_comparison *c, const float *small, const float *large, uint64_t seed,
                                   const sae_env *env, sae_error *err)
{
    sae_status status = SAE_OK;
    double *best = sae_alloc((size_t)c->n_large, sizeof *best);
    float *rows = sae_alloc((size_t)(c->n_small * c->d), sizeof *rows);
    if (!best || !rows)
        SAE_TRY(sae_fail_memory(err, "a random dictionary", (size_t)(c->n_small * c->d) * sizeof *rows));
    report(env, 2);
    sae_random_rows(seed, c->n_small, c->d, rows, env);
    SAE_TRY(sae_max_cosine(large, c->n_large, rows, c->n_small, c->d, best, NULL, env, err));
    histogram(best, c->n_large, c->hist_random);
    report(env, 3);
    SAE_TRY(sae_random_rows_like(seed, small, c->n_small, c->d, rows, env, err));
    SAE_TRY(sae_max_cosine(large, c->n_large, rows, c->n_small, c->d, best, NULL, env, err));
    histogram(best, c->n_large, c->hist_random_cov);
done:
    sae_free(best);
    sae_free(rows);
    return status;
}

static sae_status compare_decoders(sae_comparison *c, const sae_model *small, const sae_model *large, uint64_t seed,
                                   const sae_env *env, sae_error *err)
{
    sae_status status;
    const float *A = sae_model_get_weights(small).W_dec, *B = sae_model_get_weights(large).W_dec;
    report(env, 0);
    SAE_TRY(sae_max_cosine(B, c->n_large, A, c->n_small, c->d, c->large_in_small, c->argmax, env, err));
    report(env, 1);
    SAE_TRY(sae_max_cosine(A, c->n_small, B, c->n_large, c->d, c->small_in_large, c->argmax_small, env, err));
    histogram(c->large_in_small, c->n_large, c->hist_large_in_small);
    histogram(c->small_in_large, c->n_small, c->hist_small_in_large);
    c->novel = count_below(c->large_in_small, c->n_large, c->threshold);
    c->small_below = count_below(c->small_in_large, c->n_small, c->threshold);
    SAE_TRY(random_baselines(c, A, B, seed, env, err));
done:
    return status;
}

/* ---- activations ------------------------------------------------------------------------------------ */

static sae_split split(double total, int64_t tokens, double active, int64_t count)
{
    sae_split s = {NAN, NAN, NAN};
    if (count > 0) s.active = active / (double)count;
    if (count < tokens) s.inactive = (total - active) / (double)(tokens - count);
    s.difference = s.active - s.inactive;
    return s;
}

static void pair_similarity(sae_comparison *c, const sae_compare_rows *rows, int64_t i)
{
    const sae_active_sums *b = &rows->large[i], *a = &rows->small[c->argmax[i]];
    c->act_cos[i] = c->pearson[i] = NAN;
    if (b->count < c->min_active || a->count < c->min_active || b->count == 0 || a->count == 0) return;
    double n = (double)rows->tokens;
    double var_b = b->ff - b->f * b->f / n, var_a = a->ff - a->f * a->f / n;
    c->act_cos[i] = b->fg / (sqrt(b->ff) * sqrt(a->ff));
    /* a latent that is the same everywhere has a variance of rounding errors */
    if (var_b > 1e-12 * b->ff && var_a > 1e-12 * a->ff)
        c->pearson[i] = (b->fg - b->f * a->f / n) / (sqrt(var_b) * sqrt(var_a));
}

/* Squared correlation of decoder cosine and activation cosine over pairs with decoder cosine > 0.5. */
static void similarity_r2(sae_comparison *c)
{
    double x = 0, y = 0, xx = 0, xy = 0, yy = 0;
    int64_t n = 0;
    for (int64_t i = 0; i < c->n_large; i++) {
        if (!(c->large_in_small[i] > 0.5) || isnan(c->act_cos[i])) continue;
        n++;
        x += c->large_in_small[i];
        y += c->act_cos[i];
    }
    c->r2_pairs = n;
    c->r2 = NAN;
    if (n < 3) return;
    x /= (double)n;
    y /= (double)n;
    for (int64_t i = 0; i < c->n_large; i++) {
        if (!(c->large_in_small[i] > 0.5) || isnan(c->act_cos[i])) continue;
        double u = c->large_in_small[i] - x, v = c->act_cos[i] - y;
        xx += u * u;
        xy += u * v;
        yy += v * v;
    }
    /* equal values differ by rounding only, which correlates with nothing */
    double noise = 1e-24 * (double)n;
    if (xx > noise && yy > noise) c->r2 = xy * xy / (xx * yy);
}

static void fill_latents(sae_comparison *c, const sae_compare_rows *rows)
{
    c->tokens = rows->tokens;
    c->mse_large = rows->error_large / (double)rows->tokens;
    c->mse_small = rows->error_small / (double)rows->tokens;
    for (int64_t j = 0; j < c->n_small; j++) c->n_active_small[j] = rows->small[j].count;
    for (int64_t i = 0; i < c->n_large; i++) {
        const sae_active_sums *s = &rows->large[i];
        c->n_active[i] = s->count;
        c->large[i] = split(rows->error_large, rows->tokens, s->error_large, s->count);
        c->small[i] = split(rows->error_small, rows->tokens, s->error_small, s->count);
        pair_similarity(c, rows, i);
    }
    similarity_r2(c);
}

/* ---- all of it -------------------------------------------------------------------------------------- */

static sae_status check(const sae_model_info *small, const sae_model_info *large, const sae_compare_config *config,
                        sae_error *err)
{
    if (small->d != large->d)
        return sae_fail(err, SAE_E_SHAPE,
                        "the SAEs are for activations of %lld and %lld dimensions: their latents cannot be compared",
                        (long long)small->d, (long long)large->d);
    if (small->input_norm != large->input_norm)
        return sae_fail(err, SAE_E_ARG,
                        "the %s SAE standardises each token and the other does not: their latents live in different "
                        "spaces and cannot be compared",
                        small->input_norm == SAE_INPUT_TOKEN ? "small" : "large");
    if (config->latent >= large->n)
        return sae_fail(err, SAE_E_ARG, "latent %lld does not exist: the large SAE has latents 0 to %lld",
                        (long long)config->latent, (long long)large->n - 1);
    if (config->draws < 1)
        return sae_fail(err, SAE_E_ARG, "a bootstrap of %lld draws is none", (long long)config->draws);
    return SAE_OK;
}

sae_status sae_compare(const sae_model *small, const sae_model *large, sae_source *source,
                       const sae_compare_config *config, sae_comparison **out, const sae_env *env, sae_error *err)
{
    sae_status status;
    const sae_model_info *a = sae_model_get_info(small), *b = sae_model_get_info(large);
    sae_comparison *c = NULL;
    sae_compare_rows rows = {0};
    SAE_TRY(check(a, b, config, err));
    SAE_TRY(sae_pass_check(large, source, err));
    c = comparison_new(a->d, a->n, b->n);
    if (!c) SAE_TRY(sae_fail_memory(err, "a comparison", (size_t)b->n * (sizeof *c->large * 2)));
    c->threshold = config->threshold;
    c->min_active = config->min_active;
    c->latent = config->latent;
    SAE_TRY(compare_decoders(c, small, large, (uint64_t)config->seed, env, err));
    SAE_TRY(sae_compare_rows_read(&rows, small, large, c->argmax, source, config->max_tokens, env, err));
    fill_latents(c, &rows);
    SAE_TRY(sae_novel_mean_compute(c, config->draws, (uint64_t)config->seed, env, err));
    *out = c;
    c = NULL;
done:
    sae_compare_rows_clear(&rows);
    sae_comparison_free(c);
    return status;
}
