/* Output appears whole or not at all; paths; small things that everything stands on. */
#include "testing.h"

#include "base/alloc.h"
#include "base/error.h"
#include "base/file.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int setup(void **state)
{
    char *dir = strdup("/tmp/sae-test-file-XXXXXX");
    assert_non_null(mkdtemp(dir));
    *state = dir;
    return 0;
}

static int teardown(void **state)
{
    char command[128];
    snprintf(command, sizeof command, "rm -rf %s", (char *)*state);
    assert_int_equal(system(command), 0);
    free(*state);
    return 0;
}

static int entries(const char *dir)
{
    char command[160], line[32] = "";
    snprintf(command, sizeof command, "ls -A %s | wc -l", dir);
    FILE *pipe = popen(command, "r");
    assert_non_null(fgets(line, sizeof line, pipe));
    pclose(pipe);
    return atoi(line);
}

static void whole_or_not_at_all(void **state)
{
    char *path = sae_path_join(*state, "out");
    sae_output out = {0};
    sae_error err;
    char *text = NULL;
    size_t length;
    assert_int_equal(sae_output_open(&out, path, &err), SAE_OK);
    assert_int_equal(sae_output_write(&out, "first", 5, &err), SAE_OK);
    assert_false(sae_file_exists(path));
    assert_int_equal(sae_output_commit(&out, &err), SAE_OK);
    assert_int_equal(sae_read_text(path, 100, &text, &length, &err), SAE_OK);
    assert_string_equal(text, "first");
    sae_free(text);
    /* given up: the old file stays, nothing lies about */
    assert_int_equal(sae_output_open(&out, path, &err), SAE_OK);
    assert_int_equal(sae_output_write(&out, "second", 6, &err), SAE_OK);
    sae_output_abort(&out);
    sae_output_abort(&out);
    assert_int_equal(sae_read_text(path, 100, &text, &length, &err), SAE_OK);
    assert_string_equal(text, "first");
    sae_free(text);
    assert_int_equal(entries(*state), 1);
    /* too large for what it should be */
    assert_int_equal(sae_read_text(path, 4, &text, &length, &err), SAE_E_FORMAT);
    sae_free(path);
}

static void refusals(void **state)
{
    sae_error err;
    sae_map map;
    sae_output out = {0};
    assert_int_equal(sae_map_open(&map, "/nowhere/at/all", &err), SAE_E_IO);
    assert_non_null(strstr(err.message, "/nowhere/at/all"));
    assert_int_equal(sae_map_open(&map, *state, &err), SAE_E_IO);
    assert_int_equal(sae_output_open(&out, "/nowhere/at/all", &err), SAE_E_IO);
    assert_int_equal(sae_write_file(*state, "x", 1, &err), SAE_E_IO);
}

static void names(void **state)
{
    (void)state;
    char name[32];
    sae_path_name("/a/b/gpt2/", name, sizeof name);
    assert_string_equal(name, "gpt2");
    sae_path_name("gpt2", name, sizeof name);
    assert_string_equal(name, "gpt2");
    sae_path_name("/tmp/.", name, sizeof name);
    assert_string_equal(name, "tmp");
    char shown[8];
    sae_printable("a\n\x80z", 4, shown, sizeof shown);
    assert_string_equal(shown, "a??z");
}

static void sizes(void **state)
{
    (void)state;
    size_t s;
    int64_t i;
    assert_false(sae_mul_size(SIZE_MAX, 2, &s));
    assert_true(sae_mul_size(3, 4, &s) && s == 12);
    assert_false(sae_add_size(SIZE_MAX, 1, &s));
    assert_false(sae_mul_i64(INT64_MAX, 2, &i));
    assert_false(sae_mul_i64(-1, 2, &i));
    assert_null(sae_alloc(SIZE_MAX, 2));
    assert_null(sae_calloc(SIZE_MAX, 2));
    void *aligned = sae_alloc(3, 1);
    assert_int_equal((uintptr_t)aligned % SAE_ALIGN, 0);
    sae_free(aligned);
}

static void messages(void **state)
{
    (void)state;
    sae_error err;
    assert_int_equal(sae_fail(&err, SAE_E_SHAPE, "%d and %d", 1, 2), SAE_E_SHAPE);
    assert_string_equal(err.message, "1 and 2");
    assert_int_equal(sae_fail(NULL, SAE_E_IO, "nobody listens"), SAE_E_IO);
    errno = ENOSPC;
    assert_int_equal(sae_fail_errno(&err, "cannot write x"), SAE_E_IO);
    assert_string_equal(err.message, "cannot write x: No space left on device");
    for (int s = SAE_OK; s <= SAE_E_INTERRUPTED; s++)
        assert_string_not_equal(sae_status_name((sae_status)s), "unknown status");
    assert_string_equal(sae_status_name((sae_status)1000), "unknown status");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(whole_or_not_at_all),
        cmocka_unit_test(refusals),
        cmocka_unit_test(names),
        cmocka_unit_test(sizes),
        cmocka_unit_test(messages),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
