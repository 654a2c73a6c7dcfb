/* Codes in memory and code files. */
#include "io/temp.h"

#include "base/alloc.h"

#include <math.h>
#include <sae/io.h>

enum { N = 1000, ROWS = 77 };

static const sae_acts_meta meta = {
    .model = "tiny",
    .hook_name = "blocks.1.hook_resid_pre",
    .d = 12,
    .ctx = 16,
    .dtype = SAE_DTYPE_BF16,
    .prepend_bos = true,
};

/* Row r has r % 5 entries. */
static sae_codes *make_codes(int64_t first, int64_t rows)
{
    sae_error err;
    sae_codes *codes = sae_codes_new();
    assert_non_null(codes);
    assert_ok(sae_codes_reserve(codes, rows, 5 * rows, &err));
    int64_t n = 0;
    for (int64_t r = 0; r < rows; r++) {
        for (int64_t i = 0; i < (first + r) % 5; i++, n++) {
            codes->latents[n] = (int32_t)(7 * i + (first + r));
            codes->values[n] = 0.25f * (float)(i + 1) + (float)(first + r);
        }
        codes->row_offsets[r + 1] = n;
    }
    codes->rows = rows;
    return codes;
}

static sae_status write_all(const char *path, int64_t piece, bool force, sae_error *err)
{
    int32_t tokens[ROWS], positions[ROWS], docs[ROWS];
    sae_codes_writer *writer = NULL;
    sae_status status = sae_codes_writer_open(&writer, path, N, &meta, force, err);
    for (int64_t first = 0; status == SAE_OK && first < ROWS; first += piece) {
        int64_t rows = ROWS - first < piece ? ROWS - first : piece;
        sae_alloc_fail_after(0);
        sae_codes *codes = make_codes(first, rows);
        for (int64_t r = 0; r < rows; r++) {
            tokens[r] = (int32_t)(100 + first + r);
            positions[r] = (int32_t)((first + r) % 16);
            docs[r] = (int32_t)((first + r) / 16);
        }
        status = sae_codes_writer_append(writer, codes, tokens, positions, docs, err);
        sae_codes_free(codes);
    }
    if (status == SAE_OK) return sae_codes_writer_finish(writer, err);
    sae_codes_writer_abort(writer);
    return status;
}

static void round_trip(void **state)
{
    const char *path = temp_path(state, "codes.safetensors"), *again = temp_path(state, "again.safetensors");
    sae_error err;
    sae_codes_file *file;
    int32_t tokens[ROWS], positions[ROWS], docs[ROWS];
    assert_ok(write_all(path, 10, false, &err));
    assert_ok(sae_codes_file_open(&file, path, &err));
    assert_int_equal(sae_codes_file_rows(file), ROWS);
    assert_int_equal(sae_codes_file_latents(file), N);
    const sae_acts_meta *back = sae_codes_file_meta(file);
    assert_string_equal(back->model, meta.model);
    assert_string_equal(back->hook_name, meta.hook_name);
    assert_int_equal(back->d, 12);
    assert_int_equal(back->ctx, 16);
    assert_int_equal(back->n_tokens, ROWS);
    assert_int_equal(back->dtype, SAE_DTYPE_BF16);
    assert_true(back->prepend_bos);
    assert_false(back->center_residual);
    sae_codes *out = sae_codes_new();
    for (int64_t first = 0; first < ROWS; first += 9) {
        int64_t rows = ROWS - first < 20 ? ROWS - first : 20;
        sae_codes *want = make_codes(first, rows);
        assert_ok(sae_codes_file_read(file, first, rows, out, tokens, positions, docs, &err));
        assert_int_equal(out->rows, rows);
        assert_memory_equal(out->row_offsets, want->row_offsets, ((size_t)rows + 1) * 8);
        assert_memory_equal(out->latents, want->latents, (size_t)want->row_offsets[rows] * 4);
        assert_memory_equal(out->values, want->values, (size_t)want->row_offsets[rows] * 4);
        for (int64_t r = 0; r < rows; r++) {
            assert_int_equal(tokens[r], 100 + first + r);
            assert_int_equal(positions[r], (first + r) % 16);
            assert_int_equal(docs[r], (first + r) / 16);
        }
        sae_codes_free(want);
    }
    assert_ok(sae_codes_file_read(file, 3, 0, out, NULL, NULL, NULL, &err));
    assert_int_equal(out->rows, 0);
    assert_int_equal(sae_codes_file_read(file, 70, 8, out, NULL, NULL, NULL, &err), SAE_E_ARG);
    assert_int_equal(sae_codes_file_read(file, -1, 1, out, NULL, NULL, NULL, &err), SAE_E_ARG);
    sae_codes_free(out);
    sae_codes_file_close(file);

    /* The pieces in which it was written leave no trace. */
    size_t size, size_again;
    assert_ok(write_all(again, 33, false, &err));
    unsigned char *a = get_file(path, &size), *b = get_file(again, &size_again);
    assert_int_equal(size, size_again);
    assert_memory_equal(a, b, size);
    free(a);
    free(b);
}

static void existing_files(void **state)
{
    const char *path = temp_path(state, "codes.safetensors");
    sae_error err;
    put_file(path, "old", 3);
    assert_int_equal(write_all(path, 10, false, &err), SAE_E_EXISTS);
    assert_contains(err.message, "--force");
    size_t size;
    free(get_file(path, &size));
    assert_int_equal(size, 3);
    assert_ok(write_all(path, 10, true, &err));
    sae_codes_writer *writer;
    assert_ok(sae_codes_writer_open(&writer, path, N, &meta, true, &err));
    sae_codes_writer_abort(writer); /* the file that was there stays */
    sae_codes_writer_abort(NULL);
    sae_codes_file *file;
    assert_ok(sae_codes_file_open(&file, path, &err));
    sae_codes_file_close(file);
    assert_int_equal(count_entries(((temp_dir *)*state)->path), 1);
}

/* A code file of 3 rows with 4 entries, of which a case changes something. */
typedef struct parts {
    int64_t offsets[4];
    int32_t latents[4];
    float values[4];
    const char *meta[6]; /* pairs; NULL ends them */
    int n_offsets, n_latents, n_values, n_tokens;
    const char *skip; /* name of a tensor to leave out */
    bool ids;
} parts;

static const parts good = {.offsets = {0, 2, 2, 4},
                           .latents = {1, 5, 0, 9},
                           .values = {1, 2, 3, 4},
                           .meta = {"n_latents", "10", "d", "3"},
                           .n_offsets = 4,
                           .n_latents = 4,
                           .n_values = 4,
                           .n_tokens = 3,
                           .ids = true};

static void put_parts(const char *path, const parts *p)
{
    static const int32_t ids[8] = {0};
    sae_tensor tensors[6] = {
        {.name = "row_offsets", .dtype = SAE_DTYPE_I64, .rank = 1, .shape = {p->n_offsets}, .data = p->offsets},
        {.name = "latents", .dtype = SAE_DTYPE_I32, .rank = 1, .shape = {p->n_latents}, .data = p->latents},
        {.name = "values", .dtype = SAE_DTYPE_F32, .rank = 1, .shape = {p->n_values}, .data = p->values},
        {.name = "tokens", .dtype = SAE_DTYPE_I32, .rank = 1, .shape = {p->n_tokens}, .data = ids},
        {.name = "positions", .dtype = SAE_DTYPE_I32, .rank = 1, .shape = {3}, .data = ids},
        {.name = "docs", .dtype = SAE_DTYPE_I32, .rank = 1, .shape = {3}, .data = ids},
    };
    size_t count = 0, n_meta = 0;
    sae_error err;
    for (int i = 0; i < (p->ids ? 6 : 3); i++) {
        if (p->skip && strcmp(p->skip, tensors[i].name) == 0) continue;
        tensors[count] = tensors[i];
        tensors[count].bytes = (size_t)tensors[i].shape[0] * sae_dtype_size(tensors[i].dtype);
        count++;
    }
    while (n_meta < 3 && p->meta[2 * n_meta]) n_meta++;
    assert_ok(sae_safetensors_write(path, tensors, count, p->meta, n_meta, &err));
}

static void refuse(void **state, const parts *p, sae_status status, const char *says)
{
    const char *path = temp_path(state, "codes.safetensors");
    sae_error err = {0};
    sae_codes_file *file = NULL;
    put_parts(path, p);
    sae_status got = sae_codes_file_open(&file, path, &err);
    if (got != status) fail_msg("status %d, \"%s\", for a file that should fail with \"%s\"", got, err.message, says);
    assert_null(file);
    assert_contains(err.message, path);
    assert_contains(err.message, says);
}

#define REFUSE(status, says, ...)                                                                                      \
    do {                                                                                                               \
        parts p = good;                                                                                                \
        __VA_ARGS__;                                                                                                   \
        refuse(state, &p, status, says);                                                                               \
    } while (0)

static void lies(void **state)
{
    const char *path = temp_path(state, "codes.safetensors");
    sae_error err;
    sae_codes_file *file;
    parts without = good;
    put_parts(path, &good);
    assert_ok(sae_codes_file_open(&file, path, &err));
    sae_codes_file_close(file);
    without.ids = false;
    put_parts(path, &without);
    assert_ok(sae_codes_file_open(&file, path, &err));
    int32_t tokens[2], positions[2], docs[2];
    sae_codes *codes = sae_codes_new();
    assert_ok(sae_codes_file_read(file, 1, 2, codes, tokens, positions, docs, &err));
    assert_true(tokens[1] == -1 && positions[1] == 1 && docs[1] == 0);
    assert_true(codes->row_offsets[0] == 0 && codes->row_offsets[1] == 0 && codes->row_offsets[2] == 2);
    assert_true(codes->latents[1] == 9 && codes->values[0] == 3);
    sae_codes_free(codes);
    sae_codes_file_close(file);

    REFUSE(SAE_E_FORMAT, "no tensor \"row_offsets\"", p.skip = "row_offsets");
    REFUSE(SAE_E_FORMAT, "no tensor \"latents\"", p.skip = "latents");
    REFUSE(SAE_E_FORMAT, "no tensor \"values\"", p.skip = "values");
    REFUSE(SAE_E_FORMAT, "no tensor \"docs\"", p.skip = "docs");
    REFUSE(SAE_E_SHAPE, "\"row_offsets\" is empty", p.n_offsets = 0);
    REFUSE(SAE_E_SHAPE, "\"values\" has 3 elements, not 4", p.n_values = 3);
    REFUSE(SAE_E_SHAPE, "\"tokens\" has 4 elements, not 3", p.n_tokens = 4);
    REFUSE(SAE_E_FORMAT, "n_latents", p.meta[0] = NULL);
    REFUSE(SAE_E_FORMAT, "n_latents", p.meta[1] = "0");
    REFUSE(SAE_E_FORMAT, "n_latents", p.meta[1] = "ten");
    REFUSE(SAE_E_FORMAT, "n_latents", p.meta[1] = "10x");
    REFUSE(SAE_E_FORMAT, "n_latents", p.meta[1] = "3000000000");
    REFUSE(SAE_E_FORMAT, "n_latents", p.meta[1] = "99999999999999999999");
    REFUSE(SAE_E_FORMAT, "needs d", p.meta[3] = "-1");
    REFUSE(SAE_E_FORMAT, "needs ctx", p.meta[4] = "ctx", p.meta[5] = "1.5");
    REFUSE(SAE_E_FORMAT, "begins with 1", p.offsets[0] = 1);
    REFUSE(SAE_E_FORMAT, "from 2 to 1 at row 2", p.offsets[2] = 1);
    REFUSE(SAE_E_FORMAT, "from 2 to 5", p.offsets[2] = 5);
    REFUSE(SAE_E_FORMAT, "from 2 to -9223372036854775808", p.offsets[2] = INT64_MIN);
    REFUSE(SAE_E_FORMAT, "ends at 3", p.offsets[3] = 3);
    REFUSE(SAE_E_FORMAT, "ends at 0", p.n_offsets = 1, p.ids = false);
    REFUSE(SAE_E_FORMAT, "row 2 has latent 10", p.latents[3] = 10);
    REFUSE(SAE_E_FORMAT, "row 0 has latent -1", p.latents[0] = -1);
    REFUSE(SAE_E_FORMAT, "row 0 has latent 1 after 1", p.latents[1] = 1);
    REFUSE(SAE_E_FORMAT, "row 0 has latent 1 after 5", p.latents[0] = 5, p.latents[1] = 1);
    REFUSE(SAE_E_VALUE, "value 0;", p.values[1] = 0);
    REFUSE(SAE_E_VALUE, "value -1;", p.values[1] = -1);
    REFUSE(SAE_E_VALUE, "value inf;", p.values[1] = INFINITY);
    REFUSE(SAE_E_VALUE, "nan;", p.values[1] = NAN);

    /* Tensors of another type, and a file that is something else. */
    const float x[2] = {1, 2};
    const sae_tensor wrong = {
        .name = "row_offsets", .dtype = SAE_DTYPE_F32, .rank = 1, .shape = {2}, .data = x, .bytes = 8};
    assert_ok(sae_safetensors_write(path, &wrong, 1, NULL, 0, &err));
    assert_int_equal(sae_codes_file_open(&file, path, &err), SAE_E_FORMAT);
    assert_contains(err.message, "list of i64");
    assert_int_equal(sae_codes_file_open(&file, temp_path(state, "missing"), &err), SAE_E_IO);
}

static void growing(void **state)
{
    (void)state;
    sae_error err;
    sae_codes *codes = sae_codes_new();
    assert_int_equal(codes->rows, 0);
    assert_int_equal(codes->row_offsets[0], 0);
    for (int64_t n = 1; n <= 1000; n++) {
        assert_ok(sae_codes_reserve(codes, n, 2 * n, &err));
        assert_true(codes->row_capacity >= n && codes->capacity >= 2 * n);
        codes->row_offsets[n] = 2 * n;
        codes->latents[2 * n - 1] = (int32_t)n;
        codes->values[2 * n - 1] = (float)n;
    }
    for (int64_t n = 1; n <= 1000; n++) {
        assert_int_equal(codes->row_offsets[n], 2 * n);
        assert_int_equal(codes->latents[2 * n - 1], n);
        assert_true(codes->values[2 * n - 1] == (float)n);
    }
    assert_int_equal(sae_codes_reserve(codes, INT64_MAX - 1, 0, &err), SAE_E_MEMORY);
    assert_int_equal(sae_codes_reserve(codes, 0, INT64_MAX - 1, &err), SAE_E_MEMORY);
    assert_int_equal(codes->latents[1999], 1000);
    sae_codes_free(codes);
    sae_codes_free(NULL);
}

static void out_of_memory(void **state)
{
    const char *path = temp_path(state, "codes.safetensors");
    sae_error err;
    int failures = 0;
    for (uint64_t n = 1;; n++, failures++) {
        sae_alloc_fail_after(n);
        sae_codes_writer *writer = NULL;
        sae_status status = sae_codes_writer_open(&writer, path, N, &meta, false, &err);
        if (status == SAE_OK) status = sae_codes_writer_finish(writer, &err);
        sae_alloc_fail_after(0);
        if (status == SAE_OK) break;
        assert_int_equal(status, SAE_E_MEMORY);
        assert_int_equal(count_entries(((temp_dir *)*state)->path), 0);
    }
    assert_true(failures > 20);
    assert_ok(write_all(path, ROWS, true, &err));
    for (uint64_t n = 1;; n++, failures++) {
        sae_alloc_fail_after(n);
        sae_codes_file *file = NULL;
        sae_codes *codes = NULL;
        sae_status status = sae_codes_file_open(&file, path, &err);
        if (status == SAE_OK) {
            codes = sae_codes_new();
            status = codes ? sae_codes_file_read(file, 0, ROWS, codes, NULL, NULL, NULL, &err) : SAE_E_MEMORY;
        }
        sae_alloc_fail_after(0);
        sae_codes_free(codes);
        sae_codes_file_close(file);
        if (status == SAE_OK) break;
        assert_int_equal(status, SAE_E_MEMORY);
    }
    assert_true(failures > 30);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        temp_test(round_trip), temp_test(existing_files), temp_test(lies), temp_test(growing), temp_test(out_of_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
