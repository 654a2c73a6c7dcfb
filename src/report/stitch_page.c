/* The page of a stitching. */
#include <sae/report.h>

#include "report/best.h"
#include "report/page.h"
#include "report/stitch_figures.h"
#include "report/words.h"

#include "base/error.h"

#include <math.h>

enum { GLANCE, INSERTIONS, PREDICTION, COMPONENTS, PATH, TERMS, SECTIONS };

static const sae_page_section sections[SECTIONS] = {
    [GLANCE] = {"glance", "At a glance"},
    [INSERTIONS] = {"insertions", "Insertions"},
    [PREDICTION] = {"prediction", "Prediction"},
    [COMPONENTS] = {"components", "Components"},
    [PATH] = {"path", "The path"},
    [TERMS] = {"terms", "What the words mean"},
};

/* ---- at a glance --------------------------------------------------------------------------------------- */

static void write_lead(const sae_stitch *s, char *out, size_t size)
{
    const sae_stitch_path *p = &s->paths[s->order];
    int length = snprintf(out, size, "%s latents of the large SAE that fired would improve the small one. ",
                          sae_share_words(s->improving, s->improving + s->worsening).text);
    snprintf(out + length, size - (size_t)length,
             "In %s operations the one becomes the other; in %s order the MSE goes from %s to %s and never above %s.",
             sae_count_words(s->operations).text, sae_stitch_order_name((sae_stitch_order)s->order),
             sae_real_words(s->base.mse, 4).text, sae_real_words(s->large.mse, 4).text,
             sae_real_words(p->highest_mse, 4).text);
}

static void tiles(sae_page *page, const sae_stitch *s)
{
    char note[256];
    sae_page_tiles(page);
    snprintf(note, sizeof note, "of %s latents of the large SAE that fired",
             sae_count_words(s->improving + s->worsening).text);
    sae_page_tile(page, sae_count_words(s->improving).text, "improve the small SAE", note);
    if (s->n_roc > 0) {
        sae_interval interval = sae_auc_interval(s->auc, s->improving, s->worsening);
        sae_page_tile(page, sae_fixed_words(s->auc, 3).text, "AUC of the cosine",
                      sae_interval_words(&interval, 3).text);
        snprintf(note, sizeof note, "the one used is %s%s", sae_short_words(s->threshold).text,
                 s->threshold_auto ? ", found here" : "");
        sae_page_tile(page, sae_short_words(s->best_threshold).text, "best threshold", note);
    }
    const sae_stitch_path *p = &s->paths[s->order];
    snprintf(note, sizeof note, "highest MSE on the way in %s order, from %s to %s",
             sae_stitch_order_name((sae_stitch_order)s->order), sae_real_words(s->base.mse, 4).text,
             sae_real_words(s->large.mse, 4).text);
    sae_page_tile(page, sae_real_words(p->highest_mse, 4).text, "MSE at its worst", note);
    sae_page_tiles_end(page);
}

/* ---- tables -------------------------------------------------------------------------------------------- */

enum { EXCERPT = 8 };

static double by_gain(const void *results, int64_t component)
{
    double delta = ((const sae_stitch *)results)->components[component].delta_mse;
    return delta < 0 ? -delta : NAN;
}

static double by_loss(const void *results, int64_t component)
{
    double delta = ((const sae_stitch *)results)->components[component].delta_mse;
    return delta > 0 ? delta : NAN;
}

static void swaps(sae_page *page, const sae_stitch *s, const char *caption, sae_rank *rank)
{
    static const char *const columns[] = {"Component", "Of the small SAE", "Of the large SAE", "Largest cosine",
                                          "ΔMSE of this swap alone"};
    int64_t best[EXCERPT];
    int count = sae_find_best(s, s->n_swap, rank, EXCERPT, best);
    if (count == 0) return;
    sae_table table = sae_page_table(page, caption, columns, 5, 0);
    for (int r = 0; r < count; r++) {
        const sae_stitch_component *c = &s->components[best[r]];
        sae_table_row(&table);
        sae_table_count(&table, best[r]);
        sae_table_text(&table, sae_plural_words(c->n_small, "latent").text);
        sae_table_text(&table, sae_plural_words(c->n_large, "latent").text);
        sae_table_fixed(&table, c->max_cos, 3);
        sae_table_real(&table, c->delta_mse, 3);
    }
    sae_page_table_end(page, &table);
}

/* ---- the page ------------------------------------------------------------------------------------------ */

static const char *const terms[][2] = {
    {"Inserting", "A latent of the large SAE is added to the small one as it is: encoder row, bias, threshold and "
                  "decoder row."},
    {"ΔMSE",
     "The change of the small SAE's mean squared error, a sum over the dimensions in the activations' own units. "
     "Below 0 the latent improves it."},
    {"AUC", "The probability that a latent that improves has a lower maximum cosine than one that worsens. Interval: "
            "Hanley and McNeil."},
    {"Component",
     "Latents of both SAEs that hang together by cosines above the threshold. They change places in one "
     "operation, a swap. A latent of the small SAE without a partner is removed, one of the large inserted."},
    {"Order",
     "cosine: insertions by density times largest activation, then swaps by their largest cosine, then "
     "removals. delta: what improves is inserted first, by its effect, then all else by its effect. greedy: at "
     "each state the operation that lowers the MSE most. random: the same operations shuffled."},
    {"Cross-entropy", "Of the language model's next token, in nats, with reconstructions in place of its activations."},
    {"L0", "Mean number of active latents per token."},
};

static sae_status write_body(sae_page *page, const sae_stitch *s, const sae_report_origin *origin, sae_error *err)
{
    sae_status status = SAE_OK;
    char text[512];
    sae_page_begin(page, GLANCE);
    tiles(page, s);
    const double mse[2] = {s->base.mse, s->large.mse}, fvu[2] = {s->base.fvu, s->large.fvu};
    const double l0[2] = {s->base.l0, s->large.l0}, theta[2] = {s->theta_small, s->theta_large};
    const sae_page_row rows[] = {{"L0", l0, 4}, {"MSE", mse, 4}, {"FVU", fvu, 4}, {"Threshold found for k", theta, 4}};
    static const char *const roles[] = {"Small", "Large"};
    sae_page_origin(page, origin, roles, rows, isnan(theta[0]) && isnan(theta[1]) ? 3 : 4);
    sae_page_begin(page, INSERTIONS);
    SAE_TRY(sae_page_figure(page, &sae_delta_figure, s, err));
    sae_page_begin(page, PREDICTION);
    sae_page_paragraph(page, "A latent whose direction the small SAE does not have should improve it, one that it has "
                             "already should not. If so, the cosine alone predicts the sign of ΔMSE.");
    SAE_TRY(sae_page_figure(page, &sae_roc_figure, s, err));
    sae_page_begin(page, COMPONENTS);
    SAE_TRY(sae_page_figure(page, &sae_sizes_figure, s, err));
    swaps(page, s, "Swaps that improve the small SAE most", by_gain);
    swaps(page, s, "Swaps that worsen it most", by_loss);
    sae_page_begin(page, PATH);
    SAE_TRY(sae_page_figure(page, &sae_orders_figure, s, err));
    if (s->ce.tokens > 0) SAE_TRY(sae_page_figure(page, &sae_ce_figure, s, err));
    snprintf(text, sizeof text,
             "The SAE at the end of the path reconstructs as the large one does, to %s of its largest value.",
             s->end_error == 0 ? "the last bit" : sae_real_words(s->end_error, 2).text);
    sae_page_paragraph(page, text);
    sae_page_begin(page, TERMS);
    sae_page_terms(page, terms, sizeof terms / sizeof *terms);
done:
    return status;
}

sae_status sae_report_stitch(const sae_stitch *s, const sae_report_origin *origin, const char *path, sae_error *err)
{
    char lead[640], title[512];
    sae_page page;
    write_lead(s, lead, sizeof lead);
    sae_page_title(origin, title, sizeof title);
    const sae_page_head head = {"Stitching of two sparse autoencoders", title, lead, origin->above, sections, SECTIONS};
    sae_status status = sae_page_open(&page, &head, err);
    if (status != SAE_OK) return status;
    SAE_TRY(write_body(&page, s, origin, err));
    status = sae_page_save(&page, path, err);
done:
    sae_page_drop(&page);
    return status;
}

/* ---- pictures of their own ----------------------------------------------------------------------------- */

sae_status sae_stitch_draw_delta(const sae_stitch *s, const char *path, sae_error *err)
{
    return sae_figure_save(&sae_delta_figure, s, path, err);
}

sae_status sae_stitch_draw_roc(const sae_stitch *s, const char *path, sae_error *err)
{
    return sae_figure_save(&sae_roc_figure, s, path, err);
}

sae_status sae_stitch_draw_path(const sae_stitch *s, const char *path, sae_error *err)
{
    return sae_figure_save(&sae_orders_figure, s, path, err);
}

sae_status sae_stitch_draw_components(const sae_stitch *s, const char *path, sae_error *err)
{
    return sae_figure_save(&sae_sizes_figure, s, path, err);
}

sae_status sae_stitch_draw_ce(const sae_stitch *s, const char *path, sae_error *err)
{
    if (s->ce.tokens == 0) return sae_fail(err, SAE_E_ARG, "no cross-entropy was measured on the path");
    return sae_figure_save(&sae_ce_figure, s, path, err);
}
