/* Model directories: shards, names, types; and what is broken in them. */
#include "io/temp.h"

#include <sae/io.h>
#include <sae/lm.h>

#define TINY SAE_TEST_DATA "/lm_tiny"

static sae_error err;

typedef struct changes {
    const char *from, *to; /* in config.json */
    const char *drop;      /* a tensor left out */
    const char *twist;     /* a matrix written with its dimensions swapped */
    bool bare;             /* names without "transformer." */
    bool half;             /* as float16 */
    const char *extra;     /* another tensor, a copy of wte; */
    float extra_scale;     /* times this */
} changes;

static void put_config(void **state, changes c)
{
    size_t size;
    char *text = (char *)get_file(TINY "/config.json", &size), changed[4096];
    text[size] = 0;
    const char *found = c.from ? strstr(text, c.from) : NULL;
    if (c.from) assert_non_null(found);
    int head = found ? (int)(found - text) : (int)size;
    snprintf(changed, sizeof changed, "%.*s%s%s", head, text, found ? c.to : "", found ? found + strlen(c.from) : "");
    put_file(temp_path(state, "config.json"), changed, strlen(changed));
    free(text);
}

/* The weights of the tiny model, changed; in two files when shard is 1 or 2 (its half of the tensors). */
static void put_weights(void **state, changes c, const char *file, int shard)
{
    sae_safetensors *source;
    sae_tensor list[64];
    char names[64][64];
    void *made[64] = {0};
    assert_ok(sae_safetensors_open(&source, TINY "/model.safetensors", &err));
    size_t count = 0, all = sae_safetensors_count(source);
    for (size_t i = 0; i < all + (c.extra ? 1 : 0); i++) {
        bool extra = i == all;
        sae_tensor t = extra ? *sae_safetensors_find(source, "transformer.wte.weight") : *sae_safetensors_at(source, i);
        const char *name = extra ? c.extra : t.name + (c.bare ? strlen("transformer.") : 0);
        if ((c.drop && strcmp(name, c.drop) == 0) || (shard && (int)(i % 2) != shard - 1)) continue;
        int64_t n = sae_tensor_elements(&t);
        if (c.half || extra) {
            float *values = malloc((size_t)n * sizeof *values);
            made[count] = malloc((size_t)n * sizeof *values);
            sae_tensor_read_f32(&t, 0, n, values);
            for (int64_t j = 0; j < n && extra; j++) values[j] *= c.extra_scale;
            t.dtype = c.half ? SAE_DTYPE_F16 : SAE_DTYPE_F32;
            t.bytes = (size_t)n * sae_dtype_size(t.dtype);
            sae_f32_to_dtype(values, n, t.dtype, made[count]);
            t.data = made[count];
            free(values);
        }
        if (c.twist && strcmp(name, c.twist) == 0) {
            int64_t rows = t.shape[0];
            t.shape[0] = t.shape[1];
            t.shape[1] = rows;
        }
        snprintf(names[count], sizeof names[count], "%s", name);
        t.name = names[count];
        list[count++] = t;
    }
    assert_ok(sae_safetensors_write(temp_path(state, file), list, count, NULL, 0, &err));
    for (size_t i = 0; i < count; i++) free(made[i]);
    sae_safetensors_close(source);
}

static void put_index(void **state, const char *first, const char *second)
{
    char text[512];
    snprintf(text, sizeof text, "{\"metadata\": {}, \"weight_map\": {\"a\": \"%s\", \"b\": \"%s\", \"c\": \"%s\"}}",
             first, second, first);
    put_file(temp_path(state, "model.safetensors.index.json"), text, strlen(text));
}

static void logits_of(const char *dir, float *out)
{
    sae_lm *lm;
    const int32_t tokens[4] = {1, 50, 300, 7};
    assert_ok(sae_lm_open(&lm, dir, NULL, &err));
    assert_ok(sae_lm_logits(lm, tokens, 1, 4, out, NULL, &err));
    sae_lm_close(lm);
}

static void same_model(void **state, bool same)
{
    static float expected[4 * 320], ours[4 * 320];
    logits_of(TINY, expected);
    logits_of(temp_path(state, "."), ours);
    assert_int_equal(memcmp(expected, ours, sizeof ours) == 0, same);
}

static void names_and_shards(void **state)
{
    changes bare = {.bare = true};
    put_config(state, bare);
    put_weights(state, bare, "model.safetensors", 0);
    same_model(state, true);
    unlink(temp_path(state, "model.safetensors"));
    put_weights(state, (changes){0}, "one.safetensors", 1);
    put_weights(state, (changes){0}, "two.safetensors", 2);
    put_index(state, "one.safetensors", "two.safetensors");
    same_model(state, true);
}

/* float16 weights are those of the file, rounded: the logits move a little. */
static void half_precision(void **state)
{
    changes half = {.half = true};
    static float expected[4 * 320], ours[4 * 320];
    put_config(state, half);
    put_weights(state, half, "model.safetensors", 0);
    same_model(state, false);
    logits_of(TINY, expected);
    logits_of(temp_path(state, "."), ours);
    for (int i = 0; i < 4 * 320; i++) {
        float off = ours[i] - expected[i];
        assert_true(off < 0.1f && off > -0.1f);
    }
}

static int warnings;

static void count_warnings(void *ud, sae_log_level level, const char *message)
{
    (void)ud;
    if (level != SAE_LOG_WARN) return;
    warnings++;
    assert_contains(message, "lm_head.weight");
}

static void unembedding(void **state)
{
    /* A head equal to the embedding is the embedding; another one is used, with a warning if it is said to be tied. */
    changes equal = {.extra = "lm_head.weight", .extra_scale = 1},
            other = {.extra = "lm_head.weight", .extra_scale = 2};
    put_config(state, equal);
    put_weights(state, equal, "model.safetensors", 0);
    same_model(state, true);
    put_weights(state, other, "model.safetensors", 0);
    const sae_env env = {.log = count_warnings};
    sae_lm *lm;
    static float expected[4 * 320], ours[4 * 320];
    for (int untied = 0; untied < 2; untied++) {
        if (untied) {
            other.from = "\"tie_word_embeddings\": true";
            other.to = "\"tie_word_embeddings\": false";
            put_config(state, other);
        }
        assert_ok(sae_lm_open(&lm, temp_path(state, "."), &env, &err));
        assert_int_equal(warnings, 1);
        sae_lm_close(lm);
        logits_of(TINY, expected);
        logits_of(temp_path(state, "."), ours);
        for (int i = 0; i < 4 * 320; i++) assert_true(ours[i] == 2 * expected[i]);
    }
}

static void refuse(void **state, changes c, sae_status status, const char *part)
{
    sae_lm *lm = NULL;
    put_config(state, c);
    put_weights(state, c, "model.safetensors", 0);
    assert_int_equal(sae_lm_open(&lm, temp_path(state, "."), NULL, &err), status);
    assert_null(lm);
    assert_contains(err.message, part);
}

static void broken_models(void **state)
{
    refuse(state, (changes){.from = "\"gpt2\"", .to = "\"llama\""}, SAE_E_UNSUPPORTED, "llama");
    refuse(state, (changes){.from = "\"gelu_new\"", .to = "\"silu\""}, SAE_E_UNSUPPORTED, "silu");
    refuse(state, (changes){.from = "\"gelu_new\"", .to = "7"}, SAE_E_FORMAT, "activation_function");
    refuse(state, (changes){.from = "\"n_head\": 2", .to = "\"n_head\": 3"}, SAE_E_FORMAT, "multiple of n_head 3");
    refuse(state, (changes){.from = "\"n_head\": 2", .to = "\"n_head\": 0"}, SAE_E_FORMAT, "\"n_head\"");
    refuse(state, (changes){.from = "\"n_layer\": 2", .to = "\"n_layer\": 3"}, SAE_E_FORMAT, "h.2.ln_1.weight");
    refuse(state, (changes){.from = "\"n_layer\": 2", .to = "\"n_layer\": 2.5"}, SAE_E_FORMAT, "\"n_layer\"");
    refuse(state, (changes){.from = "\"n_layer\": 2", .to = "\"other\": 2"}, SAE_E_FORMAT, "lacks \"n_layer\"");
    refuse(state, (changes){.from = "\"n_inner\": null", .to = "\"n_inner\": 65"}, SAE_E_SHAPE, "h.0.mlp.c_fc.weight");
    refuse(state, (changes){.from = "\"vocab_size\": 320", .to = "\"vocab_size\": 321"}, SAE_E_SHAPE, "[321, 16]");
    refuse(state, (changes){.from = "\"n_positions\": 32", .to = "\"n_positions\": 64"}, SAE_E_SHAPE, "wpe.weight");
    refuse(state, (changes){.from = "\"n_embd\": 16", .to = "\"n_embd\": 18446744073709551616"}, SAE_E_FORMAT,
           "config.json");
    refuse(state, (changes){.from = "\"layer_norm_epsilon\": 1e-05", .to = "\"layer_norm_epsilon\": -1"}, SAE_E_FORMAT,
           "epsilon");
    refuse(state, (changes){.from = "\"add_cross_attention\": false", .to = "\"add_cross_attention\": true"},
           SAE_E_UNSUPPORTED, "add_cross_attention");
    refuse(state, (changes){.from = "\"tie_word_embeddings\": true", .to = "\"tie_word_embeddings\": false"},
           SAE_E_FORMAT, "lm_head.weight");
    refuse(state, (changes){.drop = "transformer.h.1.ln_2.bias"}, SAE_E_FORMAT, "h.1.ln_2.bias");
    refuse(state, (changes){.twist = "transformer.h.1.mlp.c_fc.weight"}, SAE_E_SHAPE, "[64, 16]");
}

static void missing_files(void **state)
{
    sae_lm *lm = NULL;
    const char *dir = temp_path(state, ".");
    assert_int_equal(sae_lm_open(&lm, temp_path(state, "nowhere"), NULL, &err), SAE_E_IO);
    assert_contains(err.message, "nowhere");
    assert_int_equal(sae_lm_open(&lm, dir, NULL, &err), SAE_E_IO);
    assert_contains(err.message, "config.json");
    put_config(state, (changes){0});
    assert_int_equal(sae_lm_open(&lm, dir, NULL, &err), SAE_E_IO);
    assert_contains(err.message, "model.safetensors.index.json");
    put_index(state, "one.safetensors", "missing.safetensors");
    put_weights(state, (changes){0}, "one.safetensors", 1);
    assert_int_equal(sae_lm_open(&lm, dir, NULL, &err), SAE_E_IO);
    assert_contains(err.message, "missing.safetensors");
    put_index(state, "one.safetensors", "../one.safetensors");
    assert_int_equal(sae_lm_open(&lm, dir, NULL, &err), SAE_E_FORMAT);
    assert_contains(err.message, "\"b\"");
    put_index(state, "one.safetensors", "one.safetensors");
    assert_int_equal(sae_lm_open(&lm, dir, NULL, &err), SAE_E_FORMAT); /* half of the tensors */
    put_file(temp_path(state, "model.safetensors.index.json"), "{}", 2);
    assert_int_equal(sae_lm_open(&lm, dir, NULL, &err), SAE_E_FORMAT);
    assert_contains(err.message, "weight_map");
}

static void cut_weights(void **state)
{
    sae_lm *lm = NULL;
    size_t size;
    unsigned char *data = get_file(TINY "/model.safetensors", &size);
    put_config(state, (changes){0});
    const size_t cuts[] = {0, 7, 100, size / 2, size - 1};
    for (size_t i = 0; i < sizeof cuts / sizeof *cuts; i++) {
        put_file(temp_path(state, "model.safetensors"), data, cuts[i]);
        assert_int_equal(sae_lm_open(&lm, temp_path(state, "."), NULL, &err), SAE_E_FORMAT);
        assert_contains(err.message, "model.safetensors");
    }
    free(data);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        temp_test(names_and_shards), temp_test(half_precision), temp_test(unembedding),
        temp_test(broken_models),    temp_test(missing_files),  temp_test(cut_weights),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
