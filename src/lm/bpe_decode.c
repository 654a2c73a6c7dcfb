/* A tokenizer.json of any language model, as far as ids become bytes again: byte-level vocabularies whatever their
 * pattern, and those of SentencePiece (BPE or Unigram), in which U+2581 is a space and <0x0A> a byte. */
#include "lm/bpe.h"

#include "base/alloc.h"
#include "base/error.h"
#include "base/file.h"
#include "lm/fields.h"

#include <string.h>

#define MAX_FILE ((size_t)256 << 20)
#define SPACE    "\xe2\x96\x81" /* U+2581, how SentencePiece writes a space */

/* Whether a part of the file, or one within it, is of this type. */
static bool has_type(const json_t *part, const char *type, int depth)
{
    const char *own = json_string_value(json_object_get(part, "type"));
    if (own && strcmp(own, type) == 0) return true;
    static const char *const lists[] = {"pretokenizers", "decoders"};
    for (int l = 0; depth > 0 && l < 2; l++) {
        const json_t *list = json_object_get(part, lists[l]);
        for (size_t i = 0; i < json_array_size(list); i++)
            if (has_type(json_array_get(list, i), type, depth - 1)) return true;
    }
    return false;
}

static int hex(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* An entry of SentencePiece's vocabulary. */
static sae_status add_piece(sae_tokenizer *t, int64_t id, const char *piece, sae_error *err)
{
    size_t length = strlen(piece), used = 0;
    if (length == 6 && strncmp(piece, "<0x", 3) == 0 && piece[5] == '>' && hex(piece[3]) >= 0 && hex(piece[4]) >= 0) {
        char byte = (char)(hex(piece[3]) << 4 | hex(piece[4]));
        return sae_bpe_add_token(t, id, &byte, 1, err);
    }
    char *bytes = sae_alloc(length + 1, 1);
    if (!bytes) return sae_fail_memory(err, "a token", length);
    for (size_t at = 0; at < length;) {
        bool space = strncmp(piece + at, SPACE, 3) == 0;
        bytes[used++] = space ? ' ' : piece[at];
        at += space ? 3 : 1;
    }
    sae_status status = sae_bpe_add_token(t, id, bytes, used, err);
    sae_free(bytes);
    return status;
}

static sae_status add_entry(sae_tokenizer *t, bool byte_level, int64_t id, const char *written, sae_error *err)
{
    return byte_level ? sae_bpe_add_vocab(t, id, written, strlen(written), err) : add_piece(t, id, written, err);
}

/* {token: id}, or [[token, score], …] of a Unigram model. Tokens that are also added ones are written there as they
 * are. */
static sae_status read_vocab(sae_tokenizer *t, const json_t *vocab, const json_t *added, bool byte_level,
                             sae_error *err)
{
    const char *written;
    json_t *value;
    size_t i;
    sae_status status = SAE_OK;
    json_array_foreach(vocab, i, value)
    {
        written = json_string_value(json_array_get(value, 0));
        if (!written) return sae_fail(err, SAE_E_FORMAT, "entry %zu of the vocabulary in %s is no token", i, t->path);
        if (json_object_get(added, written)) continue;
        if ((status = add_entry(t, byte_level, (int64_t)i, written, err)) != SAE_OK) return status;
    }
    json_object_foreach((json_t *)(uintptr_t)vocab, written, value)
    {
        if (!json_is_integer(value))
            return sae_fail(err, SAE_E_FORMAT, "the vocabulary in %s has an id that is not a whole number", t->path);
        if (json_object_get(added, written)) continue;
        if ((status = add_entry(t, byte_level, json_integer_value(value), written, err)) != SAE_OK) return status;
    }
    return status;
}

/* Added tokens by their text, which is plain: *out[content] = id. */
static sae_status read_added(sae_tokenizer *t, const json_t *list, json_t *out, sae_error *err)
{
    size_t i;
    json_t *item;
    sae_status status = SAE_OK;
    json_array_foreach(list, i, item)
    {
        const char *content = json_string_value(json_object_get(item, "content"));
        const json_t *id = json_object_get(item, "id");
        if (!content || !json_is_integer(id))
            return sae_fail(err, SAE_E_FORMAT, "added token %zu in %s has no content or id", i + 1, t->path);
        if (json_object_get(out, content)) continue;
        status = sae_bpe_add_token(t, json_integer_value(id), content, strlen(content), err);
        if (status != SAE_OK) return status;
        t->tokens[json_integer_value(id)].special = json_is_true(json_object_get(item, "special"));
        if (json_object_set_new(out, content, json_true()) != 0)
            return sae_fail_memory(err, "added tokens", sizeof *item);
    }
    return status;
}

static sae_status read_file(sae_tokenizer *t, const char *path, sae_error *err)
{
    sae_status status;
    json_t *root = NULL, *added = json_object();
    if (!added) return sae_fail_memory(err, "added tokens", sizeof(void *));
    SAE_TRY(sae_fields_read(&root, path, MAX_FILE, err));
    const json_t *model = json_object_get(root, "model"), *vocab = json_object_get(model, "vocab");
    bool byte_level = has_type(json_object_get(root, "pre_tokenizer"), "ByteLevel", 3) ||
                      has_type(json_object_get(root, "decoder"), "ByteLevel", 3);
    if (!json_is_object(vocab) && !json_is_array(vocab)) {
        status = sae_fail(err, SAE_E_FORMAT, "%s has no vocabulary (\"model\", \"vocab\")", path);
        goto done;
    }
    if (has_type(model, "WordPiece", 0)) {
        status = sae_fail(err, SAE_E_UNSUPPORTED, "%s holds a WordPiece tokenizer; BPE and Unigram are read", path);
        goto done;
    }
    SAE_TRY(read_added(t, json_object_get(root, "added_tokens"), added, err));
    status = read_vocab(t, vocab, added, byte_level, err);
done:
    json_decref(added);
    json_decref(root);
    return status;
}

sae_status sae_tokenizer_open_decoder(sae_tokenizer **out, const char *path, sae_error *err)
{
    sae_status status = SAE_OK;
    char *file = sae_is_directory(path) ? sae_path_join(path, "tokenizer.json") : sae_strdup(path);
    sae_tokenizer *t = sae_calloc(1, sizeof *t);
    if (!t || !file) {
        status = sae_fail_memory(err, "a tokenizer", sizeof *t);
        goto done;
    }
    t->eos = -1;
    t->path = sae_strdup(path);
    if (!t->path || !sae_idmap_init(&t->merges, 1) || !sae_trie_init(&t->added[0]) || !sae_trie_init(&t->added[1])) {
        status = sae_fail_memory(err, "a tokenizer", sizeof *t);
        goto done;
    }
    SAE_TRY(read_file(t, file, err));
    while (t->size > 0 && !t->tokens[t->size - 1].used) t->size--;
    *out = t;
    t = NULL;
done:
    sae_free(file);
    sae_tokenizer_close(t);
    return status;
}
