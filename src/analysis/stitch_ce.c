/* Cross-entropy along a path: one encoding of the text by both SAEs, of which every state takes its part. */
#include "analysis/stitch.h"

#include "analysis/ce_runs.h"
#include "base/alloc.h"
#include "base/error.h"
#include "base/parallel.h"
#include "kernels/ops.h"

#include <math.h>
#include <string.h>

/* What A and B make of a batch of contexts: the same in all states, since no activation depends on which latents are
 * there. */
typedef struct encoding {
    const sae_stitch *stitch;
    sae_codes *codes[2];
    bool done; /* for this batch */
    const sae_env *env;
} encoding;

/* A state on one of the paths, and where its number goes (of A and B: to both paths). */
typedef struct state {
    encoding *encoding;
    unsigned char *in; /* [n_A + n_B] */
    float *b;          /* [d] */
    double *to[2];
} state;

typedef struct states {
    size_t count, capacity;
    state *list;
} states;

/* ---- one state in place of the activations ------------------------------------------------------------------- */

static void forget(void *ud)
{
    ((encoding *)ud)->done = false;
}

static sae_status encode(encoding *e, const float *rows, int64_t n, sae_error *err)
{
    if (e->done) return SAE_OK;
    const sae_model *sides[2] = {e->stitch->inside->small, e->stitch->inside->large};
    for (int side = 0; side < 2; side++) {
        sae_status status = sae_model_encode(sides[side], rows, n, e->codes[side], e->env, err);
        if (status != SAE_OK) return status;
    }
    e->done = true;
    return SAE_OK;
}

/* Rows become the reconstructions of the state: as the stitched SAE's own, latents of A first. */
static sae_status replace(void *ud, int64_t first, int64_t n, float *rows, sae_error *err)
{
    (void)first;
    const state *s = ud;
    encoding *e = s->encoding;
    const sae_stitch *stitch = e->stitch;
    const int64_t d = stitch->d, shift[2] = {0, stitch->n_small};
    const sae_ops *ops = sae_ops_best();
    sae_status status = encode(e, rows, n, err);
    if (status != SAE_OK) return status;
    const float *W[2] = {sae_model_get_weights(stitch->inside->small).W_dec,
                         sae_model_get_weights(stitch->inside->large).W_dec};
#pragma omp parallel for num_threads(sae_threads(e->env)) schedule(dynamic, 16)
    for (int64_t r = 0; r < n; r++) {
        memcpy(rows + r * d, s->b, (size_t)d * sizeof *rows);
        for (int side = 0; side < 2; side++) {
            const sae_codes *codes = e->codes[side];
            for (int64_t c = codes->row_offsets[r]; c < codes->row_offsets[r + 1]; c++) {
                int64_t latent = codes->latents[c];
                if (s->in[shift[side] + latent]) ops->axpy(d, codes->values[c], W[side] + latent * d, rows + r * d);
            }
        }
    }
    return SAE_OK;
}

/* ---- which states ------------------------------------------------------------------------------------------------ */

static void states_clear(states *s)
{
    for (size_t i = 0; i < s->count; i++) {
        sae_free(s->list[i].in);
        sae_free(s->list[i].b);
    }
    sae_free(s->list);
}

static sae_status add_state(states *all, encoding *e, sae_stitch_order order, sae_stitch_entry *entry, sae_error *err)
{
    const sae_stitch *stitch = e->stitch;
    size_t latents = (size_t)(stitch->n_small + stitch->n_large);
    state *s = &all->list[all->count++];
    *s = (state){.encoding = e, .in = sae_alloc(latents, 1), .b = sae_alloc((size_t)stitch->d, sizeof *s->b)};
    if (!s->in || !s->b) return sae_fail_memory(err, "states of a path", latents);
    sae_stitch_members(stitch, order, entry->operations, s->in);
    sae_stitch_bias(stitch, entry->removed, s->b);
    s->to[0] = &entry->ce;
    return SAE_OK;
}

/* Entry number i of `points` that are spread over a path. */
static sae_stitch_entry *entry_at(const sae_stitch_path *path, int64_t i, int64_t points)
{
    return &path->entries[llround((double)i * (double)(path->n_entries - 1) / (double)(points - 1))];
}

/* A and B, which both paths have, then what lies between. */
static sae_status choose_states(sae_stitch *stitch, encoding *e, int64_t points, states *all, sae_error *err)
{
    sae_status status;
    const sae_stitch_order orders[2] = {(sae_stitch_order)stitch->order, SAE_STITCH_RANDOM};
    all->list = sae_calloc((size_t)(2 * points), sizeof *all->list);
    if (!all->list) return sae_fail_memory(err, "states of a path", (size_t)(2 * points) * sizeof *all->list);
    for (int64_t end = 0; end < 2; end++) {
        SAE_TRY(add_state(all, e, orders[0], entry_at(&stitch->paths[orders[0]], end, 2), err));
        all->list[end].to[1] = &entry_at(&stitch->paths[orders[1]], end, 2)->ce;
    }
    for (int o = 0; o < 2; o++)
        for (int64_t i = 1; i < points - 1; i++)
            SAE_TRY(add_state(all, e, orders[o], entry_at(&stitch->paths[orders[o]], i, points), err));
    status = SAE_OK;
done:
    return status;
}

/* ---- all of them ------------------------------------------------------------------------------------------------- */

static sae_status measure(sae_stitch *stitch, sae_ce_runs *runs, encoding *e, const states *all, sae_error *err)
{
    sae_status status = SAE_OK;
    size_t most = sae_ce_runs_at_once(runs), groups = (all->count + most - 1) / most;
    float *zeros = sae_calloc((size_t)stitch->d, sizeof *zeros);
    sae_lm_run *list = sae_calloc(most + 2, sizeof *list);
    double *loss = sae_calloc(most + 2, sizeof *loss);
    sae_ce_ablation zero = {zeros, stitch->d};
    int64_t tokens = 0;
    if (!zeros || !list || !loss) SAE_TRY(sae_fail_memory(err, "losses", (most + 2) * sizeof *list));
    for (size_t group = 0; group < groups; group++) {
        size_t first = group * most, count = all->count - first < most ? all->count - first : most, n = 0;
        for (size_t i = 0; i < count; i++) list[n++] = (sae_lm_run){replace, &all->list[first + i]};
        if (group == 0) {
            list[n++] = (sae_lm_run){NULL, NULL};
            list[n++] = (sae_lm_run){sae_ce_ablate, &zero};
        }
        SAE_TRY(sae_ce_runs_measure(runs, list, n, forget, e, group, groups, loss, NULL, &tokens, err));
        for (size_t i = 0; i < count; i++)
            for (int to = 0; to < 2; to++)
                if (all->list[first + i].to[to]) *all->list[first + i].to[to] = loss[i];
        if (group > 0) continue;
        stitch->ce.clean = loss[count];
        stitch->ce.zero = loss[count + 1];
    }
    const sae_stitch_path *path = &stitch->paths[stitch->order];
    stitch->ce.tokens = tokens;
    stitch->ce.small = path->entries[0].ce;
    stitch->ce.large = path->entries[path->n_entries - 1].ce;
done:
    sae_free(zeros);
    sae_free(list);
    sae_free(loss);
    return status;
}

sae_status sae_stitch_measure_ce(sae_stitch *stitch, const sae_lm *lm, const sae_contexts *contexts, sae_hook hook,
                                 bool center_residual, const sae_source_config *rows, int64_t points,
                                 const sae_env *env, sae_error *err)
{
    sae_status status;
    sae_ce_runs *runs = NULL;
    encoding e = {.stitch = stitch, .codes = {sae_codes_new(), sae_codes_new()}, .env = env};
    states all = {0};
    int64_t most = stitch->paths[stitch->order].n_entries;
    if (points < 0 || points == 1)
        SAE_TRY(sae_fail(err, SAE_E_ARG, "%lld points: both ends of the path are measured, so there are at least 2",
                         (long long)points));
    if (!e.codes[0] || !e.codes[1]) SAE_TRY(sae_fail_memory(err, "codes", sizeof *e.codes[0]));
    stitch->ce.points = points > 0 && points < most ? points : most;
    SAE_TRY(sae_ce_runs_new(&runs, lm, contexts, hook, center_residual, rows, env, err));
    SAE_TRY(sae_ce_runs_check(runs, stitch->inside->small, err));
    SAE_TRY(choose_states(stitch, &e, stitch->ce.points, &all, err));
    SAE_TRY(measure(stitch, runs, &e, &all, err));
done:
    sae_ce_runs_free(runs);
    states_clear(&all);
    sae_codes_free(e.codes[0]);
    sae_codes_free(e.codes[1]);
    return status;
}
