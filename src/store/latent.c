/* Everything that is shown of one latent. */
#include "base/error.h"
#include "store/read.h"

#include <math.h>
#include <string.h>

enum { NEIGHBOURS_COSINE, NEIGHBOURS_PEARSON, NEIGHBOURS_TOGETHER, NEIGHBOUR_KINDS };

/* Shares that `quantiles` of the table detail belong to. */
static const double quantile_at[] = {0.01, 0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99, 0.999};
enum { QUANTILES = sizeof quantile_at / sizeof *quantile_at };

/* ---- numbers --------------------------------------------------------------------------------------------- */

static const double *doubles(const sae_array *floats, sae_arena *arena)
{
    double *out = sae_arena_alloc(arena, floats->count, sizeof *out);
    const float *from = floats->data;
    for (size_t i = 0; out && i < floats->count; i++) out[i] = (double)from[i];
    return out;
}

static sae_status read_hist(const sae_store *store, sqlite3_stmt *row, int column, double lo, double hi,
                            sae_arena *arena, sae_store_hist *out, sae_error *err)
{
    sae_array counts;
    sae_status status = sae_column_array(store, row, column, sizeof(uint32_t), -1, arena, &counts, err);
    if (status != SAE_OK || counts.count == 0) return status;
    if (!isfinite(lo) || !isfinite(hi)) return sae_store_damaged(store, "a histogram has no edges", err);
    double *edges = sae_arena_alloc(arena, counts.count + 1, sizeof *edges);
    int64_t *wide = sae_arena_alloc(arena, counts.count, sizeof *wide);
    if ((status = sae_arena_check(arena, err)) != SAE_OK) return status;
    for (size_t b = 0; b <= counts.count; b++) edges[b] = lo + (hi - lo) * (double)b / (double)counts.count;
    for (size_t b = 0; b < counts.count; b++) wide[b] = ((const uint32_t *)counts.data)[b];
    *out = (sae_store_hist){counts.count, edges, wide};
    return SAE_OK;
}

static sae_status read_effects(const sae_store *store, sqlite3_stmt *row, int column, sae_arena *arena,
                               const sae_store_effect **out, size_t *count, sae_error *err)
{
    sae_array tokens, values;
    sae_status status = sae_column_array(store, row, column, sizeof(int32_t), -1, arena, &tokens, err);
    if (status == SAE_OK)
        status = sae_column_array(store, row, column + 1, sizeof(float), (int64_t)tokens.count, arena, &values, err);
    if (status != SAE_OK) return status;
    sae_store_effect *list = sae_arena_alloc(arena, tokens.count, sizeof *list);
    if ((status = sae_arena_check(arena, err)) != SAE_OK) return status;
    for (size_t i = 0; i < tokens.count; i++) {
        list[i].token = ((const int32_t *)tokens.data)[i];
        list[i].text = sae_store_token_bytes(store, list[i].token, arena);
        list[i].value = (double)((const float *)values.data)[i];
    }
    *out = list;
    *count = tokens.count;
    return SAE_OK;
}

static sae_status read_neurons(const sae_store *store, sqlite3_stmt *row, int column, sae_arena *arena,
                               sae_store_latent *out, sae_error *err)
{
    sae_array ids, values, shares;
    sae_status status;
    SAE_TRY(sae_column_array(store, row, column, sizeof(int32_t), -1, arena, &ids, err));
    SAE_TRY(sae_column_array(store, row, column + 1, sizeof(float), (int64_t)ids.count, arena, &values, err));
    SAE_TRY(sae_column_array(store, row, column + 2, sizeof(float), (int64_t)ids.count, arena, &shares, err));
    sae_store_neuron *list = sae_arena_alloc(arena, ids.count, sizeof *list);
    SAE_TRY(sae_arena_check(arena, err));
    for (size_t i = 0; i < ids.count; i++)
        list[i] = (sae_store_neuron){((const int32_t *)ids.data)[i], (double)((const float *)values.data)[i],
                                     (double)((const float *)shares.data)[i]};
    out->neurons = list;
    out->n_neurons = ids.count;
done:
    return status;
}

static sae_status read_detail(const sae_store *store, const int64_t key[2], sae_arena *arena, sae_store_latent *out,
                              sae_error *err)
{
    sqlite3_stmt *r = NULL;
    sae_array quantiles;
    bool found;
    sae_status status;
    SAE_TRY(sae_store_select(store, &r, "SELECT * FROM detail WHERE sae = ?1 AND latent = ?2", key, 2, err));
    SAE_TRY(sae_db_step(&store->db, r, &found, err));
    if (!found) {
        status = sae_store_damaged(store, "a latent is missing", err);
        goto done;
    }
    out->min = sae_column_real(r, 2);
    SAE_TRY(sae_column_array(store, r, 3, sizeof(float), out->dead ? 0 : QUANTILES, arena, &quantiles, err));
    out->n_quantiles = quantiles.count;
    out->quantile_at = (const double *)(const void *)sae_arena_copy(arena, quantile_at, sizeof quantile_at);
    out->quantiles = doubles(&quantiles, arena);
    SAE_TRY(read_hist(store, r, 4, 0, out->row.value[SAE_COLUMN_MAX], arena, &out->hist, err));
    SAE_TRY(read_hist(store, r, 7, sae_column_real(r, 5), sae_column_real(r, 6), arena, &out->log_hist, err));
    out->logit_std = sae_column_real(r, 8);
    SAE_TRY(read_hist(store, r, 11, sae_column_real(r, 9), sae_column_real(r, 10), arena, &out->logit_hist, err));
    SAE_TRY(read_effects(store, r, 12, arena, &out->boosted, &out->n_boosted, err));
    SAE_TRY(read_effects(store, r, 14, arena, &out->suppressed, &out->n_suppressed, err));
    status = read_neurons(store, r, 16, arena, out, err);
done:
    sqlite3_finalize(r);
    return status;
}

static sae_status read_latent_row(const sae_store *store, const int64_t key[2], sae_arena *arena, sae_store_row *out,
                                  sae_error *err)
{
    sqlite3_stmt *r = NULL;
    bool found;
    sae_status status;
    SAE_TRY(sae_store_select(store, &r, "SELECT " SAE_STORE_ROW_COLUMNS " FROM latent l WHERE l.sae = ?1 AND l.id = ?2",
                             key, 2, err));
    SAE_TRY(sae_db_step(&store->db, r, &found, err));
    status =
        found ? sae_store_fill_row(store, r, arena, out, err) : sae_store_damaged(store, "a latent is missing", err);
done:
    sqlite3_finalize(r);
    return status;
}

/* ---- neighbours and matches ------------------------------------------------------------------------------ */

static sae_status read_neighbours(const sae_store *store, const int64_t key[2], sae_arena *arena, sae_store_latent *out,
                                  sae_error *err)
{
    sae_store_links *lists[NEIGHBOUR_KINDS] = {&out->by_cosine, &out->by_pearson, &out->by_together};
    sqlite3_stmt *rows = NULL;
    sae_status status;
    SAE_TRY(sae_store_select(store, &rows,
                             "SELECT kind, latents, cosine, pearson, jaccard, together, mutual FROM neighbour "
                             "WHERE sae = ?1 AND latent = ?2",
                             key, 2, err));
    while (sae_db_next(&store->db, rows, &status, err)) {
        int64_t kind = sqlite3_column_int64(rows, 0);
        if (kind < 0 || kind >= NEIGHBOUR_KINDS) continue;
        SAE_TRY(sae_store_read_links(store, rows, 1, store->saes[key[0]].n, arena, lists[kind], err));
    }
done:
    sqlite3_finalize(rows);
    return status;
}

static sae_status read_matches(const sae_store *store, const int64_t key[2], sae_arena *arena, sae_store_latent *out,
                               sae_error *err)
{
    sqlite3_stmt *rows = NULL;
    sae_status status;
    sae_store_match *list = sae_arena_alloc(arena, store->meta.n_saes, sizeof *list);
    SAE_TRY(sae_arena_check(arena, err));
    out->matches = list;
    SAE_TRY(sae_store_select(store, &rows,
                             "SELECT other, kind, latents, cosine, pearson, jaccard, together, mutual FROM match "
                             "WHERE sae = ?1 AND latent = ?2 ORDER BY other, kind",
                             key, 2, err));
    while (sae_db_next(&store->db, rows, &status, err)) {
        int64_t other = sqlite3_column_int64(rows, 0), kind = sqlite3_column_int64(rows, 1);
        if (!sae_store_get_sae(store, other)) {
            status = sae_store_damaged(store, "a match lies in no SAE", err);
            goto done;
        }
        if (out->n_matches == 0 || list[out->n_matches - 1].sae != other) {
            if (out->n_matches == store->meta.n_saes) break;
            list[out->n_matches++].sae = other;
        }
        sae_store_match *m = &list[out->n_matches - 1];
        SAE_TRY(sae_store_read_links(store, rows, 2, store->saes[other].n, arena,
                                     kind == NEIGHBOURS_COSINE ? &m->by_cosine : &m->by_pearson, err));
    }
done:
    sqlite3_finalize(rows);
    return status;
}

sae_status sae_store_read_links(const sae_store *store, sqlite3_stmt *row, int column, int64_t n, sae_arena *arena,
                                sae_store_links *out, sae_error *err)
{
    sae_array ids, cosine, pearson, jaccard, together, mutual;
    sae_status status;
    SAE_TRY(sae_column_array(store, row, column, sizeof(int32_t), -1, arena, &ids, err));
    int64_t count = (int64_t)ids.count;
    SAE_TRY(sae_column_array(store, row, column + 1, sizeof(float), count, arena, &cosine, err));
    SAE_TRY(sae_column_array(store, row, column + 2, sizeof(float), count, arena, &pearson, err));
    SAE_TRY(sae_column_array(store, row, column + 3, sizeof(float), count, arena, &jaccard, err));
    SAE_TRY(sae_column_array(store, row, column + 4, sizeof(uint32_t), count, arena, &together, err));
    SAE_TRY(sae_column_array(store, row, column + 5, 1, count, arena, &mutual, err));
    sae_store_link *links = sae_arena_alloc(arena, ids.count, sizeof *links);
    SAE_TRY(sae_arena_check(arena, err));
    for (size_t i = 0; i < ids.count; i++) {
        links[i] = (sae_store_link){.latent = ((const int32_t *)ids.data)[i],
                                    .cosine = (double)((const float *)cosine.data)[i],
                                    .pearson = (double)((const float *)pearson.data)[i],
                                    .jaccard = (double)((const float *)jaccard.data)[i],
                                    .both = ((const uint32_t *)together.data)[i],
                                    .mutual = ((const uint8_t *)mutual.data)[i] != 0};
        if (links[i].latent < 0 || links[i].latent >= n) return sae_store_damaged(store, "a link leads nowhere", err);
    }
    *out = (sae_store_links){ids.count, links};
done:
    return status;
}

/* ---- the page -------------------------------------------------------------------------------------------- */

sae_status sae_store_get_latent(sae_store *store, int64_t sae, int64_t latent, int64_t around,
                                const sae_store_latent **out, sae_error *err)
{
    sae_arena arena = {0};
    int64_t key[2] = {sae, latent};
    sae_status status = sae_store_check_latent(store, sae, latent, err);
    if (status != SAE_OK) return status;
    if (around < 0) return sae_fail(err, SAE_E_ARG, "texts cannot have %lld tokens", (long long)around);
    sae_store_latent *page = sae_arena_alloc(&arena, 1, sizeof *page);
    SAE_TRY(sae_arena_check(&arena, err));
    SAE_TRY(read_latent_row(store, key, &arena, &page->row, err));
    page->dead = page->row.n_active == 0;
    SAE_TRY(read_detail(store, key, &arena, page, err));
    SAE_TRY(read_neighbours(store, key, &arena, page, err));
    SAE_TRY(read_matches(store, key, &arena, page, err));
    SAE_TRY(sae_store_read_groups(store, sae, latent, page->row.value[SAE_COLUMN_MAX], around, &arena, page, err));
    *out = page;
done:
    if (status != SAE_OK) sae_arena_clear(&arena);
    return status;
}
