#include "lm/trie.h"

bool sae_trie_init(sae_trie *trie)
{
    *trie = (sae_trie){.nodes = 1};
    return sae_idmap_init(&trie->edges, 16) && sae_idmap_init(&trie->ends, 16);
}

bool sae_trie_add(sae_trie *trie, const char *text, size_t length, uint32_t number)
{
    uint64_t node = 0;
    for (size_t i = 0; i < length; i++) {
        uint64_t edge = node << 8 | (unsigned char)text[i];
        uint64_t next = sae_idmap_get(&trie->edges, edge);
        if (next == SAE_IDMAP_NONE) {
            next = trie->nodes++;
            if (!sae_idmap_put(&trie->edges, edge, next)) return false;
        }
        node = next;
    }
    if (length > 0) trie->starts[(unsigned char)text[0]] = true;
    return sae_idmap_put(&trie->ends, node, number);
}

void sae_trie_clear(sae_trie *trie)
{
    sae_idmap_clear(&trie->edges);
    sae_idmap_clear(&trie->ends);
}

size_t sae_trie_longest(const sae_trie *trie, const char *text, size_t length, uint32_t *number)
{
    size_t longest = 0;
    uint64_t node = 0;
    for (size_t i = 0; i < length; i++) {
        node = sae_idmap_get(&trie->edges, node << 8 | (unsigned char)text[i]);
        if (node == SAE_IDMAP_NONE) break;
        uint64_t end = sae_idmap_get(&trie->ends, node);
        if (end == SAE_IDMAP_NONE) continue;
        longest = i + 1;
        *number = (uint32_t)end;
    }
    return longest;
}
