/* ReLU and JumpReLU steps: true gradients by finite differences, the estimator of θ's gradient on data of known
 * density, dense products against codes, threads. */
#include "testing.h"

#include "base/rng.h"
#include "kernels/ref/ref.h"
#include "train/training.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static void gaussian(double *out, int64_t count, uint64_t salt, double scale)
{
    sae_rng rng = sae_rng_make(5, "thresholds", salt);
    for (int64_t i = 0; i < count; i++) out[i] = scale * sae_rng_normal(&rng, (uint64_t)i);
}

/* ---- finite differences ---------------------------------------------------------------------------- */

enum { ROWS = 12, D = 7, N = 15 };

typedef struct problem {
    sae_ref_step_double s;
    double x[ROWS * D], f[ROWS * N], store[2][2 * N * D + 2 * N + D];
    int64_t since[N];
} problem;

static sae_ref_tensors_double place(double *at)
{
    return (sae_ref_tensors_double){at, at + 2 * N * D, at + N * D, at + 2 * N * D + N, at + 2 * N * D + N + D};
}

static void problem_make(problem *p, sae_filter filter, bool jump, const int32_t *ends, int n_ends)
{
    memset(p, 0, sizeof *p);
    p->s = (sae_ref_step_double){.rows = ROWS,
                                 .d = D,
                                 .n = N,
                                 .k = 3,
                                 .filter = filter,
                                 .jump = jump,
                                 .lambda = filter == SAE_FILTER_LATENT ? 0.7 : 0,
                                 .bandwidth = 0.25,
                                 .prefix_ends = ends,
                                 .n_prefixes = n_ends,
                                 .dead_tokens = 1,
                                 .x = p->x,
                                 .p = place(p->store[0]),
                                 .g = place(p->store[1]),
                                 .since_fired = p->since,
                                 .f = p->f};
    gaussian(p->x, ROWS * D, 1, 1);
    gaussian(p->s.p.W_enc, N * D, 2, 1);
    gaussian(p->s.p.W_dec, N * D, 3, 1);
    gaussian(p->s.p.b_enc, N, 4, 0.3);
    gaussian(p->s.p.b_dec, D, 5, 0.3);
    for (int i = 0; i < N; i++) {
        double square = 0;
        for (int j = 0; j < D; j++) square += p->s.p.W_dec[i * D + j] * p->s.p.W_dec[i * D + j];
        for (int j = 0; j < D; j++) p->s.p.W_dec[i * D + j] /= sqrt(square);
        p->s.p.theta[i] = 0.3 + 0.05 * i;
    }
}

/* Smallest |z − θ| of all entries: selection does not change within it. */
static double clearance(const problem *p)
{
    double least = HUGE_VAL;
    for (int b = 0; b < ROWS; b++)
        for (int i = 0; i < N; i++) {
            double z = p->s.p.b_enc[i];
            for (int j = 0; j < D; j++) z += (p->x[b * D + j] - p->s.p.b_dec[j]) * p->s.p.W_enc[i * D + j];
            least = fmin(least, fabs(z - (p->s.jump ? p->s.p.theta[i] : 0)));
        }
    return least;
}

static double loss_at(problem *p)
{
    double kept[2 * N * D + 2 * N + D];
    memcpy(kept, p->store[1], sizeof kept);
    sae_ref_gradients_double(&p->s);
    memcpy(p->store[1], kept, sizeof kept);
    return p->s.loss;
}

static void differences(sae_filter filter, bool jump, const int32_t *ends, int n_ends)
{
    static problem p;
    const double h = 1e-6;
    problem_make(&p, filter, jump, ends, n_ends);
    assert_true(filter != SAE_FILTER_LATENT || clearance(&p) > 10 * h);
    sae_ref_gradients_double(&p.s);
    const int64_t count = 2 * N * D + N + D; /* all but θ */
    double worst = 0, size = 0;
    for (int64_t i = 0; i < count; i++) {
        double at = p.store[0][i], up, down;
        p.store[0][i] = at + h;
        up = loss_at(&p);
        p.store[0][i] = at - h;
        down = loss_at(&p);
        p.store[0][i] = at;
        worst = fmax(worst, fabs((up - down) / (2 * h) - p.store[1][i]));
        size = fmax(size, fabs(p.store[1][i]));
    }
    if (!(worst < 1e-7 * size)) fail_msg("finite differences: %.3g of %.3g", worst, size);
}

static void finite_differences(void **state)
{
    (void)state;
    const int32_t ends[] = {2, 6, N};
    differences(SAE_FILTER_LATENT, false, NULL, 0);
    differences(SAE_FILTER_LATENT, true, NULL, 0);
    differences(SAE_FILTER_ROW, false, NULL, 0);
    differences(SAE_FILTER_BATCH, false, ends, 3);
}

/* ---- the estimator of ∂/∂θ ---------------------------------------------------------------------------- */

/* x = (u, u/2 + v), u and v standard normal; one latent with z = u and decoder (cos φ, sin φ). Then
 *   L(θ) = E‖x‖² + ∫_θ^∞ (u² − 2a u²) p(u) du + λ P(u > θ),  a = cos φ + sin φ/2,
 *   L'(θ) = p(θ)·((2a − 1)θ² − λ). */
typedef struct estimate {
    double mean, error; /* standard error */
} estimate;

enum { BATCH = 10000, BATCHES = 100 };
static const double THETA = 0.8, LAMBDA = 0.3, PHI = 0.6;

static double exact_derivative(void)
{
    double a = cos(PHI) + 0.5 * sin(PHI), density = exp(-THETA * THETA / 2) / sqrt(2 * acos(-1.0));
    return density * ((2 * a - 1) * THETA * THETA - LAMBDA);
}

static estimate estimate_derivative(const float *samples, double bandwidth, bool dense)
{
    sae_trainer *trainer = NULL;
    sae_train_options o = sae_train_options_default();
    o.input_scale = SAE_SCALE_NONE;
    o.warmup = o.decay = o.lambda_warmup = 0;
    o.beta1 = 0; /* the first moment is the gradient */
    o.bandwidth = bandwidth;
    sae_train_config config = {.arch = SAE_ARCH_JUMPRELU, .width = 1, .lambda = LAMBDA, .lr = 0, .shared = o};
    assert_int_equal(sae_trainer_create(&trainer, &config, 1, 2, BATCH, BATCHES, NULL, NULL), SAE_OK);
    sae_trainer_set_input_rms(trainer, 1);
    sae_train_view view = sae_trainer_get_view(trainer, 0);
    view.W_enc[0] = 1;
    view.W_enc[1] = 0;
    view.W_dec[0] = (float)cos(PHI);
    view.W_dec[1] = (float)sin(PHI);
    view.theta[0] = (float)THETA;
    sae_trainer_refresh(trainer);
    float *x = malloc(2 * BATCH * sizeof *x);
    double sum = 0, square = 0;
    for (int64_t t = 0; t < BATCHES; t++) {
        memcpy(x, samples + 2 * t * BATCH, 2 * BATCH * sizeof *x);
        sae_step_metrics m;
        trainer->saes[0].last_l0 = dense ? 1 : 0;
        assert_int_equal(sae_trainer_step(trainer, x, false, &m, NULL), SAE_OK);
        assert_int_equal(m.dense, dense);
        sum += view.m_theta[0];
        square += (double)view.m_theta[0] * view.m_theta[0];
    }
    free(x);
    sae_trainer_free(trainer);
    double mean = sum / BATCHES;
    return (estimate){mean, sqrt((square / BATCHES - mean * mean) / (BATCHES - 1))};
}

static void threshold_gradient(void **state)
{
    (void)state;
    double exact = exact_derivative();
    float *samples = malloc((size_t)2 * BATCH * BATCHES * sizeof *samples);
    sae_rng rng = sae_rng_make(6, "estimate", 0);
    for (uint64_t i = 0; i < (uint64_t)BATCH * BATCHES; i++) {
        double u = sae_rng_normal(&rng, 2 * i), v = sae_rng_normal(&rng, 2 * i + 1);
        samples[2 * i] = (float)u;
        samples[2 * i + 1] = (float)(u / 2 + v);
    }
    for (int dense = 0; dense < 2; dense++) {
        estimate narrow = estimate_derivative(samples, 0.1, dense);
        if (!(fabs(narrow.mean - exact) < 3 * narrow.error))
            fail_msg("mean %.6f ± %.6f, exact %.6f", narrow.mean, narrow.error, exact);
        assert_true(narrow.error < 0.05 * fabs(exact)); /* the test could tell */
        /* the bias is of second order in the window */
        double wide = fabs(estimate_derivative(samples, 1.5, dense).mean - exact);
        double half = fabs(estimate_derivative(samples, 0.75, dense).mean - exact);
        if (!(wide > 2 * half && wide > 10 * narrow.error)) fail_msg("bias %.6f, %.6f", wide, half);
    }
    free(samples);
}

/* ---- dense products against codes --------------------------------------------------------------------- */

enum { MANY_ROWS = 600, MANY_D = 96, MANY_N = 700, STEPS = 3 };

static sae_trainer *trained(sae_arch arch, bool dense, int threads, double clip)
{
    sae_trainer *trainer = NULL;
    sae_train_options o = sae_train_options_default();
    sae_env env = {.threads = threads};
    o.input_scale = SAE_SCALE_NONE;
    o.warmup = o.decay = o.lambda_warmup = 0;
    o.clip = clip;
    o.bandwidth = 0.05;
    o.theta_init = 0.1;
    sae_train_config config = {.arch = arch, .width = MANY_N, .lambda = 0.5, .lr = 1e-3, .shared = o};
    assert_int_equal(sae_trainer_create(&trainer, &config, 1, MANY_D, MANY_ROWS, STEPS, &env, NULL), SAE_OK);
    sae_rng rng = sae_rng_make(7, "dense", 0);
    float *x = malloc(MANY_ROWS * MANY_D * sizeof *x);
    for (int step = 0; step < STEPS; step++) {
        for (uint64_t i = 0; i < MANY_ROWS * MANY_D; i++)
            x[i] = (float)sae_rng_normal(&rng, (uint64_t)step * MANY_ROWS * MANY_D + i);
        sae_step_metrics m;
        trainer->saes[0].last_l0 = dense ? MANY_N : 0;
        assert_int_equal(sae_trainer_step(trainer, x, true, &m, NULL), SAE_OK);
        assert_int_equal(m.dense, dense);
        assert_true(m.l0 > 10 && m.fvu > 0);
    }
    free(x);
    return trainer;
}

enum { PARTS = 5 };

/* First moments, which are gradients, and the parameters. */
static void parts_of(sae_trainer *trainer, const float *moments[PARTS], const float *parameters[PARTS])
{
    sae_train_view v = sae_trainer_get_view(trainer, 0);
    const float *m[PARTS] = {v.m_W_enc, v.m_b_enc, v.m_W_dec, v.m_b_dec, v.m_theta};
    const float *p[PARTS] = {v.W_enc, v.b_enc, v.W_dec, v.b_dec, v.theta};
    memcpy(moments, m, sizeof m);
    memcpy(parameters, p, sizeof p);
}

static const int64_t SIZES[PARTS] = {MANY_N * MANY_D, MANY_N, MANY_N *MANY_D, MANY_D, MANY_N};

static void two_ways(void **state)
{
    (void)state;
    const sae_arch archs[] = {SAE_ARCH_RELU, SAE_ARCH_JUMPRELU};
    for (int a = 0; a < 2; a++)
        for (int clip = 0; clip < 2; clip++) {
            sae_trainer *codes = trained(archs[a], false, 2, clip), *dense = trained(archs[a], true, 2, clip);
            const float *g[2][PARTS], *p[2][PARTS];
            parts_of(codes, g[0], p[0]);
            parts_of(dense, g[1], p[1]);
            for (int i = 0; i < PARTS && g[0][i]; i++) {
                double difference = 0, size = 0;
                for (int64_t j = 0; j < SIZES[i]; j++) {
                    difference += pow((double)g[0][i][j] - (double)g[1][i][j], 2);
                    size += pow((double)g[0][i][j], 2);
                }
                if (!(sqrt(difference / size) < 1e-6))
                    fail_msg("%s, part %d: %.3g apart", sae_arch_name(archs[a]), i, sqrt(difference / size));
            }
            sae_trainer_free(codes);
            sae_trainer_free(dense);
        }
}

static void threads_do_not_matter(void **state)
{
    (void)state;
    const sae_arch archs[] = {SAE_ARCH_RELU, SAE_ARCH_JUMPRELU};
    for (int a = 0; a < 2; a++)
        for (int dense = 0; dense < 2; dense++) {
            sae_trainer *one = trained(archs[a], dense, 1, 1);
            const float *g[2][PARTS], *p[2][PARTS];
            parts_of(one, g[0], p[0]);
            for (int threads = 2; threads <= 8; threads += threads) {
                sae_trainer *many = trained(archs[a], dense, threads == 4 ? 3 : threads, 1);
                parts_of(many, g[1], p[1]);
                for (int i = 0; i < PARTS && p[0][i]; i++)
                    assert_memory_equal(p[0][i], p[1][i], (size_t)SIZES[i] * sizeof(float));
                sae_trainer_free(many);
            }
            sae_trainer_free(one);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finite_differences),
        cmocka_unit_test(threshold_gradient),
        cmocka_unit_test(two_ways),
        cmocka_unit_test(threads_do_not_matter),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
