#include "cli/compare_json.h"

static void max_cos(cli_json *json, const sae_comparison *c)
{
    cli_json_object(json, "max_cos");
    cli_json_reals(json, "large_in_small", c->large_in_small, c->n_large);
    cli_json_reals(json, "small_in_large", c->small_in_large, c->n_small);
    cli_json_ids(json, "argmax", c->argmax, c->n_large);
    cli_json_ids(json, "argmax_small", c->argmax_small, c->n_small);
    cli_json_end(json);
}

static void hist(cli_json *json, const sae_comparison *c)
{
    cli_json_object(json, "hist");
    cli_json_array(json, "edges");
    for (int i = 0; i <= SAE_COS_BINS; i++) cli_json_real(json, NULL, (double)(2 * i - SAE_COS_BINS) / SAE_COS_BINS);
    cli_json_end(json);
    cli_json_ints(json, "large_in_small", c->hist_large_in_small, SAE_COS_BINS);
    cli_json_ints(json, "small_in_large", c->hist_small_in_large, SAE_COS_BINS);
    cli_json_ints(json, "random", c->hist_random, SAE_COS_BINS);
    cli_json_ints(json, "random_cov", c->hist_random_cov, SAE_COS_BINS);
    cli_json_end(json);
}

static void one_to_one(cli_json *json, const sae_comparison *c)
{
    cli_json_object(json, "one_to_one");
    cli_json_int(json, "pairs", c->one_to_one);
    cli_json_int(json, "above", c->one_to_one_above);
    cli_json_real(json, "share", (double)c->one_to_one_above / (double)c->one_to_one);
    cli_json_real(json, "mean_cos", c->one_to_one_mean);
    cli_json_ids(json, "partner", c->partner, c->n_large);
    cli_json_ids(json, "partner_small", c->partner_small, c->n_small);
    cli_json_reals(json, "cos", c->partner_cos, c->n_large);
    cli_json_reals(json, "act_cos", c->partner_act_cos, c->n_large);
    cli_json_reals(json, "pearson", c->partner_pearson, c->n_large);
    cli_json_end(json);
}

/* {"inactive": [n], "active": [n]} */
static void splits(cli_json *json, const char *key, const sae_split *values, int64_t count)
{
    cli_json_object(json, key);
    cli_json_array(json, "inactive");
    for (int64_t i = 0; i < count; i++) cli_json_real(json, NULL, values[i].inactive);
    cli_json_end(json);
    cli_json_array(json, "active");
    for (int64_t i = 0; i < count; i++) cli_json_real(json, NULL, values[i].active);
    cli_json_end(json);
    cli_json_end(json);
}

/* The members of one split; the object stays open. */
static void split_members(cli_json *json, const char *key, const sae_split *value)
{
    cli_json_object(json, key);
    cli_json_real(json, "inactive", value->inactive);
    cli_json_real(json, "active", value->active);
    cli_json_real(json, "difference", value->difference);
}

static void interval(cli_json *json, const char *key, const sae_interval *value)
{
    cli_json_array(json, key);
    cli_json_real(json, NULL, value->low);
    cli_json_real(json, NULL, value->high);
    cli_json_end(json);
}

static void one_latent(cli_json *json, const sae_comparison *c)
{
    if (c->latent < 0) {
        cli_json_null(json, "latent");
        return;
    }
    cli_json_object(json, "latent");
    cli_json_int(json, "id", c->latent);
    split_members(json, "large", &c->large[c->latent]);
    cli_json_end(json);
    split_members(json, "small", &c->small[c->latent]);
    cli_json_end(json);
    cli_json_end(json);
}

static void novel_mean(cli_json *json, const sae_novel_mean *m)
{
    cli_json_object(json, "novel_mean");
    cli_json_int(json, "n", m->n);
    cli_json_int(json, "left_out", m->left_out);
    cli_json_int(json, "never_fired", m->never_fired);
    split_members(json, "large", &m->large);
    interval(json, "ci", &m->large_difference);
    interval(json, "inactive_ci", &m->large_inactive);
    interval(json, "active_ci", &m->large_active);
    cli_json_end(json);
    split_members(json, "small", &m->small);
    interval(json, "ci", &m->small_difference);
    interval(json, "inactive_ci", &m->small_inactive);
    interval(json, "active_ci", &m->small_active);
    cli_json_end(json);
    cli_json_real(json, "excess", m->excess);
    interval(json, "excess_ci", &m->excess_interval);
    cli_json_end(json);
}

void cli_compare_members(cli_json *json, const sae_comparison *c, const char *small, const char *large)
{
    cli_json_text(json, "small", small);
    cli_json_text(json, "large", large);
    cli_json_int(json, "tokens", c->tokens);
    cli_json_real(json, "threshold", c->threshold);
    cli_json_int(json, "novel", c->novel);
    cli_json_int(json, "small_below", c->small_below);
    max_cos(json, c);
    hist(json, c);
    one_to_one(json, c);
    cli_json_object(json, "pairs");
    cli_json_reals(json, "act_cos", c->act_cos, c->n_large);
    cli_json_reals(json, "pearson", c->pearson, c->n_large);
    cli_json_end(json);
    cli_json_real(json, "r2", c->r2);
    cli_json_int(json, "r2_pairs", c->r2_pairs);
    cli_json_object(json, "mse");
    cli_json_real(json, "large", c->mse_large);
    cli_json_real(json, "small", c->mse_small);
    cli_json_end(json);
    cli_json_object(json, "l0");
    cli_json_real(json, "large", c->l0_large);
    cli_json_real(json, "small", c->l0_small);
    cli_json_end(json);
    cli_json_object(json, "latents");
    cli_json_ints(json, "n_active", c->n_active, c->n_large);
    splits(json, "large", c->large, c->n_large);
    splits(json, "small", c->small, c->n_large);
    cli_json_end(json);
    one_latent(json, c);
    novel_mean(json, &c->novel_mean);
}

void cli_compare_json(const sae_comparison *c, const char *small, const char *large, const cli_sparsity *sparsity,
                      FILE *out)
{
    cli_json json;
    cli_json_start(&json, out);
    cli_compare_members(&json, c, small, large);
    cli_sparsity_json(&json, sparsity);
    cli_json_finish(&json);
}
