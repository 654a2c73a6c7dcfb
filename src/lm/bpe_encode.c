/* From text to ids: repair of bytes that are no UTF-8, added tokens, words, BPE. */
#include "lm/bpe.h"

#include "base/alloc.h"
#include "base/error.h"
#include "base/utf8.h"

#include <string.h>

/* One word seen before and its ids; 64 bytes, a cache line. Words that do not fit are encoded anew. */
typedef struct known_word {
    uint8_t length, count; /* length 0: free */
    char bytes[30];
    int32_t ids[8];
} known_word;

struct sae_bpe_worker {
    const sae_tokenizer *t;
    known_word *known; /* two places per hash value, the word used last in the first of them */
    size_t known_mask; /* of the first places: even */
    pcre2_match_data *match;
    sae_bpe_scratch scratch;
    char *repaired, *prefixed; /* copies of the text, when needed */
    size_t repaired_room, prefixed_room;
};

sae_status sae_ids_reserve(sae_ids *ids, int64_t more, sae_error *err)
{
    if (ids->capacity - ids->count >= more) return SAE_OK;
    int64_t capacity = ids->capacity + ids->capacity / 2 + more + 256;
    int32_t *data = sae_realloc(ids->data, (size_t)capacity, sizeof *data);
    if (!data) return sae_fail_memory(err, "token ids", (size_t)capacity * sizeof *data);
    ids->data = data;
    ids->capacity = capacity;
    return SAE_OK;
}

sae_status sae_bpe_worker_new(sae_bpe_worker **out, const sae_tokenizer *tokenizer, size_t expected, sae_error *err)
{
    sae_bpe_worker *worker = sae_calloc(1, sizeof *worker);
    if (!worker) return sae_fail_memory(err, "a tokenizer's memory", sizeof *worker);
    size_t places = 64;
    while (places < expected / 8 && places < 1 << 16) places *= 2;
    worker->t = tokenizer;
    worker->known_mask = places - 2;
    worker->known = sae_alloc(places, sizeof *worker->known);
    worker->match = pcre2_match_data_create(1, NULL);
    if (!worker->known || !worker->match) {
        sae_bpe_worker_free(worker);
        return sae_fail_memory(err, "a tokenizer's memory", places * sizeof *worker->known);
    }
    memset(worker->known, 0, places * sizeof *worker->known);
    *out = worker;
    return SAE_OK;
}

void sae_bpe_worker_free(sae_bpe_worker *worker)
{
    if (!worker) return;
    sae_bpe_scratch_clear(&worker->scratch);
    pcre2_match_data_free(worker->match);
    sae_free(worker->known);
    sae_free(worker->repaired);
    sae_free(worker->prefixed);
    sae_free(worker);
}

/* word has at most 30 bytes. */
static uint64_t hash_word(const char *word, size_t length)
{
    uint64_t hash = length, part;
    for (; length >= 8; length -= 8, word += 8) {
        memcpy(&part, word, 8);
        hash = sae_idmap_mix(hash ^ part);
    }
    part = 0;
    memcpy(&part, word, length);
    return sae_idmap_mix(hash ^ part);
}

/* The place of a word that fits one: with length 0 … 30 bytes it was seen before and is there now; else the place was
 * made free for it, at the cost of the word that was used longest ago. */
static known_word *find_word(sae_bpe_worker *worker, const char *word, size_t length)
{
    known_word *known = &worker->known[hash_word(word, length) & worker->known_mask];
    if (known[0].length == length && memcmp(known[0].bytes, word, length) == 0) return known;
    known_word second = known[1];
    known[1] = known[0];
    known[0] = second;
    if (second.length != length || memcmp(second.bytes, word, length) != 0) known[0].length = 0;
    return known;
}

static sae_status encode_word(sae_bpe_worker *worker, const char *word, size_t length, sae_ids *ids, sae_error *err)
{
    known_word *known = length <= sizeof known->bytes ? find_word(worker, word, length) : NULL;
    if (known && known->length) {
        sae_status status = sae_ids_reserve(ids, known->count, err);
        if (status != SAE_OK) return status;
        memcpy(ids->data + ids->count, known->ids, known->count * sizeof *known->ids);
        ids->count += known->count;
        return SAE_OK;
    }
    int64_t before = ids->count;
    sae_status status = sae_bpe_merge_word(worker->t, &worker->scratch, word, length, ids, err);
    int64_t count = ids->count - before;
    if (status == SAE_OK && known && count <= (int64_t)(sizeof known->ids / sizeof *known->ids)) {
        known->length = (uint8_t)length;
        known->count = (uint8_t)count;
        memcpy(known->bytes, word, length);
        memcpy(known->ids, ids->data + before, (size_t)count * sizeof *known->ids);
    }
    return status;
}

/* A text without added tokens, valid UTF-8. */
static sae_status encode_words(sae_bpe_worker *worker, const char *text, size_t length, sae_ids *ids, sae_error *err)
{
    const sae_tokenizer *t = worker->t;
    const size_t *range = pcre2_get_ovector_pointer(worker->match);
    for (size_t at = 0; at < length;) {
        PCRE2_SPTR subject = (PCRE2_SPTR)text;
        int found = t->jit ? pcre2_jit_match(t->pattern, subject, length, at, 0, worker->match, NULL)
                           : pcre2_match(t->pattern, subject, length, at, PCRE2_NO_UTF_CHECK, worker->match, NULL);
        /* Every character belongs to some class, so only a limit of PCRE2 itself can fail here. */
        if (found < 0 || range[1] <= at)
            return sae_fail(err, SAE_E_UNSUPPORTED, "PCRE2 gave up on the text at byte %zu (error %d)", at, found);
        sae_status status = encode_word(worker, text + at, range[1] - at, ids, err);
        if (status != SAE_OK) return status;
        at = range[1];
    }
    return SAE_OK;
}

static sae_status grow_copy(char **buffer, size_t *room, size_t size, sae_error *err)
{
    if (*room >= size) return SAE_OK;
    char *larger = sae_realloc(*buffer, size, 1);
    if (!larger) return sae_fail_memory(err, "a copy of the text", size);
    *buffer = larger;
    *room = size;
    return SAE_OK;
}

static sae_status encode_plain(sae_bpe_worker *worker, const char *text, size_t length, sae_ids *ids, sae_error *err)
{
    if (!worker->t->add_prefix_space || length == 0 || text[0] == ' ')
        return encode_words(worker, text, length, ids, err);
    sae_status status = grow_copy(&worker->prefixed, &worker->prefixed_room, length + 1, err);
    if (status != SAE_OK) return status;
    worker->prefixed[0] = ' ';
    memcpy(worker->prefixed + 1, text, length);
    return encode_words(worker, worker->prefixed, length + 1, ids, err);
}

/* Cuts out the added tokens of class `which` (then, within the rest, of the next class) from left to right,
 * the longest first. A special token that is not wanted is found all the same, and stays text. */
static sae_status encode_class(sae_bpe_worker *worker, int which, const char *text, size_t length, bool parse_special,
                               sae_ids *ids, sae_error *err)
{
    if (which == 2) return encode_plain(worker, text, length, ids, err);
    const sae_trie *trie = &worker->t->added[which];
    sae_status status;
    size_t start = 0, at = 0;
    while (trie->nodes > 1 && at < length) {
        uint32_t id = 0;
        size_t found = trie->starts[(unsigned char)text[at]] ? sae_trie_longest(trie, text + at, length - at, &id) : 0;
        if (found == 0) {
            at++;
            continue;
        }
        if (parse_special || !worker->t->tokens[id].special) {
            if (at > start) SAE_TRY(encode_class(worker, which + 1, text + start, at - start, parse_special, ids, err));
            SAE_TRY(sae_ids_reserve(ids, 1, err));
            ids->data[ids->count++] = (int32_t)id;
            start = at + found;
        }
        at += found;
    }
    status = start < length ? encode_class(worker, which + 1, text + start, length - start, parse_special, ids, err)
                            : SAE_OK;
done:
    return status;
}

sae_status sae_bpe_encode(sae_bpe_worker *worker, const char *text, size_t length, bool parse_special, sae_ids *ids,
                          sae_error *err)
{
    if (sae_utf8_valid_prefix(text, length) < length) {
        size_t size = sae_utf8_repair(text, length, NULL);
        sae_status status = grow_copy(&worker->repaired, &worker->repaired_room, size, err);
        if (status != SAE_OK) return status;
        length = sae_utf8_repair(text, length, worker->repaired);
        text = worker->repaired;
    }
    return encode_class(worker, 0, text, length, parse_special, ids, err);
}

size_t sae_bpe_next_cut(const sae_tokenizer *tokenizer, bool parse_special, const char *text, size_t length,
                        size_t from)
{
    /* No word has a space but at its start, none but a run of blanks looks at what follows it, and what is
     * no UTF-8 ends before an ASCII character. Only an added token could lie across such a place. */
    if (tokenizer->blank_in_added || (parse_special && tokenizer->blank_in_special)) return length;
    for (size_t at = from ? from : 1; at < length; at++) {
        const char *blank = memchr(text + at, ' ', length - at);
        if (!blank) return length;
        at = (size_t)(blank - text);
        if (text[at - 1] > ' ' && text[at - 1] < 127) return at;
    }
    return length;
}

sae_status sae_tokenizer_encode(const sae_tokenizer *tokenizer, const char *text, size_t length, bool parse_special,
                                int32_t **ids, int64_t *count, int64_t *capacity, sae_error *err)
{
    if (!tokenizer->pattern)
        return sae_fail(err, SAE_E_UNSUPPORTED, "%s was opened to show ids, not to make them", tokenizer->path);
    sae_bpe_worker *worker = NULL;
    sae_ids list = {.data = *ids, .count = *count, .capacity = *capacity};
    sae_status status = sae_bpe_worker_new(&worker, tokenizer, length, err);
    if (status != SAE_OK) return status;
    status = sae_bpe_encode(worker, text, length, parse_special, &list, err);
    sae_bpe_worker_free(worker);
    *ids = list.data;
    *capacity = list.capacity;
    if (status == SAE_OK) *count = list.count;
    return status;
}
