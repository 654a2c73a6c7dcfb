/* Option tables: what is read, what is refused and with which words, and values written back. */
#include "testing.h"

#include <sae/options.h>

#include <string.h>

typedef struct config {
    bool flag, on_off;
    int64_t number, zero_is_all;
    double real, clip;
    const char *text, *list;
    int choice;
    const char *const *files;
} config;

#define AT(field) offsetof(config, field)
static const sae_option table[] = {
    {"flag", SAE_OPT_BOOL, AT(flag), NULL, NULL, 0, -1, NULL, NULL, "a flag"},
    {"on-off", SAE_OPT_ON_OFF, AT(on_off), NULL, NULL, 0, -1, NULL, NULL, "a switch"},
    {"number", SAE_OPT_INT, AT(number), "N", NULL, -5, 5000000, NULL, NULL, "a number"},
    {"tokens", SAE_OPT_INT, AT(zero_is_all), "N", NULL, 1, 1e15, NULL, "all", "tokens"},
    {"real", SAE_OPT_FLOAT, AT(real), "F", NULL, 0, -1, NULL, NULL, "unbounded"},
    {"clip", SAE_OPT_FLOAT, AT(clip), "F", NULL, 0, 10, NULL, "off", "bounded"},
    {"text", SAE_OPT_STRING, AT(text), "STR", NULL, 0, -1, NULL, NULL, "text"},
    {"list", SAE_OPT_LIST, AT(list), "A,B", NULL, 0, -1, NULL, NULL, "list"},
    {"choice", SAE_OPT_CHOICE, AT(choice), NULL, NULL, 0, -1, "red|green|blue", NULL, "a colour"},
    {"files", SAE_OPT_FILES, AT(files), "FILE", NULL, 0, -1, NULL, NULL, "files"},
};

static const sae_option *option(const char *name)
{
    const sae_option *found = sae_option_find(table, sizeof table / sizeof *table, name);
    assert_non_null(found);
    return found;
}

static void set(config *c, const char *name, const char *text)
{
    sae_error err = {0};
    if (sae_option_set(option(name), c, text, &err) != SAE_OK) fail_msg("%s", err.message);
}

/* Refused as a wrong argument, in a sentence that has `words`, with the field as it was. */
static void refused(const char *name, const char *text, const char *words)
{
    config c = {.number = 7, .real = 7, .clip = 7, .choice = 1, .zero_is_all = 7}, before = c;
    sae_error err = {0};
    assert_int_equal(sae_option_set(option(name), &c, text, &err), SAE_E_ARG);
    assert_int_equal(err.status, SAE_E_ARG);
    if (!strstr(err.message, words)) fail_msg("\"%s\" does not say \"%s\"", err.message, words);
    assert_memory_equal(&c, &before, sizeof c);
}

static void test_numbers(void **state)
{
    (void)state;
    config c = {0};
    set(&c, "number", "-5");
    assert_int_equal(c.number, -5);
    set(&c, "number", "12k");
    assert_int_equal(c.number, 12000);
    set(&c, "number", "3M");
    assert_int_equal(c.number, 3000000);
    set(&c, "tokens", "2G");
    assert_int_equal(c.zero_is_all, 2000000000);
    set(&c, "tokens", "all");
    assert_int_equal(c.zero_is_all, 0);
    refused("number", "", "whole number");
    refused("number", "1.5", "not \"1.5\"");
    refused("number", "5 ", "not \"5 \"");
    refused("number", "1kk", "not \"1kk\"");
    refused("number", "99999999999999999999", "whole number");
    refused("number", "9223372036854775807G", "whole number");
    refused("number", "6M", "--number is 6000000; it must be from -5 to 5000000");
    refused("tokens", "0", "it must be from 1");
    refused("number", "all", "whole number");
}

static void test_reals(void **state)
{
    (void)state;
    config c = {0};
    set(&c, "real", "-1e-3");
    assert_true(c.real == -1e-3);
    set(&c, "clip", "2.5");
    set(&c, "clip", "off");
    assert_true(c.clip == 0);
    refused("real", "nan", "not \"nan\"");
    refused("real", "inf", "not \"inf\"");
    refused("real", "1e999", "not \"1e999\"");
    refused("real", "1x", "takes a number");
    refused("clip", "11", "it must be from 0 to 10");
}

static void test_words(void **state)
{
    (void)state;
    config c = {0};
    set(&c, "flag", "");
    assert_true(c.flag);
    set(&c, "on-off", "on");
    assert_true(c.on_off);
    set(&c, "on-off", "off");
    assert_false(c.on_off);
    set(&c, "choice", "blue");
    assert_int_equal(c.choice, 2);
    set(&c, "text", "some text");
    assert_string_equal(c.text, "some text");
    refused("on-off", "yes", "one of: off on");
    refused("choice", "gree", "it must be one of: red green blue");
    refused("choice", "red|green", "must be one of");
    refused("choice", "", "must be one of");
    refused("text", "", "--text is empty");
    refused("files", "a", "list of files");
    assert_null(sae_option_find(table, sizeof table / sizeof *table, "fla"));
}

static void written(const char *name, const config *c, const char *wanted)
{
    char text[64];
    sae_option_get(option(name), c, text, sizeof text);
    assert_string_equal(text, wanted);
}

static void test_written_back(void **state)
{
    (void)state;
    const char *files[] = {"a.txt", "b.txt", NULL};
    config c = {.number = -3, .real = 0.1, .clip = 0, .choice = 1, .list = "1,2", .files = files};
    written("flag", &c, "off");
    written("number", &c, "-3");
    written("tokens", &c, "all");
    written("real", &c, "0.1");
    written("clip", &c, "off");
    written("text", &c, "");
    written("list", &c, "1,2");
    written("choice", &c, "green");
    written("files", &c, "a.txt b.txt");
    c.real = 1.0 / 3;
    written("real", &c, "0.3333333333333333");
    char small[4];
    sae_option_get(option("files"), &c, small, sizeof small);
    assert_string_equal(small, "a.t");
    sae_option_get(option("choice"), &c, small, sizeof small);
    assert_string_equal(small, "gre");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_numbers),
        cmocka_unit_test(test_reals),
        cmocka_unit_test(test_words),
        cmocka_unit_test(test_written_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
