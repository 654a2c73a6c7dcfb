/* Option tables: what is taken, what is refused and in which words, and that a value printed is read back. */
#include "testing.h"

#include <sae/options.h>

#include <string.h>

typedef struct config {
    bool flag, on_off;
    int64_t count;
    double share;
    const char *text;
    int choice;
} config;

static const sae_option table[] = {
    {"flag", SAE_OPT_BOOL, offsetof(config, flag), NULL, NULL, 0, -1, NULL, NULL, "a flag"},
    {"on-off", SAE_OPT_ON_OFF, offsetof(config, on_off), NULL, NULL, 0, -1, NULL, NULL, "a switch"},
    {"count", SAE_OPT_INT, offsetof(config, count), "N", NULL, 1, 5000000, NULL, "off", "a number"},
    {"share", SAE_OPT_FLOAT, offsetof(config, share), "F", NULL, 0, 1, NULL, "off", "a share"},
    {"text", SAE_OPT_STRING, offsetof(config, text), "T", NULL, 0, -1, NULL, NULL, "a text"},
    {"choice", SAE_OPT_CHOICE, offsetof(config, choice), "C", NULL, 0, -1, "red|green|blue", NULL, "a choice"},
};
enum { OPTIONS = sizeof table / sizeof *table };

static const sae_option *named(const char *name)
{
    const sae_option *option = sae_option_find(table, OPTIONS, name);
    assert_non_null(option);
    return option;
}

static void taken(void **state)
{
    (void)state;
    config c = {0};
    const char *const given[][2] = {{"flag", ""},       {"on-off", "on"}, {"count", "2k"},
                                    {"share", "0.125"}, {"text", "abc"},  {"choice", "green"}};
    for (int i = 0; i < OPTIONS; i++)
        assert_int_equal(sae_option_set(named(given[i][0]), &c, given[i][1], NULL), SAE_OK);
    assert_true(c.flag && c.on_off);
    assert_int_equal(c.count, 2000);
    assert_true(c.share == 0.125);
    assert_string_equal(c.text, "abc");
    assert_int_equal(c.choice, 1);
    const char *const printed[] = {"on", "on", "2000", "0.125", "abc", "green"};
    for (int i = 0; i < OPTIONS; i++) {
        char text[64];
        sae_option_get(&table[i], &c, text, sizeof text);
        assert_string_equal(text, printed[i]);
    }
    assert_int_equal(sae_option_set(named("on-off"), &c, "off", NULL), SAE_OK);
    assert_int_equal(sae_option_set(named("count"), &c, "off", NULL), SAE_OK);
    assert_int_equal(sae_option_set(named("share"), &c, "off", NULL), SAE_OK);
    assert_true(!c.on_off && c.count == 0 && c.share == 0);
    assert_int_equal(sae_option_set(named("count"), &c, "5M", NULL), SAE_OK);
    assert_int_equal(c.count, 5000000);
}

static void refused(void **state)
{
    (void)state;
    const char *const bad[][3] = {
        {"on-off", "yes", "off on"},
        {"count", "0", "from 1 to 5000000"},
        {"count", "5000001", "from 1"},
        {"count", "1.5", "whole number"},
        {"count", "", "whole number"},
        {"count", "9223372036854775807k", "whole"},
        {"count", "12x", "whole number"},
        {"share", "1.01", "from 0 to 1"},
        {"share", "nan", "a number"},
        {"share", "inf", "a number"},
        {"share", "0.1.2", "a number"},
        {"text", "", "empty"},
        {"choice", "gree", "red green blue"},
        {"choice", "", "red green blue"},
        {"choice", "red|green", "red green blue"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        config before = {.count = 7, .share = 0.5, .choice = 2, .text = "old"}, c = before;
        sae_error err;
        assert_int_equal(sae_option_set(named(bad[i][0]), &c, bad[i][1], &err), SAE_E_ARG);
        if (!strstr(err.message, bad[i][2]) || !strstr(err.message, bad[i][0]))
            fail_msg("--%s \"%s\": %s", bad[i][0], bad[i][1], err.message);
        assert_memory_equal(&c, &before, sizeof c);
    }
    assert_null(sae_option_find(table, OPTIONS, "cou"));
}

static void cut_to_size(void **state)
{
    (void)state;
    config c = {.choice = 2, .text = "a long text"};
    char text[4];
    sae_option_get(named("choice"), &c, text, sizeof text);
    assert_string_equal(text, "blu");
    sae_option_get(named("text"), &c, text, sizeof text);
    assert_string_equal(text, "a l");
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(taken), cmocka_unit_test(refused),
                                       cmocka_unit_test(cut_to_size)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
