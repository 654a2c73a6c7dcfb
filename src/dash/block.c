#include "dash/block.h"

#include "base/alloc.h"
#include "base/error.h"

#include <omp.h>

void sae_dash_block_clear(sae_dash_block *b)
{
    for (int t = 0; b->scratch && t < b->threads; t++) sae_dash_scratch_clear(&b->scratch[t]);
    for (int64_t i = 0; b->latents && i < SAE_DASH_BLOCK; i++)
        for (int k = 0; k < SAE_EXAMPLE_KINDS; k++) sae_dash_acts_clear(&b->latents[i].acts[k]);
    sae_free(b->scratch);
    sae_free(b->latents);
    *b = (sae_dash_block){0};
}

/* SAE and latent in one number, for the seeds of samples. */
static uint64_t salt_of(const sae_dash_block *b, int64_t latent)
{
    return (uint64_t)b->sae << 32 | (uint64_t)latent;
}

static sae_status run_latent(const sae_dash_block *b, sae_dash_latent *out, int64_t latent, sae_dash_scratch *scratch,
                             sae_error *err)
{
    sae_status status = SAE_OK;
    int64_t at = latent - b->columns->first, begin = b->columns->starts[at];
    sae_dash_firings f = {b->columns->starts[at + 1] - begin, b->columns->rows + begin, b->columns->values + begin};
    out->n_active = f.count;
    sae_dash_stats_of(&out->stats, &f, scratch);
    sae_dash_cut(scratch, &b->where, &f);
    sae_dash_pick_top(&out->examples[SAE_EXAMPLES_TOP], scratch, &b->where, &f);
    sae_dash_pick_intervals(&out->examples[SAE_EXAMPLES_INTERVAL], scratch, &b->where, &f, salt_of(b, latent),
                            out->stats.max);
    sae_dash_pick_random(&out->examples[SAE_EXAMPLES_RANDOM], scratch, &b->where, &f, salt_of(b, latent));
    out->examples[SAE_EXAMPLES_NEAR] = (sae_dash_examples){.groups = 1};
    for (int k = 0; k < SAE_EXAMPLE_KINDS && status == SAE_OK; k++)
        status = sae_dash_acts_fill(&out->acts[k], &out->examples[k], &b->where, &f, err);
    return status;
}

sae_status sae_dash_block_run(sae_dash_block *b, sae_error *err)
{
    sae_status status = SAE_OK;
#pragma omp parallel for num_threads(b->threads) schedule(dynamic)
    for (int64_t i = 0; i < b->count; i++) {
        sae_error own;
        sae_status result = run_latent(b, &b->latents[i], b->first + i, &b->scratch[omp_get_thread_num()], &own);
        if (result == SAE_OK) continue;
#pragma omp critical(sae_dash_block)
        if (status == SAE_OK) status = sae_fail(err, result, "%s", own.message);
    }
    return status;
}
