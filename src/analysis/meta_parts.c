#include "analysis/meta_parts.h"

#include "analysis/cosine.h"
#include "base/alloc.h"
#include "base/error.h"
#include "base/parallel.h"

#include <math.h>
#include <stdlib.h>

static int by_activation(const void *a_, const void *b_)
{
    const sae_meta_part *a = a_, *b = b_;
    if (a->activation != b->activation) return a->activation > b->activation ? -1 : 1;
    return a->id < b->id ? -1 : a->id > b->id;
}

static sae_status make_room(sae_meta *meta, sae_error *err)
{
    size_t rows = (size_t)meta->rows, width = (size_t)meta->width, parts = (size_t)meta->parts;
    meta->row_offsets = sae_calloc(rows + 1, sizeof *meta->row_offsets);
    meta->meta_offsets = sae_calloc(width + 1, sizeof *meta->meta_offsets);
    meta->row_parts = sae_alloc(parts, sizeof *meta->row_parts);
    meta->meta_parts = sae_alloc(parts, sizeof *meta->meta_parts);
    if (meta->row_offsets && meta->meta_offsets && meta->row_parts && meta->meta_parts) return SAE_OK;
    return sae_fail_memory(err, "decompositions", 2 * parts * sizeof *meta->row_parts);
}

static void fill_rows(sae_meta *meta, const sae_model *model, const sae_meta_rows *rows, const sae_codes *codes,
                      int threads)
{
    const float *W = sae_model_get_weights(model).W_dec;
    int64_t d = rows->d;
    for (int64_t r = 0; r <= rows->count; r++) meta->row_offsets[r] = codes->row_offsets[r];
#pragma omp parallel for num_threads(threads) schedule(static)
    for (int64_t r = 0; r < rows->count; r++) {
        const float *row = rows->unit + r * d;
        double norm = sqrt(sae_dot_double(row, row, d));
        for (int64_t e = codes->row_offsets[r]; e < codes->row_offsets[r + 1]; e++) {
            const float *w = W + codes->latents[e] * d;
            double size = norm * sqrt(sae_dot_double(w, w, d));
            double cosine = size > 0 ? sae_dot_double(row, w, d) / size : 0;
            meta->row_parts[e] = (sae_meta_part){
                .id = codes->latents[e], .activation = codes->values[e], .cosine = fmax(-1, fmin(1, cosine))};
        }
    }
}

/* Before the parts of a row are sorted, so that those of a meta-latent come by ascending row. */
static void fill_meta_latents(sae_meta *meta)
{
    for (int64_t e = 0; e < meta->parts; e++) meta->meta_offsets[meta->row_parts[e].id + 1]++;
    for (int64_t m = 0; m < meta->width; m++) {
        meta->unused += meta->meta_offsets[m + 1] == 0;
        meta->meta_offsets[m + 1] += meta->meta_offsets[m];
    }
    for (int64_t r = 0; r < meta->rows; r++) {
        meta->alone += meta->row_offsets[r] == meta->row_offsets[r + 1];
        for (int64_t e = meta->row_offsets[r]; e < meta->row_offsets[r + 1]; e++) {
            sae_meta_part part = meta->row_parts[e];
            int64_t at = meta->meta_offsets[part.id]++;
            part.id = meta->ids[r];
            meta->meta_parts[at] = part;
        }
    }
    for (int64_t m = meta->width; m > 0; m--) meta->meta_offsets[m] = meta->meta_offsets[m - 1];
    meta->meta_offsets[0] = 0;
}

static void sort_groups(sae_meta_part *parts, const int64_t *offsets, int64_t groups, int threads)
{
#pragma omp parallel for num_threads(threads) schedule(dynamic, 64)
    for (int64_t g = 0; g < groups; g++)
        qsort(parts + offsets[g], (size_t)(offsets[g + 1] - offsets[g]), sizeof *parts, by_activation);
}

sae_status sae_meta_list_parts(sae_meta *meta, const sae_model *model, const sae_meta_rows *rows,
                               const sae_codes *codes, const sae_env *env, sae_error *err)
{
    int threads = sae_threads(env);
    meta->parts = codes->row_offsets[rows->count];
    sae_status status = make_room(meta, err);
    if (status != SAE_OK) return status;
    fill_rows(meta, model, rows, codes, threads);
    fill_meta_latents(meta);
    sort_groups(meta->row_parts, meta->row_offsets, meta->rows, threads);
    sort_groups(meta->meta_parts, meta->meta_offsets, meta->width, threads);
    return SAE_OK;
}
