/* A comparison as CSV, for figures made elsewhere. */
#include <sae/compare.h>

#include "base/error.h"
#include "base/file.h"

#include <math.h>

/* Write errors stay in the stream and are found when the file is committed. */
static sae_status finish(sae_output *out, sae_error *err)
{
    return ferror(out->stream) ? sae_fail_errno(err, "cannot write %s", out->path) : sae_output_commit(out, err);
}

sae_status sae_comparison_write_histogram(const sae_comparison *c, const char *path, sae_error *err)
{
    sae_status status;
    sae_output out = {0};
    SAE_TRY(sae_output_open(&out, path, err));
    fprintf(out.stream, "lower,upper,large_in_small,small_in_large,random,random_cov\n");
    for (int b = 0; b < SAE_COS_BINS; b++) {
        double lower = -1 + b * (2.0 / SAE_COS_BINS), upper = -1 + (b + 1) * (2.0 / SAE_COS_BINS);
        fprintf(out.stream, "%.2f,%.2f,%lld,%lld,%lld,%lld\n", lower, upper, (long long)c->hist_large_in_small[b],
                (long long)c->hist_small_in_large[b], (long long)c->hist_random[b], (long long)c->hist_random_cov[b]);
    }
    status = finish(&out, err);
done:
    sae_output_abort(&out);
    return status;
}

static void field(FILE *stream, double value)
{
    fputc(',', stream);
    if (!isnan(value)) fprintf(stream, "%.9g", value);
}

static void split_fields(FILE *stream, const sae_split *split)
{
    field(stream, split->inactive);
    field(stream, split->active);
    field(stream, split->difference);
}

sae_status sae_comparison_write_latents(const sae_comparison *c, const char *path, sae_error *err)
{
    sae_status status;
    sae_output out = {0};
    SAE_TRY(sae_output_open(&out, path, err));
    fprintf(out.stream, "latent,max_cos,nearest,novel,n_active,act_cos,pearson,large_inactive,large_active,"
                        "large_difference,small_inactive,small_active,small_difference\n");
    for (int64_t i = 0; i < c->n_large; i++) {
        fprintf(out.stream, "%lld,%.9g,%d,%d,%lld", (long long)i, c->large_in_small[i], c->argmax[i],
                c->large_in_small[i] < c->threshold, (long long)c->n_active[i]);
        field(out.stream, c->act_cos[i]);
        field(out.stream, c->pearson[i]);
        split_fields(out.stream, &c->large[i]);
        split_fields(out.stream, &c->small[i]);
        fputc('\n', out.stream);
    }
    status = finish(&out, err);
done:
    sae_output_abort(&out);
    return status;
}
