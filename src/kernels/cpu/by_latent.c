/* Codes regrouped by latent: a counting sort over fixed segments of rows, so that segments are independent and the
 * order within a latent is always by row. */
#include "kernels/step.h"

#include "base/alloc.h"
#include "base/error.h"

#include <string.h>

sae_status sae_by_latent_new(sae_by_latent *out, int64_t max_n, int64_t capacity, sae_error *err)
{
    sae_by_latent by = {.max_n = max_n, .capacity = capacity};
    by.offsets = sae_alloc((size_t)max_n + 1, sizeof *by.offsets);
    by.row = sae_alloc((size_t)capacity, sizeof *by.row);
    by.f = sae_alloc((size_t)capacity, sizeof *by.f);
    by.slope = sae_alloc((size_t)capacity, sizeof *by.slope);
    by.scratch = sae_alloc((size_t)max_n * SAE_SEGMENTS, sizeof *by.scratch);
    if (!by.offsets || !by.row || !by.f || !by.slope || !by.scratch) {
        sae_by_latent_clear(&by);
        return sae_fail(err, SAE_E_MEMORY, "out of memory for the codes of %lld latents (%lld entries)",
                        (long long)max_n, (long long)capacity);
    }
    *out = by;
    return SAE_OK;
}

void sae_by_latent_clear(sae_by_latent *by)
{
    sae_free(by->offsets);
    sae_free(by->row);
    sae_free(by->f);
    sae_free(by->slope);
    sae_free(by->scratch);
    *by = (sae_by_latent){0};
}

sae_status sae_by_latent_reserve(sae_by_latent *by, int64_t entries, sae_error *err)
{
    if (entries <= by->capacity) return SAE_OK;
    sae_by_latent grown;
    sae_status status = sae_by_latent_new(&grown, by->max_n, entries + entries / 2, err);
    if (status != SAE_OK) return status;
    sae_by_latent_clear(by);
    *by = grown;
    return SAE_OK;
}

static int64_t segment_start(const sae_codes *codes, int s)
{
    return codes->rows * s / SAE_SEGMENTS;
}

static void count_segment(const sae_codes *codes, int s, int64_t n, int32_t *count)
{
    memset(count, 0, (size_t)n * sizeof *count);
    int64_t end = codes->row_offsets[segment_start(codes, s + 1)];
    for (int64_t j = codes->row_offsets[segment_start(codes, s)]; j < end; j++) count[codes->latents[j]]++;
}

/* Counts become the places where each segment's entries of a latent begin. */
static void find_places(sae_by_latent *by, int64_t n)
{
    int64_t total = 0;
    for (int64_t i = 0; i < n; i++) {
        int64_t here = 0;
        by->offsets[i] = total;
        for (int s = 0; s < SAE_SEGMENTS; s++) {
            int32_t count = by->scratch[s * n + i];
            by->scratch[s * n + i] = (int32_t)here;
            here += count;
        }
        total += here;
    }
    by->offsets[n] = total;
}

static void place_segment(sae_by_latent *by, const sae_codes *codes, const float *slope, int s, int32_t *next)
{
    int64_t last = segment_start(codes, s + 1);
    for (int64_t b = segment_start(codes, s); b < last; b++)
        for (int64_t j = codes->row_offsets[b]; j < codes->row_offsets[b + 1]; j++) {
            int32_t i = codes->latents[j];
            int64_t to = by->offsets[i] + next[i]++;
            by->row[to] = (int32_t)b;
            by->f[to] = codes->values[j];
            by->slope[to] = slope[j];
        }
}

void sae_by_latent_fill(sae_by_latent *by, int64_t n, const sae_codes *codes, const float *slope, int threads)
{
#pragma omp parallel num_threads(threads)
    {
#pragma omp for schedule(static)
        for (int s = 0; s < SAE_SEGMENTS; s++) count_segment(codes, s, n, by->scratch + s * n);
#pragma omp single
        find_places(by, n);
#pragma omp for schedule(static)
        for (int s = 0; s < SAE_SEGMENTS; s++) place_segment(by, codes, slope, s, by->scratch + s * n);
    }
}
