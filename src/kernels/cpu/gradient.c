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

#include <stdbool.h>
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

/* The residual whose rows make the gradient of a latent. */
static int prefix_of(const sae_update_term *term, int64_t latent)
{
    int g = 0;
    while (g + 1 < term->n_prefixes && latent >= term->prefix_ends[g]) g++;
    return g;
}

static const float *residual_of(const sae_update *u, const sae_update_term *term, int64_t latent)
{
    return term->e + prefix_of(term, latent) * u->rows * u->d;
}

static void gather_sparse(const sae_update *u, const sae_ops *ops, const sae_update_term *term, int64_t latent,
                          float *g_dec, float *g_enc)
{
    const sae_by_latent *codes = term->codes;
    const float *e = residual_of(u, term, latent);
    for (int64_t j = codes->offsets[latent]; j < codes->offsets[latent + 1]; j++) {
        ops->axpy(u->d, -term->scale * codes->f[j], e + codes->row[j] * u->d, g_dec);
        ops->axpy(u->d, -term->scale * codes->slope[j], u->c + codes->row[j] * u->d, g_enc);
    }
}

static int64_t codes_of(const sae_update_term *term, int64_t latent)
{
    return term->codes->offsets[latent + 1] - term->codes->offsets[latent];
}

int64_t sae_gradient_order(const sae_update *u)
{
    int64_t at = 0, shared = 0;
    for (int many = 1; many >= 0; many--) {
        for (int64_t i = 0; i < u->n; i++) {
            int64_t codes = 0;
            for (int t = 0; t < u->n_terms; t++) codes += codes_of(&u->terms[t], i);
            if ((codes > u->rows / 32) == many) u->order[at++] = (int32_t)i;
        }
        if (many) shared = at;
    }
    return shared;
}

/* The group's codes by row, in the group's order within a row: a counting sort. */
static int64_t sort_by_row(const sae_update *u, const sae_update_term *term, const int32_t *latents, int64_t count,
                           sae_update_scratch *s)
{
    const sae_by_latent *codes = term->codes;
    memset(s->starts, 0, (size_t)(u->rows + 1) * sizeof *s->starts);
    for (int64_t i = 0; i < count; i++)
        for (int64_t j = codes->offsets[latents[i]]; j < codes->offsets[latents[i] + 1]; j++)
            s->starts[codes->row[j] + 1]++;
    for (int64_t b = 0; b < u->rows; b++) s->starts[b + 1] += s->starts[b];
    int64_t entries = s->starts[u->rows];
    for (int64_t i = 0; i < count; i++)
        for (int64_t j = codes->offsets[latents[i]]; j < codes->offsets[latents[i] + 1]; j++)
            s->entries[s->starts[codes->row[j]]++] =
                (sae_entry){codes->row[j], (int32_t)i, -term->scale * codes->f[j], -term->scale * codes->slope[j]};
    return entries;
}

static void gather_dense(const sae_update *u, const sae_ops *ops, const sae_update_term *term, const int32_t *latents,
                         int64_t count, sae_update_scratch *s)
{
    int64_t d = u->d, entries = sort_by_row(u, term, latents, count, s);
    for (int64_t j = 0; j < d; j += SAE_SLICE) {
        int64_t width = d - j < SAE_SLICE ? d - j : SAE_SLICE;
        ops->gather(entries, s->entries, count, residual_of(u, term, latents[0]) + j, u->c + j, d, width,
                    s->gradients + j, s->sums);
    }
}

/* Whether all latents of a group use the same residual. */
static bool same_prefix(const sae_update_term *term, const int32_t *latents, int64_t count)
{
    for (int64_t i = 1; i < count; i++)
        if (prefix_of(term, latents[i]) != prefix_of(term, latents[0])) return false;
    return true;
}

static void start_from(const sae_update *u, const int32_t *latents, int64_t count, sae_update_scratch *s)
{
    size_t row = (size_t)u->d * sizeof(float);
    memset(s->gradients, 0, 2 * (size_t)count * row);
    memset(s->bias, 0, (size_t)count * sizeof *s->bias);
    for (int64_t i = 0; u->dense && i < count; i++) {
        memcpy(s->gradients + 2 * i * u->d, u->dense->W_dec + latents[i] * u->d, row);
        memcpy(s->gradients + (2 * i + 1) * u->d, u->dense->W_enc + latents[i] * u->d, row);
        s->bias[i] = u->dense->b_enc[latents[i]];
    }
}

void sae_gradient_rows(const sae_update *u, const sae_ops *ops, const int32_t *latents, int64_t count,
                       sae_update_scratch *s)
{
    int64_t d = u->d;
    start_from(u, latents, count, s);
    for (int t = 0; t < u->n_terms; t++) {
        const sae_update_term *term = &u->terms[t];
        const int64_t *offsets = term->codes->offsets;
        int64_t codes = 0;
        for (int64_t i = 0; i < count; i++) codes += codes_of(term, latents[i]);
        /* every row about twice: from there on fetching it once pays */
        bool dense = codes >= 2 * u->rows && same_prefix(term, latents, count);
        if (dense) gather_dense(u, ops, term, latents, count, s);
        for (int64_t i = 0; i < count; i++) {
            float *g_dec = s->gradients + 2 * i * d;
            if (!dense) gather_sparse(u, ops, term, latents[i], g_dec, g_dec + d);
            for (int64_t j = offsets[latents[i]]; j < offsets[latents[i] + 1]; j++)
                s->bias[i] += -term->scale * term->codes->slope[j];
        }
    }
    for (int64_t i = 0; i < count; i++) {
        float *g_dec = s->gradients + 2 * i * d;
        const float *w = u->W_dec + latents[i] * d;
        ops->axpy(d, -ops->dot(g_dec, w, d), w, g_dec);
    }
}
