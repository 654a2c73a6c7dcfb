#include "analysis/compare_rows.h"

#include "analysis/pass.h"
#include "base/alloc.h"
#include "base/error.h"

typedef struct visitor {
    sae_compare_rows *out;
    const sae_compare_pair *pairs;
    float *row; /* activations of one row of a pair's small SAE by latent, zero between rows */
} visitor;

static void add_latents(sae_active_sums *sums, const sae_codes *codes, int64_t r)
{
    for (int64_t e = codes->row_offsets[r]; e < codes->row_offsets[r + 1]; e++) {
        sae_active_sums *s = &sums[codes->latents[e]];
        double f = (double)codes->values[e];
        s->count++;
        s->f += f;
        s->ff += f * f;
    }
}

static void add_pair(sae_joint_sums *sums, const sae_compare_pair *pair, float *row, const sae_encoded_view *views,
                     int64_t r)
{
    const sae_codes *small = views[pair->small].codes, *large = views[pair->large].codes;
    double error_small = views[pair->small].sums[r].ee, error_large = views[pair->large].sums[r].ee;
    for (int64_t e = small->row_offsets[r]; e < small->row_offsets[r + 1]; e++)
        row[small->latents[e]] = small->values[e];
    for (int64_t e = large->row_offsets[r]; e < large->row_offsets[r + 1]; e++) {
        int32_t i = large->latents[e], partner = pair->partner[i];
        sae_joint_sums *s = &sums[i];
        double f = (double)large->values[e];
        s->error_large += error_large;
        s->error_small += error_small;
        s->f_nearest += f * (double)row[pair->nearest[i]];
        if (partner >= 0) s->f_partner += f * (double)row[partner];
    }
    for (int64_t e = small->row_offsets[r]; e < small->row_offsets[r + 1]; e++) row[small->latents[e]] = 0;
}

/* Row by row in order, so that sums have one fixed order; this is a few additions per code. */
static void visit(void *ud, int64_t first, int64_t rows, const float *x, const sae_encoded_view *views)
{
    (void)first;
    (void)x;
    const visitor *v = ud;
    sae_compare_rows *out = v->out;
    for (int64_t r = 0; r < rows; r++) {
        for (size_t m = 0; m < out->n_models; m++) {
            out->error[m] += views[m].sums[r].ee;
            add_latents(out->latents[m], views[m].codes, r);
        }
        for (size_t p = 0; p < out->n_pairs; p++) add_pair(out->joint[p], &v->pairs[p], v->row, views, r);
    }
    for (size_t m = 0; m < out->n_models; m++) out->entries[m] += views[m].codes->row_offsets[rows];
}

void sae_compare_rows_clear(sae_compare_rows *rows)
{
    for (size_t m = 0; rows->latents && m < rows->n_models; m++) sae_free(rows->latents[m]);
    for (size_t p = 0; rows->joint && p < rows->n_pairs; p++) sae_free(rows->joint[p]);
    sae_free(rows->latents);
    sae_free(rows->joint);
    sae_free(rows->error);
    sae_free(rows->entries);
    *rows = (sae_compare_rows){0};
}

static sae_status rows_new(sae_compare_rows *rows, const sae_model *const *models, size_t n_models,
                           const sae_compare_pair *pairs, size_t n_pairs, sae_error *err)
{
    *rows = (sae_compare_rows){.n_models = n_models, .n_pairs = n_pairs};
    rows->error = sae_calloc(n_models, sizeof *rows->error);
    rows->entries = sae_calloc(n_models, sizeof *rows->entries);
    rows->latents = sae_calloc(n_models, sizeof *rows->latents);
    rows->joint = sae_calloc(n_pairs, sizeof *rows->joint);
    bool whole = rows->error && rows->entries && rows->latents && rows->joint;
    size_t bytes = 0;
    for (size_t m = 0; whole && m < n_models; m++) {
        size_t n = (size_t)sae_model_get_info(models[m])->n;
        bytes += n * sizeof *rows->latents[m];
        whole = (rows->latents[m] = sae_calloc(n, sizeof *rows->latents[m])) != NULL;
    }
    for (size_t p = 0; whole && p < n_pairs; p++) {
        size_t n = (size_t)sae_model_get_info(models[pairs[p].large])->n;
        bytes += n * sizeof *rows->joint[p];
        whole = (rows->joint[p] = sae_calloc(n, sizeof *rows->joint[p])) != NULL;
    }
    return whole ? SAE_OK : sae_fail_memory(err, "sums of latents", bytes);
}

sae_status sae_compare_rows_read(sae_compare_rows *out, const sae_model *const *models, size_t n_models,
                                 const sae_compare_pair *pairs, size_t n_pairs, sae_source *source, int64_t max_tokens,
                                 const sae_env *env, sae_error *err)
{
    sae_status status;
    sae_compare_rows rows = {0};
    int64_t widest = 0;
    for (size_t p = 0; p < n_pairs; p++) {
        int64_t n = sae_model_get_info(models[pairs[p].small])->n;
        if (n > widest) widest = n;
    }
    visitor v = {.out = &rows, .pairs = pairs, .row = sae_calloc((size_t)widest, sizeof *v.row)};
    if (!v.row) SAE_TRY(sae_fail_memory(err, "a row of activations", (size_t)widest * sizeof *v.row));
    SAE_TRY(rows_new(&rows, models, n_models, pairs, n_pairs, err));
    SAE_TRY(sae_pass(models, n_models, source, false, max_tokens, "comparison", visit, &v, &rows.tokens, env, err));
    *out = rows;
    rows = (sae_compare_rows){0};
done:
    sae_free(v.row);
    sae_compare_rows_clear(&rows);
    return status;
}
