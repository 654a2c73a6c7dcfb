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

sae_cut sae_select_cut(const sae_candidates *lists, int n_lists, int64_t k)
{
    int64_t counts[256];
    uint32_t prefix = 0, mask = 0;
    for (int shift = 24; shift >= 0; shift -= 8) {
        memset(counts, 0, sizeof counts);
        for (int l = 0; l < n_lists; l++)
            for (int64_t i = 0; i < lists[l].count; i++) {
                uint32_t bits = bits_of(lists[l].value[i]);
                if ((bits & mask) == prefix) counts[bits >> shift & 255]++;
            }
        prefix |= (uint32_t)find_bucket(counts, true, &k) << shift;
        mask |= (uint32_t)255 << shift;
    }
    /* `prefix` is now the value's bits and k the number to keep among those equal to it. */
    sae_cut cut;
    memcpy(&cut.value, &prefix, sizeof cut.value);
    int64_t ties = counts[prefix & 255];
    cut.key = UINT64_MAX;
    if (ties == k) return cut;

    uint64_t key = 0, key_mask = 0;
    for (int shift = 56; shift >= 0; shift -= 8) {
        memset(counts, 0, sizeof counts);
        for (int l = 0; l < n_lists; l++)
            for (int64_t i = 0; i < lists[l].count; i++) {
                if (lists[l].value[i] != cut.value) continue;
                uint64_t here = sae_candidate_key(&lists[l], i);
                if ((here & key_mask) == key) counts[here >> shift & 255]++;
            }
        key |= (uint64_t)find_bucket(counts, false, &k) << shift;
        key_mask |= (uint64_t)255 << shift;
    }
    cut.key = key;
    return cut;
}
