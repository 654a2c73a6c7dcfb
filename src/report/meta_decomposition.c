/* Of latents: how well they are explained. Of meta-latents: how many latents they have, and whether a smaller SAE has
 * them as latents. */
#include "report/histogram.h"
#include "report/meta_figures.h"
#include "report/sizes.h"
#include "report/words.h"

#include <math.h>

enum { BINS = 50 };

/* ---- latents ------------------------------------------------------------------------------------------------- */

typedef struct shares {
    int64_t counts[BINS], known, below_half;
    double sum;
} shares;

static sae_histogram histogram_of(const int64_t *counts)
{
    return (sae_histogram){0, 1, BINS, counts};
}

static shares count_explained(const sae_meta *m)
{
    shares all = {.known = 0};
    sae_histogram h = histogram_of(all.counts);
    for (int64_t r = 0; r < m->rows; r++) {
        if (isnan(m->explained[r])) continue;
        all.counts[sae_histogram_bin(&h, m->explained[r])]++;
        all.known++;
        all.below_half += m->explained[r] < 0.5;
        all.sum += m->explained[r];
    }
    return all;
}

static void explained_finding(FILE *out, const void *results)
{
    const sae_meta *m = results;
    shares all = count_explained(m);
    double n = (double)all.known, mean = all.sum / n, squares = 0;
    for (int64_t r = 0; r < m->rows; r++)
        if (!isnan(m->explained[r])) squares += pow(m->explained[r] - mean, 2);
    fprintf(out, "A latent is explained to %s\xc2\xa0%% on average, give or take %s (standard deviation over %s). ",
            sae_fixed_words(100 * mean, 0).text, sae_fixed_words(100 * sqrt(squares / fmax(n - 1, 1)), 0).text,
            sae_plural_words(all.known, "latent").text);
    fprintf(out, "%s are explained by less than half", sae_share_words(all.below_half, all.known).text);
    if (m->alone > 0) fprintf(out, "; without a meta-latent: %s", sae_count_words(m->alone).text);
    fputs(".", out);
}

static sae_status draw_explained(sae_chart *chart, const void *results, sae_error *err)
{
    (void)err;
    shares all = count_explained(results);
    sae_histogram h = histogram_of(all.counts);
    sae_chart_frame frame = {.down = sae_chart_height(chart, 250),
                             .x_name = "Explained share of the latent's row",
                             .y_name = "Number of latents"};
    chart->x = sae_axis_linear(0, 1, sae_chart_ticks(chart));
    chart->y = sae_axis_linear(0, (double)sae_histogram_most(&h), 6);
    sae_chart_begin(chart, &frame);
    sae_chart_grid_y(chart);
    sae_chart_grid_x(chart);
    sae_histogram_bars(chart, &h, "cl", "latent", 0);
    sae_chart_ground(chart);
    sae_chart_end(chart);
    return SAE_OK;
}

static void tabulate_explained(sae_table *table, const void *results)
{
    enum { PER_ROW = 5 };
    static const char *const columns[] = {"Explained share", "Latents"};
    shares all = count_explained(results);
    sae_histogram h = histogram_of(all.counts);
    sae_table_begin(table, "Latents by the share of their row that is explained", columns, 2);
    for (int b = BINS - PER_ROW; b >= 0; b -= PER_ROW) {
        char range[64];
        int64_t count = 0;
        for (int i = 0; i < PER_ROW; i++) count += all.counts[b + i];
        snprintf(range, sizeof range, "%.20s to %.20s", sae_fixed_words(sae_histogram_edge(&h, b), 1).text,
                 sae_fixed_words(sae_histogram_edge(&h, b + PER_ROW), 1).text);
        sae_table_row(table);
        sae_table_text(table, b == 0 ? "0.1 or less" : range);
        sae_table_count(table, count);
    }
    sae_table_end(table);
}

const sae_figure sae_decomposition_figure = {
    .name = "decomposition",
    .title = "How well latents are explained",
    .shows = "A histogram of the latents over the share of their decoder row's distance from the mean row that their "
             "meta-latents explain; what is below 0 is counted at 0.",
    .finding = explained_finding,
    .draw = draw_explained,
    .tabulate = tabulate_explained,
    .csv = "decomposition.csv",
};

/* ---- meta-latents -------------------------------------------------------------------------------------------- */

static sae_sizes count_latents(const sae_meta *m)
{
    sae_sizes sizes = sae_sizes_none();
    for (int64_t i = 0; i < m->width; i++) sae_sizes_add(&sizes, m->meta_offsets[i + 1] - m->meta_offsets[i]);
    return sizes;
}

static void latents_finding(FILE *out, const void *results)
{
    const sae_meta *m = results;
    int64_t largest = 0;
    for (int64_t i = 0; i < m->width; i++) {
        int64_t count = m->meta_offsets[i + 1] - m->meta_offsets[i];
        if (count > largest) largest = count;
    }
    fprintf(out, "A meta-latent is part of %s latents on average; the most common one is part of %s. ",
            sae_real_words((double)m->parts / (double)m->width, 3).text, sae_count_words(largest).text);
    if (m->unused > 0)
        fprintf(out, "Part of none: %s.", sae_share_words(m->unused, m->width).text);
    else
        fputs("None is unused.", out);
}

static sae_status draw_latents(sae_chart *chart, const void *results, sae_error *err)
{
    (void)err;
    sae_sizes sizes = count_latents(results);
    sae_sizes_draw(chart, &sizes, "Latents that have the meta-latent", "Number of meta-latents");
    return SAE_OK;
}

static void tabulate_latents(sae_table *table, const void *results)
{
    static const char *const columns[] = {"Latents", "Meta-latents"};
    sae_sizes sizes = count_latents(results);
    sae_sizes_tabulate(table, &sizes, "Meta-latents by their number of latents", columns);
}

const sae_figure sae_meta_latents_figure = {
    .name = "meta_latents",
    .title = "How many latents share a meta-latent",
    .shows = "A bar for each class of sizes: how many meta-latents are part of so many latents.",
    .finding = latents_finding,
    .draw = draw_latents,
    .tabulate = tabulate_latents,
    .csv = "meta_latents.csv",
};

/* ---- beside a smaller SAE ------------------------------------------------------------------------------------ */

#define ALIKE 0.7 /* the comparison's customary threshold */

static void count_cosines(const sae_meta *m, int64_t meta[BINS], int64_t random[BINS])
{
    sae_histogram h = histogram_of(NULL);
    for (int64_t i = 0; i < m->width; i++) {
        meta[sae_histogram_bin(&h, m->max_cos[i])]++;
        random[sae_histogram_bin(&h, m->random_max_cos[i])]++;
    }
}

static double mean_of(const double *values, int64_t n)
{
    double sum = 0;
    for (int64_t i = 0; i < n; i++) sum += values[i];
    return sum / (double)n;
}

static void against_finding(FILE *out, const void *results)
{
    const sae_meta *m = results;
    int64_t alike = 0;
    for (int64_t i = 0; i < m->width; i++) alike += m->max_cos[i] > ALIKE;
    fprintf(out,
            "%s meta-latents point like a latent of the smaller SAE (cosine above %s). The mean of their maximum "
            "cosine is %s; that of random directions is %s.",
            sae_share_words(alike, m->width).text, sae_short_words(ALIKE).text,
            sae_fixed_words(mean_of(m->max_cos, m->width), 2).text,
            sae_fixed_words(mean_of(m->random_max_cos, m->width), 2).text);
}

static sae_status draw_against(sae_chart *chart, const void *results, sae_error *err)
{
    (void)err;
    int64_t meta[BINS] = {0}, random[BINS] = {0};
    sae_histogram h = histogram_of(meta), chance = histogram_of(random);
    const sae_chart_entry key[] = {{SAE_SWATCH_BOX, "cl", NULL, 1, "meta-latents"},
                                   {SAE_SWATCH_LINE, "cr", NULL, 1, "random directions"}};
    count_cosines(results, meta, random);
    double most = fmax((double)sae_histogram_most(&h), (double)sae_histogram_most(&chance));
    sae_chart_frame frame = {.down = sae_chart_height(chart, 250),
                             .x_name = "Maximum decoder cosine with the latents of the smaller SAE",
                             .y_name = "Number of meta-latents",
                             .key = key,
                             .entries = 2};
    chart->x = sae_axis_linear(0, 1, sae_chart_ticks(chart));
    chart->y = sae_axis_linear(0, most, 6);
    sae_chart_begin(chart, &frame);
    sae_chart_grid_y(chart);
    sae_chart_grid_x(chart);
    sae_histogram_bars(chart, &h, "cl", "meta-latent", 0);
    sae_histogram_outline(chart, &chance, &key[1]);
    sae_chart_ground(chart);
    sae_chart_end(chart);
    return SAE_OK;
}

static void tabulate_against(sae_table *table, const void *results)
{
    enum { PER_ROW = 5 };
    static const char *const columns[] = {"Maximum cosine", "Meta-latents", "Random directions"};
    int64_t meta[BINS] = {0}, random[BINS] = {0};
    count_cosines(results, meta, random);
    sae_table_begin(table, "Meta-latents by their maximum cosine with the smaller SAE", columns, 3);
    for (int b = BINS - PER_ROW; b >= 0; b -= PER_ROW) {
        char range[64];
        int64_t counts[2] = {0};
        for (int i = 0; i < PER_ROW; i++) {
            counts[0] += meta[b + i];
            counts[1] += random[b + i];
        }
        snprintf(range, sizeof range, "%.20s to %.20s", sae_fixed_words((double)b / BINS, 1).text,
                 sae_fixed_words((double)(b + PER_ROW) / BINS, 1).text);
        sae_table_row(table);
        sae_table_text(table, range);
        sae_table_count(table, counts[0]);
        sae_table_count(table, counts[1]);
    }
    sae_table_end(table);
}

const sae_figure sae_against_figure = {
    .name = "against",
    .title = "Are meta-latents the latents of a smaller SAE?",
    .shows =
        "A histogram of the meta-latents over their maximum decoder cosine with the latents of the smaller SAE, and "
        "as an outline that of as many random directions.",
    .finding = against_finding,
    .draw = draw_against,
    .tabulate = tabulate_against,
    .csv = "against.csv",
};
