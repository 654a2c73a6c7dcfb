/* Medians, memory and the machine's name. */
#include <sae/bench.h>

#include "bench/bench.h"
#include "kernels/blas.h"
#include "kernels/ops.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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
    if (!find_line("/proc/self/status", "RssAnon", text, sizeof text)) return -1;
    return strtoll(text, NULL, 10) * 1024;
}

void sae_bench_machine(char *cpu, size_t cpu_size, const char **kernels, const char **blas)
{
    if (!find_line("/proc/cpuinfo", "model name", cpu, cpu_size)) snprintf(cpu, cpu_size, "unknown processor");
    *kernels = sae_ops_best()->name;
    *blas = sae_blas_name();
}
