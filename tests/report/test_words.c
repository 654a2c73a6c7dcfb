/* Numbers as words, classes of cosines, and points counted in hexagons. */
#include "report/markup.h"

#include "report/cosine_class.h"
#include "report/points.h"
#include "report/words.h"

#include <math.h>

static void numbers(void **state)
{
    (void)state;
    assert_string_equal(sae_count_words(0).text, "0");
    assert_string_equal(sae_count_words(999).text, "999");
    assert_string_equal(sae_count_words(1234567).text, "1,234,567");
    assert_string_equal(sae_count_words(-1000).text, "\xe2\x88\x92"
                                                     "1,000");
    assert_string_equal(sae_count_words(INT64_MIN).text, "\xe2\x88\x92"
                                                         "9,223,372,036,854,775,808");
    assert_string_equal(sae_real_words(0.69999, 3).text, "0.700");
    assert_string_equal(sae_real_words(9.996, 3).text, "10.0");
    assert_string_equal(sae_real_words(-12345.6, 4).text, "\xe2\x88\x92"
                                                          "12,346");
    assert_string_equal(sae_real_words(0, 3).text, "0");
    assert_string_equal(sae_real_words(NAN, 3).text, "unknown");
    assert_string_equal(sae_real_words(INFINITY, 3).text, "unknown");
    assert_string_equal(sae_real_words(1e-9, 3).text, "1.00e-09");
    assert_string_equal(sae_real_words(-1.7e300, 2).text, "\xe2\x88\x92"
                                                          "1.7e+300");
    assert_string_equal(sae_fixed_words(-0.0004, 2).text, "0.00");
    assert_string_equal(sae_short_words(0.7).text, "0.7");
    assert_string_equal(sae_share_words(306, 512).text, "306 of 512 (60\xc2\xa0%)");
    assert_string_equal(sae_share_words(1, 100000).text, "1 of 100,000 (0.0\xc2\xa0%)");
    assert_string_equal(sae_share_words(0, 0).text, "0 of 0");
    assert_string_equal(sae_plural_words(1, "latent").text, "1 latent");
    assert_string_equal(sae_plural_words(2000, "latent").text, "2,000 latents");
}

static void classes(void **state)
{
    (void)state;
    assert_string_equal(sae_cosine_class_words(sae_cosine_class(0.7)).text, "0.7 to 0.8");
    assert_string_equal(sae_cosine_class_words(sae_cosine_class(0.69)).text, "0.6 to 0.7");
    assert_string_equal(sae_cosine_class_words(sae_cosine_class(1)).text, "0.9 to 1.0");
    assert_string_equal(sae_cosine_class_words(sae_cosine_class(1.0000001)).text, "0.9 to 1.0");
    assert_string_equal(sae_cosine_class_words(sae_cosine_class(-0.05)).text, "\xe2\x88\x92"
                                                                              "0.1 to 0.0");
    assert_int_equal(sae_cosine_class(-1.1), 0);
}

/* ---- hexagons ---------------------------------------------------------------------------------------------- */

typedef struct hexagon {
    double x, y;
    long long count;
} hexagon;

static int read_hexagons(const char *text, hexagon *out, int most)
{
    int n = 0;
    for (const char *at = text; (at = strstr(at, "<path d=\"M")) && n < most; at++) {
        double corner, half, slope;
        assert_int_equal(sscanf(at, "<path d=\"M%lf %lfl%lf %lf", &out[n].x, &corner, &half, &slope), 4);
        out[n].y = corner + 2 * slope; /* the middle is a radius below the upper corner */
        const char *title = strstr(at, "<title>");
        out[n].count = strtoll(title + 7, NULL, 10);
        n++;
    }
    return n;
}

/* Every point is counted once, in the hexagon whose middle is nearest, however many there are. */
static void hexagons(void **state)
{
    enum { N = 3000, MOST = 6000 };
    (void)state;
    static double x[N], y[N];
    static hexagon found[MOST];
    uint32_t random = 1;
    for (int i = 0; i < N; i++) {
        random = random * 1664525 + 1013904223;
        x[i] = (double)(random >> 8) / (1 << 24);
        random = random * 1664525 + 1013904223;
        y[i] = (double)(random >> 8) / (1 << 24);
    }
    x[5] = y[5] = 0;
    x[6] = y[6] = 1;
    x[7] = 2; /* beyond the axes: drawn at their end */
    y[8] = NAN;
    char *text;
    size_t size;
    sae_chart chart = {.out = open_memstream(&text, &size),
                       .form = SAE_CHART_WIDE,
                       .left = 50,
                       .top = 20,
                       .across = SAE_CHART_ACROSS,
                       .down = SAE_CHART_DOWN};
    chart.x = chart.y = sae_axis_linear(0, 1, 5);
    sae_points points = {.count = N, .x = x, .y = y, .x_noun = "x", .y_noun = "y", .style = "cl"};
    assert_int_equal(sae_points_known(&points), N - 1);
    assert_int_equal(sae_points_beyond(&points, &chart.x, &chart.y), 1);
    sae_points_draw(&chart, &points);
    fclose(chart.out);
    int n = read_hexagons(text, found, MOST);
    long long total = 0, counted[MOST] = {0};
    for (int h = 0; h < n; h++) total += found[h].count;
    assert_int_equal(total, N - 1);
    for (int i = 0; i < N; i++) {
        if (isnan(y[i])) continue;
        double px = sae_chart_x(&chart, fmin(x[i], 1)), py = sae_chart_y(&chart, y[i]), least = INFINITY,
               next = INFINITY;
        int nearest = 0;
        for (int h = 0; h < n; h++) {
            double distance = hypot(found[h].x - px, found[h].y - py);
            if (distance < least) {
                next = least;
                least = distance;
                nearest = h;
            } else if (distance < next) {
                next = distance;
            }
        }
        assert_true(least < 5.3);
        counted[nearest] += next - least > 0.2; /* places are written to a tenth of a pixel: leave doubtful ones out */
        if (next - least <= 0.2) total--;
    }
    long long sum = 0;
    for (int h = 0; h < n; h++) {
        assert_true(counted[h] <= found[h].count);
        sum += counted[h];
    }
    assert_int_equal(sum, total);
    assert_true(sum > N * 9 / 10);
    free(text);
}

/* Few points are marks with a name each. */
static void marks(void **state)
{
    (void)state;
    double x[3] = {0.1, 0.5, NAN}, y[3] = {0.2, -0.5, 0.5};
    char *text;
    size_t size;
    sae_chart chart = {.out = open_memstream(&text, &size), .left = 50, .across = 100, .down = 100};
    chart.x = chart.y = sae_axis_linear(0, 1, 5);
    sae_points points = {.count = 3, .x = x, .y = y, .x_noun = "cosine", .y_noun = "effect", .style = "cl"};
    sae_points_draw(&chart, &points);
    fclose(chart.out);
    assert_int_equal(count_of(text, "<circle "), 2);
    assert_contains(text, "cx=\"60.0\" cy=\"80.0\"");
    assert_contains(text, "cx=\"100.0\" cy=\"100.0\""); /* at the edge */
    assert_contains(text, "latent 1: cosine 0.500, effect \xe2\x88\x92"
                          "0.500");
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(numbers), cmocka_unit_test(classes), cmocka_unit_test(hexagons),
                                       cmocka_unit_test(marks)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
