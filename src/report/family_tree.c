/* How latents split, as trees. */
#include "report/family_figures.h"
#include "report/forest.h"
#include "report/words.h"

#include <math.h>

enum { TREES = 4, LINE = 21, BETWEEN = 14 };

/* ---- the drawing --------------------------------------------------------------------------------------------- */

static bool too_many(const sae_family *f)
{
    return f->n_members > SAE_FOREST_MEMBERS;
}

static double column_x(const sae_chart *chart, const sae_family *f, int member)
{
    return chart->left + 8 + (chart->across - 52) * (double)member / (double)(f->n_members - 1);
}

static double node_y(const sae_forest_node *n, double top)
{
    return top + LINE * (n->first + n->last) / 2.0;
}

static void draw_edge(const sae_chart *chart, const sae_family *f, const sae_forest_tree *t, const sae_forest_node *n,
                      double top)
{
    double cosine = f->neighbours[n->member - 1]->large_in_small[n->latent];
    const sae_forest_node *parent = &t->nodes[n->parent];
    int letters = snprintf(NULL, 0, "%lld", (long long)parent->latent); /* the edge begins behind the number */
    double x = column_x(chart, f, parent->member) + 13 + 8 * letters, y = node_y(parent, top);
    double to_x = column_x(chart, f, n->member), to_y = node_y(n, top), middle = (x + to_x) / 2;
    fprintf(chart->out,
            "<path class=\"cr\" fill=\"none\" stroke=\"currentColor\" stroke-width=\"%.2f\" d=\"M%.1f %.1fC%.1f %.1f "
            "%.1f %.1f %.1f %.1f\"><title>cosine %s</title></path>\n",
            0.8 + 2.4 * fmax(0, (cosine - f->threshold) / (1.0001 - f->threshold)), x, y, middle, y, middle, to_y, to_x,
            to_y, sae_fixed_words(cosine, 3).text);
}

static void draw_node(const sae_chart *chart, const sae_family *f, const sae_forest_node *n, double top)
{
    char text[32];
    double x = column_x(chart, f, n->member), y = node_y(n, top);
    snprintf(text, sizeof text, "%lld", (long long)n->latent);
    fprintf(chart->out, "<g class=\"cl\"><circle fill=\"currentColor\" cx=\"%.1f\" cy=\"%.1f\" r=\"4\"/></g>\n", x, y);
    sae_chart_text(chart, x + 8, y + 4.5, "t o", "start", text);
}

static void draw_tree(const sae_chart *chart, const sae_family *f, const sae_forest_tree *t, double top,
                      int64_t descendants)
{
    int drawn = 0;
    for (int n = 1; n < t->count; n++) draw_edge(chart, f, t, &t->nodes[n], top);
    for (int n = 0; n < t->count; n++) {
        draw_node(chart, f, &t->nodes[n], top);
        drawn += t->nodes[n].member + 1 == (int)f->n_members;
    }
    if (drawn >= descendants) return;
    char text[64];
    snprintf(text, sizeof text, "and %.40s more", sae_count_words(descendants - drawn).text);
    sae_chart_text(chart, chart->left + chart->across, top + LINE * t->leaves + 1, "m", "end", text);
}

static sae_status draw(sae_chart *chart, const void *results, sae_error *err)
{
    (void)err;
    const sae_forest *all = results;
    const sae_family *f = all->family;
    sae_forest_tree trees[TREES];
    int64_t roots[TREES];
    int count = too_many(f) ? 0 : sae_forest_roots(all, TREES, roots), lines = 0;
    for (int i = 0; i < count; i++) {
        sae_forest_tree_make(&trees[i], f, roots[i]);
        lines += trees[i].leaves;
    }
    sae_chart_frame frame = {.down = count ? lines * LINE + count * (LINE + BETWEEN) : 40,
                             .x_name = "SAE, by ascending width",
                             .y_name = "Latents by number; thicker: larger cosine"};
    sae_chart_begin(chart, &frame);
    double top = chart->top + LINE;
    for (int i = 0; i < count; i++) {
        draw_tree(chart, f, &trees[i], top, all->descendants[roots[i]]);
        top += LINE * (trees[i].leaves + 1) + BETWEEN;
    }
    for (size_t m = 0; m < f->n_members && count > 0; m++) {
        char name[32];
        snprintf(name, sizeof name, "%zu", m + 1);
        sae_chart_text(chart, column_x(chart, f, (int)m), chart->bottom + 17, "t n", "middle", name);
    }
    if (count == 0)
        sae_chart_text(chart, chart->left, chart->top + 24, "m", "start",
                       too_many(f) ? "too many SAEs to draw" : "no latent splits");
    sae_chart_end(chart);
    return SAE_OK;
}

/* ---- words and numbers --------------------------------------------------------------------------------------- */

static void finding(FILE *out, const void *results)
{
    const sae_forest *all = results;
    const sae_family *f = all->family;
    for (size_t m = 0; m + 1 < f->n_members; m++) {
        const sae_forest_fate *fate = &all->fates[m];
        fprintf(out,
                "From SAE %zu to SAE %zu, %s split into two or more, %s go on as one, and %s are not found again. ",
                m + 1, m + 2, sae_plural_words(fate->split, "latent").text, sae_count_words(fate->one).text,
                sae_count_words(fate->none).text);
    }
    fprintf(out,
            "Drawn are the latents of the smallest SAE with most descendants in the largest, each latent with its "
            "nearest of the next smaller width where their cosine is %s or more.",
            sae_short_words(f->threshold).text);
}

static void tabulate(sae_table *table, const void *results)
{
    static const char *const columns[] = {"From SAE",        "To SAE", "Split",
                                          "One counterpart", "None",   "Novel in the latter"};
    const sae_forest *all = results;
    const sae_family *f = all->family;
    sae_table_begin(table, "What becomes of latents at the next width", columns, 6);
    for (size_t m = 0; m + 1 < f->n_members; m++) {
        sae_table_row(table);
        sae_table_count(table, (int64_t)m + 1);
        sae_table_count(table, (int64_t)m + 2);
        sae_table_count(table, all->fates[m].split);
        sae_table_count(table, all->fates[m].one);
        sae_table_count(table, all->fates[m].none);
        sae_table_count(table, f->neighbours[m]->novel);
    }
    sae_table_end(table);
}

const sae_figure sae_tree_figure = {
    .name = "tree",
    .title = "How latents split",
    .shows = "Trees from left to right, a column for each SAE by ascending width: latents of the smallest SAE, and "
             "curves from each latent to those of the next SAE that have it as their nearest.",
    .finding = finding,
    .draw = draw,
    .tabulate = tabulate,
    .csv = "tree.csv",
};
