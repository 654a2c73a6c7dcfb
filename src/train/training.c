/* One SAE in training: memory, start, input scaling, schedule. */
#include "train/training.h"

#include "base/alloc.h"
#include "base/error.h"
#include "base/rng.h"
#include "kernels/ops.h"
#include "model/token_norm.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

double sae_running_theta_value(const sae_running_theta *theta)
{
    if (theta->batches == 0) return NAN;
    return theta->mean / (1 - pow(SAE_THETA_BETA, (double)theta->batches));
}

void sae_running_theta_add(sae_running_theta *theta, double smallest_kept)
{
    theta->mean = SAE_THETA_BETA * theta->mean + (1 - SAE_THETA_BETA) * smallest_kept;
    theta->batches++;
}

static float *slice(float **rest, size_t count)
{
    float *here = *rest;
    *rest += (count + 15) / 16 * 16; /* every tensor starts on a cache line */
    return here;
}

static sae_tensors slice_tensors(float **rest, size_t n, size_t d, bool thresholds)
{
    sae_tensors t = {0};
    t.W_enc = slice(rest, n * d);
    t.W_dec = slice(rest, n * d);
    t.b_enc = slice(rest, n);
    t.b_dec = slice(rest, d);
    if (thresholds) t.theta = slice(rest, n);
    return t;
}

sae_status sae_training_new(sae_training *out, const sae_train_config *config, sae_screen_kind screen, int64_t d,
                            int64_t batch, int64_t steps, sae_error *err)
{
    bool thresholds = config->arch == SAE_ARCH_JUMPRELU;
    sae_training t = {.config = *config, .d = d, .n = config->width, .scale = 1, .rms = sqrt((double)d)};
    t.last_l0 = (double)t.n;
    if (isnan(config->lr)) t.config.lr = sae_auto_learning_rate(t.n, d, steps);
    if (thresholds && config->l0 > 0) t.warm_steps = llround(config->shared.warm_start * (double)steps);
    size_t matrix = 0, floats = 0;
    bool fits = sae_mul_size((size_t)t.n, (size_t)d, &matrix) && sae_mul_size(matrix, 2, &floats) &&
                sae_add_size(floats, 2 * (size_t)t.n + (size_t)d + 80, &floats);
    if (!fits)
        return sae_fail(err, SAE_E_MEMORY, "%lld latents of %lld values are too many", (long long)t.n, (long long)d);
    t.dead_tokens = config->shared.dead_tokens;
    if (t.dead_tokens == 0) {
        int64_t tenth = batch * steps / 10;
        t.dead_tokens = tenth < 10000000 ? (tenth > 0 ? tenth : 1) : 10000000;
    }
    sae_status status = sae_shadow_new(&t.shadow, screen, t.n, d, err);
    if (status != SAE_OK) return status;
    t.since_fired = sae_calloc((size_t)t.n, sizeof(int64_t));
    bool ready = t.since_fired != NULL;
    sae_tensors *const views[3] = {&t.p, &t.m, &t.v};
    for (int b = 0; ready && b < 3; b++) {
        float *rest = t.blocks[b] = sae_alloc_large(floats, sizeof(float));
        ready = rest != NULL;
        if (ready) *views[b] = slice_tensors(&rest, (size_t)t.n, (size_t)d, thresholds);
    }
    if (!ready) {
        sae_training_clear(&t);
        return sae_fail_memory(err, "parameters and moments", 3 * floats * sizeof(float));
    }
    *out = t;
    return SAE_OK;
}

void sae_training_clear(sae_training *t)
{
    for (int b = 0; b < 3; b++) sae_free(t->blocks[b]);
    sae_shadow_clear(&t->shadow);
    sae_free(t->since_fired);
    *t = (sae_training){0};
}

void sae_training_drop_moments(sae_training *t)
{
    for (int b = 1; b < 3; b++) {
        sae_free(t->blocks[b]);
        t->blocks[b] = NULL;
    }
    t->m = t->v = (sae_tensors){0};
}

static void zero_all(sae_training *t, int threads)
{
    const sae_tensors *all[] = {&t->p, &t->m, &t->v};
    for (int a = 0; a < 3; a++) {
        /* by rows in parallel: on a machine with several memory nodes, pages land near the threads that use them */
#pragma omp parallel for num_threads(threads) schedule(static)
        for (int64_t i = 0; i < t->n; i++) {
            memset(all[a]->W_enc + i * t->d, 0, (size_t)t->d * sizeof(float));
            memset(all[a]->W_dec + i * t->d, 0, (size_t)t->d * sizeof(float));
        }
        memset(all[a]->b_enc, 0, (size_t)t->n * sizeof(float));
        memset(all[a]->b_dec, 0, (size_t)t->d * sizeof(float));
        if (all[a]->theta) memset(all[a]->theta, 0, (size_t)t->n * sizeof(float));
    }
    sae_training_init_theta(t);
}

void sae_training_init(sae_training *t, int threads)
{
    zero_all(t, threads);
    /* The kind, width and k (0 for kinds that have none) go into the key: SAEs of different width never start with the
     * same rows, which would fake similarity in every comparison. Learning rate and schedule do not: a sweep over them
     * starts alike. */
    char key[128];
    int length = snprintf(key, sizeof key, "%s n=%lld k=%lld d=%lld", sae_arch_name(t->config.arch), (long long)t->n,
                          (long long)t->config.k, (long long)t->d);
    sae_rng rng = sae_rng_make(t->config.seed, "init W_dec", sae_hash(key, (uint64_t)length));
#pragma omp parallel for num_threads(threads) schedule(static)
    for (int64_t i = 0; i < t->n; i++) {
        float *w = t->p.W_dec + i * t->d;
        double square = 0;
        for (int64_t j = 0; j < t->d; j++) {
            double x = sae_rng_normal(&rng, (uint64_t)(i * t->d + j));
            square += x * x;
            w[j] = (float)x;
        }
        for (int64_t j = 0; j < t->d; j++) w[j] = (float)(w[j] / sqrt(square));
        memcpy(t->p.W_enc + i * t->d, w, (size_t)t->d * sizeof(float));
    }
    sae_shadow_fill(&t->shadow, t->p.W_enc, threads);
}

sae_status sae_training_check_init(const sae_training *t, const sae_model *model, sae_error *err)
{
    const sae_model_info *info = sae_model_get_info(model);
    if (info->d != t->d || info->n != t->n)
        return sae_fail(err, SAE_E_SHAPE, "--init %s has %lld latents of width %lld; this SAE has %lld of width %lld",
                        sae_model_path(model), (long long)info->n, (long long)info->d, (long long)t->n,
                        (long long)t->d);
    bool token = t->config.shared.input_scale == SAE_SCALE_TOKEN;
    if (token != (info->input_norm == SAE_INPUT_TOKEN))
        return sae_fail(err, SAE_E_ARG, "--init %s and --input-scale disagree: both or neither must scale by token",
                        sae_model_path(model));
    const float *W_dec = sae_model_get_weights(model).W_dec;
    for (int64_t i = 0; i < t->n; i++)
        if (!(sae_ops_best()->sum_squares(W_dec + i * t->d, t->d) > 0))
            return sae_fail(err, SAE_E_VALUE, "--init %s: decoder row %lld is zero", sae_model_path(model),
                            (long long)i);
    return SAE_OK;
}

void sae_training_init_from(sae_training *t, const sae_model *model, int threads)
{
    const sae_model_info *info = sae_model_get_info(model);
    sae_weights w = sae_model_get_weights(model);
    zero_all(t, threads);
    for (int64_t j = 0; j < t->d; j++) t->p.b_dec[j] = (float)(w.b_dec[j] * t->scale);
    const sae_ops *ops = sae_ops_best();
    float least = (float)(sae_training_bandwidth(t) / 2);
    for (int64_t i = 0; i < t->n; i++) {
        const float *enc = w.W_enc + i * t->d, *dec = w.W_dec + i * t->d;
        double norm = sqrt(ops->sum_squares(dec, t->d)), bias = w.b_enc[i], centre = 0;
        for (int64_t j = 0; j < t->d; j++) {
            t->p.W_enc[i * t->d + j] = (float)(enc[j] * norm);
            t->p.W_dec[i * t->d + j] = (float)(dec[j] / norm);
            centre += (double)enc[j] * w.b_dec[j];
        }
        /* training always centres by b_dec: an encoder that does not has the same z with W·b_dec added to its bias */
        if (!info->subtract_b_dec) bias += centre;
        t->p.b_enc[i] = (float)(bias * norm * t->scale);
        if (t->p.theta && w.threshold) t->p.theta[i] = fmaxf((float)(w.threshold[i] * norm * t->scale), least);
    }
    sae_shadow_fill(&t->shadow, t->p.W_enc, threads);
}

void sae_training_rows(const sae_training *t, const float *x, int64_t rows, bool center, float *c, int threads)
{
    int64_t d = t->d;
    float scale = (float)t->scale;
    if (t->config.shared.input_scale == SAE_SCALE_TOKEN) {
        sae_token_standardise(x, rows, d, c, threads);
        x = c;
    }
#pragma omp parallel for num_threads(threads) schedule(static)
    for (int64_t b = 0; b < rows; b++)
        for (int64_t j = 0; j < d; j++) c[b * d + j] = scale * x[b * d + j] - (center ? t->p.b_dec[j] : 0);
}

double sae_auto_learning_rate(int64_t n, int64_t d, int64_t steps)
{
    return fmin(4e-3, 0.064 / sqrt((double)d)) * fmin(1, sqrt(4096.0 / (double)n)) *
           fmin(1, pow(4000.0 / (double)steps, 0.25));
}

double sae_learning_rate(const sae_train_config *config, int64_t t, int64_t steps)
{
    double warm = config->shared.warmup * (double)steps, decay = config->shared.decay * (double)steps;
    double lr = config->lr;
    if (warm > 0) lr *= fmin(1, (double)t / warm);
    if (decay > 0) lr *= fmin(1, (double)(steps - t + 1) / decay);
    return lr;
}
