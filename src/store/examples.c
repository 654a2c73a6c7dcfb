/* The texts of a latent, by kind. */
#include "base/error.h"
#include "store/read.h"

#include <math.h>
#include <string.h>

const char *sae_store_kind_name(sae_store_kind kind)
{
    static const char *const names[SAE_EXAMPLE_KINDS] = {"top", "interval", "random", "near_miss"};
    return (unsigned)kind < SAE_EXAMPLE_KINDS ? names[kind] : "?";
}

/* The arrays of one row of the table example. */
typedef struct arrays {
    const int64_t *populations; /* [groups] */
    const int32_t *counts;      /* [groups] */
    size_t groups, count;
    const int32_t *rows;
    const float *peaks;
    const uint16_t *more, *copies, *act_counts;
    const int16_t *offsets;
    const float *values;
} arrays;

static sae_status check_counts(const sae_store *store, const int32_t *counts, size_t n, size_t total, sae_error *err)
{
    size_t sum = 0;
    for (size_t i = 0; i < n; i++) {
        if (counts[i] < 0 || (size_t)counts[i] > total) return sae_store_damaged(store, "a group of texts", err);
        sum += (size_t)counts[i];
    }
    return sum == total ? SAE_OK : sae_store_damaged(store, "a group of texts", err);
}

/* Sparse activations of `count` texts in three columns from `column` on. */
static sae_status read_acts(const sae_store *store, sqlite3_stmt *r, int column, size_t count, sae_arena *arena,
                            arrays *out, sae_error *err)
{
    sae_array act_counts, offsets, values;
    sae_status status;
    size_t total = 0;
    SAE_TRY(sae_column_array(store, r, column, sizeof(uint16_t), (int64_t)count, arena, &act_counts, err));
    SAE_TRY(sae_column_array(store, r, column + 1, sizeof(int16_t), -1, arena, &offsets, err));
    SAE_TRY(sae_column_array(store, r, column + 2, sizeof(float), (int64_t)offsets.count, arena, &values, err));
    out->act_counts = act_counts.data;
    out->offsets = offsets.data;
    out->values = values.data;
    for (size_t i = 0; i < count; i++) total += out->act_counts[i];
    if (total != offsets.count) status = sae_store_damaged(store, "activations of texts", err);
done:
    return status;
}

static sae_status read_arrays(const sae_store *store, sqlite3_stmt *r, sae_arena *arena, arrays *out, sae_error *err)
{
    sae_array populations, counts, rows, peaks, more, copies;
    sae_status status;
    SAE_TRY(sae_column_array(store, r, 1, sizeof(int64_t), -1, arena, &populations, err));
    SAE_TRY(sae_column_array(store, r, 2, sizeof(int32_t), (int64_t)populations.count, arena, &counts, err));
    SAE_TRY(sae_column_array(store, r, 3, sizeof(int32_t), -1, arena, &rows, err));
    SAE_TRY(sae_column_array(store, r, 4, sizeof(float), (int64_t)rows.count, arena, &peaks, err));
    SAE_TRY(sae_column_array(store, r, 5, sizeof(uint16_t), (int64_t)rows.count, arena, &more, err));
    SAE_TRY(sae_column_array(store, r, 6, sizeof(uint16_t), (int64_t)rows.count, arena, &copies, err));
    *out = (arrays){populations.data,
                    counts.data,
                    populations.count,
                    rows.count,
                    rows.data,
                    peaks.data,
                    more.data,
                    copies.data,
                    NULL,
                    NULL,
                    NULL};
    SAE_TRY(read_acts(store, r, 7, out->count, arena, out, err));
    status = check_counts(store, out->counts, out->groups, out->count, err);
done:
    return status;
}

static sae_status read_examples(const sae_store *store, const arrays *from, int64_t around, sae_arena *arena,
                                sae_store_example *list, sae_error *err)
{
    sae_status status = SAE_OK;
    size_t act = 0;
    if (around > SAE_STORE_REACH) around = SAE_STORE_REACH;
    for (size_t i = 0; i < from->count && status == SAE_OK; i++) {
        sae_store_example *e = &list[i];
        e->row = from->rows[i];
        e->value = from->peaks[i];
        e->more = from->more[i];
        e->copies = from->copies[i];
        status = sae_store_passage_at(store, e->row, around, around, arena, &e->passage, err);
        if (status == SAE_OK)
            status = sae_store_passage_acts(store, &e->passage, e->row, from->offsets + act, from->values + act,
                                            from->act_counts[i], arena, err);
        act += from->act_counts[i];
    }
    return status;
}

/* Appends the groups of one kind, intervals from the highest. */
static sae_status add_groups(const sae_store *store, sae_store_kind kind, const arrays *from, double max,
                             int64_t around, sae_arena *arena, sae_store_latent *out, sae_store_group *groups,
                             sae_error *err)
{
    sae_store_example *list = sae_arena_alloc(arena, from->count, sizeof *list);
    sae_status status = sae_arena_check(arena, err);
    if (status == SAE_OK) status = read_examples(store, from, around, arena, list, err);
    if (status != SAE_OK) return status;
    size_t end = from->count;
    for (size_t b = from->groups; b-- > 0;) {
        end -= (size_t)from->counts[b];
        groups[out->n_groups++] = (sae_store_group){
            .kind = kind,
            .lo = kind == SAE_EXAMPLES_INTERVAL ? max * (double)b / (double)from->groups : (double)NAN,
            .hi = kind == SAE_EXAMPLES_INTERVAL ? max * (double)(b + 1) / (double)from->groups : (double)NAN,
            .population = from->populations[b],
            .count = (size_t)from->counts[b],
            .examples = list + end};
    }
    return SAE_OK;
}

#define EXAMPLE_COLUMNS "kind, populations, counts, rows, peaks, more, copies, act_counts, act_offsets, act_values"

sae_status sae_store_read_groups(const sae_store *store, int64_t sae, int64_t latent, double max, int64_t around,
                                 sae_arena *arena, sae_store_latent *out, sae_error *err)
{
    sqlite3_stmt *r = NULL;
    sae_status status;
    int64_t key[2] = {sae, latent}, last = -1;
    size_t room = SAE_EXAMPLE_KINDS + SAE_STORE_INTERVALS;
    sae_store_group *groups = sae_arena_alloc(arena, room, sizeof *groups);
    SAE_TRY(sae_arena_check(arena, err));
    out->groups = groups;
    SAE_TRY(sae_store_select(store, &r,
                             "SELECT " EXAMPLE_COLUMNS " FROM example WHERE sae = ?1 AND latent = ?2 ORDER BY kind",
                             key, 2, err));
    while (sae_db_next(&store->db, r, &status, err)) {
        arrays from;
        int64_t kind = sqlite3_column_int64(r, 0);
        SAE_TRY(read_arrays(store, r, arena, &from, err));
        size_t wanted = kind == SAE_EXAMPLES_INTERVAL ? SAE_STORE_INTERVALS : 1;
        if (kind <= last || kind >= SAE_EXAMPLE_KINDS || from.groups != wanted) {
            status = sae_store_damaged(store, "a latent's texts are of an unknown kind", err);
            goto done;
        }
        last = kind;
        SAE_TRY(add_groups(store, (sae_store_kind)kind, &from, max, around, arena, out, groups, err));
    }
done:
    sqlite3_finalize(r);
    return status;
}

/* ---- two latents on the same texts ------------------------------------------------------------------------ */

/* The link from key[1] of SAE key[0] to key[3] of key[2], if a list of neighbours or matches has it. */
static sae_status find_link(const sae_store *store, const int64_t key[4], sae_arena *arena, sae_store_link *out,
                            bool *found, sae_error *err)
{
    static const char of_matches[] =
        "SELECT latents, cosine, pearson, jaccard, together, mutual FROM match WHERE sae = "
        "?1 AND latent = ?2 AND other = ?3",
                      of_neighbours[] =
                          "SELECT latents, cosine, pearson, jaccard, together, mutual FROM neighbour WHERE "
                          "sae = ?1 AND latent = ?2";
    sqlite3_stmt *r = NULL;
    sae_status status;
    bool own = key[0] == key[2];
    SAE_TRY(sae_store_select(store, &r, own ? of_neighbours : of_matches, key, own ? 2 : 3, err));
    while (!*found && sae_db_next(&store->db, r, &status, err)) {
        sae_store_links links = {0};
        SAE_TRY(sae_store_read_links(store, r, 0, store->saes[key[2]].n, arena, &links, err));
        for (size_t i = 0; i < links.count && !*found; i++) {
            *found = links.links[i].latent == key[3];
            if (*found) *out = links.links[i];
        }
    }
done:
    sqlite3_finalize(r);
    return status;
}

/* Links are the same in both directions, but only the nearest are kept in each. */
static sae_status read_pair_link(const sae_store *store, const int64_t key[4], sae_arena *arena, sae_store_pair *out,
                                 sae_error *err)
{
    const int64_t back[4] = {key[2], key[3], key[0], key[1]};
    bool found = false;
    out->link = (sae_store_link){key[3], (double)NAN, (double)NAN, (double)NAN, -1, false};
    sae_status status = find_link(store, key, arena, &out->link, &found, err);
    if (status == SAE_OK && !found) status = find_link(store, back, arena, &out->link, &found, err);
    out->link.latent = key[3];
    return status;
}

static sae_status read_other(const sae_store *store, const int64_t key[4], sae_arena *arena, sae_store_pair *out,
                             sae_error *err)
{
    sqlite3_stmt *r = NULL;
    sae_status status;
    arrays from = {0};
    size_t act = 0;
    SAE_TRY(
        sae_store_select(store, &r,
                         "SELECT act_counts, act_offsets, act_values FROM shared WHERE sae = ?1 AND latent = ?2 AND "
                         "other = ?3 AND other_latent = ?4",
                         key, 4, err));
    SAE_TRY(sae_db_step(&store->db, r, &out->stored, err));
    if (!out->stored) goto done;
    int64_t kept = sqlite3_column_bytes(r, 0) / (int64_t)sizeof(uint16_t);
    if (kept < (int64_t)out->count) out->count = (size_t)kept;
    SAE_TRY(read_acts(store, r, 0, (size_t)kept, arena, &from, err));
    sae_store_passage *passages = sae_arena_alloc(arena, out->count, sizeof *passages);
    SAE_TRY(sae_arena_check(arena, err));
    for (size_t i = 0; i < out->count; i++) {
        passages[i] = out->examples[i].passage;
        SAE_TRY(sae_store_passage_acts(store, &passages[i], out->examples[i].row, from.offsets + act, from.values + act,
                                       from.act_counts[i], arena, err));
        act += from.act_counts[i];
    }
    out->other = passages;
done:
    sqlite3_finalize(r);
    return status;
}

static sae_status read_top(const sae_store *store, const int64_t key[2], int64_t around, sae_arena *arena,
                           sae_store_pair *out, sae_error *err)
{
    sqlite3_stmt *r = NULL;
    sae_status status;
    arrays from;
    bool row;
    SAE_TRY(sae_store_select(
        store, &r, "SELECT " EXAMPLE_COLUMNS " FROM example WHERE sae = ?1 AND latent = ?2 AND kind = 0", key, 2, err));
    SAE_TRY(sae_db_step(&store->db, r, &row, err));
    if (!row) goto done;
    SAE_TRY(read_arrays(store, r, arena, &from, err));
    sae_store_example *list = sae_arena_alloc(arena, from.count, sizeof *list);
    SAE_TRY(sae_arena_check(arena, err));
    SAE_TRY(read_examples(store, &from, around, arena, list, err));
    out->examples = list;
    out->count = from.count;
done:
    sqlite3_finalize(r);
    return status;
}

sae_status sae_store_get_pair(sae_store *store, int64_t sae, int64_t latent, int64_t other_sae, int64_t other_latent,
                              int64_t around, const sae_store_pair **out, sae_error *err)
{
    sae_arena arena = {0};
    int64_t key[4] = {sae, latent, other_sae, other_latent};
    sae_status status = sae_store_check_latent(store, sae, latent, err);
    if (status == SAE_OK) status = sae_store_check_latent(store, other_sae, other_latent, err);
    if (status != SAE_OK) return status;
    if (around < 0) return sae_fail(err, SAE_E_ARG, "texts cannot have %lld tokens", (long long)around);
    sae_store_pair *pair = sae_arena_alloc(&arena, 1, sizeof *pair);
    SAE_TRY(sae_arena_check(&arena, err));
    SAE_TRY(read_pair_link(store, key, &arena, pair, err));
    SAE_TRY(read_top(store, key, around, &arena, pair, err));
    SAE_TRY(read_other(store, key, &arena, pair, err));
    *out = pair;
done:
    if (status != SAE_OK) sae_arena_clear(&arena);
    return status;
}
