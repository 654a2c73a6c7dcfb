/* Ids to bytes with tokenizers that are not GPT-2's. */
#include "testing.h"

#include <sae/lm.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static sae_status open_text(sae_tokenizer **out, const char *json, sae_error *err)
{
    char path[] = "decoder-test-XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, json, strlen(json)), (ssize_t)strlen(json));
    close(fd);
    sae_status status = sae_tokenizer_open_decoder(out, path, err);
    unlink(path);
    return status;
}

static void is(const sae_tokenizer *t, int32_t id, const char *bytes, size_t size)
{
    size_t length = 0;
    const char *got = sae_tokenizer_bytes(t, id, &length);
    assert_non_null(got);
    assert_int_equal(length, size);
    assert_memory_equal(got, bytes, size);
}

/* Llama's and Gemma's kind. */
static void sentencepiece(void **state)
{
    (void)state;
    sae_tokenizer *t;
    sae_error err;
    if (open_text(
            &t,
            "{\"decoder\":{\"type\":\"Sequence\",\"decoders\":[{\"type\":\"Replace\"},{\"type\":\"ByteFallback\"}]},"
            "\"added_tokens\":[{\"id\":0,\"content\":\"<s>\",\"special\":true},{\"id\":6,\"content\":\"\u2581\u2581\","
            "\"special\":false}],\"model\":{\"type\":\"BPE\",\"vocab\":{\"<s>\":0,\"<0x0A>\":1,\"<0xE2>\":2,"
            "\"\u2581the\":3,\"a\u2581b\u2581\":4,\"<0xZZ>\":5,\"\u2581\u2581\":6,\"\u00e9\":9},\"merges\":[]}}",
            &err) != SAE_OK)
        fail_msg("%s", err.message);
    assert_int_equal(sae_tokenizer_vocab_size(t), 10);
    is(t, 0, "<s>", 3);
    assert_true(sae_tokenizer_is_special(t, 0) && !sae_tokenizer_is_special(t, 3));
    is(t, 1, "\n", 1);
    is(t, 2, "\xe2", 1);
    is(t, 3, " the", 4);
    is(t, 4, "a b ", 4);
    is(t, 5, "<0xZZ>", 6);
    is(t, 6, "\u2581\u2581", 6); /* an added token is written as it is */
    is(t, 9, "\u00e9", 2);
    size_t length;
    assert_null(sae_tokenizer_bytes(t, 7, &length));
    int32_t *ids = NULL;
    int64_t count = 0, capacity = 0;
    assert_int_equal(sae_tokenizer_encode(t, "x", 1, false, &ids, &count, &capacity, &err), SAE_E_UNSUPPORTED);
    sae_tokenizer_close(t);
}

/* Pythia's and Llama 3's kind: bytes as GPT-2 writes them, with another pattern. */
static void byte_level(void **state)
{
    (void)state;
    sae_tokenizer *t;
    sae_error err;
    if (open_text(
            &t,
            "{\"pre_tokenizer\":{\"type\":\"Sequence\",\"pretokenizers\":[{\"type\":\"Split\",\"pattern\":{\"Regex\":"
            "\"x\"}},{\"type\":\"ByteLevel\",\"use_regex\":false}]},\"added_tokens\":[{\"id\":3,\"content\":"
            "\"<|end|>\",\"special\":true}],\"model\":{\"type\":\"BPE\",\"ignore_merges\":true,\"vocab\":{"
            "\"\u0120the\":0,\"\u00e2\u0122\":1,\"\u010a\u010a\":2},\"merges\":[]}}",
            &err) != SAE_OK)
        fail_msg("%s", err.message);
    is(t, 0, " the", 4);
    is(t, 1, "\xe2\x80", 2);
    is(t, 2, "\n\n", 2);
    is(t, 3, "<|end|>", 7);
    sae_tokenizer_close(t);
}

static void unigram(void **state)
{
    (void)state;
    sae_tokenizer *t;
    sae_error err;
    if (open_text(&t, "{\"model\":{\"type\":\"Unigram\",\"vocab\":[[\"<unk>\",0],[\"\u2581a\",-1.5],[\"<0xFF>\",-2]]}}",
                  &err) != SAE_OK)
        fail_msg("%s", err.message);
    is(t, 1, " a", 2);
    is(t, 2, "\xff", 1);
    sae_tokenizer_close(t);
}

static void refused(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "{}",
        "[]",
        "{\"model\":{}}",
        "{\"model\":{\"type\":\"WordPiece\",\"vocab\":{}}}",
        "{\"model\":{\"vocab\":{\"a\":\"b\"}}}",
        "{\"model\":{\"vocab\":{\"a\":-1}}}",
        "{\"model\":{\"vocab\":{\"a\":1,\"b\":1}}}",
        "{\"model\":{\"vocab\":{\"a\":99999999999}}}",
        "{\"model\":{\"vocab\":[1]}}",
        "{\"added_tokens\":[{\"id\":\"x\",\"content\":\"y\"}],\"model\":{\"vocab\":{}}}",
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        sae_tokenizer *t;
        sae_error err;
        if (open_text(&t, bad[i], &err) == SAE_OK) fail_msg("%s was taken", bad[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(sentencepiece), cmocka_unit_test(byte_level),
                                       cmocka_unit_test(unigram), cmocka_unit_test(refused)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
