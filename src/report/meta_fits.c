/* How much of the decoder rows' variance the meta-SAE explains, beside the baselines. */
#include "report/levels.h"
#include "report/meta_figures.h"
#include "report/words.h"

#include <math.h>

enum { FITS = 5 };

static const sae_meta_fit *fit_of(const sae_meta *m, int i)
{
    const sae_meta_fit *const fits[FITS] = {&m->batchtopk, &m->threshold, &m->random_rows, &m->random_directions,
                                            &m->pca};
    return fits[i];
}

static const char *const names[FITS] = {"Meta-SAE, BatchTopK", "Meta-SAE, by its threshold",
                                        "Random decoder rows, pursuit", "Random directions, pursuit",
                                        "Principal components"};

static void percent(char *out, size_t size, double share)
{
    snprintf(out, size, "%s\xc2\xa0%%", sae_fixed_words(100 * share, 1).text);
}

static void finding(FILE *out, const void *results)
{
    const sae_meta *m = results;
    char text[FITS][128];
    int best = 2;
    for (int i = 0; i < FITS; i++) percent(text[i], sizeof text[i], fit_of(m, i)->explained_variance);
    for (int i = 3; i < FITS; i++)
        if (fit_of(m, i)->explained_variance > fit_of(m, best)->explained_variance) best = i;
    double ours = m->batchtopk.explained_variance, theirs = fit_of(m, best)->explained_variance;
    fprintf(out, "With %s meta-latents each, on average, %s of the variance of the %s is explained",
            sae_short_words(m->batchtopk.l0).text, text[0], sae_plural_words(m->rows, "decoder row").text);
    if (ours > theirs)
        fprintf(out, ", more than by any baseline with as many atoms; the best of these, %s, has %s. ",
                best == 2   ? "random decoder rows"
                : best == 3 ? "random directions"
                            : "principal components",
                text[best]);
    else
        fprintf(out, "; a baseline with as many atoms explains %s: the meta-SAE found no better parts. ", text[best]);
    fputs("These are sums over all rows; each random dictionary is one draw.", out);
}

static sae_status draw(sae_chart *chart, const void *results, sae_error *err)
{
    (void)err;
    const sae_meta *m = results;
    sae_level levels[FITS];
    for (int i = 0; i < FITS; i++) {
        double value = 100 * fit_of(m, i)->explained_variance;
        levels[i] = (sae_level){.value = fmax(value, 0),
                                .style = i < 2 ? "cl" : "cr",
                                .opacity = i == 1 ? 0.45
                                           : i    ? 0.6
                                                  : 1};
        snprintf(levels[i].name, sizeof levels[i].name, "%s", names[i]);
        snprintf(levels[i].number.text, sizeof levels[i].number.text, "%.80s %%", sae_fixed_words(value, 1).text);
    }
    sae_levels_draw(chart, levels, FITS, 0, "Explained variance, per cent");
    return SAE_OK;
}

static void tabulate(sae_table *table, const void *results)
{
    static const char *const columns[] = {"Dictionary", "L0", "Explained variance", "Uncentred"};
    sae_table_begin(table, "What dictionaries explain of the decoder rows", columns, 4);
    for (int i = 0; i < FITS; i++) {
        const sae_meta_fit *fit = fit_of(results, i);
        sae_table_row(table);
        sae_table_text(table, names[i]);
        sae_table_real(table, fit->l0, 4);
        sae_table_fixed(table, fit->explained_variance, 4);
        sae_table_fixed(table, fit->explained_variance_uncentred, 4);
    }
    sae_table_end(table);
}

const sae_figure sae_baselines_figure = {
    .name = "baselines",
    .title = "How much a few meta-latents explain",
    .shows =
        "A bar for each dictionary: the share of the decoder rows' variance that it explains. The meta-SAE in both "
        "forms, and three baselines with as many atoms.",
    .finding = finding,
    .draw = draw,
    .tabulate = tabulate,
    .csv = "baselines.csv",
};
