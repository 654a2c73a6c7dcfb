/* The page of a meta-SAE. */
#include <sae/report.h>

#include "report/best.h"
#include "report/meta_figures.h"
#include "report/page.h"
#include "report/words.h"

#include "base/error.h"

#include <math.h>

enum { GLANCE, EXPLAINED, LATENTS, META_LATENTS, AGAINST, TERMS, SECTIONS };

/* With a smaller SAE, and without one. */
static const sae_page_section all_sections[SECTIONS] = {
    [GLANCE] = {"glance", "At a glance"},     [EXPLAINED] = {"explained", "Explained variance"},
    [LATENTS] = {"latents", "Latents"},       [META_LATENTS] = {"meta-latents", "Meta-latents"},
    [AGAINST] = {"smaller", "A smaller SAE"}, [TERMS] = {"terms", "What the words mean"},
};
static const sae_page_section few_sections[SECTIONS - 1] = {
    {"glance", "At a glance"},        {"explained", "Explained variance"}, {"latents", "Latents"},
    {"meta-latents", "Meta-latents"}, {"terms", "What the words mean"},
};

/* ---- at a glance --------------------------------------------------------------------------------------------- */

static double best_baseline(const sae_meta *m)
{
    return fmax(m->pca.explained_variance,
                fmax(m->random_rows.explained_variance, m->random_directions.explained_variance));
}

static sae_words share(double value)
{
    sae_words words;
    snprintf(words.text, sizeof words.text, "%.80s\xc2\xa0%%", sae_fixed_words(100 * value, 1).text);
    return words;
}

static void write_lead(const sae_meta *m, char *out, size_t size)
{
    snprintf(
        out, size,
        "%s, each a mix of %s of %s meta-latents on average: so described, %s of the variance of their decoder rows "
        "is explained. The best baseline explains %s.",
        sae_plural_words(m->rows, "latent").text, sae_short_words(m->batchtopk.l0).text, sae_count_words(m->width).text,
        share(m->batchtopk.explained_variance).text, share(best_baseline(m)).text);
}

static void tiles(sae_page *page, const sae_meta *m)
{
    char note[256];
    sae_page_tiles(page);
    snprintf(note, sizeof note, "of the decoder rows; %s by the threshold",
             share(m->threshold.explained_variance).text);
    sae_page_tile(page, share(m->batchtopk.explained_variance).text, "explained variance", note);
    snprintf(note, sizeof note, "with %s atoms per row as well", sae_count_words(m->k).text);
    sae_page_tile(page, share(best_baseline(m)).text, "the best baseline", note);
    snprintf(note, sizeof note, "%s passes over the rows", sae_count_words(m->epochs).text);
    sae_page_tile(page, sae_count_words(m->width).text, "meta-latents", note);
    if (m->never_fired > 0)
        snprintf(note, sizeof note, "%s never fired on %s and were left out", sae_count_words(m->never_fired).text,
                 sae_plural_words(m->tokens, "token").text);
    else
        snprintf(note, sizeof note, "of %s latents", sae_count_words(m->n).text);
    sae_page_tile(page, sae_count_words(m->rows).text, "decoder rows", note);
    sae_page_tiles_end(page);
}

/* ---- who is made of what ------------------------------------------------------------------------------------- */

enum { EXCERPT = 10, PARTS = 6 };

/* A list of parts, "17 (0.62), 3 (0.41) and 5 more". */
static void list_parts(char *out, size_t size, const sae_meta_part *parts, int64_t count)
{
    int length = 0;
    *out = 0;
    for (int64_t i = 0; i < count && i < PARTS; i++)
        length += snprintf(out + length, size - (size_t)length, "%s%d (%s)", i ? ", " : "", (int)parts[i].id,
                           sae_fixed_words(parts[i].activation, 2).text);
    if (count > PARTS)
        snprintf(out + length, size - (size_t)length, " and %s more", sae_count_words(count - PARTS).text);
    if (count == 0) snprintf(out, size, "none");
}

static double by_explained(const void *results, int64_t row)
{
    const sae_meta *m = results;
    return m->row_offsets[row + 1] > m->row_offsets[row] + 1 ? m->explained[row] : NAN;
}

static double by_latents(const void *results, int64_t meta)
{
    const sae_meta *m = results;
    return (double)(m->meta_offsets[meta + 1] - m->meta_offsets[meta]);
}

static void decompositions(sae_page *page, const sae_meta *m)
{
    static const char *const columns[] = {"Latent", "Explained", "Meta-latents, with their activation"};
    int64_t best[EXCERPT];
    char text[512], id[32];
    sae_table table = sae_page_table(page, "Latents of two meta-latents or more, best explained", columns, 3, 2);
    for (int i = 0, count = sae_find_best(m, m->rows, by_explained, EXCERPT, best); i < count; i++) {
        int64_t row = best[i], from = m->row_offsets[row];
        list_parts(text, sizeof text, m->row_parts + from, m->row_offsets[row + 1] - from);
        sae_table_row(&table);
        snprintf(id, sizeof id, "%d", (int)m->ids[row]);
        sae_table_text(&table, id);
        sae_table_fixed(&table, m->explained[row], 3);
        sae_table_text(&table, text);
    }
    sae_page_table_end(page, &table);
}

static void most_common(sae_page *page, const sae_meta *m)
{
    static const char *const columns[] = {"Meta-latent", "Latents", "Those with the largest activation"};
    int64_t best[EXCERPT];
    char text[512], id[32];
    sae_table table = sae_page_table(page, "Meta-latents that most latents have", columns, 3, 2);
    for (int i = 0, count = sae_find_best(m, m->width, by_latents, EXCERPT, best); i < count; i++) {
        int64_t from = m->meta_offsets[best[i]], n = m->meta_offsets[best[i] + 1] - from;
        list_parts(text, sizeof text, m->meta_parts + from, n);
        snprintf(id, sizeof id, "%lld", (long long)best[i]);
        sae_table_row(&table);
        sae_table_text(&table, id);
        sae_table_count(&table, n);
        sae_table_text(&table, text);
    }
    sae_page_table_end(page, &table);
}

/* ---- the page ------------------------------------------------------------------------------------------------ */

static const char *const terms[][2] = {
    {"Meta-SAE",
     "A BatchTopK SAE whose inputs are the decoder rows of another SAE, each at unit length. Its latents are "
     "the meta-latents."},
    {"Explained variance", "1 − Σ‖e‖²/Σ‖w − w̄‖² over all rows w with errors e; uncentred without the mean row w̄."},
    {"BatchTopK, threshold", "Of all rows together the k largest activations per row on average; or all above one "
                             "threshold, as the meta-SAE is saved."},
    {"Pursuit", "Orthogonal matching pursuit: the best k of as many random atoms, with refitted coefficients. A row is "
                "never its own atom."},
    {"Principal components", "The best subspace of dimension k for all rows together."},
};

static sae_status write_body(sae_page *page, const sae_meta *m, const sae_report_origin *origin, sae_error *err)
{
    static const char *const pair[] = {"Smaller", "Taken apart"};
    sae_status status = SAE_OK;
    sae_page_begin(page, GLANCE);
    tiles(page, m);
    sae_page_origin(page, origin, pair + (origin->n_saes == 1), NULL, 0);
    sae_page_begin(page, EXPLAINED);
    sae_page_paragraph(page,
                       "If the latents of a large SAE are composed of parts that several of them share, a few atoms "
                       "of a small dictionary describe each decoder row, and better than atoms drawn by chance.");
    SAE_TRY(sae_page_figure(page, &sae_baselines_figure, m, err));
    sae_page_begin(page, LATENTS);
    SAE_TRY(sae_page_figure(page, &sae_decomposition_figure, m, err));
    decompositions(page, m);
    sae_page_begin(page, META_LATENTS);
    SAE_TRY(sae_page_figure(page, &sae_meta_latents_figure, m, err));
    most_common(page, m);
    if (m->n_against > 0) {
        sae_page_begin(page, AGAINST);
        SAE_TRY(sae_page_figure(page, &sae_against_figure, m, err));
    }
    sae_page_begin(page, m->n_against > 0 ? TERMS : TERMS - 1);
    sae_page_terms(page, terms, sizeof terms / sizeof *terms);
done:
    return status;
}

sae_status sae_report_meta(const sae_meta *m, const sae_report_origin *origin, const char *path, sae_error *err)
{
    char lead[640], title[512];
    sae_page page;
    sae_report_origin own = {origin->saes + origin->n_saes - 1, 1, NULL, NULL, NULL};
    bool against = m->n_against > 0;
    write_lead(m, lead, sizeof lead);
    sae_page_title(&own, title, sizeof title);
    const sae_page_head head = {
        "Decomposition of a sparse autoencoder", title, lead, origin->above, against ? all_sections : few_sections,
        against ? SECTIONS : SECTIONS - 1};
    sae_status status = sae_page_open(&page, &head, err);
    if (status != SAE_OK) return status;
    SAE_TRY(write_body(&page, m, origin, err));
    status = sae_page_save(&page, path, err);
done:
    sae_page_drop(&page);
    return status;
}

/* ---- pictures of their own ----------------------------------------------------------------------------------- */

sae_status sae_meta_draw_baselines(const sae_meta *m, const char *path, sae_error *err)
{
    return sae_figure_save(&sae_baselines_figure, m, path, err);
}

sae_status sae_meta_draw_decomposition(const sae_meta *m, const char *path, sae_error *err)
{
    return sae_figure_save(&sae_decomposition_figure, m, path, err);
}

sae_status sae_meta_draw_meta_latents(const sae_meta *m, const char *path, sae_error *err)
{
    return sae_figure_save(&sae_meta_latents_figure, m, path, err);
}

sae_status sae_meta_draw_against(const sae_meta *m, const char *path, sae_error *err)
{
    if (m->n_against == 0) return sae_fail(err, SAE_E_ARG, "no smaller SAE was given to compare meta-latents with");
    return sae_figure_save(&sae_against_figure, m, path, err);
}
