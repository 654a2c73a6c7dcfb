#include <sae/family.h>

#include "analysis/comparison.h"
#include "analysis/cosine.h"
#include "analysis/pass.h"
#include "base/alloc.h"
#include "base/error.h"

#include <stdlib.h>
#include <string.h>

/* The SAEs by ascending width, and what is measured of them. */
typedef struct work {
    const sae_model **models; /* [M] */
    sae_compare_pair *pairs;  /* [M − 1] */
    sae_compare_rows rows;
    double *best; /* maximum cosines of one member */
} work;

/* ---- the object ------------------------------------------------------------------------------------------------ */

void sae_family_free(sae_family *f)
{
    if (!f) return;
    for (size_t i = 0; f->members && i < f->n_members; i++) sae_free((char *)f->members[i].path);
    for (size_t i = 0; f->neighbours && i + 1 < f->n_members; i++) sae_comparison_free(f->neighbours[i]);
    sae_free(f->members);
    sae_free(f->neighbours);
    sae_free(f->novel);
    sae_free(f->ancestor);
    sae_free(f->ancestor_cos);
    sae_free(f->first);
    sae_free(f->n_first);
    sae_free(f);
}

static int narrower_first(const void *a_, const void *b_)
{
    const sae_family_member *a = a_, *b = b_;
    if (a->n != b->n) return a->n < b->n ? -1 : 1;
    return (a->given > b->given) - (a->given < b->given);
}

static sae_status family_new(sae_family **out, const sae_model *const *models, size_t n_models, sae_error *err)
{
    sae_status status = SAE_OK;
    size_t M = n_models, n = 0;
    sae_family *f = sae_calloc(1, sizeof *f);
    if (f) f->members = sae_calloc(M, sizeof *f->members);
    if (!f || !f->members) SAE_TRY(sae_fail_memory(err, "a family", M * sizeof *f->members));
    f->n_members = M;
    f->d = sae_model_get_info(models[0])->d;
    for (size_t i = 0; i < M; i++) {
        f->members[i] = (sae_family_member){.given = i, .n = sae_model_get_info(models[i])->n};
        if ((size_t)f->members[i].n > n) n = (size_t)f->members[i].n;
    }
    qsort(f->members, M, sizeof *f->members, narrower_first);
    f->neighbours = sae_calloc(M - 1, sizeof *f->neighbours);
    f->novel = sae_calloc(M * M, sizeof *f->novel);
    f->ancestor = sae_alloc((M - 1) * n, sizeof *f->ancestor);
    f->ancestor_cos = sae_alloc((M - 1) * n, sizeof *f->ancestor_cos);
    f->first = sae_alloc(n, sizeof *f->first);
    f->n_first = sae_calloc(M, sizeof *f->n_first);
    bool whole = f->neighbours && f->novel && f->ancestor && f->ancestor_cos && f->first && f->n_first;
    for (size_t i = 0; i < M && whole; i++)
        whole = (f->members[i].path = sae_strdup(sae_model_path(models[f->members[i].given]))) != NULL;
    if (!whole) SAE_TRY(sae_fail_memory(err, "a family", M * n * (sizeof *f->ancestor + sizeof *f->ancestor_cos)));
    *out = f;
    f = NULL;
done:
    sae_family_free(f);
    return status;
}

/* ---- decoders ---------------------------------------------------------------------------------------------------- */

static const float *decoder(const work *w, size_t member)
{
    return sae_model_get_weights(w->models[member]).W_dec;
}

/* novel[i, j], of members that are not neighbours; where i is the largest its maxima are kept as ancestors. */
static sae_status count_novel(sae_family *f, const work *w, size_t i, size_t j, const sae_env *env, sae_error *err)
{
    int64_t n = f->members[i].n;
    bool kept = i == f->n_members - 1;
    double *best = kept ? f->ancestor_cos + (int64_t)j * n : w->best;
    int32_t *nearest = kept ? f->ancestor + (int64_t)j * n : NULL;
    sae_status status = sae_max_cosine(decoder(w, i), n, decoder(w, j), f->members[j].n, f->d, best, nearest, env, err);
    if (status != SAE_OK) return status;
    int64_t *novel = &f->novel[i * f->n_members + j];
    for (int64_t k = 0; k < n; k++) *novel += best[k] < f->threshold;
    return SAE_OK;
}

/* What a comparison of neighbours knows already. */
static void take_neighbours(sae_family *f, size_t small)
{
    const sae_comparison *c = f->neighbours[small];
    size_t M = f->n_members, large = small + 1;
    f->novel[large * M + small] = c->novel;
    f->novel[small * M + large] = c->small_below;
    if (large < M - 1) return;
    size_t n = (size_t)c->n_large;
    memcpy(f->ancestor + small * n, c->argmax, n * sizeof *f->ancestor);
    memcpy(f->ancestor_cos + small * n, c->large_in_small, n * sizeof *f->ancestor_cos);
}

static void find_first(sae_family *f)
{
    size_t M = f->n_members;
    int64_t n = f->members[M - 1].n;
    for (int64_t k = 0; k < n; k++) {
        size_t m = 0;
        while (m < M - 1 && f->ancestor_cos[(int64_t)m * n + k] < f->threshold) m++;
        f->first[k] = (int32_t)m;
        f->n_first[m]++;
    }
}

static sae_status compare_decoders(sae_family *f, work *w, const sae_compare_config *config, const sae_env *env,
                                   sae_error *err)
{
    sae_status status = SAE_OK;
    size_t M = f->n_members;
    for (size_t i = 0; i + 1 < M; i++) {
        SAE_TRY(sae_comparison_start(&f->neighbours[i], w->models[i], w->models[i + 1], config, env, err));
        const sae_comparison *c = f->neighbours[i];
        w->pairs[i] = (sae_compare_pair){.small = i, .large = i + 1, .nearest = c->argmax, .partner = c->partner};
        take_neighbours(f, i);
    }
    f->neighbours[M - 2]->latent = config->latent;
    for (size_t i = 0; i < M; i++)
        for (size_t j = 0; j < M; j++)
            if (i > j + 1 || j > i + 1) SAE_TRY(count_novel(f, w, i, j, env, err));
    find_first(f);
done:
    return status;
}

/* ---- all of it -----------------------------------------------------------------------------------------------------
 */

static void fill_members(sae_family *f, const sae_compare_rows *rows)
{
    f->tokens = rows->tokens;
    for (size_t i = 0; i < f->n_members; i++) {
        sae_family_member *m = &f->members[i];
        m->mse = rows->error[i] / (double)rows->tokens;
        m->l0 = (double)rows->entries[i] / (double)rows->tokens;
        for (int64_t k = 0; k < m->n; k++) m->never_fired += rows->latents[i][k].count == 0;
    }
}

static sae_status work_new(work *w, const sae_family *f, const sae_model *const *models, sae_error *err)
{
    size_t M = f->n_members;
    w->models = sae_alloc(M, sizeof *w->models);
    w->pairs = sae_alloc(M - 1, sizeof *w->pairs);
    w->best = sae_alloc((size_t)f->members[M - 1].n, sizeof *w->best);
    if (!w->models || !w->pairs || !w->best) return sae_fail_memory(err, "a family", M * sizeof *w->models);
    for (size_t i = 0; i < M; i++) w->models[i] = models[f->members[i].given];
    return SAE_OK;
}

sae_status sae_family_compare(const sae_model *const *models, size_t n_models, sae_source *source,
                              const sae_compare_config *config, sae_family **out, const sae_env *env, sae_error *err)
{
    sae_status status = SAE_OK;
    sae_family *f = NULL;
    work w = {0};
    if (n_models < 2) SAE_TRY(sae_fail(err, SAE_E_ARG, "a family of %zu SAEs has none to compare", n_models));
    SAE_TRY(family_new(&f, models, n_models, err));
    SAE_TRY(work_new(&w, f, models, err));
    f->threshold = config->threshold;
    for (size_t i = 0; i + 1 < n_models; i++)
        SAE_TRY(sae_comparison_check(w.models[i], w.models[i + 1], source, env, err));
    SAE_TRY(sae_comparison_check_config(w.models[n_models - 1], config, err));
    SAE_TRY(compare_decoders(f, &w, config, env, err));
    SAE_TRY(sae_compare_rows_read(&w.rows, w.models, n_models, w.pairs, n_models - 1, source, config->max_tokens, env,
                                  err));
    fill_members(f, &w.rows);
    for (size_t i = 0; i + 1 < n_models; i++)
        SAE_TRY(sae_comparison_finish(f->neighbours[i], &w.rows, &w.pairs[i], i, config, env, err));
    *out = f;
    f = NULL;
done:
    sae_compare_rows_clear(&w.rows);
    sae_free(w.models);
    sae_free(w.pairs);
    sae_free(w.best);
    sae_family_free(f);
    return status;
}
