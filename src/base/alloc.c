#include "base/alloc.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

/* Test instrumentation, the only mutable state of the library: it changes no result. */
static _Atomic uint64_t allocations;
static _Atomic uint64_t fail_at; /* value of `allocations` that fails; 0: none */

uint64_t sae_alloc_count(void)
{
    return atomic_load(&allocations);
}

void sae_alloc_fail_after(uint64_t n)
{
    atomic_store(&fail_at, n ? atomic_load(&allocations) + n : 0);
}

static bool refused(void)
{
    uint64_t now = atomic_fetch_add(&allocations, 1) + 1;
    uint64_t at = atomic_load(&fail_at);
    return at != 0 && now == at;
}

bool sae_mul_size(size_t a, size_t b, size_t *product)
{
    return !__builtin_mul_overflow(a, b, product);
}

bool sae_add_size(size_t a, size_t b, size_t *sum)
{
    return !__builtin_add_overflow(a, b, sum);
}

bool sae_mul_i64(int64_t a, int64_t b, int64_t *product)
{
    return a >= 0 && b >= 0 && !__builtin_mul_overflow(a, b, product);
}

void *sae_calloc(size_t count, size_t size)
{
    size_t bytes;
    if (!sae_mul_size(count, size, &bytes) || refused()) return NULL;
    return calloc(1, bytes ? bytes : 1);
}

void *sae_alloc(size_t count, size_t size)
{
    size_t bytes;
    if (!sae_mul_size(count, size, &bytes) || refused()) return NULL;
    if (bytes > SIZE_MAX - SAE_ALIGN) return NULL;
    bytes = (bytes + SAE_ALIGN) / SAE_ALIGN * SAE_ALIGN;
    return aligned_alloc(SAE_ALIGN, bytes);
}

#ifndef MADV_HUGEPAGE
#define MADV_HUGEPAGE MADV_NORMAL
#endif
enum { LARGE_PAGE = 2 << 20 };

void *sae_alloc_large(size_t count, size_t size)
{
    size_t bytes, rounded;
    if (!sae_mul_size(count, size, &bytes) || bytes < 2 * (size_t)LARGE_PAGE) return sae_alloc(count, size);
    if (refused() || !sae_add_size(bytes, LARGE_PAGE - 1, &rounded)) return NULL;
    void *memory = aligned_alloc(LARGE_PAGE, rounded / LARGE_PAGE * LARGE_PAGE);
    if (memory) (void)madvise(memory, rounded / LARGE_PAGE * LARGE_PAGE, MADV_HUGEPAGE); /* a wish */
    return memory;
}

void *sae_realloc(void *old, size_t count, size_t size)
{
    size_t bytes;
    if (!sae_mul_size(count, size, &bytes) || refused()) return NULL;
    return realloc(old, bytes ? bytes : 1);
}

void sae_free(void *memory)
{
    free(memory);
}

char *sae_strdup(const char *text)
{
    if (!text) return NULL;
    size_t length = strlen(text) + 1;
    char *copy = sae_alloc(length, 1);
    if (copy) memcpy(copy, text, length);
    return copy;
}
