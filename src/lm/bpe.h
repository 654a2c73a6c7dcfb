/* Byte-level BPE inside: the tables of a tokenizer, and the worker that one thread tokenises with. */
#ifndef SAE_LM_BPE_H
#define SAE_LM_BPE_H

#include <sae/lm.h>

#include "lm/idmap.h"
#include "lm/trie.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#define SAE_BPE_EOS "<|endoftext|>"

typedef struct sae_token {
    size_t start; /* of its bytes in sae_tokenizer.text */
    uint32_t length;
    bool used, special;
} sae_token;

struct sae_tokenizer {
    char *path;   /* as opened, for messages */
    int32_t size; /* largest id + 1 */
    int32_t eos;  /* or −1 */
    bool add_prefix_space;
    sae_token *tokens; /* [size] */
    char *text;        /* bytes of all tokens */
    size_t text_used, text_room;
    int32_t byte_ids[256]; /* id of each single byte */
    sae_idmap merges;      /* left << 32 | right → rank << 32 | joined */
    uint64_t *byte_pairs;  /* [256·256] the same for the ids of two bytes, which every word begins with */
    sae_trie added[2];     /* tokens looked for before BPE: first [0] in the whole text, then [1] in what is left */
    bool blank_in_added;   /* an added token contains a space … */
    bool blank_in_special; /* … of the special ones */
    pcre2_code *pattern;   /* GPT-2's, compiled to machine code where PCRE2 can */
    bool jit;
};

/* ---- building (bpe_table.c), used by the readers of both file formats ---- */

/* Gives `id` to a token; SAE_E_FORMAT when it is out of range or taken. Bytes are copied. */
sae_status sae_bpe_add_token(sae_tokenizer *t, int64_t id, const char *bytes, size_t length, sae_error *err);
/* The same for an entry of a vocabulary, where each byte is written as a printable character (GPT-2's map). */
sae_status sae_bpe_add_vocab(sae_tokenizer *t, int64_t id, const char *written, size_t length, sae_error *err);
/* Makes a token that already has its id one that is looked for before BPE. */
sae_status sae_bpe_add_added(sae_tokenizer *t, int32_t id, bool special, bool normalized, sae_error *err);
sae_status sae_bpe_add_merge(sae_tokenizer *t, int32_t left, int32_t right, int32_t joined, uint32_t rank,
                             sae_error *err);
/* Compiles GPT-2's pattern (bpe_pattern.c). */
sae_status sae_bpe_compile_pattern(sae_tokenizer *t, sae_error *err);
/* What the vocabulary joins two ids to, rank << 32 | joined; SAE_IDMAP_NONE when they stay apart. */
static inline uint64_t sae_bpe_pair(const sae_tokenizer *t, int32_t left, int32_t right)
{
    return sae_idmap_get(&t->merges, (uint64_t)left << 32 | (uint32_t)right);
}
/* The end of building: checks that every single byte has a token, which makes any text encodable, and tabulates what
 * pairs of them are joined to. */
sae_status sae_bpe_finish(sae_tokenizer *t, sae_error *err);

/* ---- encoding ---- */

/* A growing list of ids. */
typedef struct sae_ids {
    int32_t *data; /* from malloc, as the public function promises */
    int64_t count, capacity;
} sae_ids;
sae_status sae_ids_reserve(sae_ids *ids, int64_t more, sae_error *err);

/* What one thread needs to tokenise: scratch space and a bounded memory of words seen. */
typedef struct sae_bpe_worker sae_bpe_worker;
/* `expected`: bytes of text to come, for the size of the word memory. */
sae_status sae_bpe_worker_new(sae_bpe_worker **out, const sae_tokenizer *tokenizer, size_t expected, sae_error *err);
void sae_bpe_worker_free(sae_bpe_worker *worker);
/* Appends the ids of a text: sae_tokenizer_encode with the worker's memory. */
sae_status sae_bpe_encode(sae_bpe_worker *worker, const char *text, size_t length, bool parse_special, sae_ids *ids,
                          sae_error *err);

/* The same for the "text" of a line of .jsonl (bpe_json_line.c); `path` and `number` of the line are for messages. */
sae_status sae_bpe_encode_json_line(sae_bpe_worker *worker, const char *line, size_t length, const char *path,
                                    int64_t number, bool parse_special, sae_ids *ids, sae_error *err);

/* The first place ≥ from where a text may be cut without changing its ids (encoding both parts gives the same
 * as encoding the whole): a space after a visible ASCII character. `length` when there is none. */
size_t sae_bpe_next_cut(const sae_tokenizer *tokenizer, bool parse_special, const char *text, size_t length,
                        size_t from);

/* Scratch space of the merge loop. */
typedef struct sae_bpe_scratch {
    struct sae_bpe_symbol *symbols;
    struct sae_bpe_pair *heap;
    size_t symbol_room, heap_room;
} sae_bpe_scratch;
void sae_bpe_scratch_clear(sae_bpe_scratch *scratch);
/* Appends the ids of one word, length ≥ 1: repeatedly joins the leftmost pair of lowest rank. O(n log n). */
sae_status sae_bpe_merge_word(const sae_tokenizer *t, sae_bpe_scratch *scratch, const char *word, size_t length,
                              sae_ids *ids, sae_error *err);

#endif
