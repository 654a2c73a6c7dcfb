/* Byte-pair encoding of one word. */
#include "lm/bpe.h"

#include "base/alloc.h"
#include "base/error.h"

#include <string.h>

#define SHORT_WORD 32 /* bytes */

/* The word as a linked list of symbols; one that was joined into its left neighbour has id −1. */
typedef struct sae_bpe_symbol {
    int32_t id;
    int32_t previous, next; /* index, or −1 */
} symbol;

/* A pair that may be joined: it is stale when either side has changed since. */
typedef struct sae_bpe_pair {
    uint32_t rank;
    int32_t at; /* index of the left symbol */
    int32_t left, right, joined;
} pair;

void sae_bpe_scratch_clear(sae_bpe_scratch *scratch)
{
    sae_free(scratch->symbols);
    sae_free(scratch->heap);
    *scratch = (sae_bpe_scratch){0};
}

static bool before(const pair *a, const pair *b)
{
    return a->rank != b->rank ? a->rank < b->rank : a->at < b->at;
}

static void push(pair *heap, size_t *count, pair item)
{
    size_t i = (*count)++;
    while (i > 0 && before(&item, &heap[(i - 1) / 2])) {
        heap[i] = heap[(i - 1) / 2];
        i = (i - 1) / 2;
    }
    heap[i] = item;
}

static pair pop(pair *heap, size_t *count)
{
    pair top = heap[0], last = heap[--*count];
    size_t i = 0;
    for (;;) {
        size_t child = 2 * i + 1;
        if (child >= *count) break;
        if (child + 1 < *count && before(&heap[child + 1], &heap[child])) child++;
        if (!before(&heap[child], &last)) break;
        heap[i] = heap[child];
        i = child;
    }
    heap[i] = last;
    return top;
}

/* Puts the pair that starts at symbol `at` on the heap if the vocabulary joins it. */
static void offer(const sae_tokenizer *t, const symbol *symbols, int32_t at, pair *heap, size_t *count)
{
    if (at < 0 || symbols[at].next < 0) return;
    int32_t left = symbols[at].id, right = symbols[symbols[at].next].id;
    uint64_t found = sae_bpe_pair(t, left, right);
    if (found == SAE_IDMAP_NONE) return;
    push(heap, count, (pair){(uint32_t)(found >> 32), at, left, right, (int32_t)(uint32_t)found});
}

static sae_status make_room(sae_bpe_scratch *scratch, size_t length, sae_error *err)
{
    if (length > INT32_MAX / 4)
        return sae_fail(err, SAE_E_UNSUPPORTED, "the text has a word of %zu bytes; at most %d can be tokenised", length,
                        INT32_MAX / 4);
    if (scratch->symbol_room < length) {
        symbol *symbols = sae_realloc(scratch->symbols, length, sizeof *symbols);
        if (!symbols) return sae_fail_memory(err, "a long word", length * sizeof *symbols);
        scratch->symbols = symbols;
        scratch->symbol_room = length;
    }
    /* length − 1 pairs at the start; each of at most length − 1 joins takes one and offers two. */
    if (scratch->heap_room < 2 * length) {
        pair *heap = sae_realloc(scratch->heap, 2 * length, sizeof *heap);
        if (!heap) return sae_fail_memory(err, "a long word", 2 * length * sizeof *heap);
        scratch->heap = heap;
        scratch->heap_room = 2 * length;
    }
    return SAE_OK;
}

/* Nearly all words are short: their pairs lie in a row, with what each is joined to, and the lowest is looked for anew
 * after each join. A rank has one joined id, so values (rank << 32 | joined, NONE last) compare as ranks do. */
static int64_t merge_short(const sae_tokenizer *t, const char *word, int n, int32_t *ids)
{
    uint64_t pairs[SHORT_WORD];
    for (int i = 0; i < n; i++) ids[i] = t->byte_ids[(unsigned char)word[i]];
    for (int i = 0; i + 1 < n; i++)
        pairs[i] = t->byte_pairs[(unsigned)(unsigned char)word[i] << 8 | (unsigned char)word[i + 1]];
    while (n > 1) {
        int best = 0;
        for (int i = 1; i + 1 < n; i++) best = pairs[i] < pairs[best] ? i : best;
        if (pairs[best] == SAE_IDMAP_NONE) break;
        ids[best] = (int32_t)(uint32_t)pairs[best];
        n--;
        for (int i = best + 1; i < n; i++) ids[i] = ids[i + 1];
        for (int i = best; i + 1 < n; i++) pairs[i] = pairs[i + 1];
        if (best + 1 < n) pairs[best] = sae_bpe_pair(t, ids[best], ids[best + 1]);
        if (best > 0) pairs[best - 1] = sae_bpe_pair(t, ids[best - 1], ids[best]);
    }
    return n;
}

sae_status sae_bpe_merge_word(const sae_tokenizer *t, sae_bpe_scratch *scratch, const char *word, size_t length,
                              sae_ids *ids, sae_error *err)
{
    sae_status status;
    SAE_TRY(sae_ids_reserve(ids, (int64_t)length, err));
    if (length <= SHORT_WORD) {
        ids->count += merge_short(t, word, (int)length, ids->data + ids->count);
        return SAE_OK;
    }
    SAE_TRY(make_room(scratch, length, err));
    symbol *symbols = scratch->symbols;
    pair *heap = scratch->heap;
    size_t count = 0;
    int32_t n = (int32_t)length;
    for (int32_t i = 0; i < n; i++)
        symbols[i] = (symbol){t->byte_ids[(unsigned char)word[i]], i - 1, i + 1 < n ? i + 1 : -1};
    for (int32_t i = 0; i + 1 < n; i++) offer(t, symbols, i, heap, &count);
    while (count > 0) {
        pair best = pop(heap, &count);
        symbol *left = &symbols[best.at];
        if (left->id != best.left || left->next < 0 || symbols[left->next].id != best.right) continue;
        symbol *right = &symbols[left->next];
        left->id = best.joined;
        right->id = -1;
        left->next = right->next;
        if (left->next >= 0) symbols[left->next].previous = best.at;
        offer(t, symbols, left->previous, heap, &count);
        offer(t, symbols, best.at, heap, &count);
    }
    for (int32_t i = 0; i >= 0; i = symbols[i].next) ids->data[ids->count++] = symbols[i].id;
done:
    return status;
}
