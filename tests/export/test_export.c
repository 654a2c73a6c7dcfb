/* Exports of a database whose tokens are as hostile as tokens can be. */
#include "testing.h"

#include "export/pieces.h"

#include <jansson.h>
#include <sae/dash.h>
#include <sae/export.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>

enum { D = 4, CTX = 32, CONTEXTS = 24, ROWS = CTX * CONTEXTS };

/* Vocabulary entries as tokenizer.json writes them (bytes as GPT-2's characters), and what they are. */
static const struct {
    const char *written, *bytes;
    size_t size;
} hostile[] = {
    {"</script><script>alert(1)</script>", "</script><script>alert(1)</script>", 34},
    {"\\\"><img\u0120src=x\u0120onerror=alert(1)>", "\"><img src=x onerror=alert(1)>", 30},
    {"a\u0100b", "a\0b", 3},                   /* NUL */
    {"\u00e2", "\xe2", 1},                     /* the start of a character … */
    {"\u0122", "\x80", 1},                     /* … its middle … */
    {"\u013b", "\x99", 1},                     /* … and its end: ’ */
    {"\u00e2\u0122\u00ae", "\xe2\x80\xae", 3}, /* right-to-left override */
    {"\u00e2\u0122\u00a8", "\xe2\x80\xa8", 3}, /* line separator */
    {"{{7*7}}&amp;'`", "{{7*7}}&amp;'`", 14},
    {"<!--", "<!--", 4},
    {"\u00ff\u00fe", "\xff\xfe", 2},
    {"\u010a", "\n", 1},
};
enum { HOSTILE = sizeof hostile / sizeof *hostile };

typedef struct fixture {
    char dir[64];
    char path[4][128]; /* tokenizer, database, page, folder */
    float x[ROWS][D];
    int32_t tokens[ROWS], docs[ROWS];
    int32_t ids[HOSTILE];
    sae_store *store;
} fixture;

enum { TOKENIZER, DATABASE, PAGE, FOLDER };

/* A byte-level tokenizer with all single bytes and the hostile entries, those of one byte under the byte's id. */
static void write_tokenizer(fixture *f)
{
    FILE *out = fopen(f->path[TOKENIZER], "w");
    assert_non_null(out);
    fputs("{\"pre_tokenizer\":{\"type\":\"ByteLevel\",\"add_prefix_space\":false},\"model\":{\"type\":\"BPE\","
          "\"merges\":[],"
          "\"vocab\":{",
          out);
    for (int byte = 0, next = 256; byte < 256; byte++) {
        bool plain = (byte >= '!' && byte <= '~') || (byte >= 0xa1 && byte <= 0xac) || byte >= 0xae;
        fprintf(out, "%s\"\\u%04x\":%d", byte ? "," : "", plain ? byte : next++, byte);
    }
    for (int h = 0, next = 256; h < HOSTILE; h++) {
        f->ids[h] = hostile[h].size == 1 ? (unsigned char)hostile[h].bytes[0] : next++;
        if (hostile[h].size > 1) fprintf(out, ",\"%s\":%d", hostile[h].written, f->ids[h]);
    }
    fputs("}}}\n", out);
    assert_int_equal(fclose(out), 0);
}

static void build(fixture *f)
{
    sae_error err;
    sae_source *source;
    sae_tokenizer *tokenizer;
    sae_model *model;
    float w[D][D] = {{1, 0, 0, 0}, {0, 1, 0, 0}, {0, 0, 1, 0}, {0, 0, 0, 1}}, zeros[D] = {0};
    float theta[D] = {1, 1, 1, 100}; /* the last latent is dead */
    sae_model_info info = {.d = D, .n = D, .rule = SAE_RULE_THRESHOLD, .arch = SAE_ARCH_JUMPRELU};
    sae_weights weights = {&w[0][0], zeros, &w[0][0], zeros, theta};
    sae_source_config rows = sae_source_config_default();
    sae_dash_config config = sae_dash_config_default();
    sae_contexts contexts = {.count = CONTEXTS, .ctx = CTX, .tokens = f->tokens, .docs = f->docs, .documents = 6};
    const char *paths[1] = {"</script>"};
    assert_int_equal(sae_model_create(&model, &info, &weights, NULL), SAE_OK);
    assert_int_equal(sae_source_open_memory(&source, &f->x[0][0], ROWS, D, &rows, NULL), SAE_OK);
    if (sae_tokenizer_open(&tokenizer, f->path[TOKENIZER], &err) != SAE_OK) fail_msg("%s", err.message);
    const sae_model *models[1] = {model};
    sae_dash_input input = {.models = models,
                            .paths = paths,
                            .n_models = 1,
                            .source = source,
                            .contexts = &contexts,
                            .tokenizer = tokenizer};
    if (sae_dash_build(&input, &config, f->path[DATABASE], NULL, &err) != SAE_OK) fail_msg("%s", err.message);
    if (sae_store_open(&f->store, f->path[DATABASE], &err) != SAE_OK) fail_msg("%s", err.message);
    sae_source_close(source);
    sae_tokenizer_close(tokenizer);
    sae_model_free(model);
}

static int make(void **state)
{
    static const char *const names[4] = {"tokenizer.json", "saes.db", "page.html", "files"};
    fixture *f = calloc(1, sizeof *f);
    strcpy(f->dir, "export-test-XXXXXX");
    assert_non_null(mkdtemp(f->dir));
    for (int i = 0; i < 4; i++) snprintf(f->path[i], sizeof f->path[i], "%s/%s", f->dir, names[i]);
    write_tokenizer(f);
    uint64_t seed = 3;
    for (int r = 0; r < ROWS; r++) {
        f->tokens[r] = f->ids[r % HOSTILE];
        f->docs[r] = r / 128;
        for (int j = 0; j < D; j++) {
            seed = seed * 6364136223846793005u + 1442695040888963407u;
            f->x[r][j] = (float)(seed >> 40) * 0x1p-23f;
        }
    }
    build(f);
    *state = f;
    return 0;
}

static int unmake(void **state)
{
    fixture *f = *state;
    char command[128];
    sae_store_close(f->store);
    snprintf(command, sizeof command, "rm -rf %s", f->dir);
    assert_int_equal(system(command), 0);
    free(f);
    return 0;
}

static char *bytes_of(const char *path, size_t *size)
{
    gzFile file = gzopen(path, "rb"); /* reads plain files too */
    assert_non_null(file);
    size_t room = 1 << 20;
    char *bytes = malloc(room + 1);
    *size = 0;
    for (int n; (n = gzread(file, bytes + *size, (unsigned)(room - *size))) > 0;) {
        *size += (size_t)n;
        if (*size == room) bytes = realloc(bytes, (room *= 2) + 1);
    }
    gzclose(file);
    bytes[*size] = 0;
    return bytes;
}

static int count_of(const char *text, const char *what)
{
    int count = 0;
    for (const char *at = text; (at = strstr(at, what)); at += strlen(what)) count++;
    return count;
}

/* Everything that could end the data, or hide something in it, is escaped. */
static void check_quiet(const char *bytes, size_t size)
{
    assert_int_equal(strlen(bytes), size); /* no NUL */
    assert_null(strstr(bytes, "<img"));
    assert_null(strstr(bytes, "alert(1)</script"));
    assert_null(strstr(bytes, "<!--"));
    assert_null(strstr(bytes, "\xe2\x80\xae"));
    assert_null(strstr(bytes, "\xe2\x80\xa8"));
}

static sae_export_selection all(sae_export_latent list[D])
{
    for (int i = 0; i < D; i++) list[i] = (sae_export_latent){0, i};
    return (sae_export_selection){list, D};
}

static void joined_characters(void **state)
{
    const fixture *f = *state;
    const sae_store_passage *p;
    size_t count;
    sae_arena arena = {0};
    assert_int_equal(sae_store_text_at(f->store, 0, 12, &p, NULL), SAE_OK);
    const sae_piece *pieces = sae_pieces_of(p, &arena, &count);
    const sae_store_text *texts = sae_token_texts(p, &arena);
    assert_false(p->tokens[3].joined);
    assert_true(p->tokens[4].joined && p->tokens[5].joined);
    assert_int_equal(count, 10); /* twelve tokens, of which three are one character */
    assert_true(pieces[3].count == 3 && strcmp(pieces[3].text, "\u2019") == 0 && !pieces[3].broken);
    assert_true(texts[3].size == 3 && texts[4].size == 0 && texts[5].size == 0);
    assert_true(pieces[8].broken && strcmp(pieces[8].text, "\\xFF\\xFE") == 0);
    sae_arena_clear(&arena);
    sae_store_free(p);
    /* what is never completed stays apart */
    assert_int_equal(sae_store_text_at(f->store, 3, 2, &p, NULL), SAE_OK);
    assert_false(p->tokens[1].joined);
    sae_store_free(p);
}

static void page(void **state)
{
    fixture *f = *state;
    sae_export_latent list[D];
    sae_export_selection selection = all(list);
    size_t size, again_size;
    sae_error err;
    if (sae_export_html(f->store, &selection, 10, 12, f->path[PAGE], &err) != SAE_OK) fail_msg("%s", err.message);
    char *bytes = bytes_of(f->path[PAGE], &size);
    check_quiet(bytes, size);
    assert_int_equal(count_of(bytes, "</script"), 2); /* the data's own end, and the program's */
    assert_int_equal(count_of(bytes, "<script"), 2);
    assert_null(strstr(bytes, "http-equiv=\"refresh"));
    assert_non_null(strstr(bytes, "default-src 'none'; script-src 'sha256-"));
    char *begin = strstr(bytes, "id=\"data\">") + strlen("id=\"data\">"), *end = strstr(begin, "</script>");
    json_error_t why;
    json_t *data = json_loadb(begin, (size_t)(end - begin), JSON_ALLOW_NUL, &why);
    if (!data) fail_msg("%s", why.text);
    assert_int_equal(json_array_size(json_object_get(data, "latents")), D);
    assert_true(json_is_true(json_object_get(json_array_get(json_object_get(data, "latents"), D - 1), "dead")));
    /* the words come back as they were */
    json_t *words = json_object_get(data, "words"), *word;
    size_t i, found = 0;
    json_array_foreach(words, i, word)
    {
        found += json_is_string(word) && strcmp(json_string_value(word), hostile[0].bytes) == 0;
        found += json_is_array(word) && strcmp(json_string_value(json_array_get(word, 0)), "\\xFF\\xFE") == 0;
        found +=
            json_is_string(word) && json_string_length(word) == 3 && memcmp(json_string_value(word), "a\0b", 3) == 0;
    }
    assert_int_equal(found, 3);
    json_decref(data);
    assert_int_equal(sae_export_html(f->store, &selection, 10, 12, f->path[PAGE], &err), SAE_OK);
    char *again = bytes_of(f->path[PAGE], &again_size);
    assert_true(again_size == size && memcmp(again, bytes, size) == 0);
    free(bytes);
    free(again);
    selection.count = 0;
    assert_int_equal(sae_export_html(f->store, &selection, 10, 12, f->path[PAGE], &err), SAE_E_ARG);
}

static void saedashboard(void **state)
{
    fixture *f = *state;
    sae_export_latent list[D];
    sae_export_selection selection = all(list);
    char path[160];
    size_t size;
    sae_error err;
    if (sae_export_saedashboard(f->store, &selection, f->path[FOLDER], NULL, &err) != SAE_OK)
        fail_msg("%s", err.message);
    snprintf(path, sizeof path, "%s/batch-0.json", f->path[FOLDER]);
    char *bytes = bytes_of(path, &size);
    json_t *batch = json_loadb(bytes, size, JSON_ALLOW_NUL, NULL),
           *feature = json_array_get(json_object_get(batch, "features"), 0);
    assert_int_equal(json_array_size(json_object_get(batch, "features")), D - 1); /* without the dead one */
    json_t *activation = json_array_get(json_object_get(feature, "activations"), 0);
    json_t *values = json_object_get(activation, "values");
    assert_int_equal(json_array_size(values), json_array_size(json_object_get(activation, "tokens")));
    json_int_t peak = json_integer_value(json_object_get(activation, "qualifying_token_index"));
    const sae_store_latent *latent;
    assert_int_equal(sae_store_get_latent(f->store, 0, 0, 4, &latent, NULL), SAE_OK);
    double difference =
        json_number_value(json_array_get(values, (size_t)peak)) - (double)latent->groups[0].examples[0].value;
    assert_true(difference < 1e-4 && difference > -1e-4);
    sae_store_free(latent);
    json_decref(batch);
    free(bytes);
    snprintf(path, sizeof path, "%s/skipped_indexes.json", f->path[FOLDER]);
    bytes = bytes_of(path, &size);
    json_t *skipped = json_loadb(bytes, size, 0, NULL);
    assert_int_equal(json_integer_value(json_array_get(json_object_get(skipped, "skipped_indexes"), 0)), D - 1);
    json_decref(skipped);
    free(bytes);
}

/* All lines of a .gz file: objects with the same keys in the same order, no NUL escaped in them. */
static size_t check_lines(const char *path, size_t keys)
{
    size_t size, lines = 0;
    char *bytes = bytes_of(path, &size);
    for (char *line = bytes, *end; *line; line = end + 1, lines++) {
        end = strchr(line, '\n');
        assert_non_null(end);
        json_t *object = json_loadb(line, (size_t)(end - line), JSON_ALLOW_NUL, NULL);
        assert_int_equal(json_object_size(object), keys);
        json_decref(object);
    }
    free(bytes);
    return lines;
}

static void neuronpedia(void **state)
{
    fixture *f = *state;
    sae_export_latent list[D];
    sae_export_selection selection = all(list);
    sae_neuronpedia names = {.model = "gpt2-small", .source = "8-res-mine"};
    char path[160];
    sae_error err;
    if (sae_export_neuronpedia(f->store, &selection, &names, f->path[FOLDER], NULL, &err) != SAE_OK)
        fail_msg("%s", err.message);
    snprintf(path, sizeof path, "%s/features/batch-0.jsonl.gz", f->path[FOLDER]);
    assert_int_equal(check_lines(path, 30), D);
    snprintf(path, sizeof path, "%s/activations/batch-0.jsonl.gz", f->path[FOLDER]);
    assert_true(check_lines(path, 16) >= 3 * 20);
    snprintf(path, sizeof path, "%s/config/source.jsonl", f->path[FOLDER]);
    assert_int_equal(check_lines(path, 9), 1);
    names.source = "no-layer";
    assert_int_equal(sae_export_neuronpedia(f->store, &selection, &names, f->path[FOLDER], NULL, &err), SAE_E_ARG);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(joined_characters, make, unmake),
        cmocka_unit_test_setup_teardown(page, make, unmake),
        cmocka_unit_test_setup_teardown(saedashboard, make, unmake),
        cmocka_unit_test_setup_teardown(neuronpedia, make, unmake),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
