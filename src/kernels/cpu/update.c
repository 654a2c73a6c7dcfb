/* The update phase: latents in small groups, gradients formed from the rows where they were active and used at once;
 * no gradient matrix is stored. */
#include "kernels/cpu/gradient.h"

#include <math.h>
#include <omp.h>
#include <string.h>

static int64_t chunks_of(const sae_update *u)
{
    return (u->n + SAE_LATENT_CHUNK - 1) / SAE_LATENT_CHUNK;
}

/* What is done with the gradient rows of a group. Returns a number that is summed over the chunk. */
typedef double (*group_fn)(const sae_update *u, const sae_ops *ops, float factor, const int32_t *latents, int64_t count,
                           sae_update_scratch *s);

static double square_group(const sae_update *u, const sae_ops *ops, float factor, const int32_t *latents, int64_t count,
                           sae_update_scratch *s)
{
    (void)factor;
    (void)latents;
    double sum = ops->sum_squares(s->gradients, 2 * count * u->d);
    for (int64_t i = 0; i < count; i++) sum += (double)s->bias[i] * s->bias[i];
    return sum;
}

static double update_group(const sae_update *u, const sae_ops *ops, float factor, const int32_t *latents, int64_t count,
                           sae_update_scratch *s)
{
    int64_t d = u->d;
    if (factor != 1) {
        ops->scale(2 * count * d, factor, s->gradients);
        ops->scale(count, factor, s->bias);
    }
    for (int64_t g = 0; g < count; g++) {
        int64_t i = latents[g];
        float *w_enc = u->W_enc + i * d, *w_dec = u->W_dec + i * d, *g_dec = s->gradients + 2 * g * d;
        ops->adam(u->adam, d, g_dec + d, w_enc, u->m_W_enc + i * d, u->v_W_enc + i * d);
        ops->adam(u->adam, d, g_dec, w_dec, u->m_W_dec + i * d, u->v_W_dec + i * d);
        ops->adam(u->adam, 1, &s->bias[g], u->b_enc + i, u->m_b_enc + i, u->v_b_enc + i);
        ops->scale(d, 1 / sqrtf(ops->dot(w_dec, w_dec, d)), w_dec);
        sae_shadow_row(u->shadow, ops, i, w_enc);
    }
    return 0;
}

static void for_groups(const sae_update *u, float factor, group_fn use)
{
    const sae_ops *ops = sae_ops_best();
    int64_t chunks = chunks_of(u), d = u->d;
#pragma omp parallel for num_threads(u->threads) schedule(dynamic)
    for (int64_t chunk = 0; chunk < chunks; chunk++) {
        sae_update_scratch *s = &u->scratch[omp_get_thread_num()];
        float *bias_sum = u->bias_sums + chunk * d;
        int64_t first = chunk * SAE_LATENT_CHUNK, rest = u->n - first;
        int64_t latents = rest < SAE_LATENT_CHUNK ? rest : SAE_LATENT_CHUNK;
        double sum = 0;
        memset(bias_sum, 0, (size_t)d * sizeof *bias_sum);
        sae_gradient_order(u, first, first + latents, s->latents);
        for (int64_t at = 0; at < latents; at += SAE_LATENT_GROUP) {
            const int32_t *group = s->latents + at;
            int64_t count = latents - at < SAE_LATENT_GROUP ? latents - at : SAE_LATENT_GROUP;
            sae_gradient_rows(u, ops, group, count, s);
            for (int64_t i = 0; i < count; i++)
                if (s->bias[i] != 0) ops->axpy(d, s->bias[i], u->W_enc + group[i] * d, bias_sum);
            sum += use(u, ops, factor, group, count, s);
        }
        u->chunk_squares[chunk] = sum;
    }
}

double sae_update_square_norm(const sae_update *u)
{
    double total = 0;
    for_groups(u, 1, square_group);
    for (int64_t chunk = 0; chunk < chunks_of(u); chunk++) total += u->chunk_squares[chunk];
    return total;
}

void sae_update_apply(const sae_update *u, float factor)
{
    for_groups(u, factor, update_group);
}

void sae_update_bias_sums(const sae_update *u, double *sums)
{
    int64_t chunks = chunks_of(u);
    memset(sums, 0, (size_t)u->d * sizeof *sums);
    for (int64_t chunk = 0; chunk < chunks; chunk++)
        for (int64_t j = 0; j < u->d; j++) sums[j] += (double)u->bias_sums[chunk * u->d + j];
}
