/* Ids against those of the tokenizers library (tests/golden/make_lm_golden.py), and texts made to break things. */
#include "io/temp.h"

#include "lm/bpe.h"

#include <sae/io.h>
#include <sae/lm.h>

#define MODEL SAE_SOURCE_DIR "/demo/model"

static sae_error err;

static sae_ids encode(const sae_tokenizer *t, const char *text, size_t length, bool special)
{
    sae_ids ids = {0};
    assert_ok(sae_tokenizer_encode(t, text, length, special, &ids.data, &ids.count, &ids.capacity, &err));
    return ids;
}

static const void *tensor(const sae_safetensors *file, const char *name, int64_t *count)
{
    const sae_tensor *found = sae_safetensors_find(file, name);
    assert_non_null(found);
    *count = sae_tensor_elements(found);
    return found->data;
}

static void compare_golden(const sae_tokenizer *t, const char *name, bool special)
{
    sae_safetensors *file;
    char key[64];
    int64_t n, texts, ids, ends;
    assert_ok(sae_safetensors_open(&file, SAE_TEST_DATA "/tokenizer.safetensors", &err));
    const char *text = tensor(file, "text", &n);
    const int32_t *text_ends = tensor(file, "text_ends", &texts);
    snprintf(key, sizeof key, "ids_%s", name);
    const int32_t *expected = tensor(file, key, &ids);
    snprintf(key, sizeof key, "ends_%s", name);
    const int32_t *id_ends = tensor(file, key, &ends);
    assert_true(n > 20000 && texts == ends);
    for (int64_t i = 0; i < texts; i++) {
        int32_t from = i ? text_ends[i - 1] : 0, first = i ? id_ends[i - 1] : 0;
        sae_ids got = encode(t, text + from, (size_t)(text_ends[i] - from), special);
        assert_int_equal(got.count, id_ends[i] - first);
        if (got.count) assert_memory_equal(got.data, expected + first, (size_t)got.count * sizeof *got.data);
        free(got.data);
    }
    sae_safetensors_close(file);
}

static void ids_of_the_reference(void **state)
{
    (void)state;
    sae_tokenizer *t;
    assert_ok(sae_tokenizer_open(&t, MODEL, &err));
    assert_int_equal(sae_tokenizer_vocab_size(t), 8192);
    assert_int_equal(sae_tokenizer_eos(t), 8191);
    assert_true(sae_tokenizer_is_special(t, 8191));
    assert_false(sae_tokenizer_is_special(t, 0));
    compare_golden(t, "text", false);
    compare_golden(t, "special", true);
    sae_tokenizer_close(t);
    assert_ok(sae_tokenizer_open(&t, MODEL "/tokenizer.json", &err));
    compare_golden(t, "text", false);
    sae_tokenizer_close(t);
}

static void copy(void **state, const char *name)
{
    char from[TEMP_PATH];
    size_t size;
    snprintf(from, sizeof from, "%s/%s", MODEL, name);
    unsigned char *data = get_file(from, &size);
    put_file(temp_path(state, name), data, size);
    free(data);
}

static void ids_from_vocab_and_merges(void **state)
{
    sae_tokenizer *t;
    copy(state, "vocab.json");
    copy(state, "merges.txt");
    assert_ok(sae_tokenizer_open(&t, temp_path(state, "."), &err));
    assert_int_equal(sae_tokenizer_eos(t), 8191);
    compare_golden(t, "text", false);
    compare_golden(t, "special", true);
    sae_tokenizer_close(t);
}

static void tokens_make_up_the_text(void **state)
{
    (void)state;
    sae_tokenizer *t;
    assert_ok(sae_tokenizer_open(&t, MODEL, &err));
    const char text[] = "In the beginning\0 \xe2\x82\xac\xf0\x9f\x98\x80\n\tint x;";
    sae_ids ids = encode(t, text, sizeof text - 1, false);
    size_t at = 0, length;
    for (int64_t i = 0; i < ids.count; i++) {
        const char *bytes = sae_tokenizer_bytes(t, ids.data[i], &length);
        assert_true(bytes && at + length <= sizeof text - 1);
        assert_memory_equal(bytes, text + at, length);
        at += length;
    }
    assert_int_equal(at, sizeof text - 1);
    const char *eos = sae_tokenizer_bytes(t, 8191, &length);
    assert_memory_equal(eos, "<|endoftext|>", length);
    assert_null(sae_tokenizer_bytes(t, -1, &length));
    assert_null(sae_tokenizer_bytes(t, 8192, &length));
    free(ids.data);
    sae_tokenizer_close(t);
}

/* Ids are appended, and a failed call would leave the list as it was. */
static void ids_are_appended(void **state)
{
    (void)state;
    sae_tokenizer *t;
    assert_ok(sae_tokenizer_open(&t, MODEL, &err));
    sae_ids twice = encode(t, "Lord", 4, false);
    int64_t once = twice.count;
    assert_ok(sae_tokenizer_encode(t, "Lord", 4, false, &twice.data, &twice.count, &twice.capacity, &err));
    assert_int_equal(twice.count, 2 * once);
    assert_memory_equal(twice.data, twice.data + once, (size_t)once * sizeof *twice.data);
    free(twice.data);
    sae_tokenizer_close(t);
}

/* One "word" of a million bytes: the time is that of n log n, and no stack or match limit is met. */
static void long_words(void **state)
{
    (void)state;
    enum { SIZE = 1 << 20 };
    static const char *const units[] = {
        "x", "ab", " ", "\n", "-=", "0", "\xe4\xb8\x80", "\xcc\x81", "\xff", "\xc2\xa0 "};
    sae_tokenizer *t;
    assert_ok(sae_tokenizer_open(&t, MODEL, &err));
    char *text = malloc(SIZE);
    for (size_t u = 0; u < sizeof units / sizeof *units; u++) {
        size_t unit = strlen(units[u]), size = SIZE / unit * unit, total = 0, length;
        for (size_t i = 0; i < size; i++) text[i] = units[u][i % unit];
        sae_ids ids = encode(t, text, size, false);
        for (int64_t i = 0; i < ids.count; i++) {
            assert_non_null(sae_tokenizer_bytes(t, ids.data[i], &length));
            total += length;
        }
        assert_int_equal(total, units[u][0] == '\xff' ? 3 * size : size);
        free(ids.data);
    }
    free(text);
    sae_tokenizer_close(t);
}

/* Encoding the parts of a text cut at sae_bpe_next_cut gives the ids of the whole. */
static void cuts_change_nothing(void **state)
{
    (void)state;
    sae_tokenizer *t;
    sae_safetensors *file;
    int64_t n;
    assert_ok(sae_tokenizer_open(&t, MODEL, &err));
    assert_ok(sae_safetensors_open(&file, SAE_TEST_DATA "/tokenizer.safetensors", &err));
    const char *text = tensor(file, "text", &n);
    sae_ids whole = encode(t, text, (size_t)n, false), parts = {0};
    int cuts = 0;
    for (size_t at = 0; at < (size_t)n; cuts++) {
        size_t length = sae_bpe_next_cut(t, false, text + at, (size_t)n - at, 5);
        assert_ok(sae_tokenizer_encode(t, text + at, length, false, &parts.data, &parts.count, &parts.capacity, &err));
        at += length;
    }
    assert_true(cuts > 1000);
    assert_int_equal(parts.count, whole.count);
    assert_memory_equal(parts.data, whole.data, (size_t)whole.count * sizeof *whole.data);
    free(whole.data);
    free(parts.data);
    sae_safetensors_close(file);
    sae_tokenizer_close(t);
}

/* Ids of one word by the rule as it is written: join the leftmost pair of lowest rank, until none is joined. */
static int64_t join_naively(const sae_tokenizer *t, const char *word, size_t length, int32_t *ids)
{
    int64_t n = (int64_t)length;
    for (int64_t i = 0; i < n; i++) ids[i] = t->byte_ids[(unsigned char)word[i]];
    for (;;) {
        uint64_t best = SAE_IDMAP_NONE;
        int64_t at = 0;
        for (int64_t i = 0; i + 1 < n; i++) {
            uint64_t found = sae_bpe_pair(t, ids[i], ids[i + 1]);
            if (found == SAE_IDMAP_NONE || (best != SAE_IDMAP_NONE && found >> 32 >= best >> 32)) continue;
            best = found;
            at = i;
        }
        if (best == SAE_IDMAP_NONE) return n;
        ids[at] = (int32_t)(uint32_t)best;
        memmove(ids + at + 1, ids + at + 2, (size_t)(--n - at - 1) * sizeof *ids);
    }
}

/* Words of every length around the one where another way of joining begins; few letters, so that much is joined. */
static void words_by_the_rule(void **state)
{
    (void)state;
    static const char letters[] = "aeinorst";
    sae_tokenizer *t;
    sae_bpe_scratch scratch = {0};
    sae_ids ids = {0};
    char word[100];
    int32_t expected[100];
    unsigned long long random = 1;
    int joined = 0;
    assert_ok(sae_tokenizer_open(&t, MODEL, &err));
    for (size_t length = 1; length < sizeof word; length++)
        for (int time = 0; time < 50; time++) {
            for (size_t i = 0; i < length; i++) {
                random = random * 6364136223846793005u + 1442695040888963407u;
                word[i] = time % 5 ? letters[random >> 61] : (char)(random >> 56);
            }
            ids.count = 0;
            assert_ok(sae_bpe_merge_word(t, &scratch, word, length, &ids, &err));
            int64_t count = join_naively(t, word, length, expected);
            assert_int_equal(ids.count, count);
            assert_memory_equal(ids.data, expected, (size_t)count * sizeof *expected);
            joined += count < (int64_t)length;
        }
    assert_true(joined > 3000);
    free(ids.data);
    sae_bpe_scratch_clear(&scratch);
    sae_tokenizer_close(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ids_of_the_reference),
        temp_test(ids_from_vocab_and_merges),
        cmocka_unit_test(tokens_make_up_the_text),
        cmocka_unit_test(ids_are_appended),
        cmocka_unit_test(long_words),
        cmocka_unit_test(cuts_change_nothing),
        cmocka_unit_test(words_by_the_rule),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
