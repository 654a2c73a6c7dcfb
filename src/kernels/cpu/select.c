#include "kernels/cpu/select.h"

#include <string.h>

/* Positive floats sort like their bits. */
static uint32_t bits_of(float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

/* The bucket that holds the k-th item when buckets are taken from the top (or the bottom); *k becomes its
 * rank within that bucket. */
static int find_bucket(const int64_t counts[256], bool from_top, int64_t *k)
{
    for (int i = 0; i < 256; i++) {
        int bucket = from_top ? 255 - i : i;
        if (*k <= counts[bucket]) return bucket;
        *k -= counts[bucket];
    }
    return from_top ? 0 : 255;
}

/* How values are looked at: entries whose key agrees with `prefix` in the bits of `mask`, by the 8 bits at `shift`. The
 * key is the value's bits or, among entries equal to `equal`, row and latent. */
typedef struct digit {
    uint64_t prefix, mask;
    int shift;
    bool by_place;
    float equal;
} digit;

static void count_digit(const sae_candidates *c, const digit *at, int64_t counts[256])
{
    memset(counts, 0, 256 * sizeof *counts);
    if (at->by_place) {
        for (int64_t i = 0; i < c->count; i++) {
            if (c->value[i] != at->equal) continue;
            uint64_t key = sae_candidate_key(c, i);
            if ((key & at->mask) == at->prefix) counts[key >> at->shift & 255]++;
        }
        return;
    }
    /* kept values share their first digits: counters of one table alone would wait for each other */
    enum { TABLES = 4 };
    uint32_t mask = (uint32_t)at->mask, prefix = (uint32_t)at->prefix;
    int64_t tables[TABLES][256] = {{0}}, i = 0;
    for (; i + TABLES <= c->count; i += TABLES)
        for (int t = 0; t < TABLES; t++) {
            uint32_t bits = bits_of(c->value[i + t]);
            tables[t][bits >> at->shift & 255] += (bits & mask) == prefix;
        }
    for (; i < c->count; i++) {
        uint32_t bits = bits_of(c->value[i]);
        tables[0][bits >> at->shift & 255] += (bits & mask) == prefix;
    }
    for (int t = 0; t < TABLES; t++)
        for (int bucket = 0; bucket < 256; bucket++) counts[bucket] += tables[t][bucket];
}

/* Fixes the next digit of the k-th key; *k becomes its rank among those that share it. Returns how many these are. */
static int64_t take_digit(const sae_candidates *lists, int n_lists, digit *at, bool from_top, int64_t *k,
                          int64_t (*counts)[256], int threads)
{
    if (threads > 1) {
#pragma omp parallel for num_threads(threads) schedule(static, 1)
        for (int l = 0; l < n_lists; l++) count_digit(&lists[l], at, counts[l]);
    } else {
        for (int l = 0; l < n_lists; l++) count_digit(&lists[l], at, counts[l]);
    }
    for (int l = 1; l < n_lists; l++)
        for (int i = 0; i < 256; i++) counts[0][i] += counts[l][i];
    int bucket = find_bucket(counts[0], from_top, k);
    at->prefix |= (uint64_t)bucket << at->shift;
    at->mask |= (uint64_t)255 << at->shift;
    return counts[0][bucket];
}

sae_cut sae_select_cut_by(const sae_candidates *lists, int n_lists, int64_t k, int64_t (*counts)[256], int threads)
{
    digit at = {0};
    int64_t ties = 0;
    for (at.shift = 24; at.shift >= 0; at.shift -= 8) ties = take_digit(lists, n_lists, &at, true, &k, counts, threads);
    uint32_t bits = (uint32_t)at.prefix;
    sae_cut cut = {.key = UINT64_MAX};
    memcpy(&cut.value, &bits, sizeof cut.value);
    if (ties == k) return cut;
    at = (digit){.by_place = true, .equal = cut.value};
    for (at.shift = 56; at.shift >= 0; at.shift -= 8) take_digit(lists, n_lists, &at, false, &k, counts, threads);
    cut.key = at.prefix;
    return cut;
}

sae_cut sae_select_cut(const sae_candidates *list, int64_t k)
{
    int64_t counts[1][256];
    return sae_select_cut_by(list, 1, k, counts, 1);
}
