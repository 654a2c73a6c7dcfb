/* Checked allocation: sizes are products that may overflow, and tests make allocations fail. */
#ifndef SAE_BASE_ALLOC_H
#define SAE_BASE_ALLOC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SAE_ALIGN 64 /* one cache line; also the widest vector */

/* count·size bytes of zeros, or NULL on overflow or when out of memory. Free with sae_free. */
void *sae_calloc(size_t count, size_t size);
/* Uninitialised, aligned to SAE_ALIGN; pages are touched only when used. count or size 0 gives a valid pointer. */
void *sae_alloc(size_t count, size_t size);
/* The same for arrays that are used as a whole: large ones begin at a large page and ask for such pages, so that
 * walking through several of them at once does not miss the translation of addresses. */
void *sae_alloc_large(size_t count, size_t size);
/* Grows or shrinks memory from sae_calloc, sae_realloc or malloc (not sae_alloc). On failure the old block stays. */
void *sae_realloc(void *old, size_t count, size_t size);
void sae_free(void *memory);
char *sae_strdup(const char *text); /* NULL text gives NULL */

/* a·b and a + b; false on overflow. */
bool sae_mul_size(size_t a, size_t b, size_t *product);
bool sae_add_size(size_t a, size_t b, size_t *sum);
/* a·b for non-negative a, b; false on overflow or a negative factor. */
bool sae_mul_i64(int64_t a, int64_t b, int64_t *product);

/* For tests: how many allocations this process has made through this file, and failing the n-th from
 * now (0: never again). */
uint64_t sae_alloc_count(void);
void sae_alloc_fail_after(uint64_t n);

#endif
