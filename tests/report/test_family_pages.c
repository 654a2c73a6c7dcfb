/* Pages of families of SAEs: the matrix, the trees of latents, the links to neighbours. */
#include "analysis/comparing.h"
#include "report/markup.h"

#include "report/forest.h"

#include <sae/report.h>

/* ---- trees ------------------------------------------------------------------------------------------------- */

/* Three SAEs of 3, 4 and 6 latents:   0 → 0 → 0, 1      0 → 1 → 2      1 → 2 → 3      2: none; 3 of the second and 4, 5
 * of the third are novel, 5 although its nearest is 1 of the second. */
typedef struct small_family {
    sae_family family;
    sae_family_member members[3];
    sae_comparison pairs[2], *neighbours[2];
    double cosines[2][6];
    int32_t nearest[2][6];
} small_family;

static void make_small(small_family *s)
{
    static const double cosines[2][6] = {{0.9, 0.8, 0.7, 0.69}, {1, 0.75, 0.9, 0.8, 0.1, 0.5}};
    static const int32_t nearest[2][6] = {{0, 0, 1, 2}, {0, 0, 1, 2, 3, 1}};
    memset(s, 0, sizeof *s);
    memcpy(s->cosines, cosines, sizeof cosines);
    memcpy(s->nearest, nearest, sizeof nearest);
    const int64_t widths[3] = {3, 4, 6};
    for (int i = 0; i < 3; i++) s->members[i] = (sae_family_member){.given = (size_t)i, .path = "sae", .n = widths[i]};
    for (int i = 0; i < 2; i++) {
        s->pairs[i] = (sae_comparison){
            .n_small = widths[i], .n_large = widths[i + 1], .large_in_small = s->cosines[i], .argmax = s->nearest[i]};
        s->neighbours[i] = &s->pairs[i];
    }
    s->family =
        (sae_family){.d = 2, .threshold = 0.7, .n_members = 3, .members = s->members, .neighbours = s->neighbours};
}

static void forests(void **state)
{
    (void)state;
    small_family s;
    sae_error err;
    sae_forest forest;
    sae_forest_tree tree;
    int64_t roots[4];
    make_small(&s);
    assert_ok(sae_forest_make(&forest, &s.family, &err));
    const int64_t descendants[] = {3, 1, 0, 2, 1, 1, 0, 1, 1, 1, 1, 1, 1}, children[] = {2, 1, 0, 2, 1, 1, 0};
    for (int i = 0; i < 13; i++) assert_int_equal(forest.descendants[i], descendants[i]);
    for (int i = 0; i < 7; i++) assert_int_equal(forest.children[i], children[i]);
    assert_true(forest.fates[0].split == 1 && forest.fates[0].one == 1 && forest.fates[0].none == 1);
    assert_true(forest.fates[1].split == 1 && forest.fates[1].one == 2 && forest.fates[1].none == 1);
    assert_int_equal(sae_forest_roots(&forest, 4, roots), 1);
    assert_int_equal(roots[0], 0);
    sae_forest_tree_make(&tree, &s.family, 0);
    /* latent, member, parent, first and last line, parents before their children */
    const int nodes[][5] = {{0, 0, -1, 0, 2}, {0, 1, 0, 0, 1}, {0, 2, 1, 0, 0},
                            {1, 2, 1, 1, 1},  {1, 1, 0, 2, 2}, {2, 2, 4, 2, 2}};
    assert_int_equal(tree.count, 6);
    assert_int_equal(tree.leaves, 3);
    for (int n = 0; n < 6; n++) {
        const sae_forest_node *node = &tree.nodes[n];
        assert_true(node->latent == nodes[n][0] && node->member == nodes[n][1] && node->parent == nodes[n][2]);
        assert_true(node->first == nodes[n][3] && node->last == nodes[n][4]);
    }
    sae_forest_clear(&forest);
}

/* A latent with very many descendants is drawn with some of them, and none of the memory overflows. */
static void wide_trees(void **state)
{
    enum { N = 400, M = SAE_FOREST_MEMBERS };
    (void)state;
    static double cosines[N];
    static int32_t nearest[N];
    static sae_comparison pairs[M];
    static sae_comparison *neighbours[M];
    static sae_family_member members[M];
    sae_error err;
    sae_forest forest;
    sae_forest_tree tree;
    for (int i = 0; i < N; i++) {
        cosines[i] = 0.9;
        nearest[i] = i / 2; /* everything splits in two, and all come from latent 0 */
    }
    for (int m = 0; m < M; m++) {
        pairs[m] = (sae_comparison){.n_small = N, .n_large = N, .large_in_small = cosines, .argmax = nearest};
        neighbours[m] = &pairs[m];
        members[m] = (sae_family_member){.n = N};
    }
    sae_family family = {.threshold = 0.7, .n_members = M, .members = members, .neighbours = neighbours};
    assert_ok(sae_forest_make(&forest, &family, &err));
    assert_int_equal(forest.descendants[0], N);
    sae_forest_tree_make(&tree, &family, 0);
    assert_int_equal(tree.leaves, SAE_FOREST_LEAVES);
    assert_true(tree.count <= SAE_FOREST_LEAVES * SAE_FOREST_MEMBERS);
    for (int n = 1; n < tree.count; n++) assert_true(tree.nodes[n].parent < n && tree.nodes[n].parent >= 0);
    sae_forest_clear(&forest);
}

/* ---- pages ------------------------------------------------------------------------------------------------- */

static void family_page(void **state)
{
    static const char evil[] = "</svg><script>alert(1)</script>\" onload=\"x";
    sae_error err;
    sae_safetensors *file = golden_open();
    float *x = golden_floats(file, "x");
    int64_t rows = golden_tensor(file, "x")->shape[0];
    sae_model *models[3] = {golden_model(file, 0, NULL), golden_model(file, 1, NULL), golden_model(file, 2, NULL)};
    sae_source *source = NULL;
    sae_source_config how = sae_source_config_default();
    sae_compare_config config = golden_compare_config();
    sae_family *f = NULL;
    assert_ok(sae_source_open_memory(&source, x, rows, sae_model_get_info(models[0])->d, &how, &err));
    assert_ok(sae_family_compare((const sae_model *const *)models, 3, source, &config, &f, NULL, &err));
    sae_report_sae saes[3];
    for (int i = 0; i < 3; i++) saes[i] = (sae_report_sae){evil, sae_model_get_info(models[f->members[i].given]), NULL};
    const sae_report_origin origin = {saes, 3, evil, sae_source_get_info(source), NULL};
    const char *path = temp_path(state, "index.html");
    assert_ok(sae_report_family(f, &origin, path, &err));
    char *text = read_text(path);
    check_markup(text);
    check_ids(text);
    assert_int_equal(count_of(text, "<figure "), 3);
    assert_int_equal(count_of(text, "\"1-2/index.html\""), 1);
    assert_int_equal(count_of(text, "\"2-3/index.html\""), 1);
    static const char matrix[] = "Latents of one SAE that are novel to another";
    int row = 0;
    for (size_t i = 0; i < 3; i++)
        for (size_t j = 0; j < 3; j++) {
            if (i == j) continue;
            assert_true(cell_number(text, matrix, row, 0) == (double)i + 1 &&
                        cell_number(text, matrix, row, 2) == (double)j + 1);
            assert_true(cell_number(text, matrix, row, 3) == (double)f->novel[i * 3 + j]);
            row++;
        }
    assert_int_equal(table_rows(text, matrix), row);
    static const char first[] = "First counterparts of the latents of the largest SAE";
    double total = 0;
    for (int i = 0; i < 3; i++) total += cell_number(text, first, i, 2);
    assert_true(total == (double)f->members[2].n);
    static const char fates[] = "What becomes of latents at the next width";
    for (int i = 0; i < 2; i++)
        assert_true(cell_number(text, fates, i, 2) + cell_number(text, fates, i, 3) + cell_number(text, fates, i, 4) ==
                    (double)f->members[i].n);
    free(text);
    sae_status (*const draw[])(const sae_family *, const char *,
                               sae_error *) = {sae_family_draw_matrix, sae_family_draw_first, sae_family_draw_tree};
    for (int i = 0; i < 3; i++) {
        assert_ok(draw[i](f, path, &err));
        text = read_text(path);
        check_markup(text);
        check_ids(text);
        free(text);
    }
    /* a page of neighbours leads back */
    sae_report_origin pair = {saes, 2, "acts", sae_source_get_info(source), "../index.html"};
    assert_ok(sae_report_comparison(f->neighbours[0], &pair, path, &err));
    text = read_text(path);
    check_markup(text);
    assert_int_equal(count_of(text, "href=\"../index.html\""), 1);
    free(text);
    sae_family_free(f);
    sae_source_close(source);
    for (int i = 0; i < 3; i++) sae_model_free(models[i]);
    free(x);
    sae_safetensors_close(file);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(forests), cmocka_unit_test(wide_trees), temp_test(family_page)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
