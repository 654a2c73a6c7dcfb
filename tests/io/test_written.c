/* What was written goes again when the result is not whole; what was there before stays. */
#include "io/temp.h"

#include <sae/io.h>
#include <sys/stat.h>

static bool there(const char *path)
{
    struct stat info;
    return stat(path, &info) == 0;
}

static void put(const char *path)
{
    put_file(path, "x", 1);
}

static void taken_back(void **state)
{
    sae_error err;
    sae_written w = {0};
    const char *old = temp_path(state, "old"), *deep = temp_path(state, "a/b/c"), *file = temp_path(state, "a/b/file");
    put(old);
    for (int whole = 0; whole < 2; whole++) {
        assert_ok(sae_written_dirs(&w, deep, &err));
        assert_ok(sae_written_dirs(&w, deep, &err)); /* there already: not noted twice */
        assert_ok(sae_written_file(&w, file, &err));
        put(file);
        assert_ok(sae_written_file(&w, old, &err));
        assert_ok(sae_written_file(&w, temp_path(state, "never-made"), &err));
        sae_written_end(&w, whole);
        assert_int_equal(there(deep), whole);
        assert_int_equal(there(file), whole);
        assert_int_equal(there(temp_path(state, "a")), whole);
        assert_true(there(old));
    }
    sae_written_end(&w, false); /* nothing is noted any more */
    assert_true(there(file));
}

/* A directory in which somebody else put something stays, and so do those above it. */
static void full_directory(void **state)
{
    sae_error err;
    sae_written w = {0};
    assert_ok(sae_written_dirs(&w, temp_path(state, "a/b"), &err));
    put(temp_path(state, "a/theirs"));
    sae_written_end(&w, false);
    assert_false(there(temp_path(state, "a/b")));
    assert_true(there(temp_path(state, "a/theirs")));
}

static void in_the_way(void **state)
{
    sae_error err;
    sae_written w = {0};
    const char *file = temp_path(state, "file");
    put(file);
    assert_int_equal(sae_written_dirs(&w, file, &err), SAE_E_IO);
    assert_contains(err.message, "file: a file is in the way");
    assert_int_equal(sae_written_dirs(&w, temp_path(state, "file/below"), &err), SAE_E_IO);
    assert_contains(err.message, "file/below: a file is in the way");
    assert_int_equal(sae_written_dirs(&w, "", &err), SAE_E_IO);
    assert_int_equal(w.count, 0);
    sae_written_end(&w, false);
    assert_true(there(file));
}

int main(void)
{
    const struct CMUnitTest tests[] = {temp_test(taken_back), temp_test(full_directory), temp_test(in_the_way)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
