/* The stream of rows: complete, shuffled, the same from wherever it is taken up. */
#include "io/temp.h"

#include "base/alloc.h"

#include <math.h>
#include <sae/data.h>

enum { D = 3 };

/* Row r is (r, r + 0.5, −r): its number can be read off it. */
static float *numbered_rows(int64_t rows)
{
    float *data = malloc((size_t)rows * D * sizeof *data);
    for (int64_t r = 0; r < rows; r++) {
        data[r * D] = (float)r;
        data[r * D + 1] = (float)r + 0.5f;
        data[r * D + 2] = -(float)r;
    }
    return data;
}

static int64_t row_number(const float *row)
{
    assert_true(row[1] == row[0] + 0.5f && row[2] == -row[0]);
    return (int64_t)row[0];
}

/* Numbers of the training rows position … position + n − 1, read in pieces. */
static int64_t *train_rows(sae_source *source, int64_t position, int64_t n, int64_t piece)
{
    int64_t *numbers = malloc((size_t)n * sizeof *numbers);
    float *out = malloc((size_t)piece * D * sizeof *out);
    sae_error err;
    for (int64_t at = 0; at < n; at += piece) {
        int64_t now = n - at < piece ? n - at : piece;
        assert_ok(sae_source_train(source, position + at, now, out, &err));
        for (int64_t i = 0; i < now; i++) numbers[at + i] = row_number(out + i * D);
    }
    free(out);
    return numbers;
}

/* How often each row comes in held-out (what = 0) or usable (what = 1) rows, which must ascend. */
static void count_listed(sae_source *source, int what, int64_t n, int64_t piece, int *seen)
{
    float *out = malloc((size_t)piece * D * sizeof *out);
    int64_t ids[512], last = -1;
    sae_error err;
    assert_true(piece <= 512);
    for (int64_t at = 0; at < n; at += piece) {
        int64_t now = n - at < piece ? n - at : piece;
        if (what == 0)
            assert_ok(sae_source_held_out(source, at, now, out, &err));
        else
            assert_ok(sae_source_usable(source, at, now, out, ids, &err));
        for (int64_t i = 0; i < now; i++) {
            int64_t row = row_number(out + i * D);
            if (what == 1) assert_int_equal(ids[i], row);
            assert_true(row > last);
            last = row;
            seen[row]++;
        }
    }
    free(out);
}

static sae_source *open_rows(const float *data, int64_t rows, sae_source_config config)
{
    sae_error err;
    sae_source *source;
    assert_ok(sae_source_open_memory(&source, data, rows, D, &config, &err));
    return source;
}

static void every_row_once_an_epoch(void **state)
{
    static const int64_t sizes[] = {2, 3, 63, 64, 65, 1000, 5000, 70000, 131072};
    static const int64_t buffers[] = {1, 20000, (int64_t)512 << 20};
    static const double shares[] = {0, 0.01, 0.13, 0.5};
    (void)state;
    for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++)
        for (int b = 0; b < 3; b++)
            for (int h = 0; h < 4; h++) {
                int64_t rows = sizes[s];
                float *data = numbered_rows(rows);
                sae_source_config config = sae_source_config_default();
                config.seed = 5;
                config.buffer_bytes = buffers[b];
                config.held_out = shares[h];
                sae_source *source = open_rows(data, rows, config);
                const sae_source_info *info = sae_source_get_info(source);
                int *seen = calloc((size_t)rows, sizeof *seen);
                assert_true(info->rows == rows && info->usable == rows && info->excluded == 0 && info->d == D);
                assert_true(info->train + info->held_out == rows && info->train > 0);
                assert_int_equal(info->held_out > 0, shares[h] > 0);
                /* the second epoch: that of a position far into the stream */
                int64_t *numbers = train_rows(source, info->train, info->train, 777);
                for (int64_t i = 0; i < info->train; i++) seen[numbers[i]]++;
                count_listed(source, 0, info->held_out, 100, seen);
                for (int64_t r = 0; r < rows; r++) assert_int_equal(seen[r], 1);
                count_listed(source, 1, rows, 500, seen);
                for (int64_t r = 0; r < rows; r++) assert_int_equal(seen[r], 2);
                free(numbers);
                free(seen);
                sae_source_close(source);
                free(data);
            }
}

static void held_out_rows_are_spread(void **state)
{
    (void)state;
    const int64_t rows = 200000; /* chunks of 1024: 196, of which 10 are held out */
    float *data = numbered_rows(rows), *out = malloc((size_t)rows * D * sizeof *out);
    sae_source_config config = sae_source_config_default();
    config.held_out = 0.05;
    sae_error err;
    sae_source *source = open_rows(data, rows, config);
    const sae_source_info *info = sae_source_get_info(source);
    assert_true(fabs((double)info->held_out / (double)rows - 0.05) < 0.005);
    assert_ok(sae_source_held_out(source, 0, info->held_out, out, &err));
    int64_t last_chunk = -1, chunks = 0;
    for (int64_t i = 0; i < info->held_out; i++) {
        int64_t chunk = row_number(out + i * D) / 1024;
        if (chunk == last_chunk) continue;
        assert_true(chunk - last_chunk >= 19 && chunk - last_chunk <= 20);
        last_chunk = chunk;
        chunks++;
    }
    assert_int_equal(chunks, 10);
    /* Held-out rows do not depend on the seed: what was tested on one is never trained on by another. */
    config.seed = 99;
    sae_source *other = open_rows(data, rows, config);
    float *again = malloc((size_t)rows * D * sizeof *again);
    assert_ok(sae_source_held_out(other, 0, info->held_out, again, &err));
    assert_memory_equal(out, again, (size_t)info->held_out * D * sizeof *out);
    sae_source_close(source);
    sae_source_close(other);
    free(data);
    free(out);
    free(again);
}

/* Of few chunks one is held out: a whole one, never the rest at the end, which here has 1 or 32 rows. */
static void one_chunk_held_out_is_whole(void **state)
{
    (void)state;
    static const int64_t sizes[] = {65, 60000, 65537};
    for (int s = 0; s < 3; s++) {
        float *data = numbered_rows(sizes[s]);
        sae_source *source = open_rows(data, sizes[s], sae_source_config_default());
        int64_t whole = sizes[s] / 64 < 1024 ? sizes[s] / 64 : 1024;
        assert_int_equal(sae_source_get_info(source)->held_out, whole);
        sae_source_close(source);
        free(data);
    }
}

static void taken_up_anywhere(void **state)
{
    (void)state;
    const int64_t rows = 3000;
    float *data = numbered_rows(rows);
    sae_source_config config = sae_source_config_default();
    config.seed = 11;
    config.buffer_bytes = 700 * D * 4;
    sae_source *source = open_rows(data, rows, config), *fresh;
    int64_t train = sae_source_get_info(source)->train, n = 3 * train + 100;
    int64_t *all = train_rows(source, 0, n, 4096);
    static const int64_t pieces[] = {1, 10, 250, 1024};
    for (int p = 0; p < 4; p++) {
        int64_t *again = train_rows(source, 0, n, pieces[p]);
        assert_memory_equal(all, again, (size_t)n * sizeof *all);
        free(again);
    }
    for (int64_t i = 0; i < 200; i++) {
        int64_t position = i * 7919 % (n - 64);
        if (i % 10 == 0) {
            sae_source_close(source);
            source = open_rows(data, rows, config);
        }
        int64_t *some = train_rows(source, position, 64, 33);
        assert_memory_equal(all + position, some, 64 * sizeof *all);
        free(some);
    }
    /* Far away, epochs later: no work that grows with the distance. */
    int64_t far = train * 1000000007;
    int64_t *a = train_rows(source, far - 5, 10, 10);
    fresh = open_rows(data, rows, config);
    int64_t *b = train_rows(fresh, far - 5, 10, 3);
    assert_memory_equal(a, b, 10 * sizeof *a);
    free(a);
    free(b);
    free(all);
    sae_source_close(source);
    sae_source_close(fresh);
    free(data);
}

/* Share of neighbours in the stream that are also neighbours (within 5 rows) in the file. */
static double neighbours(const int64_t *numbers, int64_t n)
{
    int64_t count = 0;
    for (int64_t i = 1; i < n; i++) count += llabs((long long)(numbers[i] - numbers[i - 1])) <= 5;
    return (double)count / (double)n;
}

static int64_t differing(const int64_t *a, const int64_t *b, int64_t n)
{
    int64_t count = 0;
    for (int64_t i = 0; i < n; i++) count += a[i] != b[i];
    return count;
}

static void orders_differ(void **state)
{
    (void)state;
    const int64_t rows = 20000;
    float *data = numbered_rows(rows);
    sae_source_config config = sae_source_config_default(), other = config;
    other.seed = 1;
    sae_source *source = open_rows(data, rows, config), *reseeded = open_rows(data, rows, other);
    int64_t train = sae_source_get_info(source)->train;
    int64_t *first = train_rows(source, 0, train, 1000), *second = train_rows(source, train, train, 1000),
            *third = train_rows(reseeded, 0, train, 1000);
    assert_true(differing(first, second, train) > train * 99 / 100);
    assert_true(differing(first, third, train) > train * 99 / 100);
    assert_true(neighbours(first, train) < 0.003);
    assert_true(neighbours(second, train) < 0.003);
    free(first);
    free(second);
    free(third);
    sae_source_close(source);
    sae_source_close(reseeded);
    /* A buffer of a tenth of the data still mixes rows from many places: chunks are dealt at random. */
    config.buffer_bytes = rows / 10 * D * 4;
    source = open_rows(data, rows, config);
    assert_true(sae_source_get_info(source)->buffer_rows <= rows / 10);
    first = train_rows(source, 0, train, 1000);
    int64_t low = rows, high = 0;
    for (int64_t i = 0; i < 500; i++) {
        if (first[i] < low) low = first[i];
        if (first[i] > high) high = first[i];
    }
    assert_true(high - low > rows / 4);
    assert_true(neighbours(first, train) < 0.02);
    free(first);
    sae_source_close(source);
    free(data);
}

static void file_order_without_shuffling(void **state)
{
    (void)state;
    const int64_t rows = 5000;
    float *data = numbered_rows(rows);
    sae_source_config config = sae_source_config_default();
    config.shuffle = false;
    config.buffer_bytes = 10000;
    sae_source *source = open_rows(data, rows, config);
    int64_t train = sae_source_get_info(source)->train;
    int64_t *numbers = train_rows(source, 0, 2 * train, 640);
    for (int64_t i = 1; i < train; i++) assert_true(numbers[i] > numbers[i - 1]);
    assert_memory_equal(numbers, numbers + train, (size_t)train * sizeof *numbers);
    free(numbers);
    sae_source_close(source);
    free(data);
}

/* The order is part of what a checkpoint relies on: a run resumed by a later version must go on with the same rows. */
static void order_stays_what_it_was(void **state)
{
    (void)state;
    static const int64_t want[8] = {779, 773, 555, 531, 231, 803, 795, 13};
    float *data = numbered_rows(1000);
    sae_source_config config = sae_source_config_default();
    config.seed = 42;
    config.buffer_bytes = 300 * D * 4;
    sae_source *source = open_rows(data, 1000, config);
    int64_t *numbers = train_rows(source, 5 * sae_source_get_info(source)->train, 8, 8);
    assert_memory_equal(numbers, want, sizeof want);
    free(numbers);
    sae_source_close(source);
    free(data);
}

static void wrong_requests(void **state)
{
    (void)state;
    float *data = numbered_rows(100), out[D];
    sae_source_config config = sae_source_config_default();
    sae_error err;
    sae_source *source = NULL;
    config.held_out = 0.6;
    assert_int_equal(sae_source_open_memory(&source, data, 100, D, &config, &err), SAE_E_ARG);
    config.held_out = NAN;
    assert_int_equal(sae_source_open_memory(&source, data, 100, D, &config, &err), SAE_E_ARG);
    config.held_out = 0.1;
    config.buffer_bytes = 0;
    assert_int_equal(sae_source_open_memory(&source, data, 100, D, &config, &err), SAE_E_ARG);
    config.buffer_bytes = 1;
    assert_int_equal(sae_source_open_memory(&source, data, 0, D, &config, &err), SAE_E_SHAPE);
    assert_int_equal(sae_source_open_memory(&source, data, 100, 0, &config, &err), SAE_E_SHAPE);
    assert_null(source);
    source = open_rows(data, 100, config);
    int64_t held = sae_source_get_info(source)->held_out;
    assert_int_equal(sae_source_train(source, -1, 1, out, &err), SAE_E_ARG);
    assert_int_equal(sae_source_train(source, INT64_MAX, 1, out, &err), SAE_E_ARG);
    assert_int_equal(sae_source_held_out(source, held, 1, out, &err), SAE_E_ARG);
    assert_contains(err.message, "held-out rows");
    assert_int_equal(sae_source_usable(source, 0, 101, out, NULL, &err), SAE_E_ARG);
    assert_ok(sae_source_held_out(source, held, 0, out, &err));
    sae_source_close(source);
    sae_source_close(NULL);
    free(data);
}

static void bad_values_are_found(void **state)
{
    (void)state;
    float *data = numbered_rows(100), out[200 * D];
    sae_source_config config = sae_source_config_default();
    sae_error err = {0};
    data[77 * D + 1] = INFINITY;
    config.held_out = 0;
    sae_source *source = open_rows(data, 100, config);
    assert_int_equal(sae_source_train(source, 0, 100, out, &err), SAE_E_VALUE);
    assert_contains(err.message, "an infinite value at row 77");
    assert_int_equal(sae_source_usable(source, 0, 100, out, NULL, &err), SAE_E_VALUE);
    assert_ok(sae_source_usable(source, 78, 22, out, NULL, &err));
    assert_int_equal(sae_source_train(source, 0, 100, out, NULL), SAE_E_VALUE);
    sae_source_close(source);
    free(data);
}

static void out_of_memory(void **state)
{
    (void)state;
    float *data = numbered_rows(3000), *out = malloc(3000 * D * sizeof *out);
    static const int32_t exclude[] = {3, 1, 2};
    sae_source_config config = sae_source_config_default();
    config.exclude = exclude;
    config.n_exclude = 3;
    config.buffer_bytes = 10000;
    sae_error err;
    int failures = 0;
    for (uint64_t n = 1;; n++, failures++) {
        sae_source *source = NULL;
        sae_alloc_fail_after(n);
        sae_status status = sae_source_open_memory(&source, data, 3000, D, &config, &err);
        if (status == SAE_OK) status = sae_source_train(source, 100, 2500, out, &err);
        if (status == SAE_OK) status = sae_source_usable(source, 100, 2500, out, NULL, &err);
        sae_alloc_fail_after(0);
        sae_source_close(source);
        if (status == SAE_OK) break;
        assert_int_equal(status, SAE_E_MEMORY);
    }
    assert_true(failures >= 14);
    free(data);
    free(out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_row_once_an_epoch),
        cmocka_unit_test(held_out_rows_are_spread),
        cmocka_unit_test(one_chunk_held_out_is_whole),
        cmocka_unit_test(taken_up_anywhere),
        cmocka_unit_test(orders_differ),
        cmocka_unit_test(order_stays_what_it_was),
        cmocka_unit_test(file_order_without_shuffling),
        cmocka_unit_test(wrong_requests),
        cmocka_unit_test(bad_values_are_found),
        cmocka_unit_test(out_of_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
