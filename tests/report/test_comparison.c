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

/* Field `number` (from 0) of the line: a number, NaN where it is empty. */
static double field_of(const char *line, int number)
{
    for (; number > 0; line++) number -= *line == ',';
    return *line == ',' || *line == '\n' ? NAN : strtod(line, NULL);
}

static void same_number(double field, double value)
{
    assert_int_equal(isnan(field), isnan(value));
    if (!isnan(value)) assert_close(field, value, 1e-7);
}

static int count_fields(const char *line)
{
    int fields = 1;
    for (; *line != '\n'; line++) fields += *line == ',';
    return fields;
}

static void pairs_csv(void **state)
{
    sae_error err;
    sae_comparison *c = golden_compare(0, 1, golden_compare_config());
    assert_ok(sae_comparison_write_pairs(c, temp_path(state, "pairs.csv"), &err));
    char *text = read_file(temp_path(state, "pairs.csv")), *line = text;
    assert_int_equal(count_lines(text), 1 + c->n_large);
    for (int64_t i = 0; i < c->n_large; i++) {
        line = strchr(line, '\n') + 1;
        const double values[18] = {(double)i,
                                   (double)c->argmax[i],
                                   c->large_in_small[i],
                                   c->large_in_small[i] < 0.7,
                                   (double)c->n_active[i],
                                   (double)c->n_active_small[c->argmax[i]],
                                   c->act_cos[i],
                                   c->pearson[i],
                                   c->partner[i] < 0 ? NAN : (double)c->partner[i],
                                   c->partner_cos[i],
                                   c->partner_act_cos[i],
                                   c->partner_pearson[i],
                                   c->large[i].inactive,
                                   c->large[i].active,
                                   c->large[i].difference,
                                   c->small[i].inactive,
                                   c->small[i].active,
                                   c->small[i].difference};
        assert_int_equal(count_fields(line), 18);
        for (int f = 0; f < 18; f++) same_number(field_of(line, f), values[f]);
    }
    free(text);
    sae_comparison_free(c);
}

static void errors_csv(void **state)
{
    sae_error err;
    sae_compare_config config = golden_compare_config();
    config.latent = 4;
    sae_comparison *c = golden_compare(0, 1, config);
    const sae_novel_mean *m = &c->novel_mean;
    const double bars[7][3] = {{m->large.inactive, m->large_inactive.low, m->large_inactive.high},
                               {m->large.active, m->large_active.low, m->large_active.high},
                               {m->large.difference, m->large_difference.low, m->large_difference.high},
                               {m->small.inactive, m->small_inactive.low, m->small_inactive.high},
                               {m->small.active, m->small_active.low, m->small_active.high},
                               {m->small.difference, m->small_difference.low, m->small_difference.high},
                               {m->excess, m->excess_interval.low, m->excess_interval.high}};
    assert_ok(sae_comparison_write_novel(c, temp_path(state, "novel.csv"), &err));
    char *text = read_file(temp_path(state, "novel.csv")), *line = text;
    assert_int_equal(count_lines(text), 8);
    for (int b = 0; b < 7; b++) {
        line = strchr(line, '\n') + 1;
        assert_int_equal(count_fields(line), 8);
        for (int v = 0; v < 3; v++) {
            same_number(field_of(line, 2 + v), bars[b][v]);
            same_number(field_of(line, 5 + v), bars[b][v] / (double)c->d);
        }
    }
    free(text);
    assert_ok(sae_comparison_write_latent(c, temp_path(state, "latent.csv"), &err));
    text = read_file(temp_path(state, "latent.csv"));
    line = text;
    assert_int_equal(count_lines(text), 3);
    const sae_split *splits[2] = {&c->large[4], &c->small[4]};
    for (int side = 0; side < 2; side++) {
        line = strchr(line, '\n') + 1;
        assert_true(strncmp(line, side == 0 ? "large," : "small,", 6) == 0);
        const double values[3] = {splits[side]->inactive, splits[side]->active, splits[side]->difference};
        for (int v = 0; v < 3; v++) {
            same_number(field_of(line, 1 + v), values[v]);
            same_number(field_of(line, 4 + v), values[v] / (double)c->d);
        }
    }
    free(text);
    c->latent = -1;
    assert_int_equal(sae_comparison_write_latent(c, temp_path(state, "none.csv"), &err), SAE_E_ARG);
    sae_comparison_free(c);
}

static void unwritable(void **state)
{
    sae_error err;
    sae_comparison *c = golden_compare(0, 1, golden_compare_config());
    assert_int_equal(sae_comparison_write_histogram(c, temp_path(state, "no/such/folder.csv"), &err), SAE_E_IO);
    assert_contains(err.message, "folder.csv");
    assert_int_equal(sae_comparison_write_pairs(c, temp_path(state, "no/such/folder.csv"), &err), SAE_E_IO);
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
        temp_test(histogram_csv), temp_test(pairs_csv),      temp_test(errors_csv),
        temp_test(unwritable),    cmocka_unit_test(drawing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
