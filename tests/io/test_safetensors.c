/* Safetensors: round trips, and every way in which a file can lie about itself. */
#include "io/temp.h"

#include "base/alloc.h"
#include "io/st_header.h"

#include <sae/io.h>

static void round_trip(void **state)
{
    const char *path = temp_path(state, "a.safetensors");
    sae_error err;
    sae_safetensors *file;
    const float matrix[6] = {1, 2, 3, 4, 5, 6};
    const unsigned char bytes[3] = {7, 8, 9};
    const int64_t big[1] = {-5};
    const sae_tensor tensors[] = {
        {.name = "zz", .dtype = SAE_DTYPE_U8, .rank = 1, .shape = {3}, .data = bytes, .bytes = 3},
        {.name = "matrix \"1\"", .dtype = SAE_DTYPE_F32, .rank = 2, .shape = {2, 3}, .data = matrix, .bytes = 24},
        {.name = "scalar", .dtype = SAE_DTYPE_I64, .rank = 0, .data = big, .bytes = 8},
        {.name = "empty", .dtype = SAE_DTYPE_F16, .rank = 2, .shape = {0, 5}, .data = NULL, .bytes = 0},
    };
    const char *const meta[] = {"key", "value", "text", "quote \" backslash \\ line\nend \xc3\xa9"};
    assert_ok(sae_safetensors_write(path, tensors, 4, meta, 2, &err));
    assert_ok(sae_safetensors_open(&file, path, &err));
    assert_int_equal(sae_safetensors_count(file), 4);
    assert_null(sae_safetensors_at(file, 4));
    assert_string_equal(sae_safetensors_path(file), path);
    assert_string_equal(sae_safetensors_metadata(file, "text"), meta[3]);
    assert_null(sae_safetensors_metadata(file, "nothing"));
    for (int i = 0; i < 4; i++) {
        const sae_tensor *t = sae_safetensors_find(file, tensors[i].name);
        assert_non_null(t);
        assert_int_equal(t->dtype, tensors[i].dtype);
        assert_int_equal(t->rank, tensors[i].rank);
        assert_memory_equal(t->shape, tensors[i].shape, sizeof t->shape);
        assert_int_equal(t->bytes, tensors[i].bytes);
        if (t->bytes) assert_memory_equal(t->data, tensors[i].data, t->bytes);
    }
    assert_string_equal(sae_safetensors_at(file, 0)->name, "zz");
    assert_null(sae_safetensors_find(file, "matrix"));
    assert_null(sae_safetensors_find(file, ""));
    sae_safetensors_close(file);
    /* The data area begins at a multiple of 8. */
    size_t size;
    unsigned char *raw = get_file(path, &size);
    assert_int_equal(raw[0] % 8, 0);
    assert_int_equal(count_entries(((temp_dir *)*state)->path), 1);
    free(raw);
}

static void nothing_at_all(void **state)
{
    const char *path = temp_path(state, "a.safetensors");
    sae_error err;
    sae_safetensors *file;
    assert_ok(sae_safetensors_write(path, NULL, 0, NULL, 0, &err));
    assert_ok(sae_safetensors_open(&file, path, &err));
    assert_int_equal(sae_safetensors_count(file), 0);
    assert_null(sae_safetensors_find(file, "a"));
    assert_null(sae_safetensors_metadata(file, "a"));
    sae_safetensors_close(file);
}

static void writing_what_cannot_be(void **state)
{
    const char *path = temp_path(state, "a.safetensors");
    sae_error err;
    const float x = 1;
    sae_tensor two[2] = {{.name = "a", .dtype = SAE_DTYPE_F32, .rank = 0, .data = &x, .bytes = 4}};
    two[1] = two[0];
    assert_int_equal(sae_safetensors_write(path, two, 2, NULL, 0, &err), SAE_E_ARG);
    assert_contains(err.message, "\"a\" is taken");
    two[1].name = "__metadata__";
    assert_int_equal(sae_safetensors_write(path, two, 2, NULL, 0, &err), SAE_E_ARG);
    two[1].name = "\xff";
    assert_int_equal(sae_safetensors_write(path, two, 2, NULL, 0, &err), SAE_E_ARG);
    two[1].name = "b";
    two[1].dtype = SAE_DTYPE_OTHER;
    assert_int_equal(sae_safetensors_write(path, two, 2, NULL, 0, &err), SAE_E_ARG);
    assert_int_equal(sae_safetensors_write(temp_path(state, "no/such/dir"), two, 1, NULL, 0, &err), SAE_E_IO);
    assert_int_equal(count_entries(((temp_dir *)*state)->path), 0);
}

#define T(shape, offsets) "{\"dtype\":\"F32\",\"shape\":" shape ",\"data_offsets\":" offsets "}"

/* Correct files, in forms that our own writer does not make. */
static void unusual_but_right(void **state)
{
    static const struct {
        const char *header;
        size_t data;
        size_t tensors;
    } cases[] = {
        {"{}", 0, 0},
        {"{\"a\":" T("[2]", "[0,8]") "}      ", 8, 1},
        {"{ \"b\" : " T("[1]", "[4, 8]") " ,\n \"a\":" T("[1]", "[0,4]") "}", 8, 2},
        {"{\"a\":{\"data_offsets\":[0,8],\"shape\":[1],\"dtype\":\"U64\"}}", 8, 1},
        {"{\"a\":{\"data_offsets\":[0,3],\"shape\":[6],\"dtype\":\"F4_E2M1\"}}", 3, 1},
        {"{\"a\":" T("[0]", "[0,0]") ",\"b\":" T("[0,7]", "[0,0]") ",\"c\":" T("[]", "[0,4]") "}", 4, 3},
        {"{\"__metadata__\":{},\"\\u00e9\":" T("[1]", "[0,4]") "}", 4, 1},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4],\"note\":\"}{[\\\"\"}}", 4, 1},
        {"{\"a\":" T("[1,1,1,1,1,1,1,1]", "[0,4]") "}", 4, 1},
    };
    const char *path = temp_path(state, "a.safetensors");
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        sae_error err;
        sae_safetensors *file;
        put_safetensors(path, cases[i].header, cases[i].data);
        assert_ok(sae_safetensors_open(&file, path, &err));
        assert_int_equal(sae_safetensors_count(file), cases[i].tensors);
        sae_safetensors_close(file);
    }
}

static void file_order_is_that_of_the_data(void **state)
{
    const char *path = temp_path(state, "a.safetensors");
    sae_error err;
    sae_safetensors *file;
    put_safetensors(path, "{\"b\":" T("[1]", "[5,9]") ",\"c\":{\"dtype\":\"U8\",\"shape\":[5],\"data_offsets\":[0,5]}}",
                    9);
    assert_ok(sae_safetensors_open(&file, path, &err));
    assert_string_equal(sae_safetensors_at(file, 0)->name, "c");
    const sae_tensor *b = sae_safetensors_find(file, "b"); /* not aligned */
    assert_int_equal(((const unsigned char *)b->data)[0], 5);
    float value;
    sae_tensor_read_f32(b, 0, 1, &value);
    sae_safetensors_close(file);
}

static void lies(void **state)
{
    static const struct {
        const char *header;
        size_t data;
        const char *says; /* part of the message */
    } cases[] = {
        {"", 0, "no '{'"},
        {"[]", 0, "no '{'"},
        {" {}", 0, "no '{'"},
        {"{", 0, "no tensor name"},
        {"{}x", 0, "after the closing"},
        {"{} {}", 0, "after the closing"},
        {"{\"a\"}", 0, "no ':'"},
        {"{a:1}", 0, "no tensor name"},
        {"{\"a\":1}", 0, "small, flat"},
        {"{\"a\":null}", 0, "small, flat"},
        {"{\"a\":" T("[2]", "[0,8]") "", 8, "neither ',' nor '}'"},
        {"{\"a\":" T("[2]", "[0,8]") ",}", 8, "no tensor name"},
        {"{\"a\":" T("[2]", "[0,8]") " \"b\":" T("[2]", "[0,8]") "}", 8, "neither"},
        {"{\"a\":{\"shape\":[2],\"data_offsets\":[0,8]}}", 8, "\"dtype\""},
        {"{\"a\":{\"dtype\":4,\"shape\":[2],\"data_offsets\":[0,8]}}", 8, "\"dtype\""},
        {"{\"a\":{\"dtype\":\"F32\",\"data_offsets\":[0,8]}}", 8, "\"shape\""},
        {"{\"a\":" T("2", "[0,8]") "}", 8, "\"shape\""},
        {"{\"a\":" T("[2.0]", "[0,8]") "}", 8, "whole numbers"},
        {"{\"a\":" T("[2.5]", "[0,8]") "}", 8, "whole numbers"},
        {"{\"a\":" T("[2e0]", "[0,8]") "}", 8, "whole numbers"},
        {"{\"a\":" T("[-2]", "[0,8]") "}", 8, "whole numbers"},
        {"{\"a\":" T("[true]", "[0,8]") "}", 8, "whole numbers"},
        {"{\"a\":" T("[\"2\"]", "[0,8]") "}", 8, "whole numbers"},
        {"{\"a\":" T("[9223372036854775808]", "[0,8]") "}", 8, "too big"},
        {"{\"a\":" T("[4294967296,4294967296]", "[0,8]") "}", 8, "overflows"},
        {"{\"a\":" T("[4611686018427387904]", "[0,0]") "}", 0, "does not match"},
        {"{\"a\":" T("[1,1,1,1,1,1,1,1,1]", "[0,4]") "}", 4, "8 dimensions"},
        {"{\"a\":" T("[3]", "[0,8]") "}", 8, "does not match"},
        {"{\"a\":" T("[2]", "[0]") "}", 8, "\"data_offsets\""},
        {"{\"a\":" T("[2]", "[0,4,8]") "}", 8, "\"data_offsets\""},
        {"{\"a\":" T("[2]", "[0,8.0]") "}", 8, "\"data_offsets\""},
        {"{\"a\":" T("[2]", "[-8,0]") "}", 8, "\"data_offsets\""},
        {"{\"a\":" T("[2]", "{}") "}", 8, "\"data_offsets\""},
        {"{\"a\":" T("[2]", "[8,0]") "}", 8, "outside the file"},
        {"{\"a\":" T("[2]", "[0,8]") "}", 7, "outside the file"},
        {"{\"a\":" T("[2]", "[0,9223372036854775807]") "}", 8, "outside the file"},
        {"{\"a\":" T("[2]", "[0,8]") "}", 9, "8 bytes, but the file has 9"},
        {"{\"a\":" T("[2]", "[0,8]") ",\"b\":" T("[2]", "[4,12]") "}", 12, "overlaps"},
        {"{\"a\":" T("[2]", "[0,8]") ",\"b\":" T("[2]", "[0,8]") "}", 8, "overlaps"},
        {"{\"a\":" T("[2]", "[0,8]") ",\"b\":" T("[1]", "[9,13]") "}", 13, "hole"},
        {"{\"a\":" T("[2]", "[4,12]") "}", 12, "hole"},
        {"{\"a\":" T("[1]", "[0,4]") ",\"a\":" T("[1]", "[4,8]") "}", 8, "twice"},
        {"{\"a\":{\"dtype\":\"F32\",\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}", 4, "duplicate"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[[1]],\"data_offsets\":[0,4]}}", 4, "small, flat"},
        {"{\"__metadata__\":{\"a\":1}}", 0, "not a text"},
        {"{\"__metadata__\":{\"a\":{}}}", 0, "not a flat"},
        {"{\"__metadata__\":\"a\"}", 0, "not a flat"},
        {"{\"__metadata__\":{},\"__metadata__\":{}}", 0, "second"},
        {"{\"a\\u0000b\":" T("[1]", "[0,4]") "}", 4, "not a safetensors file"},
        {"{\"\xff\":" T("[1]", "[0,4]") "}", 4, "not a safetensors file"},
        {"{\"a:" T("[1]", "[0,4]") "}", 4, "not a safetensors file"},
        {"{\"a\n\":" T("[1]", "[0,4]") "}", 4, "not a safetensors file"},
    };
    const char *path = temp_path(state, "a.safetensors");
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        sae_error err = {0};
        sae_safetensors *file = NULL;
        put_safetensors(path, cases[i].header, cases[i].data);
        if (sae_safetensors_open(&file, path, &err) != SAE_E_FORMAT)
            fail_msg("case %zu was not refused: %s", i, cases[i].header);
        assert_null(file);
        assert_int_equal(err.status, SAE_E_FORMAT);
        assert_contains(err.message, path);
        assert_contains(err.message, cases[i].says);
        assert_null(strchr(err.message, '\n'));
    }
}

static void refuse(void **state, const void *data, size_t size, const char *says)
{
    const char *path = temp_path(state, "a.safetensors");
    sae_error err = {0};
    sae_safetensors *file;
    put_file(path, data, size);
    assert_int_equal(sae_safetensors_open(&file, path, &err), SAE_E_FORMAT);
    assert_contains(err.message, says);
}

static void header_lengths(void **state)
{
    refuse(state, "", 0, "fewer than 8");
    refuse(state, "1234567", 7, "fewer than 8");
    refuse(state, "\x10\0\0\0\0\0\0\0{}", 10, "cut short");
    refuse(state, "\x03\0\0\0\0\0\0\0{}", 10, "cut short");
    refuse(state, "\xff\xff\xff\xff\xff\xff\xff\xff{}", 10, "at most 100000000");
    refuse(state, "\x01\xe1\xf5\x05\0\0\0\0{}", 10, "at most 100000000"); /* 100,000,001 */
    refuse(state, "\0\xe1\xf5\x05\0\0\0\0{}", 10, "cut short");           /* 100,000,000 */
    refuse(state, "\0\0\0\0\0\0\0\0", 8, "no '{'");
    refuse(state, "\x04\0\0\0\0\0\0\0{}\0\0", 12, "after the closing");
}

/* Headers of 100 MB made to cost time or memory: nesting, one huge list, a name without end. */
static void huge_headers(void **state)
{
    static const struct {
        const char *start;
        char fill;
        const char *says;
    } cases[] = {
        {"{\"a\":{\"shape\":", '[', "small, flat"},
        {"{\"a\":", '{', "small, flat"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[0", '0', "small, flat"},
        {"{\"__metadata__\":{\"a\":\"", 'x', "at most 16 MB"},
        {"{\"", 'x', "not a safetensors file"},
        {"{", ' ', "no tensor name"},
    };
    const char *path = temp_path(state, "a.safetensors");
    size_t size = 8 + SAE_ST_MAX_HEADER;
    unsigned char *data = malloc(size);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        sae_error err = {0};
        sae_st_header header;
        memset(data, cases[i].fill, size);
        memcpy(data, "\0\xe1\xf5\x05\0\0\0\0", 8);
        memcpy(data + 8, cases[i].start, strlen(cases[i].start));
        assert_int_equal(sae_st_header_parse(&header, path, data, size, &err), SAE_E_FORMAT);
        assert_contains(err.message, cases[i].says);
    }
    free(data);
}

static void not_files(void **state)
{
    sae_error err;
    sae_safetensors *file;
    assert_int_equal(sae_safetensors_open(&file, temp_path(state, "missing"), &err), SAE_E_IO);
    assert_contains(err.message, "missing");
    assert_int_equal(sae_safetensors_open(&file, ((temp_dir *)*state)->path, &err), SAE_E_IO);
    assert_int_equal(sae_safetensors_open(&file, "/dev/null", &err), SAE_E_IO);
    assert_int_equal(sae_safetensors_open(&file, temp_path(state, "missing"), NULL), SAE_E_IO);
}

/* Every truncation of a good file, and every single-byte change of its header, is refused or read: never a crash. */
static void damaged_files(void **state)
{
    const char *path = temp_path(state, "a.safetensors");
    const float x[4] = {1, 2, 3, 4};
    const sae_tensor tensors[] = {
        {.name = "a", .dtype = SAE_DTYPE_F32, .rank = 2, .shape = {1, 2}, .data = x, .bytes = 8},
        {.name = "b", .dtype = SAE_DTYPE_F32, .rank = 1, .shape = {2}, .data = x + 2, .bytes = 8},
    };
    const char *const meta[] = {"k", "v"};
    sae_error err;
    assert_ok(sae_safetensors_write(path, tensors, 2, meta, 1, &err));
    size_t size;
    unsigned char *good = get_file(path, &size), *bad = malloc(size);
    for (size_t cut = 0; cut < size; cut++) {
        sae_st_header header;
        memcpy(bad, good, cut);
        assert_int_equal(sae_st_header_parse(&header, path, bad, cut, &err), SAE_E_FORMAT);
    }
    for (size_t i = 0; i < size - 16; i++)
        for (int c = 0; c < 256; c++) {
            sae_st_header header;
            memcpy(bad, good, size);
            bad[i] = (unsigned char)c;
            if (sae_st_header_parse(&header, path, bad, size, &err) == SAE_OK) sae_st_header_clear(&header);
        }
    free(good);
    free(bad);
}

static void out_of_memory(void **state)
{
    const char *path = temp_path(state, "a.safetensors");
    const float x = 1;
    const sae_tensor tensor = {.name = "a", .dtype = SAE_DTYPE_F32, .rank = 0, .data = &x, .bytes = 4};
    sae_error err;
    int failures = 0;
    for (uint64_t n = 1;; n++) {
        sae_alloc_fail_after(n);
        sae_status status = sae_safetensors_write(path, &tensor, 1, NULL, 0, &err);
        sae_alloc_fail_after(0);
        if (status == SAE_OK) break;
        assert_int_equal(status, SAE_E_MEMORY);
        assert_int_equal(count_entries(((temp_dir *)*state)->path), 0);
        failures++;
    }
    assert_true(failures >= 3);
    for (uint64_t n = 1;; n++) {
        sae_safetensors *file = NULL;
        sae_alloc_fail_after(n);
        sae_status status = sae_safetensors_open(&file, path, &err);
        sae_alloc_fail_after(0);
        if (status == SAE_OK) {
            sae_safetensors_close(file);
            break;
        }
        assert_int_equal(status, SAE_E_MEMORY);
        assert_null(file);
        failures++;
    }
    assert_true(failures >= 9);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        temp_test(round_trip),
        temp_test(nothing_at_all),
        temp_test(unusual_but_right),
        temp_test(file_order_is_that_of_the_data),
        temp_test(lies),
        temp_test(header_lengths),
        temp_test(huge_headers),
        temp_test(not_files),
        temp_test(damaged_files),
        temp_test(writing_what_cannot_be),
        temp_test(out_of_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
