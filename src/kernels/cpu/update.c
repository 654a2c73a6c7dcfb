/* The update phase: latent by latent, gradients are formed from the rows where it was active and used at once;
 * no gradient matrix is stored. */
#include "kernels/ops.h"
#include "kernels/step.h"

#include <math.h>
#include <omp.h>
#include <string.h>

/* Forms the gradient rows of latent i (W_dec's already projected) and returns b_enc's. */
static float gather(const sae_update *u, const sae_ops *ops, int64_t i, float *g_dec, float *g_enc)
{
    int64_t d = u->d;
    float g_bias = 0;
    memset(g_dec, 0, (size_t)d * sizeof *g_dec);
    memset(g_enc, 0, (size_t)d * sizeof *g_enc);
    bool any = false;
    for (int t = 0; t < u->n_terms; t++) {
        const sae_update_term *term = &u->terms[t];
        const sae_by_latent *codes = term->codes;
        int64_t end = codes->offsets[i + 1];
        for (int64_t j = codes->offsets[i]; j < end; j++) {
            float dz = -term->scale * codes->slope[j];
            ops->axpy(d, -term->scale * codes->f[j], term->e + codes->row[j] * d, g_dec);
            ops->axpy(d, dz, u->c + codes->row[j] * d, g_enc);
            g_bias += dz;
            any = true;
        }
    }
    if (any) {
        const float *w = u->W_dec + i * d;
        ops->axpy(d, -ops->dot(g_dec, w, d), w, g_dec);
    }
    return g_bias;
}

static int64_t chunks_of(const sae_update *u)
{
    return (u->n + SAE_LATENT_CHUNK - 1) / SAE_LATENT_CHUNK;
}

static int64_t chunk_end(const sae_update *u, int64_t chunk)
{
    int64_t end = (chunk + 1) * SAE_LATENT_CHUNK;
    return end < u->n ? end : u->n;
}

double sae_update_square_norm(const sae_update *u)
{
    const sae_ops *ops = sae_ops_best();
    int64_t chunks = chunks_of(u), d = u->d;
#pragma omp parallel for num_threads(u->threads) schedule(dynamic)
    for (int64_t chunk = 0; chunk < chunks; chunk++) {
        float *g_dec = u->rows + omp_get_thread_num() * 2 * d, *g_enc = g_dec + d, *bias = u->bias_sums + chunk * d;
        double sum = 0;
        memset(bias, 0, (size_t)d * sizeof *bias);
        for (int64_t i = chunk * SAE_LATENT_CHUNK; i < chunk_end(u, chunk); i++) {
            float g_bias = gather(u, ops, i, g_dec, g_enc);
            sum += ops->sum_squares(g_dec, d) + ops->sum_squares(g_enc, d) + (double)g_bias * g_bias;
            if (g_bias != 0) ops->axpy(d, g_bias, u->W_enc + i * d, bias);
        }
        u->chunk_squares[chunk] = sum;
    }
    double total = 0;
    for (int64_t chunk = 0; chunk < chunks; chunk++) total += u->chunk_squares[chunk];
    return total;
}

void sae_update_apply(const sae_update *u, float factor)
{
    const sae_ops *ops = sae_ops_best();
    int64_t chunks = chunks_of(u), d = u->d;
#pragma omp parallel for num_threads(u->threads) schedule(dynamic)
    for (int64_t chunk = 0; chunk < chunks; chunk++) {
        float *g_dec = u->rows + omp_get_thread_num() * 2 * d, *g_enc = g_dec + d, *bias = u->bias_sums + chunk * d;
        memset(bias, 0, (size_t)d * sizeof *bias);
        for (int64_t i = chunk * SAE_LATENT_CHUNK; i < chunk_end(u, chunk); i++) {
            float *w_enc = u->W_enc + i * d, *w_dec = u->W_dec + i * d;
            float g_bias = gather(u, ops, i, g_dec, g_enc);
            if (g_bias != 0) ops->axpy(d, g_bias, w_enc, bias);
            if (factor != 1) {
                g_bias *= factor;
                ops->scale(d, factor, g_dec);
                ops->scale(d, factor, g_enc);
            }
            ops->adam(u->adam, d, g_enc, w_enc, u->m_W_enc + i * d, u->v_W_enc + i * d);
            ops->adam(u->adam, 1, &g_bias, u->b_enc + i, u->m_b_enc + i, u->v_b_enc + i);
            ops->adam(u->adam, d, g_dec, w_dec, u->m_W_dec + i * d, u->v_W_dec + i * d);
            ops->scale(d, 1 / sqrtf(ops->dot(w_dec, w_dec, d)), w_dec);
            u->w_norm[i] = sae_norm_above(ops, w_enc, d);
        }
    }
}

void sae_update_bias_sums(const sae_update *u, double *sums)
{
    int64_t chunks = chunks_of(u);
    memset(sums, 0, (size_t)u->d * sizeof *sums);
    for (int64_t chunk = 0; chunk < chunks; chunk++)
        for (int64_t j = 0; j < u->d; j++) sums[j] += (double)u->bias_sums[chunk * u->d + j];
}
