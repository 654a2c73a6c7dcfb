/* Reading a tokenizer: tokenizer.json, or vocab.json with merges.txt. */
#include "lm/bpe.h"

#include "base/alloc.h"
#include "base/error.h"
#include "base/file.h"
#include "lm/fields.h"

#include <string.h>

#define MAX_FILE ((size_t)256 << 20)

static sae_status read_vocab(sae_tokenizer *t, json_t *vocab, sae_error *err)
{
    const char *written;
    json_t *id;
    if (!json_is_object(vocab))
        return sae_fail(err, SAE_E_FORMAT, "the vocabulary in %s must be an object, token → id", t->path);
    json_object_foreach(vocab, written, id)
    {
        if (!json_is_integer(id)) {
            char shown[64];
            sae_printable(written, strlen(written), shown, sizeof shown);
            return sae_fail(err, SAE_E_FORMAT, "the id of token \"%s\" in %s is not a whole number", shown, t->path);
        }
        sae_status status = sae_bpe_add_vocab(t, json_integer_value(id), written, strlen(written), err);
        if (status != SAE_OK) return status;
    }
    return SAE_OK;
}

/* Merge number `rank` joins left and right, written as in the vocabulary. */
static sae_status add_merge(sae_tokenizer *t, const json_t *vocab, const char *left, const char *right, uint32_t rank,
                            sae_error *err)
{
    size_t left_length = strlen(left), right_length = strlen(right);
    char *joined = sae_alloc(left_length + right_length + 1, 1);
    if (!joined) return sae_fail_memory(err, "a merge", left_length + right_length);
    memcpy(joined, left, left_length);
    memcpy(joined + left_length, right, right_length + 1);
    const char *parts[3] = {left, right, joined};
    int32_t ids[3];
    sae_status status = SAE_OK;
    for (int i = 0; i < 3 && status == SAE_OK; i++) {
        const json_t *id = json_object_get(vocab, parts[i]);
        if (id) {
            ids[i] = (int32_t)json_integer_value(id);
            continue;
        }
        char shown[64];
        sae_printable(parts[i], strlen(parts[i]), shown, sizeof shown);
        status = sae_fail(err, SAE_E_FORMAT, "merge %u in %s needs the token \"%s\", which is not in the vocabulary",
                          rank + 1, t->path, shown);
    }
    if (status == SAE_OK) status = sae_bpe_add_merge(t, ids[0], ids[1], ids[2], rank, err);
    sae_free(joined);
    return status;
}

/* "left right", changed in place; false unless it is two words. */
static bool split_pair(char *line, const char **left, const char **right)
{
    char *space = strchr(line, ' ');
    if (!space || space == line || space[1] == 0 || strchr(space + 1, ' ')) return false;
    *space = 0;
    *left = line;
    *right = space + 1;
    return true;
}

/* The merges of tokenizer.json: each "left right" (older files) or ["left", "right"]. */
static sae_status read_merges(sae_tokenizer *t, const json_t *vocab, const json_t *merges, sae_error *err)
{
    size_t rank;
    json_t *item;
    if (!json_is_array(merges)) return sae_fail(err, SAE_E_FORMAT, "the merges in %s must be a list", t->path);
    if (json_array_size(merges) > UINT32_MAX - 1) return sae_fail(err, SAE_E_FORMAT, "too many merges in %s", t->path);
    json_array_foreach(merges, rank, item)
    {
        const char *left = json_string_value(json_array_get(item, 0));
        const char *right = json_string_value(json_array_get(item, 1));
        char *copy = json_is_string(item) ? sae_strdup(json_string_value(item)) : NULL;
        if (json_is_string(item) && !copy) return sae_fail_memory(err, "a merge", json_string_length(item));
        bool good = copy ? split_pair(copy, &left, &right) : json_array_size(item) == 2 && left && right;
        sae_status status =
            good ? add_merge(t, vocab, left, right, (uint32_t)rank, err)
                 : sae_fail(err, SAE_E_FORMAT, "merge %zu in %s is not a pair of tokens", rank + 1, t->path);
        sae_free(copy);
        if (status != SAE_OK) return status;
    }
    return SAE_OK;
}

/* One entry of "added_tokens": its id may be that of a vocabulary entry with the same text. */
static sae_status read_added(sae_tokenizer *t, const json_t *vocab, const json_t *item, size_t number, sae_error *err)
{
    sae_status status;
    char label[64];
    snprintf(label, sizeof label, "added token %zu", number + 1);
    const char *content;
    int64_t id;
    bool special, normalized, single_word, lstrip, rstrip;
    if (!json_is_object(item)) return sae_fail(err, SAE_E_FORMAT, "%s in %s is not an object", label, t->path);
    SAE_TRY(sae_field_text(item, "content", t->path, &content, err));
    if (!content) return sae_fail(err, SAE_E_FORMAT, "%s in %s has no \"content\"", label, t->path);
    SAE_TRY(sae_field_int(item, "id", 0, SAE_MAX_VOCAB - 1, NULL, t->path, &id, err));
    SAE_TRY(sae_field_bool(item, "special", false, t->path, &special, err));
    SAE_TRY(sae_field_bool(item, "normalized", !special, t->path, &normalized, err));
    SAE_TRY(sae_field_bool(item, "single_word", false, t->path, &single_word, err));
    SAE_TRY(sae_field_bool(item, "lstrip", false, t->path, &lstrip, err));
    SAE_TRY(sae_field_bool(item, "rstrip", false, t->path, &rstrip, err));
    char shown[64];
    sae_printable(content, strlen(content), shown, sizeof shown);
    if (single_word || lstrip || rstrip)
        return sae_fail(err, SAE_E_UNSUPPORTED, "%s (\"%s\") in %s uses %s, which is not supported", label, shown,
                        t->path, single_word ? "single_word" : (lstrip ? "lstrip" : "rstrip"));
    const json_t *known = json_object_get(vocab, content);
    if (!known) {
        SAE_TRY(sae_bpe_add_token(t, id, content, strlen(content), err));
    } else if (json_integer_value(known) != id) {
        return sae_fail(err, SAE_E_FORMAT, "%s (\"%s\") in %s has the id %lld, but %lld in the vocabulary", label,
                        shown, t->path, (long long)id, (long long)json_integer_value(known));
    }
    status = sae_bpe_add_added(t, (int32_t)id, special, normalized, err);
done:
    return status;
}

/* What a tokenizer.json may say beyond GPT-2's scheme, and that changes ids: refused, never ignored. */
static sae_status check_scheme(sae_tokenizer *t, const json_t *root, const json_t *model, sae_error *err)
{
    sae_status status;
    const char *type, *affix;
    bool flag;
    SAE_TRY(sae_field_text(model, "type", t->path, &type, err));
    if (type && strcmp(type, "BPE") != 0)
        return sae_fail(err, SAE_E_UNSUPPORTED, "%s holds a %.32s tokenizer; only byte-level BPE is supported", t->path,
                        type);
    static const char *const affixes[] = {"continuing_subword_prefix", "end_of_word_suffix"};
    for (int i = 0; i < 2; i++) {
        SAE_TRY(sae_field_text(model, affixes[i], t->path, &affix, err));
        if (affix && affix[0])
            return sae_fail(err, SAE_E_UNSUPPORTED, "%s uses %s, which byte-level BPE does not have", t->path,
                            affixes[i]);
    }
    SAE_TRY(sae_field_bool(model, "ignore_merges", false, t->path, &flag, err));
    if (flag) return sae_fail(err, SAE_E_UNSUPPORTED, "%s sets ignore_merges, which is not supported", t->path);
    if (json_number_value(json_object_get(model, "dropout")) != 0)
        return sae_fail(err, SAE_E_UNSUPPORTED, "%s sets a BPE dropout: its ids are random", t->path);
    const json_t *normalizer = json_object_get(root, "normalizer");
    if (normalizer && !json_is_null(normalizer))
        return sae_fail(err, SAE_E_UNSUPPORTED, "%s has a normalizer; only GPT-2's scheme, without one, is supported",
                        t->path);
    const json_t *words = json_object_get(root, "pre_tokenizer");
    if (!json_is_object(words))
        type = NULL;
    else
        SAE_TRY(sae_field_text(words, "type", t->path, &type, err));
    if (!type || strcmp(type, "ByteLevel") != 0)
        return sae_fail(err, SAE_E_UNSUPPORTED,
                        "the pre-tokenizer of %s is %.32s; only ByteLevel with GPT-2's pattern is supported", t->path,
                        type ? type : "missing");
    SAE_TRY(sae_field_bool(words, "use_regex", true, t->path, &flag, err));
    if (!flag)
        return sae_fail(err, SAE_E_UNSUPPORTED, "the pre-tokenizer of %s does not use GPT-2's pattern (use_regex)",
                        t->path);
    SAE_TRY(sae_field_bool(words, "add_prefix_space", true, t->path, &t->add_prefix_space, err));
done:
    return status;
}

static sae_status read_tokenizer_json(sae_tokenizer *t, const char *path, sae_error *err)
{
    sae_status status;
    json_t *root = NULL;
    SAE_TRY(sae_fields_read(&root, path, MAX_FILE, err));
    const json_t *model = json_object_get(root, "model");
    if (!json_is_object(model)) {
        status = sae_fail(err, SAE_E_FORMAT, "%s has no \"model\"", path);
        goto done;
    }
    SAE_TRY(check_scheme(t, root, model, err));
    json_t *vocab = json_object_get(model, "vocab");
    SAE_TRY(read_vocab(t, vocab, err));
    SAE_TRY(read_merges(t, vocab, json_object_get(model, "merges"), err));
    json_t *added = json_object_get(root, "added_tokens"), *item;
    if (added && !json_is_array(added)) {
        status = sae_fail(err, SAE_E_FORMAT, "\"added_tokens\" in %s must be a list", path);
        goto done;
    }
    size_t i;
    json_array_foreach(added, i, item) SAE_TRY(read_added(t, vocab, item, i, err));
    const json_t *eos = json_object_get(vocab, SAE_BPE_EOS);
    if (t->eos < 0 && eos) t->eos = (int32_t)json_integer_value(eos);
done:
    json_decref(root);
    return status;
}

/* merges.txt: a first line "#version: …", then "left right" per line. */
static sae_status read_merges_txt(sae_tokenizer *t, const json_t *vocab, const char *path, sae_error *err)
{
    sae_status status;
    char *text = NULL;
    size_t length = 0;
    uint32_t rank = 0, number = 0;
    SAE_TRY(sae_read_text(path, MAX_FILE, &text, &length, err));
    for (char *line = text, *end; line < text + length; line = end + 1) {
        end = memchr(line, '\n', (size_t)(text + length - line));
        if (!end) end = text + length;
        *end = 0;
        if (end > line && end[-1] == '\r') end[-1] = 0;
        number++;
        if (line[0] == 0 || strncmp(line, "#version", 8) == 0) continue;
        const char *left, *right;
        if (!split_pair(line, &left, &right)) {
            status = sae_fail(err, SAE_E_FORMAT, "%s, line %u, is not a pair of tokens", path, number);
            goto done;
        }
        SAE_TRY(add_merge(t, vocab, left, right, rank++, err));
    }
done:
    sae_free(text);
    return status;
}

static sae_status read_vocab_and_merges(sae_tokenizer *t, const char *vocab_path, const char *merges_path,
                                        sae_error *err)
{
    sae_status status;
    json_t *vocab = NULL;
    SAE_TRY(sae_fields_read(&vocab, vocab_path, MAX_FILE, err));
    SAE_TRY(read_vocab(t, vocab, err));
    SAE_TRY(read_merges_txt(t, vocab, merges_path, err));
    const json_t *eos = json_object_get(vocab, SAE_BPE_EOS);
    if (eos) status = sae_bpe_add_added(t, (int32_t)json_integer_value(eos), true, false, err);
done:
    json_decref(vocab);
    return status;
}

static sae_status read_directory(sae_tokenizer *t, const char *dir, sae_error *err)
{
    sae_status status = SAE_OK;
    char *json = sae_path_join(dir, "tokenizer.json"), *vocab = sae_path_join(dir, "vocab.json"),
         *merges = sae_path_join(dir, "merges.txt");
    if (!json || !vocab || !merges)
        status = sae_fail_memory(err, "a path", strlen(dir));
    else if (sae_file_exists(json))
        status = read_tokenizer_json(t, json, err);
    else if (sae_file_exists(vocab) && sae_file_exists(merges))
        status = read_vocab_and_merges(t, vocab, merges, err);
    else
        status = sae_fail(err, SAE_E_IO,
                          "%s has no tokenizer: put its tokenizer.json, or vocab.json and merges.txt, there", dir);
    sae_free(json);
    sae_free(vocab);
    sae_free(merges);
    return status;
}

sae_status sae_tokenizer_open(sae_tokenizer **out, const char *path, sae_error *err)
{
    sae_status status = SAE_OK;
    sae_tokenizer *t = sae_calloc(1, sizeof *t);
    if (!t) return sae_fail_memory(err, "a tokenizer", sizeof *t);
    t->eos = -1;
    memset(t->byte_ids, 0xff, sizeof t->byte_ids);
    t->path = sae_strdup(path);
    if (!t->path || !sae_idmap_init(&t->merges, 1 << 16) || !sae_trie_init(&t->added[0]) ||
        !sae_trie_init(&t->added[1])) {
        status = sae_fail_memory(err, "a tokenizer", sizeof *t);
        goto done;
    }
    SAE_TRY(sae_is_directory(path) ? read_directory(t, path, err) : read_tokenizer_json(t, path, err));
    SAE_TRY(sae_bpe_finish(t, err));
    SAE_TRY(sae_bpe_compile_pattern(t, err));
    *out = t;
    t = NULL;
done:
    sae_tokenizer_close(t);
    return status;
}

void sae_tokenizer_close(sae_tokenizer *t)
{
    if (!t) return;
    sae_free(t->path);
    sae_free(t->tokens);
    sae_free(t->text);
    sae_free(t->byte_pairs);
    sae_idmap_clear(&t->merges);
    sae_trie_clear(&t->added[0]);
    sae_trie_clear(&t->added[1]);
    pcre2_code_free(t->pattern);
    sae_free(t);
}

int32_t sae_tokenizer_vocab_size(const sae_tokenizer *t)
{
    return t->size;
}

int32_t sae_tokenizer_eos(const sae_tokenizer *t)
{
    return t->eos;
}

const char *sae_tokenizer_bytes(const sae_tokenizer *t, int32_t id, size_t *length)
{
    if (id < 0 || id >= t->size || !t->tokens[id].used) return NULL;
    *length = t->tokens[id].length;
    return t->text + t->tokens[id].start;
}

bool sae_tokenizer_is_special(const sae_tokenizer *t, int32_t id)
{
    return id >= 0 && id < t->size && t->tokens[id].special;
}
