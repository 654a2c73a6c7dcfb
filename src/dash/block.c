#include "dash/block.h"

#include "base/alloc.h"
#include "base/error.h"
#include "base/parallel.h"

#include <omp.h>

static void latent_clear(sae_dash_latent *l, size_t saes)
{
    for (int k = 0; k < SAE_EXAMPLE_KINDS; k++) sae_dash_acts_clear(&l->acts[k]);
    for (size_t k = 0; l->shared && k < saes * SAE_DASH_SHARED; k++) sae_dash_acts_clear(&l->shared[k]);
    sae_free(l->links);
    sae_free(l->shared);
}

void sae_dash_block_clear(sae_dash_block *b)
{
    for (int t = 0; b->scratch && t < b->threads; t++) sae_dash_scratch_clear(&b->scratch[t]);
    for (int t = 0; b->together && t < b->threads; t++) sae_dash_together_clear(&b->together[t]);
    for (int64_t i = 0; b->latents && i < SAE_DASH_BLOCK; i++) latent_clear(&b->latents[i], b->linker->rows->n_models);
    sae_free(b->scratch);
    sae_free(b->together);
    sae_free(b->latents);
    *b = (sae_dash_block){0};
}

sae_status sae_dash_block_make(sae_dash_block *b, const sae_env *env, sae_error *err)
{
    const sae_dash_rows *rows = b->linker->rows;
    const sae_dash_spool *spool = &rows->spools[b->sae];
    size_t saes = rows->n_models;
    int64_t most = 0;
    sae_status status = SAE_OK;
    for (int64_t i = 0; i < spool->n; i++)
        if (spool->counts[i] > most) most = spool->counts[i];
    b->threads = sae_threads(env);
    b->scratch = sae_calloc((size_t)b->threads, sizeof *b->scratch);
    b->together = sae_calloc((size_t)b->threads, sizeof *b->together);
    b->latents = sae_calloc(SAE_DASH_BLOCK, sizeof *b->latents);
    if (!b->scratch || !b->together || !b->latents)
        return sae_fail_memory(err, "a block of latents", SAE_DASH_BLOCK * sizeof *b->latents);
    for (int t = 0; t < b->threads; t++) {
        SAE_TRY(sae_dash_scratch_new(&b->scratch[t], most, err));
        SAE_TRY(sae_dash_together_new(&b->together[t], rows, err));
    }
    for (int64_t i = 0; i < SAE_DASH_BLOCK; i++) {
        sae_dash_latent *l = &b->latents[i];
        l->links = sae_calloc(saes, sizeof *l->links);
        l->shared = sae_calloc(saes * SAE_DASH_SHARED, sizeof *l->shared);
        if (!l->links || !l->shared) SAE_TRY(sae_fail_memory(err, "links of latents", saes * sizeof *l->links));
    }
done:
    return status;
}

/* SAE and latent in one number, for the seeds of samples. */
static uint64_t salt_of(const sae_dash_block *b, int64_t latent)
{
    return (uint64_t)b->sae << 32 | (uint64_t)latent;
}

/* Links with every SAE, and activations of the nearest latents of the others. */
static sae_status link_latent(const sae_dash_block *b, sae_dash_latent *out, int64_t latent, const sae_dash_firings *f,
                              sae_dash_together *together, sae_error *err)
{
    sae_status status = SAE_OK;
    size_t own = (size_t)b->sae;
    for (size_t other = 0; other < b->linker->rows->n_models && status == SAE_OK; other++) {
        sae_dash_link_latent(b->linker, together, own, latent, f, other, out->links[other]);
        const sae_dash_links *nearest = &out->links[other][SAE_DASH_BY_COSINE];
        for (int k = 0; other != own && k < nearest->count && k < SAE_DASH_SHARED && status == SAE_OK; k++)
            status =
                sae_dash_shared_acts(b->linker, &b->where, other, &out->examples[SAE_EXAMPLES_TOP],
                                     nearest->links[k].latent, &out->shared[other * SAE_DASH_SHARED + (size_t)k], err);
    }
    return status;
}

static sae_status run_latent(const sae_dash_block *b, sae_dash_latent *out, int64_t latent, int thread, sae_error *err)
{
    sae_dash_scratch *scratch = &b->scratch[thread];
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
    sae_dash_misses_of(&b->linker->rows->misses[b->sae], latent, &out->examples[SAE_EXAMPLES_NEAR]);
    for (int k = 0; k < SAE_EXAMPLE_KINDS && status == SAE_OK; k++)
        status = sae_dash_acts_fill(&out->acts[k], &out->examples[k], &b->where, &f, err);
    int64_t d = sae_model_get_info(b->model)->d;
    sae_dash_neurons_of(&out->neurons, sae_model_get_weights(b->model).W_dec + latent * d, d);
    return status == SAE_OK ? link_latent(b, out, latent, &f, &b->together[thread], err) : status;
}

static sae_status run_effects(sae_dash_block *b, sae_error *err)
{
    sae_dash_effects *list[SAE_DASH_BLOCK];
    int64_t d = sae_model_get_info(b->model)->d;
    for (int64_t i = 0; i < b->count; i++) list[i] = &b->latents[i].effects;
    if (b->unembed->vocab == 0) return SAE_OK;
    return sae_dash_effects_of(b->unembed, sae_model_get_weights(b->model).W_dec + b->first * d, d, b->count, list,
                               b->threads, err);
}

sae_status sae_dash_block_run(sae_dash_block *b, sae_error *err)
{
    sae_status status = SAE_OK;
#pragma omp parallel for num_threads(b->threads) schedule(dynamic)
    for (int64_t i = 0; i < b->count; i++) {
        sae_error own;
        sae_status result = run_latent(b, &b->latents[i], b->first + i, omp_get_thread_num(), &own);
        if (result == SAE_OK) continue;
#pragma omp critical(sae_dash_block)
        if (status == SAE_OK) status = sae_fail(err, result, "%s", own.message);
    }
    return status == SAE_OK ? run_effects(b, err) : status;
}
