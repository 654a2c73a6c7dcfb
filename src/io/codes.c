#include <sae/io.h>

#include "base/alloc.h"
#include "base/error.h"

sae_codes *sae_codes_new(void)
{
    sae_codes *codes = sae_calloc(1, sizeof *codes);
    if (!codes) return NULL;
    codes->row_offsets = sae_calloc(1, sizeof *codes->row_offsets);
    if (!codes->row_offsets) {
        sae_free(codes);
        return NULL;
    }
    return codes;
}

void sae_codes_free(sae_codes *codes)
{
    if (!codes) return;
    sae_free(codes->row_offsets);
    sae_free(codes->latents);
    sae_free(codes->values);
    sae_free(codes);
}

/* What to grow to: at least half as much again, so that repeated growth stays cheap. */
static int64_t grown(int64_t have, int64_t need)
{
    int64_t more = have + have / 2;
    return more > need ? more : need;
}

sae_status sae_codes_reserve(sae_codes *codes, int64_t rows, int64_t entries, sae_error *err)
{
    if (rows > codes->row_capacity) {
        int64_t capacity = grown(codes->row_capacity, rows);
        int64_t *offsets = sae_realloc(codes->row_offsets, (size_t)capacity + 1, sizeof *offsets);
        if (!offsets) return sae_fail_memory(err, "the rows of codes", ((size_t)capacity + 1) * sizeof *offsets);
        codes->row_offsets = offsets;
        codes->row_capacity = capacity;
    }
    if (entries > codes->capacity) {
        int64_t capacity = grown(codes->capacity, entries);
        int32_t *latents = sae_realloc(codes->latents, (size_t)capacity, sizeof *latents);
        if (latents) codes->latents = latents;
        float *values = latents ? sae_realloc(codes->values, (size_t)capacity, sizeof *values) : NULL;
        if (values) codes->values = values;
        if (!latents || !values) return sae_fail_memory(err, "codes", (size_t)capacity * 8);
        codes->capacity = capacity;
    }
    return SAE_OK;
}
