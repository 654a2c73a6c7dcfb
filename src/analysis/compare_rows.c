#include "analysis/compare_rows.h"

#include "analysis/pass.h"
#include "base/alloc.h"
#include "base/error.h"

enum { SMALL, LARGE };

typedef struct visitor {
    sae_compare_rows *out;
    const int32_t *nearest;
    float *row; /* [n_small] activations of one row, zero between rows */
} visitor;

/* Row by row in order, so that sums have one fixed order; this is a few additions per code. */
static void visit(void *ud, int64_t first, int64_t rows, const float *x, const sae_pass_view *views)
{
    (void)first;
    (void)x;
    const visitor *v = ud;
    sae_compare_rows *out = v->out;
    const sae_codes *small = views[SMALL].codes, *large = views[LARGE].codes;
    for (int64_t r = 0; r < rows; r++) {
        double error_small = views[SMALL].sums[r].ee, error_large = views[LARGE].sums[r].ee;
        out->error_small += error_small;
        out->error_large += error_large;
        for (int64_t e = small->row_offsets[r]; e < small->row_offsets[r + 1]; e++) {
            sae_active_sums *s = &out->small[small->latents[e]];
            double g = (double)small->values[e];
            s->count++;
            s->f += g;
            s->ff += g * g;
            v->row[small->latents[e]] = small->values[e];
        }
        for (int64_t e = large->row_offsets[r]; e < large->row_offsets[r + 1]; e++) {
            sae_active_sums *s = &out->large[large->latents[e]];
            double f = (double)large->values[e];
            s->count++;
            s->error_large += error_large;
            s->error_small += error_small;
            s->f += f;
            s->ff += f * f;
            s->fg += f * (double)v->row[v->nearest[large->latents[e]]];
        }
        for (int64_t e = small->row_offsets[r]; e < small->row_offsets[r + 1]; e++) v->row[small->latents[e]] = 0;
    }
}

void sae_compare_rows_clear(sae_compare_rows *rows)
{
    sae_free(rows->large);
    sae_free(rows->small);
    *rows = (sae_compare_rows){0};
}

sae_status sae_compare_rows_read(sae_compare_rows *out, const sae_model *small, const sae_model *large,
                                 const int32_t *nearest, sae_source *source, int64_t max_tokens, const sae_env *env,
                                 sae_error *err)
{
    sae_status status;
    const sae_model *models[2] = {[SMALL] = small, [LARGE] = large};
    size_t n_small = (size_t)sae_model_get_info(small)->n, n_large = (size_t)sae_model_get_info(large)->n;
    sae_compare_rows rows = {.large = sae_calloc(n_large, sizeof *rows.large),
                             .small = sae_calloc(n_small, sizeof *rows.small)};
    visitor v = {.out = &rows, .nearest = nearest, .row = sae_calloc(n_small, sizeof *v.row)};
    if (!rows.large || !rows.small || !v.row)
        SAE_TRY(sae_fail_memory(err, "sums of latents", (n_small + n_large) * sizeof *rows.large));
    SAE_TRY(sae_pass(models, 2, source, false, max_tokens, "comparison", visit, &v, &rows.tokens, env, err));
    *out = rows;
    rows = (sae_compare_rows){0};
done:
    sae_free(v.row);
    sae_compare_rows_clear(&rows);
    return status;
}
