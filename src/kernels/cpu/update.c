/* The update phase: latents in small groups, gradients formed from the rows where they were active and used at once;
 * no gradient matrix is stored. */
#include "kernels/cpu/gradient.h"

#include <math.h>
#include <omp.h>
#include <stdbool.h>
#include <string.h>

static int64_t groups_of(const sae_update *u)
{
    return (u->n + SAE_LATENT_GROUP - 1) / SAE_LATENT_GROUP;
}

/* What is done with the gradient rows of a group. Returns a number that is summed over the chunk. */
typedef double (*group_fn)(const sae_update *u, const sae_ops *ops, float factor, const int32_t *latents, int64_t count,
                           sae_update_scratch *s);

typedef struct pass {
    group_fn use;
    float factor;
    bool refresh; /* the shadow, since W_enc changes */
} pass;

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
    }
    return 0;
}

/* `count` latents whose gradients are formed together. */
static double together(const sae_update *u, const sae_ops *ops, const pass *p, const int32_t *latents, int64_t count,
                       float *bias_sum, sae_update_scratch *s)
{
    sae_gradient_rows(u, ops, latents, count, s);
    for (int64_t i = 0; i < count; i++)
        if (s->bias[i] != 0) ops->axpy(u->d, s->bias[i], u->W_enc + latents[i] * u->d, bias_sum);
    return p->use(u, ops, p->factor, latents, count, s);
}

/* The latents of a group, together if `shared`, else one by one. */
static void run_group(const sae_update *u, const sae_ops *ops, const pass *p, int64_t group, bool shared)
{
    sae_update_scratch *s = &u->scratch[omp_get_thread_num()];
    float *bias_sum = u->bias_sums + group * u->d;
    int64_t first = group * SAE_LATENT_GROUP, rest = u->n - first, at = 0;
    int64_t count = rest < SAE_LATENT_GROUP ? rest : SAE_LATENT_GROUP, step = shared ? count : 1;
    double sum = 0;
    memset(bias_sum, 0, (size_t)u->d * sizeof *bias_sum);
    for (; at < count; at += step) sum += together(u, ops, p, u->order + first + at, step, bias_sum, s);
    u->squares[group] = sum;
    if (p->refresh) sae_shadow_rows(u->shadow, ops, u->order + first, count, u->W_enc);
}

enum { RUN = 4 }; /* groups that a thread takes at a time, so that it walks along the parameters */

static void for_groups(const sae_update *u, const pass *p)
{
    const sae_ops *ops = sae_ops_best();
    int64_t groups = groups_of(u), shared = (sae_gradient_order(u) + SAE_LATENT_GROUP - 1) / SAE_LATENT_GROUP;
#pragma omp parallel num_threads(u->threads)
    {
#pragma omp for schedule(dynamic) nowait
        for (int64_t group = 0; group < shared; group++) run_group(u, ops, p, group, true);
#pragma omp for schedule(dynamic, RUN)
        for (int64_t group = shared; group < groups; group++) run_group(u, ops, p, group, false);
    }
}

double sae_update_square_norm(const sae_update *u)
{
    double total = 0;
    for_groups(u, &(pass){square_group, 1, false});
    for (int64_t group = 0; group < groups_of(u); group++) total += u->squares[group];
    return total;
}

void sae_update_apply(const sae_update *u, float factor)
{
    for_groups(u, &(pass){update_group, factor, true});
}

void sae_update_bias_sums(const sae_update *u, double *sums)
{
    int64_t groups = groups_of(u);
    memset(sums, 0, (size_t)u->d * sizeof *sums);
    for (int64_t group = 0; group < groups; group++)
        for (int64_t j = 0; j < u->d; j++) sums[j] += (double)u->bias_sums[group * u->d + j];
}
