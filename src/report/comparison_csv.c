/* A comparison as CSV, for figures made elsewhere. */
#include <sae/compare.h>

#include "base/error.h"
#include "report/csv.h"
#include "report/draft.h"

sae_status sae_comparison_write_histogram(const sae_comparison *c, const char *path, sae_error *err)
{
    sae_draft draft;
    sae_status status = sae_draft_open(&draft, "a histogram", err);
    if (status != SAE_OK) return status;
    fprintf(draft.stream, "lower,upper,large_in_small,small_in_large,random,random_cov\n");
    for (int b = 0; b < SAE_COS_BINS; b++) {
        double lower = -1 + b * (2.0 / SAE_COS_BINS), upper = -1 + (b + 1) * (2.0 / SAE_COS_BINS);
        fprintf(draft.stream, "%.2f,%.2f,%lld,%lld,%lld,%lld\n", lower, upper, (long long)c->hist_large_in_small[b],
                (long long)c->hist_small_in_large[b], (long long)c->hist_random[b], (long long)c->hist_random_cov[b]);
    }
    return sae_draft_save(&draft, path, err);
}

static void split_fields(FILE *stream, const sae_split *split)
{
    sae_csv_field(stream, split->inactive);
    sae_csv_field(stream, split->active);
    sae_csv_field(stream, split->difference);
}

static void id_field(FILE *stream, int32_t id)
{
    fputc(',', stream);
    if (id >= 0) fprintf(stream, "%d", id);
}

sae_status sae_comparison_write_pairs(const sae_comparison *c, const char *path, sae_error *err)
{
    sae_draft draft;
    sae_status status = sae_draft_open(&draft, "a table of pairs", err);
    if (status != SAE_OK) return status;
    fprintf(draft.stream, "latent,nearest,cos,novel,n_active,nearest_n_active,act_cos,pearson,partner,partner_cos,"
                          "partner_act_cos,partner_pearson,large_inactive,large_active,large_difference,small_inactive,"
                          "small_active,small_difference\n");
    for (int64_t i = 0; i < c->n_large; i++) {
        fprintf(draft.stream, "%lld,%d,%.9g,%d,%lld,%lld", (long long)i, c->argmax[i], c->large_in_small[i],
                c->large_in_small[i] < c->threshold, (long long)c->n_active[i],
                (long long)c->n_active_small[c->argmax[i]]);
        sae_csv_field(draft.stream, c->act_cos[i]);
        sae_csv_field(draft.stream, c->pearson[i]);
        id_field(draft.stream, c->partner[i]);
        sae_csv_field(draft.stream, c->partner_cos[i]);
        sae_csv_field(draft.stream, c->partner_act_cos[i]);
        sae_csv_field(draft.stream, c->partner_pearson[i]);
        split_fields(draft.stream, &c->large[i]);
        split_fields(draft.stream, &c->small[i]);
        fputc('\n', draft.stream);
    }
    return sae_draft_save(&draft, path, err);
}

/* ---- errors of both SAEs ---------------------------------------------------------------------------------- */

/* mean, low, high and the three per dimension; ends the line. */
static void bar(FILE *stream, double mean, const sae_interval *interval, int64_t d)
{
    const double values[3] = {mean, interval->low, interval->high};
    for (int v = 0; v < 3; v++) sae_csv_field(stream, values[v]);
    for (int v = 0; v < 3; v++) sae_csv_field(stream, values[v] / (double)d);
    fputc('\n', stream);
}

sae_status sae_comparison_write_novel(const sae_comparison *c, const char *path, sae_error *err)
{
    const sae_novel_mean *m = &c->novel_mean;
    const struct {
        const char *sae, *tokens;
        double mean;
        const sae_interval *interval;
    } bars[] = {
        {"large", "inactive", m->large.inactive, &m->large_inactive},
        {"large", "active", m->large.active, &m->large_active},
        {"large", "difference", m->large.difference, &m->large_difference},
        {"small", "inactive", m->small.inactive, &m->small_inactive},
        {"small", "active", m->small.active, &m->small_active},
        {"small", "difference", m->small.difference, &m->small_difference},
        {"excess", "difference", m->excess, &m->excess_interval},
    };
    sae_draft draft;
    sae_status status = sae_draft_open(&draft, "a table of means", err);
    if (status != SAE_OK) return status;
    fprintf(draft.stream, "sae,tokens,mse,low,high,mse_per_dim,low_per_dim,high_per_dim\n");
    for (size_t b = 0; b < sizeof bars / sizeof *bars; b++) {
        fprintf(draft.stream, "%s,%s", bars[b].sae, bars[b].tokens);
        bar(draft.stream, bars[b].mean, bars[b].interval, c->d);
    }
    return sae_draft_save(&draft, path, err);
}

sae_status sae_comparison_write_latent(const sae_comparison *c, const char *path, sae_error *err)
{
    sae_draft draft;
    if (c->latent < 0) return sae_fail(err, SAE_E_ARG, "no latent was asked for: there is no table to write");
    sae_status status = sae_draft_open(&draft, "a table of a latent", err);
    if (status != SAE_OK) return status;
    fprintf(draft.stream, "sae,inactive,active,difference,inactive_per_dim,active_per_dim,difference_per_dim\n");
    for (int side = 0; side < 2; side++) {
        const sae_split *s = side == 0 ? &c->large[c->latent] : &c->small[c->latent];
        const sae_split each = {s->inactive / (double)c->d, s->active / (double)c->d, s->difference / (double)c->d};
        fputs(side == 0 ? "large" : "small", draft.stream);
        split_fields(draft.stream, s);
        split_fields(draft.stream, &each);
        fputc('\n', draft.stream);
    }
    return sae_draft_save(&draft, path, err);
}
