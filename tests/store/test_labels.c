/* Labels and lists: what is written is read again, by another handle too; what is refused. */
#include "testing.h"

#include <sae/labels.h>

#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define A "0123456789abcdef"
#define B "fedcba9876543210"

typedef struct fixture {
    char path[64];
    sae_labels *labels;
} fixture;

static int set_up(void **state)
{
    fixture *f = calloc(1, sizeof *f);
    sae_error err;
    strcpy(f->path, "/tmp/sae-labels-XXXXXX");
    int file = mkstemp(f->path); /* an empty file becomes a database */
    if (file < 0) return -1;
    close(file);
    *state = f;
    return sae_labels_open(&f->labels, f->path, &err) == SAE_OK ? 0 : -1;
}

static int tear_down(void **state)
{
    fixture *f = *state;
    sae_labels_close(f->labels);
    unlink(f->path);
    free(f);
    return 0;
}

static void set(sae_labels *labels, const char *sae, int64_t latent, const char *text)
{
    assert_int_equal(sae_labels_set(labels, sae, latent, text, "", NULL), SAE_OK);
}

static size_t count(sae_labels *labels, const char *sae, const char *containing)
{
    const sae_label_table *table;
    assert_int_equal(sae_labels_get(labels, sae, containing, &table, NULL), SAE_OK);
    size_t n = table->count;
    sae_labels_free(table);
    return n;
}

static void labels(void **state)
{
    fixture *f = *state;
    const sae_label_table *table;
    sae_labels *other;
    set(f->labels, A, 7, "seven");
    set(f->labels, A, 3, "'); DROP TABLE label; --");
    set(f->labels, B, 3, "of the other");
    set(f->labels, A, 7, "Seven, \xC3\xA9");
    assert_int_equal(sae_labels_set(f->labels, A, 9, "imported", "delphi", NULL), SAE_OK);
    assert_int_equal(sae_labels_open(&other, f->path, NULL), SAE_OK);
    assert_int_equal(sae_labels_get(other, A, NULL, &table, NULL), SAE_OK);
    assert_int_equal(table->count, 3);
    assert_int_equal(table->labels[0].latent, 3);
    assert_string_equal(table->labels[0].text, "'); DROP TABLE label; --");
    assert_string_equal(table->labels[1].text, "Seven, \xC3\xA9");
    assert_string_equal(table->labels[1].source, "");
    assert_string_equal(table->labels[2].source, "delphi");
    sae_labels_free(table);
    sae_labels_close(other);
    assert_int_equal(count(f->labels, A, "SEVEN"), 1);
    assert_int_equal(count(f->labels, A, "%"), 0); /* no pattern: the text itself */
    assert_int_equal(count(f->labels, "none", NULL), 0);
    set(f->labels, A, 7, "");
    set(f->labels, A, 1000, ""); /* nothing to remove */
    assert_int_equal(count(f->labels, A, NULL), 2);
    assert_int_equal(count(f->labels, B, NULL), 1);
}

static void labels_have_an_end(void **state)
{
    fixture *f = *state;
    sae_error err;
    char *text = calloc(1, SAE_LABEL_BYTES + 2);
    memset(text, 'a', SAE_LABEL_BYTES);
    assert_int_equal(sae_labels_set(f->labels, A, 0, text, "", &err), SAE_OK);
    text[SAE_LABEL_BYTES] = 'a';
    assert_int_equal(sae_labels_set(f->labels, A, 0, text, "", &err), SAE_E_ARG);
    assert_non_null(strstr(err.message, "8001 bytes; it may have 8000"));
    free(text);
}

/* Many in one go: all of them or, where one is refused, none. */
static void set_in_one_go(void **state)
{
    fixture *f = *state;
    sae_error err;
    char *longer = calloc(1, SAE_LABEL_BYTES + 2);
    memset(longer, 'a', SAE_LABEL_BYTES + 1);
    const char *texts[] = {"zero", NULL, "two", longer};
    set(f->labels, A, 0, "before");
    set(f->labels, A, 1, "kept");
    assert_int_equal(sae_labels_set_all(f->labels, A, texts, 4, "", &err), SAE_E_ARG);
    assert_int_equal(count(f->labels, A, "before"), 1);
    assert_int_equal(count(f->labels, A, NULL), 2);
    assert_int_equal(sae_labels_set_all(f->labels, A, texts, 3, "", &err), SAE_OK);
    assert_int_equal(count(f->labels, A, "before"), 0);
    assert_int_equal(count(f->labels, A, "kept"), 1);
    assert_int_equal(count(f->labels, A, NULL), 3);
    free(longer);
}

static void lists(void **state)
{
    fixture *f = *state;
    const sae_list_table *table;
    sae_error err;
    int64_t verbs, nouns;
    assert_int_equal(sae_labels_add_list(f->labels, "verbs", &verbs, NULL), SAE_OK);
    assert_int_equal(sae_labels_add_list(f->labels, "nouns", &nouns, NULL), SAE_OK);
    assert_int_equal(sae_labels_add_list(f->labels, "verbs", &nouns, &err), SAE_E_EXISTS);
    assert_int_equal(sae_labels_add_list(f->labels, "", &nouns, &err), SAE_E_ARG);
    set(f->labels, A, 5, "a label");
    assert_int_equal(sae_labels_put(f->labels, nouns, A, "first", 9, NULL), SAE_OK);
    assert_int_equal(sae_labels_put(f->labels, nouns, A, "first", 5, NULL), SAE_OK);
    assert_int_equal(sae_labels_put(f->labels, nouns, A, "renamed", 9, NULL), SAE_OK); /* is there already */
    assert_int_equal(sae_labels_put(f->labels, nouns, B, "second", 5, NULL), SAE_OK);
    assert_int_equal(sae_labels_put(f->labels, 99, A, "first", 5, &err), SAE_E_ARG);
    assert_int_equal(sae_labels_take(f->labels, 99, A, 5, &err), SAE_E_ARG);
    assert_int_equal(sae_labels_lists(f->labels, &table, NULL), SAE_OK);
    assert_int_equal(table->count, 2);
    assert_string_equal(table->lists[0].name, "nouns");
    assert_int_equal(table->lists[0].count, 3);
    assert_int_equal(table->lists[0].items[0].latent, 9); /* in the order in which they came */
    assert_string_equal(table->lists[0].items[0].sae_name, "first");
    assert_null(table->lists[0].items[0].label);
    assert_string_equal(table->lists[0].items[1].label, "a label");
    assert_null(table->lists[0].items[2].label); /* that label is of another SAE */
    assert_int_equal(table->lists[1].count, 0);
    sae_labels_free(table);
    assert_int_equal(sae_labels_take(f->labels, nouns, A, 9, NULL), SAE_OK);
    assert_int_equal(sae_labels_take(f->labels, nouns, A, 9, NULL), SAE_OK);
    assert_int_equal(sae_labels_remove_list(f->labels, verbs, NULL), SAE_OK);
    assert_int_equal(sae_labels_remove_list(f->labels, verbs, NULL), SAE_OK);
    assert_int_equal(sae_labels_lists(f->labels, &table, NULL), SAE_OK);
    assert_int_equal(table->count, 1);
    assert_int_equal(table->lists[0].count, 2);
    sae_labels_free(table);
    /* what was on a list goes with it, and its number is not given again */
    int64_t again;
    assert_int_equal(sae_labels_remove_list(f->labels, nouns, NULL), SAE_OK);
    assert_int_equal(sae_labels_add_list(f->labels, "again", &again, NULL), SAE_OK);
    assert_true(again > nouns && again > verbs);
    assert_int_equal(sae_labels_lists(f->labels, &table, NULL), SAE_OK);
    assert_int_equal(table->lists[0].count, 0);
    sae_labels_free(table);
}

static void change(const char *path, const char *sql)
{
    sqlite3 *db;
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(db);
}

static void foreign_files(void **state)
{
    fixture *f = *state;
    sae_error err;
    sae_labels *labels = NULL;
    change(f->path, "PRAGMA user_version = 2");
    assert_int_equal(sae_labels_open(&labels, f->path, &err), SAE_E_UNSUPPORTED);
    assert_non_null(strstr(err.message, "has version 2"));
    change(f->path, "PRAGMA user_version = 1; PRAGMA application_id = 5");
    assert_int_equal(sae_labels_open(&labels, f->path, &err), SAE_E_FORMAT);
    assert_non_null(strstr(err.message, "something else than labels"));
    change(f->path, "PRAGMA application_id = 0"); /* another program's, with tables */
    assert_int_equal(sae_labels_open(&labels, f->path, &err), SAE_E_FORMAT);
    FILE *file = fopen(f->path, "wb");
    fputs("this is no database, and long enough that nobody could take it for the beginning of one ...........", file);
    fclose(file);
    assert_int_equal(sae_labels_open(&labels, f->path, &err), SAE_E_FORMAT);
    assert_int_equal(sae_labels_open(&labels, "/tmp/no/such/folder/labels.db", &err), SAE_E_IO);
    assert_int_equal(sae_labels_open(&labels, "/tmp", &err), SAE_E_IO);
    assert_null(labels);
}

/* A trigger in the file is not run. */
static void triggers(void **state)
{
    fixture *f = *state;
    change(f->path, "CREATE TRIGGER t AFTER INSERT ON label BEGIN DELETE FROM list; END");
    int64_t id;
    const sae_list_table *table;
    sae_labels_close(f->labels);
    assert_int_equal(sae_labels_open(&f->labels, f->path, NULL), SAE_OK);
    assert_int_equal(sae_labels_add_list(f->labels, "stays", &id, NULL), SAE_OK);
    set(f->labels, A, 1, "x");
    assert_int_equal(sae_labels_lists(f->labels, &table, NULL), SAE_OK);
    assert_int_equal(table->count, 1);
    sae_labels_free(table);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(labels, set_up, tear_down),
        cmocka_unit_test_setup_teardown(labels_have_an_end, set_up, tear_down),
        cmocka_unit_test_setup_teardown(set_in_one_go, set_up, tear_down),
        cmocka_unit_test_setup_teardown(lists, set_up, tear_down),
        cmocka_unit_test_setup_teardown(foreign_files, set_up, tear_down),
        cmocka_unit_test_setup_teardown(triggers, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
