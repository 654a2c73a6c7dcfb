/* The L0–FVU frontier: who is on it, and how it is written and drawn. */
#include "io/temp.h"

#include <sae/frontier.h>

#include "report/axis.h"
#include "report/labels.h"

#include <ctype.h>
#include <math.h>

enum { TOKENS = 5842 };

static sae_frontier_point point(sae_arch arch, int64_t width, double l0, double fvu)
{
    return (sae_frontier_point){.path = "an SAE", .arch = arch, .width = width, .l0 = l0, .fvu = fvu};
}

/* Twelve SAEs as one would compare them: three kinds, one width, four sparsities. */
static size_t three_kinds(sae_frontier_point *out)
{
    static const double l0[3][4] = {{8, 16, 32, 64.5}, {8.03, 16.1, 31.8, 64.4}, {8.2, 15.7, 32.3, 65.1}};
    static const double fvu[3][4] = {
        {0.262, 0.214, 0.172, 0.139}, {0.241, 0.196, 0.158, 0.127}, {0.246, 0.193, 0.155, 0.1268}};
    static const sae_arch arch[3] = {SAE_ARCH_TOPK, SAE_ARCH_BATCHTOPK, SAE_ARCH_JUMPRELU};
    static char path[12][32];
    for (int kind = 0; kind < 3; kind++) {
        for (int i = 0; i < 4; i++) {
            sae_frontier_point *p = &out[4 * kind + i];
            *p = point(arch[kind], 2048, l0[kind][i], fvu[kind][i]);
            snprintf(path[4 * kind + i], sizeof path[0], "saes/%s-2048-k%d", sae_arch_name(arch[kind]), 8 << i);
            p->path = path[4 * kind + i];
            p->k = kind < 2 ? 8 << i : 0;
        }
    }
    sae_frontier_mark(out, 12);
    return 12;
}

/* ---- who is on it ----------------------------------------------------------------------------------- */

static void dominated(void **state)
{
    (void)state;
    sae_frontier_point p[] = {point(SAE_ARCH_TOPK, 64, 8, 0.3),    point(SAE_ARCH_TOPK, 64, 16, 0.2),
                              point(SAE_ARCH_TOPK, 64, 12, 0.31), /* worse than the first in both */
                              point(SAE_ARCH_TOPK, 64, 16, 0.25), /* as sparse as the second, but worse */
                              point(SAE_ARCH_TOPK, 64, 20, 0.2),  /* as close as the second, but denser */
                              point(SAE_ARCH_RELU, 64, 400, 0.01), point(SAE_ARCH_RELU, 64, 0, 1)};
    sae_frontier_mark(p, 7);
    const bool wanted[] = {true, true, false, false, false, true, true};
    for (int i = 0; i < 7; i++) assert_int_equal(p[i].on_frontier, wanted[i]);
}

static void ties(void **state)
{
    (void)state;
    sae_frontier_point p[] = {point(SAE_ARCH_TOPK, 64, 8, 0.3), point(SAE_ARCH_BATCHTOPK, 64, 8, 0.3),
                              point(SAE_ARCH_TOPK, 128, 9, 0.3), point(SAE_ARCH_TOPK, 128, 9, 0.3)};
    sae_frontier_mark(p, 4);
    assert_true(p[0].on_frontier && p[1].on_frontier); /* equals */
    assert_true(!p[2].on_frontier && !p[3].on_frontier);
}

static void unknown(void **state)
{
    (void)state;
    sae_frontier_point p[] = {point(SAE_ARCH_TOPK, 64, 4, NAN), point(SAE_ARCH_TOPK, 64, 8, 0.3),
                              point(SAE_ARCH_TOPK, 64, NAN, 0.1), point(SAE_ARCH_TOPK, 64, 8, INFINITY)};
    sae_frontier_mark(p, 4);
    assert_false(p[0].on_frontier);
    assert_true(p[1].on_frontier);
    assert_false(p[2].on_frontier);
    assert_false(p[3].on_frontier);
    sae_frontier_mark(p, 1);
    assert_false(p[0].on_frontier);
    sae_frontier_mark(p + 1, 1);
    assert_true(p[1].on_frontier);
    p[1].on_frontier = true;
    p[0] = point(SAE_ARCH_TOPK, 64, 8, 0.2); /* what was marked before is forgotten */
    sae_frontier_mark(p, 2);
    assert_true(p[0].on_frontier && !p[1].on_frontier);
}

/* ---- CSV -------------------------------------------------------------------------------------------- */

static void csv(void **state)
{
    sae_error err;
    size_t size;
    sae_frontier_point p[] = {point(SAE_ARCH_BATCHTOPK, 2048, 8.25, 0.1234567891),
                              point(SAE_ARCH_JUMPRELU, 98304, 1.0 / 3, NAN), point(SAE_ARCH_RELU, 512, 9, 0.5)};
    p[0].path = "saes/batchtopk-2048-k8";
    p[0].k = 8;
    p[1].path = "a \"quoted\", name";
    p[2].path = "x";
    sae_frontier_mark(p, 3);
    const char *path = temp_path(state, "frontier.csv");
    assert_ok(sae_frontier_write_csv(p, 3, TOKENS, path, &err));
    char *text = (char *)get_file(path, &size);
    text[size] = 0;
    assert_string_equal(text, "sae,arch,width,k,l0,fvu,on_frontier,tokens\n"
                              "saes/batchtopk-2048-k8,batchtopk,2048,8,8.25,0.123456789,1,5842\n"
                              "\"a \"\"quoted\"\", name\",jumprelu,98304,,0.333333333,,0,5842\n"
                              "x,relu,512,,9,0.5,0,5842\n");
    free(text);
}

static void unwritable(void **state)
{
    sae_error err;
    sae_frontier_point p = point(SAE_ARCH_TOPK, 64, 8, 0.3);
    assert_int_equal(sae_frontier_write_csv(&p, 1, 1, temp_path(state, "no/folder.csv"), &err), SAE_E_IO);
    assert_contains(err.message, "no/folder.csv");
    assert_int_equal(sae_frontier_write_svg(&p, 1, 1, temp_path(state, "no/folder.svg"), &err), SAE_E_IO);
    assert_contains(err.message, "no/folder.svg");
    assert_int_equal(count_entries(temp_path(state, "")), 0);
}

/* ---- SVG -------------------------------------------------------------------------------------------- */

/* The name at `at`; its length. */
static size_t name_length(const char *at)
{
    size_t n = 0;
    while (isalnum((unsigned char)at[n]) || strchr(":-_", at[n] ? at[n] : ' ')) n++;
    return n;
}

/* Reads attributes up to the end of a tag; returns what is behind them. */
static const char *read_attributes(const char *at)
{
    for (;;) {
        while (isspace((unsigned char)*at)) at++;
        if (*at == '>' || *at == '/') return at;
        size_t n = name_length(at);
        if (n == 0 || at[n] != '=' || at[n + 1] != '"') fail_msg("no attribute: %.40s", at);
        at += n + 2;
        size_t value = strcspn(at, "\"<");
        if (at[value] != '"') fail_msg("an attribute without end: %.40s", at);
        at += value + 1;
    }
}

/* Elements are closed in the order in which they were opened, attributes are quoted, references are known, and the
 * whole is one element. */
static void assert_well_formed(const char *xml)
{
    char open[16][24];
    int depth = 0, roots = 0;
    for (const char *at = xml; *at;) {
        if (*at == '&') {
            static const char *const known[] = {"&lt;", "&gt;", "&amp;", "&quot;"};
            bool found = false;
            for (size_t i = 0; i < 4; i++) found |= strncmp(at, known[i], strlen(known[i])) == 0;
            if (!found) fail_msg("an unknown reference: %.20s", at);
        }
        if (*at != '<') {
            assert_true(depth > 0 || isspace((unsigned char)*at));
            assert_true((unsigned char)*at >= ' ' || *at == '\n');
            at++;
            continue;
        }
        bool closing = at[1] == '/';
        at += closing ? 2 : 1;
        size_t n = name_length(at);
        assert_true(n > 0 && n < sizeof open[0]);
        if (closing) {
            assert_true(depth > 0);
            depth--;
            if (strlen(open[depth]) != n || strncmp(open[depth], at, n) != 0)
                fail_msg("</%.20s> ends <%s>", at, open[depth]);
            at += n;
        } else {
            assert_true(depth < 16);
            roots += depth == 0;
            snprintf(open[depth], sizeof open[0], "%.*s", (int)n, at);
            at = read_attributes(at + n);
            if (*at == '/')
                at++;
            else
                depth++;
        }
        assert_int_equal(*at, '>');
        at++;
    }
    assert_int_equal(depth, 0);
    assert_int_equal(roots, 1);
}

static char *svg(void **state, const sae_frontier_point *p, size_t count)
{
    sae_error err;
    size_t size;
    const char *path = temp_path(state, "frontier.svg");
    assert_ok(sae_frontier_write_svg(p, count, TOKENS, path, &err));
    char *text = (char *)get_file(path, &size);
    text[size] = 0;
    assert_int_equal(strlen(text), size);
    assert_well_formed(text);
    static const char *const bad[] = {"nan", "NaN", "inf", "Infinity", "-0.00 "};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        if (strstr(text, bad[i])) fail_msg("%s in the picture: %.60s", bad[i], strstr(text, bad[i]));
    }
    return text;
}

static int count_of(const char *text, const char *part)
{
    int count = 0;
    for (const char *at = text; (at = strstr(at, part)); at += strlen(part)) count++;
    return count;
}

static void picture(void **state)
{
    sae_frontier_point p[12];
    size_t count = three_kinds(p);
    char *text = svg(state, p, count);
    assert_contains(text, "prefers-color-scheme:dark");
    assert_contains(text, "Sparsity and reconstruction of 12 SAEs with 2048 latents</text>");
    assert_contains(text, "Measured on 5,842 tokens");
    assert_contains(text, ">saes/jumprelu-2048-k16: jumprelu, width 2048, L0 15.7, FVU 0.193, on the frontier<");
    assert_contains(text, ">saes/topk-2048-k16: topk, width 2048, L0 16, FVU 0.214<");
    for (int i = 0; i < 3; i++)
        assert_int_equal(count_of(text, (const char *[]){">topk<", ">batchtopk<", ">jumprelu<"}[i]), 1);
    assert_int_equal(count_of(text, "translate("), 12 + 1); /* a mark for each, and one in the key */
    int on_frontier = 0;
    for (size_t i = 0; i < count; i++) on_frontier += p[i].on_frontier;
    assert_int_equal(count_of(text, ", on the frontier<"), on_frontier);
    free(text);
}

/* Each kind has a mark, a colour and a label of its own. */
static void every_kind(void **state)
{
    sae_error err;
    sae_frontier_point p[SAE_ARCHS];
    char *drawn = NULL;
    for (int kind = 0; kind < SAE_ARCHS; kind++) p[kind] = point((sae_arch)kind, 64, 8 + kind, 0.3 - 0.02 * kind);
    sae_frontier_mark(p, SAE_ARCHS);
    char *text = svg(state, p, SAE_ARCHS);
    assert_ok(sae_frontier_draw(p, SAE_ARCHS, 80, &drawn, &err));
    static const char *const marks[SAE_ARCHS] = {"◆", "■", "●", "▲", "★"};
    for (int kind = 0; kind < SAE_ARCHS; kind++) {
        char part[64];
        snprintf(part, sizeof part, ">%s</text>", sae_arch_name((sae_arch)kind));
        assert_int_equal(count_of(text, part), 1);
        snprintf(part, sizeof part, "<g class=\"c%d\">", kind);
        assert_int_equal(count_of(text, part), 2); /* its line and its marks */
        snprintf(part, sizeof part, ".c%d{color:#", kind);
        assert_int_equal(count_of(text, part), 2); /* light and dark */
        snprintf(part, sizeof part, "%s %s", marks[kind], sae_arch_name((sae_arch)kind));
        assert_contains(drawn, part);
        assert_int_equal(count_of(drawn, marks[kind]), 2); /* the legend and the plot */
    }
    free(drawn);
    free(text);
}

/* Names with anything in them, values without a place, one SAE, none. */
static void odd_pictures(void **state)
{
    sae_frontier_point p[] = {point(SAE_ARCH_TOPK, 64, 8, 0.3), point(SAE_ARCH_TOPK, 128, NAN, 0.2),
                              point(SAE_ARCH_RELU, 64, 0, 1), point(SAE_ARCH_RELU, 64, INFINITY, 0.1)};
    p[0].path = "<a> & \"b\" \x01\xff\xef\xbf\xbf \xc3\xa9";
    sae_frontier_mark(p, 4);
    char *text = svg(state, p, 4);
    assert_contains(text, "&lt;a&gt; &amp; &quot;b&quot; \xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd \xc3\xa9: topk");
    assert_contains(text, "Not shown, since L0 is 0 or a value is unknown: 3");
    free(text);
    free(svg(state, p, 1));
    free(svg(state, p + 1, 1));
    free(svg(state, p, 0));
    sae_frontier_point equal[] = {point(SAE_ARCH_TOPK, 64, 8, 0), point(SAE_ARCH_BATCHTOPK, 64, 8, 0)};
    sae_frontier_mark(equal, 2);
    free(svg(state, equal, 2));
    sae_frontier_point wide[] = {point(SAE_ARCH_TOPK, 64, 1e-6, 1e30), point(SAE_ARCH_RELU, 64, 1e6, 1e-12)};
    sae_frontier_mark(wide, 2);
    free(svg(state, wide, 2));
}

/* ---- labels and axes -------------------------------------------------------------------------------- */

static void labels_do_not_touch(void **state)
{
    (void)state;
    enum { COUNT = 20 };
    sae_label labels[COUNT] = {0};
    sae_segment segments[COUNT];
    size_t order[COUNT];
    const sae_label_area area = {.right = 500, .column = 530, .top = 0, .bottom = 340, .height = 17, .clearance = 7};
    for (int i = 0; i < COUNT; i++) { /* in two bundles, and a few alone on the left */
        labels[i].x = i % 5 == 0 ? 100 : 480;
        labels[i].y = i % 5 == 0 ? 15.0 * i : i % 2 ? 30 + 0.1 * i : 330 - 0.1 * i;
        labels[i].width = 100;
        segments[i] = (sae_segment){labels[i].x, labels[i].y, labels[i].x, labels[i].y};
    }
    sae_labels_place(labels, COUNT, segments, COUNT, &area, order);
    int beside = 0;
    for (int i = 0; i < COUNT; i++) {
        const sae_label *a = &labels[i];
        beside += a->beside;
        assert_true(a->text_y >= area.top && a->text_y <= area.bottom);
        assert_true(a->beside ? a->text_x + a->width <= area.right : a->text_x == area.column);
        for (int j = 0; j < i; j++) {
            const sae_label *b = &labels[j];
            bool apart =
                fabs(a->text_y - b->text_y) > 17 - 1e-9 || a->text_x + 100 <= b->text_x || b->text_x + 100 <= a->text_x;
            if (!apart) fail_msg("labels %d and %d: %g and %g", i, j, a->text_y, b->text_y);
            /* the column keeps the order of the points */
            if (!a->beside && !b->beside && a->y != b->y) assert_true((a->y < b->y) == (a->text_y < b->text_y));
        }
    }
    assert_int_equal(beside, 4);
}

/* A label that has room stays level with its point; two that would touch part evenly. */
static void labels_stay_near(void **state)
{
    (void)state;
    sae_label labels[3] = {
        {.x = 490, .y = 50, .width = 60}, {.x = 490, .y = 200, .width = 60}, {.x = 490, .y = 204, .width = 60}};
    size_t order[3];
    const sae_label_area area = {.right = 500, .column = 530, .top = 0, .bottom = 340, .height = 17, .clearance = 7};
    sae_labels_place(labels, 3, NULL, 0, &area, order);
    assert_true(fabs(labels[0].text_y - 50) < 1e-9);
    assert_true(fabs(labels[1].text_y - 193.5) < 1e-9);
    assert_true(fabs(labels[2].text_y - 210.5) < 1e-9);
}

static void check_axis(const sae_axis *axis, double min, double max, int most)
{
    char label[32], last[32] = "";
    assert_true(axis->low <= min && axis->high >= max && axis->low < axis->high);
    assert_in_range(axis->count, 2, most);
    for (int t = 0; t < axis->count; t++) {
        assert_true(axis->ticks[t] >= axis->low * (1 - 1e-9) && axis->ticks[t] <= axis->high * (1 + 1e-9));
        if (t) assert_true(axis->ticks[t] > axis->ticks[t - 1]);
        sae_axis_label(axis, t, label, sizeof label);
        assert_string_not_equal(label, last);
        assert_true(fabs(strtod(label, NULL) - axis->ticks[t]) <= 1e-6 * fabs(axis->ticks[t]));
        snprintf(last, sizeof last, "%s", label);
    }
    assert_true(fabs(sae_axis_place(axis, axis->low)) < 1e-9 && fabs(sae_axis_place(axis, axis->high) - 1) < 1e-9);
}

static void axes(void **state)
{
    (void)state;
    static const double ranges[][2] = {{0.1, 0.4},   {0.127, 0.262}, {0, 1},       {0, 0},
                                       {0.25, 0.25}, {3.1, 3.1001},  {0.98, 1.02}, {17, 1234}};
    for (size_t i = 0; i < sizeof ranges / sizeof *ranges; i++) {
        for (int most = 3; most <= SAE_AXIS_TICKS; most++) {
            sae_axis axis = sae_axis_linear(ranges[i][0], ranges[i][1], most);
            check_axis(&axis, ranges[i][0], ranges[i][1], most);
            assert_true(axis.low >= 0);
            if (ranges[i][0] <= 0) continue;
            axis = sae_axis_log(ranges[i][0], ranges[i][1], most);
            if (most >= 6) check_axis(&axis, ranges[i][0], ranges[i][1], most);
        }
    }
    sae_axis axis = sae_axis_log(8, 64, 9);
    const double wanted[] = {8, 10, 15, 20, 30, 40, 50, 60};
    assert_int_equal(axis.count, 8);
    for (int t = 0; t < 8; t++) assert_true(fabs(axis.ticks[t] - wanted[t]) < 1e-9);
    axis = sae_axis_log(32, 32.5, 9); /* a small difference is not blown up */
    assert_true(fabs(axis.high / axis.low - 2) < 1e-9);
    axis = sae_axis_log(1, 4000, 12);
    assert_int_equal(axis.count, 12);
    assert_true(axis.ticks[0] == 1 && axis.ticks[1] == 2 && axis.ticks[2] == 5 && axis.ticks[11] == 5000);
    axis = sae_axis_log(1e-12, 1e30, 8);
    assert_in_range(axis.count, 3, 8);
}

/* ---- terminal --------------------------------------------------------------------------------------- */

static int columns_of(const char *from, const char *to)
{
    int columns = 0;
    for (; from < to; from++) columns += ((unsigned char)*from & 0xc0) != 0x80;
    return columns;
}

static char *drawing(const sae_frontier_point *p, size_t count, int columns)
{
    sae_error err;
    char *text = NULL;
    assert_ok(sae_frontier_draw(p, count, columns, &text, &err));
    int limit = columns < 60 ? 60 : columns > 120 ? 120 : columns;
    for (const char *line = text; *line; line = strchr(line, '\n') + 1) {
        const char *end = strchr(line, '\n');
        assert_non_null(end);
        if (end > line && end[-1] == ' ') fail_msg("a blank at the end: %.*s", (int)(end - line), line);
        if (columns_of(line, end) > limit && limit >= 80)
            fail_msg("wider than %d: %.*s", limit, (int)(end - line), line);
    }
    return text;
}

static void terminal(void **state)
{
    (void)state;
    sae_frontier_point p[12];
    size_t count = three_kinds(p);
    for (int columns = 0; columns <= 200; columns += 40) {
        char *text = drawing(p, count, columns);
        assert_contains(text, "■ topk   ● batchtopk   ▲ jumprelu");
        assert_null(strstr(text, "Not shown"));
        assert_null(strstr(text, "numbers: width")); /* there is one */
        free(text);
    }
    char *text = drawing(p, count, 100);
    assert_int_equal(count_of(text, "□") + count_of(text, "■"), 4 + 1);
    assert_int_equal(count_of(text, "■"), 1 + 1); /* the sparsest TopK SAE alone is on the frontier; and the legend */
    free(text);
}

static void odd_drawings(void **state)
{
    (void)state;
    sae_frontier_point p[] = {point(SAE_ARCH_TOPK, 64, 8, 0.3),   point(SAE_ARCH_TOPK, 4096, 60, 0.1),
                              point(SAE_ARCH_TOPK, 64, 8, 0.3),   point(SAE_ARCH_RELU, 64, 0, 1),
                              point(SAE_ARCH_TOPK, 64, NAN, 0.1), point(SAE_ARCH_JUMPRELU, 64, 20, NAN)};
    sae_frontier_mark(p, 6);
    char *text = drawing(p, 6, 80);
    assert_contains(text, "numbers: width");
    assert_contains(text, "4096");
    assert_contains(text, "Marks hidden under others: 1");
    assert_contains(text, "Not shown, since L0 is 0 or a value is unknown: 3");
    assert_null(strstr(text, "jumprelu")); /* nothing of it is shown */
    free(text);
    free(drawing(p + 3, 3, 80)); /* no point has a place */
    free(drawing(p, 0, 80));
    sae_frontier_point many[400]; /* no mark or label lands outside */
    for (int i = 0; i < 400; i++)
        many[i] =
            point((sae_arch)(i % SAE_ARCHS), 1000 + i % 7, pow(10, (i % 40) / 10.0), 0.01 + (i * 37 % 400) / 300.0);
    sae_frontier_mark(many, 400);
    free(drawing(many, 400, 60));
    free(drawing(many, 400, 120));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(dominated),
        cmocka_unit_test(ties),
        cmocka_unit_test(unknown),
        temp_test(csv),
        temp_test(unwritable),
        temp_test(picture),
        temp_test(every_kind),
        temp_test(odd_pictures),
        cmocka_unit_test(labels_do_not_touch),
        cmocka_unit_test(labels_stay_near),
        cmocka_unit_test(axes),
        cmocka_unit_test(terminal),
        cmocka_unit_test(odd_drawings),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
