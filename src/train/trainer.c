/* The trainer: workspace for a grid of SAEs, and one step of each on a shared batch. */
#include "train/training.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/parallel.h"
#include "kernels/ops.h"

#include <math.h>
#include <string.h>

/* Sizes that the workspace must hold, over all SAEs of the grid. */
typedef struct needs {
    int64_t n, row_k, batch_k, codes_per_row, aux_per_row;
} needs;

static int64_t max_of(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

static bool uses_aux(const sae_train_config *c)
{
    return c->shared.k_aux > 0 && c->shared.aux_alpha > 0;
}

static int64_t aux_per_row(const sae_train_config *c)
{
    if (!uses_aux(c)) return 0;
    return c->shared.k_aux < c->width ? c->shared.k_aux : c->width;
}

static needs needs_of(const sae_train_config *configs, size_t count)
{
    needs most = {0};
    for (size_t i = 0; i < count; i++) {
        const sae_train_config *c = &configs[i];
        int64_t aux = aux_per_row(c);
        most.n = max_of(most.n, c->width);
        most.codes_per_row = max_of(most.codes_per_row, c->k);
        most.aux_per_row = max_of(most.aux_per_row, aux);
        most.row_k = max_of(most.row_k, aux);
        if (c->arch == SAE_ARCH_TOPK) most.row_k = max_of(most.row_k, c->k);
        if (c->arch == SAE_ARCH_BATCHTOPK) most.batch_k = max_of(most.batch_k, c->k);
    }
    return most;
}

void sae_trainer_bytes(const sae_train_config *configs, size_t count, int64_t d, int64_t batch, int threads,
                       double *state, double *workspace)
{
    needs most = needs_of(configs, count);
    double rows = (double)batch, width = (double)d;
    *state = 0;
    for (size_t i = 0; i < count; i++)
        *state += 12 * (2 * (double)configs[i].width * width + (double)configs[i].width + width) +
                  12 * (double)configs[i].width;
    double entries = rows * (double)(most.codes_per_row + most.aux_per_row);
    double matrices = (count > 1 ? 2 : 1) + 1 + (most.aux_per_row > 0 ? 1 : 0); /* batch (and a copy), e, e_aux */
    double tiles = (double)threads * 4 * (256.0 * 512 + (512.0 + 256) * width);
    *workspace = 4 * matrices * rows * width + 24 * entries + tiles +
                 12 * (double)threads * rows * (double)most.batch_k +
                 (double)most.n * (2 * (8 + 4 * SAE_SEGMENTS) + 4 + 4 * width / SAE_LATENT_CHUNK);
}

void sae_trainer_free(sae_trainer *t)
{
    if (!t) return;
    for (size_t i = 0; t->saes && i < t->count; i++) sae_training_clear(&t->saes[i]);
    sae_free(t->saes);
    sae_encoder_free(t->encoder);
    sae_codes_free(t->codes);
    sae_codes_free(t->aux_codes);
    sae_by_latent_clear(&t->by_latent);
    sae_by_latent_clear(&t->aux_by_latent);
    sae_free(t->c);
    sae_free(t->e);
    sae_free(t->e_aux);
    sae_free(t->slope);
    sae_free(t->aux_slope);
    sae_free(t->row_square);
    sae_free(t->column_scratch);
    sae_free(t->column_sums);
    sae_free(t->bias_sums);
    sae_free(t->bias_gradient);
    sae_free(t->chunk_sums);
    sae_free(t->chunk_squares);
    for (int i = 0; t->update_scratch && i < t->threads; i++) sae_update_scratch_clear(&t->update_scratch[i]);
    sae_free(t->update_scratch);
    sae_free(t->dead);
    sae_free(t);
}

static sae_status make_workspace(sae_trainer *t, const needs *most, sae_error *err)
{
    sae_status status = SAE_OK;
    size_t d = (size_t)t->d, rows = (size_t)t->batch, cells = 0;
    int64_t entries, aux_entries;
    bool aux = most->aux_per_row > 0;
    if (!sae_mul_size(rows, d, &cells) || !sae_mul_i64(t->batch, most->codes_per_row, &entries) ||
        !sae_mul_i64(t->batch, most->aux_per_row, &aux_entries))
        return sae_fail(err, SAE_E_MEMORY, "a batch of %zu rows of %zu values is too large", rows, d);
    SAE_TRY(sae_encoder_new(&t->encoder, t->d, t->batch, most->row_k, most->batch_k, &t->env, err));
    t->codes = sae_codes_new();
    t->aux_codes = sae_codes_new();
    if (t->count > 1) t->c = sae_alloc(cells, sizeof(float));
    t->e = sae_alloc(cells, sizeof(float));
    if (aux) t->e_aux = sae_alloc(cells, sizeof(float));
    t->slope = sae_alloc((size_t)entries, sizeof(float));
    t->aux_slope = sae_alloc((size_t)aux_entries, sizeof(float));
    t->row_square = sae_alloc(rows, sizeof(double));
    t->column_scratch = sae_alloc((rows + 63) / 64 * d, sizeof(double));
    t->column_sums = sae_alloc(d, sizeof(double));
    t->bias_sums = sae_alloc(d, sizeof(double));
    t->bias_gradient = sae_alloc(d, sizeof(float));
    size_t chunks = ((size_t)most->n + SAE_LATENT_CHUNK - 1) / SAE_LATENT_CHUNK;
    t->chunk_sums = sae_alloc(chunks * d, sizeof(float));
    t->chunk_squares = sae_alloc(chunks, sizeof(double));
    t->update_scratch = sae_calloc((size_t)t->threads, sizeof *t->update_scratch);
    t->dead = sae_alloc((size_t)most->n, sizeof(int32_t));
    bool ready = t->codes && t->aux_codes && (t->c || t->count == 1) && t->e && (t->e_aux || !aux) && t->slope &&
                 t->aux_slope && t->row_square && t->column_scratch && t->column_sums && t->bias_sums &&
                 t->bias_gradient && t->chunk_sums && t->chunk_squares && t->update_scratch && t->dead;
    if (!ready) {
        status = sae_fail(err, SAE_E_MEMORY, "out of memory for the workspace of batches of %zu rows of %zu values",
                          rows, d);
        goto done;
    }
    SAE_TRY(sae_codes_reserve(t->codes, t->batch, entries, err));
    for (int i = 0; i < t->threads; i++) SAE_TRY(sae_update_scratch_new(&t->update_scratch[i], t->d, t->batch, err));
    SAE_TRY(sae_by_latent_new(&t->by_latent, most->n, entries, err));
    if (aux) {
        SAE_TRY(sae_codes_reserve(t->aux_codes, t->batch, aux_entries, err));
        SAE_TRY(sae_by_latent_new(&t->aux_by_latent, most->n, aux_entries, err));
    }
done:
    return status;
}

sae_status sae_trainer_create(sae_trainer **out, const sae_train_config *configs, size_t count, int64_t d,
                              int64_t batch, int64_t steps, const sae_env *env, sae_error *err)
{
    sae_status status;
    needs most = needs_of(configs, count);
    sae_trainer *t = sae_calloc(1, sizeof *t);
    if (!t) return sae_fail_memory(err, "the trainer", sizeof *t);
    if (env) t->env = *env;
    t->threads = sae_threads(env);
    t->count = count;
    t->d = d;
    t->batch = batch;
    t->steps = steps;
    t->saes = sae_calloc(count, sizeof *t->saes);
    if (!t->saes) {
        status = sae_fail_memory(err, "the trainer", count * sizeof *t->saes);
        goto done;
    }
    for (size_t i = 0; i < count; i++) {
        SAE_TRY(sae_training_new(&t->saes[i], &configs[i], d, batch, steps, err));
        sae_training_init(&t->saes[i], t->threads);
    }
    SAE_TRY(make_workspace(t, &most, err));
    *out = t;
    t = NULL;
done:
    sae_trainer_free(t);
    return status;
}

void sae_trainer_refresh(sae_trainer *trainer)
{
    for (size_t i = 0; i < trainer->count; i++) {
        sae_training *t = &trainer->saes[i];
        sae_row_norms(t->p.W_enc, t->n, t->d, t->w_norm, trainer->threads);
    }
}

sae_train_view sae_trainer_get_view(sae_trainer *trainer, size_t i)
{
    sae_training *t = &trainer->saes[i];
    return (sae_train_view){
        .d = t->d,
        .n = t->n,
        .W_enc = t->p.W_enc,
        .b_enc = t->p.b_enc,
        .W_dec = t->p.W_dec,
        .b_dec = t->p.b_dec,
        .m_W_enc = t->m.W_enc,
        .m_b_enc = t->m.b_enc,
        .m_W_dec = t->m.W_dec,
        .m_b_dec = t->m.b_dec,
        .v_W_enc = t->v.W_enc,
        .v_b_enc = t->v.b_enc,
        .v_W_dec = t->v.W_dec,
        .v_b_dec = t->v.b_dec,
        .tokens_since_fired = t->since_fired,
    };
}

/* ---- one step ----------------------------------------------------------------------------------------- */

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

static sae_encode_job encode_job(const sae_trainer *w, const sae_training *t, const float *c)
{
    return (sae_encode_job){
        .c = c,
        .rows = w->batch,
        .d = t->d,
        .n = t->n,
        .W_enc = t->p.W_enc,
        .b_enc = t->p.b_enc,
        .w_norm = t->w_norm,
        .filter = t->config.arch == SAE_ARCH_BATCHTOPK ? SAE_FILTER_BATCH : SAE_FILTER_ROW,
        .k = t->config.k,
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

/* AuxK: what the dead latents could explain of the residual e. *scale: that of its term in the update (0: none). */
static sae_status aux_loss(sae_trainer *w, sae_training *t, const float *c, double main_square, sae_step_metrics *m,
                           float *scale, sae_error *err)
{
    const sae_train_options *shared = &t->config.shared;
    *scale = 0;
    if (!uses_aux(&t->config)) return SAE_OK;
    int64_t n_dead = list_dead(t, w->dead);
    if (n_dead == 0) return SAE_OK;
    sae_encode_stats stats = {0};
    sae_encode_job job = encode_job(w, t, c);
    job.filter = SAE_FILTER_ROW;
    job.subset = w->dead;
    job.n_subset = n_dead;
    job.k = shared->k_aux < n_dead ? shared->k_aux : n_dead;
    sae_status status = sae_encode(w->encoder, &job, &t->aux_hint, w->aux_codes, &stats, err);
    if (status != SAE_OK) return status;
    sae_residual(w->aux_codes, w->dead, n_dead, w->e, t->p.W_dec, t->d, w->e_aux, w->aux_slope, w->row_square,
                 w->threads);
    sae_by_latent_fill(&w->aux_by_latent, t->n, w->aux_codes, w->aux_slope, w->threads);
    double unit = 1, rows = (double)w->batch;
    if (shared->aux_norm == SAE_AUX_VARIANCE) unit = centred_square(w, w->e, main_square) / rows;
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

/* b_dec's gradient: ∂L/∂x̂ summed, and what comes through z. The sums of e are in column_sums. */
static double b_dec_gradient(sae_trainer *w, const sae_update *u, const double *e_sums)
{
    double square = 0;
    sae_update_bias_sums(u, w->bias_sums);
    for (int64_t j = 0; j < w->d; j++) {
        double g = -2 * e_sums[j] / (double)w->batch - w->bias_sums[j];
        w->bias_gradient[j] = (float)g;
        square += g * g;
    }
    return square;
}

static void update(sae_trainer *w, sae_training *t, const float *c, float aux_scale, double lr)
{
    int64_t step = w->step + 1;
    double beta1 = t->config.shared.beta1, beta2 = t->config.shared.beta2, clip = t->config.shared.clip;
    sae_adam adam = {
        .beta1 = (float)beta1,
        .beta2 = (float)beta2,
        .one_minus_beta1 = (float)(1 - beta1),
        .one_minus_beta2 = (float)(1 - beta2),
        .step = (float)(lr / (1 - pow(beta1, (double)step))),
        .inv_correction2 = (float)(1 / (1 - pow(beta2, (double)step))),
        .eps = 1e-8f,
    };
    sae_update u = {
        .d = t->d,
        .n = t->n,
        .c = c,
        .terms = {{&w->by_latent, w->e, (float)(2 / (double)w->batch)}, {&w->aux_by_latent, w->e_aux, aux_scale}},
        .n_terms = aux_scale > 0 ? 2 : 1,
        .W_enc = t->p.W_enc,
        .b_enc = t->p.b_enc,
        .W_dec = t->p.W_dec,
        .m_W_enc = t->m.W_enc,
        .m_b_enc = t->m.b_enc,
        .m_W_dec = t->m.W_dec,
        .v_W_enc = t->v.W_enc,
        .v_b_enc = t->v.b_enc,
        .v_W_dec = t->v.W_dec,
        .w_norm = t->w_norm,
        .adam = &adam,
        .bias_sums = w->chunk_sums,
        .chunk_squares = w->chunk_squares,
        .rows = w->batch,
        .scratch = w->update_scratch,
        .threads = w->threads,
    };
    float factor = 1;
    sae_column_sums(w->e, w->batch, w->d, w->column_scratch, w->column_sums, w->threads);
    if (clip > 0) {
        double square = sae_update_square_norm(&u);
        double norm = sqrt(square + b_dec_gradient(w, &u, w->column_sums));
        if (norm > clip) factor = (float)(clip / norm);
    }
    sae_update_apply(&u, factor);
    b_dec_gradient(w, &u, w->column_sums);
    update_b_dec(w, t, &adam, factor);
}

static float smallest_value(const sae_codes *codes)
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
    sae_encode_job job = encode_job(w, t, x);
    sae_status status = sae_encode(w->encoder, &job, &t->hint, w->codes, NULL, err);
    if (status == SAE_OK) *smallest = smallest_value(w->codes);
    return status;
}

/* Counters and the running θ, from the main selection. Returns the number of dead latents. */
static int64_t count_firings(sae_trainer *w, sae_training *t)
{
    int64_t dead = 0;
    for (int64_t i = 0; i < t->n; i++) {
        bool fired = w->by_latent.offsets[i + 1] > w->by_latent.offsets[i];
        t->since_fired[i] = fired ? 0 : t->since_fired[i] + w->batch;
        dead += t->since_fired[i] >= t->dead_tokens;
    }
    float smallest = smallest_value(w->codes);
    if (t->config.arch == SAE_ARCH_BATCHTOPK && smallest > 0) sae_running_theta_add(&t->theta, smallest);
    return dead;
}

static sae_status step_one(sae_trainer *w, sae_training *t, const float *x, float *c, bool want_fvu,
                           sae_step_metrics *m, sae_error *err)
{
    double began = sae_now(), clock = began, rows = (double)w->batch, variance = NAN;
    sae_encode_stats stats = {0};
    *m = (sae_step_metrics){.step = w->step + 1, .fvu = NAN};
    sae_training_rows(t, x, w->batch, true, c, w->threads);
    if (want_fvu) variance = total_variance(w, c);
    sae_encode_job job = encode_job(w, t, c);
    sae_status status = sae_encode(w->encoder, &job, &t->hint, w->codes, &stats, err);
    if (status != SAE_OK) return status;
    m->codes = w->codes->row_offsets[w->batch];
    m->rescored = stats.rescored;
    m->repeats = stats.repeats;
    m->select_seconds = stats.select_seconds;
    m->encode_seconds = lap(&clock) - stats.select_seconds;

    sae_residual(w->codes, NULL, 0, c, t->p.W_dec, t->d, w->e, w->slope, w->row_square, w->threads);
    sae_by_latent_fill(&w->by_latent, t->n, w->codes, w->slope, w->threads);
    double square = sum_of(w->row_square, w->batch);
    m->decode_seconds = lap(&clock);
    m->mse = square / rows;
    m->l0 = (double)m->codes / rows;
    m->fvu = variance > 0 ? square / variance : NAN;
    float aux_scale;
    status = aux_loss(w, t, c, square, m, &aux_scale, err);
    if (status != SAE_OK) return status;
    m->aux_seconds = lap(&clock);
    m->loss = m->mse + t->config.shared.aux_alpha * m->aux;
    if (!isfinite(m->loss))
        return sae_fail(err, SAE_E_VALUE,
                        "the loss of %s is not finite at step %lld: training diverged (lr %g); try a smaller --lr",
                        *t->config.name ? t->config.name : "the SAE", (long long)m->step, t->config.lr);
    m->lr = sae_learning_rate(&t->config, m->step, w->steps);
    update(w, t, c, aux_scale, m->lr);
    m->dead = count_firings(w, t);
    m->theta = sae_running_theta_value(&t->theta);
    m->update_seconds = lap(&clock);
    m->total_seconds = sae_now() - began;
    return SAE_OK;
}

sae_status sae_trainer_step(sae_trainer *w, float *x, bool want_fvu, sae_step_metrics *metrics, sae_error *err)
{
    for (size_t i = 0; i < w->count; i++) {
        bool last = i + 1 == w->count;
        sae_status status = step_one(w, &w->saes[i], x, last ? x : w->c, want_fvu, &metrics[i], err);
        if (status != SAE_OK) return status;
    }
    w->step++;
    return SAE_OK;
}
