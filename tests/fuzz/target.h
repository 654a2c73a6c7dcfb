/* A fuzz target: takes any bytes, reads them as a file, and aborts when what it was told is not true. */
#ifndef SAE_TESTS_FUZZ_TARGET_H
#define SAE_TESTS_FUZZ_TARGET_H

#define _GNU_SOURCE /* memfd_create */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define REQUIRE(condition)                                                                                             \
    do {                                                                                                               \
        if (!(condition)) {                                                                                            \
            fprintf(stderr, "%s:%d: not true: %s\n", __FILE__, __LINE__, #condition);                                  \
            abort();                                                                                                   \
        }                                                                                                              \
    } while (0)

/* A path under which these bytes can be opened, until the next call. The file lies in memory and has no name:
 * nothing is left when the process ends, however it ends. */
static inline const char *scratch_path(const uint8_t *data, size_t size)
{
    static int file = -1;
    static char path[64];
    if (file >= 0) close(file);
    file = memfd_create("fuzz", MFD_CLOEXEC);
    REQUIRE(file >= 0 && write(file, data, size) == (ssize_t)size);
    snprintf(path, sizeof path, "/proc/self/fd/%d", file);
    return path;
}

#endif
