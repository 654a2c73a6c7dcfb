/* Pages of meta-SAEs: numbers made by hand come out where they belong. */
#include "model/sae_golden.h"
#include "report/markup.h"

#include <sae/report.h>

#include <math.h>

enum { ROWS = 5, WIDTH = 4 };

/* Latents 2, 3, 5, 7, 8; meta-latent 3 is unused, row 4 (latent 8) has none. */
typedef struct small_meta {
    sae_meta meta;
    int32_t ids[ROWS], nearest[WIDTH];
    int64_t row_offsets[ROWS + 1], meta_offsets[WIDTH + 1];
    sae_meta_part row_parts[7], meta_parts[7];
    double explained[ROWS], max_cos[WIDTH], random_max_cos[WIDTH];
    sae_model_info info;
    sae_report_sae saes[2];
} small_meta;

static void make_small(small_meta *s)
{
    static const small_meta numbers = {
        .ids = {2, 3, 5, 7, 8},
        .nearest = {0, 1, 1, 0},
        .row_offsets = {0, 2, 4, 6, 7, 7},
        .meta_offsets = {0, 4, 6, 7, 7},
        .row_parts = {{0, 0.75f, 0.8},
                      {1, 0.5f, 0.6},
                      {0, 0.625f, 0.7},
                      {2, 0.25f, 0.3},
                      {1, 0.5f, 0.5},
                      {0, 0.125f, 0.2},
                      {0, 1, 1}},
        .meta_parts = {{7, 1, 1},
                       {2, 0.75f, 0.8},
                       {3, 0.625f, 0.7},
                       {5, 0.125f, 0.2},
                       {2, 0.5f, 0.6},
                       {5, 0.5f, 0.5},
                       {3, 0.25f, 0.3}},
        .explained = {0.9, 0.6, 0.4, 1, -0.2},
        .max_cos = {0.95, 0.71, 0.5, 0.1},
        .random_max_cos = {0.2, 0.1, 0.15, 0.25},
    };
    *s = numbers;
    s->meta = (sae_meta){.d = 8,
                         .n = 10,
                         .width = WIDTH,
                         .k = 2,
                         .tokens = 1000,
                         .never_fired = 5,
                         .rows = ROWS,
                         .ids = s->ids,
                         .steps = 10,
                         .batch = 5,
                         .epochs = 10,
                         .theta = 0.1,
                         .batchtopk = {1.5, 0.525, 0.55},
                         .threshold = {1.4, 0.51, 0.54},
                         .pca = {2, 0.1, 0.12},
                         .random_rows = {2, 0.3, 0.31},
                         .random_directions = {2, 0.2, 0.21},
                         .parts = 7,
                         .row_offsets = s->row_offsets,
                         .row_parts = s->row_parts,
                         .explained = s->explained,
                         .meta_offsets = s->meta_offsets,
                         .meta_parts = s->meta_parts,
                         .unused = 1,
                         .alone = 1,
                         .n_against = 2,
                         .max_cos = s->max_cos,
                         .nearest = s->nearest,
                         .random_max_cos = s->random_max_cos};
    s->info = (sae_model_info){.d = 8, .n = 10, .arch = SAE_ARCH_BATCHTOPK};
    s->saes[0] = s->saes[1] = (sae_report_sae){"runs/<b>one", &s->info, NULL};
}

static char *page_of(void **state, const small_meta *s, bool against)
{
    sae_error err;
    const char *path = temp_path(state, "index.html");
    const sae_report_origin origin = {s->saes, against ? 2 : 1, NULL, NULL, NULL};
    assert_ok(sae_report_meta(&s->meta, &origin, path, &err));
    char *text = read_text(path);
    check_markup(text);
    check_ids(text);
    assert_int_equal(count_of(text, "=\"nan") + count_of(text, "-nan") + count_of(text, ">nan"), 0);
    return text;
}

static void numbers(void **state)
{
    small_meta s;
    char cell[200];
    make_small(&s);
    char *text = page_of(state, &s, true);
    assert_int_equal(count_of(text, "<figure "), 4);
    assert_contains(text, "<h1>&lt;b&gt;one</h1>");
    assert_contains(text,
                    "52.5\xc2\xa0% of the variance of the 5 decoder rows is explained, more than by any baseline");
    assert_contains(text, "random decoder rows, has 30.0\xc2\xa0%");
    assert_contains(text,
                    "2 of 4 (50\xc2\xa0%) meta-latents point like a latent of the smaller SAE (cosine above 0.7)");
    assert_contains(text, "2 of 5 (40\xc2\xa0%) are explained by less than half; without a meta-latent: 1.");
    assert_contains(text, "Part of none: 1 of 4 (25\xc2\xa0%)");
    assert_close(cell_number(text, "What dictionaries explain", 4, 2), 0.1, 1e-9);
    assert_close(cell_number(text, "What dictionaries explain", 1, 3), 0.54, 1e-9);
    /* latents of two parts or more, best explained first */
    static const char best[] = "Latents of two meta-latents or more";
    assert_int_equal(table_rows(text, best), 3);
    get_cell(text, best, 0, 2, cell, sizeof cell);
    assert_string_equal(cell, "0 (0.75), 1 (0.50)");
    assert_true(cell_number(text, best, 0, 0) == 2 && cell_number(text, best, 1, 0) == 3 &&
                cell_number(text, best, 2, 0) == 5);
    static const char common[] = "Meta-latents that most latents have";
    get_cell(text, common, 0, 2, cell, sizeof cell);
    assert_string_equal(cell, "7 (1.00), 2 (0.75), 3 (0.62), 5 (0.12)");
    get_cell(text, common, 3, 2, cell, sizeof cell);
    assert_string_equal(cell, "none");
    /* sizes 0, 1, 2, 3–4 */
    static const char sizes[] = "Meta-latents by their number of latents";
    assert_int_equal(table_rows(text, sizes), 4);
    for (int r = 0; r < 4; r++) assert_true(cell_number(text, sizes, r, 1) == 1);
    /* what is explained by less than nothing counts at the lower end */
    assert_true(cell_number(text, "Latents by the share of their row", 9, 1) == 1);
    assert_true(cell_number(text, "Latents by the share of their row", 0, 1) == 2);
    free(text);
}

static void without_a_smaller_sae(void **state)
{
    sae_error err;
    small_meta s;
    make_small(&s);
    s.meta.n_against = 0;
    s.meta.max_cos = s.meta.random_max_cos = NULL;
    s.meta.nearest = NULL;
    s.meta.batchtopk.explained_variance = 0.05;
    char *text = page_of(state, &s, false);
    assert_int_equal(count_of(text, "<figure "), 3);
    assert_contains(text, "the meta-SAE found no better parts");
    assert_int_equal(count_of(text, "against.csv"), 0);
    free(text);
    const char *path = temp_path(state, "p.svg");
    assert_int_equal(sae_meta_draw_against(&s.meta, path, &err), SAE_E_ARG);
    sae_status (*const draw[])(const sae_meta *, const char *, sae_error *) = {
        sae_meta_draw_baselines, sae_meta_draw_decomposition, sae_meta_draw_meta_latents};
    for (int i = 0; i < 3; i++) {
        assert_ok(draw[i](&s.meta, path, &err));
        text = read_text(path);
        check_markup(text);
        check_ids(text);
        free(text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {temp_test(numbers), temp_test(without_a_smaller_sae)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
