/* Memory of one result: many small allocations, freed together through the first of them. */
#ifndef SAE_STORE_ARENA_H
#define SAE_STORE_ARENA_H

#include <stdbool.h>
#include <stddef.h>

typedef struct sae_arena_block sae_arena_block;

typedef struct sae_arena {
    sae_arena_block *first, *last;
    bool failed; /* some allocation did */
} sae_arena;

/* count·size bytes of zeros, aligned for any type; NULL when out of memory. The first allocation is the result. */
void *sae_arena_alloc(sae_arena *arena, size_t count, size_t size);
/* A copy followed by a NUL. */
const char *sae_arena_copy(sae_arena *arena, const void *data, size_t size);
void sae_arena_clear(sae_arena *arena);
/* Frees the arena whose first allocation `result` was. */
void sae_arena_free_result(const void *result);

#endif
