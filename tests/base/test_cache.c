/* What Linux says of a processor's caches: as processors have them, and as nobody should trust it. */
#include "base/cache.h"
#include "io/temp.h"

#include <sys/stat.h>

/* A folder as Linux has it, of the test at hand. */
static void put(void **state, int index, const char *name, const char *text)
{
    char path[64];
    snprintf(path, sizeof path, "index%d", index);
    mkdir(temp_path(state, path), 0700);
    snprintf(path, sizeof path, "index%d/%s", index, name);
    put_file(temp_path(state, path), text, strlen(text));
}

static void put_cache(void **state, int index, const char *level, const char *type, const char *size,
                      const char *shared)
{
    put(state, index, "level", level);
    put(state, index, "type", type);
    put(state, index, "size", size);
    put(state, index, "shared_cpu_list", shared);
}

static void expect(void **state, int64_t second_kilobytes, int64_t last_kilobytes)
{
    sae_caches caches = sae_caches_read(((temp_dir *)*state)->path);
    assert_int_equal(caches.second, second_kilobytes << 10);
    assert_int_equal(caches.last, last_kilobytes << 10);
    for (int i = 0; i < 5; i++) {
        char name[16];
        snprintf(name, sizeof name, "index%d", i);
        remove_tree(temp_path(state, name));
    }
}

static void first_caches(void **state)
{
    put_cache(state, 0, "1\n", "Data\n", "48K\n", "0\n");
    put_cache(state, 1, "1\n", "Instruction\n", "32K\n", "0\n");
}

static void processors(void **state)
{
    first_caches(state); /* alone on its second cache */
    put_cache(state, 2, "2\n", "Unified\n", "1024K\n", "0\n");
    put_cache(state, 3, "3\n", "Unified\n", "32768K\n", "0-7\n");
    expect(state, 1024, 32768);
    first_caches(state); /* two threads of one core */
    put_cache(state, 2, "2\n", "Unified\n", "2048K\n", "0,64\n");
    put_cache(state, 3, "3\n", "Unified\n", "107520K\n", "0-31,64-95\n");
    expect(state, 1024, 107520);
    first_caches(state); /* four small cores on one, and nothing behind it */
    put_cache(state, 2, "2\n", "Unified\n", "4096K\n", "0-3\n");
    expect(state, 1024, 4096);
    first_caches(state); /* a fourth level */
    put_cache(state, 2, "2\n", "Unified\n", "256K\n", "0\n");
    put_cache(state, 3, "3\n", "Unified\n", "6144K\n", "0-3\n");
    put_cache(state, 4, "4\n", "Unified\n", "131072K\n", "0-3\n");
    expect(state, 256, 131072);
}

static void nonsense(void **state)
{
    expect(state, 1024, 32768); /* an empty folder */
    first_caches(state);
    expect(state, 1024, 32768);
    const char *const sizes[] = {"",       "\n",     "K\n",     "0K\n",     "-1K\n",
                                 "many\n", "1024\n", "1024M\n", "1024KB\n", "99999999999K\n"};
    for (int i = 0; i < 10; i++) {
        put_cache(state, 0, "2\n", "Unified\n", sizes[i], "0\n");
        expect(state, 1024, 32768);
    }
    const char *const lists[] = {"", "\n", ",\n", "x\n", "0-\n", "3-0\n", "0;1\n", "0,\n", "-1\n", "0--9\n"};
    for (int i = 0; i < 10; i++) {
        put_cache(state, 0, "2\n", "Unified\n", "512K\n", lists[i]);
        expect(state, 512, 512);
    }
    put_cache(state, 0, "22\n", "Unified\n", "512K\n", "0\n");
    put_cache(state, 1, "-2\n", "Unified\n", "512K\n", "0\n");
    put_cache(state, 2, "2\n", "Instruction\n", "512K\n", "0\n");
    expect(state, 1024, 32768);
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
        temp_test(processors),
        temp_test(nonsense),
        cmocka_unit_test(here),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
