/* Tokenizer files that are damaged, hostile, or of another scheme: one clear error each. */
#include "io/temp.h"

#include <sae/lm.h>

#include <ctype.h>

static sae_error err;

/* The vocabulary of the 256 bytes as GPT-2 writes them, "!": 0, …, without the closing brace. */
static size_t put_bytes(char *out)
{
    size_t n = 0;
    int other = 0;
    for (int byte = 0; byte < 256; byte++) {
        bool self = (byte >= 33 && byte <= 126) || (byte >= 161 && byte <= 172) || byte >= 174;
        n += (size_t)sprintf(out + n, "%s\"\\u%04x\": %d", byte ? ", " : "", self ? byte : 256 + other, byte);
        other += !self;
    }
    return n;
}

typedef struct parts {
    const char *vocab;  /* after the bytes: ", \"ab\": 256" */
    const char *merges; /* the list */
    const char *model;  /* more keys of the model: ", \"dropout\": 0.1" */
    const char *words;  /* the pre-tokenizer */
    const char *more;   /* more keys of the file */
} parts;

#define BYTE_LEVEL "{\"type\": \"ByteLevel\", \"add_prefix_space\": false}"

static sae_status open_parts(void **state, parts p, sae_tokenizer **out)
{
    static char text[1 << 16];
    const char *path = temp_path(state, "tokenizer.json");
    size_t n = (size_t)sprintf(text, "{\"model\": {\"type\": \"BPE\", \"vocab\": {");
    n += put_bytes(text + n);
    n += (size_t)sprintf(text + n, "%s}, \"merges\": %s%s}, \"pre_tokenizer\": %s%s}", p.vocab ? p.vocab : "",
                         p.merges ? p.merges : "[]", p.model ? p.model : "", p.words ? p.words : BYTE_LEVEL,
                         p.more ? p.more : "");
    put_file(path, text, n);
    return sae_tokenizer_open(out, path, &err);
}

static void refuse(void **state, parts p, sae_status status, const char *part)
{
    sae_tokenizer *t = NULL;
    err.message[0] = 0;
    assert_int_equal(open_parts(state, p, &t), status);
    assert_null(t);
    assert_contains(err.message, part);
    for (const char *c = err.message; *c; c++) assert_true(isprint((unsigned char)*c));
}

static void small_tokenizer_works(void **state)
{
    sae_tokenizer *t;
    int32_t *ids = NULL;
    int64_t count = 0, capacity = 0;
    const parts good = {.vocab = ", \"ab\": 256, \"abab\": 300", .merges = "[\"a b\", [\"ab\", \"ab\"]]"};
    assert_ok(open_parts(state, good, &t));
    assert_int_equal(sae_tokenizer_vocab_size(t), 301);
    assert_int_equal(sae_tokenizer_eos(t), -1);
    assert_ok(sae_tokenizer_encode(t, "ababab", 6, false, &ids, &count, &capacity, &err));
    assert_int_equal(count, 2);
    assert_int_equal(ids[0], 300);
    assert_int_equal(ids[1], 256);
    size_t length;
    assert_null(sae_tokenizer_bytes(t, 299, &length)); /* a hole in the ids */
    free(ids);
    sae_tokenizer_close(t);
}

static void bad_tables(void **state)
{
    refuse(state, (parts){.vocab = ", \"ab\": 255"}, SAE_E_FORMAT, "the id 255 to two tokens");
    refuse(state, (parts){.vocab = ", \"ab\": -1"}, SAE_E_FORMAT, "-1");
    refuse(state, (parts){.vocab = ", \"ab\": 99999999999"}, SAE_E_FORMAT, "99999999999");
    refuse(state, (parts){.vocab = ", \"ab\": 2.5"}, SAE_E_FORMAT, "not a whole number");
    refuse(state, (parts){.vocab = ", \"ab\": \"x\""}, SAE_E_FORMAT, "not a whole number");
    refuse(state, (parts){.vocab = ", \"a\": 300"}, SAE_E_FORMAT, "duplicate");
    refuse(state, (parts){.merges = "[\"a b\"]"}, SAE_E_FORMAT, "\"ab\"");
    refuse(state, (parts){.merges = "[\"a zz\"]"}, SAE_E_FORMAT, "\"zz\"");
    refuse(state, (parts){.merges = "[\"ab\"]"}, SAE_E_FORMAT, "merge 1");
    refuse(state, (parts){.merges = "[\"a b c\"]"}, SAE_E_FORMAT, "merge 1");
    refuse(state, (parts){.merges = "[[\"a\"]]"}, SAE_E_FORMAT, "merge 1");
    refuse(state, (parts){.merges = "[7]"}, SAE_E_FORMAT, "merge 1");
    refuse(state, (parts){.merges = "{}"}, SAE_E_FORMAT, "list");
}

static void other_schemes(void **state)
{
    refuse(state, (parts){.model = ", \"dropout\": 0.1"}, SAE_E_UNSUPPORTED, "dropout");
    refuse(state, (parts){.model = ", \"ignore_merges\": true"}, SAE_E_UNSUPPORTED, "ignore_merges");
    refuse(state, (parts){.model = ", \"end_of_word_suffix\": \"</w>\""}, SAE_E_UNSUPPORTED, "end_of_word_suffix");
    refuse(state, (parts){.more = ", \"normalizer\": {\"type\": \"NFC\"}"}, SAE_E_UNSUPPORTED, "normalizer");
    refuse(state, (parts){.words = "{\"type\": \"Whitespace\"}"}, SAE_E_UNSUPPORTED, "Whitespace");
    refuse(state, (parts){.words = "null"}, SAE_E_UNSUPPORTED, "pre-tokenizer");
    refuse(state, (parts){.words = "{\"type\": \"ByteLevel\", \"use_regex\": false}"}, SAE_E_UNSUPPORTED, "use_regex");
    refuse(state, (parts){.words = "{\"type\": \"ByteLevel\", \"add_prefix_space\": 1}"}, SAE_E_FORMAT,
           "add_prefix_space");
}

static void bad_added_tokens(void **state)
{
    refuse(state, (parts){.more = ", \"added_tokens\": 5"}, SAE_E_FORMAT, "added_tokens");
    refuse(state, (parts){.more = ", \"added_tokens\": [5]"}, SAE_E_FORMAT, "added token 1");
    refuse(state, (parts){.more = ", \"added_tokens\": [{\"id\": 256}]"}, SAE_E_FORMAT, "content");
    refuse(state, (parts){.more = ", \"added_tokens\": [{\"content\": \"x\"}]"}, SAE_E_FORMAT, "\"id\"");
    refuse(state, (parts){.more = ", \"added_tokens\": [{\"content\": \"\", \"id\": 256}]"}, SAE_E_FORMAT, "256");
    refuse(state, (parts){.more = ", \"added_tokens\": [{\"content\": \"<s>\", \"id\": 65}]"}, SAE_E_FORMAT, "65");
    refuse(state, (parts){.more = ", \"added_tokens\": [{\"content\": \"A\", \"id\": 256}]"}, SAE_E_FORMAT, "256");
    refuse(state, (parts){.more = ", \"added_tokens\": [{\"content\": \"<s>\", \"id\": 256, \"lstrip\": true}]"},
           SAE_E_UNSUPPORTED, "lstrip");
    refuse(state,
           (parts){.more = ", \"added_tokens\": [{\"content\": \"<s>\", \"id\": 256}, "
                           "{\"content\": \"<s>\", \"id\": 256}]"},
           SAE_E_FORMAT, "256");
}

static void refuse_text(void **state, const char *text, sae_status status, const char *part)
{
    sae_tokenizer *t = NULL;
    const char *path = temp_path(state, "tokenizer.json");
    put_file(path, text, strlen(text));
    assert_int_equal(sae_tokenizer_open(&t, path, &err), status);
    assert_contains(err.message, part);
}

static void damaged_files(void **state)
{
    sae_tokenizer *t = NULL;
    refuse_text(state, "", SAE_E_FORMAT, "tokenizer.json");
    refuse_text(state, "[]", SAE_E_FORMAT, "object");
    refuse_text(state, "{\"model\": ", SAE_E_FORMAT, "JSON");
    refuse_text(state, "{}", SAE_E_FORMAT, "\"model\"");
    refuse_text(state, "{\"model\": {\"type\": \"WordPiece\"}}", SAE_E_UNSUPPORTED, "WordPiece");
    refuse_text(state, "{\"model\": {\"type\": 3}}", SAE_E_FORMAT, "\"type\"");
    refuse_text(state, "{\"model\": {}, \"pre_tokenizer\": " BYTE_LEVEL "}", SAE_E_FORMAT, "vocabulary");
    refuse_text(state, "{\"model\": {\"vocab\": {}, \"merges\": []}, \"pre_tokenizer\": " BYTE_LEVEL "}",
                SAE_E_UNSUPPORTED, "0x00");
    char deep[4096];
    memset(deep, '[', sizeof deep - 1);
    deep[sizeof deep - 1] = 0;
    refuse_text(state, deep, SAE_E_FORMAT, "deep");
    assert_int_equal(sae_tokenizer_open(&t, temp_path(state, "missing.json"), &err), SAE_E_IO);
    assert_contains(err.message, "missing.json");
}

static void folders(void **state)
{
    sae_tokenizer *t = NULL;
    assert_int_equal(sae_tokenizer_open(&t, temp_path(state, "."), &err), SAE_E_IO);
    assert_contains(err.message, "has no tokenizer");
    char vocab[1 << 14];
    size_t n = (size_t)sprintf(vocab, "{");
    n += put_bytes(vocab + n);
    n += (size_t)sprintf(vocab + n, ", \"ab\": 256}");
    put_file(temp_path(state, "vocab.json"), vocab, n);
    const char good[] = "#version: 0.2\r\na b\r\n\n", bad[] = "#version: 0.2\na b\nab\n", unknown[] = "b a";
    put_file(temp_path(state, "merges.txt"), good, sizeof good - 1);
    assert_ok(sae_tokenizer_open(&t, temp_path(state, "."), &err));
    sae_tokenizer_close(t);
    put_file(temp_path(state, "merges.txt"), bad, sizeof bad - 1);
    assert_int_equal(sae_tokenizer_open(&t, temp_path(state, "."), &err), SAE_E_FORMAT);
    assert_contains(err.message, "merges.txt, line 3");
    put_file(temp_path(state, "merges.txt"), unknown, sizeof unknown - 1);
    assert_int_equal(sae_tokenizer_open(&t, temp_path(state, "."), &err), SAE_E_FORMAT);
    assert_contains(err.message, "\"ba\"");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        temp_test(small_tokenizer_works), temp_test(bad_tables),    temp_test(other_schemes),
        temp_test(bad_added_tokens),      temp_test(damaged_files), temp_test(folders),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
