/* Activation directories: writing in shards, reading across them, and what can be wrong with them. */
#include "io/temp.h"

#include "base/alloc.h"
#include "io/dtype.h"

#include <math.h>
#include <sae/io.h>

enum { D = 5, ROWS = 103, CTX = 8 };

static sae_acts_meta make_meta(sae_dtype dtype)
{
    return (sae_acts_meta){.model = "tiny",
                           .hook_name = "blocks.1.hook_resid_pre",
                           .d = D,
                           .ctx = CTX,
                           .dtype = dtype,
                           .prepend_bos = true};
}

/* Exact in f16 and bf16. */
static float element(int64_t row, int64_t j)
{
    return (float)((row * 7 + j * 3) % 128 - 64) / 16;
}

static sae_status append_rows(sae_acts_writer *writer, int64_t first, int64_t count, sae_error *err)
{
    float rows[ROWS * D];
    int32_t tokens[ROWS], positions[ROWS], docs[ROWS];
    for (int64_t r = 0; r < count; r++) {
        for (int64_t j = 0; j < D; j++) rows[r * D + j] = element(first + r, j);
        tokens[r] = (int32_t)(1000 + first + r);
        positions[r] = (int32_t)((first + r) % CTX);
        docs[r] = (int32_t)((first + r) / 20);
    }
    return sae_acts_writer_append(writer, count, rows, tokens, positions, docs, err);
}

static sae_status write_all(const char *dir, sae_dtype dtype, int64_t shard, int64_t piece, bool force, int64_t *shards,
                            sae_error *err)
{
    sae_acts_meta meta = make_meta(dtype);
    sae_acts_writer *writer;
    sae_status status = sae_acts_writer_open(&writer, dir, &meta, shard, force, err);
    if (status != SAE_OK) return status;
    for (int64_t first = 0; first < ROWS; first += piece) {
        status = append_rows(writer, first, ROWS - first < piece ? ROWS - first : piece, err);
        if (status == SAE_OK) continue;
        sae_acts_writer_abort(writer);
        return status;
    }
    return sae_acts_writer_finish(writer, shards, err);
}

static void check_all(const sae_acts *acts)
{
    float out[ROWS * D];
    int32_t tokens[ROWS], positions[ROWS], docs[ROWS];
    int64_t rows[ROWS];
    sae_error err;
    for (int64_t first = 0; first < ROWS; first += 13) {
        int64_t count = ROWS - first < 40 ? ROWS - first : 40;
        assert_ok(sae_acts_read(acts, first, count, out, &err));
        sae_acts_read_ids(acts, first, count, tokens, positions, docs);
        for (int64_t r = 0; r < count; r++) {
            for (int64_t j = 0; j < D; j++) assert_true(out[r * D + j] == element(first + r, j));
            assert_int_equal(tokens[r], 1000 + first + r);
            assert_int_equal(positions[r], (first + r) % CTX);
            assert_int_equal(docs[r], (first + r) / 20);
        }
        sae_acts_read_ids(acts, first, 1, NULL, NULL, NULL);
        sae_acts_will_need(acts, first, count);
    }
    for (int64_t i = 0; i < ROWS; i++) rows[i] = i * 37 % ROWS;
    assert_ok(sae_acts_gather(acts, rows, ROWS, out, &err));
    for (int64_t i = 0; i < ROWS; i++)
        for (int64_t j = 0; j < D; j++) assert_true(out[i * D + j] == element(rows[i], j));
}

static void round_trip(void **state)
{
    static const sae_dtype dtypes[] = {SAE_DTYPE_F32, SAE_DTYPE_F16, SAE_DTYPE_BF16};
    static const int64_t shard_sizes[] = {10, 52, ROWS, (int64_t)1 << 60}, pieces[] = {1, ROWS};
    const char *dir = temp_path(state, "acts");
    for (int t = 0; t < 3; t++)
        for (int s = 0; s < 4; s++)
            for (int p = 0; p < 2; p++) {
                sae_error err;
                sae_acts *acts;
                int64_t shards = 0, want = (ROWS + shard_sizes[s] - 1) / shard_sizes[s];
                assert_ok(write_all(dir, dtypes[t], shard_sizes[s], pieces[p], true, &shards, &err));
                assert_int_equal(shards, want);
                assert_int_equal(count_entries(dir), want + 1);
                assert_ok(sae_acts_open(&acts, dir, &err));
                const sae_acts_meta *meta = sae_acts_get_meta(acts);
                assert_int_equal(sae_acts_shards(acts), want);
                assert_true(sae_acts_has_positions(acts));
                assert_string_equal(sae_acts_path(acts), dir);
                assert_string_equal(meta->model, "tiny");
                assert_string_equal(meta->hook_name, "blocks.1.hook_resid_pre");
                assert_true(meta->d == D && meta->n_tokens == ROWS && meta->ctx == CTX && meta->dtype == dtypes[t]);
                assert_true(meta->prepend_bos && !meta->center_residual);
                check_all(acts);
                sae_acts_close(acts);
            }
}

static void existing_directories(void **state)
{
    const char *dir = temp_path(state, "acts");
    char name[600];
    sae_error err;
    sae_acts *acts;
    assert_ok(write_all(dir, SAE_DTYPE_F32, 10, 7, false, NULL, &err));
    assert_int_equal(write_all(dir, SAE_DTYPE_F32, 50, 7, false, NULL, &err), SAE_E_EXISTS);
    assert_contains(err.message, "--force");
    assert_ok(sae_acts_open(&acts, dir, &err));
    check_all(acts);
    sae_acts_close(acts);

    /* What else lies in the directory stays; old shards go, also those a killed run left half-written. */
    snprintf(name, sizeof name, "%s/acts-notes.txt", dir);
    put_file(name, "x", 1);
    snprintf(name, sizeof name, "%s/acts-00099.safetensors.tmp-123", dir);
    put_file(name, "x", 1);
    assert_ok(write_all(dir, SAE_DTYPE_F32, 50, 7, true, NULL, &err));
    assert_int_equal(count_entries(dir), 3 + 1 + 1);

    /* A run that is given up takes its shards with it, and the old ones were gone before. */
    sae_acts_meta meta = make_meta(SAE_DTYPE_F16);
    sae_acts_writer *writer;
    assert_ok(sae_acts_writer_open(&writer, dir, &meta, 4, true, &err));
    assert_ok(append_rows(writer, 0, 22, &err));
    assert_true(count_entries(dir) > 1);
    sae_acts_writer_abort(writer);
    assert_int_equal(count_entries(dir), 1);
    assert_int_equal(sae_acts_open(&acts, dir, &err), SAE_E_IO);
    assert_contains(err.message, "not finished");
    sae_acts_writer_abort(NULL);
}

static void writing_what_cannot_be(void **state)
{
    const char *dir = temp_path(state, "acts"), *file = temp_path(state, "file");
    sae_acts_meta meta = make_meta(SAE_DTYPE_F16);
    sae_acts_writer *writer = NULL;
    sae_error err;
    put_file(file, "x", 1);
    assert_int_equal(sae_acts_writer_open(&writer, file, &meta, 10, false, &err), SAE_E_IO);
    assert_int_equal(sae_acts_writer_open(&writer, dir, &meta, 0, false, &err), SAE_E_ARG);
    meta.dtype = SAE_DTYPE_F64;
    assert_int_equal(sae_acts_writer_open(&writer, dir, &meta, 10, false, &err), SAE_E_ARG);
    assert_contains(err.message, "not f64");
    meta.d = 0;
    assert_int_equal(sae_acts_writer_open(&writer, dir, &meta, 10, false, &err), SAE_E_ARG);
    meta = make_meta(SAE_DTYPE_F16);
    assert_ok(sae_acts_writer_open(&writer, dir, &meta, 10, false, &err));
    assert_int_equal(sae_acts_writer_finish(writer, NULL, &err), SAE_E_ARG);
    assert_contains(err.message, "no activations");

    static const struct {
        float value;
        sae_dtype dtype;
        const char *says;
    } bad[] = {{NAN, SAE_DTYPE_F32, "row 13, dimension 2 is NaN"},
               {INFINITY, SAE_DTYPE_BF16, "row 13, dimension 2 is infinite"},
               {70000, SAE_DTYPE_F16, "row 13, dimension 2 is 70000, too large for f16"}};
    for (int i = 0; i < 3; i++) {
        float rows[2 * D] = {0};
        const int32_t ids[2] = {0};
        rows[D + 2] = bad[i].value;
        meta.dtype = bad[i].dtype;
        assert_ok(sae_acts_writer_open(&writer, dir, &meta, 5, false, &err));
        assert_ok(append_rows(writer, 0, 12, &err));
        assert_int_equal(sae_acts_writer_append(writer, 2, rows, ids, ids, ids, &err), SAE_E_VALUE);
        assert_contains(err.message, bad[i].says);
        sae_acts_writer_abort(writer);
    }
    assert_int_equal(count_entries(((temp_dir *)*state)->path), 1); /* the file; the directory is gone */
}

static void single_files(void **state)
{
    const char *npy = temp_path(state, "a.npy"), *st = temp_path(state, "a.safetensors");
    double wide[2 * 3] = {1, 2, 3, 4, 5, 1e40};
    const float rows[2 * 3] = {1, 2, 3, 4, 5, 6};
    const int32_t ids[2] = {0, 1};
    float out[3];
    int32_t tokens, positions, docs;
    sae_error err;
    sae_acts *acts;
    sae_tensor tensors[] = {
        {.name = "x", .dtype = SAE_DTYPE_F64, .rank = 2, .shape = {2, 3}, .data = wide, .bytes = 48},
        {.name = "tokens", .dtype = SAE_DTYPE_I32, .rank = 1, .shape = {2}, .data = ids, .bytes = 8},
        {.name = "positions", .dtype = SAE_DTYPE_I32, .rank = 1, .shape = {2}, .data = ids, .bytes = 8},
        {.name = "docs", .dtype = SAE_DTYPE_I32, .rank = 1, .shape = {2}, .data = ids, .bytes = 8},
        {.name = "acts", .dtype = SAE_DTYPE_F32, .rank = 2, .shape = {2, 3}, .data = rows, .bytes = 24},
    };
    assert_ok(sae_npy_write(npy, &tensors[0], &err));
    assert_ok(sae_acts_open(&acts, npy, &err));
    assert_false(sae_acts_has_positions(acts));
    assert_int_equal(sae_acts_get_meta(acts)->dtype, SAE_DTYPE_F64);
    assert_string_equal(sae_acts_get_meta(acts)->model, "");
    sae_acts_read_ids(acts, 1, 1, &tokens, &positions, &docs);
    assert_true(tokens == -1 && positions == 1 && docs == 0);
    assert_ok(sae_acts_read(acts, 0, 1, out, &err));
    assert_true(out[0] == 1 && out[2] == 3);
    assert_int_equal(sae_acts_read(acts, 1, 1, out, &err), SAE_E_VALUE); /* 1e40 is no float32 */
    assert_contains(err.message, "a.npy holds an infinite value at row 1 (counted from 0), dimension 2");
    assert_int_equal(sae_acts_read(acts, 1, 2, out, &err), SAE_E_ARG);
    assert_int_equal(sae_acts_read(acts, -1, 1, out, &err), SAE_E_ARG);
    assert_int_equal(sae_acts_gather(acts, (const int64_t[]){2}, 1, out, &err), SAE_E_ARG);
    assert_contains(err.message, "has 2 rows; there is no row 2");
    assert_ok(sae_acts_read(acts, 2, 0, out, &err));
    sae_acts_close(acts);

    assert_ok(sae_safetensors_write(st, tensors, 2, NULL, 0, &err));
    assert_ok(sae_acts_open(&acts, st, &err));
    assert_false(sae_acts_has_positions(acts));
    sae_acts_close(acts);
    assert_ok(sae_safetensors_write(st, tensors, 4, NULL, 0, &err));
    assert_ok(sae_acts_open(&acts, st, &err));
    assert_true(sae_acts_has_positions(acts));
    sae_acts_read_ids(acts, 0, 1, NULL, &positions, NULL);
    assert_int_equal(positions, 0);
    sae_acts_close(acts);
    assert_ok(sae_safetensors_write(st, tensors, 5, NULL, 0, &err));
    assert_ok(sae_acts_open(&acts, st, &err)); /* of two matrices "acts" */
    assert_int_equal(sae_acts_get_meta(acts)->dtype, SAE_DTYPE_F32);
    sae_acts_close(acts);
    tensors[4].name = "y";
    assert_ok(sae_safetensors_write(st, tensors, 5, NULL, 0, &err));
    assert_int_equal(sae_acts_open(&acts, st, &err), SAE_E_FORMAT);
    assert_contains(err.message, "2 matrices of floats");
    assert_ok(sae_safetensors_write(st, tensors + 1, 3, NULL, 0, &err));
    assert_int_equal(sae_acts_open(&acts, st, &err), SAE_E_FORMAT);
    tensors[0].rank = 1;
    tensors[0].shape[0] = 6;
    assert_ok(sae_npy_write(npy, &tensors[0], &err));
    assert_int_equal(sae_acts_open(&acts, npy, &err), SAE_E_SHAPE);
    assert_ok(sae_npy_write(npy, &tensors[1], &err));
    assert_int_equal(sae_acts_open(&acts, npy, &err), SAE_E_FORMAT);
    tensors[0].rank = 2;
    tensors[0].shape[0] = tensors[0].shape[1] = 0;
    tensors[0].bytes = 0;
    assert_ok(sae_npy_write(npy, &tensors[0], &err));
    assert_int_equal(sae_acts_open(&acts, npy, &err), SAE_E_SHAPE);
    assert_contains(err.message, "empty");
    assert_int_equal(sae_acts_open(&acts, temp_path(state, "missing.npy"), &err), SAE_E_IO);
}

/* A NaN in the file is named with its shard and its row in that shard. */
static void nan_in_a_shard(void **state)
{
    const char *dir = temp_path(state, "acts");
    char name[600];
    size_t size;
    float out[4 * D];
    sae_error err;
    sae_acts *acts;
    assert_ok(write_all(dir, SAE_DTYPE_BF16, 10, 7, false, NULL, &err));
    snprintf(name, sizeof name, "%s/acts-00003.safetensors", dir);
    unsigned char *file = get_file(name, &size);
    const uint16_t nan = 0x7fc0;
    memcpy(file + 4096 + (6 * D + 4) * 2, &nan, 2);
    put_file(name, file, size);
    free(file);
    assert_ok(sae_acts_open(&acts, dir, &err));
    assert_ok(sae_acts_read(acts, 32, 4, out, &err));
    assert_int_equal(sae_acts_read(acts, 34, 4, out, &err), SAE_E_VALUE);
    assert_contains(err.message, "acts-00003.safetensors holds NaN at row 6 (counted from 0), dimension 4");
    assert_int_equal(sae_acts_gather(acts, (const int64_t[]){99, 36}, 2, out, &err), SAE_E_VALUE);
    assert_contains(err.message, "acts-00003.safetensors holds NaN at row 6");
    sae_acts_close(acts);
}

static void refuse(const char *dir, sae_status status, const char *says)
{
    sae_error err = {0};
    sae_acts *acts = NULL;
    sae_status got = sae_acts_open(&acts, dir, &err);
    if (got != status)
        fail_msg("status %d, \"%s\", for a directory that should fail with \"%s\"", got, err.message, says);
    assert_null(acts);
    assert_contains(err.message, says);
}

static void put_json(const char *dir, const char *text)
{
    char name[600];
    snprintf(name, sizeof name, "%s/acts.json", dir);
    put_file(name, text, strlen(text));
}

static void bad_json(void **state)
{
    static const struct {
        const char *text;
        const char *says;
    } cases[] = {
        {"", "is not JSON"},
        {"{", "is not JSON"},
        {"{\"d\": 5", "is not JSON"},
        {"{\"d\": 5}}", "line 1"},
        {"{\"d\": 5, \"d\": 5}", "duplicate"},
        {"{\"a\":[[[[[[[[[]]]]]]]]]}", "nested more than 8 deep"},
        {"[]", "\"d\""},
        {"{\"n_tokens\": 103, \"dtype\": \"f32\"}", "\"d\""},
        {"{\"d\": 5.0, \"n_tokens\": 103, \"dtype\": \"f32\"}", "\"d\""},
        {"{\"d\": 0, \"n_tokens\": 103, \"dtype\": \"f32\"}", "\"d\""},
        {"{\"d\": 5, \"n_tokens\": -1, \"dtype\": \"f32\"}", "\"n_tokens\""},
        {"{\"d\": 5, \"n_tokens\": 103}", "\"dtype\""},
        {"{\"d\": 5, \"n_tokens\": 103, \"dtype\": \"i32\"}", "\"dtype\""},
        {"{\"d\": 5, \"n_tokens\": 103, \"dtype\": \"f64\"}", "\"dtype\""},
        {"{\"d\": 5, \"n_tokens\": 103, \"dtype\": \"f32\", \"model\": 3}", "\"model\""},
        {"{\"d\": 5, \"n_tokens\": 103, \"dtype\": \"f32\", \"ctx\": \"8\"}", "\"ctx\""},
        {"{\"d\": 5, \"n_tokens\": 103, \"dtype\": \"f32\", \"prepend_bos\": 1}", "\"prepend_bos\""},
    };
    const char *dir = temp_path(state, "acts");
    char text[700];
    sae_error err;
    sae_acts *acts;
    assert_ok(write_all(dir, SAE_DTYPE_F32, 60, 7, false, NULL, &err));
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        put_json(dir, cases[i].text);
        refuse(dir, SAE_E_FORMAT, cases[i].says);
    }
    snprintf(text, sizeof text, "{\"d\": 5, \"n_tokens\": 103, \"dtype\": \"f32\", \"model\": \"%0300d\"}", 7);
    put_json(dir, text);
    refuse(dir, SAE_E_FORMAT, "\"model\"");
    /* What is not known may be null or missing. */
    put_json(dir,
             "{\"d\": 5, \"n_tokens\": 103, \"dtype\": \"f32\", \"model\": null, \"ctx\": null, \"more\": [{}]}\n");
    assert_ok(sae_acts_open(&acts, dir, &err));
    assert_string_equal(sae_acts_get_meta(acts)->model, "");
    assert_int_equal(sae_acts_get_meta(acts)->ctx, 0);
    check_all(acts);
    sae_acts_close(acts);
}

static void bad_shards(void **state)
{
    const char *dir = temp_path(state, "acts");
    char name[600];
    sae_error err;
    float rows[2 * 6] = {0};
    const int32_t ids[3] = {0};
    sae_tensor tensors[] = {
        {.name = "acts", .dtype = SAE_DTYPE_F32, .rank = 2, .shape = {2, D}, .data = rows, .bytes = 40},
        {.name = "tokens", .dtype = SAE_DTYPE_I32, .rank = 1, .shape = {2}, .data = ids, .bytes = 8},
        {.name = "positions", .dtype = SAE_DTYPE_I32, .rank = 1, .shape = {2}, .data = ids, .bytes = 8},
        {.name = "docs", .dtype = SAE_DTYPE_I32, .rank = 1, .shape = {2}, .data = ids, .bytes = 8},
    };
    assert_ok(write_all(dir, SAE_DTYPE_F32, 50, 7, false, NULL, &err));
    snprintf(name, sizeof name, "%s/acts-00002.safetensors", dir);
    put_json(dir, "{\"d\": 5, \"n_tokens\": 104, \"dtype\": \"f32\"}");
    refuse(dir, SAE_E_IO, "acts-00003.safetensors");
    put_json(dir, "{\"d\": 5, \"n_tokens\": 102, \"dtype\": \"f32\"}");
    refuse(dir, SAE_E_FORMAT, "more rows than the 102");
    put_json(dir, "{\"d\": 6, \"n_tokens\": 103, \"dtype\": \"f32\"}");
    refuse(dir, SAE_E_SHAPE, "says d = 6");
    put_json(dir, "{\"d\": 5, \"n_tokens\": 103, \"dtype\": \"f16\"}");
    refuse(dir, SAE_E_FORMAT, "holds f32, but acts.json says f16");
    put_json(dir, "{\"d\": 5, \"n_tokens\": 102, \"dtype\": \"f32\"}");
    for (int i = 0; i < 4; i++) { /* without one of the tensors */
        sae_tensor kept[4];
        for (int j = 0, n = 0; j < 4; j++)
            if (j != i) kept[n++] = tensors[j];
        assert_ok(sae_safetensors_write(name, kept, 3, NULL, 0, &err));
        refuse(dir, SAE_E_FORMAT, tensors[i].name);
    }
    tensors[2].shape[0] = 3;
    tensors[2].bytes = 12;
    assert_ok(sae_safetensors_write(name, tensors, 4, NULL, 0, &err));
    refuse(dir, SAE_E_SHAPE, "\"positions\" has 3 elements for 2 rows");
    tensors[2].dtype = SAE_DTYPE_F32;
    assert_ok(sae_safetensors_write(name, tensors, 4, NULL, 0, &err));
    refuse(dir, SAE_E_FORMAT, "\"positions\" must be a list");
    tensors[0].dtype = SAE_DTYPE_I32;
    assert_ok(sae_safetensors_write(name, tensors, 4, NULL, 0, &err));
    refuse(dir, SAE_E_FORMAT, "\"acts\" holds i32");
    tensors[0].dtype = SAE_DTYPE_F32;
    tensors[0].rank = 1;
    tensors[0].shape[0] = 10;
    assert_ok(sae_safetensors_write(name, tensors, 4, NULL, 0, &err));
    refuse(dir, SAE_E_SHAPE, "has 1 dimensions");
    put_file(name, "\x10", 1);
    refuse(dir, SAE_E_FORMAT, "acts-00002.safetensors");
    unlink(name);
    refuse(dir, SAE_E_IO, "acts-00002.safetensors");
    snprintf(name, sizeof name, "%s/acts.json", dir);
    unlink(name);
    refuse(dir, SAE_E_IO, "no acts.json");
}

static void odd_names(void **state)
{
    const char *dir = temp_path(state, "acts");
    sae_acts_meta meta = make_meta(SAE_DTYPE_F32);
    sae_acts_writer *writer;
    sae_acts *acts;
    sae_error err;
    snprintf(meta.model, sizeof meta.model, "caf\xe9"); /* Latin-1: not UTF-8, so not JSON */
    meta.hook_name[0] = 0;
    meta.ctx = 0;
    assert_ok(sae_acts_writer_open(&writer, dir, &meta, 1000, false, &err));
    assert_ok(append_rows(writer, 0, ROWS, &err));
    assert_ok(sae_acts_writer_finish(writer, NULL, &err));
    assert_ok(sae_acts_open(&acts, dir, &err));
    assert_string_equal(sae_acts_get_meta(acts)->model, "caf?");
    assert_string_equal(sae_acts_get_meta(acts)->hook_name, "");
    assert_int_equal(sae_acts_get_meta(acts)->ctx, 0);
    sae_acts_close(acts);
}

static void out_of_memory(void **state)
{
    const char *dir = temp_path(state, "acts");
    sae_error err;
    sae_acts *acts;
    int failures = 0;
    for (uint64_t n = 1;; n++, failures++) {
        sae_alloc_fail_after(n);
        sae_status status = write_all(dir, SAE_DTYPE_F16, 60, ROWS, false, NULL, &err);
        sae_alloc_fail_after(0);
        if (status == SAE_OK) break;
        assert_int_equal(status, SAE_E_MEMORY);
        assert_int_equal(count_entries(((temp_dir *)*state)->path), 0);
    }
    assert_true(failures > 20);
    for (uint64_t n = 1;; n++, failures++) {
        acts = NULL;
        sae_alloc_fail_after(n);
        sae_status status = sae_acts_open(&acts, dir, &err);
        sae_alloc_fail_after(0);
        if (status == SAE_OK) break;
        assert_int_equal(status, SAE_E_MEMORY);
        assert_null(acts);
    }
    assert_true(failures > 35);
    check_all(acts);
    sae_acts_close(acts);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        temp_test(round_trip),     temp_test(existing_directories),
        temp_test(single_files),   temp_test(writing_what_cannot_be),
        temp_test(nan_in_a_shard), temp_test(bad_json),
        temp_test(bad_shards),     temp_test(odd_names),
        temp_test(out_of_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
