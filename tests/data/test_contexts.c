/* Texts and id files to contexts: documents, cutting, what is dropped; and input that cannot be used. */
#include "io/temp.h"

#include <sae/data.h>

#define MODEL SAE_SOURCE_DIR "/demo/model"
#define EOS   8191

static sae_error err;
static sae_tokenizer *tokenizer;

static int open_tokenizer(void **state)
{
    (void)state;
    return sae_tokenizer_open(&tokenizer, MODEL, &err) == SAE_OK ? 0 : -1;
}

static int close_tokenizer(void **state)
{
    (void)state;
    sae_tokenizer_close(tokenizer);
    return 0;
}

static const char *put(void **state, const char *name, const char *text)
{
    const char *path = temp_path(state, name);
    put_file(path, text, strlen(text));
    return path;
}

static sae_contexts *read_text(const sae_text_config *config)
{
    sae_contexts *c;
    assert_ok(sae_contexts_read(&c, config, tokenizer, EOS, NULL, &err));
    return c;
}

static void refuse(const sae_text_config *config, sae_status status, const char *part)
{
    sae_contexts *c = NULL;
    assert_int_equal(sae_contexts_read(&c, config, tokenizer, EOS, NULL, &err), status);
    assert_null(c);
    assert_contains(err.message, part);
}

/* The contexts as one line of tokens, documents marked; compares with EOS + ids of each text, cut. */
static void expect(const sae_contexts *c, const char *const *texts, bool bos)
{
    int32_t *ids = NULL, *docs;
    int64_t count = 0, capacity = 0, *starts = calloc(64, sizeof *starts), n = 0, at = 0;
    for (; texts[n]; n++) {
        starts[n] = count;
        assert_ok(sae_tokenizer_encode(tokenizer, "<|endoftext|>", 13, true, &ids, &count, &capacity, &err));
        assert_ok(sae_tokenizer_encode(tokenizer, texts[n], strlen(texts[n]), false, &ids, &count, &capacity, &err));
    }
    docs = malloc((size_t)count * sizeof *docs);
    for (int64_t i = 0; i < n; i++)
        for (int64_t j = starts[i]; j < (i + 1 < n ? starts[i + 1] : count); j++) docs[j] = (int32_t)i;
    assert_int_equal(c->count, count / (c->ctx - bos));
    assert_int_equal(c->dropped, count % (c->ctx - bos));
    assert_int_equal(c->documents, n);
    for (int64_t i = 0; i < c->count * c->ctx; i++) {
        if (bos && i % c->ctx == 0) {
            assert_int_equal(c->tokens[i], EOS);
            assert_int_equal(c->docs[i], docs[at]);
            continue;
        }
        assert_int_equal(c->tokens[i], ids[at]);
        assert_int_equal(c->docs[i], docs[at]);
        at++;
    }
    free(ids);
    free(docs);
    free(starts);
}

static void files_are_documents(void **state)
{
    const char *const files[] = {put(state, "a.txt", "In the beginning God created\n"), put(state, "b.txt", ""),
                                 put(state, "c.md", "the heaven and the earth."), NULL};
    const char *const texts[] = {"In the beginning God created\n", "the heaven and the earth.", NULL};
    for (int bos = 0; bos < 2; bos++) {
        sae_text_config config = sae_text_config_default();
        assert_int_equal(config.ctx, 128);
        config.files = files;
        config.ctx = 4;
        config.prepend_bos = bos;
        sae_contexts *c = read_text(&config);
        expect(c, texts, bos);
        sae_contexts_free(c);
    }
}

static void separators(void **state)
{
    const char *const files[] = {put(state, "a.txt", "%\none\ntwo\n%\n%\n %\nthree %\n%\nfour\n%"),
                                 put(state, "b.txt", "five\n"), NULL};
    const char *const texts[] = {"one\ntwo\n", " %\nthree %\n", "four\n", "five\n", NULL};
    const sae_text_config config = {.files = files, .ctx = 2, .split = "%"};
    sae_contexts *c = read_text(&config);
    expect(c, texts, false);
    sae_contexts_free(c);
}

/* As files from Windows have them: the separator is found, and the text keeps its line ends. */
static void separators_with_carriage_returns(void **state)
{
    const char *const files[] = {put(state, "crlf.txt", "one\r\n%\r\n%%\r\ntwo\r\n%\r"), NULL};
    const char *const texts[] = {"one\r\n", "%%\r\ntwo\r\n", NULL};
    const sae_text_config config = {.files = files, .ctx = 2, .split = "%"};
    sae_contexts *c = read_text(&config);
    expect(c, texts, false);
    sae_contexts_free(c);
}

static void json_lines(void **state)
{
    const char *const files[] = {put(state, "a.jsonl",
                                     "{\"text\": \"one \\u00e9\", \"n\": 1}\n\n  \r\n{\"text\": \"\"}\n"
                                     "{\"meta\": {\"a\": []}, \"text\": \"<|endoftext|> three\"}"),
                                 NULL};
    const char *const texts[] = {"one \xc3\xa9", "<|endoftext|> three", NULL};
    const sae_text_config config = {.files = files, .ctx = 3};
    sae_contexts *c = read_text(&config);
    expect(c, texts, false);
    sae_contexts_free(c);
}

static void special_tokens(void **state)
{
    const char *const files[] = {put(state, "a.txt", "x<|endoftext|>y"), NULL};
    sae_text_config config = {.files = files, .ctx = 2};
    sae_contexts *plain = read_text(&config);
    config.parse_special = true;
    sae_contexts *parsed = read_text(&config);
    assert_int_equal(parsed->count, 2); /* EOS x | EOS y */
    assert_int_equal(parsed->tokens[0], EOS);
    assert_int_equal(parsed->tokens[2], EOS);
    assert_true(plain->count > 2);
    sae_contexts_free(plain);
    sae_contexts_free(parsed);
}

/* A text much longer than the pieces that are tokenised at once: same contexts for any number of threads, and as
 * from the whole. */
static void long_text(void **state)
{
    enum { WORDS = 300000 };
    char *text = malloc(WORDS * 8);
    size_t n = 0;
    for (int i = 0; i < WORDS; i++)
        n += (size_t)sprintf(text + n, "%s%d", i % 5 ? " w" : (i % 3 ? "\n" : "  "), i % 997);
    const char *const files[] = {put(state, "long.txt", text), NULL};
    const char *const texts[] = {text, NULL};
    const sae_text_config config = {.files = files, .ctx = 100};
    for (int threads = 1; threads <= 3; threads += 2) {
        const sae_env env = {.threads = threads};
        sae_contexts *c;
        assert_true(n > (size_t)4 << 18);
        assert_ok(sae_contexts_read(&c, &config, tokenizer, EOS, &env, &err));
        expect(c, texts, false);
        sae_contexts_free(c);
    }
    sae_text_config some = config;
    some.max_tokens = 12345;
    sae_contexts *whole = read_text(&config), *part = read_text(&some);
    assert_int_equal(part->count, 123);
    assert_int_equal(part->dropped, 0);
    assert_memory_equal(part->tokens, whole->tokens, 12300 * sizeof *part->tokens);
    sae_contexts_free(whole);
    sae_contexts_free(part);
    free(text);
}

static const char *put_ids(void **state, const void *ids, sae_dtype dtype, int rank, int64_t rows, int64_t columns)
{
    const char *path = temp_path(state, "ids.npy");
    const sae_tensor t = {.dtype = dtype,
                          .rank = rank,
                          .shape = {rows, columns},
                          .data = ids,
                          .bytes = (size_t)(rows * (rank == 2 ? columns : 1)) * sae_dtype_size(dtype)};
    assert_ok(sae_npy_write(path, &t, &err));
    return path;
}

static void id_files(void **state)
{
    const int32_t ids[12] = {EOS, 1, 2, 3, EOS, 4, 5, EOS, 6, 7, 8, 9};
    sae_text_config config = {.tokens_file = put_ids(state, ids, SAE_DTYPE_I32, 1, 11, 1), .ctx = 3};
    sae_contexts *c = read_text(&config);
    const int32_t docs[9] = {0, 0, 0, 0, 1, 1, 1, 2, 2};
    assert_int_equal(c->count, 3);
    assert_int_equal(c->dropped, 2);
    assert_int_equal(c->documents, 3);
    assert_memory_equal(c->tokens, ids, 9 * sizeof *ids);
    assert_memory_equal(c->docs, docs, sizeof docs);
    sae_contexts_free(c);

    config.tokens_file = put_ids(state, ids, SAE_DTYPE_I32, 2, 4, 3);
    c = read_text(&config);
    assert_int_equal(c->count, 4);
    assert_int_equal(c->documents, 4);
    assert_memory_equal(c->tokens, ids, sizeof ids);
    assert_int_equal(c->docs[11], 3);
    sae_contexts_free(c);

    config.prepend_bos = true;
    config.ctx = 4;
    c = read_text(&config);
    const int32_t with_bos[8] = {EOS, EOS, 1, 2, EOS, 3, EOS, 4};
    assert_int_equal(c->count, 4);
    assert_memory_equal(c->tokens, with_bos, sizeof with_bos);
    sae_contexts_free(c);

    const int64_t rows[4] = {EOS, 5, EOS, 6};
    config.tokens_file = put_ids(state, rows, SAE_DTYPE_I64, 2, 2, 2);
    config.ctx = 2;
    c = read_text(&config);
    const int32_t same[4] = {EOS, 5, EOS, 6};
    assert_memory_equal(c->tokens, same, sizeof same);
    sae_contexts_free(c);
}

static void bad_id_files(void **state)
{
    const int32_t ids[6] = {1, 2, -3, 4, 5, 6};
    sae_text_config config = {.tokens_file = put_ids(state, ids, SAE_DTYPE_I32, 1, 6, 1), .ctx = 3};
    refuse(&config, SAE_E_VALUE, "element 2 is -3");
    config.tokens_file = put_ids(state, ids + 3, SAE_DTYPE_I32, 1, 3, 1);
    config.ctx = 4;
    refuse(&config, SAE_E_ARG, "3 tokens");
    config.tokens_file = put_ids(state, ids + 3, SAE_DTYPE_I32, 2, 1, 3);
    refuse(&config, SAE_E_SHAPE, "--ctx 3");
    config.ctx = 3;
    config.prepend_bos = true;
    refuse(&config, SAE_E_VALUE, "BOS");
    const float floats[3] = {1, 2, 3};
    config = (sae_text_config){.tokens_file = put_ids(state, floats, SAE_DTYPE_F32, 1, 3, 1), .ctx = 3};
    refuse(&config, SAE_E_FORMAT, "ids.npy");
    config.tokens_file = temp_path(state, "missing.npy");
    refuse(&config, SAE_E_IO, "missing.npy");
}

static void bad_text(void **state)
{
    const char *const empty[] = {put(state, "empty.txt", ""), NULL};
    const char *const few[] = {put(state, "few.txt", "a few words"), NULL};
    const char *const missing[] = {few[0], temp_path(state, "missing.txt"), NULL};
    const char *const no_text[] = {put(state, "a.jsonl", "{\"text\": \"x\"}\n{\"txt\": 1}\n"), NULL};
    const char *const number[] = {put(state, "b.jsonl", "{\"text\": 5}\n"), NULL};
    const char *const cut[] = {put(state, "c.jsonl", "{\"text\": \"x\"}\n\n{\"text\": \"x"), NULL};
    sae_text_config config = {.files = empty, .ctx = 2};
    refuse(&config, SAE_E_ARG, "no text in");
    config.files = missing;
    refuse(&config, SAE_E_IO, "missing.txt");
    config.files = no_text;
    refuse(&config, SAE_E_FORMAT, "a.jsonl, line 2");
    config.files = number;
    refuse(&config, SAE_E_FORMAT, "b.jsonl, line 1");
    config.files = cut;
    refuse(&config, SAE_E_FORMAT, "c.jsonl, line 3");
    config.files = few;
    config.ctx = 128;
    refuse(&config, SAE_E_ARG, "--ctx");
    config.ctx = 0;
    refuse(&config, SAE_E_ARG, "too short");
    config.ctx = 1;
    config.prepend_bos = true;
    refuse(&config, SAE_E_ARG, "BOS");
    config = (sae_text_config){.files = few, .ctx = 2, .max_tokens = 1};
    refuse(&config, SAE_E_ARG, "1 tokens");
    config = (sae_text_config){.ctx = 2};
    refuse(&config, SAE_E_ARG, "--text");
    config = (sae_text_config){.files = few, .tokens_file = "x.npy", .ctx = 2};
    refuse(&config, SAE_E_ARG, "--text");
    sae_contexts *c = NULL;
    config = (sae_text_config){.files = few, .ctx = 2};
    assert_int_equal(sae_contexts_read(&c, &config, NULL, EOS, NULL, &err), SAE_E_ARG);
    assert_int_equal(sae_contexts_read(&c, &config, tokenizer, -1, NULL, &err), SAE_E_ARG);
    assert_contains(err.message, "eos_token_id");
    const volatile sig_atomic_t stop = 1;
    const sae_env env = {.stop = &stop};
    assert_int_equal(sae_contexts_read(&c, &config, tokenizer, EOS, &env, &err), SAE_E_INTERRUPTED);
    assert_null(c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        temp_test(files_are_documents),
        temp_test(separators),
        temp_test(separators_with_carriage_returns),
        temp_test(json_lines),
        temp_test(special_tokens),
        temp_test(long_text),
        temp_test(id_files),
        temp_test(bad_id_files),
        temp_test(bad_text),
    };
    return cmocka_run_group_tests(tests, open_tokenizer, close_tokenizer);
}
