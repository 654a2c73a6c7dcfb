#include "analysis/dot.h"

enum { LANES = 8 };

static double reduce(const double *lanes)
{
    double sum = 0;
    for (int l = 0; l < LANES; l++) sum += lanes[l];
    return sum;
}

double sae_dot_doubles(const double *a, const double *b, int64_t n)
{
    double lanes[LANES] = {0};
    int64_t whole = n / LANES * LANES;
    for (int64_t j = 0; j < whole; j += LANES)
        for (int64_t l = 0; l < LANES; l++) lanes[l] += a[j + l] * b[j + l];
    for (int64_t j = whole; j < n; j++) lanes[j - whole] += a[j] * b[j];
    return reduce(lanes);
}

double sae_dot_mixed(const double *a, const float *b, int64_t n)
{
    double lanes[LANES] = {0};
    int64_t whole = n / LANES * LANES;
    for (int64_t j = 0; j < whole; j += LANES)
        for (int64_t l = 0; l < LANES; l++) lanes[l] += a[j + l] * (double)b[j + l];
    for (int64_t j = whole; j < n; j++) lanes[j - whole] += a[j] * (double)b[j];
    return reduce(lanes);
}
