/* Files for tests: a scratch directory per test, small files made byte by byte. */
#ifndef SAE_TESTS_IO_TEMP_H
#define SAE_TESTS_IO_TEMP_H

#include "testing.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define TEMP_PATH 512

typedef struct temp_dir {
    char path[TEMP_PATH / 2];
} temp_dir;

static inline void remove_tree(const char *path)
{
    char child[TEMP_PATH];
    DIR *list = opendir(path);
    for (const struct dirent *entry; list && (entry = readdir(list));) {
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0) continue;
        int length = snprintf(child, sizeof child, "%s/%s", path, entry->d_name);
        if (length < (int)sizeof child && unlink(child) != 0) remove_tree(child);
    }
    if (list) closedir(list);
    rmdir(path);
}

static inline int temp_setup(void **state)
{
    const char *base = getenv("TMPDIR");
    temp_dir *dir = malloc(sizeof *dir);
    snprintf(dir->path, sizeof dir->path, "%s/sae-test-XXXXXX", base && *base ? base : "/tmp");
    *state = dir;
    return mkdtemp(dir->path) ? 0 : -1;
}

static inline int temp_teardown(void **state)
{
    temp_dir *dir = *state;
    remove_tree(dir->path);
    free(dir);
    return 0;
}

#define temp_test(f) cmocka_unit_test_setup_teardown(f, temp_setup, temp_teardown)

/* A path in the scratch directory, in one of a few static buffers. */
static inline const char *temp_path(void **state, const char *name)
{
    static char paths[8][TEMP_PATH];
    static unsigned next;
    char *path = paths[next++ % 8];
    assert_true(snprintf(path, TEMP_PATH, "%s/%s", ((temp_dir *)*state)->path, name) < TEMP_PATH);
    return path;
}

static inline void put_file(const char *path, const void *data, size_t size)
{
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(data, 1, size, file), size);
    assert_int_equal(fclose(file), 0);
}

/* Whole file; *size bytes; free it. */
static inline unsigned char *get_file(const char *path, size_t *size)
{
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    fseek(file, 0, SEEK_END);
    *size = (size_t)ftell(file);
    rewind(file);
    unsigned char *data = malloc(*size + 1);
    assert_int_equal(fread(data, 1, *size, file), *size);
    fclose(file);
    return data;
}

/* Entries of a directory, "." and ".." not counted; −1 when there is none. */
static inline int count_entries(const char *path)
{
    DIR *list = opendir(path);
    if (!list) return -1;
    int count = -2;
    while (readdir(list)) count++;
    closedir(list);
    return count;
}

/* A safetensors file of this header text and `data_size` bytes of data: 0, 1, 2, … */
static inline void put_safetensors(const char *path, const char *header, size_t data_size)
{
    size_t length = strlen(header);
    unsigned char *file = malloc(8 + length + data_size + 1);
    for (int i = 0; i < 8; i++) file[i] = (unsigned char)((uint64_t)length >> 8 * i);
    memcpy(file + 8, header, length);
    for (size_t i = 0; i < data_size; i++) file[8 + length + i] = (unsigned char)i;
    put_file(path, file, 8 + length + data_size);
    free(file);
}

#define assert_contains(text, part)                                                                                    \
    do {                                                                                                               \
        if (!strstr(text, part)) fail_msg("\"%s\" does not contain \"%s\"", text, part);                               \
    } while (0)

#define assert_ok(call)                                                                                                \
    do {                                                                                                               \
        if ((call) != SAE_OK) fail_msg("%s: %s", #call, err.message);                                                  \
    } while (0)

#endif
