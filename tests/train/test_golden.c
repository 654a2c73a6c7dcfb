/* One step's gradients and fifty steps, against a float64 PyTorch implementation: the reference in double to 1e-10,
 * the fast path to float precision; all kinds, both auxiliary norms, with and without clipping, dead latents present;
 * kinds with thresholds by codes and by dense products. */
#include "train/golden.h"

#include "kernels/ref/ref.h"
#include "train/training.h"

enum { PARTS = 5 };
static const char *const tensors[PARTS] = {"W_enc", "b_enc", "W_dec", "b_dec", "theta"};

typedef struct variant {
    const char *file, *norm, *clip;
    bool dense; /* fast path, kinds with thresholds */
} variant;

/* How many of `tensors` a kind has. */
static int parts_of(const sae_train_config *config)
{
    return config->arch == SAE_ARCH_JUMPRELU ? PARTS : PARTS - 1;
}

static bool has_thresholds(const sae_train_config *config)
{
    return config->arch == SAE_ARCH_JUMPRELU || config->arch == SAE_ARCH_RELU;
}

static sae_safetensors *open_golden(const variant *v)
{
    char path[512];
    sae_safetensors *file = NULL;
    sae_error err;
    snprintf(path, sizeof path, "%s/%s", SAE_TEST_DATA, v->file);
    if (sae_safetensors_open(&file, path, &err) != SAE_OK) fail_msg("%s", err.message);
    return file;
}

static const sae_tensor *of_variant(const sae_safetensors *file, const variant *v, const char *name)
{
    char prefix[64];
    snprintf(prefix, sizeof prefix, "%s.%s", v->norm, v->clip);
    return golden(file, prefix, name);
}

static int32_t order_at(const sae_tensor *order, int step)
{
    int32_t batch;
    memcpy(&batch, (const char *)order->data + 4 * step, 4);
    return batch;
}

static void check_close(const char *what, const char *name, double got, double limit)
{
    if (!(got <= limit)) fail_msg("%s %s: relative error %.3g, allowed %.3g", what, name, got, limit);
}

static sae_ref_tensors_double ref_tensors(const sae_train_config *config, int64_t d)
{
    size_t matrix = (size_t)(config->width * d);
    return (sae_ref_tensors_double){calloc(matrix, 8), calloc((size_t)config->width, 8), calloc(matrix, 8),
                                    calloc((size_t)d, 8), calloc((size_t)config->width, 8)};
}

static void ref_free(sae_ref_tensors_double *t)
{
    free(t->W_enc);
    free(t->b_enc);
    free(t->W_dec);
    free(t->b_dec);
    free(t->theta);
}

static double *ref_part(sae_ref_tensors_double *t, int i)
{
    double *parts[PARTS] = {t->W_enc, t->b_enc, t->W_dec, t->b_dec, t->theta};
    return parts[i];
}

static void reference(const variant *v)
{
    sae_safetensors *file = open_golden(v);
    bool variance = strcmp(v->norm, "variance") == 0, clip = strcmp(v->clip, "clip") == 0;
    sae_train_config config = golden_config(file, variance, clip);
    int64_t d = (int64_t)golden_number(file, "d"), rows = (int64_t)golden_number(file, "B"), n = config.width;
    int steps = (int)golden_number(file, "total_steps");
    double *x = golden_doubles(golden(file, "", "x"));
    int64_t *since = malloc((size_t)n * sizeof *since);
    memcpy(since, golden(file, "", "counters")->data, (size_t)n * sizeof *since);
    sae_ref_step_double s = {
        .rows = rows,
        .d = d,
        .n = n,
        .k = config.k,
        .k_aux = has_thresholds(&config) ? 0 : config.shared.k_aux,
        .filter = has_thresholds(&config)        ? SAE_FILTER_LATENT
                  : config.arch == SAE_ARCH_TOPK ? SAE_FILTER_ROW
                                                 : SAE_FILTER_BATCH,
        .jump = config.arch == SAE_ARCH_JUMPRELU,
        .lambda = config.lambda,
        .bandwidth = config.shared.bandwidth,
        .n_prefixes = config.n_prefixes,
        .prefix_ends = config.prefix_ends,
        .aux_alpha = config.shared.aux_alpha,
        .aux_variance = variance,
        .beta1 = config.shared.beta1,
        .beta2 = config.shared.beta2,
        .eps = 1e-8,
        .clip = config.shared.clip,
        .dead_tokens = config.shared.dead_tokens,
        .p = ref_tensors(&config, d),
        .m = ref_tensors(&config, d),
        .v = ref_tensors(&config, d),
        .g = ref_tensors(&config, d),
        .since_fired = since,
        .f = calloc((size_t)(rows * n), 8),
    };
    const int64_t sizes[PARTS] = {n * d, n, n * d, d, n};
    int parts_count = parts_of(&config);
    for (int i = 0; i < parts_count; i++) {
        double *start = golden_doubles(golden(file, "", tensors[i]));
        memcpy(ref_part(&s.p, i), start, (size_t)sizes[i] * 8);
        free(start);
    }
    double *mse = golden_doubles(of_variant(file, v, "mse")), *aux = golden_doubles(of_variant(file, v, "aux"));
    for (int t = 0; t < steps; t++) {
        s.x = x + order_at(of_variant(file, v, "order"), t) * rows * d;
        s.step = t + 1;
        s.lr = sae_learning_rate(&config, t + 1, steps);
        sae_ref_train_double(&s);
        check_close(v->file, "mse", fabs(s.mse - mse[t]) / mse[t], 1e-10);
        assert_true(fabs(s.aux - aux[t]) <= 1e-10 * (1 + aux[t]));
        for (int i = 0; t == 0 && i < parts_count; i++) {
            char name[64];
            snprintf(name, sizeof name, "%s.grad", v->norm);
            double *g = golden_doubles(golden(file, name, tensors[i]));
            check_close("gradient in double", tensors[i], relative_error(ref_part(&s.g, i), g, sizes[i]), 1e-10);
            free(g);
        }
    }
    for (int i = 0; i < parts_count; i++) {
        double *p = golden_doubles(of_variant(file, v, tensors[i]));
        check_close("50 steps in double", tensors[i], relative_error(ref_part(&s.p, i), p, sizes[i]), 1e-10);
        free(p);
    }
    assert_memory_equal(since, of_variant(file, v, "counters")->data, (size_t)n * sizeof *since);
    ref_free(&s.p);
    ref_free(&s.m);
    ref_free(&s.v);
    ref_free(&s.g);
    free(s.f);
    free(since);
    free(x);
    free(mse);
    free(aux);
    sae_safetensors_close(file);
}

/* Golden gradients of W_dec lose their part along each (unit) row, as training does before it uses them. */
static void project(double *g, const double *w, int64_t n, int64_t d)
{
    for (int64_t i = 0; i < n; i++) {
        double along = 0;
        for (int64_t j = 0; j < d; j++) along += g[i * d + j] * w[i * d + j];
        for (int64_t j = 0; j < d; j++) g[i * d + j] -= along * w[i * d + j];
    }
}

static double *doubles(const float *x, int64_t count, double factor)
{
    double *out = malloc((size_t)count * sizeof *out);
    for (int64_t i = 0; i < count; i++) out[i] = x[i] * factor;
    return out;
}

static void fast(const variant *v)
{
    sae_safetensors *file = open_golden(v);
    bool variance = strcmp(v->norm, "variance") == 0, clip = strcmp(v->clip, "clip") == 0;
    sae_train_config config = golden_config(file, variance, clip);
    int64_t d = (int64_t)golden_number(file, "d"), rows = (int64_t)golden_number(file, "B"), n = config.width;
    int steps = (int)golden_number(file, "total_steps");
    const sae_tensor *x = golden(file, "", "x");
    const int64_t sizes[PARTS] = {n * d, n, n * d, d, n};
    int parts_count = parts_of(&config);
    sae_trainer *trainer = NULL;
    sae_error err;
    if (sae_trainer_create(&trainer, &config, 1, d, rows, steps, NULL, &err) != SAE_OK) fail_msg("%s", err.message);
    sae_train_view view = sae_trainer_get_view(trainer, 0);
    float *parts[PARTS] = {view.W_enc, view.b_enc, view.W_dec, view.b_dec, view.theta};
    float *moments[PARTS] = {view.m_W_enc, view.m_b_enc, view.m_W_dec, view.m_b_dec, view.m_theta};
    double *start[PARTS], *mse = golden_doubles(of_variant(file, v, "mse")),
                          *aux = golden_doubles(of_variant(file, v, "aux"));
    double *grad_norm = golden_doubles(of_variant(file, v, "grad_norm"));
    double *theta = has_thresholds(&config) ? NULL : golden_doubles(of_variant(file, v, "theta"));
    for (int i = 0; i < parts_count; i++) {
        start[i] = golden_doubles(golden(file, "", tensors[i]));
        sae_tensor_read_f32(golden(file, "", tensors[i]), 0, sizes[i], parts[i]);
    }
    memcpy(view.tokens_since_fired, golden(file, "", "counters")->data, (size_t)n * 8);
    sae_trainer_refresh(trainer);
    trainer->saes[0].rms = 1;
    float *batch = malloc((size_t)(rows * d) * sizeof *batch);
    for (int t = 0; t < steps; t++) {
        sae_step_metrics metrics;
        sae_tensor_read_f32(x, order_at(of_variant(file, v, "order"), t) * rows * d, rows * d, batch);
        trainer->saes[0].last_l0 = v->dense ? (double)n : 0; /* chooses the way */
        assert_int_equal(sae_trainer_step(trainer, batch, true, &metrics, NULL), SAE_OK);
        assert_int_equal(metrics.dense, v->dense);
        check_close(v->file, "mse", fabs(metrics.mse - mse[t]) / mse[t], 1e-4);
        assert_true(fabs(metrics.aux - aux[t]) <= 1e-4 * (1 + aux[t]));
        if (config.arch == SAE_ARCH_BATCHTOPK || config.arch == SAE_ARCH_MATRYOSHKA)
            assert_true(fabs(metrics.theta - theta[t]) <= 1e-4 * theta[t]);
        assert_true(metrics.fvu > 0 && metrics.fvu < 1);
        for (int i = 0; t == 0 && i < parts_count; i++) {
            /* after one step from zero, the first moment is (1 − β1) times the gradient that was used */
            double factor = clip && grad_norm[0] > config.shared.clip ? config.shared.clip / grad_norm[0] : 1;
            char name[64];
            snprintf(name, sizeof name, "%s.grad", v->norm);
            double *g = golden_doubles(golden(file, name, tensors[i]));
            if (i == 2) project(g, start[2], n, d);
            double *used = doubles(moments[i], sizes[i], 1 / (1 - config.shared.beta1) / factor);
            check_close("gradient", tensors[i], relative_error(used, g, sizes[i]), 1e-5);
            free(used);
            free(g);
        }
    }
    for (int i = 0; i < parts_count; i++) {
        /* the distance travelled, not the parameters: start and end are alike */
        double *end = golden_doubles(of_variant(file, v, tensors[i])), *got = doubles(parts[i], sizes[i], 1);
        for (int64_t j = 0; j < sizes[i]; j++) {
            end[j] -= start[i][j];
            got[j] -= start[i][j];
        }
        check_close("50 steps", tensors[i], relative_error(got, end, sizes[i]), 1e-4);
        free(end);
        free(got);
        free(start[i]);
    }
    assert_memory_equal(view.tokens_since_fired, of_variant(file, v, "counters")->data, (size_t)n * 8);
    free(batch);
    free(mse);
    free(aux);
    free(grad_norm);
    free(theta);
    sae_trainer_free(trainer);
    sae_safetensors_close(file);
}

static void kinds_with_k(void (*run)(const variant *))
{
    const char *files[] = {"train_topk.safetensors", "train_batchtopk.safetensors", "train_matryoshka.safetensors"};
    const char *norms[] = {"none", "variance"}, *clips[] = {"noclip", "clip"};
    for (int f = 0; f < 3; f++)
        for (int n = 0; n < 2; n++)
            for (int c = 0; c < 2; c++) {
                variant v = {files[f], norms[n], clips[c], false};
                run(&v);
            }
}

static void kinds_with_thresholds(void (*run)(const variant *), bool dense)
{
    const char *files[] = {"train_relu.safetensors", "train_jumprelu.safetensors"}, *clips[] = {"noclip", "clip"};
    for (int f = 0; f < 2; f++)
        for (int c = 0; c < 2; c++) {
            variant v = {files[f], "none", clips[c], dense};
            run(&v);
        }
}

static void reference_in_double(void **state)
{
    (void)state;
    kinds_with_k(reference);
    kinds_with_thresholds(reference, false);
}

static void fast_path(void **state)
{
    (void)state;
    kinds_with_k(fast);
    kinds_with_thresholds(fast, false);
}

static void dense_path(void **state)
{
    (void)state;
    kinds_with_thresholds(fast, true);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reference_in_double),
        cmocka_unit_test(fast_path),
        cmocka_unit_test(dense_path),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
