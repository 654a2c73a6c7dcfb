/* Zip archives: what is read, and what is refused. */
#include "io/make_zip.h"
#include "io/temp.h"

#include "base/alloc.h"
#include "io/zip.h"
#include "io/zip_write.h"

static made_zip *good(void)
{
    static const char repeated[2000] = "deflated";
    made_zip *zip = zip_new();
    zip_add(zip, "a.npy", "stored", 6);
    zip_add_deflated(zip, "b.npy", repeated, sizeof repeated);
    zip_add(zip, "empty", "", 0);
    zip_finish(zip);
    return zip;
}

static void reads_members(void **state)
{
    (void)state;
    sae_error err;
    sae_zip zip;
    made_zip *made = good();
    assert_ok(sae_zip_parse(&zip, "a.zip", made->data, made->size, &err));
    assert_int_equal(zip.count, 3);
    assert_null(sae_zip_find(&zip, "c.npy"));
    const unsigned char *content;
    void *owned;
    const sae_zip_member *member = sae_zip_find(&zip, "a.npy");
    assert_ok(sae_zip_read(member, "a.zip", &content, &owned, &err));
    assert_null(owned); /* a view */
    assert_memory_equal(content, "stored", 6);
    member = sae_zip_find(&zip, "b.npy");
    assert_int_equal(member->size, 2000);
    assert_ok(sae_zip_read(member, "a.zip", &content, &owned, &err));
    assert_memory_equal(content, "deflated\0\0", 10);
    sae_free(owned);
    assert_ok(sae_zip_read(sae_zip_find(&zip, "empty"), "a.zip", &content, &owned, &err));
    sae_zip_clear(&zip);
    free(made);
}

/* A comment behind the end record, and one that looks like an end record. */
static void comments(void **state)
{
    (void)state;
    sae_error err;
    sae_zip zip;
    made_zip *made = good();
    zip_patch(made, made->size - 2, 30, 2);
    zip_number(made, 0x06054b50u, 4);
    made->size += 26;
    assert_ok(sae_zip_parse(&zip, "a.zip", made->data, made->size, &err));
    assert_int_equal(zip.count, 3);
    sae_zip_clear(&zip);
    free(made);
}

/* One member whose sizes and place, and the directory's, stand in zip64 fields. `field` bytes of its zip64 field are
 * there. */
static made_zip *good_zip64(unsigned field)
{
    made_zip *zip = zip_new();
    zip_add(zip, "a", "content", 7);
    zip->directory = zip->size;
    zip_number(zip, 0x02014b50u, 4);
    zip_number(zip, 45, 2);
    zip_number(zip, 45, 2);
    zip_number(zip, 0, 8); /* flags, method, time */
    zip_number(zip, zip->members[0].crc, 4);
    zip_number(zip, 0xffffffff, 4);
    zip_number(zip, 0xffffffff, 4);
    zip_number(zip, 1, 2);
    zip_number(zip, 6 + 4 + field, 2); /* behind a field that is not of interest */
    zip_number(zip, 0, 8);
    zip_number(zip, 0, 2);
    zip_number(zip, 0xffffffff, 4);
    zip->data[zip->size++] = 'a';
    zip_number(zip, 0x5455, 2);
    zip_number(zip, 2, 2);
    zip_number(zip, 0, 2);
    zip_number(zip, 1, 2);
    zip_number(zip, field, 2);
    zip->entry[0] = zip->size; /* of the values themselves */
    const uint64_t values[3] = {7, 7, zip->local[0]};
    for (unsigned i = 0; i < field / 8; i++) zip_number(zip, values[i], 8);
    zip->end = zip->size;
    zip_number(zip, 0x06064b50u, 4);
    zip_number(zip, 44, 8);
    zip_number(zip, 45, 4);
    zip_number(zip, 0, 8);
    zip_number(zip, 1, 8);
    zip_number(zip, 1, 8);
    zip_number(zip, zip->end - zip->directory, 8);
    zip_number(zip, zip->directory, 8);
    zip_number(zip, 0x07064b50u, 4);
    zip_number(zip, 0, 4);
    zip_number(zip, zip->end, 8);
    zip_number(zip, 1, 4);
    zip_number(zip, 0x06054b50u, 4);
    zip_number(zip, 0, 4);
    zip_number(zip, 0xffff, 2);
    zip_number(zip, 0xffff, 2);
    zip_number(zip, 0xffffffff, 4);
    zip_number(zip, 0xffffffff, 4);
    zip_number(zip, 0, 2);
    return zip;
}

static void zip64(void **state)
{
    (void)state;
    sae_error err;
    sae_zip zip;
    const unsigned char *content;
    void *owned;
    made_zip *made = good_zip64(24);
    assert_ok(sae_zip_parse(&zip, "a.zip", made->data, made->size, &err));
    assert_ok(sae_zip_read(sae_zip_find(&zip, "a"), "a.zip", &content, &owned, &err));
    assert_memory_equal(content, "content", 7);
    sae_zip_clear(&zip);
    static const struct {
        size_t place;
        uint64_t value;
    } lies[] = {{0, UINT64_MAX}, {0, 8}, {8, UINT64_MAX}, {16, UINT64_MAX - 20}, {16, 1}};
    for (size_t i = 0; i < sizeof lies / sizeof *lies; i++) { /* sizes and offset that overflow or lie */
        made_zip *bad = good_zip64(24);
        zip_patch(bad, bad->entry[0] + lies[i].place, lies[i].value, 8);
        assert_int_equal(sae_zip_parse(&zip, "a.zip", bad->data, bad->size, &err), SAE_E_FORMAT);
        free(bad);
    }
    size_t record = made->end;
    zip_patch(made, record + 48, UINT64_MAX, 8); /* the directory */
    assert_int_equal(sae_zip_parse(&zip, "a.zip", made->data, made->size, &err), SAE_E_FORMAT);
    assert_contains(err.message, "outside of the file");
    zip_patch(made, record + 56 + 8, UINT64_MAX - 8, 8); /* the record of the locator */
    assert_int_equal(sae_zip_parse(&zip, "a.zip", made->data, made->size, &err), SAE_E_FORMAT);
    assert_contains(err.message, "zip64");
    free(made);
    made = good_zip64(16); /* the offset is missing */
    assert_int_equal(sae_zip_parse(&zip, "a.zip", made->data, made->size, &err), SAE_E_FORMAT);
    assert_contains(err.message, "lacks its zip64 sizes");
    free(made);
}

/* Where in good() a lie is told, and what is said of it. */
typedef struct lie {
    const char *what;
    enum { LOCAL, ENTRY, END } where;
    size_t member, offset;
    uint64_t value;
    int bytes;
    sae_status status;
    const char *message;
} lie;

static void lies(void **state)
{
    (void)state;
    static const lie cases[] = {
        {"directory beyond the end", END, 0, 16, 100000, 4, SAE_E_FORMAT, "outside of the file"},
        {"directory too long", END, 0, 12, 100000, 4, SAE_E_FORMAT, "outside of the file"},
        {"more entries than there are", END, 0, 10, 4, 2, SAE_E_FORMAT, "fewer entries"},
        {"many more entries", END, 0, 10, 60000, 2, SAE_E_FORMAT, "fewer entries"},
        {"fewer entries", END, 0, 10, 2, 2, SAE_E_FORMAT, "more entries"},
        {"a second volume", END, 0, 4, 1, 2, SAE_E_FORMAT, "volumes"},
        {"zip64 without its record", END, 0, 16, 0xffffffff, 4, SAE_E_FORMAT, "zip64"},
        {"no entry signature", ENTRY, 1, 0, 0, 4, SAE_E_FORMAT, "damaged"},
        {"a name beyond the directory", ENTRY, 2, 28, 60000, 2, SAE_E_FORMAT, "damaged"},
        {"no name", ENTRY, 0, 28, 0, 2, SAE_E_FORMAT, "name"},
        {"encrypted", ENTRY, 0, 8, 1, 2, SAE_E_UNSUPPORTED, "encrypted"},
        {"LZMA", ENTRY, 0, 10, 14, 2, SAE_E_UNSUPPORTED, "method 14"},
        {"stored with two sizes", ENTRY, 0, 24, 7, 4, SAE_E_FORMAT, "impossible sizes"},
        {"stored beyond the end", ENTRY, 1, 20, 90000, 4, SAE_E_FORMAT, "impossible sizes"},
        {"into the directory", ENTRY, 2, 20, 1, 4, SAE_E_FORMAT, "impossible sizes"},
        {"deflated into the directory", ENTRY, 1, 20, 150, 4, SAE_E_FORMAT, "outside of the file"},
        {"offset beyond the end", ENTRY, 0, 42, 900000, 4, SAE_E_FORMAT, "outside of the file"},
        {"offset in the directory", ENTRY, 0, 42, 200, 4, SAE_E_FORMAT, ""},
        {"zip64 sizes that are missing", ENTRY, 0, 24, 0xffffffff, 4, SAE_E_FORMAT, "zip64"},
        {"a bomb", ENTRY, 1, 24, 0xfffffff0, 4, SAE_E_FORMAT, "zip bomb"},
        {"no local signature", LOCAL, 0, 0, 0, 4, SAE_E_FORMAT, "contradicts"},
        {"another local method", LOCAL, 0, 8, 8, 2, SAE_E_FORMAT, "contradicts"},
        {"another local name", LOCAL, 0, 30, 'z', 1, SAE_E_FORMAT, "contradicts"},
        {"a long local extra field", LOCAL, 0, 28, 60000, 2, SAE_E_FORMAT, "contradicts"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const lie *c = &cases[i];
        sae_error err = {0};
        sae_zip zip;
        made_zip *made = good();
        size_t base = c->where == END ? made->end : c->where == ENTRY ? made->entry[c->member] : made->local[c->member];
        zip_patch(made, base + c->offset, c->value, c->bytes);
        sae_status status = sae_zip_parse(&zip, "a.zip", made->data, made->size, &err);
        if (status != c->status) fail_msg("%s: %s (%s)", c->what, sae_status_name(status), err.message);
        assert_contains(err.message, "a.zip");
        assert_contains(err.message, c->message);
        free(made);
    }
}

/* Two entries for one place, once with the same and once with another name. */
static void overlaps(void **state)
{
    (void)state;
    sae_error err;
    sae_zip zip;
    made_zip *made = zip_new();
    zip_add(made, "a", "one", 3);
    zip_add(made, "a", "two", 3);
    zip_finish(made);
    assert_int_equal(sae_zip_parse(&zip, "a.zip", made->data, made->size, &err), SAE_E_FORMAT);
    assert_contains(err.message, "two members called a");
    zip_patch(made, made->entry[1] + 42, made->local[0], 4);
    assert_int_equal(sae_zip_parse(&zip, "a.zip", made->data, made->size, &err), SAE_E_FORMAT);
    assert_contains(err.message, "overlap");
    free(made);
    /* the second member's header inside of the first one's data */
    unsigned char inner[64] = {0};
    made_zip *nested = zip_new();
    zip_add(nested, "x", "1", 1);
    memcpy(inner, nested->data, nested->size);
    made = zip_new();
    zip_add(made, "big", inner, sizeof inner);
    zip_add(made, "x", "1", 1);
    zip_finish(made);
    zip_patch(made, made->entry[1] + 42, made->local[0] + 30 + 3, 4);
    assert_int_equal(sae_zip_parse(&zip, "a.zip", made->data, made->size, &err), SAE_E_FORMAT);
    assert_contains(err.message, "overlap");
    free(nested);
    free(made);
}

static void expect_unreadable(made_zip *made, const char *name, const char *message)
{
    sae_error err = {0};
    sae_zip zip;
    const unsigned char *content;
    void *owned;
    assert_ok(sae_zip_parse(&zip, "a.zip", made->data, made->size, &err));
    assert_int_equal(sae_zip_read(sae_zip_find(&zip, name), "a.zip", &content, &owned, &err), SAE_E_FORMAT);
    assert_contains(err.message, message);
    assert_contains(err.message, name);
    sae_zip_clear(&zip);
    free(made);
}

/* What inflates to more, to less, or not at all; wrong checksums. */
static void bad_content(void **state)
{
    (void)state;
    made_zip *made = good();
    zip_patch(made, made->entry[1] + 24, 1999, 4);
    expect_unreadable(made, "b.npy", "does not inflate to the 1999 bytes");
    made = good();
    zip_patch(made, made->entry[1] + 24, 2001, 4);
    expect_unreadable(made, "b.npy", "does not inflate to the 2001 bytes");
    made = good();
    zip_patch(made, made->entry[1] + 24, 0, 4);
    expect_unreadable(made, "b.npy", "does not inflate to the 0 bytes");
    made = good();
    made->data[made->local[1] + 30 + 5] = 0xff;
    expect_unreadable(made, "b.npy", "does not inflate");
    made = good();
    made->data[made->local[0] + 30 + 5] ^= 1;
    expect_unreadable(made, "a.npy", "checksum");
}

/* 64 times its own size is the most that an archive may hold. */
static void bombs(void **state)
{
    (void)state;
    sae_error err;
    sae_zip zip;
    size_t zeros = (size_t)40 << 20;
    char *content = calloc(zeros, 1);
    made_zip *made = zip_new();
    zip_add_deflated(made, "zeros", content, zeros);
    zip_finish(made);
    assert_true(made->size < 50000);
    assert_int_equal(sae_zip_parse(&zip, "bomb.zip", made->data, made->size, &err), SAE_E_FORMAT);
    assert_contains(err.message, "zip bomb");
    free(made);
    made = zip_new(); /* 1000 : 1, but little */
    zip_add_deflated(made, "zeros", content, (size_t)8 << 20);
    zip_finish(made);
    assert_ok(sae_zip_parse(&zip, "zeros.zip", made->data, made->size, &err));
    sae_zip_clear(&zip);
    free(made);
    free(content);
}

static void every_truncation(void **state)
{
    (void)state;
    made_zip *made = good();
    for (size_t size = 0; size < made->size; size++) {
        sae_error err;
        sae_zip zip;
        unsigned char *part = malloc(size ? size : 1);
        memcpy(part, made->data, size);
        assert_int_equal(sae_zip_parse(&zip, "a.zip", part, size, &err), SAE_E_FORMAT);
        free(part);
    }
    free(made);
}

/* ---- writing -------------------------------------------------------------------------------------------- */

static void writes(void **state)
{
    sae_error err;
    sae_zip_writer *writer = NULL;
    const char *path = temp_path(state, "out.zip");
    assert_ok(sae_zip_writer_open(&writer, path, &err));
    assert_ok(sae_zip_writer_begin(writer, "one", 5, &err));
    assert_ok(sae_zip_writer_write(writer, "he", 2, &err));
    assert_ok(sae_zip_writer_write(writer, "llo", 3, &err));
    assert_ok(sae_zip_writer_begin(writer, "two", 0, &err));
    assert_int_not_equal(access(path, F_OK), 0);
    assert_ok(sae_zip_writer_finish(writer, &err));
    size_t size;
    sae_zip zip;
    unsigned char *file = get_file(path, &size);
    assert_ok(sae_zip_parse(&zip, path, file, size, &err));
    const unsigned char *content;
    void *owned;
    const sae_zip_member *one = sae_zip_find(&zip, "one");
    assert_int_equal((one->data - file) % 64, 0);
    assert_ok(sae_zip_read(one, path, &content, &owned, &err));
    assert_int_equal(one->size, 5);
    assert_memory_equal(content, "hello", 5);
    sae_zip_clear(&zip);
    free(file);
}

static void writes_what_was_announced(void **state)
{
    sae_error err;
    sae_zip_writer *writer = NULL;
    const char *path = temp_path(state, "out.zip");
    assert_ok(sae_zip_writer_open(&writer, path, &err));
    assert_ok(sae_zip_writer_begin(writer, "one", 5, &err));
    assert_int_equal(sae_zip_writer_write(writer, "toolong", 7, &err), SAE_E_ARG);
    assert_int_equal(sae_zip_writer_begin(writer, "two", 5, &err), SAE_E_ARG);
    assert_int_equal(sae_zip_writer_finish(writer, &err), SAE_E_ARG);
    assert_contains(err.message, "lacks 5 bytes");
    assert_int_equal(count_entries(((temp_dir *)*state)->path), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_members),
        cmocka_unit_test(comments),
        cmocka_unit_test(zip64),
        cmocka_unit_test(lies),
        cmocka_unit_test(overlaps),
        cmocka_unit_test(bad_content),
        cmocka_unit_test(bombs),
        cmocka_unit_test(every_truncation),
        temp_test(writes),
        temp_test(writes_what_was_announced),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
