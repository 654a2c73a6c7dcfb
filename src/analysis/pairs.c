#include "analysis/pairs.h"

#include "base/alloc.h"
#include "base/error.h"
#include "base/parallel.h"

#include <omp.h>
#include <string.h>

enum { CHUNK = 16 };

/* Codes by row, and by latent. */
struct sae_pair_sums {
    sae_pairs pairs;
    int64_t max_pairs, kept_codes, rows_added;
    sae_codes *kept;
    int64_t *starts;  /* [n + 1] where a latent's codes begin in */
    int32_t *rows;    /* [kept->capacity] the rows on which it was active, ascending, and */
    float *values;    /* [kept->capacity] its activations there */
    int64_t capacity; /* of rows and values */
};

/* What one thread adds up a latent's row in. */
typedef struct scratch {
    uint64_t *seen; /* a bit for each latent, all 0 between uses */
    double *sum;    /* [n], all 0 between uses */
} scratch;

void sae_pairs_clear(sae_pairs *pairs)
{
    sae_free(pairs->offsets);
    sae_free(pairs->columns);
    sae_free(pairs->values);
    *pairs = (sae_pairs){0};
}

int64_t sae_pairs_count(const sae_pairs *pairs)
{
    int64_t diagonal = 0;
    for (int64_t i = 0; i < pairs->n; i++) diagonal += pairs->offsets[i + 1] > pairs->offsets[i];
    return (pairs->offsets[pairs->n] - diagonal) / 2;
}

void sae_pair_sums_free(sae_pair_sums *s)
{
    if (!s) return;
    sae_pairs_clear(&s->pairs);
    sae_codes_free(s->kept);
    sae_free(s->starts);
    sae_free(s->rows);
    sae_free(s->values);
    sae_free(s);
}

sae_status sae_pair_sums_new(sae_pair_sums **out, int64_t n, int64_t max_pairs, int64_t kept_codes, sae_error *err)
{
    sae_pair_sums *s = sae_calloc(1, sizeof *s);
    if (!s) return sae_fail_memory(err, "pairs of latents", sizeof *s);
    s->pairs = (sae_pairs){.n = n, .offsets = sae_calloc((size_t)n + 1, sizeof(int64_t))};
    s->max_pairs = max_pairs;
    s->kept_codes = kept_codes;
    s->kept = sae_codes_new();
    s->starts = sae_alloc((size_t)n + 1, sizeof *s->starts);
    if (s->pairs.offsets && s->kept && s->starts && sae_codes_reserve(s->kept, 1, 1, NULL) == SAE_OK) {
        s->kept->row_offsets[0] = 0;
        *out = s;
        return SAE_OK;
    }
    sae_pair_sums_free(s);
    return sae_fail_memory(err, "pairs of latents", (size_t)n * 2 * sizeof(int64_t));
}

/* ---- kept rows, by latent ------------------------------------------------------------------------------ */

static sae_status transpose(sae_pair_sums *s, sae_error *err)
{
    const sae_codes *c = s->kept;
    int64_t n = s->pairs.n, entries = c->row_offsets[c->rows];
    if (s->capacity < entries) {
        sae_free(s->rows);
        sae_free(s->values);
        s->capacity = 0;
        s->rows = sae_alloc((size_t)entries, sizeof *s->rows);
        s->values = sae_alloc((size_t)entries, sizeof *s->values);
        if (!s->rows || !s->values) return sae_fail_memory(err, "codes", (size_t)entries * 2 * sizeof *s->rows);
        s->capacity = entries;
    }
    memset(s->starts, 0, ((size_t)n + 1) * sizeof *s->starts);
    for (int64_t e = 0; e < entries; e++) s->starts[c->latents[e] + 1]++;
    for (int64_t i = 0; i < n; i++) s->starts[i + 1] += s->starts[i];
    /* each start moves to its end, which is the next one's start: moved back below */
    for (int64_t r = 0; r < c->rows; r++)
        for (int64_t e = c->row_offsets[r]; e < c->row_offsets[r + 1]; e++) {
            int64_t to = s->starts[c->latents[e]]++;
            s->rows[to] = (int32_t)r;
            s->values[to] = c->values[e];
        }
    memmove(s->starts + 1, s->starts, (size_t)n * sizeof *s->starts);
    s->starts[0] = 0;
    return SAE_OK;
}

/* ---- one latent ------------------------------------------------------------------------------------------ */

static void mark(uint64_t *seen, int32_t latent)
{
    seen[latent >> 6] |= (uint64_t)1 << (latent & 63);
}

static void mark_row(const sae_pair_sums *s, int64_t i, uint64_t *seen)
{
    const sae_codes *c = s->kept;
    for (int64_t e = s->pairs.offsets[i]; e < s->pairs.offsets[i + 1]; e++) mark(seen, s->pairs.columns[e]);
    for (int64_t a = s->starts[i]; a < s->starts[i + 1]; a++)
        for (int64_t e = c->row_offsets[s->rows[a]]; e < c->row_offsets[s->rows[a] + 1]; e++) mark(seen, c->latents[e]);
}

static int64_t count_row(const sae_pair_sums *s, int64_t i, uint64_t *seen)
{
    int64_t count = 0, words = (s->pairs.n + 63) / 64;
    mark_row(s, i, seen);
    for (int64_t w = 0; w < words; w++) count += __builtin_popcountll(seen[w]);
    memset(seen, 0, (size_t)words * sizeof *seen);
    return count;
}

static void sum_row(const sae_pair_sums *s, int64_t i, const scratch *w, int32_t *columns, double *values)
{
    const sae_codes *c = s->kept;
    int64_t count = 0, words = (s->pairs.n + 63) / 64;
    mark_row(s, i, w->seen);
    for (int64_t e = s->pairs.offsets[i]; e < s->pairs.offsets[i + 1]; e++)
        w->sum[s->pairs.columns[e]] = s->pairs.values[e];
    for (int64_t a = s->starts[i]; a < s->starts[i + 1]; a++) {
        double f = (double)s->values[a];
        for (int64_t e = c->row_offsets[s->rows[a]]; e < c->row_offsets[s->rows[a] + 1]; e++)
            w->sum[c->latents[e]] += f * (double)c->values[e];
    }
    for (int64_t word = 0; word < words; word++)
        for (uint64_t left = w->seen[word]; left; left &= left - 1) {
            int64_t j = word * 64 + __builtin_ctzll(left);
            columns[count] = (int32_t)j;
            values[count++] = w->sum[j];
            w->sum[j] = 0;
        }
    memset(w->seen, 0, (size_t)words * sizeof *w->seen);
}

/* ---- all latents ----------------------------------------------------------------------------------------- */

static void scratches_free(scratch *w, int threads)
{
    for (int t = 0; w && t < threads; t++) {
        sae_free(w[t].seen);
        sae_free(w[t].sum);
    }
    sae_free(w);
}

static scratch *scratches_new(int threads, int64_t n)
{
    scratch *w = sae_calloc((size_t)threads, sizeof *w);
    for (int t = 0; w && t < threads; t++) {
        w[t].seen = sae_calloc((size_t)(n + 63) / 64, sizeof *w[t].seen);
        w[t].sum = sae_calloc((size_t)n, sizeof *w[t].sum);
        if (w[t].seen && w[t].sum) continue;
        scratches_free(w, threads);
        return NULL;
    }
    return w;
}

/* The counts become offsets. Refused here, before the memory is asked for. */
static sae_status check_count(sae_pair_sums *s, int64_t *offsets, sae_error *err)
{
    int64_t n = s->pairs.n, diagonal = 0;
    for (int64_t i = 0; i < n; i++) {
        diagonal += offsets[i + 1] > 0;
        offsets[i + 1] += offsets[i];
    }
    int64_t pairs = (offsets[n] - diagonal) / 2;
    if (pairs <= s->max_pairs) return SAE_OK;
    return sae_fail(err, SAE_E_MEMORY,
                    "on the first %lld rows %lld pairs of latents fire together, more than the %lld allowed "
                    "(--max-pairs; 24 bytes each, twice that while rows are added): allow more, use fewer rows "
                    "(--max-tokens), or sparser SAEs",
                    (long long)s->rows_added, (long long)pairs, (long long)s->max_pairs);
}

/* pairs + what the kept rows add; no rows are kept afterwards. */
static sae_status flush(sae_pair_sums *s, const sae_env *env, sae_error *err)
{
    sae_status status;
    int64_t n = s->pairs.n;
    int threads = sae_threads(env);
    sae_pairs grown = {.n = n, .offsets = sae_calloc((size_t)n + 1, sizeof *grown.offsets)};
    scratch *w = scratches_new(threads, n);
    if (!grown.offsets || !w)
        SAE_TRY(sae_fail_memory(err, "sums of pairs", (size_t)threads * (size_t)n * sizeof(double)));
    SAE_TRY(transpose(s, err));
#pragma omp parallel for num_threads(threads) schedule(dynamic, CHUNK)
    for (int64_t i = 0; i < n; i++) grown.offsets[i + 1] = count_row(s, i, w[omp_get_thread_num()].seen);
    SAE_TRY(check_count(s, grown.offsets, err));
    size_t entries = (size_t)grown.offsets[n];
    grown.columns = sae_alloc(entries, sizeof *grown.columns);
    grown.values = sae_alloc(entries, sizeof *grown.values);
    if (!grown.columns || !grown.values)
        SAE_TRY(sae_fail_memory(err, "pairs of latents", entries * (sizeof *grown.columns + sizeof *grown.values)));
#pragma omp parallel for num_threads(threads) schedule(dynamic, CHUNK)
    for (int64_t i = 0; i < n; i++)
        sum_row(s, i, &w[omp_get_thread_num()], grown.columns + grown.offsets[i], grown.values + grown.offsets[i]);
    sae_pairs_clear(&s->pairs);
    s->pairs = grown;
    grown = (sae_pairs){0};
    s->kept->rows = 0;
    s->kept->row_offsets[0] = 0;
done:
    sae_pairs_clear(&grown);
    scratches_free(w, threads);
    return status;
}

sae_status sae_pair_sums_add(sae_pair_sums *s, const sae_codes *const codes[2], int64_t shift, const sae_env *env,
                             sae_error *err)
{
    sae_status status;
    int64_t rows = codes[0]->rows, entries = codes[0]->row_offsets[rows] + codes[1]->row_offsets[rows];
    sae_codes *kept = s->kept;
    if (kept->row_offsets[kept->rows] + entries > s->kept_codes || kept->rows + rows > s->kept_codes)
        SAE_TRY(flush(s, env, err));
    SAE_TRY(sae_codes_reserve(kept, kept->rows + rows, kept->row_offsets[kept->rows] + entries, err));
    int64_t to = kept->row_offsets[kept->rows];
    for (int64_t r = 0; r < rows; r++) {
        for (int side = 0; side < 2; side++)
            for (int64_t e = codes[side]->row_offsets[r]; e < codes[side]->row_offsets[r + 1]; e++) {
                kept->latents[to] = codes[side]->latents[e] + (int32_t)(side * shift);
                kept->values[to++] = codes[side]->values[e];
            }
        kept->row_offsets[++kept->rows] = to;
    }
    s->rows_added += rows;
done:
    return status;
}

sae_status sae_pair_sums_take(sae_pair_sums *s, sae_pairs *out, const sae_env *env, sae_error *err)
{
    sae_status status = flush(s, env, err);
    if (status != SAE_OK) return status;
    *out = s->pairs;
    s->pairs = (sae_pairs){.n = out->n};
    return SAE_OK;
}
