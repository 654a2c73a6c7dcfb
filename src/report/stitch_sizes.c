/* How many latents change places together. */
#include "report/stitch_figures.h"
#include "report/words.h"

enum { SIZES = 33 }; /* 1, 2, 3–4, 5–8, … */

typedef struct sizes {
    int64_t counts[SIZES], most, largest, one_to_one;
    int bins;
} sizes;

static int size_bin(int64_t latents)
{
    int bin = 0;
    for (int64_t top = 1; top < latents; top *= 2) bin++;
    return bin;
}

static void size_name(int bin, char *out, size_t size)
{
    long long top = 1LL << bin;
    if (bin < 2)
        snprintf(out, size, "%lld", top);
    else
        snprintf(out, size, "%lld–%lld", top / 2 + 1, top);
}

static sizes count_sizes(const sae_stitch *s)
{
    sizes all = {.bins = 1};
    for (int64_t c = 0; c < s->n_swap + s->n_remove; c++) {
        int64_t latents = s->components[c].n_small + s->components[c].n_large;
        int bin = size_bin(latents);
        if (++all.counts[bin] > all.most) all.most = all.counts[bin];
        if (bin >= all.bins) all.bins = bin + 1;
        if (latents > all.largest) all.largest = latents;
        all.one_to_one += s->components[c].n_small == 1 && s->components[c].n_large == 1;
    }
    return all;
}

static void finding(FILE *out, const void *results)
{
    const sae_stitch *s = results;
    sizes all = count_sizes(s);
    fprintf(out,
            "At threshold %s, latents of both SAEs hang together in %s, %s of them one of each; the largest component "
            "has %s. ",
            sae_short_words(s->threshold).text, sae_plural_words(s->n_swap, "component").text,
            sae_count_words(all.one_to_one).text, sae_plural_words(all.largest, "latent").text);
    fprintf(out,
            "No counterpart in the other SAE: %s of the small one, which are removed, and %s of the large one, which "
            "are inserted.",
            sae_plural_words(s->n_remove, "latent").text, sae_count_words(s->n_insert).text);
}

static void bars(const sae_chart *chart, const sizes *all)
{
    double step = chart->across / all->bins, ground = chart->top + chart->down;
    double width = step * 0.7 < 90 ? step * 0.7 : 90;
    for (int b = 0; b < all->bins; b++) {
        char name[64];
        double x = chart->left + b * step + step / 2, y = sae_chart_y(chart, (double)all->counts[b]);
        size_name(b, name, sizeof name);
        if (all->counts[b])
            fprintf(chart->out,
                    "<g class=\"cl\"><rect fill=\"currentColor\" x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" "
                    "height=\"%.1f\"/></g>\n",
                    x - width / 2, y, width, ground - y);
        sae_chart_text(chart, x, y - 7, "t n o", "middle", sae_count_words(all->counts[b]).text);
        sae_chart_text(chart, x, ground + 19, "m", "middle", name);
    }
}

static sae_status draw(sae_chart *chart, const void *results, sae_error *err)
{
    (void)err;
    sizes all = count_sizes(results);
    chart->x = sae_axis_linear(0, all.bins, 9);
    chart->y = sae_axis_linear(0, (double)all.most * 1.1, 7);
    sae_chart_frame frame = {.down = sae_chart_height(chart, 270),
                             .x_name = "Latents of both SAEs in a component (1: removals)",
                             .y_name = "Number of components"};
    sae_chart_begin(chart, &frame);
    sae_chart_grid_y(chart);
    bars(chart, &all);
    sae_chart_ground(chart);
    sae_chart_end(chart);
    return SAE_OK;
}

static void tabulate(sae_table *table, const void *results)
{
    static const char *const columns[] = {"Latents", "Components"};
    sizes all = count_sizes(results);
    sae_table_begin(table, "Components by their number of latents", columns, 2);
    for (int b = 0; b < all.bins; b++) {
        char name[64];
        size_name(b, name, sizeof name);
        sae_table_row(table);
        sae_table_text(table, name);
        sae_table_count(table, all.counts[b]);
    }
    sae_table_end(table);
}

const sae_figure sae_sizes_figure = {
    .name = "components",
    .title = "Latents that change places together",
    .shows = "A bar for each class of sizes: how many components have so many latents of both SAEs.",
    .finding = finding,
    .draw = draw,
    .tabulate = tabulate,
    .csv = "components.csv",
};
