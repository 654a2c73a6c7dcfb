/* Activation cosine over decoder cosine, one mark for each latent of the large SAE and its nearest of the small one. */
#include "report/comparison_figures.h"
#include "report/cosine_class.h"
#include "report/points.h"
#include "report/words.h"

#include <math.h>

#define R2_FROM 0.5 /* decoder cosine above which pairs enter R² */

static sae_points points_of(const sae_comparison *c)
{
    return (sae_points){.count = c->n_large,
                        .x = c->large_in_small,
                        .y = c->act_cos,
                        .x_noun = "decoder cosine",
                        .y_noun = "activation cosine",
                        .style = "cl"};
}

/* R² of the ends of a 95 % interval of the correlation, by Fisher's transformation. */
static sae_interval r2_interval(const sae_comparison *c)
{
    if (c->r2_pairs < 4 || !(c->r2 < 1)) return (sae_interval){NAN, NAN};
    double z = atanh(sqrt(c->r2)), half = 1.959964 / sqrt((double)c->r2_pairs - 3);
    return (sae_interval){pow(tanh(fmax(z - half, 0)), 2), pow(tanh(z + half), 2)};
}

static void finding(FILE *out, const void *results)
{
    const sae_comparison *c = results;
    sae_points points = points_of(c);
    int64_t known = sae_points_known(&points);
    if (isnan(c->r2)) {
        fprintf(out,
                "Only %s with decoder cosine above 0.5 fired often enough: too few to say how decoder and "
                "activation cosine go together. ",
                sae_plural_words(c->r2_pairs, "pair").text);
    } else {
        sae_interval interval = r2_interval(c);
        fprintf(out, "%s over %s with decoder cosine above 0.5: R² = %s",
                c->r2 >= 0.5    ? "Latents that point alike fire alike,"
                : c->r2 >= 0.25 ? "Latents that point alike tend to fire alike,"
                                : "How alike two latents point tells little about how alike they fire,",
                sae_plural_words(c->r2_pairs, "pair").text, sae_fixed_words(c->r2, 2).text);
        if (!isnan(interval.low))
            fprintf(out, " (95\xc2\xa0%% interval %s to %s)", sae_fixed_words(interval.low, 2).text,
                    sae_fixed_words(interval.high, 2).text);
        fputs(". ", out);
    }
    fprintf(out, "Drawn are %s", sae_plural_words(known, "pair").text);
    if (known < c->n_large)
        fprintf(out, "; of the other %s, one latent or both were active on fewer than %s tokens",
                sae_count_words(c->n_large - known).text, sae_count_words(c->min_active).text);
    fputs(".", out);
}

/* ---- the drawing --------------------------------------------------------------------------------------- */

static bool in_r2(const sae_comparison *c, int64_t i)
{
    return c->large_in_small[i] > R2_FROM && !isnan(c->act_cos[i]);
}

/* The least-squares line through the pairs of R², from the leftmost to the rightmost. */
static void regression(const sae_chart *chart, const sae_comparison *c, const sae_chart_entry *look)
{
    double n = 0, x = 0, y = 0, xx = 0, xy = 0, low = 1, high = R2_FROM;
    for (int64_t i = 0; i < c->n_large; i++) {
        if (!in_r2(c, i)) continue;
        n++;
        x += c->large_in_small[i];
        y += c->act_cos[i];
        low = fmin(low, c->large_in_small[i]);
        high = fmax(high, c->large_in_small[i]);
    }
    x /= n;
    y /= n;
    for (int64_t i = 0; i < c->n_large; i++) {
        if (!in_r2(c, i)) continue;
        xx += pow(c->large_in_small[i] - x, 2);
        xy += (c->large_in_small[i] - x) * (c->act_cos[i] - y);
    }
    double slope = xy / xx, ends[4] = {low, y + slope * (low - x), high, y + slope * (high - x)};
    sae_chart_line(chart, ends, 2, look);
}

static sae_status draw(sae_chart *chart, const void *results, sae_error *err)
{
    (void)err;
    const sae_comparison *c = results;
    sae_points points = points_of(c);
    sae_chart_entry key[2];
    int entries = sae_points_key(&points, "darker: more pairs", key);
    if (!isnan(c->r2))
        key[entries++] = (sae_chart_entry){SAE_SWATCH_LINE, "ck", NULL, 1, "linear fit of the pairs above 0.5"};
    double low_x = R2_FROM, low_y = 0;
    for (int64_t i = 0; i < c->n_large; i++) {
        if (isnan(c->act_cos[i])) continue;
        low_x = fmin(low_x, c->large_in_small[i]);
        low_y = fmin(low_y, c->act_cos[i]);
    }
    chart->x = sae_axis_linear(low_x, 1, sae_chart_ticks(chart));
    chart->y = sae_axis_linear(low_y, 1, 7);
    sae_chart_frame frame = {.down = chart->form == SAE_CHART_NARROW ? 250 : 380,
                             .x_name = "Decoder cosine with the nearest latent of the small SAE",
                             .y_name = "Cosine of the two latents' activations",
                             .key = key,
                             .entries = entries};
    sae_chart_begin(chart, &frame);
    sae_chart_grid_y(chart);
    sae_chart_grid_x(chart);
    sae_chart_ground(chart);
    sae_points_draw(chart, &points);
    sae_chart_marker(chart, R2_FROM, "");
    if (!isnan(c->r2)) regression(chart, c, &key[entries - 1]);
    sae_chart_end(chart);
    return SAE_OK;
}

/* ---- the table ----------------------------------------------------------------------------------------- */

/* By decoder cosine: how many pairs, and their activation cosine. */
static void tabulate(sae_table *table, const void *results)
{
    static const char *const columns[] = {"Decoder cosine",     "Pairs",  "Mean activation cosine",
                                          "Standard deviation", "Lowest", "Highest"};
    const sae_comparison *c = results;
    struct {
        double n, sum, squares, low, high;
    } classes[SAE_COSINE_CLASSES] = {{0}};
    for (int64_t i = 0; i < c->n_large; i++) {
        double y = c->act_cos[i];
        if (isnan(y)) continue;
        int class = sae_cosine_class(c->large_in_small[i]);
        classes[class].low = classes[class].n > 0 ? fmin(classes[class].low, y) : y;
        classes[class].high = classes[class].n > 0 ? fmax(classes[class].high, y) : y;
        classes[class].n++;
        classes[class].sum += y;
        classes[class].squares += y * y;
    }
    sae_table_begin(table, "Activation cosine of pairs by their decoder cosine", columns, 6);
    for (int class = SAE_COSINE_CLASSES - 1; class >= 0; class --) {
        double n = classes[class].n, mean = classes[class].sum / n;
        if (n == 0) continue;
        sae_table_row(table);
        sae_table_text(table, sae_cosine_class_words(class).text);
        sae_table_count(table, (int64_t)n);
        sae_table_fixed(table, mean, 3);
        sae_table_fixed(table, n > 1 ? sqrt(fmax(classes[class].squares - n * mean * mean, 0) / (n - 1)) : NAN, 3);
        sae_table_fixed(table, classes[class].low, 3);
        sae_table_fixed(table, classes[class].high, 3);
    }
    sae_table_end(table);
}

const sae_figure sae_pairs_figure = {
    .name = "pairs",
    .title = "Do latents that point alike fire alike?",
    .shows = "A scatter plot of each latent of the large SAE with its nearest of the small one: to the right their "
             "decoder cosine, upwards the cosine of their activations over the same tokens.",
    .finding = finding,
    .draw = draw,
    .tabulate = tabulate,
    .csv = "pairs.csv",
};
