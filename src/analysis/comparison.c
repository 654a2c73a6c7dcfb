#include "analysis/comparison.h"

#include "analysis/compare_decoders.h"
#include "analysis/encoded.h"
#include "analysis/novel_mean.h"
#include "base/alloc.h"
#include "base/error.h"

#include <math.h>
#include <string.h>

/* ---- the object ----------------------------------------------------------------------------------- */

void sae_comparison_free(sae_comparison *c)
{
    if (!c) return;
    sae_free(c->large_in_small);
    sae_free(c->argmax);
    sae_free(c->small_in_large);
    sae_free(c->argmax_small);
    sae_free(c->partner);
    sae_free(c->partner_small);
    sae_free(c->partner_cos);
    sae_free(c->act_cos);
    sae_free(c->pearson);
    sae_free(c->partner_act_cos);
    sae_free(c->partner_pearson);
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
    c->partner = sae_alloc(b, sizeof *c->partner);
    c->partner_small = sae_alloc(a, sizeof *c->partner_small);
    c->partner_cos = sae_alloc(b, sizeof *c->partner_cos);
    c->act_cos = sae_alloc(b, sizeof *c->act_cos);
    c->pearson = sae_alloc(b, sizeof *c->pearson);
    c->partner_act_cos = sae_alloc(b, sizeof *c->partner_act_cos);
    c->partner_pearson = sae_alloc(b, sizeof *c->partner_pearson);
    c->n_active = sae_alloc(b, sizeof *c->n_active);
    c->n_active_small = sae_alloc(a, sizeof *c->n_active_small);
    c->large = sae_alloc(b, sizeof *c->large);
    c->small = sae_alloc(b, sizeof *c->small);
    if (c->large_in_small && c->argmax && c->small_in_large && c->argmax_small && c->partner && c->partner_small &&
        c->partner_cos && c->act_cos && c->pearson && c->partner_act_cos && c->partner_pearson && c->n_active &&
        c->n_active_small && c->large && c->small)
        return c;
    sae_comparison_free(c);
    return NULL;
}

/* ---- what can be compared ------------------------------------------------------------------------------------- */

static const char *name_of(const sae_model *model, const char *otherwise)
{
    return *sae_model_path(model) ? sae_model_path(model) : otherwise;
}

/* Rows that say what they are of are held against each SAE by the pass (sae_encoded_warn); others leave the SAEs to be
 * held against each other. */
static void warn_of_origins(const sae_model *small, const sae_model *large, const sae_source *source,
                            const sae_env *env)
{
    const sae_acts_meta *rows = &sae_source_get_info(source)->meta;
    const sae_acts_meta *a = &sae_model_get_info(small)->acts, *b = &sae_model_get_info(large)->acts;
    char text[1024];
    if (*rows->model || *rows->hook_name) return;
    sae_acts_meta origin = {.prepend_bos = b->prepend_bos, .center_residual = b->center_residual};
    memcpy(origin.model, a->model, sizeof origin.model);
    memcpy(origin.hook_name, a->hook_name, sizeof origin.hook_name);
    sae_model_mismatch(large, &origin, text, sizeof text);
    if (*text)
        sae_log(env, SAE_LOG_WARN, "the SAEs are of different activations: %s of %s at %s, %s of %s at %s",
                name_of(small, "the small one"), a->model, a->hook_name, name_of(large, "the large one"), b->model,
                b->hook_name);
}

sae_status sae_comparison_check(const sae_model *small, const sae_model *large, const sae_source *source,
                                const sae_env *env, sae_error *err)
{
    const sae_model_info *a = sae_model_get_info(small), *b = sae_model_get_info(large);
    const char *name_a = name_of(small, "the small SAE"), *name_b = name_of(large, "the large SAE");
    if (a->d != b->d)
        return sae_fail(err, SAE_E_SHAPE,
                        "%s and %s are for activations of %lld and %lld dimensions: their latents cannot be compared",
                        name_a, name_b, (long long)a->d, (long long)b->d);
    bool token = a->input_norm == SAE_INPUT_TOKEN;
    if (a->input_norm != b->input_norm)
        return sae_fail(err, SAE_E_ARG,
                        "%s standardises each token and %s does not: their latents live in different spaces and cannot "
                        "be compared; train both with --input-scale token or both without",
                        token ? name_a : name_b, token ? name_b : name_a);
    warn_of_origins(small, large, source, env);
    return sae_encoded_check(large, source, err);
}

sae_status sae_comparison_check_config(const sae_model *large, const sae_compare_config *config, sae_error *err)
{
    int64_t n = sae_model_get_info(large)->n;
    if (config->latent >= n)
        return sae_fail(err, SAE_E_ARG, "latent %lld does not exist: %s has latents 0 to %lld",
                        (long long)config->latent, name_of(large, "the large SAE"), (long long)n - 1);
    if (config->draws < 1)
        return sae_fail(err, SAE_E_ARG, "a bootstrap of %lld draws is none", (long long)config->draws);
    return SAE_OK;
}

sae_status sae_comparison_start(sae_comparison **out, const sae_model *small, const sae_model *large,
                                const sae_compare_config *config, const sae_env *env, sae_error *err)
{
    const sae_model_info *a = sae_model_get_info(small), *b = sae_model_get_info(large);
    sae_comparison *c = comparison_new(a->d, a->n, b->n);
    if (!c) return sae_fail_memory(err, "a comparison", (size_t)b->n * (sizeof *c->large * 2));
    c->threshold = config->threshold;
    c->min_active = config->min_active;
    sae_status status = sae_compare_decoders(c, small, large, (uint64_t)config->seed, env, err);
    if (status == SAE_OK)
        *out = c;
    else
        sae_comparison_free(c);
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

/* Cosine and correlation of the activations of two latents from their sums, of which fg is Σ f·g; NaN where one of them
 * is active on fewer than min_active tokens. */
static void similarity(const sae_active_sums *b, const sae_active_sums *a, double fg, int64_t tokens,
                       int64_t min_active, double *cosine, double *pearson)
{
    *cosine = *pearson = NAN;
    if (b->count < min_active || a->count < min_active || b->count == 0 || a->count == 0) return;
    double n = (double)tokens;
    double var_b = b->ff - b->f * b->f / n, var_a = a->ff - a->f * a->f / n;
    *cosine = fg / (sqrt(b->ff) * sqrt(a->ff));
    /* a latent that is the same everywhere has a variance of rounding errors */
    if (var_b > 1e-12 * b->ff && var_a > 1e-12 * a->ff) *pearson = (fg - b->f * a->f / n) / (sqrt(var_b) * sqrt(var_a));
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

/* Numbers of the latent i of the large SAE. */
static void fill_latent(sae_comparison *c, const sae_compare_rows *rows, const sae_compare_pair *pair, int64_t i,
                        const sae_joint_sums *joint)
{
    const sae_active_sums *large = &rows->latents[pair->large][i], *small = rows->latents[pair->small];
    c->n_active[i] = large->count;
    c->large[i] = split(rows->error[pair->large], rows->tokens, joint->error_large, large->count);
    c->small[i] = split(rows->error[pair->small], rows->tokens, joint->error_small, large->count);
    similarity(large, &small[c->argmax[i]], joint->f_nearest, rows->tokens, c->min_active, &c->act_cos[i],
               &c->pearson[i]);
    c->partner_act_cos[i] = c->partner_pearson[i] = NAN;
    if (c->partner[i] >= 0)
        similarity(large, &small[c->partner[i]], joint->f_partner, rows->tokens, c->min_active, &c->partner_act_cos[i],
                   &c->partner_pearson[i]);
}

sae_status sae_comparison_finish(sae_comparison *c, const sae_compare_rows *rows, const sae_compare_pair *pair,
                                 size_t number, const sae_compare_config *config, const sae_env *env, sae_error *err)
{
    double tokens = (double)rows->tokens;
    c->tokens = rows->tokens;
    c->mse_large = rows->error[pair->large] / tokens;
    c->mse_small = rows->error[pair->small] / tokens;
    c->l0_large = (double)rows->entries[pair->large] / tokens;
    c->l0_small = (double)rows->entries[pair->small] / tokens;
    for (int64_t j = 0; j < c->n_small; j++) c->n_active_small[j] = rows->latents[pair->small][j].count;
    for (int64_t i = 0; i < c->n_large; i++) fill_latent(c, rows, pair, i, &rows->joint[number][i]);
    similarity_r2(c);
    return sae_novel_mean_compute(c, config->draws, (uint64_t)config->seed, env, err);
}
