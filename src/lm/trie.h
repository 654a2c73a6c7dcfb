/* A set of byte strings with a number each, and the longest of them that starts at a place of a text. */
#ifndef SAE_LM_TRIE_H
#define SAE_LM_TRIE_H

#include "lm/idmap.h"

typedef struct sae_trie {
    sae_idmap edges; /* node·256 + byte → node; node 0 is the root */
    sae_idmap ends;  /* node → number of the string that ends there */
    uint64_t nodes;
    bool starts[256]; /* bytes that some string starts with */
} sae_trie;

/* All false when out of memory. */
bool sae_trie_init(sae_trie *trie);
bool sae_trie_add(sae_trie *trie, const char *text, size_t length, uint32_t number);
void sae_trie_clear(sae_trie *trie);

/* Length of the longest string of the set that text[0 … length) starts with, and its number; 0: none. */
size_t sae_trie_longest(const sae_trie *trie, const char *text, size_t length, uint32_t *number);

#endif
