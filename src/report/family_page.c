/* The page of a family of SAEs. */
#include <sae/report.h>

#include "report/family_figures.h"
#include "report/forest.h"
#include "report/page.h"
#include "report/words.h"

#include "base/alloc.h"
#include "base/error.h"

enum { GLANCE, MATRIX, TREE, NEIGHBOURS, TERMS, SECTIONS };

static const sae_page_section sections[SECTIONS] = {
    [GLANCE] = {"glance", "At a glance"},       [MATRIX] = {"all-pairs", "All pairs"},
    [TREE] = {"splitting", "Splitting"},        [NEIGHBOURS] = {"neighbours", "Neighbours"},
    [TERMS] = {"terms", "What the words mean"},
};

/* ---- at a glance --------------------------------------------------------------------------------------------- */

static void write_lead(const sae_family *f, char *out, size_t size)
{
    size_t last = f->n_members - 1;
    snprintf(out, size,
             "%zu SAEs with %s to %s latents. %s of the latents of the largest have no counterpart in any smaller one, "
             "and %s of those of the smallest none in the largest.",
             f->n_members, sae_count_words(f->members[0].n).text, sae_count_words(f->members[last].n).text,
             sae_percent_words(f->n_first[last], f->members[last].n).text,
             sae_percent_words(f->novel[last], f->members[0].n).text);
}

static void write_title(const sae_family *f, char *out, size_t size)
{
    int length = snprintf(out, size, "Widths ");
    for (size_t i = 0; i < f->n_members && (size_t)length + 40 < size; i++)
        length += snprintf(out + length, size - (size_t)length, "%s%s",
                           i == 0                 ? ""
                           : i + 1 < f->n_members ? ", "
                                                  : " and ",
                           sae_count_words(f->members[i].n).text);
}

static sae_status members(sae_page *page, const sae_family *f, const sae_report_origin *origin, sae_error *err)
{
    double *values = sae_alloc(f->n_members, 4 * sizeof *values);
    if (!values) return sae_fail_memory(err, "a page", f->n_members * 4 * sizeof *values);
    double *mse = values + f->n_members, *per_dim = mse + f->n_members, *silent = per_dim + f->n_members;
    for (size_t i = 0; i < f->n_members; i++) {
        values[i] = f->members[i].l0;
        mse[i] = f->members[i].mse;
        per_dim[i] = f->members[i].mse / (double)f->d;
        silent[i] = (double)f->members[i].never_fired;
    }
    const sae_page_row rows[] = {
        {"L0", values, 4}, {"MSE", mse, 4}, {"MSE per dimension", per_dim, 4}, {"Never fired", silent, 1}};
    sae_page_origin(page, origin, NULL, rows, 4);
    sae_free(values);
    return SAE_OK;
}

/* ---- neighbours ---------------------------------------------------------------------------------------------- */

static void neighbours(sae_page *page, const sae_family *f)
{
    static const char *const columns[] = {"SAEs", "Novel",       "One to one",   "Mean cosine",
                                          "R²",   "Pairs in R²", "Excess error", "95\xc2\xa0% interval"};
    sae_page_paragraph(page, "Each two SAEs of neighbouring width have a report of their own, with the histograms of "
                             "cosines, activations, errors and latents.");
    sae_table table = sae_page_table(page, "Neighbours, each with its report", columns, 8, 0);
    for (size_t i = 0; i + 1 < f->n_members; i++) {
        char target[64], name[64];
        const sae_comparison *c = f->neighbours[i];
        snprintf(target, sizeof target, "%zu-%zu/index.html", i + 1, i + 2);
        snprintf(name, sizeof name, "%zu and %zu", i + 1, i + 2);
        sae_table_row(&table);
        sae_table_link(&table, target, name);
        sae_table_text(&table, sae_percent_words(c->novel, c->n_large).text);
        sae_table_text(&table, sae_percent_words(c->one_to_one_above, c->one_to_one).text);
        sae_table_fixed(&table, c->one_to_one_mean, 3);
        sae_table_fixed(&table, c->r2, 2);
        sae_table_count(&table, c->r2_pairs);
        sae_table_real(&table, c->novel_mean.excess, 3);
        sae_table_interval(&table, &c->novel_mean.excess_interval, 3);
    }
    sae_page_table_end(page, &table);
}

/* ---- the page ------------------------------------------------------------------------------------------------ */

static const char *const terms[][2] = {
    {"Number", "SAEs are numbered by ascending width, from 1."},
    {"Novel",
     "A latent without a counterpart in another SAE: its maximum decoder cosine with that SAE's latents is below "
     "the threshold."},
    {"First appearance", "Of a latent of the largest SAE: the smallest SAE in which it has a counterpart."},
    {"Split", "A latent that is the nearest of two or more latents of the next width, with a cosine at or above the "
              "threshold."},
    {"One to one",
     "Pairs of latents of both SAEs, each latent in one pair at most, with the largest sum of cosines: the "
     "share of these with a cosine at or above the threshold."},
    {"R²", "Squared correlation of decoder and activation cosine over the pairs with decoder cosine above 0.5."},
    {"Excess error",
     "How much more the error of the smaller SAE grows than that of the larger one where a novel latent "
     "fires; a sum over the dimensions. Interval: percentile bootstrap over latents."},
};

static sae_status write_body(sae_page *page, const sae_family *f, const sae_report_origin *origin,
                             const sae_forest *forest, sae_error *err)
{
    sae_status status = SAE_OK;
    sae_page_begin(page, GLANCE);
    SAE_TRY(members(page, f, origin, err));
    sae_page_begin(page, MATRIX);
    sae_page_paragraph(page,
                       "A latent of one SAE may have a counterpart in another or not. If larger dictionaries only "
                       "added latents, nothing of a smaller one would be missing in a larger one.");
    SAE_TRY(sae_page_figure(page, &sae_matrix_figure, f, err));
    SAE_TRY(sae_page_figure(page, &sae_first_figure, f, err));
    sae_page_begin(page, TREE);
    SAE_TRY(sae_page_figure(page, &sae_tree_figure, forest, err));
    sae_page_begin(page, NEIGHBOURS);
    neighbours(page, f);
    sae_page_begin(page, TERMS);
    sae_page_terms(page, terms, sizeof terms / sizeof *terms);
done:
    return status;
}

sae_status sae_report_family(const sae_family *f, const sae_report_origin *origin, const char *path, sae_error *err)
{
    char lead[640], title[512];
    sae_forest forest;
    sae_page page = {0};
    sae_status status = sae_forest_make(&forest, f, err);
    if (status != SAE_OK) return status;
    write_lead(f, lead, sizeof lead);
    write_title(f, title, sizeof title);
    const sae_page_head head = {
        "Comparison of a family of sparse autoencoders", title, lead, origin->above, sections, SECTIONS};
    SAE_TRY(sae_page_open(&page, &head, err));
    SAE_TRY(write_body(&page, f, origin, &forest, err));
    status = sae_page_save(&page, path, err);
done:
    sae_page_drop(&page);
    sae_forest_clear(&forest);
    return status;
}

/* ---- pictures of their own ----------------------------------------------------------------------------------- */

sae_status sae_family_draw_matrix(const sae_family *f, const char *path, sae_error *err)
{
    return sae_figure_save(&sae_matrix_figure, f, path, err);
}

sae_status sae_family_draw_first(const sae_family *f, const char *path, sae_error *err)
{
    return sae_figure_save(&sae_first_figure, f, path, err);
}

sae_status sae_family_draw_tree(const sae_family *f, const char *path, sae_error *err)
{
    sae_forest forest;
    sae_status status = sae_forest_make(&forest, f, err);
    if (status != SAE_OK) return status;
    status = sae_figure_save(&sae_tree_figure, &forest, path, err);
    sae_forest_clear(&forest);
    return status;
}
