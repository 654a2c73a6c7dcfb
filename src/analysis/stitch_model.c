/* The SAE at a place on a path, and whether the one at its end is B. */
#include "analysis/stitch.h"

#include "base/alloc.h"
#include "base/error.h"

#include <math.h>
#include <string.h>

enum { END_ROWS = 4096, BLOCK = 256 };

int64_t sae_stitch_members(const sae_stitch *s, sae_stitch_order order, int64_t operations, unsigned char *in)
{
    const sae_stitch_graph *g = &s->inside->graph;
    int64_t count = s->n_small;
    memset(in, 1, (size_t)s->n_small);
    memset(in + s->n_small, 0, (size_t)s->n_large);
    for (int64_t done = 0; done < operations; done++) {
        const sae_stitch_operation *o = &g->operations[s->inside->orders[order][done]];
        for (int64_t m = 0; m < o->n_small + o->n_large; m++) in[o->members[m]] ^= 1;
        count += o->n_large - o->n_small;
    }
    return count;
}

void sae_stitch_bias(const sae_stitch *s, int64_t removed, float *b)
{
    const float *b_small = sae_model_get_weights(s->inside->small).b_dec;
    const float *b_large = sae_model_get_weights(s->inside->large).b_dec;
    double share = (double)removed / (double)s->n_small;
    for (int64_t j = 0; j < s->d; j++)
        b[j] = (float)((double)b_small[j] + share * ((double)b_large[j] - (double)b_small[j]));
}

static void copy_latents(const sae_stitch *s, const unsigned char *in, float *W_enc, float *W_dec, float *b_enc,
                         float *threshold)
{
    const sae_weights sides[2] = {sae_model_get_weights(s->inside->small), sae_model_get_weights(s->inside->large)};
    size_t d = (size_t)s->d, to = 0;
    for (int64_t i = 0; i < s->n_small + s->n_large; i++) {
        if (!in[i]) continue;
        const sae_weights *w = &sides[i >= s->n_small];
        size_t from = (size_t)(i < s->n_small ? i : i - s->n_small);
        memcpy(W_enc + to * d, w->W_enc + from * d, d * sizeof *W_enc);
        memcpy(W_dec + to * d, w->W_dec + from * d, d * sizeof *W_dec);
        b_enc[to] = w->b_enc[from];
        threshold[to++] = w->threshold[from];
    }
}

static sae_stitch_entry entry_of(const sae_stitch *s, sae_stitch_order order, int64_t operations,
                                 const unsigned char *in)
{
    const sae_quadratic *form = &s->inside->rows.form;
    sae_quadratic_sums sums = sae_quadratic_of(form, in);
    sae_stitch_entry entry = {.operations = operations, .inserted = sums.inserted, .removed = sums.removed, .ce = NAN};
    if (operations > 0) entry.phase = s->inside->graph.operations[s->inside->orders[order][operations - 1]].phase;
    entry.quality.mse = sae_quadratic_mse(form, &sums);
    entry.quality.fvu = form->variance > 0 ? entry.quality.mse / form->variance : NAN;
    entry.quality.l0 = sums.l0;
    return entry;
}

sae_status sae_stitch_model(const sae_stitch *s, sae_stitch_order order, int64_t operations, sae_model **out,
                            sae_stitch_entry *entry, sae_error *err)
{
    sae_status status = SAE_OK;
    float *W_enc = NULL, *W_dec = NULL, *b_enc = NULL, *threshold = NULL, *b_dec = NULL;
    unsigned char *in = NULL;
    if (operations < 0 || operations > s->operations)
        SAE_TRY(sae_fail(err, SAE_E_ARG, "the path has %lld operations: there is no SAE after %lld",
                         (long long)s->operations, (long long)operations));
    in = sae_alloc((size_t)(s->n_small + s->n_large), 1);
    if (!in) SAE_TRY(sae_fail_memory(err, "a set of latents", (size_t)(s->n_small + s->n_large)));
    int64_t n = sae_stitch_members(s, order, operations, in);
    sae_stitch_entry here = entry_of(s, order, operations, in);
    if (n == 0)
        SAE_TRY(sae_fail(err, SAE_E_VALUE, "after %lld operations no latent is left: there is no SAE to make",
                         (long long)operations));
    W_enc = sae_alloc((size_t)(n * s->d), sizeof *W_enc);
    W_dec = sae_alloc((size_t)(n * s->d), sizeof *W_dec);
    b_enc = sae_alloc((size_t)n, sizeof *b_enc);
    threshold = sae_alloc((size_t)n, sizeof *threshold);
    b_dec = sae_alloc((size_t)s->d, sizeof *b_dec);
    if (!W_enc || !W_dec || !b_enc || !threshold || !b_dec)
        SAE_TRY(sae_fail_memory(err, "a stitched SAE", (size_t)(n * s->d) * 2 * sizeof *W_enc));
    copy_latents(s, in, W_enc, W_dec, b_enc, threshold);
    sae_stitch_bias(s, here.removed, b_dec);
    sae_model_info info = *sae_model_get_info(s->inside->small);
    info.n = n;
    info.k = 0;
    sae_weights weights = {.W_enc = W_enc, .b_enc = b_enc, .W_dec = W_dec, .b_dec = b_dec, .threshold = threshold};
    SAE_TRY(sae_model_create(out, &info, &weights, err));
    if (entry) *entry = here;
done:
    sae_free(in);
    sae_free(W_enc);
    sae_free(W_dec);
    sae_free(b_enc);
    sae_free(threshold);
    sae_free(b_dec);
    return status;
}

/* ---- the end -------------------------------------------------------------------------------------------------- */

static void widest(const float *end, const float *large, int64_t count, double *difference, double *size)
{
    for (int64_t j = 0; j < count; j++) {
        *difference = fmax(*difference, fabs((double)end[j] - (double)large[j]));
        *size = fmax(*size, fabs((double)large[j]));
    }
}

sae_status sae_stitch_measure_end(sae_stitch *s, sae_source *source, const sae_env *env, sae_error *err)
{
    sae_status status;
    sae_model *end = NULL;
    double difference = 0, size = 0;
    int64_t rows = s->tokens < END_ROWS ? s->tokens : END_ROWS;
    size_t values = (size_t)(BLOCK * s->d);
    float *x = sae_alloc(values, sizeof *x), *of_end = sae_alloc(values, sizeof *of_end);
    float *of_large = sae_alloc(values, sizeof *of_large);
    sae_codes *codes = sae_codes_new();
    if (!x || !of_end || !of_large || !codes) SAE_TRY(sae_fail_memory(err, "blocks of rows", 3 * values * sizeof *x));
    SAE_TRY(sae_stitch_model(s, (sae_stitch_order)s->order, s->operations, &end, NULL, err));
    for (int64_t first = 0; first < rows; first += BLOCK) {
        int64_t count = rows - first < BLOCK ? rows - first : BLOCK;
        SAE_TRY(sae_source_usable(source, first, count, x, NULL, err));
        SAE_TRY(sae_model_encode(end, x, count, codes, env, err));
        SAE_TRY(sae_model_decode(end, codes, NULL, of_end, env, err));
        SAE_TRY(sae_model_encode(s->inside->large, x, count, codes, env, err));
        SAE_TRY(sae_model_decode(s->inside->large, codes, NULL, of_large, env, err));
        widest(of_end, of_large, count * s->d, &difference, &size);
    }
    s->end_error = size > 0 ? difference / size : difference;
done:
    sae_free(x);
    sae_free(of_end);
    sae_free(of_large);
    sae_codes_free(codes);
    sae_model_free(end);
    return status;
}
