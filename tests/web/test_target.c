/* The parser of request targets: what it takes apart, what it refuses, and the readers of parameters. */
#include "testing.h"

#include "web/server/target.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void takes_apart(void **state)
{
    (void)state;
    web_target t;
    sae_error err = {0};
    assert_int_equal(web_target_parse(&t, "/", &err), SAE_OK);
    assert_int_equal(t.n_segments, 0);
    web_target_clear(&t);
    assert_int_equal(web_target_parse(&t, "/s/a%2Fb%20c/f/12/?q=x+y%2B%C3%A9&empty=&bare&&n=-3", &err), SAE_OK);
    assert_int_equal(t.n_segments, 4);
    assert_string_equal(t.segments[0], "s");
    assert_string_equal(t.segments[1], "a/b c");
    assert_string_equal(t.segments[3], "12");
    assert_int_equal(t.n_params, 4);
    assert_string_equal(web_target_text(&t, "q"), "x y+\xC3\xA9");
    assert_string_equal(web_target_text(&t, "empty"), "");
    assert_string_equal(web_target_text(&t, "bare"), "");
    assert_null(web_target_text(&t, "other"));
    web_target_clear(&t);
    /* a plus is a space in the query alone, and "=" and "?" may stand in values */
    assert_int_equal(web_target_parse(&t, "/a+b?x=1=2?3", &err), SAE_OK);
    assert_string_equal(t.segments[0], "a+b");
    assert_string_equal(web_target_text(&t, "x"), "1=2?3");
    web_target_clear(&t);
    assert_int_equal(web_target_parse(&t, "/t?text=a%0Ab%09c", &err), SAE_OK);
    assert_string_equal(web_target_text(&t, "text"), "a\nb\tc");
    web_target_clear(&t);
}

static void refuses(void **state)
{
    (void)state;
    static const struct {
        const char *raw, *why;
    } cases[] = {
        {"", "slash"},
        {"a", "slash"},
        {"http://x/", "slash"},
        {"//", "empty part"},
        {"/a//b", "empty part"},
        {"/%", "hexadecimal"},
        {"/%4", "hexadecimal"},
        {"/%4g", "hexadecimal"},
        {"/a?x=%g1", "hexadecimal"},
        {"/%00", "control"},
        {"/a?x=%00", "control"},
        {"/%1b", "control"},
        {"/%7F", "control"},
        {"/%ff", "UTF-8"},
        {"/%C3", "UTF-8"},
        {"/%ED%A0%80", "UTF-8"},
        {"/%C0%AF", "UTF-8"},
        {"/\xC3\xA9", "%XX"},
        {"/a b", "%XX"},
        {"/a?=1", "without a name"},
        {"/a?x=1&x=2", "given twice"},
        {"/a?x&%78", "given twice"},
        {"/1/2/3/4/5/6/7/8/9/10/11/12/13", "too many parts"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        web_target t;
        sae_error err = {0};
        assert_int_equal(web_target_parse(&t, cases[i].raw, &err), SAE_E_ARG);
        if (!strstr(err.message, cases[i].why))
            fail_msg("%s: \"%s\" says nothing of \"%s\"", cases[i].raw, err.message, cases[i].why);
        web_target_clear(&t);
    }
}

static void is_bounded(void **state)
{
    (void)state;
    char *raw = malloc(2 * WEB_TARGET_BYTES);
    web_target t;
    sae_error err = {0};
    memset(raw, 'a', WEB_TARGET_BYTES);
    raw[0] = '/';
    raw[WEB_TARGET_BYTES] = 0;
    assert_int_equal(web_target_parse(&t, raw, &err), SAE_OK);
    assert_int_equal(strlen(t.segments[0]), WEB_TARGET_BYTES - 1);
    web_target_clear(&t);
    strcpy(raw + WEB_TARGET_BYTES, "a");
    assert_int_equal(web_target_parse(&t, raw, &err), SAE_E_ARG);
    web_target_clear(&t);
    size_t used = (size_t)sprintf(raw, "/?");
    for (int i = 0; i < WEB_TARGET_PARAMS; i++) used += (size_t)sprintf(raw + used, "p%d&", i);
    assert_int_equal(web_target_parse(&t, raw, &err), SAE_OK);
    assert_int_equal(t.n_params, WEB_TARGET_PARAMS);
    assert_string_equal(t.params[WEB_TARGET_PARAMS - 1].value, "");
    web_target_clear(&t);
    strcpy(raw + used, "more=1");
    assert_int_equal(web_target_parse(&t, raw, &err), SAE_E_ARG);
    assert_non_null(strstr(err.message, "too many parameters"));
    web_target_clear(&t);
    free(raw);
}

static void reads_numbers(void **state)
{
    (void)state;
    static const char *const words[] = {"asc", "desc", NULL};
    web_target t;
    sae_error err = {0};
    int64_t whole = 7;
    double real = 0.5;
    int choice = 1;
    assert_int_equal(
        web_target_parse(&t, "/12?i=-4&r=2.5e-1&c=asc&bad=1x&hex=0x10&nan=nan&inf=inf&space=+1&dot=.", &err), SAE_OK);
    assert_int_equal(web_target_int(&t, "none", 0, 9, &whole, &err), SAE_OK);
    assert_int_equal(whole, 7);
    assert_int_equal(web_target_int(&t, "i", -9, 9, &whole, &err), SAE_OK);
    assert_int_equal(whole, -4);
    assert_int_equal(web_target_int(&t, "i", 0, 9, &whole, &err), SAE_E_ARG);
    assert_non_null(strstr(err.message, "\"i\" is \"-4\"; it must be a whole number from 0 to 9"));
    static const char *const not_whole[] = {"r", "bad", "hex", "nan", "space"};
    for (size_t i = 0; i < 5; i++) assert_int_equal(web_target_int(&t, not_whole[i], -9, 99, &whole, &err), SAE_E_ARG);
    assert_int_equal(whole, -4);
    assert_int_equal(web_target_real(&t, "r", 0, 1, &real, &err), SAE_OK);
    assert_true(fabs(real - 0.25) < 1e-15);
    assert_int_equal(web_target_real(&t, "r", 0.3, 1, &real, &err), SAE_E_ARG);
    static const char *const not_real[] = {"bad", "hex", "nan", "inf", "space", "dot"};
    for (size_t i = 0; i < 6; i++) assert_int_equal(web_target_real(&t, not_real[i], -9, 99, &real, &err), SAE_E_ARG);
    assert_int_equal(web_target_choice(&t, "c", words, &choice, &err), SAE_OK);
    assert_int_equal(choice, 0);
    assert_int_equal(web_target_choice(&t, "i", words, &choice, &err), SAE_E_ARG);
    assert_non_null(strstr(err.message, "one of: asc desc"));
    assert_int_equal(web_segment_int(t.segments[0], "latent", 12, &whole, &err), SAE_OK);
    assert_int_equal(whole, 12);
    assert_int_equal(web_segment_int(t.segments[0], "latent", 11, &whole, &err), SAE_E_ARG);
    assert_int_equal(web_segment_int("99999999999999999999", "latent", 12, &whole, &err), SAE_E_ARG);
    web_target_clear(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(takes_apart),
        cmocka_unit_test(refuses),
        cmocka_unit_test(is_bounded),
        cmocka_unit_test(reads_numbers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
