/* A disk that fills up while a file is written: one clear error, nothing half-written. The limit on the size of files
 * stands in for the full disk: with SIGXFSZ ignored, write fails (EFBIG) as it does when there is no space. */
#include "io/temp.h"

#include <sae/io.h>
#include <signal.h>
#include <sys/resource.h>

static void limit_files(rlim_t bytes)
{
    struct rlimit limit;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
    limit.rlim_cur = bytes < limit.rlim_max ? bytes : limit.rlim_max;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

enum { D = 16, ROWS = 1000 };

static sae_status write_acts(const char *dir, int64_t shard, sae_error *err)
{
    static float rows[ROWS * D];
    static int32_t ids[ROWS];
    const sae_acts_meta meta = {.d = D, .dtype = SAE_DTYPE_F32};
    sae_acts_writer *writer;
    sae_status status = sae_acts_writer_open(&writer, dir, &meta, shard, false, err);
    if (status != SAE_OK) return status;
    for (int i = 0; i < 4; i++) {
        status = sae_acts_writer_append(writer, ROWS / 4, rows, ids, ids, ids, err);
        if (status == SAE_OK) continue;
        sae_acts_writer_abort(writer);
        return status;
    }
    return sae_acts_writer_finish(writer, NULL, err);
}

static sae_status write_codes(const char *path, sae_error *err)
{
    static int64_t offsets[ROWS + 1];
    static int32_t ids[ROWS];
    static float values[ROWS];
    const sae_acts_meta meta = {.d = D, .dtype = SAE_DTYPE_F32};
    sae_codes codes = {.rows = ROWS, .row_offsets = offsets, .latents = ids, .values = values};
    for (int r = 0; r < ROWS; r++) {
        offsets[r + 1] = r + 1;
        values[r] = 1;
    }
    sae_codes_writer *writer;
    sae_status status = sae_codes_writer_open(&writer, path, 10, &meta, false, err);
    if (status != SAE_OK) return status;
    status = sae_codes_writer_append(writer, &codes, ids, ids, ids, err);
    if (status == SAE_OK) return sae_codes_writer_finish(writer, err);
    sae_codes_writer_abort(writer);
    return status;
}

static sae_status write_safetensors(const char *path, sae_error *err)
{
    static float data[ROWS];
    const sae_tensor tensor = {
        .name = "x", .dtype = SAE_DTYPE_F32, .rank = 1, .shape = {ROWS}, .data = data, .bytes = sizeof data};
    return sae_safetensors_write(path, &tensor, 1, NULL, 0, err);
}

static sae_status write_npy(const char *path, sae_error *err)
{
    static float data[ROWS];
    const sae_tensor tensor = {.dtype = SAE_DTYPE_F32, .rank = 1, .shape = {ROWS}, .data = data, .bytes = sizeof data};
    return sae_npy_write(path, &tensor, err);
}

static sae_status write_acts_one_shard(const char *path, sae_error *err)
{
    return write_acts(path, ROWS, err);
}

static sae_status write_acts_many_shards(const char *path, sae_error *err)
{
    return write_acts(path, 100, err);
}

/* Every limit, from nothing to just too little, gives SAE_E_IO and leaves an empty directory. */
static void fill(void **state, sae_status (*write)(const char *path, sae_error *err), rlim_t enough, rlim_t step)
{
    const char *path = temp_path(state, "out"), *parent = ((temp_dir *)*state)->path;
    sae_error err;
    int failures = 0;
    for (rlim_t bytes = 0;; bytes += step) {
        err.message[0] = 0;
        limit_files(bytes);
        sae_status status = write(path, &err);
        limit_files(RLIM_INFINITY);
        if (status == SAE_OK) break;
        assert_true(bytes < enough);
        assert_int_equal(status, SAE_E_IO);
        assert_contains(err.message, "cannot write");
        assert_contains(err.message, path);
        assert_int_equal(count_entries(parent), 0);
        failures++;
    }
    assert_true(failures >= 3);
    assert_int_equal(count_entries(parent), 1);
}

static void safetensors(void **state)
{
    fill(state, write_safetensors, 1 << 20, 100);
}

static void npy(void **state)
{
    fill(state, write_npy, 1 << 20, 100);
}

static void codes(void **state)
{
    fill(state, write_codes, 1 << 20, 500);
}

static void one_shard(void **state)
{
    fill(state, write_acts_one_shard, 1 << 20, 1000);
}

static void many_shards(void **state)
{
    fill(state, write_acts_many_shards, 1 << 20, 500);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        temp_test(safetensors), temp_test(npy), temp_test(codes), temp_test(one_shard), temp_test(many_shards),
    };
    signal(SIGXFSZ, SIG_IGN);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
