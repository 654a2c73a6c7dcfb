/* How many latents change places together. */
#include "report/sizes.h"
#include "report/stitch_figures.h"
#include "report/words.h"

static void finding(FILE *out, const void *results)
{
    const sae_stitch *s = results;
    int64_t largest = 0, one_to_one = 0;
    for (int64_t c = 0; c < s->n_swap + s->n_remove; c++) {
        int64_t latents = s->components[c].n_small + s->components[c].n_large;
        if (latents > largest) largest = latents;
        one_to_one += s->components[c].n_small == 1 && s->components[c].n_large == 1;
    }
    fprintf(out,
            "At threshold %s, latents of both SAEs hang together in %s, %s of them one of each; the largest component "
            "has %s. ",
            sae_short_words(s->threshold).text, sae_plural_words(s->n_swap, "component").text,
            sae_count_words(one_to_one).text, sae_plural_words(largest, "latent").text);
    fprintf(out,
            "No counterpart in the other SAE: %s of the small one, which are removed, and %s of the large one, which "
            "are inserted.",
            sae_plural_words(s->n_remove, "latent").text, sae_count_words(s->n_insert).text);
}

static sae_sizes count_sizes(const sae_stitch *s)
{
    sae_sizes sizes = sae_sizes_none();
    for (int64_t c = 0; c < s->n_swap + s->n_remove; c++)
        sae_sizes_add(&sizes, s->components[c].n_small + s->components[c].n_large);
    return sizes;
}

static sae_status draw(sae_chart *chart, const void *results, sae_error *err)
{
    (void)err;
    sae_sizes sizes = count_sizes(results);
    sae_sizes_draw(chart, &sizes, "Latents of both SAEs in a component (1: removals)", "Number of components");
    return SAE_OK;
}

static void tabulate(sae_table *table, const void *results)
{
    static const char *const columns[] = {"Latents", "Components"};
    sae_sizes sizes = count_sizes(results);
    sae_sizes_tabulate(table, &sizes, "Components by their number of latents", columns);
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
