/* Losses, gradients and the optimiser step, formula by formula. */
#include "kernels/ref/ref.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef SAE_REAL real;
typedef SAE_REF(sae_ref_step_) step;
typedef SAE_REF(sae_ref_tensors_) tensors;

static real *zeros(int64_t count)
{
    real *p = calloc((size_t)count, sizeof *p);
    if (!p) abort();
    return p;
}

/* r [rows, d] = target − Σ_i f_i w_i. */
static void residual(const step *s, const real *target, const real *f, real *r)
{
    for (int64_t b = 0; b < s->rows; b++)
        for (int64_t j = 0; j < s->d; j++) {
            real sum = target[b * s->d + j];
            for (int64_t i = 0; i < s->n; i++) sum -= f[b * s->n + i] * s->p.W_dec[i * s->d + j];
            r[b * s->d + j] = sum;
        }
}

static real mean_square(const step *s, const real *r)
{
    real sum = 0;
    for (int64_t i = 0; i < s->rows * s->d; i++) sum += r[i] * r[i];
    return sum / (real)s->rows;
}

/* mean over rows of ‖e − ē‖². */
static real variance(const step *s, const real *e)
{
    real sum = 0;
    for (int64_t j = 0; j < s->d; j++) {
        real mean = 0;
        for (int64_t b = 0; b < s->rows; b++) mean += e[b * s->d + j];
        mean /= (real)s->rows;
        for (int64_t b = 0; b < s->rows; b++) {
            real centred = e[b * s->d + j] - mean;
            sum += centred * centred;
        }
    }
    return sum / (real)s->rows;
}

/* Gradients of weight·mean‖r‖², r = target − Σ f w, through W_dec and, by z, through the encoder and b_dec. */
static void backward(step *s, const real *c, const real *f, const real *r, real weight)
{
    real scale = -2 * weight / (real)s->rows;
    for (int64_t b = 0; b < s->rows; b++)
        for (int64_t i = 0; i < s->n; i++) {
            real fi = f[b * s->n + i], dz = 0;
            if (!(fi > 0)) continue;
            for (int64_t j = 0; j < s->d; j++) {
                s->g.W_dec[i * s->d + j] += scale * fi * r[b * s->d + j];
                dz += scale * r[b * s->d + j] * s->p.W_dec[i * s->d + j];
            }
            s->g.b_enc[i] += dz;
            for (int64_t j = 0; j < s->d; j++) {
                s->g.W_enc[i * s->d + j] += dz * c[b * s->d + j];
                s->g.b_dec[j] -= dz * s->p.W_enc[i * s->d + j];
            }
        }
}

void SAE_REF(sae_ref_gradients_)(step *s)
{
    int64_t cells = s->rows * s->d, n_dead = 0;
    real *c = zeros(cells), *e = zeros(cells), *e_aux = zeros(cells), *a = zeros(s->rows * s->n);
    bool *dead = calloc((size_t)s->n, sizeof *dead);
    if (!dead) abort();
    memset(s->g.W_enc, 0, (size_t)(s->n * s->d) * sizeof(real));
    memset(s->g.W_dec, 0, (size_t)(s->n * s->d) * sizeof(real));
    memset(s->g.b_enc, 0, (size_t)s->n * sizeof(real));
    memset(s->g.b_dec, 0, (size_t)s->d * sizeof(real));

    for (int64_t i = 0; i < cells; i++) c[i] = s->x[i] - s->p.b_dec[i % s->d];
    SAE_REF(sae_ref_encode_)
    (c, s->rows, s->d, s->n, s->p.W_enc, s->p.b_enc, s->filter, s->k, NULL, NULL, s->f);
    residual(s, c, s->f, e);
    s->mse = mean_square(s, e);
    backward(s, c, s->f, e, 1);
    for (int64_t i = 0; i < cells; i++) s->g.b_dec[i % s->d] -= 2 * e[i] / (real)s->rows; /* ∂L/∂x̂ summed */

    for (int64_t i = 0; i < s->n; i++) n_dead += dead[i] = s->since_fired[i] >= s->dead_tokens;
    s->aux = 0;
    if (n_dead > 0 && s->k_aux > 0) {
        SAE_REF(sae_ref_encode_)
        (c, s->rows, s->d, s->n, s->p.W_enc, s->p.b_enc, SAE_FILTER_ROW, s->k_aux, NULL, dead, a);
        residual(s, e, a, e_aux);
        real unit = s->aux_variance ? variance(s, e) : 1;
        s->aux = mean_square(s, e_aux) / unit;
        backward(s, c, a, e_aux, s->aux_alpha / unit);
    }
    free(c);
    free(e);
    free(e_aux);
    free(a);
    free(dead);
}

static real square_sum(const real *g, int64_t count)
{
    real sum = 0;
    for (int64_t i = 0; i < count; i++) sum += g[i] * g[i];
    return sum;
}

static void adam(const step *s, int64_t count, real factor, const real *g, real *p, real *m, real *v)
{
    real c1 = 1 - (real)pow((double)s->beta1, (double)s->step), c2 = 1 - (real)pow((double)s->beta2, (double)s->step);
    for (int64_t i = 0; i < count; i++) {
        real x = factor * g[i];
        m[i] = s->beta1 * m[i] + (1 - s->beta1) * x;
        v[i] = s->beta2 * v[i] + (1 - s->beta2) * x * x;
        p[i] -= s->lr * (m[i] / c1) / ((real)sqrt((double)(v[i] / c2)) + s->eps);
    }
}

void SAE_REF(sae_ref_train_)(step *s)
{
    SAE_REF(sae_ref_gradients_)(s);
    real *projected = zeros(s->n * s->d);
    for (int64_t i = 0; i < s->n; i++) {
        const real *g = s->g.W_dec + i * s->d, *w = s->p.W_dec + i * s->d;
        real along = 0;
        for (int64_t j = 0; j < s->d; j++) along += g[j] * w[j];
        for (int64_t j = 0; j < s->d; j++) projected[i * s->d + j] = g[j] - along * w[j];
    }
    real factor = 1;
    if (s->clip > 0) {
        real norm = (real)sqrt((double)(square_sum(projected, s->n * s->d) + square_sum(s->g.W_enc, s->n * s->d) +
                                        square_sum(s->g.b_enc, s->n) + square_sum(s->g.b_dec, s->d)));
        if (norm > s->clip) factor = s->clip / norm;
    }
    adam(s, s->n * s->d, factor, s->g.W_enc, s->p.W_enc, s->m.W_enc, s->v.W_enc);
    adam(s, s->n, factor, s->g.b_enc, s->p.b_enc, s->m.b_enc, s->v.b_enc);
    adam(s, s->n * s->d, factor, projected, s->p.W_dec, s->m.W_dec, s->v.W_dec);
    adam(s, s->d, factor, s->g.b_dec, s->p.b_dec, s->m.b_dec, s->v.b_dec);
    free(projected);

    for (int64_t i = 0; i < s->n; i++) {
        real *w = s->p.W_dec + i * s->d;
        real norm = (real)sqrt((double)square_sum(w, s->d));
        for (int64_t j = 0; j < s->d; j++) w[j] /= norm;
        bool fired = false;
        for (int64_t b = 0; b < s->rows; b++) fired |= s->f[b * s->n + i] > 0;
        s->since_fired[i] = fired ? 0 : s->since_fired[i] + s->rows;
    }
}
