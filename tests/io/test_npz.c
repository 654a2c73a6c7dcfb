/* .npz archives: what is read, and what is refused with the member's name. */
#include "io/make_zip.h"
#include "io/temp.h"

#include <sae/io.h>

/* An .npy of format 1.0 with this dictionary and this data. */
static size_t make_npy(unsigned char *out, const char *dictionary, const void *data, size_t size)
{
    size_t length = strlen(dictionary);
    memcpy(out, "\x93NUMPY\1\0", 8);
    out[8] = (unsigned char)length;
    out[9] = 0;
    memcpy(out + 10, dictionary, length);
    memcpy(out + 10 + length, data, size);
    return 10 + length + size;
}

static const float values[6] = {0, 1, 2, 3, 4, 5};

typedef struct member {
    const char *name, *dictionary;
    size_t size;
} member;

static sae_status open_npz(void **state, const member *members, size_t count, bool deflated, sae_tensor_file **file,
                           sae_error *err)
{
    made_zip *zip = zip_new();
    for (size_t i = 0; i < count; i++) {
        unsigned char npy[400];
        size_t size = make_npy(npy, members[i].dictionary, values, members[i].size);
        if (deflated)
            zip_add_deflated(zip, members[i].name, npy, size);
        else
            zip_add(zip, members[i].name, npy, size);
    }
    zip_finish(zip);
    const char *path = temp_path(state, "arrays.npz");
    put_file(path, zip->data, zip->size);
    free(zip);
    return sae_tensor_file_open(file, path, err);
}

#define DICTIONARY(descr, order, shape) "{'descr': '" descr "', 'fortran_order': " order ", 'shape': " shape ", }\n"

static void reads_arrays(void **state)
{
    static const member members[] = {{"b.npy", DICTIONARY("<f4", "False", "(2, 3)"), 24},
                                     {"a.b.npy", DICTIONARY("<i8", "False", "()"), 8},
                                     {"column.npy", DICTIONARY("<f4", "True", "(6,)"), 24}};
    for (int deflated = 0; deflated < 2; deflated++) {
        sae_error err;
        sae_tensor_file *file = NULL;
        float out[6];
        assert_ok(open_npz(state, members, 3, deflated, &file, &err));
        assert_int_equal(sae_tensor_file_kind(file), SAE_FILE_NPZ);
        assert_int_equal(sae_tensor_file_count(file), 3);
        assert_string_equal(sae_tensor_file_at(file, 0)->name, "a.b");
        const sae_tensor *b = sae_tensor_file_find(file, "b");
        assert_int_equal(b->rank, 2);
        assert_int_equal(b->shape[1], 3);
        sae_tensor_read_f32(b, 0, 6, out);
        assert_memory_equal(out, values, sizeof out);
        assert_int_equal(sae_tensor_file_find(file, "column")->rank, 1); /* one dimension has only one order */
        assert_int_equal(sae_tensor_file_values(file), 0);
        sae_tensor_file_close(file);
    }
}

static void refused(void **state)
{
    static const struct {
        member member;
        sae_status status;
        const char *message;
    } cases[] = {
        {{"w.npy", DICTIONARY("<f4", "True", "(2, 3)"), 24}, SAE_E_UNSUPPORTED, "w.npy is stored by columns"},
        {{"o.npy", DICTIONARY("|O", "False", "(2,)"), 8}, SAE_E_UNSUPPORTED, "o.npy: element type '|O' is not read"},
        {{"t.npy", DICTIONARY("<U4", "False", "(2,)"), 8}, SAE_E_UNSUPPORTED, "'<U4' is not read"},
        {{"r.npy", "{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (2,), }\n", 8},
         SAE_E_UNSUPPORTED,
         "not records"},
        {{"short.npy", DICTIONARY("<f4", "False", "(2, 3)"), 20}, SAE_E_FORMAT, "short.npy is cut short"},
        {{"long.npy", DICTIONARY("<f4", "False", "(2, 2)"), 24}, SAE_E_FORMAT, "long.npy"},
        {{"big.npy", DICTIONARY("<f4", "False", "(4294967296, 4294967296)"), 24}, SAE_E_FORMAT, "overflows"},
        {{"text.txt", DICTIONARY("<f4", "False", "(2, 3)"), 24}, SAE_E_FORMAT, "neither .npz"},
        {{".npy", DICTIONARY("<f4", "False", "(2, 3)"), 24}, SAE_E_FORMAT, "neither .npz"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        sae_error err = {0};
        sae_tensor_file *file = NULL;
        assert_int_equal(open_npz(state, &cases[i].member, 1, i % 2, &file, &err), cases[i].status);
        assert_contains(err.message, cases[i].message);
        assert_contains(err.message, "arrays.npz");
        assert_null(file);
    }
}

/* A member's name is not a path, and printing it harms no terminal. */
static void odd_names(void **state)
{
    char name[400];
    sae_error err;
    sae_tensor_file *file = NULL;
    member m = {"../../etc/x\x1b[2J.npy", DICTIONARY("<f4", "True", "(2, 3)"), 24};
    assert_int_equal(open_npz(state, &m, 1, false, &file, &err), SAE_E_UNSUPPORTED);
    assert_contains(err.message, "../../etc/x?[2J.npy");
    memset(name, 'n', sizeof name);
    memcpy(name + sizeof name - 5, ".npy", 5);
    m = (member){name, DICTIONARY("<f4", "False", "(2, 3)"), 24};
    assert_int_equal(open_npz(state, &m, 1, false, &file, &err), SAE_E_FORMAT);
    assert_contains(err.message, "longer than 255");
    assert_null(file);
}

int main(void)
{
    const struct CMUnitTest tests[] = {temp_test(reads_arrays), temp_test(refused), temp_test(odd_names)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
