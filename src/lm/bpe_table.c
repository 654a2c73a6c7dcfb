/* The tables of a tokenizer, filled by the readers of its file formats. */
#include "lm/bpe.h"

#include "base/alloc.h"
#include "base/error.h"
#include "base/file.h"
#include "base/utf8.h"

#include <string.h>

/* GPT-2 writes a byte as the Latin-1 character of the same number where that one is printable, and the
 * other 68 bytes, in order, as U+0100, U+0101, …. Inverse: the byte of a character, or −1. */
static int byte_of_char(uint32_t code)
{
    if ((code >= 33 && code <= 126) || (code >= 161 && code <= 172) || (code >= 174 && code <= 255)) return (int)code;
    if (code < 256 || code >= 256 + 68) return -1;
    uint32_t n = code - 256;
    if (n < 33) return (int)n;              /* 0 … 32 */
    if (n < 67) return (int)(n - 33 + 127); /* 127 … 160 */
    return 173;
}

static sae_status grow_tokens(sae_tokenizer *t, int64_t id, sae_error *err)
{
    if (id < t->size) return SAE_OK;
    int32_t room = t->size;
    while (room <= id) room = room < 1024 ? 1024 : room * 2;
    sae_token *tokens = sae_realloc(t->tokens, (size_t)room, sizeof *tokens);
    if (!tokens) return sae_fail_memory(err, "the vocabulary", (size_t)room * sizeof *tokens);
    memset(tokens + t->size, 0, (size_t)(room - t->size) * sizeof *tokens);
    t->tokens = tokens;
    t->size = room; /* cut to the largest id by sae_bpe_finish */
    return SAE_OK;
}

sae_status sae_bpe_add_token(sae_tokenizer *t, int64_t id, const char *bytes, size_t length, sae_error *err)
{
    char shown[64];
    sae_printable(bytes, length, shown, sizeof shown);
    if (id < 0 || id >= SAE_MAX_VOCAB)
        return sae_fail(err, SAE_E_FORMAT, "%s gives token \"%s\" the id %lld; ids must be from 0 to %d", t->path,
                        shown, (long long)id, SAE_MAX_VOCAB - 1);
    if (length > UINT32_MAX) return sae_fail(err, SAE_E_FORMAT, "%s has a token of %zu bytes", t->path, length);
    sae_status status = grow_tokens(t, id, err);
    if (status != SAE_OK) return status;
    if (t->tokens[id].used) {
        char other[64];
        sae_printable(t->text + t->tokens[id].start, t->tokens[id].length, other, sizeof other);
        return sae_fail(err, SAE_E_FORMAT, "%s gives the id %lld to two tokens, \"%s\" and \"%s\"", t->path,
                        (long long)id, other, shown);
    }
    if (t->text_room - t->text_used < length) {
        size_t room = 2 * t->text_room + length + 4096;
        char *text = sae_realloc(t->text, room, 1);
        if (!text) return sae_fail_memory(err, "the vocabulary", room);
        t->text = text;
        t->text_room = room;
    }
    if (length) memcpy(t->text + t->text_used, bytes, length);
    t->tokens[id] = (sae_token){.start = t->text_used, .length = (uint32_t)length, .used = true};
    t->text_used += length;
    return SAE_OK;
}

sae_status sae_bpe_add_vocab(sae_tokenizer *t, int64_t id, const char *written, size_t length, sae_error *err)
{
    /* A character outside the map can never come from a text: the entry keeps its own bytes, for display. */
    size_t n = 0, skip;
    char *bytes = sae_alloc(length + 1, 1);
    if (!bytes) return sae_fail_memory(err, "a token", length);
    bool mapped = true;
    for (size_t at = 0; at < length && mapped;) {
        size_t step = sae_utf8_step(written + at, length - at, &skip);
        int byte = step ? byte_of_char(sae_utf8_decode(written + at, step)) : -1;
        mapped = byte >= 0;
        bytes[n++] = (char)byte;
        at += step;
    }
    sae_status status = sae_bpe_add_token(t, id, mapped ? bytes : written, mapped ? n : length, err);
    if (status == SAE_OK && mapped && n == 1) t->byte_ids[(unsigned char)bytes[0]] = (int32_t)id;
    sae_free(bytes);
    return status;
}

sae_status sae_bpe_add_added(sae_tokenizer *t, int32_t id, bool special, bool normalized, sae_error *err)
{
    sae_token *token = &t->tokens[id];
    const char *bytes = t->text + token->start;
    if (token->length == 0)
        return sae_fail(err, SAE_E_FORMAT, "%s has an added token (id %d) without text", t->path, (int)id);
    token->special = special;
    if (memchr(bytes, ' ', token->length)) {
        t->blank_in_added |= !special;
        t->blank_in_special |= special;
    }
    if (token->length == strlen(SAE_BPE_EOS) && memcmp(bytes, SAE_BPE_EOS, token->length) == 0) t->eos = id;
    if (!sae_trie_add(&t->added[normalized], bytes, token->length, (uint32_t)id))
        return sae_fail_memory(err, "the added tokens", t->text_used);
    return SAE_OK;
}

sae_status sae_bpe_add_merge(sae_tokenizer *t, int32_t left, int32_t right, int32_t joined, uint32_t rank,
                             sae_error *err)
{
    /* A pair that is listed twice counts at its last place, as in the tokenizers library. */
    if (!sae_idmap_put(&t->merges, (uint64_t)left << 32 | (uint32_t)right, (uint64_t)rank << 32 | (uint32_t)joined))
        return sae_fail_memory(err, "the merges", t->merges.count * 32);
    return SAE_OK;
}

sae_status sae_bpe_finish(sae_tokenizer *t, sae_error *err)
{
    while (t->size > 0 && !t->tokens[t->size - 1].used) t->size--;
    for (int byte = 0; byte < 256; byte++)
        if (t->byte_ids[byte] < 0)
            return sae_fail(err, SAE_E_UNSUPPORTED,
                            "%s has no token for the byte 0x%02x, so it cannot encode every text; a byte-level "
                            "vocabulary holds all 256 bytes",
                            t->path, (unsigned)byte);
    t->byte_pairs = sae_alloc(256 * 256, sizeof *t->byte_pairs);
    if (!t->byte_pairs) return sae_fail_memory(err, "the merges", 256 * 256 * sizeof *t->byte_pairs);
    for (int pair = 0; pair < 256 * 256; pair++)
        t->byte_pairs[pair] = sae_bpe_pair(t, t->byte_ids[pair >> 8], t->byte_ids[pair & 255]);
    return SAE_OK;
}
