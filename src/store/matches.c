/* The nearest of every latent in another SAE, in one scan: what drawings of whole SAEs need. */
#include "base/error.h"
#include "store/read.h"

#include <math.h>

static sae_status fill(const sae_store *store, int64_t sae, int64_t vs, int64_t n, sae_arena *arena,
                       sae_store_matches *out, sae_error *err)
{
    static const char sql[] = "SELECT l.id, l.n_active, b.nearest, b.cosine, b.mutual, b.pearson FROM latent l "
                              "LEFT JOIN best b ON b.sae = l.sae AND b.other = ?2 AND b.latent = l.id WHERE l.sae = ?1";
    int64_t *active = sae_arena_alloc(arena, (size_t)n, sizeof *active);
    int64_t *nearest = sae_arena_alloc(arena, (size_t)n, sizeof *nearest);
    double *cosine = sae_arena_alloc(arena, (size_t)n, sizeof *cosine);
    double *pearson = sae_arena_alloc(arena, (size_t)n, sizeof *pearson);
    bool *mutual = sae_arena_alloc(arena, (size_t)n, sizeof *mutual);
    sqlite3_stmt *r = NULL;
    sae_status status = sae_arena_check(arena, err);
    if (status != SAE_OK) return status;
    const int64_t m = sae_store_get_sae(store, vs)->n;
    for (int64_t i = 0; i < n; i++) {
        nearest[i] = -1;
        cosine[i] = pearson[i] = NAN;
    }
    SAE_TRY(sae_store_select(store, &r, sql, (const int64_t[]){sae, vs}, 2, err));
    while (sae_db_next(&store->db, r, &status, err)) {
        int64_t i = sqlite3_column_int64(r, 0);
        int64_t j = sqlite3_column_type(r, 2) == SQLITE_NULL ? -1 : sqlite3_column_int64(r, 2);
        if (i < 0 || i >= n || j < -1 || j >= m) {
            status = sae_store_damaged(store, "a match names a latent that is not there", err);
            goto done;
        }
        active[i] = sqlite3_column_int64(r, 1);
        nearest[i] = j;
        cosine[i] = sae_column_real(r, 3);
        mutual[i] = sqlite3_column_int64(r, 4) != 0;
        pearson[i] = sae_column_real(r, 5);
    }
    if (status != SAE_OK) goto done;
    *out = (sae_store_matches){
        .n = n, .n_active = active, .nearest = nearest, .cosine = cosine, .pearson = pearson, .mutual = mutual};
done:
    sqlite3_finalize(r);
    return status;
}

sae_status sae_store_get_matches(sae_store *store, int64_t sae, int64_t vs, const sae_store_matches **out,
                                 sae_error *err)
{
    sae_arena arena = {0};
    sae_status status = sae_store_check_sae(store, sae, err);
    if (status == SAE_OK) status = sae_store_check_sae(store, vs, err);
    if (status != SAE_OK) return status;
    sae_store_matches *matches = sae_arena_alloc(&arena, 1, sizeof *matches);
    SAE_TRY(sae_arena_check(&arena, err));
    SAE_TRY(fill(store, sae, vs, sae_store_get_sae(store, sae)->n, &arena, matches, err));
    *out = matches;
done:
    if (status != SAE_OK) sae_arena_clear(&arena);
    return status;
}
