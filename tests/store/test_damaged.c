/* Files that are no database of dashboards, or no longer: one clear error each, and never a wrong number. */
#include "testing.h"

#include "store/db.h"
#include "store/write.h"

#include <sae/store.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#define COUNT(array) (sizeof(array) / sizeof *(array))

typedef struct fixture {
    char dir[64], path[96], other[96];
} fixture;

static void put(sae_store_writer *w, sae_store_table_id table, const sae_cell *cells, size_t count)
{
    sae_error err;
    if (sae_store_put(w, table, cells, count, &err) != SAE_OK) fail_msg("%s", err.message);
}

static void put_meta(sae_store_writer *w)
{
    static const char *const texts[] = {"program", "model", "model_path", "hook_name", "logit_space"};
    static const struct {
        const char *key;
        int64_t value;
    } numbers[] = {{"d", 4},          {"rows", 8}, {"tokens", 8},  {"excluded", 0},    {"contexts", 1},
                   {"documents", 1},  {"ctx", 8},  {"vocab", 300}, {"prepend_bos", 0}, {"center_residual", 0},
                   {"keep_first", 1}, {"seed", 0}};
    for (size_t i = 0; i < COUNT(texts); i++) sae_store_put_meta(w, texts[i], sae_cell_text("x"), NULL);
    for (size_t i = 0; i < COUNT(numbers); i++)
        sae_store_put_meta(w, numbers[i].key, sae_cell_int(numbers[i].value), NULL);
}

/* One SAE with one latent that fires on row 3; act_offset is what the test may bend. */
static void write_database(const char *path, int16_t act_offset, int32_t row)
{
    sae_store_writer *w;
    sae_error err;
    int32_t tokens[8] = {1, 2, 3, 4, 5, 6, 7, 8}, counts[1] = {1};
    int64_t densities[SAE_STORE_DENSITY_BINS] = {0}, populations[1] = {1};
    float value[1] = {2}, quantiles[10] = {2, 2, 2, 2, 2, 2, 2, 2, 2, 2};
    uint16_t none[1] = {0}, one[1] = {1};
    if (sae_store_writer_open(&w, path, true, &err) != SAE_OK) fail_msg("%s", err.message);
    put_meta(w);
    sae_cell null = sae_cell_null(), zero = sae_cell_int(0), two = sae_cell_real(2);
    sae_cell context[] = {zero, zero, sae_cell_blob(tokens, 8, 4)};
    sae_cell document[] = {zero, zero, sae_cell_int(8)};
    sae_cell sae[30];
    for (size_t i = 0; i < 30; i++) sae[i] = zero;
    for (size_t i = 1; i < 7; i++) sae[i] = sae_cell_text("name");
    sae[8] = sae_cell_int(1);
    sae[29] = sae_cell_blob(densities, SAE_STORE_DENSITY_BINS, 8);
    sae_cell latent[18] = {zero, zero, sae_cell_int(1), two,  two, two, null, null, two, two, two, two, two,
                           null, null, sae_cell_int(4), null, null};
    sae_cell detail[19] = {zero, zero, two, sae_cell_blob(quantiles, 10, 4)};
    for (size_t i = 4; i < 19; i++) detail[i] = null;
    sae_cell example[] = {zero,
                          zero,
                          zero,
                          sae_cell_blob(populations, 1, 8),
                          sae_cell_blob(counts, 1, 4),
                          sae_cell_blob(&row, 1, 4),
                          sae_cell_blob(value, 1, 4),
                          sae_cell_blob(none, 1, 2),
                          sae_cell_blob(none, 1, 2),
                          sae_cell_blob(one, 1, 2),
                          sae_cell_blob(&act_offset, 1, 2),
                          sae_cell_blob(value, 1, 4)};
    put(w, SAE_TABLE_CONTEXT, context, COUNT(context));
    put(w, SAE_TABLE_DOCUMENT, document, COUNT(document));
    put(w, SAE_TABLE_SAE, sae, COUNT(sae));
    put(w, SAE_TABLE_LATENT, latent, COUNT(latent));
    put(w, SAE_TABLE_DETAIL, detail, COUNT(detail));
    put(w, SAE_TABLE_EXAMPLE, example, COUNT(example));
    if (sae_store_writer_finish(w, &err) != SAE_OK) fail_msg("%s", err.message);
}

static int make(void **state)
{
    fixture *f = calloc(1, sizeof *f);
    strcpy(f->dir, "store-test-XXXXXX");
    assert_non_null(mkdtemp(f->dir));
    snprintf(f->path, sizeof f->path, "%s/a b?#%%.db", f->dir); /* a name that a URI must escape */
    snprintf(f->other, sizeof f->other, "%s/other", f->dir);
    write_database(f->path, 0, 3);
    *state = f;
    return 0;
}

static int unmake(void **state)
{
    fixture *f = *state;
    char command[96];
    snprintf(command, sizeof command, "rm -rf '%s'", f->dir);
    assert_int_equal(system(command), 0);
    free(f);
    return 0;
}

static void expect(const char *path, sae_status wanted, const char *words)
{
    sae_store *store = NULL;
    sae_error err = {0};
    sae_status status = sae_store_open(&store, path, &err);
    if (status != wanted || !strstr(err.message, words)) fail_msg("%d: %s (wanted \"%s\")", status, err.message, words);
}

static void whole(void **state)
{
    const fixture *f = *state;
    sae_store *store;
    const sae_store_latent *page;
    sae_error err;
    if (sae_store_open(&store, f->path, &err) != SAE_OK) fail_msg("%s", err.message);
    if (sae_store_get_latent(store, 0, 0, 2, &page, &err) != SAE_OK) fail_msg("%s", err.message);
    assert_true(page->n_groups == 1 && page->groups[0].examples[0].passage.count == 5);
    assert_true(page->groups[0].examples[0].passage.n_acts == 1 && page->groups[0].examples[0].passage.offsets[0] == 2);
    sae_store_free(page);
    assert_int_equal(sae_store_get_latent(store, 0, 1, 2, &page, &err), SAE_E_ARG);
    assert_int_equal(sae_store_get_latent(store, 1, 0, 2, &page, &err), SAE_E_ARG);
    assert_int_equal(sae_store_get_latent(store, 0, 0, -1, &page, &err), SAE_E_ARG);
    sae_store_close(store);
}

/* ---- the file ---------------------------------------------------------------------------------------------------- */

static char *read_all(const char *path, size_t *size)
{
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    char *bytes = malloc(1 << 22);
    *size = fread(bytes, 1, 1 << 22, file);
    fclose(file);
    return bytes;
}

static void write_all(const char *path, const char *bytes, size_t size)
{
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, size, file), size);
    assert_int_equal(fclose(file), 0);
}

static void files(void **state)
{
    const fixture *f = *state;
    size_t size;
    char *bytes = read_all(f->path, &size);
    expect("does/not/exist.db", SAE_E_IO, "does/not/exist.db");
    expect(f->dir, SAE_E_IO, f->dir);
    write_all(f->other, "", 0);
    expect(f->other, SAE_E_FORMAT, "no SQLite database");
    write_all(f->other, "SQLite format 3", 16);
    expect(f->other, SAE_E_FORMAT, "no SQLite database");
    write_all(f->other, bytes, size - 1);
    expect(f->other, SAE_E_FORMAT, "cut short");
    write_all(f->other, bytes, 4096);
    expect(f->other, SAE_E_FORMAT, "cut short");
    bytes[63] = SAE_STORE_VERSION + 1;
    write_all(f->other, bytes, size);
    expect(f->other, SAE_E_UNSUPPORTED, "newer");
    bytes[63] = SAE_STORE_VERSION;
    bytes[68] ^= 1;
    write_all(f->other, bytes, size);
    expect(f->other, SAE_E_FORMAT, "another program");
    free(bytes);
}

/* Whatever byte is changed: an error, or an answer; no crash, and nothing read outside (sanitizers watch). */
static void any_byte(void **state)
{
    const fixture *f = *state;
    size_t size;
    char *bytes = read_all(f->path, &size);
    int refused = 0;
    for (size_t at = 100, used = 0; at < size; at++) {
        if (bytes[at] == 0 || used++ % 11 != 0) continue; /* most of a page is empty */
        sae_store *store = NULL;
        const sae_store_latent *page = NULL;
        const sae_store_table *table = NULL;
        char old = bytes[at];
        bytes[at] = (char)(old ^ 0x55);
        write_all(f->other, bytes, size);
        bytes[at] = old;
        if (sae_store_open(&store, f->other, NULL) != SAE_OK) {
            refused++;
            continue;
        }
        sae_store_query q = sae_store_query_default(0);
        if (sae_store_get_sae(store, 0)) {
            if (sae_store_get_latent(store, 0, 0, 8, &page, NULL) != SAE_OK) refused++;
            if (sae_store_latents(store, &q, &table, NULL) != SAE_OK) refused++;
        }
        sae_store_free(page);
        sae_store_free(table);
        sae_store_close(store);
    }
    assert_true(refused > 20);
    free(bytes);
}

/* ---- tables --------------------------------------------------------------------------------------------------------
 */

static void change(const fixture *f, const char *sql)
{
    sae_db db;
    sae_error err;
    write_database(f->other, 0, 3);
    if (sae_db_open(&db, f->other, NULL, SQLITE_OPEN_READWRITE, &err) != SAE_OK) fail_msg("%s", err.message);
    if (sae_db_exec(&db, sql, &err) != SAE_OK) fail_msg("%s", err.message);
    sae_db_close(&db);
}

static void tables(void **state)
{
    const fixture *f = *state;
    static const struct {
        const char *sql, *words;
    } opening[] = {
        {"DROP TABLE example", "missing"},
        {"CREATE TABLE evil(x)", "not those of this version"},
        {"CREATE VIEW v AS SELECT 1", "not those of this version"},
        {"CREATE TRIGGER t AFTER INSERT ON meta BEGIN DELETE FROM meta; END", "not those of this version"},
        {"DELETE FROM meta WHERE key = 'rows'", "does not say its rows"},
        {"UPDATE meta SET value = -5 WHERE key = 'rows'", "sizes are impossible"},
        {"UPDATE meta SET value = 1e300 WHERE key = 'rows'", "sizes are impossible"},
        {"UPDATE meta SET value = 2147483647 WHERE key = 'vocab'", "sizes are impossible"},
        {"UPDATE sae SET n = 0", "impossible"},
        {"UPDATE sae SET n = 2147483647", "impossible"},
        {"UPDATE sae SET name = '<b>'", "impossible"},
        {"UPDATE sae SET density_counts = x'00'", "density_counts"},
        {"INSERT INTO token VALUES(300, x'41', 0)", "outside the vocabulary"},
    };
    static const char *const reading[] = {
        "UPDATE detail SET quantiles = x'00'",
        "UPDATE detail SET hist = x'000102'",
        "UPDATE detail SET log_hist = x'00010203', log_lo = NULL",
        "UPDATE example SET rows = x'ffffffff'",
        "UPDATE example SET rows = x'08000000'",
        "UPDATE example SET counts = x'02000000'",
        "UPDATE example SET counts = x'ffffffff'",
        "UPDATE example SET act_counts = x'0200'",
        "UPDATE example SET act_values = x'0000c07f'",
        "UPDATE example SET kind = 7",
        "DELETE FROM context",
        "UPDATE context SET tokens = x'010203'",
        "DELETE FROM detail",
        "INSERT INTO neighbour VALUES(0, 0, 0, x'01000000', x'00000000', x'00000000', x'00000000', x'00000000', x'00')",
        "INSERT INTO match VALUES(0, 0, 5, 0, x'00000000', x'00000000', x'00000000', x'00000000', x'00000000', x'00')",
    };
    for (size_t i = 0; i < COUNT(opening); i++) {
        change(f, opening[i].sql);
        expect(f->other, SAE_E_FORMAT, opening[i].words);
    }
    for (size_t i = 0; i < COUNT(reading); i++) {
        sae_store *store;
        const sae_store_latent *page;
        sae_error err;
        change(f, reading[i]);
        if (sae_store_open(&store, f->other, &err) != SAE_OK) fail_msg("%s: %s", reading[i], err.message);
        sae_status status = sae_store_get_latent(store, 0, 0, 8, &page, &err);
        if (status != SAE_E_FORMAT || !strstr(err.message, f->other))
            fail_msg("%s: %d %s", reading[i], status, status ? err.message : "");
        sae_store_close(store);
    }
}

/* ---- writing -------------------------------------------------------------------------------------------------------
 */

static void nothing_is_left(void **state)
{
    const fixture *f = *state;
    sae_store_writer *w;
    sae_error err;
    char command[160];
    assert_int_equal(sae_store_writer_open(&w, f->path, false, &err), SAE_E_EXISTS);
    assert_int_equal(sae_store_writer_open(&w, f->dir, true, &err), SAE_E_IO);
    assert_int_equal(sae_store_writer_open(&w, f->other, false, &err), SAE_OK);
    sae_store_writer_abort(w);
    /* a file size limit stands for a full disk */
    struct rlimit old, tight = {1 << 17, 1 << 17};
    signal(SIGXFSZ, SIG_IGN);
    getrlimit(RLIMIT_FSIZE, &old);
    tight.rlim_max = old.rlim_max;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &tight), 0);
    sae_status status = sae_store_writer_open(&w, f->other, false, &err);
    static char block[1 << 20];
    if (status == SAE_OK) {
        for (int i = 0; i < 64 && status == SAE_OK; i++) {
            sae_cell cells[] = {sae_cell_int(i), sae_cell_int(i), sae_cell_blob(block, sizeof block, 1)};
            status = sae_store_put(w, SAE_TABLE_CONTEXT, cells, 3, &err);
        }
        if (status == SAE_OK)
            status = sae_store_writer_finish(w, &err);
        else
            sae_store_writer_abort(w);
    }
    setrlimit(RLIMIT_FSIZE, &old);
    assert_int_equal(status, SAE_E_IO);
    assert_non_null(strstr(err.message, f->other));
    snprintf(command, sizeof command, "[ \"$(ls '%s' | wc -l)\" -eq 1 ]", f->dir); /* only the database of make */
    assert_int_equal(system(command), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(whole, make, unmake),
        cmocka_unit_test_setup_teardown(files, make, unmake),
        cmocka_unit_test_setup_teardown(any_byte, make, unmake),
        cmocka_unit_test_setup_teardown(tables, make, unmake),
        cmocka_unit_test_setup_teardown(nothing_is_left, make, unmake),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
