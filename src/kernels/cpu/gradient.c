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
    s.gradients = sae_alloc((size_t)d * SAE_LATENT_GROUP, sizeof *s.gradients);
    s.bias = sae_alloc(SAE_LATENT_GROUP, sizeof *s.bias);
    s.sums = sae_alloc(SAE_LATENT_GROUP * SAE_SLICE, sizeof *s.sums);
    s.entries = sae_alloc((size_t)rows * SAE_LATENT_GROUP, sizeof *s.entries);
    s.weights = sae_alloc((size_t)rows * 2 * SAE_LATENT_GROUP, sizeof *s.weights);
    s.starts = sae_alloc((size_t)rows + 1, sizeof *s.starts);
    if (!s.gradients || !s.bias || !s.sums || !s.entries || !s.weights || !s.starts) {
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
    sae_free(s->weights);
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

/* What the gradient rows of a latent are sums of: rows of `x`, each −scale times its weight. */
typedef struct summands {
    const float *x, *weights;
} summands;

static summands summands_of(const sae_update *u, const sae_update_term *term, sae_side side, int64_t latent)
{
    if (side == SAE_ENCODER) return (summands){u->c, term->codes->slope};
    return (summands){term->e + prefix_of(term, latent) * u->rows * u->d, term->codes->f};
}

static void gather_sparse(const sae_update *u, const sae_ops *ops, const sae_update_term *term, sae_side side,
                          int64_t latent, float *gradient)
{
    const sae_by_latent *codes = term->codes;
    summands s = summands_of(u, term, side, latent);
    int64_t first = codes->offsets[latent];
    ops->add_rows(codes->offsets[latent + 1] - first, codes->row + first, s.weights + first, -term->scale, s.x, u->d,
                  u->d, gradient);
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
static void sort_by_row(const sae_update *u, const sae_update_term *term, const int32_t *latents, int64_t count,
                        sae_update_scratch *s)
{
    const sae_by_latent *codes = term->codes;
    float *dec = s->weights, *enc = dec + SAE_LATENT_GROUP * u->rows;
    memset(s->starts, 0, (size_t)(u->rows + 1) * sizeof *s->starts);
    for (int64_t i = 0; i < count; i++)
        for (int64_t j = codes->offsets[latents[i]]; j < codes->offsets[latents[i] + 1]; j++)
            s->starts[codes->row[j] + 1]++;
    for (int64_t b = 0; b < u->rows; b++) s->starts[b + 1] += s->starts[b];
    for (int64_t i = 0; i < count; i++)
        for (int64_t j = codes->offsets[latents[i]]; j < codes->offsets[latents[i] + 1]; j++) {
            int32_t at = s->starts[codes->row[j]]++;
            s->entries[at] = (sae_entry){codes->row[j], (int32_t)i};
            dec[at] = -term->scale * codes->f[j];
            enc[at] = -term->scale * codes->slope[j];
        }
    s->sorted = codes;
}

static void gather_dense(const sae_update *u, const sae_ops *ops, const sae_update_term *term, sae_side side,
                         const int32_t *latents, int64_t count, int64_t entries, sae_update_scratch *s)
{
    const float *x = summands_of(u, term, side, latents[0]).x, *weights = s->weights;
    if (side == SAE_ENCODER) weights += SAE_LATENT_GROUP * u->rows;
    if (s->sorted != term->codes) sort_by_row(u, term, latents, count, s);
    for (int64_t j = 0; j < u->d; j += SAE_SLICE) {
        int64_t width = u->d - j < SAE_SLICE ? u->d - j : SAE_SLICE;
        ops->gather(entries, s->entries, weights, count, x + j, u->d, width, s->gradients + j, s->sums);
    }
}

/* Whether the rows of all latents of a group are sums of the same rows. */
static bool same_summands(const sae_update *u, const sae_update_term *term, sae_side side, const int32_t *latents,
                          int64_t count)
{
    const float *x = summands_of(u, term, side, latents[0]).x;
    for (int64_t i = 1; i < count; i++)
        if (summands_of(u, term, side, latents[i]).x != x) return false;
    return true;
}

static void gather(const sae_update *u, const sae_ops *ops, const sae_update_term *term, sae_side side,
                   const int32_t *latents, int64_t count, sae_update_scratch *s)
{
    int64_t codes = 0;
    for (int64_t i = 0; i < count; i++) codes += codes_of(term, latents[i]);
    /* every row about twice: from there on fetching it once pays */
    if (codes >= 2 * u->rows && same_summands(u, term, side, latents, count))
        gather_dense(u, ops, term, side, latents, count, codes, s);
    else
        for (int64_t i = 0; i < count; i++) gather_sparse(u, ops, term, side, latents[i], s->gradients + i * u->d);
}

static void start_from(const sae_update *u, sae_side side, const int32_t *latents, int64_t count, sae_update_scratch *s)
{
    size_t row = (size_t)u->d * sizeof(float);
    memset(s->gradients, 0, (size_t)count * row);
    memset(s->bias, 0, (size_t)count * sizeof *s->bias);
    if (!u->dense) return;
    const float *rows = side == SAE_DECODER ? u->dense->W_dec : u->dense->W_enc;
    for (int64_t i = 0; i < count; i++) {
        memcpy(s->gradients + i * u->d, rows + latents[i] * u->d, row);
        s->bias[i] = u->dense->b_enc[latents[i]];
    }
}

static void add_biases(const sae_update_term *term, const int32_t *latents, int64_t count, float *bias)
{
    const sae_by_latent *codes = term->codes;
    for (int64_t i = 0; i < count; i++)
        for (int64_t j = codes->offsets[latents[i]]; j < codes->offsets[latents[i] + 1]; j++)
            bias[i] += -term->scale * codes->slope[j];
}

static void take_parallel_part_away(const sae_update *u, const sae_ops *ops, const int32_t *latents, int64_t count,
                                    float *gradients)
{
    for (int64_t i = 0; i < count; i++) {
        float *g = gradients + i * u->d;
        const float *w = u->W_dec + latents[i] * u->d;
        ops->axpy(u->d, -ops->dot(g, w, u->d), w, g);
    }
}

void sae_gradient_rows(const sae_update *u, const sae_ops *ops, sae_side side, const int32_t *latents, int64_t count,
                       sae_update_scratch *s)
{
    start_from(u, side, latents, count, s);
    for (int t = 0; t < u->n_terms; t++) {
        gather(u, ops, &u->terms[t], side, latents, count, s);
        if (side == SAE_ENCODER) add_biases(&u->terms[t], latents, count, s->bias);
    }
    if (side == SAE_DECODER) take_parallel_part_away(u, ops, latents, count, s->gradients);
}
