/* A comparison as CSV and as a drawing. */
#include "analysis/comparing.h"

static char *read_file(const char *path)
{
    size_t size;
    char *text = (char *)get_file(path, &size);
    text[size] = 0;
    return text;
}

static int count_lines(const char *text)
{
    int lines = 0;
    for (; *text; text++) lines += *text == '\n';
    return lines;
}

static void histogram_csv(void **state)
{
    sae_error err;
    sae_comparison *c = golden_compare(0, 1, golden_compare_config());
    assert_ok(sae_comparison_write_histogram(c, temp_path(state, "hist.csv"), &err));
    char *text = read_file(temp_path(state, "hist.csv")), *line = text;
    assert_int_equal(count_lines(text), 1 + SAE_COS_BINS);
    assert_true(strncmp(line, "lower,upper,large_in_small,small_in_large,random,random_cov\n", 60) == 0);
    long long total[4] = {0};
    for (int b = 0; b < SAE_COS_BINS; b++) {
        double lower, upper;
        long long counts[4];
        line = strchr(line, '\n') + 1;
        assert_int_equal(
            sscanf(line, "%lf,%lf,%lld,%lld,%lld,%lld", &lower, &upper, &counts[0], &counts[1], &counts[2], &counts[3]),
            6);
        assert_true(fabs(lower - (-1 + 0.02 * b)) < 1e-9 && fabs(upper - (-0.98 + 0.02 * b)) < 1e-9);
        assert_int_equal(counts[0], c->hist_large_in_small[b]);
        for (int i = 0; i < 4; i++) total[i] += counts[i];
    }
    assert_int_equal(total[0], c->n_large);
    assert_int_equal(total[1], c->n_small);
    assert_int_equal(total[2], c->n_large);
    assert_int_equal(total[3], c->n_large);
    free(text);
    sae_comparison_free(c);
}

static void latents_csv(void **state)
{
    sae_error err;
    sae_comparison *c = golden_compare(0, 1, golden_compare_config());
    assert_ok(sae_comparison_write_latents(c, temp_path(state, "latents.csv"), &err));
    char *text = read_file(temp_path(state, "latents.csv")), *line = text;
    assert_int_equal(count_lines(text), 1 + c->n_large);
    for (int64_t i = 0; i < c->n_large; i++) {
        line = strchr(line, '\n') + 1;
        long long latent, nearest, novel, n_active;
        double max_cos;
        int fields = 1;
        for (const char *p = line; *p != '\n'; p++) fields += *p == ',';
        assert_int_equal(fields, 13);
        assert_int_equal(sscanf(line, "%lld,%lf,%lld,%lld,%lld", &latent, &max_cos, &nearest, &novel, &n_active), 5);
        assert_int_equal(latent, i);
        assert_close(max_cos, c->large_in_small[i], 1e-8);
        assert_int_equal(nearest, c->argmax[i]);
        assert_int_equal(novel, c->large_in_small[i] < 0.7);
        assert_int_equal(n_active, c->n_active[i]);
        char last[32]; /* an unknown difference is an empty field at the end of the line */
        const char *end = strchr(line, '\n'), *comma = end;
        while (*comma != ',') comma--;
        snprintf(last, sizeof last, "%.*s", (int)(end - comma - 1), comma + 1);
        if (isnan(c->small[i].difference))
            assert_string_equal(last, "");
        else
            assert_close(strtod(last, NULL), c->small[i].difference, 1e-7);
    }
    free(text);
    sae_comparison_free(c);
}

static void unwritable(void **state)
{
    sae_error err;
    sae_comparison *c = golden_compare(0, 1, golden_compare_config());
    assert_int_equal(sae_comparison_write_histogram(c, temp_path(state, "no/such/folder.csv"), &err), SAE_E_IO);
    assert_contains(err.message, "folder.csv");
    assert_int_equal(sae_comparison_write_latents(c, temp_path(state, "no/such/folder.csv"), &err), SAE_E_IO);
    sae_comparison_free(c);
}

/* Columns of a UTF-8 text: bytes that do not continue a character. */
static int columns_of(const char *from, const char *to)
{
    int columns = 0;
    for (; from < to; from++) columns += ((unsigned char)*from & 0xc0) != 0x80;
    return columns;
}

static void drawing(void **state)
{
    (void)state;
    sae_error err;
    sae_comparison *c = golden_compare(0, 1, golden_compare_config());
    for (int columns = 0; columns <= 200; columns += 50) {
        char *text = NULL;
        assert_ok(sae_comparison_draw(c, columns, &text, &err));
        int limit = columns < 60 ? 60 : columns, lines = count_lines(text);
        assert_true(text[strlen(text) - 1] == '\n');
        for (const char *line = text; *line; line = strchr(line, '\n') + 1)
            assert_true(columns_of(line, strchr(line, '\n')) <= limit);
        /* from the lowest cosine, here the row of zeros, up to 1; a heading and the counts below the threshold */
        assert_int_equal(lines, 25 + 2);
        assert_contains(text, " 0.96 …  1.00 █");
        assert_contains(text, "\n 0.36 …  0.40 █");
        assert_contains(text, "\n 0.88 …  0.92\n");
        assert_contains(text, "\n 0.00 …  0.04 █");
        assert_contains(text, "34 of 56 (60.7 %)");
        assert_contains(text, "11 of 32 (34.4 %)");
        free(text);
    }
    sae_comparison_free(c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        temp_test(histogram_csv),
        temp_test(latents_csv),
        temp_test(unwritable),
        cmocka_unit_test(drawing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
