#include "cli/family_print.h"

#include "cli/cli.h"
#include "cli/compare_print.h"
#include "cli/table.h"

static void number_cell(cli_table *table, int64_t value)
{
    char text[32];
    snprintf(text, sizeof text, "%lld", (long long)value);
    cli_table_text(table, text);
}

static void print_members(const sae_family *f, FILE *out)
{
    static const char *const names[] = {"SAE", "latents", "L0", "MSE", "never fired", "first"};
    cli_table table;
    cli_table_start(&table, names, CLI_COUNT(names));
    for (size_t i = 0; i < f->n_members; i++) {
        const sae_family_member *m = &f->members[i];
        char text[512];
        snprintf(text, sizeof text, "%zu  %s", i + 1, m->path);
        cli_table_text(&table, text);
        cli_table_count(&table, m->n);
        cli_table_number(&table, m->l0, 4);
        cli_table_number(&table, m->mse, 4);
        cli_table_count(&table, m->never_fired);
        cli_table_count(&table, f->n_first[i]);
    }
    cli_table_print(&table, out);
    fprintf(out,
            "\n  first: latents of the largest SAE that this one is the first to have (cosine\n"
            "  %g or more)\n",
            f->threshold);
}

/* Columns of numbers 1 … M; wider families than a table holds are cut, and say so. */
static void print_matrix(const sae_family *f, FILE *out)
{
    char headings[CLI_TABLE_COLUMNS][24];
    const char *names[CLI_TABLE_COLUMNS] = {""};
    size_t shown = f->n_members < CLI_TABLE_COLUMNS - 1 ? f->n_members : CLI_TABLE_COLUMNS - 1;
    for (size_t j = 0; j < shown; j++) {
        snprintf(headings[j], sizeof headings[j], "in %zu", j + 1);
        names[j + 1] = headings[j];
    }
    fprintf(out,
            "\nNovel latents: share of the latents of one SAE whose maximum cosine with those\n"
            "of another is below %g\n\n",
            f->threshold);
    cli_table table;
    cli_table_start(&table, names, shown + 1);
    for (size_t i = 0; i < f->n_members; i++) {
        char text[48];
        snprintf(text, sizeof text, "of the %lld of %zu", (long long)f->members[i].n, i + 1);
        cli_table_text(&table, text);
        for (size_t j = 0; j < shown; j++)
            if (i == j)
                cli_table_text(&table, "-");
            else
                cli_table_percent(&table, (double)f->novel[i * f->n_members + j] / (double)f->members[i].n);
    }
    cli_table_print(&table, out);
    if (shown < f->n_members) fprintf(out, "\n  the first %zu of %zu columns\n", shown, f->n_members);
}

static void print_neighbours(const sae_family *f, FILE *out)
{
    static const char *const names[] = {"neighbours", "novel", "one-to-one", "cosine",
                                        "R2",         "pairs", "excess",     "95% interval"};
    fprintf(out, "\nNeighbours\n\n");
    cli_table table;
    cli_table_start(&table, names, CLI_COUNT(names));
    for (size_t i = 0; i + 1 < f->n_members; i++) {
        const sae_comparison *c = f->neighbours[i];
        char text[96];
        snprintf(text, sizeof text, "%zu and %zu", i + 1, i + 2);
        cli_table_text(&table, text);
        cli_table_percent(&table, (double)c->novel / (double)c->n_large);
        cli_table_percent(&table, (double)c->one_to_one_above / (double)c->one_to_one);
        cli_table_number(&table, c->one_to_one_mean, 3);
        cli_table_number(&table, c->r2, 3);
        cli_table_count(&table, c->r2_pairs);
        cli_table_number(&table, c->novel_mean.excess, 4);
        if (c->novel_mean.n > 0)
            snprintf(text, sizeof text, "%.4g to %.4g", c->novel_mean.excess_interval.low,
                     c->novel_mean.excess_interval.high);
        cli_table_text(&table, c->novel_mean.n > 0 ? text : "-");
    }
    cli_table_print(&table, out);
    fprintf(out,
            "\n  one-to-one: pairs with a cosine of %g or more; cosine: mean of all pairs\n"
            "  R2: of decoder and activation cosine, over so many pairs\n"
            "  excess: where a novel latent fires, the error of the smaller SAE grows by this\n"
            "  much more than that of the larger one\n",
            f->threshold);
}

/* ---- the tree ---------------------------------------------------------------------------------------------------- */

static void print_tree_table(const sae_family *f, const int64_t *latents, int64_t shown, FILE *out)
{
    enum { FIXED = 3, MAX_SMALLER = (CLI_TABLE_COLUMNS - FIXED) / 2 };
    static const char *const fixed[FIXED] = {"latent", "active on", "first"};
    char headings[MAX_SMALLER][24];
    const char *names[CLI_TABLE_COLUMNS];
    size_t smaller = f->n_members - 1 < MAX_SMALLER ? f->n_members - 1 : MAX_SMALLER;
    const sae_comparison *last = f->neighbours[f->n_members - 2];
    int64_t n = last->n_large;
    for (size_t h = 0; h < FIXED; h++) names[h] = fixed[h];
    for (size_t j = 0; j < smaller; j++) {
        snprintf(headings[j], sizeof headings[j], "in %zu", j + 1);
        names[FIXED + 2 * j] = headings[j];
        names[FIXED + 2 * j + 1] = "cosine";
    }
    cli_table table;
    cli_table_start(&table, names, FIXED + 2 * smaller);
    for (int64_t s = 0; s < shown; s++) {
        int64_t k = latents[s];
        number_cell(&table, k);
        cli_table_count(&table, last->n_active[k]);
        number_cell(&table, f->first[k] + 1);
        for (size_t j = 0; j < smaller; j++) {
            number_cell(&table, f->ancestor[(int64_t)j * n + k]);
            cli_table_number(&table, f->ancestor_cos[(int64_t)j * n + k], 3);
        }
    }
    cli_table_print(&table, out);
}

/* Some latents of the largest SAE, at equal steps of their cosine with the smallest one. */
static sae_status print_tree(const sae_family *f, FILE *out, sae_error *err)
{
    int64_t n = f->members[f->n_members - 1].n, latents[CLI_SHOWN_LATENTS], shown;
    sae_status status = cli_shown_latents(f->ancestor_cos, n, latents, &shown, err);
    if (status != SAE_OK) return status;
    fprintf(out,
            "\nTree: latents of the largest SAE with their nearest in each smaller one\n"
            "  (%lld of %lld, at equal steps from the most to the least like one of SAE 1)\n\n",
            (long long)shown, (long long)n);
    print_tree_table(f, latents, shown, out);
    return SAE_OK;
}

sae_status cli_family_print(const sae_family *f, FILE *out, sae_error *err)
{
    const sae_comparison *last = f->neighbours[f->n_members - 2];
    print_members(f, out);
    print_matrix(f, out);
    print_neighbours(f, out);
    sae_status status = print_tree(f, out, err);
    if (status == SAE_OK && last->latent >= 0) cli_compare_print_latent(last, out);
    return status;
}
