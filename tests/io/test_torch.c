/* State dicts of torch.save: what is read, and a corpus of hostile ones. */
#include "io/make_zip.h"
#include "io/temp.h"

#include "io/archive_write.h"

#include <sae/io.h>

/* A pickle with its length, which may hold zeros. */
#define PICKLE(text) text, sizeof(text) - 1

#define ORDERED_DICT       "ccollections\nOrderedDict\n"
#define TEXT(length, text) "X" length "\0\0\0" text
/* the tensor of storage 0: f32, 6 elements */
#define STORAGE                       "(" TEXT("\7", "storage") "ctorch\nFloatStorage\n" TEXT("\1", "0") TEXT("\3", "cpu") "K\6tQ"
#define REBUILD                       "ctorch._utils\n_rebuild_tensor_v2\n"
#define HOOKS                         "\x89" ORDERED_DICT ")R"
#define TENSOR(offset, shape, stride) REBUILD "(" STORAGE "K" offset shape stride HOOKS "tR"
#define DICT(items)                   "\x80\2}(" items "u."

static const float numbers[6] = {0, 1, 2, 3, 4, 5};

/* Opens an archive with this pickle and the storage 0 of `bytes` bytes. */
static sae_status open_pickle(void **state, const char *pickle, size_t size, size_t bytes, sae_tensor_file **file,
                              sae_error *err)
{
    made_zip *zip = zip_new();
    zip_add(zip, "archive/data.pkl", pickle, size);
    zip_add(zip, "archive/byteorder", "little", 6);
    zip_add(zip, "archive/data/0", numbers, bytes);
    zip_finish(zip);
    const char *path = temp_path(state, "state.pt");
    put_file(path, zip->data, zip->size);
    free(zip);
    return sae_tensor_file_open(file, path, err);
}

static void reads_tensors(void **state)
{
    sae_error err;
    sae_tensor_file *file = NULL;
    float out[6];
    static const char pickle[] = DICT(TEXT("\1", "a") TENSOR("\0", "K\2K\3\x86", "K\3K\1\x86")     /* as it lies */
                                      TEXT("\1", "b") TENSOR("\0", "K\3K\2\x86", "K\1K\3\x86")     /* transposed */
                                      TEXT("\1", "c") TENSOR("\1", "K\2\x85", "K\2\x85")           /* 1 and 3 */
                                      TEXT("\1", "d") TENSOR("\5", ")", ")")                       /* one number */
                                      TEXT("\1", "e") TENSOR("\6", "K\0\x85", "K\1\x85")           /* nothing */
                                      TEXT("\1", "f") TENSOR("\2", "K\4\x85", "K\0\x85")           /* 2 four times */
                                      TEXT("\1", "n") "}(" TEXT("\1", "k") "K\x20" TEXT("\1", "t") /* values */
                                      TEXT("\4", "TopK") TEXT("\1", "x") "G?\xe0\0\0\0\0\0\0" TEXT(
                                          "\1", "y") "\x88u" TEXT("\1", "l") "](J\xff\xff\xff\xff\x8a\2\0\1e");
    assert_ok(open_pickle(state, PICKLE(pickle), sizeof numbers, &file, &err));
    assert_int_equal(sae_tensor_file_kind(file), SAE_FILE_TORCH);
    assert_int_equal(sae_tensor_file_count(file), 6);
    static const struct {
        const char *name;
        int rank;
        int64_t shape[2];
        float values[6];
    } expected[] = {{"a", 2, {2, 3}, {0, 1, 2, 3, 4, 5}},
                    {"b", 2, {3, 2}, {0, 3, 1, 4, 2, 5}},
                    {"c", 1, {2}, {1, 3}},
                    {"d", 0, {0}, {5}},
                    {"e", 1, {0}, {0}},
                    {"f", 1, {4}, {2, 2, 2, 2}}};
    for (size_t i = 0; i < 6; i++) {
        const sae_tensor *t = sae_tensor_file_find(file, expected[i].name);
        assert_ptr_equal(t, sae_tensor_file_at(file, i));
        assert_int_equal(t->rank, expected[i].rank);
        assert_memory_equal(t->shape, expected[i].shape, (size_t)t->rank * 8);
        int64_t count = sae_tensor_elements(t);
        assert_int_equal(t->bytes, 4 * count);
        sae_tensor_read_f32(t, 0, count, out);
        assert_memory_equal(out, expected[i].values, (size_t)count * 4);
    }
    assert_int_equal(sae_tensor_file_value(file, "n.k")->integer, 32);
    assert_string_equal(sae_tensor_file_value(file, "n.t")->text, "TopK");
    assert_true(sae_tensor_file_value(file, "n.x")->real == 0.5);
    assert_int_equal(sae_tensor_file_value(file, "n.y")->type, SAE_VALUE_BOOL);
    assert_int_equal(sae_tensor_file_value(file, "l.0")->integer, -1);
    assert_int_equal(sae_tensor_file_value(file, "l.1")->integer, 256);
    assert_null(sae_tensor_file_value(file, "n"));
    sae_tensor_file_close(file);
}

typedef struct hostile {
    const char *what, *pickle;
    size_t size;
    sae_status status;
    const char *message;
} hostile;

static void hostile_pickles(void **state)
{
    static const hostile cases[] = {
        {"a call of the shell", PICKLE("\x80\2cposix\nsystem\n" TEXT("\4", "true") "\x85R."), SAE_E_UNSUPPORTED,
         "posix.system"},
        {"os.system by its own name", PICKLE(DICT(TEXT("\1", "a") "cos\nsystem\n" TEXT("\4", "true") "\x85R")),
         SAE_E_UNSUPPORTED, "os.system"},
        {"eval", PICKLE("\x80\2c__builtin__\neval\n" TEXT("\1", "1") "\x85R."), SAE_E_UNSUPPORTED, "__builtin__.eval"},
        {"a module", PICKLE("\x80\2cdictionary_learning.dictionary\nAutoEncoder\n)\x81."), SAE_E_UNSUPPORTED,
         "dictionary_learning.dictionary.AutoEncoder"},
        {"a name that only begins well", PICKLE("\x80\2ctorch._utils\n_rebuild_tensor_v2x\n."), SAE_E_UNSUPPORTED,
         "_rebuild_tensor_v2x"},
        {"NEWOBJ", PICKLE("\x80\2" ORDERED_DICT ")\x81."), SAE_E_UNSUPPORTED, "0x81"},
        {"INST", PICKLE("\x80\2(iposix\nsystem\n."), SAE_E_UNSUPPORTED, "0x69"},
        {"EXT1", PICKLE("\x80\2\x82\1."), SAE_E_UNSUPPORTED, "0x82"},
        {"STACK_GLOBAL", PICKLE("\x80\2\x93."), SAE_E_UNSUPPORTED, "0x93"},
        {"protocol 4", PICKLE("\x80\4\x95\0\0\0\0\0\0\0\0."), SAE_E_UNSUPPORTED, "protocol 4"},
        {"a call of a text", PICKLE("\x80\2" TEXT("\1", "f") ")R."), SAE_E_FORMAT, "not a function"},
        {"a call without a tuple", PICKLE("\x80\2" ORDERED_DICT "K\1R."), SAE_E_FORMAT, "without a tuple"},
        {"an ordered dictionary with arguments", PICKLE("\x80\2" ORDERED_DICT "K\1\x85R."), SAE_E_FORMAT, "arguments"},
        {"attributes of a number", PICKLE("\x80\2K\1}b."), SAE_E_FORMAT, "attributes"},
        {"nothing", PICKLE(""), SAE_E_FORMAT, "too early"},
        {"only an end", PICKLE("\x80\2."), SAE_E_FORMAT, "no value"},
        {"two values", PICKLE("\x80\2K\1K\2."), SAE_E_FORMAT, "left on the stack"},
        {"a mark at the end", PICKLE("\x80\2(."), SAE_E_FORMAT, "no value"},
        {"no mark", PICKLE("\x80\2K\1t."), SAE_E_FORMAT, "mark"},
        {"pop beyond the bottom", PICKLE("\x80\2K\1\x86."), SAE_E_FORMAT, "no value"},
        {"items for a number", PICKLE("\x80\2K\1K\2a."), SAE_E_FORMAT, "not a list"},
        {"an odd dictionary", PICKLE("\x80\2}(K\1u."), SAE_E_FORMAT, "not a list or dictionary"},
        {"items without a list", PICKLE("\x80\2(K\1e."), SAE_E_FORMAT, "not a list"},
        {"recall of nothing", PICKLE("\x80\2h\5."), SAE_E_FORMAT, "never stored"},
        {"a huge memo", PICKLE("\x80\2}r\xff\xff\xff\x7f."), SAE_E_FORMAT, "more than"},
        {"a text beyond the end",
         PICKLE("\x80\2X\xff\xff\xff\xff"
                "a."),
         SAE_E_FORMAT, "too early"},
        {"a number of 2000 bits", PICKLE("\x80\2\x8a\xfa."), SAE_E_FORMAT, "64 bits"},
        {"a number", PICKLE("\x80\2K\1."), SAE_E_FORMAT, "neither a dictionary"},
        {"a class as value", PICKLE(DICT(TEXT("\1", "a") "ctorch\nFloatStorage\n")), SAE_E_FORMAT, "is a class"},
        {"a tuple as key", PICKLE(DICT(")K\1")), SAE_E_FORMAT, "key"},
        {"one name twice", PICKLE(DICT(TEXT("\1", "a") "K\1" TEXT("\1", "a") "K\2")), SAE_E_FORMAT, "holds a twice"},
        {"one name twice by nesting", PICKLE(DICT(TEXT("\3", "a.b") "K\1" TEXT("\1", "a") "}" TEXT("\1", "b") "K\2s")),
         SAE_E_FORMAT, "holds a.b twice"},
        {"a list in itself", PICKLE(DICT(TEXT("\1", "a") "]q\1h\1a")), SAE_E_FORMAT, "deep"},
        {"a parameter of itself", PICKLE(DICT(TEXT("\1", "a") "ctorch._utils\n_rebuild_parameter\n)R")), SAE_E_FORMAT,
         "unknown way"},
        {"a storage alone", PICKLE(DICT(TEXT("\1", "a") STORAGE)), SAE_E_FORMAT, "storage without a tensor"},
        {"beyond the storage", PICKLE(DICT(TEXT("\1", "a") TENSOR("\1", "K\2K\3\x86", "K\3K\1\x86"))), SAE_E_FORMAT,
         "outside of its storage"},
        {"offset beyond the storage", PICKLE(DICT(TEXT("\1", "a") TENSOR("\7", "K\0\x85", "K\1\x85"))), SAE_E_FORMAT,
         "outside of its storage"},
        {"strides beyond the storage", PICKLE(DICT(TEXT("\1", "a") TENSOR("\0", "K\2K\3\x86", "K\4K\1\x86"))),
         SAE_E_FORMAT, "outside of its storage"},
        {"a huge stride",
         PICKLE(DICT(TEXT("\1", "a") TENSOR("\0", "K\3\x85", "\x8a\x08\xff\xff\xff\xff\xff\xff\xff\x7f\x85"))),
         SAE_E_FORMAT, "outside of its storage"},
        {"a negative stride", PICKLE(DICT(TEXT("\1", "a") TENSOR("\5", "K\2\x85", "J\xff\xff\xff\xff\x85"))),
         SAE_E_FORMAT, "shape"},
        {"a negative offset",
         PICKLE(DICT(TEXT("\1", "a") REBUILD "(" STORAGE "J\xff\xff\xff\xffK\1\x85K\1\x85" HOOKS "tR")), SAE_E_FORMAT,
         "shape"},
        {"a shape that overflows",
         PICKLE(DICT(TEXT("\1", "a")
                         TENSOR("\0", "J\xff\xff\xff\x7fJ\xff\xff\xff\x7fJ\xff\xff\xff\x7f\x87", "K\0K\0K\0\x87"))),
         SAE_E_FORMAT, "overflows"},
        {"one number a billion times", PICKLE(DICT(TEXT("\1", "a") TENSOR("\0", "J\0\0\0\x40\x85", "K\0\x85"))),
         SAE_E_FORMAT, "many times over"},
        {"nine dimensions",
         PICKLE(DICT(TEXT("\1", "a") TENSOR("\0", "(K\1K\1K\1K\1K\1K\1K\1K\1K\1t", "(K\1K\1K\1K\1K\1K\1K\1K\1K\1t"))),
         SAE_E_FORMAT, "8 dimensions"},
        {"shape and stride of other lengths", PICKLE(DICT(TEXT("\1", "a") TENSOR("\0", "K\6\x85", "K\1K\1\x86"))),
         SAE_E_FORMAT, "shape"},
        {"too few arguments", PICKLE(DICT(TEXT("\1", "a") REBUILD STORAGE "\x85R")), SAE_E_FORMAT, "shape"},
        {"a storage that is not there",
         PICKLE(DICT(TEXT("\1", "a") REBUILD "((" TEXT("\7", "storage") "ctorch\nFloatStorage\n" TEXT("\1", "9")
                         TEXT("\3", "cpu") "K\6tQK\0K\1\x85K\1\x85" HOOKS "tR")),
         SAE_E_FORMAT, "not in the file"},
        {"a storage by a path",
         PICKLE(DICT(TEXT("\1", "a") REBUILD "((" TEXT("\7", "storage") "ctorch\nFloatStorage\n" TEXT("\6", "../0\0a")
                         TEXT("\3", "cpu") "K\6tQK\0K\1\x85K\1\x85" HOOKS "tR")),
         SAE_E_FORMAT, "no proper name"},
        {"a storage of another size",
         PICKLE(DICT(TEXT("\1", "a") REBUILD "((" TEXT("\7", "storage") "ctorch\nFloatStorage\n" TEXT("\1", "0")
                         TEXT("\3", "cpu") "K\7tQK\0K\1\x85K\1\x85" HOOKS "tR")),
         SAE_E_FORMAT, "another size"},
        {"a storage of another type",
         PICKLE(DICT(TEXT("\1", "a") REBUILD "((" TEXT("\7", "storage") "ctorch\nDoubleStorage\n" TEXT("\1", "0")
                         TEXT("\3", "cpu") "K\6tQK\0K\1\x85K\1\x85" HOOKS "tR")),
         SAE_E_FORMAT, "another size"},
        {"a storage without a type",
         PICKLE(DICT(TEXT("\1", "a") REBUILD "((" TEXT("\7", "storage") ORDERED_DICT TEXT("\1", "0")
                         TEXT("\3", "cpu") "K\6tQK\0K\1\x85K\1\x85" HOOKS "tR")),
         SAE_E_FORMAT, "no known type"},
        {"a negative storage",
         PICKLE(DICT(TEXT("\1", "a") REBUILD "((" TEXT("\7", "storage") "ctorch\nFloatStorage\n" TEXT("\1", "0")
                         TEXT("\3", "cpu") "J\xff\xff\xff\xfftQK\0K\1\x85K\1\x85" HOOKS "tR")),
         SAE_E_FORMAT, "another size"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        sae_error err = {0};
        sae_tensor_file *file = NULL;
        sae_status status = open_pickle(state, cases[i].pickle, cases[i].size, sizeof numbers, &file, &err);
        if (status != cases[i].status || !strstr(err.message, cases[i].message))
            fail_msg("%s: %s (%s)", cases[i].what, sae_status_name(status), err.message);
        assert_contains(err.message, "state.pt");
        assert_null(file);
    }
}

/* A dimension of one entry has a stride that is never taken, however large. */
static void stride_of_one(void **state)
{
    static const char pickle[] =
        DICT(TEXT("\1", "a") TENSOR("\1", "K\2K\1\x86", "K\2\x8a\x08\xff\xff\xff\xff\xff\xff\xff\x7f\x86"));
    const float expected[] = {1, 3};
    float out[2];
    sae_error err;
    sae_tensor_file *file = NULL;
    assert_ok(open_pickle(state, PICKLE(pickle), sizeof numbers, &file, &err));
    sae_tensor_read_f32(sae_tensor_file_find(file, "a"), 0, 2, out);
    assert_memory_equal(out, expected, sizeof expected);
    sae_tensor_file_close(file);
}

/* A gift in half a kilobyte: each list holds the one before it thirty times, 24 million numbers in all. */
static void memo_bomb(void **state)
{
    char pickle[1024];
    static const char begin[] = "\x80\2}" TEXT("\1", "a") "(](K\1eq\0";
    size_t size = sizeof begin - 1;
    memcpy(pickle, begin, size);
    for (char level = 0; level < 5; level++) {
        pickle[size++] = ']';
        pickle[size++] = '(';
        for (int i = 0; i < 30; i++) {
            pickle[size++] = 'h';
            pickle[size++] = level;
        }
        pickle[size++] = 'e';
        pickle[size++] = 'q';
        pickle[size++] = (char)(level + 1);
    }
    memcpy(pickle + size, "ts.", 3);
    sae_error err;
    sae_tensor_file *file = NULL;
    assert_int_equal(open_pickle(state, pickle, size + 3, sizeof numbers, &file, &err), SAE_E_FORMAT);
    assert_null(file);
    assert_contains(err.message, "more than 1048576 values");
}

/* A million objects are not a state dict. */
static void too_many_objects(void **state)
{
    sae_error err;
    sae_tensor_file *file = NULL;
    size_t count = (size_t)1100000;
    made_zip *zip = zip_new();
    char *pickle = malloc(count);
    memset(pickle, 'N', count);
    memcpy(pickle, "\x80\2(", 3);
    zip_add_deflated(zip, "archive/data.pkl", pickle, count);
    zip_finish(zip);
    put_file(temp_path(state, "many.pt"), zip->data, zip->size);
    assert_int_equal(sae_tensor_file_open(&file, temp_path(state, "many.pt"), &err), SAE_E_FORMAT);
    assert_contains(err.message, "objects");
    free(pickle);
    free(zip);
}

/* Every truncation of a good pickle, of a good archive, and a storage that lacks its end. */
static void truncations(void **state)
{
    sae_error err;
    sae_tensor_file *file = NULL;
    static const char pickle[] = DICT(TEXT("\1", "a") TENSOR("\0", "K\2K\3\x86", "K\3K\1\x86"));
    for (size_t size = 0; size + 1 < sizeof pickle; size++)
        assert_int_not_equal(open_pickle(state, pickle, size, sizeof numbers, &file, &err), SAE_OK);
    assert_int_equal(open_pickle(state, PICKLE(pickle), sizeof numbers - 4, &file, &err), SAE_E_FORMAT);
    assert_contains(err.message, "another size");
    assert_ok(open_pickle(state, PICKLE(pickle), sizeof numbers, &file, &err));
    sae_tensor_file_close(file);
    size_t size;
    unsigned char *archive = get_file(temp_path(state, "state.pt"), &size);
    for (size_t cut = 0; cut < size; cut++) {
        file = NULL;
        put_file(temp_path(state, "cut.pt"), archive, cut);
        assert_int_not_equal(sae_tensor_file_open(&file, temp_path(state, "cut.pt"), &err), SAE_OK);
    }
    free(archive);
}

static void other_archives(void **state)
{
    sae_error err;
    sae_tensor_file *file = NULL;
    made_zip *zip = zip_new();
    zip_add(zip, "archive/data.pkl", "\x80\2}.", 4);
    zip_add(zip, "archive/byteorder", "big", 3);
    zip_finish(zip);
    put_file(temp_path(state, "big.pt"), zip->data, zip->size);
    assert_int_equal(sae_tensor_file_open(&file, temp_path(state, "big.pt"), &err), SAE_E_UNSUPPORTED);
    assert_contains(err.message, "little-endian");
    free(zip);
    zip = zip_new();
    zip_add(zip, "archive/code/model.py", "", 0);
    zip_finish(zip);
    put_file(temp_path(state, "other.pt"), zip->data, zip->size);
    assert_int_equal(sae_tensor_file_open(&file, temp_path(state, "other.pt"), &err), SAE_E_FORMAT);
    assert_contains(err.message, "neither .npz");
    free(zip);
    put_file(temp_path(state, "old.pt"), "\x80\2\x8a\nl\xfc", 6);
    assert_int_equal(sae_tensor_file_open(&file, temp_path(state, "old.pt"), &err), SAE_E_UNSUPPORTED);
    assert_contains(err.message, "before version 1.6");
    put_file(temp_path(state, "empty.pt"), "", 0);
    assert_int_equal(sae_tensor_file_open(&file, temp_path(state, "empty.pt"), &err), SAE_E_FORMAT);
    assert_null(file);
}

/* What is written is read again, also transposed. */
static void writes(void **state)
{
    sae_error err;
    sae_tensor_file *file = NULL;
    int32_t k = 32;
    float out[6];
    const sae_array arrays[] = {sae_array_f32("decoder.weight", numbers, 3, 2, true),
                                sae_array_f32("bias", numbers, 6, 0, false), sae_array_scalar("k", SAE_DTYPE_I32, &k)};
    assert_ok(sae_torch_write(temp_path(state, "out.pt"), arrays, 3, &err));
    assert_ok(sae_tensor_file_open(&file, temp_path(state, "out.pt"), &err));
    assert_int_equal(sae_tensor_file_count(file), 3);
    const sae_tensor *t = sae_tensor_file_find(file, "decoder.weight");
    assert_int_equal(t->shape[0], 3);
    sae_tensor_read_f32(t, 0, 6, out);
    assert_memory_equal(out, ((const float[]){0, 3, 1, 4, 2, 5}), sizeof out);
    assert_int_equal(sae_tensor_file_find(file, "k")->rank, 0);
    assert_memory_equal(sae_tensor_file_find(file, "k")->data, &k, 4);
    sae_tensor_file_close(file);
    assert_ok(sae_npz_write(temp_path(state, "out.npz"), arrays, 3, &err));
    assert_ok(sae_tensor_file_open(&file, temp_path(state, "out.npz"), &err));
    assert_int_equal(sae_tensor_file_kind(file), SAE_FILE_NPZ);
    sae_tensor_read_f32(sae_tensor_file_find(file, "decoder.weight"), 0, 6, out);
    assert_memory_equal(out, ((const float[]){0, 3, 1, 4, 2, 5}), sizeof out);
    assert_memory_equal(sae_tensor_file_find(file, "k")->data, &k, 4);
    sae_tensor_file_close(file);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        temp_test(reads_tensors), temp_test(hostile_pickles), temp_test(memo_bomb),      temp_test(too_many_objects),
        temp_test(stride_of_one), temp_test(truncations),     temp_test(other_archives), temp_test(writes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
