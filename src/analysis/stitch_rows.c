#include "analysis/stitch_rows.h"

#include "analysis/code_pass.h"
#include "analysis/cosine.h"
#include "analysis/dot.h"
#include "base/alloc.h"
#include "base/error.h"
#include "base/parallel.h"

#include <math.h>
#include <omp.h>
#include <string.h>

enum { SMALL, LARGE, SIDES, KEPT_CODES = 1 << 22 };

/* Products of one code's decoder row: with y = x − b_A, and of B also with A's residual. */
typedef struct products {
    double y, e;
} products;

typedef struct visitor {
    const sae_env *env;
    int64_t d, n[SIDES];
    sae_weights w[SIDES];
    double *norms; /* [n_B] ‖w‖² */
    sae_pair_sums *pairs;
    products *found[SIDES]; /* of a block's codes */
    int64_t capacity[SIDES];
    double *rows; /* [threads, 2, d] */
    double *yy;   /* [block] ‖y‖² */
    int64_t yy_capacity;
    double yy_sum, *y;  /* Σ ‖y‖², Σ y [d] */
    double *f, *u, *uu; /* [n_A + n_B] Σ f; [n_B] Σ u, Σ u² */
    int64_t *count;     /* [n_A + n_B] */
    double *h;          /* [n_A + n_B] Σ f (w·y) */
    double *top;        /* [n_A + n_B] */
} visitor;

/* ---- one row ------------------------------------------------------------------------------------------------- */

static void project(visitor *v, int64_t r, const float *x, sae_codes *const *codes)
{
    int64_t d = v->d;
    double *y = v->rows + (size_t)omp_get_thread_num() * 2 * (size_t)d, *e = y + d, yy = 0;
    for (int64_t j = 0; j < d; j++) {
        y[j] = (double)x[r * d + j] - (double)v->w[SMALL].b_dec[j];
        yy += y[j] * y[j];
    }
    v->yy[r] = yy;
    memcpy(e, y, (size_t)d * sizeof *e);
    for (int64_t c = codes[SMALL]->row_offsets[r]; c < codes[SMALL]->row_offsets[r + 1]; c++) {
        const float *w = v->w[SMALL].W_dec + codes[SMALL]->latents[c] * d;
        double f = (double)codes[SMALL]->values[c];
        v->found[SMALL][c].y = sae_dot_mixed(y, w, d);
        for (int64_t j = 0; j < d; j++) e[j] -= f * (double)w[j];
    }
    for (int64_t c = codes[LARGE]->row_offsets[r]; c < codes[LARGE]->row_offsets[r + 1]; c++) {
        const float *w = v->w[LARGE].W_dec + codes[LARGE]->latents[c] * d;
        v->found[LARGE][c] = (products){sae_dot_mixed(y, w, d), sae_dot_mixed(e, w, d)};
    }
}

/* ---- a block of rows ------------------------------------------------------------------------------------------ */

static sae_status make_room(visitor *v, int64_t rows, sae_codes *const *codes, sae_error *err)
{
    for (int side = 0; side < SIDES; side++) {
        int64_t entries = codes[side]->row_offsets[rows];
        if (entries <= v->capacity[side]) continue;
        sae_free(v->found[side]);
        v->capacity[side] = 0;
        v->found[side] = sae_alloc((size_t)entries, sizeof *v->found[side]);
        if (!v->found[side]) return sae_fail_memory(err, "products", (size_t)entries * sizeof *v->found[side]);
        v->capacity[side] = entries;
    }
    if (rows <= v->yy_capacity) return SAE_OK;
    sae_free(v->yy);
    v->yy_capacity = 0;
    v->yy = sae_alloc((size_t)rows, sizeof *v->yy);
    if (!v->yy) return sae_fail_memory(err, "norms of rows", (size_t)rows * sizeof *v->yy);
    v->yy_capacity = rows;
    return SAE_OK;
}

static void add_side(visitor *v, int side, int64_t entries, const sae_codes *codes)
{
    int64_t shift = side == SMALL ? 0 : v->n[SMALL];
    for (int64_t c = 0; c < entries; c++) {
        int64_t latent = codes->latents[c], i = shift + latent;
        double f = (double)codes->values[c];
        v->count[i]++;
        v->f[i] += f;
        v->h[i] += f * v->found[side][c].y;
        if (f > v->top[i]) v->top[i] = f;
        if (side == SMALL) continue;
        double u = f * f * v->norms[latent] - 2 * f * v->found[side][c].e;
        v->u[latent] += u;
        v->uu[latent] += u * u;
    }
}

/* Products row by row on all threads; sums in the order of the rows. */
static sae_status visit(void *ud, int64_t first, int64_t rows, const float *x, sae_codes *const *codes, sae_error *err)
{
    (void)first;
    visitor *v = ud;
    sae_status status;
    const sae_codes *both[SIDES] = {codes[SMALL], codes[LARGE]};
    SAE_TRY(make_room(v, rows, codes, err));
#pragma omp parallel for num_threads(sae_threads(v->env)) schedule(static)
    for (int64_t r = 0; r < rows; r++) project(v, r, x, codes);
    for (int64_t r = 0; r < rows; r++) {
        v->yy_sum += v->yy[r];
        for (int64_t j = 0; j < v->d; j++) v->y[j] += (double)x[r * v->d + j] - (double)v->w[SMALL].b_dec[j];
    }
    for (int side = 0; side < SIDES; side++) add_side(v, side, codes[side]->row_offsets[rows], codes[side]);
    SAE_TRY(sae_pair_sums_add(v->pairs, both, v->n[SMALL], v->env, err));
done:
    return status;
}

/* ---- results ---------------------------------------------------------------------------------------------------- */

static void finish_form(sae_quadratic *form, const visitor *v, int64_t tokens)
{
    int64_t d = v->d;
    double count = (double)tokens;
    form->tokens = tokens;
    form->yy = v->yy_sum / count;
    form->variance = form->yy;
    for (int64_t j = 0; j < d; j++) {
        double mean = v->y[j] / count, delta = (double)v->w[LARGE].b_dec[j] - (double)v->w[SMALL].b_dec[j];
        form->variance -= mean * mean;
        form->y_delta += mean * delta;
        form->delta2 += delta * delta;
    }
    for (int64_t i = 0; i < form->n; i++) {
        const float *w = i < form->n_small ? v->w[SMALL].W_dec + i * d : v->w[LARGE].W_dec + (i - form->n_small) * d;
        double w_delta = 0;
        for (int64_t j = 0; j < d; j++)
            w_delta += (double)w[j] * ((double)v->w[LARGE].b_dec[j] - (double)v->w[SMALL].b_dec[j]);
        form->h[i] = v->h[i] / count;
        form->v[i] = v->f[i] / count * w_delta;
        form->density[i] = (double)v->count[i] / count;
        form->top[i] = v->top[i];
    }
}

static void finish_deltas(sae_stitch_rows *out, const visitor *v, int64_t tokens)
{
    double count = (double)tokens;
    for (int64_t i = 0; i < v->n[LARGE]; i++) {
        out->n_active[i] = v->count[v->n[SMALL] + i];
        out->delta[i] = out->se[i] = NAN;
        if (out->n_active[i] == 0) continue;
        out->delta[i] = v->u[i] / count;
        if (tokens < 2) continue;
        double squares = v->uu[i] - v->u[i] * out->delta[i]; /* Σ (u − ū)² */
        out->se[i] = sqrt(fmax(squares, 0) / (count - 1) / count);
    }
}

static void visitor_clear(visitor *v)
{
    sae_pair_sums_free(v->pairs);
    for (int side = 0; side < SIDES; side++) sae_free(v->found[side]);
    sae_free(v->norms);
    sae_free(v->rows);
    sae_free(v->yy);
    sae_free(v->y);
    sae_free(v->f);
    sae_free(v->u);
    sae_free(v->uu);
    sae_free(v->count);
    sae_free(v->h);
    sae_free(v->top);
}

static sae_status visitor_make(visitor *v, const sae_model *const *models, int64_t max_pairs, sae_error *err)
{
    for (int side = 0; side < SIDES; side++) {
        v->n[side] = sae_model_get_info(models[side])->n;
        v->w[side] = sae_model_get_weights(models[side]);
    }
    v->d = sae_model_get_info(models[SMALL])->d;
    size_t d = (size_t)v->d, b = (size_t)v->n[LARGE], n = (size_t)v->n[SMALL] + b;
    v->norms = sae_alloc(b, sizeof *v->norms);
    v->rows = sae_alloc((size_t)sae_threads(v->env) * 2 * d, sizeof *v->rows);
    v->y = sae_calloc(d, sizeof *v->y);
    v->u = sae_calloc(b, sizeof *v->u);
    v->uu = sae_calloc(b, sizeof *v->uu);
    v->f = sae_calloc(n, sizeof *v->f);
    v->count = sae_calloc(n, sizeof *v->count);
    v->h = sae_calloc(n, sizeof *v->h);
    v->top = sae_calloc(n, sizeof *v->top);
    if (!v->norms || !v->rows || !v->y || !v->u || !v->uu || !v->f || !v->count || !v->h || !v->top)
        return sae_fail_memory(err, "sums of latents", n * 6 * sizeof *v->f);
    for (size_t i = 0; i < b; i++)
        v->norms[i] = sae_dot_double(v->w[LARGE].W_dec + i * d, v->w[LARGE].W_dec + i * d, v->d);
    return sae_pair_sums_new(&v->pairs, (int64_t)n, max_pairs, KEPT_CODES, err);
}

void sae_stitch_rows_clear(sae_stitch_rows *rows)
{
    sae_quadratic_clear(&rows->form);
    sae_free(rows->n_active);
    sae_free(rows->delta);
    sae_free(rows->se);
    *rows = (sae_stitch_rows){0};
}

static sae_status rows_make(sae_stitch_rows *out, int64_t n_small, int64_t n_large, sae_error *err)
{
    size_t n = (size_t)(n_small + n_large), b = (size_t)n_large;
    *out = (sae_stitch_rows){.form = {.n_small = n_small, .n = n_small + n_large}};
    out->form.h = sae_alloc(n, sizeof *out->form.h);
    out->form.v = sae_alloc(n, sizeof *out->form.v);
    out->form.density = sae_alloc(n, sizeof *out->form.density);
    out->form.top = sae_alloc(n, sizeof *out->form.top);
    out->n_active = sae_alloc(b, sizeof *out->n_active);
    out->delta = sae_alloc(b, sizeof *out->delta);
    out->se = sae_alloc(b, sizeof *out->se);
    if (out->form.h && out->form.v && out->form.density && out->form.top && out->n_active && out->delta && out->se)
        return SAE_OK;
    return sae_fail_memory(err, "results of stitching", n * 4 * sizeof(double));
}

sae_status sae_stitch_rows_read(sae_stitch_rows *out, const sae_model *small, const sae_model *large,
                                sae_source *source, int64_t tokens, int64_t max_pairs, const sae_env *env,
                                sae_error *err)
{
    sae_status status;
    const sae_model *models[SIDES] = {[SMALL] = small, [LARGE] = large};
    sae_stitch_rows rows = {0};
    visitor v = {.env = env};
    SAE_TRY(visitor_make(&v, models, max_pairs, err));
    SAE_TRY(rows_make(&rows, v.n[SMALL], v.n[LARGE], err));
    SAE_TRY(sae_code_pass(models, SIDES, source, tokens, "stitching", visit, &v, env, err));
    SAE_TRY(sae_pair_sums_take(v.pairs, &rows.form.q, env, err));
    SAE_TRY(sae_quadratic_weigh(&rows.form.q, v.n[SMALL], v.w[SMALL].W_dec, v.w[LARGE].W_dec, v.d, tokens, env, err));
    finish_form(&rows.form, &v, tokens);
    finish_deltas(&rows, &v, tokens);
    *out = rows;
    rows = (sae_stitch_rows){0};
done:
    visitor_clear(&v);
    sae_stitch_rows_clear(&rows);
    return status;
}
