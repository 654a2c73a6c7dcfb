/* One step of one SAE: select, residual, AuxK, update. */
#include "train/training.h"

#include "base/clock.h"
#include "base/error.h"
#include "kernels/ops.h"
#include "model/model.h"

#include <math.h>
#include <string.h>

static double lap(double *since)
{
    double now = sae_now(), passed = now - *since;
    *since = now;
    return passed;
}

static double sum_of(const double *values, int64_t count)
{
    double sum = 0;
    for (int64_t i = 0; i < count; i++) sum += values[i];
    return sum;
}

/* Σ‖r − r̄‖² of rows whose Σ‖r‖² is known. */
static double centred_square(sae_trainer *w, const float *rows, double square)
{
    sae_column_sums(rows, w->batch, w->d, w->column_scratch, w->column_sums, w->threads);
    for (int64_t j = 0; j < w->d; j++) square -= w->column_sums[j] * w->column_sums[j] / (double)w->batch;
    return square;
}

static double total_variance(sae_trainer *w, const float *c)
{
    const sae_ops *ops = sae_ops_best();
#pragma omp parallel for num_threads(w->threads) schedule(static)
    for (int64_t b = 0; b < w->batch; b++) w->row_square[b] = ops->sum_squares(c + b * w->d, w->d);
    return centred_square(w, c, sum_of(w->row_square, w->batch));
}

_Static_assert(SAE_MAX_PREFIXES <= SAE_MOST_PREFIXES, "the kernels take every grid's prefixes");

sae_selection sae_training_selection(const sae_training *t, int64_t step)
{
    switch (t->config.arch) {
    case SAE_ARCH_TOPK:
        return SAE_SELECT_ROW;
    case SAE_ARCH_JUMPRELU:
        return step <= t->warm_steps ? SAE_SELECT_ROW : SAE_SELECT_THRESHOLD;
    case SAE_ARCH_RELU:
        return SAE_SELECT_THRESHOLD;
    default:
        return SAE_SELECT_BATCH;
    }
}

sae_encode_job sae_train_encode_job(const sae_trainer *w, const sae_training *t, const float *c)
{
    return (sae_encode_job){
        .c = c,
        .rows = w->batch,
        .d = t->d,
        .n = t->n,
        .W_enc = t->p.W_enc,
        .b_enc = t->p.b_enc,
        .shadow = &t->shadow,
        .filter = sae_training_selection(t, w->step + 1) == SAE_SELECT_ROW ? SAE_FILTER_ROW : SAE_FILTER_BATCH,
        .k = sae_training_k(t),
    };
}

/* Latents that were dead before this batch. */
static int64_t list_dead(const sae_training *t, int32_t *dead)
{
    int64_t count = 0;
    for (int64_t i = 0; i < t->n; i++)
        if (t->since_fired[i] >= t->dead_tokens) dead[count++] = (int32_t)i;
    return count;
}

static int prefixes_of(const sae_training *t)
{
    return t->config.n_prefixes > 0 ? t->config.n_prefixes : 1;
}

/* The residual of the whole dictionary. */
static const float *last_residual(const sae_trainer *w, const sae_training *t)
{
    return w->e + (prefixes_of(t) - 1) * w->batch * w->d;
}

/* AuxK: what the dead latents could explain of the residual e. *scale: that of its term in the update (0: none). */
static sae_status aux_loss(sae_trainer *w, sae_training *t, const float *c, sae_step_metrics *m, float *scale,
                           sae_error *err)
{
    const float *e = last_residual(w, t);
    const sae_train_options *shared = &t->config.shared;
    *scale = 0;
    if (!sae_config_uses_aux(&t->config)) return SAE_OK;
    int64_t n_dead = list_dead(t, w->dead);
    if (n_dead == 0) return SAE_OK;
    sae_encode_stats stats = {0};
    sae_encode_job job = sae_train_encode_job(w, t, c);
    job.filter = SAE_FILTER_ROW;
    job.subset = w->dead;
    job.n_subset = n_dead;
    job.k = shared->k_aux < n_dead ? shared->k_aux : n_dead;
    sae_status status = sae_encode(w->encoder, &job, &t->aux_hint, w->aux_codes, &stats, err);
    if (status != SAE_OK) return status;
    sae_residual(w->aux_codes, w->dead, n_dead, e, t->p.W_dec, t->d, w->e_aux, w->aux_slope, w->row_square, w->threads);
    sae_by_latent_fill(&w->aux_by_latent, t->n, w->aux_codes, w->aux_slope, w->threads);
    double unit = 1, rows = (double)w->batch;
    if (shared->aux_norm == SAE_AUX_VARIANCE) unit = centred_square(w, e, m->mse * rows) / rows;
    m->aux = unit > 0 ? sum_of(w->row_square, w->batch) / rows / unit : 0;
    m->aux_codes = w->aux_codes->row_offsets[w->batch];
    m->rescored += stats.rescored;
    m->repeats += stats.repeats;
    *scale = unit > 0 ? (float)(2 * shared->aux_alpha / rows / unit) : 0;
    return SAE_OK;
}

static void update_b_dec(sae_trainer *w, sae_training *t, const sae_adam *adam, float factor)
{
    if (factor != 1)
        for (int64_t j = 0; j < t->d; j++) w->bias_gradient[j] *= factor;
    sae_ops_best()->adam(adam, t->d, w->bias_gradient, t->p.b_dec, t->m.b_dec, t->v.b_dec);
}

/* b_dec's gradient: ∂L/∂x̂ summed (scale times the sums of e, which are in column_sums), and what comes through z. */
static double b_dec_gradient(sae_trainer *w, const sae_update *u, double scale)
{
    double square = 0;
    sae_update_bias_sums(u, w->bias_sums);
    for (int64_t j = 0; j < w->d; j++) {
        double g = -scale * w->column_sums[j] - w->bias_sums[j];
        w->bias_gradient[j] = (float)g;
        square += g * g;
    }
    return square;
}

static sae_adam adam_at(const sae_training *t, int64_t step, double lr)
{
    double beta1 = t->config.shared.beta1, beta2 = t->config.shared.beta2;
    return (sae_adam){
        .beta1 = (float)beta1,
        .beta2 = (float)beta2,
        .one_minus_beta1 = (float)(1 - beta1),
        .one_minus_beta2 = (float)(1 - beta2),
        .step = (float)(lr / (1 - pow(beta1, (double)step))),
        .inv_correction2 = (float)(1 / (1 - pow(beta2, (double)step))),
        .eps = 1e-8f,
    };
}

static void update(sae_trainer *w, sae_training *t, const float *c, float aux_scale, const sae_step_metrics *m)
{
    double clip = t->config.shared.clip, scale = 2 / (double)w->batch / prefixes_of(t);
    bool thresholds = t->p.theta && sae_training_selection(t, m->step) == SAE_SELECT_THRESHOLD;
    sae_adam adam = adam_at(t, m->step, m->lr);
    sae_update u = {
        .d = t->d,
        .n = t->n,
        .c = c,
        .terms = {{&w->by_latent, w->e, (float)scale, t->config.prefix_ends, prefixes_of(t)},
                  {&w->aux_by_latent, w->e_aux, aux_scale, NULL, 1}},
        .n_terms = m->dense        ? 0
                   : aux_scale > 0 ? 2
                                   : 1,
        .dense = m->dense ? &w->dense.gradient : NULL,
        .W_enc = t->p.W_enc,
        .b_enc = t->p.b_enc,
        .W_dec = t->p.W_dec,
        .m_W_enc = t->m.W_enc,
        .m_b_enc = t->m.b_enc,
        .m_W_dec = t->m.W_dec,
        .v_W_enc = t->v.W_enc,
        .v_b_enc = t->v.b_enc,
        .v_W_dec = t->v.W_dec,
        .shadow = &t->shadow,
        .adam = &adam,
        .order = w->order,
        .bias_sums = w->group_sums,
        .squares = w->group_squares,
        .rows = w->batch,
        .scratch = w->update_scratch,
        .last_cache = w->last_cache,
        .threads = w->threads,
    };
    float factor = 1;
    sae_column_sums(w->e, w->batch, w->d, w->column_scratch, w->column_sums, w->threads);
    if (thresholds) sae_thresholds_gradient(w, t, m->lambda, w->theta_gradient);
    if (clip > 0) {
        double square = sae_update_square_norm(&u);
        if (thresholds) square += sae_ops_best()->sum_squares(w->theta_gradient, t->n);
        double norm = sqrt(square + b_dec_gradient(w, &u, scale));
        if (norm > clip) factor = (float)(clip / norm);
    }
    sae_update_apply(&u, factor);
    b_dec_gradient(w, &u, scale);
    update_b_dec(w, t, &adam, factor);
    if (!thresholds) return;
    /* moments of θ are as old as its use */
    sae_adam theta_adam = adam_at(t, m->step - t->warm_steps, m->lr);
    if (factor != 1) sae_ops_best()->scale(t->n, factor, w->theta_gradient);
    sae_thresholds_update(t, &theta_adam, w->theta_gradient);
}

float sae_smallest_value(const sae_codes *codes)
{
    int64_t total = codes->row_offsets[codes->rows];
    float smallest = total > 0 ? codes->values[0] : 0;
    for (int64_t j = 1; j < total; j++)
        if (codes->values[j] < smallest) smallest = codes->values[j];
    return smallest;
}

sae_status sae_trainer_smallest_kept(sae_trainer *w, sae_training *t, float *x, float *smallest, sae_error *err)
{
    sae_training_rows(t, x, w->batch, true, x, w->threads);
    sae_encode_job job = sae_train_encode_job(w, t, x);
    sae_status status = sae_encode(w->encoder, &job, &t->hint, w->codes, NULL, err);
    if (status == SAE_OK) *smallest = sae_smallest_value(w->codes);
    return status;
}

/* Counters, from what the last selection activated. Returns the number of dead latents. */
static int64_t count_firings(sae_trainer *w, sae_training *t)
{
    int64_t dead = 0;
    for (int64_t i = 0; i < t->n; i++) {
        t->since_fired[i] = w->sums.active[i] > 0 ? 0 : t->since_fired[i] + w->batch;
        dead += t->since_fired[i] >= t->dead_tokens;
    }
    return dead;
}

static double mean_theta(const sae_training *t)
{
    double sum = 0;
    for (int64_t i = 0; i < t->n; i++) sum += (double)t->p.theta[i];
    return sum / (double)t->n;
}

/* The threshold that metrics show. */
static double shown_theta(sae_trainer *w, sae_training *t, sae_selection selection)
{
    if (selection == SAE_SELECT_THRESHOLD) return t->p.theta ? mean_theta(t) : NAN;
    if (selection == SAE_SELECT_ROW) return NAN;
    float smallest = sae_smallest_value(w->codes);
    if (smallest > 0) sae_running_theta_add(&t->theta, smallest);
    return sae_running_theta_value(&t->theta);
}

/* Selection of k latents: codes, residual, AuxK. */
static sae_status forward_by_k(sae_trainer *w, sae_training *t, const float *c, sae_step_metrics *m, double *clock,
                               float *aux_scale, sae_error *err)
{
    double rows = (double)w->batch;
    int prefixes = prefixes_of(t);
    sae_encode_stats stats = {0};
    sae_encode_job job = sae_train_encode_job(w, t, c);
    sae_status status = sae_encode(w->encoder, &job, &t->hint, w->codes, &stats, err);
    if (status != SAE_OK) return status;
    m->codes = w->codes->row_offsets[w->batch];
    m->rescored = stats.rescored;
    m->repeats = stats.repeats;
    m->select_seconds = stats.select_seconds;
    m->encode_seconds = lap(clock) - stats.select_seconds;
    if (prefixes > 1)
        sae_residual_prefixes(w->codes, t->config.prefix_ends, prefixes, c, t->p.W_dec, t->d, w->e, w->slope,
                              w->row_square, w->threads);
    else
        sae_residual(w->codes, NULL, 0, c, t->p.W_dec, t->d, w->e, w->slope, w->row_square, w->threads);
    sae_by_latent_fill(&w->by_latent, t->n, w->codes, w->slope, w->threads);
    for (int64_t i = 0; i < t->n; i++) w->sums.active[i] = w->by_latent.offsets[i + 1] - w->by_latent.offsets[i];
    m->mse = sum_of(w->row_square + (prefixes - 1) * w->batch, w->batch) / rows;
    m->loss = sum_of(w->row_square, prefixes * w->batch) / rows / prefixes;
    m->l0 = (double)m->codes / rows;
    m->decode_seconds = lap(clock);
    status = aux_loss(w, t, c, m, aux_scale, err);
    m->loss += t->config.shared.aux_alpha * m->aux;
    m->aux_seconds = lap(clock);
    return status;
}

static const char *name_of(const sae_training *t)
{
    return *t->config.name ? t->config.name : "the SAE";
}

/* Gradients that leave float32 make weights that are no numbers: their latents never fire again, and no loss tells. The
 * norms are those of W_enc, which the screen needs; W_dec and b_dec show in the next loss. */
static sae_status check_weights(const sae_training *t, const sae_step_metrics *m, sae_error *err)
{
    const sae_env alone = {.threads = 1}; /* too little work to wake others for */
    const float *const weights[] = {t->shadow.norm, t->p.b_enc, t->p.theta};
    bool finite = true;
    for (int i = 0; i < 3; i++) finite = finite && (!weights[i] || sae_first_non_finite(weights[i], t->n, &alone) < 0);
    if (finite) return SAE_OK;
    return sae_fail(err, SAE_E_VALUE,
                    "weights of %s are not finite after step %lld: training diverged (lr %g); try a smaller --lr, or "
                    "an --input-scale",
                    name_of(t), (long long)m->step, t->config.lr);
}

sae_status sae_train_step_one(sae_trainer *w, sae_training *t, const float *x, float *c, bool want_fvu,
                              sae_step_metrics *m, sae_error *err)
{
    sae_status status;
    double began = sae_now(), clock = began, variance = NAN;
    float aux_scale = 0;
    *m = (sae_step_metrics){.step = w->step + 1, .fvu = NAN, .lambda = NAN};
    sae_selection selection = sae_training_selection(t, m->step);
    sae_training_rows(t, x, w->batch, true, c, w->threads);
    if (want_fvu) variance = total_variance(w, c);
    if (selection == SAE_SELECT_THRESHOLD) {
        SAE_TRY(sae_thresholds_start(w, t, c, m->step, err));
        SAE_TRY(sae_thresholds_forward(w, t, c, m, err));
        m->encode_seconds = lap(&clock);
    } else {
        SAE_TRY(forward_by_k(w, t, c, m, &clock, &aux_scale, err));
    }
    m->fvu = variance > 0 ? m->mse * (double)w->batch / variance : NAN;
    if (!isfinite(m->loss)) {
        status = sae_fail(err, SAE_E_VALUE,
                          "the loss of %s is not finite at step %lld: training diverged (lr %g); try a smaller --lr",
                          name_of(t), (long long)m->step, t->config.lr);
        goto done;
    }
    m->lr = sae_learning_rate(&t->config, m->step, w->steps);
    update(w, t, c, aux_scale, m);
    SAE_TRY(check_weights(t, m, err));
    if (t->config.arch == SAE_ARCH_RELU && t->config.l0 > 0)
        sae_control_penalty(&t->control, m->l0, t->config.l0, m->lr / t->config.lr);
    m->dead = count_firings(w, t);
    m->theta = shown_theta(w, t, selection);
    m->update_seconds = lap(&clock);
    m->total_seconds = sae_now() - began;
done:
    return status;
}
