/* Rows of activation files: which are usable, and the same stream for any number of threads and of shards. */
#include "io/temp.h"

#include <math.h>
#include <sae/data.h>

enum { D = 40, ROWS = 6000, CTX = 16 };

static float element(int64_t row, int64_t j)
{
    return (float)row + (float)j / 64;
}

/* Row r is at position r % CTX of its context and has token (r · 7) % 50. */
static sae_status write_acts(const char *dir, int64_t shard_rows, sae_dtype dtype, sae_error *err)
{
    float *rows = malloc(sizeof(float[ROWS * D]));
    int32_t *ids = malloc(sizeof(int32_t[3 * ROWS]));
    const sae_acts_meta meta = {.model = "tiny", .d = D, .ctx = CTX, .dtype = dtype};
    sae_acts_writer *writer = NULL;
    for (int64_t r = 0; r < ROWS; r++) {
        for (int64_t j = 0; j < D; j++) rows[r * D + j] = element(r, j);
        ids[r] = (int32_t)(r * 7 % 50);
        ids[ROWS + r] = (int32_t)(r % CTX);
        ids[2 * ROWS + r] = 0;
    }
    sae_status status = sae_acts_writer_open(&writer, dir, &meta, shard_rows, true, err);
    if (status == SAE_OK)
        status = sae_acts_writer_append(writer, ROWS, rows, ids, ids + ROWS, ids + (size_t)2 * ROWS, err);
    if (status == SAE_OK) status = sae_acts_writer_finish(writer, NULL, err);
    free(rows);
    free(ids);
    return status;
}

static void skipped_rows(void **state)
{
    const char *dir = temp_path(state, "acts");
    const int32_t exclude[] = {21, 7, 0, 7};
    float *out = malloc(sizeof(float[ROWS * D]));
    int64_t *ids = malloc(sizeof(int64_t[ROWS]));
    sae_error err;
    sae_acts *acts;
    sae_source *source;
    assert_ok(write_acts(dir, 1000, SAE_DTYPE_F32, &err));
    assert_ok(sae_acts_open(&acts, dir, &err));
    for (int keep = 0; keep < 2; keep++)
        for (size_t n_exclude = 0; n_exclude <= 4; n_exclude += 4) {
            sae_source_config config = sae_source_config_default();
            config.keep_first = keep;
            config.exclude = exclude;
            config.n_exclude = n_exclude;
            config.buffer_bytes = 100000;
            assert_ok(sae_source_open_acts(&source, acts, &config, NULL, &err));
            const sae_source_info *info = sae_source_get_info(source);
            bool usable[ROWS];
            int64_t n = 0;
            for (int64_t r = 0; r < ROWS; r++) {
                int64_t token = r * 7 % 50;
                usable[r] = (keep || r % CTX != 0) && !(n_exclude && (token == 0 || token == 7 || token == 21));
                n += usable[r];
            }
            assert_true(info->rows == ROWS && info->usable == n && info->excluded == ROWS - n);
            assert_true(info->train + info->held_out == n && info->held_out > 0);
            assert_string_equal(info->meta.model, "tiny");
            assert_ok(sae_source_usable(source, 0, n, out, ids, &err));
            for (int64_t r = 0, i = 0; r < ROWS; r++) {
                if (!usable[r]) continue;
                assert_int_equal(ids[i], r);
                for (int64_t j = 0; j < D; j++) assert_true(out[i * D + j] == element(r, j));
                i++;
            }
            int seen[ROWS] = {0};
            assert_ok(sae_source_train(source, 0, info->train, out, &err));
            for (int64_t i = 0; i < info->train; i++) seen[(int64_t)out[i * D]]++;
            assert_ok(sae_source_held_out(source, 0, info->held_out, out, &err));
            for (int64_t i = 0; i < info->held_out; i++) seen[(int64_t)out[i * D]]++;
            for (int64_t r = 0; r < ROWS; r++) assert_int_equal(seen[r], usable[r]);
            sae_source_close(source);
        }
    sae_acts_close(acts);
    free(out);
    free(ids);
}

/* Not the threads, not the shards, not the type on the disk (at equal buffer rows): only seed and size. */
static void same_stream_everywhere(void **state)
{
    static const struct {
        int threads;
        int64_t shard_rows;
        sae_dtype dtype;
    } cases[] = {{1, ROWS, SAE_DTYPE_F32}, {2, ROWS, SAE_DTYPE_F32}, {3, 77, SAE_DTYPE_F32}, {8, 1000, SAE_DTYPE_BF16}};
    const char *dir = temp_path(state, "acts");
    enum { N = 2 * ROWS };
    int64_t *want = malloc(sizeof(int64_t[N]));
    float *out = malloc(sizeof(float[N * D]));
    sae_error err;
    for (int c = 0; c < 4; c++) {
        sae_acts *acts;
        sae_source *source;
        sae_env env = {.threads = cases[c].threads};
        sae_source_config config = sae_source_config_default();
        config.buffer_bytes = 1000 * D * (int64_t)sae_dtype_size(cases[c].dtype);
        assert_ok(write_acts(dir, cases[c].shard_rows, cases[c].dtype, &err));
        assert_ok(sae_acts_open(&acts, dir, &err));
        assert_ok(sae_source_open_acts(&source, acts, &config, &env, &err));
        assert_ok(sae_source_train(source, 0, N, out, &err));
        for (int64_t i = 0; i < N; i++) {
            int64_t row = llround((double)out[i * D]);
            if (c == 0) want[i] = row;
            if (cases[c].dtype == SAE_DTYPE_F32)
                assert_int_equal(row, want[i]);
            else
                assert_true(llabs((long long)(row - want[i])) <= 16); /* bf16 has 8 bits */
        }
        sae_source_close(source);
        sae_acts_close(acts);
    }
    free(want);
    free(out);
}

static void nothing_usable(void **state)
{
    const char *dir = temp_path(state, "acts"), *npy = temp_path(state, "a.npy");
    sae_error err;
    sae_acts *acts;
    sae_source *source = NULL;
    sae_source_config config = sae_source_config_default();
    int32_t exclude[50];
    for (int i = 0; i < 50; i++) exclude[i] = i;
    config.exclude = exclude;
    config.n_exclude = 50;
    assert_ok(write_acts(dir, 1000, SAE_DTYPE_F32, &err));
    assert_ok(sae_acts_open(&acts, dir, &err));
    assert_int_equal(sae_source_open_acts(&source, acts, &config, NULL, &err), SAE_E_ARG);
    assert_contains(err.message, "none of its 6000 rows is usable");
    sae_acts_close(acts);

    /* 128 rows in 64 chunks, half of them held out; only rows of a held-out chunk have other tokens. */
    float rows[2 * 1] = {1, 2};
    const int32_t tokens[2] = {9, 1}, positions[2] = {1, 1};
    const sae_acts_meta meta = {.d = 1, .dtype = SAE_DTYPE_F32};
    sae_acts_writer *writer;
    assert_ok(sae_acts_writer_open(&writer, dir, &meta, 10, true, &err));
    assert_ok(sae_acts_writer_append(writer, 2, rows, tokens, positions, positions, &err));
    assert_ok(sae_acts_writer_finish(writer, NULL, &err));
    assert_ok(sae_acts_open(&acts, dir, &err));
    config.exclude = (const int32_t[]){9};
    config.n_exclude = 1;
    config.held_out = 0.5;
    assert_int_equal(sae_source_open_acts(&source, acts, &config, NULL, &err), SAE_E_ARG);
    assert_contains(err.message, "no rows are left to train on");
    assert_null(source);
    config.held_out = 0;
    assert_ok(sae_source_open_acts(&source, acts, &config, NULL, &err));
    assert_int_equal(sae_source_get_info(source)->train, 1);
    sae_source_close(source);
    sae_acts_close(acts);

    /* Without positions nothing is skipped. */
    const sae_tensor tensor = {.dtype = SAE_DTYPE_F32, .rank = 2, .shape = {2, 1}, .data = rows, .bytes = 8};
    assert_ok(sae_npy_write(npy, &tensor, &err));
    assert_ok(sae_acts_open(&acts, npy, &err));
    assert_ok(sae_source_open_acts(&source, acts, &config, NULL, &err));
    assert_int_equal(sae_source_get_info(source)->usable, 2);
    sae_source_close(source);
    sae_acts_close(acts);
}

/* Of several bad rows in a batch the first is named, whichever thread meets which. */
static void first_bad_row_is_named(void **state)
{
    const char *dir = temp_path(state, "acts");
    char name[600];
    size_t size;
    float *out = malloc(sizeof(float[ROWS * D]));
    sae_error err;
    sae_acts *acts;
    sae_source *source;
    assert_ok(write_acts(dir, ROWS, SAE_DTYPE_F32, &err));
    snprintf(name, sizeof name, "%s/acts-00000.safetensors", dir);
    unsigned char *file = get_file(name, &size);
    for (int64_t r = 1500; r < ROWS; r += 100) memcpy(file + 4096 + (r * D + 3) * 4, &(const float){NAN}, 4);
    put_file(name, file, size);
    free(file);
    assert_ok(sae_acts_open(&acts, dir, &err));
    sae_source_config config = sae_source_config_default();
    config.keep_first = true;
    for (int threads = 1; threads <= 8; threads *= 2) {
        sae_env env = {.threads = threads};
        assert_ok(sae_source_open_acts(&source, acts, &config, &env, &err));
        assert_int_equal(sae_source_usable(source, 0, ROWS, out, NULL, &err), SAE_E_VALUE);
        assert_contains(err.message, "acts-00000.safetensors holds NaN at row 1500 (counted from 0), dimension 3");
        sae_source_close(source);
    }
    sae_acts_close(acts);
    free(out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        temp_test(skipped_rows),
        temp_test(same_stream_everywhere),
        temp_test(nothing_usable),
        temp_test(first_bad_row_is_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
