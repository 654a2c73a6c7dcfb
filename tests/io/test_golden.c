/* Files that NumPy, PyTorch and the safetensors library wrote (tests/golden/make_io_golden.py). */
#include "io/temp.h"

#include <math.h>
#include <sae/io.h>

#define GOLDEN(name) SAE_TEST_DATA "/io_" name

static bool same(float a, float b)
{
    return isnan(a) ? isnan(b) : a == b && !signbit(a) == !signbit(b);
}

/* What we make of float32 numbers equals what the other tool made of them, and reads back as the same numbers. */
static void check_conversion(const sae_safetensors *file, const char *name, size_t expected)
{
    const sae_tensor *f32 = sae_safetensors_find(file, "f32"), *other = sae_safetensors_find(file, name);
    assert_non_null(f32);
    assert_non_null(other);
    int64_t n = sae_tensor_elements(f32);
    assert_int_equal(n, 1000);
    assert_int_equal(other->bytes, (size_t)n * expected);
    float *in = malloc((size_t)n * 4), *back = malloc((size_t)n * 4), *theirs = malloc((size_t)n * 4);
    unsigned char *ours = malloc((size_t)n * 8);
    sae_tensor_read_f32(f32, 0, n, in);
    sae_tensor_read_f32(other, 0, n, theirs);
    sae_f32_to_dtype(in, n, other->dtype, ours);
    sae_tensor mine = *other;
    mine.data = ours;
    sae_tensor_read_f32(&mine, 0, n, back);
    int64_t exact = 0;
    for (int64_t i = 0; i < n; i++) {
        if (!same(theirs[i], back[i]))
            fail_msg("%s: element %lld: %a became %a, not %a", name, (long long)i, (double)in[i], (double)back[i],
                     (double)theirs[i]);
        exact += memcmp(ours + (size_t)i * expected, (const unsigned char *)other->data + (size_t)i * expected,
                        expected) == 0;
    }
    assert_true(exact > 980); /* all but NaNs bit for bit */
    free(in);
    free(back);
    free(theirs);
    free(ours);
}

static void torch_file(void **state)
{
    sae_error err;
    sae_safetensors *file;
    (void)state;
    assert_ok(sae_safetensors_open(&file, GOLDEN("dtypes.safetensors"), &err));
    assert_int_equal(sae_safetensors_count(file), 12);
    assert_string_equal(sae_safetensors_metadata(file, "text"), "quote \" and \xc3\xa9");
    check_conversion(file, "f16", 2);
    check_conversion(file, "bf16", 2);
    check_conversion(file, "f64", 8);
    static const struct {
        const char *name;
        sae_dtype dtype;
    } numbers[] = {{"i64", SAE_DTYPE_I64},
                   {"i32", SAE_DTYPE_I32},
                   {"u8", SAE_DTYPE_U8},
                   {"i8", SAE_DTYPE_OTHER},
                   {"bool", SAE_DTYPE_OTHER}};
    const sae_tensor *t[5];
    for (int i = 0; i < 5; i++) {
        t[i] = sae_safetensors_find(file, numbers[i].name);
        assert_int_equal(t[i]->dtype, numbers[i].dtype);
        assert_true(t[i]->rank == 1 && t[i]->shape[0] == 7);
    }
    for (size_t i = 0; i < 7; i++) {
        int64_t wide;
        int32_t narrow;
        memcpy(&wide, (const unsigned char *)t[0]->data + 8 * i, 8);
        memcpy(&narrow, (const unsigned char *)t[1]->data + 4 * i, 4);
        assert_true(wide == narrow && wide + 50 == ((const unsigned char *)t[2]->data)[i]);
    }
    const sae_tensor *matrix = sae_safetensors_find(file, "matrix");
    float x[12];
    assert_true(matrix->rank == 2 && matrix->shape[0] == 3 && matrix->shape[1] == 4);
    sae_tensor_read_f32(matrix, 0, 12, x);
    for (int i = 0; i < 12; i++) assert_true(x[i] == (float)i);
    sae_tensor_read_f32(sae_safetensors_find(file, "scalar"), 0, 1, x);
    assert_true(x[0] == 2.5f);
    assert_int_equal(sae_safetensors_find(file, "none")->bytes, 0);
    sae_safetensors_close(file);
}

static void numpy_half(void **state)
{
    sae_error err;
    sae_safetensors *file;
    (void)state;
    assert_ok(sae_safetensors_open(&file, GOLDEN("numpy_half.safetensors"), &err));
    check_conversion(file, "f16", 2);
    sae_safetensors_close(file);
}

static void numpy_arrays(void **state)
{
    static const char *const floats[] = {GOLDEN("f2.npy"), GOLDEN("f4.npy"), GOLDEN("f8.npy"), GOLDEN("v2.npy"),
                                         GOLDEN("v3.npy")};
    static const char *const whole[] = {GOLDEN("i4.npy"), GOLDEN("i8.npy"), GOLDEN("u1.npy"), GOLDEN("u2.npy")};
    sae_error err;
    sae_npy *file;
    (void)state;
    for (int f = 0; f < 5; f++) {
        float out[15];
        assert_ok(sae_npy_open(&file, floats[f], &err));
        const sae_tensor *t = sae_npy_tensor(file);
        assert_true(t->rank == 2 && t->shape[0] == 5 && t->shape[1] == 3);
        sae_tensor_read_f32(t, 0, 15, out);
        for (int i = 0; i < 15; i++) assert_true(out[i] == (float)(i * 37 % 101 - 50));
        sae_npy_close(file);
    }
    for (int f = 0; f < 4; f++) {
        int32_t out[15];
        assert_ok(sae_npy_open(&file, whole[f], &err));
        assert_ok(sae_npy_read_i32(file, 0, 15, out, &err));
        for (int i = 0; i < 15; i++) assert_int_equal(out[i], i * 37 % 101 - (f < 2 ? 50 : 0));
        sae_npy_close(file);
    }
    assert_int_equal(sae_npy_open(&file, GOLDEN("fortran.npy"), &err), SAE_E_UNSUPPORTED);
    assert_int_equal(sae_npy_open(&file, GOLDEN("big_endian.npy"), &err), SAE_E_UNSUPPORTED);
    assert_int_equal(sae_npy_open(&file, GOLDEN("record.npy"), &err), SAE_E_UNSUPPORTED);
}

/* Our .npy files are NumPy's, byte for byte. */
static void written_as_numpy_does(void **state)
{
    static const char *const names[] = {GOLDEN("f2.npy"), GOLDEN("f4.npy"), GOLDEN("f8.npy"),
                                        GOLDEN("i4.npy"), GOLDEN("i8.npy"), GOLDEN("u1.npy")};
    const char *path = temp_path(state, "a.npy");
    for (int i = 0; i < 6; i++) {
        sae_error err;
        sae_npy *file;
        size_t size, ours_size;
        assert_ok(sae_npy_open(&file, names[i], &err));
        assert_ok(sae_npy_write(path, sae_npy_tensor(file), &err));
        sae_npy_close(file);
        unsigned char *theirs = get_file(names[i], &size), *ours = get_file(path, &ours_size);
        assert_int_equal(size, ours_size);
        assert_memory_equal(ours, theirs, size);
        free(theirs);
        free(ours);
    }
}

static void activation_directory(void **state)
{
    sae_error err;
    sae_acts *acts;
    float out[20];
    int32_t tokens[5], positions[5], docs[5];
    (void)state;
    assert_ok(sae_acts_open(&acts, GOLDEN("acts"), &err));
    const sae_acts_meta *meta = sae_acts_get_meta(acts);
    assert_string_equal(meta->model, "golden");
    assert_true(meta->d == 4 && meta->n_tokens == 5 && meta->ctx == 5 && meta->dtype == SAE_DTYPE_F16);
    assert_true(!meta->prepend_bos && meta->center_residual);
    assert_int_equal(sae_acts_shards(acts), 2);
    assert_ok(sae_acts_read(acts, 0, 5, out, &err));
    for (int i = 0; i < 20; i++) assert_true(out[i] == (float)(i / 4) + 0.25f * (float)(i % 4));
    sae_acts_read_ids(acts, 0, 5, tokens, positions, docs);
    for (int i = 0; i < 5; i++) assert_true(tokens[i] == 10 + i && positions[i] == i && docs[i] == 0);
    sae_acts_close(acts);
}

static void code_file(void **state)
{
    static const int32_t latents[6] = {1, 7, 0, 2, 3, 9};
    sae_error err;
    sae_codes_file *file;
    (void)state;
    assert_ok(sae_codes_file_open(&file, GOLDEN("codes.safetensors"), &err));
    assert_true(sae_codes_file_rows(file) == 4 && sae_codes_file_latents(file) == 10);
    assert_true(sae_codes_file_meta(file)->d == 4 && sae_codes_file_meta(file)->n_tokens == 4);
    assert_string_equal(sae_codes_file_meta(file)->model, "golden");
    sae_codes *codes = sae_codes_new();
    int32_t tokens[4];
    assert_ok(sae_codes_file_read(file, 0, 4, codes, tokens, NULL, NULL, &err));
    assert_memory_equal(codes->latents, latents, sizeof latents);
    assert_true(codes->row_offsets[1] == 2 && codes->row_offsets[2] == 2 && codes->row_offsets[4] == 6);
    for (int i = 0; i < 6; i++) assert_true(codes->values[i] == (float)i + 0.5f);
    assert_int_equal(tokens[3], 13);
    sae_codes_free(codes);
    sae_codes_file_close(file);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        temp_test(torch_file),           temp_test(numpy_half),
        temp_test(numpy_arrays),         temp_test(written_as_numpy_does),
        temp_test(activation_directory), temp_test(code_file),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
