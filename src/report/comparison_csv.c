/* A comparison as CSV, for figures made elsewhere. */
#include <sae/compare.h>

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

static void field(FILE *stream, double value)
{
    fputc(',', stream);
    sae_csv_real(stream, value);
}

static void split_fields(FILE *stream, const sae_split *split)
{
    field(stream, split->inactive);
    field(stream, split->active);
    field(stream, split->difference);
}

sae_status sae_comparison_write_latents(const sae_comparison *c, const char *path, sae_error *err)
{
    sae_draft draft;
    sae_status status = sae_draft_open(&draft, "a table of latents", err);
    if (status != SAE_OK) return status;
    fprintf(draft.stream, "latent,max_cos,nearest,novel,n_active,act_cos,pearson,large_inactive,large_active,"
                          "large_difference,small_inactive,small_active,small_difference\n");
    for (int64_t i = 0; i < c->n_large; i++) {
        fprintf(draft.stream, "%lld,%.9g,%d,%d,%lld", (long long)i, c->large_in_small[i], c->argmax[i],
                c->large_in_small[i] < c->threshold, (long long)c->n_active[i]);
        field(draft.stream, c->act_cos[i]);
        field(draft.stream, c->pearson[i]);
        split_fields(draft.stream, &c->large[i]);
        split_fields(draft.stream, &c->small[i]);
        fputc('\n', draft.stream);
    }
    return sae_draft_save(&draft, path, err);
}

static void error_line(FILE *stream, const char *sae, const sae_split *split, const sae_interval *inactive,
                       const sae_interval *active, const sae_interval *difference)
{
    const sae_interval *intervals[3] = {inactive, active, difference};
    const double values[3] = {split->inactive, split->active, split->difference};
    fputs(sae, stream);
    for (int i = 0; i < 3; i++) {
        field(stream, values[i]);
        field(stream, intervals[i]->low);
        field(stream, intervals[i]->high);
    }
    fputc('\n', stream);
}

sae_status sae_comparison_write_errors(const sae_comparison *c, const char *path, sae_error *err)
{
    const sae_novel_mean *m = &c->novel_mean;
    sae_draft draft;
    sae_status status = sae_draft_open(&draft, "a table of errors", err);
    if (status != SAE_OK) return status;
    fprintf(draft.stream, "sae,inactive,inactive_low,inactive_high,active,active_low,active_high,difference,"
                          "difference_low,difference_high\n");
    error_line(draft.stream, "large", &m->large, &m->large_inactive, &m->large_active, &m->large_difference);
    error_line(draft.stream, "small", &m->small, &m->small_inactive, &m->small_active, &m->small_difference);
    return sae_draft_save(&draft, path, err);
}
