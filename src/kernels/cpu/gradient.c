/* Gradient rows, gathered from the rows where a latent was active. Two ways with the same bits, since every element is
 * summed in the same order (terms in turn, rows ascending):
 *
 * sparse  latent by latent, whole rows: most latents are active on few rows, and no row would be used twice
 * dense   for groups of latents that are active on many of the same rows (AuxK's): codes of the group are sorted by
 *         row, and slices of the dimensions are worked on in turn, so that sums stay in the first cache and each row
 *         is fetched once for the group instead of once for each latent */
#include "kernels/cpu/gradient.h"

#include "base/alloc.h"
#include "base/error.h"

#include <string.h>

sae_status sae_update_scratch_new(sae_update_scratch *out, int64_t d, int64_t rows, sae_error *err)
{
    sae_update_scratch s = {0};
    s.gradients = sae_alloc((size_t)d * 2 * SAE_LATENT_GROUP, sizeof *s.gradients);
    s.bias = sae_alloc(SAE_LATENT_GROUP, sizeof *s.bias);
    s.sums = sae_alloc(SAE_LATENT_GROUP * 2 * SAE_SLICE, sizeof *s.sums);
    s.entries = sae_alloc((size_t)rows * SAE_LATENT_GROUP, sizeof *s.entries);
    s.starts = sae_alloc((size_t)rows + 1, sizeof *s.starts);
    if (!s.gradients || !s.bias || !s.sums || !s.entries || !s.starts) {
        sae_update_scratch_clear(&s);
        return sae_fail_memory(err, "gradients", (size_t)rows * SAE_LATENT_GROUP * sizeof *s.entries);
    }
    *out = s;
    return SAE_OK;
}

void sae_update_scratch_clear(sae_update_scratch *s)
{
    sae_free(s->gradients);
    sae_free(s->bias);
    sae_free(s->sums);
    sae_free(s->entries);
    sae_free(s->starts);
    *s = (sae_update_scratch){0};
}

static void gather_sparse(const sae_update *u, const sae_ops *ops, const sae_update_term *term, int64_t latent,
                          float *g_dec, float *g_enc)
{
    const sae_by_latent *codes = term->codes;
    for (int64_t j = codes->offsets[latent]; j < codes->offsets[latent + 1]; j++) {
        ops->axpy(u->d, -term->scale * codes->f[j], term->e + codes->row[j] * u->d, g_dec);
        ops->axpy(u->d, -term->scale * codes->slope[j], u->c + codes->row[j] * u->d, g_enc);
    }
}

/* The group's codes by row, latents ascending within a row: a counting sort. */
static int64_t sort_by_row(const sae_update *u, const sae_update_term *term, int64_t first, int64_t count,
                           sae_update_scratch *s)
{
    const sae_by_latent *codes = term->codes;
    int64_t begin = codes->offsets[first], end = codes->offsets[first + count];
    memset(s->starts, 0, (size_t)(u->rows + 1) * sizeof *s->starts);
    for (int64_t j = begin; j < end; j++) s->starts[codes->row[j] + 1]++;
    for (int64_t b = 0; b < u->rows; b++) s->starts[b + 1] += s->starts[b];
    for (int64_t slot = 0; slot < count; slot++)
        for (int64_t j = codes->offsets[first + slot]; j < codes->offsets[first + slot + 1]; j++)
            s->entries[s->starts[codes->row[j]]++] =
                (sae_entry){codes->row[j], (int32_t)slot, -term->scale * codes->f[j], -term->scale * codes->slope[j]};
    return end - begin;
}

static void gather_dense(const sae_update *u, const sae_ops *ops, const sae_update_term *term, int64_t first,
                         int64_t count, sae_update_scratch *s)
{
    int64_t d = u->d, entries = sort_by_row(u, term, first, count, s);
    for (int64_t j = 0; j < d; j += SAE_SLICE) {
        int64_t width = d - j < SAE_SLICE ? d - j : SAE_SLICE;
        for (int64_t row = 0; row < 2 * count; row++)
            memcpy(s->sums + row * SAE_SLICE, s->gradients + row * d + j, (size_t)width * sizeof(float));
        ops->gather(entries, s->entries, term->e + j, u->c + j, d, width, s->sums);
        for (int64_t row = 0; row < 2 * count; row++)
            memcpy(s->gradients + row * d + j, s->sums + row * SAE_SLICE, (size_t)width * sizeof(float));
    }
}

void sae_gradient_rows(const sae_update *u, const sae_ops *ops, int64_t first, int64_t count, sae_update_scratch *s)
{
    int64_t d = u->d;
    memset(s->gradients, 0, (size_t)(2 * count * d) * sizeof *s->gradients);
    memset(s->bias, 0, (size_t)count * sizeof *s->bias);
    for (int t = 0; t < u->n_terms; t++) {
        const sae_update_term *term = &u->terms[t];
        const int64_t *offsets = term->codes->offsets;
        /* every row about twice: from there on fetching it once pays */
        bool dense = offsets[first + count] - offsets[first] >= 2 * u->rows;
        if (dense) gather_dense(u, ops, term, first, count, s);
        for (int64_t i = 0; i < count; i++) {
            float *g_dec = s->gradients + 2 * i * d;
            if (!dense) gather_sparse(u, ops, term, first + i, g_dec, g_dec + d);
            for (int64_t j = offsets[first + i]; j < offsets[first + i + 1]; j++)
                s->bias[i] += -term->scale * term->codes->slope[j];
        }
    }
    for (int64_t i = 0; i < count; i++) {
        float *g_dec = s->gradients + 2 * i * d;
        const float *w = u->W_dec + (first + i) * d;
        ops->axpy(d, -ops->dot(g_dec, w, d), w, g_dec);
    }
}
