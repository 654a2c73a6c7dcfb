/* The page of a comparison of two SAEs. */
#include <sae/report.h>

#include "report/best.h"
#include "report/comparison_figures.h"
#include "report/page.h"
#include "report/words.h"

#include "base/error.h"

#include <math.h>

enum { GLANCE, DIRECTIONS, ACTIVATIONS, ERRORS, LATENTS, TERMS, SECTIONS };

static const sae_page_section sections[SECTIONS] = {
    [GLANCE] = {"glance", "At a glance"},
    [DIRECTIONS] = {"directions", "Directions"},
    [ACTIVATIONS] = {"activations", "Activations"},
    [ERRORS] = {"errors", "Errors"},
    [LATENTS] = {"latents", "Latents"},
    [TERMS] = {"terms", "What the words mean"},
};

/* ---- at a glance --------------------------------------------------------------------------------------- */

static void write_lead(const sae_comparison *c, char *out, size_t size)
{
    const sae_novel_mean *m = &c->novel_mean;
    int length = snprintf(out, size,
                          "Of the %s of the large SAE, %s (%s) point where none of the small one does: their largest "
                          "cosine is below %s.",
                          sae_plural_words(c->n_large, "latent").text, sae_count_words(c->novel).text,
                          sae_percent_words(c->novel, c->n_large).text, sae_short_words(c->threshold).text);
    if (m->n == 0) return;
    const char *verdict = m->excess_interval.low > 0    ? "they hold what the small SAE misses"
                          : m->excess_interval.high < 0 ? "they are not where the small SAE errs most"
                                                        : "too little to tell whether they hold what it misses";
    snprintf(out + length, size - (size_t)length,
             " Where they fire, the error of the small SAE grows by %s more than that of the large one (%s): %s.",
             sae_real_words(m->excess, 3).text, sae_interval_words(&m->excess_interval, 3).text, verdict);
}

static void tiles(sae_page *page, const sae_comparison *c)
{
    const sae_novel_mean *m = &c->novel_mean;
    char note[256];
    sae_page_tiles(page);
    snprintf(note, sizeof note, "%s of %s have no counterpart in the small SAE", sae_count_words(c->novel).text,
             sae_count_words(c->n_large).text);
    sae_page_tile(page, sae_percent_words(c->novel, c->n_large).text, "of the large SAE's latents are novel", note);
    snprintf(note, sizeof note, "%s of %s have no counterpart in the large SAE", sae_count_words(c->small_below).text,
             sae_count_words(c->n_small).text);
    sae_page_tile(page, sae_percent_words(c->small_below, c->n_small).text, "of the small SAE's latents are lost",
                  note);
    snprintf(note, sizeof note, "of decoder and activation cosine, over %s",
             sae_plural_words(c->r2_pairs, "pair").text);
    sae_page_tile(page, sae_fixed_words(c->r2, 2).text, "R²", note);
    if (m->n > 0)
        sae_page_tile(page, sae_real_words(m->excess, 3).text, "excess error of the small SAE",
                      sae_interval_words(&m->excess_interval, 3).text);
    sae_page_tiles_end(page);
}

static void origin_of(sae_page *page, const sae_comparison *c, const sae_report_origin *origin)
{
    const double mse[2] = {c->mse_small, c->mse_large};
    const double per_dim[2] = {c->mse_small / (double)c->d, c->mse_large / (double)c->d};
    const double l0[2] = {c->l0_small, c->l0_large};
    const sae_page_row rows[] = {{"L0", l0, 4}, {"MSE", mse, 4}, {"MSE per dimension", per_dim, 4}};
    static const char *const roles[] = {"Small", "Large"};
    sae_page_origin(page, origin, roles, rows, 3);
}

/* ---- one to one ---------------------------------------------------------------------------------------- */

static void one_to_one(sae_page *page, const sae_comparison *c)
{
    char text[512];
    snprintf(text, sizeof text,
             "Several latents can share their nearest. Paired one to one, so that the sum of cosines is as large as it "
             "can be, %s have a cosine of at least %s; the mean over all pairs is %s.",
             sae_share_words(c->one_to_one_above, c->one_to_one).text, sae_short_words(c->threshold).text,
             sae_fixed_words(c->one_to_one_mean, 3).text);
    sae_page_paragraph(page, text);
}

/* ---- the table of one latent --------------------------------------------------------------------------- */

static void split_row(sae_table *table, const char *name, const sae_split *split, double unit)
{
    sae_table_row(table);
    sae_table_text(table, name);
    sae_table_real(table, split->inactive * unit, 4);
    sae_table_real(table, split->active * unit, 4);
    sae_table_real(table, split->difference * unit, 4);
}

static void one_latent(sae_page *page, const sae_comparison *c)
{
    static const char *const columns[] = {"Mean squared error", "Inactive", "Active", "Difference"};
    const sae_split *large = &c->large[c->latent], *small = &c->small[c->latent];
    char text[512], caption[96];
    double more = small->difference - large->difference;
    snprintf(caption, sizeof caption, "Latent %lld of the large SAE", (long long)c->latent);
    snprintf(text, sizeof text,
             "Latent %lld of the large SAE was active on %s. Its nearest latent of the small SAE is number %d, with "
             "cosine %s. Where it is active, the error of the small SAE grows by %s more than that of the large one.",
             (long long)c->latent, sae_plural_words(c->n_active[c->latent], "token").text, (int)c->argmax[c->latent],
             sae_fixed_words(c->large_in_small[c->latent], 3).text, sae_real_words(more, 3).text);
    sae_page_paragraph(page, text);
    sae_table table = sae_page_table(page, caption, columns, 4, 0);
    split_row(&table, "Large SAE", large, 1);
    split_row(&table, "Small SAE", small, 1);
    split_row(&table, "Large SAE, per dimension", large, 1 / (double)c->d);
    split_row(&table, "Small SAE, per dimension", small, 1 / (double)c->d);
    sae_page_table_end(page, &table);
}

/* ---- latents worth a look ------------------------------------------------------------------------------ */

enum { EXCERPT = 8 };

static double by_cosine(const void *results, int64_t i)
{
    const sae_comparison *c = results;
    return c->n_active[i] >= c->min_active ? c->large_in_small[i] : NAN;
}

static double by_use_of_novel(const void *results, int64_t i)
{
    const sae_comparison *c = results;
    return c->large_in_small[i] < c->threshold && c->n_active[i] > 0 ? (double)c->n_active[i] : NAN;
}

static double by_disagreement(const void *results, int64_t i)
{
    const sae_comparison *c = results;
    return c->large_in_small[i] >= c->threshold ? c->large_in_small[i] - c->act_cos[i] : NAN;
}

static void excerpt(sae_page *page, const sae_comparison *c, const char *caption, sae_rank *rank)
{
    static const char *const columns[] = {"Latent",  "Nearest", "Decoder cosine",      "Activation cosine",
                                          "Pearson", "Tokens",  "Small error, active", "Large error, active"};
    int64_t best[EXCERPT];
    int count = sae_find_best(c, c->n_large, rank, EXCERPT, best);
    if (count == 0) return;
    sae_table table = sae_page_table(page, caption, columns, 8, 0);
    for (int r = 0; r < count; r++) {
        char id[32];
        int64_t i = best[r];
        sae_table_row(&table);
        snprintf(id, sizeof id, "%lld", (long long)i);
        sae_table_text(&table, id);
        snprintf(id, sizeof id, "%d", (int)c->argmax[i]);
        sae_table_text(&table, id);
        sae_table_fixed(&table, c->large_in_small[i], 3);
        sae_table_fixed(&table, c->act_cos[i], 3);
        sae_table_fixed(&table, c->pearson[i], 3);
        sae_table_count(&table, c->n_active[i]);
        sae_table_real(&table, c->small[i].active, 4);
        sae_table_real(&table, c->large[i].active, 4);
    }
    sae_page_table_end(page, &table);
}

static void latents(sae_page *page, const sae_comparison *c)
{
    sae_page_paragraph(page, "Latents of the large SAE, each with its nearest of the small one. The file pairs.csv "
                             "beside this page has all of them.");
    excerpt(page, c, "Novel latents that fire most", by_use_of_novel);
    excerpt(page, c, "Nearest counterparts", by_cosine);
    excerpt(page, c, "Alike in direction, least alike in activation", by_disagreement);
}

/* ---- the page ------------------------------------------------------------------------------------------ */

static const char *const terms[][2] = {
    {"Maximum decoder cosine", "Of a latent: the largest cosine of its decoder direction with those of all latents of "
                               "the other SAE."},
    {"Novel", "A latent of the large SAE whose maximum decoder cosine is below the threshold."},
    {"One to one", "Pairs of latents of both SAEs, each latent in one pair at most, with the largest sum of decoder "
                   "cosines (the assignment problem, solved exactly)."},
    {"Random directions", "As many isotropic unit vectors as the small SAE has latents, or Gaussian vectors with the "
                          "covariance of its decoder rows. What the maxima would be by chance."},
    {"Activation cosine, Pearson", "Cosine and correlation of two latents' activations over all tokens; unknown where "
                                   "one of them was active on too few."},
    {"R²", "Squared correlation of decoder and activation cosine over the pairs with decoder cosine above 0.5."},
    {"Error", "Squared error of a reconstruction, summed over the dimensions, in the activations' own units."},
    {"Active, inactive", "Mean error over the tokens on which the latent of the large SAE fires, and over the others."},
    {"Excess error", "How much more the error grows for the small SAE than for the large one where a novel latent "
                     "fires."},
    {"95 % interval", "Percentile bootstrap over latents; of R²: Fisher's transformation."},
};

static sae_status write_body(sae_page *page, const sae_comparison *c, const sae_report_origin *origin, sae_error *err)
{
    sae_status status = SAE_OK;
    sae_page_begin(page, GLANCE);
    tiles(page, c);
    origin_of(page, c, origin);
    sae_page_begin(page, DIRECTIONS);
    sae_page_paragraph(page,
                       "A latent reads and writes along its decoder direction. Two latents of different SAEs whose "
                       "directions agree are taken for the same unit; a latent without such a partner is new.");
    SAE_TRY(sae_page_figure(page, &sae_maxima_figure, c, err));
    one_to_one(page, c);
    sae_page_begin(page, ACTIVATIONS);
    sae_page_paragraph(page,
                       "Whether two latents that point alike also fire on the same tokens is a question for data.");
    SAE_TRY(sae_page_figure(page, &sae_pairs_figure, c, err));
    sae_page_begin(page, ERRORS);
    sae_page_paragraph(page, "If a novel latent stands for something that the small SAE has no word for, the small SAE "
                             "errs more where it fires, and by more than the large one does.");
    SAE_TRY(sae_page_figure(page, &sae_novel_figure, c, err));
    if (c->latent >= 0) one_latent(page, c);
    sae_page_begin(page, LATENTS);
    latents(page, c);
    sae_page_begin(page, TERMS);
    sae_page_terms(page, terms, sizeof terms / sizeof *terms);
done:
    return status;
}

sae_status sae_report_comparison(const sae_comparison *c, const sae_report_origin *origin, const char *path,
                                 sae_error *err)
{
    char lead[640], title[512];
    sae_page page;
    write_lead(c, lead, sizeof lead);
    sae_page_title(origin, title, sizeof title);
    const sae_page_head head = {
        "Comparison of two sparse autoencoders", title, lead, origin->above, sections, SECTIONS};
    sae_status status = sae_page_open(&page, &head, err);
    if (status != SAE_OK) return status;
    SAE_TRY(write_body(&page, c, origin, err));
    status = sae_page_save(&page, path, err);
done:
    sae_page_drop(&page);
    return status;
}

/* ---- pictures of their own ----------------------------------------------------------------------------- */

sae_status sae_comparison_draw_histogram(const sae_comparison *c, const char *path, sae_error *err)
{
    return sae_figure_save(&sae_maxima_figure, c, path, err);
}

sae_status sae_comparison_draw_pairs(const sae_comparison *c, const char *path, sae_error *err)
{
    return sae_figure_save(&sae_pairs_figure, c, path, err);
}

sae_status sae_comparison_draw_novel(const sae_comparison *c, const char *path, sae_error *err)
{
    return sae_figure_save(&sae_novel_figure, c, path, err);
}
