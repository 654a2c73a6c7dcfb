/* NumPy files: round trips, forms that NumPy writes, and files that lie. */
#include "io/temp.h"

#include "base/alloc.h"
#include "io/npy_header.h"

#include <sae/io.h>

static void round_trip(void **state)
{
    const char *path = temp_path(state, "a.npy");
    unsigned char data[8 * 24];
    static const sae_dtype dtypes[] = {SAE_DTYPE_F64, SAE_DTYPE_F32, SAE_DTYPE_F16,
                                       SAE_DTYPE_I64, SAE_DTYPE_I32, SAE_DTYPE_U8};
    for (size_t i = 0; i < sizeof data; i++) data[i] = (unsigned char)(37 * i);
    for (int rank = 0; rank <= SAE_MAX_RANK; rank++)
        for (size_t k = 0; k < sizeof dtypes / sizeof *dtypes; k++) {
            sae_error err;
            sae_npy *file;
            sae_tensor tensor = {.dtype = dtypes[k], .rank = rank, .data = data};
            for (int i = 0; i < rank; i++) tensor.shape[i] = i == 1 ? 8 : i == 0 ? 3 : 1;
            tensor.bytes = (size_t)sae_tensor_elements(&tensor) * sae_dtype_size(dtypes[k]);
            assert_ok(sae_npy_write(path, &tensor, &err));
            assert_ok(sae_npy_open(&file, path, &err));
            const sae_tensor *back = sae_npy_tensor(file);
            assert_int_equal(back->dtype, dtypes[k]);
            assert_int_equal(back->rank, rank);
            assert_memory_equal(back->shape, tensor.shape, sizeof tensor.shape);
            assert_int_equal(back->bytes, tensor.bytes);
            assert_memory_equal(back->data, data, tensor.bytes);
            sae_npy_close(file);
        }
    size_t size;
    unsigned char *raw = get_file(path, &size);
    assert_int_equal((size - 24) % 64, 0); /* as NumPy: data at a multiple of 64 */
    free(raw);
}

static void writing_what_cannot_be(void **state)
{
    sae_error err;
    const sae_tensor tensor = {.dtype = SAE_DTYPE_BF16, .rank = 0, .data = "ab", .bytes = 2};
    assert_int_equal(sae_npy_write(temp_path(state, "a.npy"), &tensor, &err), SAE_E_UNSUPPORTED);
    assert_contains(err.message, "bf16");
    assert_int_equal(count_entries(((temp_dir *)*state)->path), 0);
}

/* A file with this header text, `version`, and `size` bytes of data 0, 1, 2, … */
static size_t make(unsigned char *out, int version, const char *header, size_t size)
{
    size_t length = strlen(header), prefix = version == 1 ? 10 : 12;
    memcpy(out, "\x93NUMPY", 6);
    out[6] = (unsigned char)version;
    out[7] = 0;
    for (size_t i = 8; i < prefix; i++) out[i] = (unsigned char)(length >> 8 * (i - 8));
    memcpy(out + prefix, header, length);
    for (size_t i = 0; i < size; i++) out[prefix + length + i] = (unsigned char)i;
    return prefix + length + size;
}

static void forms_of_the_header(void **state)
{
    static const struct {
        int version;
        const char *header;
        size_t size;
        int rank;
    } cases[] = {
        {1, "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }      \n", 24, 2},
        {2, "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }\n", 24, 2},
        {3, "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3)}", 24, 2},
        {1, "{\"shape\":(2,3,),\"descr\":\"<f4\",\"fortran_order\":False}", 24, 2},
        {1, "{'descr': '<f4', 'fortran_order': True, 'shape': (6,), }\n", 24, 1},
        {1, "{'descr': '<f4', 'fortran_order': False, 'shape': (), }\n", 4, 0},
        {1, "{'descr': '<f4', 'fortran_order': False, 'shape': (0, 7), }\n", 0, 2},
    };
    unsigned char file[256];
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        sae_npy_header header;
        sae_error err;
        size_t size = make(file, cases[i].version, cases[i].header, cases[i].size);
        assert_ok(sae_npy_header_parse(&header, "x.npy", file, size, &err));
        assert_int_equal(header.array.rank, cases[i].rank);
        assert_int_equal(header.array.bytes, cases[i].size);
        assert_ptr_equal(header.array.data, file + size - cases[i].size);
    }
}

#define H(descr, order, shape) "{'descr': " descr ", 'fortran_order': " order ", 'shape': " shape ", }"

static void lies(void **state)
{
    static const struct {
        const char *header;
        size_t size;
        sae_status status;
        const char *says;
    } cases[] = {
        {"", 0, SAE_E_FORMAT, "dictionary"},
        {"{}", 0, SAE_E_FORMAT, "lacks"},
        {"{'descr': '<f4'}", 0, SAE_E_FORMAT, "lacks"},
        {"{'descr': '<f4', 'descr': '<f4'}", 0, SAE_E_FORMAT, "twice"},
        {"{'other': 1}", 0, SAE_E_FORMAT, "unknown key"},
        {"{'descr' '<f4'}", 0, SAE_E_FORMAT, "dictionary"},
        {"{'descr': '<f4' 'shape': ()}", 0, SAE_E_FORMAT, "dictionary"},
        {"{'a key that is far too long': 1}", 0, SAE_E_FORMAT, "dictionary"},
        {"{'descr", 0, SAE_E_FORMAT, "dictionary"},
        {"{'", 0, SAE_E_FORMAT, "dictionary"},
        {"{", 0, SAE_E_FORMAT, "dictionary"},
        {H("'<f4'", "False", "(2,)") "x", 8, SAE_E_FORMAT, "behind its header"},
        {H("'<f4'", "false", "(2,)"), 8, SAE_E_FORMAT, "neither True nor False"},
        {H("'<f4'", "True", "(2, 1)"), 8, SAE_E_UNSUPPORTED, "by columns"},
        {H("'>f4'", "False", "(2,)"), 8, SAE_E_UNSUPPORTED, "'>f4'"},
        {H("'<c8'", "False", "(2,)"), 16, SAE_E_UNSUPPORTED, "'<c8'"},
        {H("'|O'", "False", "(2,)"), 16, SAE_E_UNSUPPORTED, "'|O'"},
        {H("'a descr far too long'", "False", "(2,)"), 16, SAE_E_UNSUPPORTED, "plain arrays"},
        {H("[('a', '<f4')]", "False", "(2,)"), 8, SAE_E_UNSUPPORTED, "plain arrays"},
        {H("'<f4'", "False", "2"), 8, SAE_E_FORMAT, "tuple"},
        {H("'<f4'", "False", "(2)"), 8, SAE_E_FORMAT, "tuple"},
        {H("'<f4'", "False", "(2"), 8, SAE_E_FORMAT, "whole numbers"},
        {H("'<f4'", "False", "(,)"), 8, SAE_E_FORMAT, "whole numbers"},
        {H("'<f4'", "False", "(1 2)"), 8, SAE_E_FORMAT, "whole numbers"},
        {H("'<f4'", "False", "(-2,)"), 8, SAE_E_FORMAT, "whole numbers"},
        {H("'<f4'", "False", "(2.0,)"), 8, SAE_E_FORMAT, "whole numbers"},
        {H("'<f4'", "False", "(0x2,)"), 8, SAE_E_FORMAT, "whole numbers"},
        {H("'<f4'", "False", "(99999999999999999999,)"), 8, SAE_E_FORMAT, "whole numbers"},
        {H("'<f4'", "False", "(9223372036854775807,)"), 8, SAE_E_FORMAT, "overflows"},
        {H("'<f4'", "False", "(4294967296, 4294967296)"), 8, SAE_E_FORMAT, "overflows"},
        {H("'<f4'", "False", "(1,1,1,1,1,1,1,1,1)"), 4, SAE_E_FORMAT, "8 dimensions"},
        {H("'<f4'", "False", "(2,)"), 7, SAE_E_FORMAT, "needs 8 bytes of data, it has 7"},
        {H("'<f4'", "False", "(2,)"), 9, SAE_E_FORMAT, "needs 8 bytes of data, it has 9"},
    };
    unsigned char file[256];
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        sae_npy_header header;
        sae_error err = {0};
        size_t size = make(file, 1, cases[i].header, cases[i].size);
        sae_status status = sae_npy_header_parse(&header, "x.npy", file, size, &err);
        if (status != cases[i].status) fail_msg("status %d, \"%s\" for %s", status, err.message, cases[i].header);
        assert_contains(err.message, "x.npy");
        assert_contains(err.message, cases[i].says);
    }
}

static void prefixes(void **state)
{
    static const char good[] = "{'descr': '<f4', 'fortran_order': False, 'shape': (2,), }";
    unsigned char file[256];
    sae_npy_header header;
    sae_error err;
    (void)state;
    for (int version = 1; version <= 3; version++) {
        size_t size = make(file, version, good, 8);
        for (size_t cut = 0; cut < size; cut++) {
            unsigned char *copy = malloc(cut + 1); /* so that a sanitizer sees reads behind the end */
            memcpy(copy, file, cut);
            assert_int_equal(sae_npy_header_parse(&header, "x.npy", copy, cut, &err), SAE_E_FORMAT);
            free(copy);
        }
        assert_ok(sae_npy_header_parse(&header, "x.npy", file, size, &err));
    }
    size_t size = make(file, 4, good, 8);
    assert_int_equal(sae_npy_header_parse(&header, "x.npy", file, size, &err), SAE_E_UNSUPPORTED);
    size = make(file, 2, good, 8);
    memset(file + 8, 0xff, 4);
    assert_int_equal(sae_npy_header_parse(&header, "x.npy", file, size, &err), SAE_E_FORMAT);
    assert_contains(err.message, "longer than the file");
    file[0] = 0x92;
    assert_int_equal(sae_npy_header_parse(&header, "x.npy", file, size, &err), SAE_E_FORMAT);
    assert_contains(err.message, "magic");
}

static sae_npy *open_with(void **state, const char *descr, const void *data, size_t element, int count)
{
    char header[128];
    unsigned char file[512];
    const char *path = temp_path(state, "ids.npy");
    sae_error err;
    sae_npy *npy;
    snprintf(header, sizeof header, "{'descr': '%s', 'fortran_order': False, 'shape': (%d,), }", descr, count);
    size_t size = make(file, 1, header, element * (size_t)count);
    memcpy(file + size - element * (size_t)count, data, element * (size_t)count);
    put_file(path, file, size);
    assert_ok(sae_npy_open(&npy, path, &err));
    return npy;
}

static void whole_numbers(void **state)
{
    sae_error err;
    int32_t out[4];
    sae_npy *npy = open_with(state, "|u1", "\x00\x7f\xff\x01", 1, 4);
    assert_ok(sae_npy_read_i32(npy, 0, 4, out, &err));
    assert_true(out[0] == 0 && out[1] == 127 && out[2] == 255 && out[3] == 1);
    sae_npy_close(npy);
    npy = open_with(state, "<u2", (const uint16_t[]){0, 50256, 65535}, 2, 3);
    assert_int_equal(sae_npy_tensor(npy)->dtype, SAE_DTYPE_OTHER);
    assert_ok(sae_npy_read_i32(npy, 1, 2, out, &err));
    assert_true(out[0] == 50256 && out[1] == 65535);
    sae_npy_close(npy);
    npy = open_with(state, "<i4", (const int32_t[]){-1, INT32_MAX}, 4, 2);
    assert_ok(sae_npy_read_i32(npy, 0, 2, out, &err));
    assert_true(out[0] == -1 && out[1] == INT32_MAX);
    sae_npy_close(npy);
    npy = open_with(state, "<i8", (const int64_t[]){INT32_MIN, INT32_MAX, (int64_t)INT32_MAX + 1}, 8, 3);
    assert_ok(sae_npy_read_i32(npy, 0, 2, out, &err));
    assert_true(out[0] == INT32_MIN && out[1] == INT32_MAX);
    assert_int_equal(sae_npy_read_i32(npy, 2, 2, out, &err), SAE_E_ARG);
    assert_int_equal(sae_npy_read_i32(npy, -1, 2, out, &err), SAE_E_ARG);
    assert_int_equal(sae_npy_read_i32(npy, 1, 2, out, &err), SAE_E_VALUE);
    assert_contains(err.message, "element 2 is 2147483648");
    sae_npy_close(npy);
    npy = open_with(state, "<f4", (const float[]){1}, 4, 1);
    assert_int_equal(sae_npy_read_i32(npy, 0, 1, out, &err), SAE_E_FORMAT);
    assert_contains(err.message, "whole numbers are needed");
    sae_npy_close(npy);
}

static void out_of_memory(void **state)
{
    const char *path = temp_path(state, "a.npy");
    const sae_tensor tensor = {.dtype = SAE_DTYPE_U8, .rank = 1, .shape = {1}, .data = "a", .bytes = 1};
    sae_error err;
    int failures = 0;
    for (uint64_t n = 1;; n++, failures++) {
        sae_alloc_fail_after(n);
        sae_status status = sae_npy_write(path, &tensor, &err);
        sae_alloc_fail_after(0);
        if (status == SAE_OK) break;
        assert_int_equal(status, SAE_E_MEMORY);
        assert_int_equal(count_entries(((temp_dir *)*state)->path), 0);
    }
    for (uint64_t n = 1;; n++, failures++) {
        sae_npy *file = NULL;
        sae_alloc_fail_after(n);
        sae_status status = sae_npy_open(&file, path, &err);
        sae_alloc_fail_after(0);
        sae_npy_close(file);
        if (status == SAE_OK) break;
        assert_int_equal(status, SAE_E_MEMORY);
    }
    assert_true(failures >= 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        temp_test(round_trip), temp_test(writing_what_cannot_be), temp_test(forms_of_the_header), temp_test(lies),
        temp_test(prefixes),   temp_test(whole_numbers),          temp_test(out_of_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
