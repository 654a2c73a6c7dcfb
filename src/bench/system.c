/* Medians, memory and the machine's name. */
#include <sae/bench.h>

#include "bench/bench.h"
#include "kernels/blas.h"
#include "kernels/ops.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#ifdef __GLIBC__
#include <malloc.h>
#else
#define malloc_trim(pad) 0
#endif

static int ascending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

double sae_bench_median(double *values, int64_t count)
{
    qsort(values, (size_t)count, sizeof *values, ascending);
    return (values[(count - 1) / 2] + values[count / 2]) / 2;
}

/* The rest of the first line of `path` that begins with `key`; false when there is none. */
static int find_line(const char *path, const char *key, char *out, size_t size)
{
    FILE *file = fopen(path, "re");
    char line[512];
    int found = 0;
    while (file && !found && fgets(line, sizeof line, file)) {
        if (strncmp(line, key, strlen(key)) != 0) continue;
        const char *value = line + strlen(key);
        value += strspn(value, " \t:");
        snprintf(out, size, "%.*s", (int)strcspn(value, "\n"), value);
        found = 1;
    }
    if (file) fclose(file);
    return found;
}

int64_t sae_bench_anonymous_bytes(void)
{
    char text[64];
    (void)malloc_trim(0); /* what was freed and is still held is not memory that anyone has */
    if (!find_line("/proc/self/status", "RssAnon", text, sizeof text)) return -1;
    return strtoll(text, NULL, 10) * 1024;
}

/* Gigabytes beside the matrices: batches, tiles, buffers, the product that a step is compared with. */
#define BESIDE 1.0

bool sae_bench_fits(const sae_bench_case *c, int64_t d, char *why, size_t size)
{
    char text[64];
    if (!find_line("/proc/meminfo", "MemAvailable", text, sizeof text)) return true;
    double matrix = 4e-9 * (double)c->n * (double)d, needed = 2 * (6 + 0.5) * matrix + BESIDE;
    double available = 1024e-9 * strtod(text, NULL);
    if (needed <= available) return true;
    snprintf(why, size, "needs about %.1f GB of memory, %.1f GB are free", needed, available);
    return false;
}

void sae_bench_machine(char *cpu, size_t cpu_size, const char **kernels, const char **blas)
{
    if (!find_line("/proc/cpuinfo", "model name", cpu, cpu_size)) snprintf(cpu, cpu_size, "unknown processor");
    *kernels = sae_ops_best()->name;
    *blas = sae_blas_name();
}
