#include "base/cache.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST = 16, WORD = 64 };

/* The first line of folder/index/name, without its end; false where there is none that fits. */
static bool read_line(const char *folder, int index, const char *name, char line[WORD])
{
    char path[512];
    int length = snprintf(path, sizeof path, "%s/index%d/%s", folder, index, name);
    FILE *file = length > 0 && (size_t)length < sizeof path ? fopen(path, "r") : NULL;
    bool read = file && fgets(line, WORD, file);
    if (file) fclose(file);
    if (!read) return false;
    line[strcspn(line, "\n")] = 0;
    return true;
}

/* Reads digits, at most seven, and moves past them. */
static bool read_number(const char **at, int64_t *number)
{
    size_t digits = strspn(*at, "0123456789");
    if (digits == 0 || digits > 7) return false;
    *number = strtol(*at, NULL, 10);
    *at += digits;
    return true;
}

/* "1024K": bytes; 0 for anything else. */
static int64_t bytes_of(const char *size)
{
    int64_t kilobytes;
    return read_number(&size, &kilobytes) && strcmp(size, "K") == 0 ? kilobytes << 10 : 0;
}

/* "0-3,8": how many processors; what is no such list counts as one. */
static int64_t processors_of(const char *list)
{
    int64_t count = 0, first, last;
    do {
        if (!read_number(&list, &first)) return 1;
        last = first;
        if (*list == '-') {
            list++;
            if (!read_number(&list, &last) || last < first) return 1;
        }
        count += last - first + 1;
    } while (*list++ == ',');
    return list[-1] ? 1 : count;
}

sae_caches sae_caches_read(const char *folder)
{
    sae_caches caches = {.second = (int64_t)1 << 20, .last = (int64_t)32 << 20};
    int top = 0;
    for (int i = 0; i < MOST; i++) {
        char type[WORD], level[WORD], size[WORD], shared[WORD];
        if (!read_line(folder, i, "level", level) || !read_line(folder, i, "type", type) ||
            !read_line(folder, i, "size", size))
            break;
        int64_t bytes = bytes_of(size);
        int at = level[0] - '0';
        if (strlen(level) != 1 || at < 2 || at > 9 || bytes == 0 || strcmp(type, "Instruction") == 0) continue;
        if (at == 2)
            caches.second = read_line(folder, i, "shared_cpu_list", shared) ? bytes / processors_of(shared) : bytes;
        if (at > top) {
            top = at;
            caches.last = bytes;
        }
    }
    return caches;
}
