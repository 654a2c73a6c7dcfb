/* A stitching as CSV and as pictures. */
#include "analysis/stitching.h"
#include "report/markup.h"

static int fields_of(const char *line)
{
    int fields = 1;
    for (; *line && *line != '\n'; line++) fields += *line == ',';
    return fields;
}

/* The file has these columns and so many lines, all with as many fields. */
static char *table(const char *path, const char *columns, int64_t lines)
{
    char *text = read_text(path);
    assert_int_equal(strncmp(text, columns, strlen(columns)), 0);
    assert_int_equal(count_of(text, "\n"), lines + 1);
    for (const char *line = text; *line; line = strchr(line, '\n') + 1)
        assert_int_equal(fields_of(line), fields_of(columns));
    return text;
}

static sae_stitch *golden_stitch(double threshold)
{
    pair p = pair_open(0, 1);
    sae_stitch_config config = sae_stitch_config_default();
    config.threshold = threshold;
    sae_stitch *s = stitch(&p, config);
    pair_close(&p);
    return s;
}

static void tables(void **state)
{
    sae_error err;
    sae_stitch *s = golden_stitch(0.5);
    const char *path = temp_path(state, "t.csv");
    assert_ok(sae_stitch_write_latents(s, path, &err));
    char *text = table(path, "latent,max_cos,nearest,n_active,delta_mse,delta_mse_se,inserted\n", s->n_large);
    const char *line = text;
    for (int64_t i = 0; i < s->n_large; i++) {
        line = strchr(line, '\n') + 1;
        long long latent, nearest, active;
        double max_cos, delta, se;
        int inserted = -1;
        int found =
            sscanf(line, "%lld,%lf,%lld,%lld,%lf,%lf,%d", &latent, &max_cos, &nearest, &active, &delta, &se, &inserted);
        assert_int_equal(found, s->n_active[i] ? 7 : 4); /* empty fields of a latent that never fired */
        assert_int_equal(latent, i);
        assert_int_equal(active, s->n_active[i]);
        assert_close(max_cos, s->max_cos[i], 1e-8);
        if (!s->n_active[i]) continue;
        assert_close(delta, s->delta_mse[i], 1e-8);
        assert_close(se, s->delta_mse_se[i], 1e-8);
        assert_int_equal(inserted, !(s->max_cos[i] > 0.5));
    }
    free(text);
    assert_ok(sae_stitch_write_roc(s, path, &err));
    text = table(path, "threshold,sensitivity,specificity\n", s->n_roc);
    assert_contains(text, "\n,1,0\n"); /* all are said to improve: there is no threshold */
    free(text);
    assert_ok(sae_stitch_write_components(s, path, &err));
    text = table(path, "component,small,large,max_cos,delta_mse,small_ids,large_ids\n", s->n_swap + s->n_remove);
    free(text);
    s->paths[SAE_STITCH_DELTA].entries[0].ce = 2.5; /* measured there, unknown elsewhere */
    assert_ok(sae_stitch_write_path(s, path, &err));
    text = table(path, "order,operations,phase,inserted,removed,mse,fvu,l0,ce\n", 4 * (s->operations + 1));
    for (int o = 0; o < SAE_STITCH_ORDERS; o++) {
        char start[64];
        snprintf(start, sizeof start, "\n%s,0,start,0,0,", sae_stitch_order_name((sae_stitch_order)o));
        assert_contains(text, start);
        const char *end = strchr(strstr(text, start) + 1, '\n');
        assert_true(o == SAE_STITCH_DELTA ? strncmp(end - 4, ",2.5", 4) == 0 : end[-1] == ',');
    }
    free(text);
    sae_stitch_free(s);
}

/* Every picture is whole, says what it shows, and has no number that is none. */
static void check_pictures(void **state, const sae_stitch *s)
{
    sae_status (*const draw[])(const sae_stitch *, const char *, sae_error *) = {
        sae_stitch_draw_delta, sae_stitch_draw_roc, sae_stitch_draw_path, sae_stitch_draw_components};
    sae_error err;
    for (int i = 0; i < 4; i++) {
        const char *path = temp_path(state, "p.svg");
        assert_ok(draw[i](s, path, &err));
        char *text = read_text(path);
        assert_int_equal(strncmp(text, "<svg xmlns=", 11), 0);
        check_markup(text);
        check_ids(text);
        assert_int_equal(count_of(text, "=\"nan") + count_of(text, "=\"-nan") + count_of(text, "inf\""), 0);
        free(text);
    }
}

static void pictures(void **state)
{
    for (double threshold = 0.3; threshold <= 1; threshold += 0.35) {
        sae_stitch *s = golden_stitch(threshold);
        check_pictures(state, s);
        sae_stitch_free(s);
    }
    /* nothing to tell apart, one kind of operation */
    pair p = pair_open(2, 2);
    sae_stitch *s = stitch(&p, sae_stitch_config_default());
    check_pictures(state, s);
    sae_stitch_free(s);
    pair_close(&p);
}

/* Very many latents are drawn as cells, a long path is thinned without losing its peak: the files stay small. */
static void large_stitchings(void **state)
{
    enum { LATENTS = 20000 };
    sae_error err;
    sae_stitch *s = golden_stitch(0.7);
    sae_stitch large = *s;
    large.n_large = LATENTS;
    large.max_cos = malloc(LATENTS * sizeof(double));
    large.delta_mse = malloc(LATENTS * sizeof(double));
    large.delta_mse_se = calloc(LATENTS, sizeof(double));
    large.improving = LATENTS / 2;
    large.worsening = LATENTS / 2;
    for (int i = 0; i < LATENTS; i++) {
        large.max_cos[i] = (double)(i % 100) / 99;
        large.delta_mse[i] = i % 2 ? 1e-3 * (i % 317) : -1e-3 * (i % 211);
    }
    large.operations = LATENTS;
    for (int o = 0; o < SAE_STITCH_ORDERS; o++) {
        large.paths[o].n_entries = LATENTS + 1;
        large.paths[o].entries = calloc(LATENTS + 1, sizeof(sae_stitch_entry));
        for (int e = 0; e <= LATENTS; e++) {
            large.paths[o].entries[e].operations = e;
            large.paths[o].entries[e].quality.mse = e == 7777 ? 250 : 100 - 1e-3 * e;
        }
    }
    check_pictures(state, &large);
    const char *path = temp_path(state, "p.svg");
    assert_ok(sae_stitch_draw_delta(&large, path, &err));
    char *text = read_text(path);
    assert_true(strlen(text) < 800000);
    assert_true(count_of(text, "latents</title>") > 100);
    free(text);
    assert_ok(sae_stitch_draw_path(&large, path, &err));
    text = read_text(path);
    assert_true(strlen(text) < 200000);
    assert_contains(text, ">250<"); /* the axis reaches up to the peak */
    free(text);
    for (int o = 0; o < SAE_STITCH_ORDERS; o++) free(large.paths[o].entries);
    free(large.max_cos);
    free(large.delta_mse);
    free(large.delta_mse_se);
    sae_stitch_free(s);
}

static void unwritable(void **state)
{
    sae_error err;
    sae_stitch *s = golden_stitch(0.7);
    assert_int_equal(sae_stitch_write_path(s, temp_path(state, "no/such/folder.csv"), &err), SAE_E_IO);
    assert_contains(err.message, "folder.csv");
    assert_int_equal(sae_stitch_draw_path(s, temp_path(state, "no/such/folder.svg"), &err), SAE_E_IO);
    sae_stitch_free(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        temp_test(tables),
        temp_test(pictures),
        temp_test(large_stitchings),
        temp_test(unwritable),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
