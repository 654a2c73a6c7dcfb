/* The trainer: workspace for a grid of SAEs, and one step of each on a shared batch. */
#include "train/training.h"

#include "base/alloc.h"
#include "base/cache.h"
#include "base/error.h"
#include "base/parallel.h"

#include <math.h>
#include <string.h>

static int64_t max_of(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

static bool takes_batch(const sae_train_config *c)
{
    return c->arch == SAE_ARCH_BATCHTOPK || c->arch == SAE_ARCH_MATRYOSHKA || c->l0 > 0;
}

static int64_t k_of(const sae_train_config *c)
{
    return c->k > 0 ? c->k : max_of(1, llround(c->l0)); /* l0 of 0: lambda is given, and codes are grown as needed */
}

int64_t sae_training_k(const sae_training *t)
{
    return k_of(&t->config);
}

bool sae_config_uses_aux(const sae_train_config *c)
{
    bool selects = c->k > 0 || (c->arch == SAE_ARCH_JUMPRELU && c->l0 > 0 && c->shared.warm_start > 0);
    return selects && c->shared.k_aux > 0 && c->shared.aux_alpha > 0;
}

sae_train_needs sae_train_needs_of(const sae_train_config *configs, size_t count)
{
    sae_train_needs most = {.prefixes = 1};
    for (size_t i = 0; i < count; i++) {
        const sae_train_config *c = &configs[i];
        int64_t aux = 0;
        if (sae_config_uses_aux(c)) aux = c->shared.k_aux < c->width ? c->shared.k_aux : c->width;
        most.n = max_of(most.n, c->width);
        most.codes_per_row = max_of(most.codes_per_row, k_of(c));
        most.aux_per_row = max_of(most.aux_per_row, aux);
        most.row_k = max_of(most.row_k, aux);
        if (c->arch == SAE_ARCH_TOPK) most.row_k = max_of(most.row_k, c->k);
        if (takes_batch(c)) most.batch_k = max_of(most.batch_k, k_of(c));
        most.prefixes = max_of(most.prefixes, c->n_prefixes);
        most.thresholds |= c->arch == SAE_ARCH_RELU || c->arch == SAE_ARCH_JUMPRELU;
        most.window |= c->arch == SAE_ARCH_JUMPRELU;
        if (sae_config_may_be_dense(c)) most.dense_n = max_of(most.dense_n, c->width);
    }
    return most;
}

void sae_trainer_bytes(const sae_train_config *configs, size_t count, sae_screen_kind screen, int64_t d, int64_t batch,
                       int threads, double *state, double *workspace)
{
    sae_train_needs most = sae_train_needs_of(configs, count);
    double rows = (double)batch, width = (double)d;
    *state = 0;
    for (size_t i = 0; i < count; i++)
        *state += 12 * (2 * (double)configs[i].width * width + (double)configs[i].width + width) +
                  8 * (double)configs[i].width + sae_shadow_bytes(screen, configs[i].width, d);
    double entries = rows * (double)(most.codes_per_row + most.aux_per_row);
    /* batch (and a copy), e of each prefix, e_aux */
    double matrices = (count > 1 ? 2 : 1) + (double)most.prefixes + (most.aux_per_row > 0 ? 1 : 0);
    double thresholds = most.thresholds ? 40 * (double)most.n + (most.window ? 24 * entries : 0) : 0;
    if (most.dense_n > 0) thresholds += sae_dense_bytes(most.dense_n, d, threads);
    double encoder = sae_encoder_bytes(screen, d, batch, most.row_k, most.batch_k, threads);
    /* codes of a group by row, with their weights, where latents share rows */
    double gradients = threads * SAE_LATENT_GROUP * (4 * width + rows * (sizeof(sae_entry) + 2 * sizeof(float)));
    *workspace = 4 * matrices * rows * width + 24 * entries + encoder + gradients +
                 (double)most.n * (2 * (8 + 4 * SAE_SEGMENTS) + 16 + 4 * width / SAE_LATENT_GROUP) + thresholds;
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
    sae_free(t->near_slope);
    sae_codes_free(t->near);
    sae_by_latent_clear(&t->near_by_latent);
    sae_latent_sums_clear(&t->sums);
    sae_dense_scratch_clear(&t->dense);
    sae_free(t->low);
    sae_free(t->theta_gradient);
    sae_free(t->row_square);
    sae_free(t->column_scratch);
    sae_free(t->column_sums);
    sae_free(t->bias_sums);
    sae_free(t->bias_gradient);
    sae_free(t->order);
    sae_free(t->group_sums);
    sae_free(t->group_squares);
    for (int i = 0; t->update_scratch && i < t->threads; i++) sae_update_scratch_clear(&t->update_scratch[i]);
    sae_free(t->update_scratch);
    sae_free(t->dead);
    sae_free(t);
}

static sae_status make_threshold_workspace(sae_trainer *t, const sae_train_needs *most, int64_t entries, sae_error *err)
{
    sae_status status;
    size_t n = (size_t)most->n;
    t->near = sae_codes_new();
    t->low = sae_alloc(n, sizeof *t->low);
    t->theta_gradient = sae_alloc(n, sizeof *t->theta_gradient);
    if (!t->near || !t->low || !t->theta_gradient) {
        status = sae_fail_memory(err, "thresholds", n * 8);
        goto done;
    }
    SAE_TRY(sae_codes_reserve(t->near, t->batch, 0, err));
    if (most->window) SAE_TRY(sae_by_latent_new(&t->near_by_latent, most->n, entries, err));
    if (most->dense_n > 0) SAE_TRY(sae_dense_scratch_new(&t->dense, most->dense_n, t->d, t->threads, err));
    status = SAE_OK;
done:
    return status;
}

static sae_status make_workspace(sae_trainer *t, const sae_train_needs *most, sae_error *err)
{
    sae_status status = SAE_OK;
    size_t d = (size_t)t->d, rows = (size_t)t->batch, cells = 0;
    int64_t entries, aux_entries;
    bool aux = most->aux_per_row > 0;
    if (!sae_mul_size(rows, d, &cells) || !sae_mul_i64(t->batch, most->codes_per_row, &entries) ||
        !sae_mul_i64(t->batch, most->aux_per_row, &aux_entries))
        return sae_fail(err, SAE_E_MEMORY, "a batch of %zu rows of %zu values is too large", rows, d);
    SAE_TRY(sae_encoder_new(&t->encoder, t->screen, t->d, t->batch, most->row_k, most->batch_k, &t->env, err));
    t->codes = sae_codes_new();
    t->aux_codes = sae_codes_new();
    if (t->count > 1) t->c = sae_alloc_large(cells, sizeof(float));
    t->e = sae_alloc_large(cells, (size_t)most->prefixes * sizeof(float));
    if (aux) t->e_aux = sae_alloc_large(cells, sizeof(float));
    t->slope = sae_alloc((size_t)entries, sizeof(float));
    t->slope_capacity = entries;
    t->aux_slope = sae_alloc((size_t)aux_entries, sizeof(float));
    t->row_square = sae_alloc(rows, (size_t)most->prefixes * sizeof(double));
    t->column_scratch = sae_alloc((rows + 63) / 64 * d, sizeof(double));
    t->column_sums = sae_alloc(d, sizeof(double));
    t->bias_sums = sae_alloc(d, sizeof(double));
    t->bias_gradient = sae_alloc(d, sizeof(float));
    size_t groups = ((size_t)most->n + SAE_LATENT_GROUP - 1) / SAE_LATENT_GROUP;
    t->order = sae_alloc((size_t)most->n, sizeof *t->order);
    t->group_sums = sae_alloc(groups * d, sizeof(float));
    t->group_squares = sae_alloc(2 * groups, sizeof(double));
    t->update_scratch = sae_calloc((size_t)t->threads, sizeof *t->update_scratch);
    t->dead = sae_alloc((size_t)most->n, sizeof(int32_t));
    bool ready = t->codes && t->aux_codes && (t->c || t->count == 1) && t->e && (t->e_aux || !aux) && t->slope &&
                 t->aux_slope && t->row_square && t->column_scratch && t->column_sums && t->bias_sums &&
                 t->bias_gradient && t->order && t->group_sums && t->group_squares && t->update_scratch && t->dead;
    if (!ready) {
        status = sae_fail(err, SAE_E_MEMORY, "out of memory for the workspace of batches of %zu rows of %zu values",
                          rows, d);
        goto done;
    }
    SAE_TRY(sae_codes_reserve(t->codes, t->batch, entries, err));
    for (int i = 0; i < t->threads; i++) SAE_TRY(sae_update_scratch_new(&t->update_scratch[i], t->d, t->batch, err));
    SAE_TRY(sae_by_latent_new(&t->by_latent, most->n, entries, err));
    SAE_TRY(sae_latent_sums_new(&t->sums, most->n, err));
    if (most->thresholds) SAE_TRY(make_threshold_workspace(t, most, entries, err));
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
    sae_train_needs most = sae_train_needs_of(configs, count);
    sae_trainer *t = sae_calloc(1, sizeof *t);
    if (!t) return sae_fail_memory(err, "the trainer", sizeof *t);
    if (env) t->env = *env;
    t->threads = sae_threads(env);
    t->last_cache = sae_caches_read(SAE_CACHES_HERE).last;
    SAE_TRY(sae_screen_choose(env, d, &t->screen, err));
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
        SAE_TRY(sae_training_new(&t->saes[i], &configs[i], t->screen, d, batch, steps, err));
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
        sae_shadow_fill(&t->shadow, t->p.W_enc, trainer->threads);
    }
}

void sae_trainer_set_input_rms(sae_trainer *trainer, double rms)
{
    for (size_t i = 0; i < trainer->count; i++) {
        trainer->saes[i].rms = rms;
        sae_training_init_theta(&trainer->saes[i]);
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
        .theta = t->p.theta,
        .m_W_enc = t->m.W_enc,
        .m_b_enc = t->m.b_enc,
        .m_W_dec = t->m.W_dec,
        .m_b_dec = t->m.b_dec,
        .m_theta = t->m.theta,
        .v_W_enc = t->v.W_enc,
        .v_b_enc = t->v.b_enc,
        .v_W_dec = t->v.W_dec,
        .v_b_dec = t->v.b_dec,
        .v_theta = t->v.theta,
        .tokens_since_fired = t->since_fired,
    };
}

sae_status sae_trainer_step(sae_trainer *w, float *x, bool want_fvu, sae_step_metrics *metrics, sae_error *err)
{
    for (size_t i = 0; i < w->count; i++) {
        bool last = i + 1 == w->count;
        sae_status status = sae_train_step_one(w, &w->saes[i], x, last ? x : w->c, want_fvu, &metrics[i], err);
        if (status != SAE_OK) return status;
    }
    w->step++;
    return SAE_OK;
}
