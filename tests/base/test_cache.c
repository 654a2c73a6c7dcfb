/* What Linux says of a processor's caches: as processors have them, and as nobody should trust it. */
#include "base/cache.h"
#include "testing.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static char folder[] = "/tmp/sae-cache-XXXXXX";

static int make_folder(void **state)
{
    (void)state;
    return mkdtemp(folder) ? 0 : -1;
}

static void put(int index, const char *name, const char *text)
{
    char path[128];
    snprintf(path, sizeof path, "%s/index%d", folder, index);
    mkdir(path, 0700);
    snprintf(path, sizeof path, "%s/index%d/%s", folder, index, name);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
}

static void put_cache(int index, const char *level, const char *type, const char *size, const char *shared)
{
    put(index, "level", level);
    put(index, "type", type);
    put(index, "size", size);
    put(index, "shared_cpu_list", shared);
}

static void clear(void)
{
    char command[128];
    snprintf(command, sizeof command, "rm -rf %s/*", folder);
    assert_int_equal(system(command), 0);
}

static int remove_folder(void **state)
{
    (void)state;
    clear();
    return rmdir(folder);
}

static void expect(int64_t second_kilobytes, int64_t last_kilobytes)
{
    sae_caches caches = sae_caches_read(folder);
    assert_int_equal(caches.second, second_kilobytes << 10);
    assert_int_equal(caches.last, last_kilobytes << 10);
    clear();
}

static void first_caches(void)
{
    put_cache(0, "1\n", "Data\n", "48K\n", "0\n");
    put_cache(1, "1\n", "Instruction\n", "32K\n", "0\n");
}

static void processors(void **state)
{
    (void)state;
    first_caches(); /* alone on its second cache */
    put_cache(2, "2\n", "Unified\n", "1024K\n", "0\n");
    put_cache(3, "3\n", "Unified\n", "32768K\n", "0-7\n");
    expect(1024, 32768);
    first_caches(); /* two threads of one core */
    put_cache(2, "2\n", "Unified\n", "2048K\n", "0,64\n");
    put_cache(3, "3\n", "Unified\n", "107520K\n", "0-31,64-95\n");
    expect(1024, 107520);
    first_caches(); /* four small cores on one, and nothing behind it */
    put_cache(2, "2\n", "Unified\n", "4096K\n", "0-3\n");
    expect(1024, 4096);
    first_caches(); /* a fourth level */
    put_cache(2, "2\n", "Unified\n", "256K\n", "0\n");
    put_cache(3, "3\n", "Unified\n", "6144K\n", "0-3\n");
    put_cache(4, "4\n", "Unified\n", "131072K\n", "0-3\n");
    expect(256, 131072);
}

static void nonsense(void **state)
{
    (void)state;
    expect(1024, 32768); /* an empty folder */
    first_caches();
    expect(1024, 32768);
    const char *const sizes[] = {"",       "\n",     "K\n",     "0K\n",     "-1K\n",
                                 "many\n", "1024\n", "1024M\n", "1024KB\n", "99999999999K\n"};
    for (int i = 0; i < 10; i++) {
        put_cache(0, "2\n", "Unified\n", sizes[i], "0\n");
        expect(1024, 32768);
    }
    const char *const lists[] = {"", "\n", ",\n", "x\n", "0-\n", "3-0\n", "0;1\n", "0,\n", "-1\n", "0--9\n"};
    for (int i = 0; i < 10; i++) {
        put_cache(0, "2\n", "Unified\n", "512K\n", lists[i]);
        expect(512, 512);
    }
    put_cache(0, "22\n", "Unified\n", "512K\n", "0\n");
    put_cache(1, "-2\n", "Unified\n", "512K\n", "0\n");
    put_cache(2, "2\n", "Instruction\n", "512K\n", "0\n");
    expect(1024, 32768);
}

/* Of this machine, whatever it is: sizes that tiles can be cut by. */
static void here(void **state)
{
    (void)state;
    sae_caches caches = sae_caches_read(SAE_CACHES_HERE);
    print_message("second-level cache %lld KB for each processor, last %lld KB\n", (long long)caches.second >> 10,
                  (long long)caches.last >> 10);
    assert_true(caches.second >= 16 << 10 && caches.last >= caches.second);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(processors),
        cmocka_unit_test(nonsense),
        cmocka_unit_test(here),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
