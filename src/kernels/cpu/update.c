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
typedef double (*group_fn)(const sae_update *u, const sae_ops *ops, sae_side side, float factor, const int32_t *latents,
                           int64_t count, sae_update_scratch *s);

typedef struct pass {
    group_fn use;
    float factor;
    bool refresh; /* the shadow, since W_enc changes */
} pass;

static double square_group(const sae_update *u, const sae_ops *ops, sae_side side, float factor, const int32_t *latents,
                           int64_t count, sae_update_scratch *s)
{
    (void)factor;
    (void)latents;
    double sum = ops->sum_squares(s->gradients, count * u->d);
    for (int64_t i = 0; side == SAE_ENCODER && i < count; i++) sum += (double)s->bias[i] * s->bias[i];
    return sum;
}

static double update_group(const sae_update *u, const sae_ops *ops, sae_side side, float factor, const int32_t *latents,
                           int64_t count, sae_update_scratch *s)
{
    int64_t d = u->d;
    bool decoder = side == SAE_DECODER;
    float *w = decoder ? u->W_dec : u->W_enc, *m = decoder ? u->m_W_dec : u->m_W_enc;
    float *v = decoder ? u->v_W_dec : u->v_W_enc;
    if (factor != 1) {
        ops->scale(count * d, factor, s->gradients);
        ops->scale(count, factor, s->bias);
    }
    for (int64_t g = 0; g < count; g++) {
        int64_t i = latents[g];
        float *row = w + i * d;
        ops->adam(u->adam, d, s->gradients + g * d, row, m + i * d, v + i * d);
        if (decoder)
            ops->scale(d, 1 / sqrtf(ops->dot(row, row, d)), row);
        else
            ops->adam(u->adam, 1, &s->bias[g], u->b_enc + i, u->m_b_enc + i, u->v_b_enc + i);
    }
    return 0;
}

/* One side of a group's latents. Together, though most of them share no rows: their parameters are read in one go,
 * where a visit of each latent alone would start six streams from memory for 3 KB each. */
static double one_side(const sae_update *u, const sae_ops *ops, const pass *p, sae_side side, const int32_t *latents,
                       int64_t count, float *bias_sum, sae_update_scratch *s)
{
    sae_gradient_rows(u, ops, side, latents, count, s);
    for (int64_t i = 0; side == SAE_ENCODER && i < count; i++)
        if (s->bias[i] != 0) ops->axpy(u->d, s->bias[i], u->W_enc + latents[i] * u->d, bias_sum);
    return p->use(u, ops, side, p->factor, latents, count, s);
}

static void run_group(const sae_update *u, const sae_ops *ops, const pass *p, int from, int to, int64_t group)
{
    sae_update_scratch *s = &u->scratch[omp_get_thread_num()];
    float *bias_sum = u->bias_sums + group * u->d;
    const int32_t *latents = u->order + group * SAE_LATENT_GROUP;
    int64_t rest = u->n - group * SAE_LATENT_GROUP, count = rest < SAE_LATENT_GROUP ? rest : SAE_LATENT_GROUP;
    if (to == SAE_ENCODER) memset(bias_sum, 0, (size_t)u->d * sizeof *bias_sum);
    s->sorted = NULL;
    for (int side = from; side <= to; side++)
        u->squares[side * groups_of(u) + group] = one_side(u, ops, p, (sae_side)side, latents, count, bias_sum, s);
    if (p->refresh && to == SAE_ENCODER) sae_shadow_rows(u->shadow, ops, latents, count, u->W_enc);
}

/* Both sides of a latent in one visit, or the decoder in a first sweep and the encoder in a second: that costs a second
 * sort of the codes of latents that share rows, and pays where e and c together crowd the last cache. */
static bool both_at_once(const sae_update *u)
{
    return 2 * u->rows * u->d * (int64_t)sizeof(float) <= u->last_cache / 8 * 3;
}

enum { RUN = 4 }; /* groups that a thread takes at a time, so that it walks along the parameters */

static void for_groups(const sae_update *u, const pass *p)
{
    const sae_ops *ops = sae_ops_best();
    int64_t groups = groups_of(u), shared = (sae_gradient_order(u) + SAE_LATENT_GROUP - 1) / SAE_LATENT_GROUP;
    int sides = both_at_once(u) ? 2 : 1;
#pragma omp parallel num_threads(u->threads)
    for (int from = SAE_DECODER; from <= SAE_ENCODER; from += sides) {
        int to = from + sides - 1;
#pragma omp for schedule(dynamic) nowait
        for (int64_t group = 0; group < shared; group++) run_group(u, ops, p, from, to, group);
#pragma omp for schedule(dynamic, RUN) nowait
        for (int64_t group = shared; group < groups; group++) run_group(u, ops, p, from, to, group);
    }
}

double sae_update_square_norm(const sae_update *u)
{
    double total = 0;
    for_groups(u, &(pass){square_group, 1, false});
    for (int64_t i = 0; i < 2 * groups_of(u); i++) total += u->squares[i];
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
