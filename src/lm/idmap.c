#include "lm/idmap.h"

#include "base/alloc.h"

#include <string.h>

static bool make_slots(sae_idmap *map, size_t slots)
{
    map->slots = sae_alloc(slots, 2 * sizeof *map->slots);
    if (!map->slots) return false;
    memset(map->slots, 0xff, slots * 2 * sizeof *map->slots); /* every key NONE */
    map->mask = slots - 1;
    map->count = 0;
    return true;
}

bool sae_idmap_init(sae_idmap *map, size_t expected)
{
    size_t slots = 16;
    while (slots / 2 < expected) {
        if (slots > SIZE_MAX / 4) return false;
        slots *= 2;
    }
    return make_slots(map, slots);
}

void sae_idmap_clear(sae_idmap *map)
{
    sae_free(map->slots);
    *map = (sae_idmap){0};
}

bool sae_idmap_put(sae_idmap *map, uint64_t key, uint64_t value)
{
    size_t slots = map->mask + 1;
    if (2 * (map->count + 1) > slots) {
        sae_idmap larger;
        if (slots > SIZE_MAX / 4 || !make_slots(&larger, 2 * slots)) return false;
        for (size_t i = 0; i < slots; i++)
            if (map->slots[2 * i] != SAE_IDMAP_NONE) sae_idmap_put(&larger, map->slots[2 * i], map->slots[2 * i + 1]);
        sae_idmap_clear(map);
        *map = larger;
    }
    size_t i = sae_idmap_mix(key) & map->mask;
    while (map->slots[2 * i] != key && map->slots[2 * i] != SAE_IDMAP_NONE) i = (i + 1) & map->mask;
    if (map->slots[2 * i] == SAE_IDMAP_NONE) map->count++;
    map->slots[2 * i] = key;
    map->slots[2 * i + 1] = value;
    return true;
}
