/* A hash table from 64-bit keys to 64-bit values: the pairs of a merge table, the edges of a trie. */
#ifndef SAE_LM_IDMAP_H
#define SAE_LM_IDMAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SAE_IDMAP_NONE UINT64_MAX /* not a key, and the value of a key that is not there */

typedef struct sae_idmap {
    uint64_t *slots; /* key, value, key, value, …; a free slot has the key NONE */
    size_t mask;     /* slots − 1; the number of slots is a power of two */
    size_t count;
} sae_idmap;

/* Room for `expected` keys; the table grows when there are more. False when out of memory. */
bool sae_idmap_init(sae_idmap *map, size_t expected);
void sae_idmap_clear(sae_idmap *map);
/* Sets the value of a key, replacing an earlier one. False when out of memory. */
bool sae_idmap_put(sae_idmap *map, uint64_t key, uint64_t value);

/* Keys are small numbers packed side by side; this spreads them over all bits. */
static inline uint64_t sae_idmap_mix(uint64_t x)
{
    x *= 0x9e3779b97f4a7c15u;
    x ^= x >> 32;
    x *= 0xd6e8feb86659fd93u;
    return x ^ x >> 32;
}

static inline uint64_t sae_idmap_get(const sae_idmap *map, uint64_t key)
{
    for (size_t i = sae_idmap_mix(key) & map->mask;; i = (i + 1) & map->mask) {
        if (map->slots[2 * i] == key) return map->slots[2 * i + 1];
        if (map->slots[2 * i] == SAE_IDMAP_NONE) return SAE_IDMAP_NONE;
    }
}

#endif
