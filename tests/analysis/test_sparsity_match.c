/* Thresholds shifted to an L0: what fires is what lies highest above its threshold, and it is as much as was asked for;
 * bad input. */
#include "analysis/comparing.h"

#include "analysis/threshold_shift.h"
#include "base/alloc.h"
#include "base/rng.h"

#include <sae/sparsity_match.h>

/* ---- one threshold ---------------------------------------------------------------------------------------------- */

/* z fires above T exactly when z > 0 and z − θ > shift, for neighbours of T to the last bit. */
static void check_shifted(float theta, float shift)
{
    float T = sae_threshold_shifted(theta, shift);
    assert_true(T >= 0);
    float near[] = {T,    nextafterf(T, INFINITY), nextafterf(T, -1), 2 * T, T / 2, theta, theta + shift, 1, 1e-30f,
                    1e30f};
    for (size_t i = 0; i < sizeof near / sizeof *near; i++)
        if (near[i] > 0 && isfinite(near[i])) assert_int_equal(near[i] > T, near[i] - theta > shift);
}

static void shifted_thresholds(void **state)
{
    (void)state;
    sae_rng rng = sae_rng_make(1, "shifts", 0);
    const float special[] = {0, 1e-40f, 1e-7f, 0.5f, 1, 1.0000001f, 3, 1e10f};
    for (int i = 0; i < 8; i++)
        for (int j = 0; j < 8; j++) {
            check_shifted(special[i], special[j]);
            check_shifted(special[i], -special[j]);
            check_shifted(special[i], -special[i] * (1 - 1e-7f * (float)j));
        }
    for (uint64_t t = 0; t < 20000; t++) {
        float theta = (float)exp(sae_rng_normal(&rng, 3 * t) * 3), shift = (float)sae_rng_normal(&rng, 3 * t + 1);
        check_shifted(theta, t % 2 ? shift : theta * shift);
    }
    assert_true(sae_threshold_shifted(2, -INFINITY) == 0);
    assert_true(sae_threshold_shifted(0, 1.5f) == 1.5f);
}

/* ---- golden SAEs ------------------------------------------------------------------------------------------------ */

typedef struct fixture {
    sae_safetensors *file;
    float *x;
    int64_t rows;
    sae_model *models[GOLDEN_MODELS];
    sae_source *source;
} fixture;

static void fixture_open(fixture *f)
{
    sae_error err;
    sae_source_config how = sae_source_config_default();
    f->file = golden_open();
    f->x = golden_floats(f->file, "x");
    f->rows = golden_tensor(f->file, "x")->shape[0];
    for (int i = 0; i < GOLDEN_MODELS; i++) f->models[i] = golden_model(f->file, i, NULL);
    assert_ok(sae_source_open_memory(&f->source, f->x, f->rows, sae_model_get_info(f->models[0])->d, &how, &err));
}

static void fixture_close(fixture *f)
{
    sae_source_close(f->source);
    for (int i = 0; i < GOLDEN_MODELS; i++) sae_model_free(f->models[i]);
    free(f->x);
    sae_safetensors_close(f->file);
}

/* dense [rows, n] activations of a model; returns how many are there. */
static int64_t activations(const sae_model *model, const float *x, int64_t rows, float *dense)
{
    sae_error err;
    int64_t n = sae_model_get_info(model)->n;
    sae_codes *codes = sae_codes_new();
    assert_ok(sae_model_encode(model, x, rows, codes, NULL, &err));
    memset(dense, 0, (size_t)(rows * n) * sizeof *dense);
    int64_t count = codes->row_offsets[rows];
    for (int64_t r = 0; r < rows; r++)
        for (int64_t e = codes->row_offsets[r]; e < codes->row_offsets[r + 1]; e++)
            dense[r * n + codes->latents[e]] = codes->values[e];
    sae_codes_free(codes);
    return count;
}

/* The same SAE with all thresholds at 0. */
static sae_model *open_gates(const sae_model *model)
{
    sae_error err;
    sae_model *out = NULL;
    sae_model_info info = *sae_model_get_info(model);
    sae_weights w = sae_model_get_weights(model);
    float *zeros = calloc((size_t)info.n, sizeof *zeros);
    w.threshold = zeros;
    info.rule = SAE_RULE_THRESHOLD;
    assert_ok(sae_model_create(&out, &info, &w, &err));
    free(zeros);
    return out;
}

/* What fires is what lies highest above its threshold: the lowest key that fires is above the highest that does not. */
static void check_choice(const sae_model *model, const float *fires, const float *positive, int64_t rows)
{
    int64_t n = sae_model_get_info(model)->n;
    const float *theta = sae_model_get_weights(model).threshold;
    float lowest = INFINITY, highest = -INFINITY;
    for (int64_t e = 0; e < rows * n; e++) {
        if (!(positive[e] > 0)) continue;
        float key = positive[e] - (theta ? theta[e % n] : 0);
        if (fires[e] > 0) {
            assert_true(fires[e] == positive[e]);
            lowest = fminf(lowest, key);
        } else {
            highest = fmaxf(highest, key);
        }
    }
    assert_true(lowest > highest);
}

static void one_l0_for_all(void **state)
{
    (void)state;
    sae_error err;
    fixture f;
    fixture_open(&f);
    float *fires = malloc((size_t)f.rows * 56 * sizeof *fires), *positive = malloc((size_t)f.rows * 56 * sizeof *fires);
    const double wanted[] = {0.5, 2, 3.21, 6};
    for (int t = 0; t < 4; t++) {
        sae_model *out[GOLDEN_MODELS];
        sae_sparsity_match m[GOLDEN_MODELS];
        assert_ok(sae_match_sparsity((const sae_model *const *)f.models, GOLDEN_MODELS, -1, wanted[t], f.source, 0, out,
                                     m, NULL, &err));
        int64_t count = llround(wanted[t] * (double)f.rows);
        for (int i = 0; i < GOLDEN_MODELS; i++) {
            assert_close(m[i].l0_before, (double)activations(f.models[i], f.x, f.rows, fires) / (double)f.rows, 1e-15);
            assert_non_null(out[i]);
            assert_true(m[i].l0 == (double)count / (double)f.rows);
            assert_int_equal(activations(out[i], f.x, f.rows, fires), count);
            sae_model *all = open_gates(f.models[i]);
            activations(all, f.x, f.rows, positive);
            check_choice(f.models[i], fires, positive, f.rows);
            assert_int_equal(m[i].shift > 0,
                             sae_model_get_weights(f.models[i]).threshold == NULL || m[i].l0 < m[i].l0_before);
            sae_model_free(all);
            sae_model_free(out[i]);
        }
    }
    free(fires);
    free(positive);
    fixture_close(&f);
}

static void reference_stays(void **state)
{
    (void)state;
    sae_error err;
    fixture f;
    fixture_open(&f);
    float *fires = malloc((size_t)f.rows * 56 * sizeof *fires);
    int references = 0;
    for (int reference = 0; reference < 4; reference++) {
        sae_model *out[4];
        sae_sparsity_match m[4];
        int64_t count = activations(f.models[reference], f.x, 200, fires);
        if (count > 11.7 * 200) continue; /* more than another can have */
        references++;
        assert_ok(
            sae_match_sparsity((const sae_model *const *)f.models, 4, reference, 0, f.source, 200, out, m, NULL, &err));
        assert_null(out[reference]);
        assert_true(isnan(m[reference].shift) && m[reference].l0 == m[reference].l0_before);
        for (int i = 0; i < 4; i++) {
            assert_true(m[i].l0 == (double)count / 200);
            assert_int_equal(activations(out[i] ? out[i] : f.models[i], f.x, 200, fires), count);
            sae_model_free(out[i]);
        }
    }
    assert_true(references >= 2);
    /* an SAE that has the L0 already is left alone, whatever its kind */
    const sae_model *twice[2] = {f.models[0], f.models[0]};
    sae_model *out[2];
    sae_sparsity_match m[2];
    assert_ok(sae_match_sparsity(twice, 2, 1, 0, f.source, 0, out, m, NULL, &err));
    assert_true(out[0] == NULL && out[1] == NULL && isnan(m[0].shift));
    free(fires);
    fixture_close(&f);
}

/* ---- limits -------------------------------------------------------------------------------------------------------
 */

static void as_far_as_it_goes(void **state)
{
    (void)state;
    sae_error err;
    fixture f;
    fixture_open(&f);
    float *fires = malloc((size_t)f.rows * 56 * sizeof *fires);
    for (int i = 0; i < 4; i++) {
        const sae_model *one[1] = {f.models[i]};
        sae_model *out[1], *all = open_gates(f.models[i]);
        sae_sparsity_match m[1];
        double most = (double)activations(all, f.x, f.rows, fires) / (double)f.rows;
        assert_ok(sae_match_sparsity(one, 1, -1, most, f.source, 0, out, m, NULL, &err));
        assert_true(m[0].l0 == most && !(m[0].shift > 0));
        for (int64_t j = 0; out[0] && j < sae_model_get_info(out[0])->n; j++)
            assert_true(sae_model_get_weights(out[0]).threshold[j] == 0);
        sae_model_free(out[0]);
        assert_int_equal(sae_match_sparsity(one, 1, -1, most + 0.1, f.source, 0, out, m, NULL, &err), SAE_E_VALUE);
        assert_contains(err.message, "cannot be brought to L0");
        assert_null(out[0]);
        sae_model_free(all);
    }
    const sae_model *models[2] = {f.models[0], f.models[1]};
    sae_model *out[2];
    sae_sparsity_match m[2];
    assert_int_equal(sae_match_sparsity(models, 2, -1, 0, f.source, 0, out, m, NULL, &err), SAE_E_ARG);
    assert_int_equal(sae_match_sparsity(models, 2, 2, 1, f.source, 0, out, m, NULL, &err), SAE_E_ARG);
    free(fires);
    fixture_close(&f);
}

/* Threads change no bit; the comparison of matched SAEs sees the L0 that was asked for. */
static void compared(void **state)
{
    (void)state;
    sae_error err;
    fixture f;
    fixture_open(&f);
    sae_comparison *c[2];
    for (int t = 0; t < 2; t++) {
        sae_env env = {.threads = 1 + 3 * t};
        sae_model *out[2];
        sae_sparsity_match m[2];
        const sae_model *models[2] = {f.models[0], f.models[3]};
        sae_compare_config config = golden_compare_config();
        assert_ok(sae_match_sparsity(models, 2, -1, 2.5, f.source, 0, out, m, &env, &err));
        assert_ok(sae_compare(out[0], out[1], f.source, &config, &c[t], &env, &err));
        assert_true(c[t]->l0_small == m[0].l0 && c[t]->l0_large == m[1].l0 && c[t]->l0_small == c[t]->l0_large);
        sae_model_free(out[0]);
        sae_model_free(out[1]);
    }
    assert_memory_equal(c[0]->large, c[1]->large, (size_t)c[0]->n_large * sizeof *c[0]->large);
    assert_memory_equal(c[0]->act_cos, c[1]->act_cos, (size_t)c[0]->n_large * sizeof *c[0]->act_cos);
    sae_comparison_free(c[0]);
    sae_comparison_free(c[1]);
    fixture_close(&f);
}

/* Every allocation fails once. */
static void out_of_memory(void **state)
{
    (void)state;
    sae_error err;
    fixture f;
    fixture_open(&f);
    sae_model *out[3];
    sae_sparsity_match m[3];
    sae_status status = SAE_E_MEMORY;
    for (uint64_t n = 1; status != SAE_OK; n++) {
        assert_true(n < 2000);
        sae_alloc_fail_after(n);
        status = sae_match_sparsity((const sae_model *const *)f.models, 3, -1, 3, f.source, 0, out, m,
                                    &(sae_env){.threads = 1}, &err);
        sae_alloc_fail_after(0);
        for (int i = 0; i < 3; i++) {
            if (status != SAE_OK) assert_null(out[i]);
            sae_model_free(out[i]);
        }
        assert_true(status == SAE_OK || status == SAE_E_MEMORY);
    }
    fixture_close(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(shifted_thresholds), cmocka_unit_test(one_l0_for_all), cmocka_unit_test(reference_stays),
        cmocka_unit_test(as_far_as_it_goes),  cmocka_unit_test(compared),       cmocka_unit_test(out_of_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
