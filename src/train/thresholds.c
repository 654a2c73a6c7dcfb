/* Steps of the kinds whose latents are active above a threshold: ReLU (θ = 0) and JumpReLU (θ learned). Two ways to the
 * same numbers: codes when few latents are active, dense products while many are. */
#include "train/training.h"

#include "base/alloc.h"
#include "base/error.h"

#include <math.h>
#include <string.h>

double sae_training_bandwidth(const sae_training *t)
{
    double share = t->config.shared.bandwidth;
    if (share == 0) share = t->config.l0 > 0 ? 0.02 : 0.001;
    return share * t->rms;
}

void sae_training_init_theta(sae_training *t)
{
    if (!t->p.theta) return;
    double least = sae_training_bandwidth(t) / 2, theta = t->config.shared.theta_init * t->rms;
    for (int64_t i = 0; i < t->n; i++) t->p.theta[i] = (float)fmax(theta, least);
}

bool sae_config_may_be_dense(const sae_train_config *c)
{
    if (c->arch != SAE_ARCH_RELU && c->arch != SAE_ARCH_JUMPRELU) return false;
    return c->l0 == 0 || 2 * SAE_DENSE_SHARE * c->l0 > (double)c->width;
}

/* ---- the start ------------------------------------------------------------------------------------ */

sae_status sae_thresholds_start(sae_trainer *w, sae_training *t, const float *c, int64_t step, sae_error *err)
{
    if (t->config.l0 == 0 || step != t->warm_steps + 1) return SAE_OK;
    sae_encode_job job = sae_train_encode_job(w, t, c);
    sae_status status = sae_encode(w->encoder, &job, &t->hint, w->codes, NULL, err);
    if (status != SAE_OK) return status;
    float cut = sae_smallest_value(w->codes);
    float least = (float)(sae_training_bandwidth(t) / 2);
    for (int64_t i = 0; i < t->n; i++) {
        if (t->p.theta)
            t->p.theta[i] = cut > least ? cut : least;
        else
            t->p.b_enc[i] -= cut;
    }
    t->control.lambda = -1;
    t->last_l0 = t->config.l0;
    return SAE_OK;
}

/* ---- forward by codes ------------------------------------------------------------------------------- */

static sae_status reserve_floats(float **values, int64_t *capacity, int64_t need, sae_error *err)
{
    if (need <= *capacity) return SAE_OK;
    int64_t grown = need + need / 2;
    sae_free(*values);
    *capacity = 0;
    *values = sae_alloc((size_t)grown, sizeof **values);
    if (!*values) return sae_fail_memory(err, "slopes of active latents", (size_t)grown * sizeof **values);
    *capacity = grown;
    return SAE_OK;
}

/* Encoding found everything above the window's lower end: the active entries stay in w->codes, those within the window
 * go to w->near. */
static sae_status split_window(sae_trainer *w, const sae_training *t, float half, sae_error *err)
{
    sae_codes *codes = w->codes, *near = w->near;
    sae_status status = sae_codes_reserve(near, codes->rows, codes->row_offsets[codes->rows], err);
    if (status != SAE_OK) return status;
    int64_t kept = 0, found = 0, begin = 0;
    for (int64_t b = 0; b < codes->rows; b++) {
        int64_t end = codes->row_offsets[b + 1];
        near->row_offsets[b] = found;
        codes->row_offsets[b] = kept;
        for (int64_t j = begin; j < end; j++) {
            int32_t i = codes->latents[j];
            float z = codes->values[j], theta = t->p.theta[i];
            if (z < theta + half) {
                near->latents[found] = i;
                near->values[found++] = z;
            }
            if (z > theta) {
                codes->latents[kept] = i;
                codes->values[kept++] = z;
            }
        }
        begin = end;
    }
    near->rows = codes->rows;
    near->row_offsets[near->rows] = found;
    codes->row_offsets[codes->rows] = kept;
    return SAE_OK;
}

static sae_status encode_codes(sae_trainer *w, sae_training *t, const float *c, float half, sae_step_metrics *m,
                               sae_error *err)
{
    for (int64_t i = 0; i < t->n; i++) w->low[i] = t->p.theta ? t->p.theta[i] - half : 0;
    sae_encode_job job = sae_train_encode_job(w, t, c);
    job.filter = SAE_FILTER_LATENT;
    job.theta = w->low;
    sae_encode_stats stats = {0};
    sae_status status = sae_encode(w->encoder, &job, NULL, w->codes, &stats, err);
    m->rescored = stats.rescored;
    if (status == SAE_OK && t->p.theta) status = split_window(w, t, half, err);
    return status;
}

static sae_status slopes_in_window(sae_trainer *w, const sae_training *t, sae_error *err)
{
    sae_status status;
    int64_t near = w->near->row_offsets[w->batch];
    SAE_TRY(reserve_floats(&w->near_slope, &w->near_capacity, near, err));
    SAE_TRY(sae_by_latent_reserve(&w->near_by_latent, near, err));
    sae_slopes(w->near, w->e, t->p.W_dec, t->d, w->near_slope, w->threads);
    sae_by_latent_fill(&w->near_by_latent, t->n, w->near, w->near_slope, w->threads);
done:
    return status;
}

/* ReLU's first λ with l0: the one at which the biases, as they are, would stay on average, Σ (2 e·w − λ) = 0 over the
 * active entries. Where dictionaries are wide, large rows have so many entries that their sum overshoots and their
 * slopes are negative: then half the mean over rows, in which each row counts once. */
static double first_penalty(const sae_codes *codes, const float *slope, double rms)
{
    double sum = 0, means = 0;
    int64_t rows = 0, entries = codes->row_offsets[codes->rows];
    for (int64_t b = 0; b < codes->rows; b++) {
        double of_row = 0;
        int64_t begin = codes->row_offsets[b], end = codes->row_offsets[b + 1];
        for (int64_t j = begin; j < end; j++) of_row += (double)slope[j];
        sum += of_row;
        if (end > begin) means += of_row / (double)(end - begin);
        rows += end > begin;
    }
    if (entries == 0) return 1e-6 * rms;
    return fmax(fmax(2 * sum / (double)entries, means / (double)rows), 1e-6 * rms);
}

/* ReLU's penalty in the slopes. */
static void penalise_slopes(sae_trainer *w, sae_training *t, int64_t step)
{
    int64_t entries = w->codes->row_offsets[w->batch];
    if (t->control.lambda < 0) t->control.lambda = first_penalty(w->codes, w->slope, t->rms);
    float shift = (float)(sae_thresholds_lambda(t, step, w->steps) / 2);
    for (int64_t j = 0; j < entries; j++) w->slope[j] -= shift;
}

static sae_status forward_by_codes(sae_trainer *w, sae_training *t, const float *c, float half, sae_step_metrics *m,
                                   sae_error *err)
{
    sae_status status;
    SAE_TRY(encode_codes(w, t, c, half, m, err));
    int64_t entries = w->codes->row_offsets[w->batch];
    SAE_TRY(reserve_floats(&w->slope, &w->slope_capacity, entries, err));
    SAE_TRY(sae_by_latent_reserve(&w->by_latent, entries, err));
    sae_residual(w->codes, NULL, 0, c, t->p.W_dec, t->d, w->e, w->slope, w->row_square, w->threads);
    if (t->p.theta)
        SAE_TRY(slopes_in_window(w, t, err));
    else
        penalise_slopes(w, t, m->step);
    sae_by_latent_fill(&w->by_latent, t->n, w->codes, w->slope, w->threads);
    sae_latent_sums_fill(&w->sums, t->n, &w->by_latent, t->p.theta ? &w->near_by_latent : NULL, w->threads);
done:
    return status;
}

/* ---- forward ------------------------------------------------------------------------------------------ */

double sae_thresholds_lambda(const sae_training *t, int64_t step, int64_t steps)
{
    if (t->config.l0 > 0) return t->control.lambda;
    double rise = t->config.shared.lambda_warmup * (double)steps;
    return t->config.lambda * (rise > 0 ? fmin(1, (double)step / rise) : 1);
}

/* The batch as the controller sees it. */
static sae_control_batch control_batch(const sae_trainer *w, const sae_training *t, double l0)
{
    sae_control_batch batch = {.l0 = l0};
    for (int64_t i = 0; i < t->n; i++) {
        batch.near += (double)w->sums.near[i];
        batch.gain += 2 * (double)t->p.theta[i] * w->sums.near_slope[i];
    }
    batch.near /= (double)w->batch;
    batch.gain /= (double)w->batch;
    return batch;
}

sae_status sae_thresholds_forward(sae_trainer *w, sae_training *t, const float *c, sae_step_metrics *m, sae_error *err)
{
    double rows = (double)w->batch, active = 0, f = 0, square = 0;
    float bandwidth = t->p.theta ? (float)sae_training_bandwidth(t) : 0;
    bool known = t->config.l0 == 0 || t->p.theta || t->control.lambda >= 0; /* λ is first read off codes */
    m->dense = known && sae_config_may_be_dense(&t->config) && t->last_l0 * SAE_DENSE_SHARE > (double)t->n;
    if (m->dense) {
        sae_dense_step step = {
            .rows = w->batch,
            .d = t->d,
            .n = t->n,
            .c = c,
            .W_enc = t->p.W_enc,
            .b_enc = t->p.b_enc,
            .W_dec = t->p.W_dec,
            .theta = t->p.theta,
            .bandwidth = bandwidth,
            .shift = t->p.theta ? 0 : (float)(sae_thresholds_lambda(t, m->step, w->steps) / 2),
            .threads = w->threads,
        };
        sae_dense_run(&step, &w->dense, w->e, w->row_square, &w->sums);
    } else {
        sae_status status = forward_by_codes(w, t, c, bandwidth / 2, m, err);
        if (status != SAE_OK) return status;
    }
    for (int64_t i = 0; i < t->n; i++) {
        active += (double)w->sums.active[i];
        f += w->sums.f[i];
    }
    for (int64_t b = 0; b < w->batch; b++) square += w->row_square[b];
    m->codes = (int64_t)active;
    m->l0 = active / rows;
    m->mse = square / rows;
    if (t->p.theta && t->config.l0 > 0) {
        sae_control_batch batch = control_batch(w, t, m->l0);
        t->theta_shift = sae_control_thresholds(&t->control, &batch, t->config.l0, (double)bandwidth);
    }
    m->lambda = sae_thresholds_lambda(t, m->step, w->steps);
    m->loss = m->mse + m->lambda * (t->p.theta ? m->l0 : f / rows);
    t->last_l0 = m->l0;
    return SAE_OK;
}

/* ---- thresholds ----------------------------------------------------------------------------------------- */

void sae_thresholds_gradient(const sae_trainer *w, const sae_training *t, double lambda, float *g)
{
    double per_row = 1 / (sae_training_bandwidth(t) * (double)w->batch);
    for (int64_t i = 0; i < t->n; i++)
        g[i] =
            (float)(per_row * (2 * (double)t->p.theta[i] * w->sums.near_slope[i] - lambda * (double)w->sums.near[i]));
}

void sae_thresholds_update(sae_training *t, const sae_adam *adam, const float *g)
{
    sae_ops_best()->adam(adam, t->n, g, t->p.theta, t->m.theta, t->v.theta);
    float least = (float)(sae_training_bandwidth(t) / 2);
    for (int64_t i = 0; i < t->n; i++) {
        float theta = t->p.theta[i] + (float)t->theta_shift;
        t->p.theta[i] = theta > least ? theta : least;
    }
}
