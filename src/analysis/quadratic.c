#include "analysis/quadratic.h"

#include "analysis/cosine.h"
#include "base/alloc.h"
#include "base/error.h"
#include "base/parallel.h"

#include <omp.h>

void sae_quadratic_clear(sae_quadratic *form)
{
    sae_free(form->h);
    sae_free(form->v);
    sae_free(form->density);
    sae_free(form->top);
    sae_pairs_clear(&form->q);
    *form = (sae_quadratic){0};
}

sae_quadratic_sums sae_quadratic_of(const sae_quadratic *form, const unsigned char *in)
{
    sae_quadratic_sums s = {.rr = form->yy, .r_delta = form->y_delta, .removed = form->n_small};
    for (int64_t i = 0; i < form->n; i++) {
        if (!in[i]) continue;
        double row = 0;
        for (int64_t e = form->q.offsets[i]; e < form->q.offsets[i + 1]; e++)
            if (in[form->q.columns[e]]) row += form->q.values[e];
        s.rr += row - 2 * form->h[i];
        s.r_delta -= form->v[i];
        s.l0 += form->density[i];
        if (i < form->n_small)
            s.removed--;
        else
            s.inserted++;
    }
    return s;
}

double sae_quadratic_mse(const sae_quadratic *form, const sae_quadratic_sums *s)
{
    double t = (double)s->removed / (double)form->n_small;
    return s->rr - 2 * t * s->r_delta + t * t * form->delta2;
}

static double value_at(const sae_pairs *q, int64_t i, int32_t column)
{
    int64_t low = q->offsets[i], high = q->offsets[i + 1] - 1;
    while (low < high) {
        int64_t middle = low + (high - low) / 2;
        if (q->columns[middle] < column)
            low = middle + 1;
        else
            high = middle;
    }
    return q->values[low];
}

sae_status sae_quadratic_weigh(sae_pairs *sums, int64_t n_small, const float *small, const float *large, int64_t d,
                               int64_t tokens, const sae_env *env, sae_error *err)
{
    enum { CHUNK = 16 };
    int threads = sae_threads(env);
#pragma omp parallel for num_threads(threads) schedule(dynamic, CHUNK)
    for (int64_t i = 0; i < sums->n; i++) {
        const float *w = i < n_small ? small + i * d : large + (i - n_small) * d;
        if (omp_get_thread_num() == 0 && i % CHUNK == 0) /* the thread that called */
            sae_report_progress(env, "weighing pairs", "latents", (double)i, (double)sums->n, NULL);
        for (int64_t e = sums->offsets[i]; e < sums->offsets[i + 1] && !sae_should_stop(env); e++) {
            int64_t j = sums->columns[e];
            if (j < i) continue;
            const float *other = j < n_small ? small + j * d : large + (j - n_small) * d;
            sums->values[e] *= sae_dot_double(w, other, d) / (double)tokens;
        }
    }
    if (sae_should_stop(env)) return sae_fail(err, SAE_E_INTERRUPTED, "stopped while stitching");
        /* what lies left of the diagonal is the same number */
#pragma omp parallel for num_threads(threads) schedule(dynamic, CHUNK)
    for (int64_t i = 0; i < sums->n; i++)
        for (int64_t e = sums->offsets[i]; e < sums->offsets[i + 1] && sums->columns[e] < i; e++)
            sums->values[e] = value_at(sums, sums->columns[e], (int32_t)i);
    return SAE_OK;
}
