#include "store/arena.h"

#include "base/alloc.h"

#include <stdalign.h>
#include <stdint.h>
#include <string.h>

#define BLOCK ((size_t)16 << 10)
#define ALIGN alignof(max_align_t)

struct sae_arena_block {
    sae_arena_block *next;
    size_t used, size; /* of data */
    alignas(max_align_t) unsigned char data[];
};

void *sae_arena_alloc(sae_arena *arena, size_t count, size_t size)
{
    size_t bytes = 0;
    bool fits = sae_mul_size(count, size, &bytes) && bytes <= SIZE_MAX / 2;
    bytes = (bytes + ALIGN - 1) / ALIGN * ALIGN;
    sae_arena_block *b = arena->last;
    if (fits && (!b || b->size - b->used < bytes)) {
        size_t room = bytes > BLOCK ? bytes : BLOCK;
        b = sae_calloc(1, sizeof *b + room);
        if (b) {
            b->size = room;
            if (arena->last) arena->last->next = b;
            if (!arena->first) arena->first = b;
            arena->last = b;
        }
    }
    if (!fits || !b) {
        arena->failed = true;
        return NULL;
    }
    void *memory = b->data + b->used;
    b->used += bytes;
    return memory;
}

const char *sae_arena_copy(sae_arena *arena, const void *data, size_t size)
{
    char *copy = sae_arena_alloc(arena, size + 1, 1);
    if (copy && size) memcpy(copy, data, size);
    return copy;
}

static void free_chain(sae_arena_block *block)
{
    while (block) {
        sae_arena_block *next = block->next;
        sae_free(block);
        block = next;
    }
}

void sae_arena_clear(sae_arena *arena)
{
    free_chain(arena->first);
    *arena = (sae_arena){0};
}

void sae_arena_free_result(const void *result)
{
    if (!result) return;
    uintptr_t block = (uintptr_t)result - offsetof(sae_arena_block, data);
    free_chain((sae_arena_block *)block);
}
