/* Reports: pages are well-formed, their numbers are the results', and no text of a file gets out of its place. */
#include "analysis/comparing.h"
#include "analysis/stitching.h"
#include "report/markup.h"

#include <sae/report.h>

/* ---- making pages ------------------------------------------------------------------------------------------ */

typedef struct pages {
    pair saes;
    sae_source *source;
    sae_comparison *comparison;
    sae_stitch *stitch;
    sae_report_sae described[2];
    sae_report_origin origin;
} pages;

static void pages_open(pages *p, int small, int large, sae_compare_config compare)
{
    sae_error err;
    sae_source_config how = sae_source_config_default();
    *p = (pages){.saes = pair_open(small, large)};
    p->comparison = golden_compare(small, large, compare);
    p->stitch = stitch(&p->saes, sae_stitch_config_default());
    assert_ok(sae_source_open_memory(&p->source, p->saes.x, p->saes.rows, p->saes.d, &how, &err));
    p->described[0] = (sae_report_sae){"runs/small", sae_model_get_info(p->saes.small), NULL};
    p->described[1] = (sae_report_sae){"runs/large/", sae_model_get_info(p->saes.large), NULL};
    p->origin = (sae_report_origin){p->described, 2, "acts", sae_source_get_info(p->source), NULL};
}

static void pages_close(pages *p)
{
    sae_stitch_free(p->stitch);
    sae_comparison_free(p->comparison);
    sae_source_close(p->source);
    pair_close(&p->saes);
}

static char *comparison_page(void **state, const pages *p)
{
    sae_error err;
    const char *path = temp_path(state, "index.html");
    assert_ok(sae_report_comparison(p->comparison, &p->origin, path, &err));
    return read_text(path);
}

static char *stitch_page(void **state, const pages *p)
{
    sae_error err;
    const char *path = temp_path(state, "index.html");
    assert_ok(sae_report_stitch(p->stitch, &p->origin, path, &err));
    return read_text(path);
}

/* What every page must be. */
static void check_page(const char *text, int figures)
{
    check_markup(text);
    check_ids(text);
    assert_int_equal(count_of(text, "<h1>"), 1);
    assert_int_equal(count_of(text, "<main "), 1);
    assert_int_equal(count_of(text, "<figure "), figures);
    assert_int_equal(count_of(text, "<figcaption>"), figures);
    assert_int_equal(count_of(text, "class=\"wide\""), figures);
    assert_int_equal(count_of(text, "class=\"narrow\""), figures);
    assert_int_equal(count_of(text, "<details>"), figures);
    assert_int_equal(count_of(text, " download=\""), figures);
    assert_contains(text, "content=\"default-src 'none'; style-src 'sha256-");
    assert_int_equal(count_of(text, "http://") + count_of(text, "https://"),
                     count_of(text, "xmlns=\"http://www.w3.org/2000/svg\""));
    assert_int_equal(count_of(text, "=\"nan") + count_of(text, "=\"-nan") + count_of(text, "inf\""), 0);
    assert_int_equal(count_of(text, ">nan") + count_of(text, "-nan") + count_of(text, " nan"), 0);
}

/* ---- what they say ----------------------------------------------------------------------------------------- */

static void comparison_numbers(void **state)
{
    pages p;
    sae_compare_config config = golden_compare_config();
    config.latent = 3;
    pages_open(&p, 0, 1, config);
    const sae_comparison *c = p.comparison;
    char *text = comparison_page(state, &p), wanted[160];
    check_page(text, 3);
    assert_contains(text, "<h1>small and large</h1>");
    snprintf(wanted, sizeof wanted, "Of the %lld latents of the large SAE, %lld (61\xc2\xa0%%) point where none",
             (long long)c->n_large, (long long)c->novel);
    assert_contains(text, wanted);
    /* the histogram's columns are all latents */
    static const char histogram[] = "Latents by their maximum decoder cosine";
    double sums[4] = {0};
    for (int r = 0; r < table_rows(text, histogram); r++)
        for (int k = 0; k < 4; k++) sums[k] += cell_number(text, histogram, r, k + 1);
    assert_true(sums[0] == (double)c->n_large && sums[1] == (double)c->n_small);
    assert_true(sums[2] == (double)c->n_large && sums[3] == (double)c->n_large);
    /* pairs by cosine are all pairs that are known */
    static const char pairs[] = "Activation cosine of pairs by their decoder cosine";
    double known = 0, listed = 0, mean = 0, mean_listed = 0;
    for (int64_t i = 0; i < c->n_large; i++)
        if (!isnan(c->act_cos[i])) {
            known++;
            mean += c->act_cos[i];
        }
    for (int r = 0; r < table_rows(text, pairs); r++) {
        listed += cell_number(text, pairs, r, 1);
        mean_listed += cell_number(text, pairs, r, 1) * cell_number(text, pairs, r, 2);
    }
    assert_true(known == listed && fabs(mean - mean_listed) < 1e-3 * known);
    /* Figure 11's table */
    static const char errors[] = "Errors where novel latents are active and inactive";
    assert_close(cell_number(text, errors, 0, 5), c->novel_mean.large.difference, 1e-3);
    assert_close(cell_number(text, errors, 1, 3), c->novel_mean.small.active, 1e-3);
    assert_close(cell_number(text, errors, 3, 1), c->novel_mean.small.inactive / (double)c->d, 1e-3);
    /* the latent that was asked for */
    assert_close(cell_number(text, "Latent 3 of the large SAE", 1, 2), c->small[3].active, 1e-3);
    /* latents worth a look come in their order, and are novel where the table says so */
    static const char novel[] = "Novel latents that fire most";
    for (int r = 0; r < table_rows(text, novel); r++) {
        int64_t i = (int64_t)cell_number(text, novel, r, 0);
        assert_true(c->large_in_small[i] < c->threshold);
        assert_true(cell_number(text, novel, r, 5) == (double)c->n_active[i]);
        if (r > 0) assert_true(cell_number(text, novel, r, 5) <= cell_number(text, novel, r - 1, 5));
    }
    free(text);
    pages_close(&p);
}

static void stitch_numbers(void **state)
{
    pages p;
    pages_open(&p, 0, 1, golden_compare_config());
    const sae_stitch *s = p.stitch;
    char *text = stitch_page(state, &p);
    check_page(text, 4);
    static const char deltas[] = "Latents that fired, by their maximum cosine";
    double improving = 0, worsening = 0;
    for (int r = 0; r < table_rows(text, deltas); r++) {
        improving += cell_number(text, deltas, r, 2);
        worsening += cell_number(text, deltas, r, 3);
    }
    assert_true(improving == (double)s->improving && worsening == (double)s->worsening);
    static const char sizes[] = "Components by their number of latents";
    double components = 0;
    for (int r = 0; r < table_rows(text, sizes); r++) components += cell_number(text, sizes, r, 1);
    assert_true(components == (double)(s->n_swap + s->n_remove));
    static const char path[] = "MSE on the way, and operations that raise it";
    for (int o = 0; o < SAE_STITCH_ORDERS; o++) {
        assert_close(cell_number(text, path, o, 1), s->base.mse, 1e-3);
        assert_close(cell_number(text, path, o, 5), s->large.mse, 1e-3);
        assert_close(cell_number(text, path, o, 6), s->paths[o].highest_mse, 1e-3);
        assert_true(cell_number(text, path, o, 7) == (double)s->paths[o].rises);
    }
    free(text);
    pages_close(&p);
}

/* Where the language model's loss was measured there is one figure more. */
static void stitch_with_cross_entropy(void **state)
{
    pages p;
    sae_error err;
    pages_open(&p, 0, 1, golden_compare_config());
    sae_stitch *s = p.stitch;
    assert_int_equal(sae_stitch_draw_ce(s, temp_path(state, "ce.svg"), &err), SAE_E_ARG);
    s->ce = (sae_stitch_ce){.tokens = 1234, .points = 3, .clean = 3.25, .zero = 9, .small = 4.5, .large = 4.25};
    const int orders[2] = {s->order, SAE_STITCH_RANDOM};
    const double values[2][3] = {{4.5, 4.75, 4.25}, {4.5, 5.125, 4.25}};
    for (int o = 0; o < 2; o++)
        for (int i = 0; i < 3; i++) {
            sae_stitch_path *path = &s->paths[orders[o]];
            path->entries[(path->n_entries - 1) * i / 2].ce = values[o][i];
        }
    char *text = stitch_page(state, &p);
    check_page(text, 5);
    assert_contains(text,
                    "of 4.500 nats, with the large one's with 4.250; with its own activations 3.250, with zeros 9.000");
    assert_contains(text,
                    "at most 4.750, in random order 5.125, measured at 3 states of each on 1,234 predicted tokens");
    static const char table[] = "Cross-entropy of the states that were measured";
    assert_int_equal(table_rows(text, table), 6);
    for (int r = 0; r < 6; r++) assert_close(cell_number(text, table, r, 2), values[r / 3][r % 3], 1e-9);
    assert_true(cell_number(text, table, 2, 1) == (double)s->operations);
    free(text);
    assert_ok(sae_stitch_draw_ce(s, temp_path(state, "ce.svg"), &err));
    text = read_text(temp_path(state, "ce.svg"));
    check_markup(text);
    assert_int_equal(count_of(text, "<circle "), 6);
    free(text);
    pages_close(&p);
}

/* ---- what may go wrong -------------------------------------------------------------------------------------- */

/* Nothing is novel, nothing fired often enough, one sign only: pages and pictures say so. */
static void edges(void **state)
{
    pages p;
    sae_error err;
    sae_compare_config config = golden_compare_config();
    config.threshold = -1;
    config.min_active = 1000000;
    pages_open(&p, 2, 2, config);
    char *text = comparison_page(state, &p);
    check_page(text, 3);
    assert_contains(text, "Nothing to say: of 0 novel latents none was active");
    assert_contains(text, "too few to say");
    free(text);
    text = stitch_page(state, &p);
    check_page(text, 4);
    free(text);
    sae_status (*const draw[])(const sae_comparison *, const char *, sae_error *) = {
        sae_comparison_draw_histogram, sae_comparison_draw_pairs, sae_comparison_draw_novel};
    for (int i = 0; i < 3; i++) {
        const char *path = temp_path(state, "p.svg");
        assert_ok(draw[i](p.comparison, path, &err));
        text = read_text(path);
        check_markup(text);
        check_ids(text);
        free(text);
    }
    assert_int_equal(sae_report_stitch(p.stitch, &p.origin, temp_path(state, "no/such/index.html"), &err), SAE_E_IO);
    assert_contains(err.message, "index.html");
    assert_int_equal(sae_report_comparison(p.comparison, &p.origin, temp_path(state, "no/such/index.html"), &err),
                     SAE_E_IO);
    pages_close(&p);
}

static void same_bytes(void **state)
{
    pages p;
    pages_open(&p, 0, 1, golden_compare_config());
    char *first = comparison_page(state, &p), *second = comparison_page(state, &p);
    assert_string_equal(first, second);
    free(first);
    free(second);
    pages_close(&p);
}

/* Names of files and metadata are anybody's text. */
static void hostile_text(void **state)
{
    static const char evil[] = "</svg><script>alert(1)</script>\" onload=\"x' &amp; <!-- \x01\xff \xe2\x80\xae ]]>";
    static const char unreadable[] = "</title></style><img src=x onerror=alert(1)>{{7*7}}\xed\xa0\x80";
    pages p;
    pages_open(&p, 0, 1, golden_compare_config());
    sae_model_info info = *p.described[1].info;
    sae_source_info rows = *p.origin.rows;
    snprintf(info.acts.model, sizeof info.acts.model, "%s", unreadable);
    snprintf(info.acts.hook_name, sizeof info.acts.hook_name, "%s", unreadable);
    snprintf(rows.meta.hook_name, sizeof rows.meta.hook_name, "%s", evil);
    snprintf(rows.meta.model, sizeof rows.meta.model, "%s", evil);
    p.described[0].name = evil;
    p.described[1] = (sae_report_sae){unreadable, &info, NULL};
    p.origin.acts = evil;
    p.origin.rows = &rows;
    for (int page = 0; page < 2; page++) {
        char *text = page ? stitch_page(state, &p) : comparison_page(state, &p);
        check_page(text, page ? 4 : 3);
        assert_contains(text, "&lt;/svg&gt;&lt;script&gt;alert(1)&lt;/script&gt;&quot; onload=&quot;x");
        assert_contains(text, "&amp;amp; &lt;!-- \xef\xbf\xbd\xef\xbf\xbd "); /* what XML cannot hold is replaced */
        free(text);
    }
    pages_close(&p);
}

/* Thresholds that were shifted before the comparison are said to have been. */
static void one_sparsity(void **state)
{
    const sae_sparsity_match matches[2] = {{4, 4, NAN}, {6.5, 4, 0.0312}};
    pages p;
    pages_open(&p, 0, 1, golden_compare_config());
    char *text = comparison_page(state, &p);
    assert_int_equal(count_of(text, "Brought to one sparsity"), 0);
    free(text);
    p.described[0].match = &matches[0];
    p.described[1].match = &matches[1];
    text = comparison_page(state, &p);
    check_page(text, 3);
    assert_contains(text, "<td>thresholds left as they are</td><td>L0 was 6.500; thresholds shifted by 0.0312</td>");
    free(text);
    pages_close(&p);
}

/* Two runs of the same name are told apart. */
static void names_of_two_runs(void **state)
{
    pages p;
    pages_open(&p, 0, 1, golden_compare_config());
    p.described[0].name = "first/sae/";
    p.described[1].name = "second/sae";
    char *text = comparison_page(state, &p);
    assert_contains(text, "<h1>first/sae/ and second/sae</h1>");
    free(text);
    pages_close(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        temp_test(comparison_numbers),
        temp_test(stitch_numbers),
        temp_test(stitch_with_cross_entropy),
        temp_test(edges),
        temp_test(same_bytes),
        temp_test(hostile_text),
        temp_test(names_of_two_runs),
        temp_test(one_sparsity),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
