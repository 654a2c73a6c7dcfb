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

/* r [rows, d] = target − Σ_{i < end} f_i w_i. */
static void residual(const step *s, const real *target, const real *f, int64_t end, real *r)
{
    for (int64_t b = 0; b < s->rows; b++)
        for (int64_t j = 0; j < s->d; j++) {
            real sum = target[b * s->d + j];
            for (int64_t i = 0; i < end; i++) sum -= f[b * s->n + i] * s->p.W_dec[i * s->d + j];
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

static real row_norm(const step *s, int64_t i)
{
    real square = 0;
    for (int64_t j = 0; j < s->d; j++) square += s->p.W_dec[i * s->d + j] * s->p.W_dec[i * s->d + j];
    return (real)sqrt((double)square);
}

/* Gradients of weight·mean‖r‖² + penalty·mean Σ f_i ‖w_i‖, r = target − Σ_{i < end} f w, through W_dec and, by z,
 * through the encoder and b_dec. */
static void backward(step *s, const real *c, const real *f, int64_t end, const real *r, real weight, real penalty)
{
    real scale = -2 * weight / (real)s->rows, cost = penalty / (real)s->rows;
    for (int64_t b = 0; b < s->rows; b++)
        for (int64_t i = 0; i < end; i++) {
            real fi = f[b * s->n + i], norm = penalty != 0 ? row_norm(s, i) : 1, dz = cost * norm;
            if (!(fi > 0)) continue;
            for (int64_t j = 0; j < s->d; j++) {
                s->g.W_dec[i * s->d + j] += scale * fi * r[b * s->d + j] + cost * fi * s->p.W_dec[i * s->d + j] / norm;
                dz += scale * r[b * s->d + j] * s->p.W_dec[i * s->d + j];
            }
            s->g.b_enc[i] += dz;
            for (int64_t j = 0; j < s->d; j++) {
                s->g.W_enc[i * s->d + j] += dz * c[b * s->d + j];
                s->g.b_dec[j] -= dz * s->p.W_enc[i * s->d + j];
            }
        }
}

/* JumpReLU: gradients of θ through the window, and mean L0. Needs every z once more. */
static real jump(step *s, const real *c, const real *e)
{
    real *z = zeros(s->n), l0 = 0;
    real *any = zeros(s->n); /* a threshold below every z */
    for (int64_t i = 0; i < s->n; i++) any[i] = (real)-1e30;
    memset(s->g.theta, 0, (size_t)s->n * sizeof(real));
    for (int64_t b = 0; b < s->rows; b++) {
        SAE_REF(sae_ref_encode_)
        (c + b * s->d, 1, s->d, s->n, s->p.W_enc, s->p.b_enc, SAE_FILTER_LATENT, 0, any, NULL, z);
        for (int64_t i = 0; i < s->n; i++) {
            real theta = s->p.theta[i], slope = 0;
            if (z[i] > theta) l0++;
            if (!(z[i] > theta - s->bandwidth / 2 && z[i] < theta + s->bandwidth / 2)) continue;
            for (int64_t j = 0; j < s->d; j++) slope += e[b * s->d + j] * s->p.W_dec[i * s->d + j];
            s->g.theta[i] += (2 * theta * slope - s->lambda) / s->bandwidth / (real)s->rows;
        }
    }
    free(z);
    free(any);
    return l0 / (real)s->rows;
}

/* The main loss: every prefix reconstructs by itself; without prefixes the whole dictionary does. e: of the whole. */
static void main_loss(step *s, const real *c, real *e)
{
    const int32_t whole = (int32_t)s->n, *ends = s->n_prefixes > 0 ? s->prefix_ends : &whole;
    int count = s->n_prefixes > 0 ? s->n_prefixes : 1;
    bool relu = s->filter == SAE_FILTER_LATENT && !s->jump;
    s->loss = 0;
    for (int g = 0; g < count; g++) {
        residual(s, c, s->f, ends[g], e);
        s->mse = mean_square(s, e);
        s->loss += s->mse / (real)count;
        backward(s, c, s->f, ends[g], e, 1 / (real)count, relu ? s->lambda : 0);
        for (int64_t i = 0; i < s->rows * s->d; i++) /* ∂L/∂x̂ summed */
            s->g.b_dec[i % s->d] -= 2 * e[i] / (real)(s->rows * count);
    }
    for (int64_t i = 0; relu && i < s->n; i++) {
        real sum = 0;
        for (int64_t b = 0; b < s->rows; b++) sum += s->f[b * s->n + i];
        s->loss += s->lambda * sum * row_norm(s, i) / (real)s->rows;
    }
    if (s->jump) s->loss += s->lambda * jump(s, c, e);
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
    (c, s->rows, s->d, s->n, s->p.W_enc, s->p.b_enc, s->filter, s->k, s->p.theta, NULL, s->f);
    main_loss(s, c, e);

    for (int64_t i = 0; i < s->n; i++) n_dead += dead[i] = s->since_fired[i] >= s->dead_tokens;
    s->aux = 0;
    if (n_dead > 0 && s->k_aux > 0) {
        SAE_REF(sae_ref_encode_)
        (c, s->rows, s->d, s->n, s->p.W_enc, s->p.b_enc, SAE_FILTER_ROW, s->k_aux, NULL, dead, a);
        residual(s, e, a, s->n, e_aux);
        real unit = s->aux_variance ? variance(s, e) : 1;
        s->aux = mean_square(s, e_aux) / unit;
        backward(s, c, a, s->n, e_aux, s->aux_alpha / unit, 0);
        s->loss += s->aux_alpha * s->aux;
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
                                        square_sum(s->g.b_enc, s->n) + square_sum(s->g.b_dec, s->d) +
                                        (s->jump ? square_sum(s->g.theta, s->n) : 0)));
        if (norm > s->clip) factor = s->clip / norm;
    }
    adam(s, s->n * s->d, factor, s->g.W_enc, s->p.W_enc, s->m.W_enc, s->v.W_enc);
    adam(s, s->n, factor, s->g.b_enc, s->p.b_enc, s->m.b_enc, s->v.b_enc);
    adam(s, s->n * s->d, factor, projected, s->p.W_dec, s->m.W_dec, s->v.W_dec);
    adam(s, s->d, factor, s->g.b_dec, s->p.b_dec, s->m.b_dec, s->v.b_dec);
    if (s->jump) adam(s, s->n, factor, s->g.theta, s->p.theta, s->m.theta, s->v.theta);
    free(projected);

    for (int64_t i = 0; i < s->n; i++) {
        real *w = s->p.W_dec + i * s->d;
        real norm = (real)sqrt((double)square_sum(w, s->d));
        for (int64_t j = 0; j < s->d; j++) w[j] /= norm;
        if (s->jump && s->p.theta[i] < s->bandwidth / 2) s->p.theta[i] = s->bandwidth / 2;
        bool fired = false;
        for (int64_t b = 0; b < s->rows; b++) fired |= s->f[b * s->n + i] > 0;
        s->since_fired[i] = fired ? 0 : s->since_fired[i] + s->rows;
    }
}
