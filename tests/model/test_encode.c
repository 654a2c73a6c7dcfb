/* Codes and reconstructions of every rule against the float64 witness, and what must not change them. */
#include "io/temp.h"
#include "model/sae_golden.h"

#include "base/alloc.h"

/* ---- the witness ---------------------------------------------------------------------------------- */

static void codes_and_reconstructions(void **state)
{
    (void)state;
    sae_error err;
    sae_safetensors *file = golden_open();
    const sae_tensor *rows = golden_tensor(file, "x");
    int64_t tokens = rows->shape[0], d = rows->shape[1];
    float *x = golden_floats(file, "x"), *x_hat = malloc((size_t)(tokens * d) * sizeof *x_hat);
    for (int number = 0; number < GOLDEN_MODELS; number++) {
        sae_model *model = golden_model(file, number, NULL);
        sae_codes *codes = sae_codes_new();
        assert_ok(sae_model_encode(model, x, tokens, codes, NULL, &err));
        assert_int_equal(codes->rows, tokens);
        int64_t entries = sae_tensor_elements(golden_tensor(file, golden_key(number, "latents")));
        double *counts = golden_array(file, golden_key(number, "counts"), tokens);
        double *latents = golden_array(file, golden_key(number, "latents"), entries);
        double *values = golden_array(file, golden_key(number, "values"), entries);
        double *expected = golden_array(file, golden_key(number, "x_hat"), tokens * d);
        assert_int_equal(codes->row_offsets[tokens], entries);
        for (int64_t r = 0; r < tokens; r++)
            assert_int_equal(codes->row_offsets[r + 1] - codes->row_offsets[r], (int64_t)counts[r]);
        for (int64_t e = 0; e < entries; e++) {
            assert_int_equal(codes->latents[e], (int32_t)latents[e]);
            /* z is a difference of sums of size 10: the float32 error is absolute */
            if (!(fabs((double)codes->values[e] - values[e]) <= 5e-6 * (1 + values[e])))
                fail_msg("SAE %d: an activation is %g, not %g", number, (double)codes->values[e], values[e]);
        }
        assert_ok(sae_model_decode(model, codes, x, x_hat, NULL, &err));
        for (int64_t i = 0; i < tokens * d; i++)
            if (!(fabs((double)x_hat[i] - expected[i]) <= 2e-5 * (1 + fabs(expected[i]))))
                fail_msg("SAE %d, row %lld: x_hat is %g, not %g", number, (long long)(i / d), (double)x_hat[i],
                         expected[i]);
        free(counts);
        free(latents);
        free(values);
        free(expected);
        sae_codes_free(codes);
        sae_model_free(model);
    }
    free(x);
    free(x_hat);
    sae_safetensors_close(file);
}

/* ---- what must not matter ----------------------------------------------------------------------------- */

static void same_codes(const sae_codes *a, int64_t row_a, const sae_codes *b, int64_t row_b)
{
    int64_t at = a->row_offsets[row_a], bt = b->row_offsets[row_b], count = a->row_offsets[row_a + 1] - at;
    assert_int_equal(b->row_offsets[row_b + 1] - bt, count);
    assert_memory_equal(a->latents + at, b->latents + bt, (size_t)count * sizeof *a->latents);
    assert_memory_equal(a->values + at, b->values + bt, (size_t)count * sizeof *a->values);
}

static void threads_do_not_matter(void **state)
{
    (void)state;
    sae_error err;
    sae_safetensors *file = golden_open();
    int64_t tokens = golden_tensor(file, "x")->shape[0];
    float *x = golden_floats(file, "x");
    for (int number = 0; number < GOLDEN_MODELS; number++) {
        sae_model *model = golden_model(file, number, NULL);
        sae_codes *one = sae_codes_new(), *many = sae_codes_new();
        assert_ok(sae_model_encode(model, x, tokens, one, &(sae_env){.threads = 1}, &err));
        for (int threads = 2; threads < 9; threads += 3) {
            assert_ok(sae_model_encode(model, x, tokens, many, &(sae_env){.threads = threads}, &err));
            for (int64_t r = 0; r < tokens; r++) same_codes(one, r, many, r);
        }
        sae_codes_free(one);
        sae_codes_free(many);
        sae_model_free(model);
    }
    free(x);
    sae_safetensors_close(file);
}

/* Rows encoded one by one, and more rows than one block has, give the same bits as together. */
static void blocks_do_not_matter(void **state)
{
    (void)state;
    sae_error err;
    sae_safetensors *file = golden_open();
    const sae_tensor *rows = golden_tensor(file, "x");
    int64_t tokens = rows->shape[0], d = rows->shape[1], copies = 9000 / tokens + 1;
    float *x = golden_floats(file, "x"), *all = malloc((size_t)(copies * tokens * d) * sizeof *all);
    for (int64_t c = 0; c < copies; c++) memcpy(all + c * tokens * d, x, (size_t)(tokens * d) * sizeof *x);
    for (int number = 0; number < GOLDEN_MODELS; number++) {
        sae_model *model = golden_model(file, number, NULL);
        sae_codes *together = sae_codes_new(), *single = sae_codes_new(), *blocks = sae_codes_new();
        assert_ok(sae_model_encode(model, x, tokens, together, NULL, &err));
        assert_ok(sae_model_encode(model, all, copies * tokens, blocks, NULL, &err));
        assert_int_equal(blocks->rows, copies * tokens);
        for (int64_t r = 0; r < copies * tokens; r++) same_codes(together, r % tokens, blocks, r);
        for (int64_t r = 0; r < tokens; r += 17) {
            assert_ok(sae_model_encode(model, x + r * d, 1, single, NULL, &err));
            same_codes(together, r, single, 0);
        }
        sae_codes_free(together);
        sae_codes_free(single);
        sae_codes_free(blocks);
        sae_model_free(model);
    }
    free(x);
    free(all);
    sae_safetensors_close(file);
}

static void no_rows(void **state)
{
    (void)state;
    sae_error err;
    sae_safetensors *file = golden_open();
    sae_model *model = golden_model(file, 0, NULL);
    sae_codes *codes = sae_codes_new();
    float unused = 0;
    assert_ok(sae_model_encode(model, &unused, 0, codes, NULL, &err));
    assert_int_equal(codes->rows, 0);
    assert_int_equal(codes->row_offsets[0], 0);
    assert_ok(sae_model_decode(model, codes, &unused, &unused, NULL, &err));
    sae_codes_free(codes);
    sae_model_free(model);
    sae_safetensors_close(file);
}

/* ---- ties -------------------------------------------------------------------------------------------- */

/* Four latents with the same z: TopK keeps the smaller ids; a threshold equal to z does not let it through. */
static void ties(void **state)
{
    (void)state;
    sae_error err;
    const float W[8] = {1, 0, 1, 0, 1, 0, 1, 0}, zeros[4] = {0}, x[2] = {2, 5};
    float theta[4] = {2, 1.5f, 2, 0};
    sae_weights weights = {.W_enc = W, .b_enc = zeros, .W_dec = W, .b_dec = zeros};
    sae_model_info topk = {.d = 2, .n = 4, .k = 2}, thresholds = {.d = 2, .n = 4, .rule = SAE_RULE_THRESHOLD};
    sae_model *model = NULL;
    sae_codes *codes = sae_codes_new();
    assert_ok(sae_model_create(&model, &topk, &weights, &err));
    assert_ok(sae_model_encode(model, x, 1, codes, NULL, &err));
    assert_int_equal(codes->row_offsets[1], 2);
    assert_int_equal(codes->latents[0], 0);
    assert_int_equal(codes->latents[1], 1);
    sae_model_free(model);
    weights.threshold = theta;
    assert_ok(sae_model_create(&model, &thresholds, &weights, &err));
    assert_ok(sae_model_encode(model, x, 1, codes, NULL, &err));
    assert_int_equal(codes->row_offsets[1], 2);
    assert_int_equal(codes->latents[0], 1);
    assert_int_equal(codes->latents[1], 3);
    sae_model_free(model);
    sae_codes_free(codes);
}

/* ---- bad input ------------------------------------------------------------------------------------------ */

static void bad_values_are_named(void **state)
{
    (void)state;
    sae_error err;
    sae_safetensors *file = golden_open();
    const sae_tensor *rows = golden_tensor(file, "x");
    int64_t tokens = rows->shape[0], d = rows->shape[1];
    float *x = golden_floats(file, "x");
    sae_codes *codes = sae_codes_new();
    const float bad[] = {NAN, INFINITY, -INFINITY};
    for (int i = 0; i < 3; i++) {
        sae_model *model = golden_model(file, i, NULL);
        float good = x[77 * d + 9];
        x[77 * d + 9] = bad[i];
        assert_int_equal(sae_model_encode(model, x, tokens, codes, NULL, &err), SAE_E_VALUE);
        assert_contains(err.message, "row 77");
        assert_contains(err.message, "dimension 9");
        x[77 * d + 9] = good;
        sae_model_free(model);
    }
    free(x);
    sae_codes_free(codes);
    sae_safetensors_close(file);
}

static void codes_of_another_sae(void **state)
{
    (void)state;
    sae_error err;
    sae_safetensors *file = golden_open();
    sae_model *small = golden_model(file, 0, NULL), *token = golden_model(file, 4, NULL);
    sae_codes *codes = sae_codes_new();
    float x_hat[16];
    assert_ok(sae_codes_reserve(codes, 1, 1, &err));
    codes->rows = 1;
    codes->row_offsets[0] = 0;
    codes->row_offsets[1] = 1;
    codes->values[0] = 1;
    codes->latents[0] = 32;
    assert_int_equal(sae_model_decode(small, codes, NULL, x_hat, NULL, &err), SAE_E_SHAPE);
    assert_contains(err.message, "latent 32");
    codes->latents[0] = 31;
    assert_ok(sae_model_decode(small, codes, NULL, x_hat, NULL, &err));
    assert_int_equal(sae_model_decode(token, codes, NULL, x_hat, NULL, &err), SAE_E_ARG);
    sae_codes_free(codes);
    sae_model_free(small);
    sae_model_free(token);
    sae_safetensors_close(file);
}

static void out_of_memory(void **state)
{
    (void)state;
    sae_error err;
    sae_safetensors *file = golden_open();
    float *x = golden_floats(file, "x");
    for (int number = 0; number < 2; number++) {
        sae_model *model = golden_model(file, number, NULL);
        sae_status status = SAE_E_MEMORY;
        for (uint64_t n = 1; status != SAE_OK; n++) {
            assert_true(n < 1000);
            sae_codes *codes = sae_codes_new();
            sae_alloc_fail_after(n);
            status = sae_model_encode(model, x, 100, codes, &(sae_env){.threads = 1}, &err);
            sae_alloc_fail_after(0);
            if (status != SAE_OK) assert_int_equal(status, SAE_E_MEMORY);
            sae_codes_free(codes);
        }
        sae_model_free(model);
    }
    free(x);
    sae_safetensors_close(file);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(codes_and_reconstructions),
        cmocka_unit_test(threads_do_not_matter),
        cmocka_unit_test(blocks_do_not_matter),
        cmocka_unit_test(no_rows),
        cmocka_unit_test(ties),
        cmocka_unit_test(bad_values_are_named),
        cmocka_unit_test(codes_of_another_sae),
        cmocka_unit_test(out_of_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
