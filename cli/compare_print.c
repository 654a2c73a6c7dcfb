#include "cli/compare_print.h"

#include "cli/cli.h"
#include "cli/table.h"

#include <stdlib.h>

#define DRAWING_COLUMNS 79

/* ---- counts ----------------------------------------------------------------------------------------------- */

static void print_counts(const sae_comparison *c, FILE *out)
{
    char text[160];
    cli_facts facts = {.out = out, .name_width = 35, .value_width = 6};
    cli_fact_count(&facts, "latents of the large SAE", c->n_large, "");
    snprintf(text, sizeof text, "  novel: maximum cosine below %g", c->threshold);
    cli_fact_count(&facts, text, c->novel, "the small SAE has none like these");
    cli_fact_count(&facts, "  the others", c->n_large - c->novel, "");
    cli_fact_count(&facts, "latents of the small SAE", c->n_small, "");
    snprintf(text, sizeof text, "  maximum cosine below %g", c->threshold);
    cli_fact_count(&facts, text, c->small_below, "the large SAE has none like these");
    cli_fact_count(&facts, "  the others", c->n_small - c->small_below, "");
    cli_fact_count(&facts, "one-to-one pairs", c->one_to_one, "each latent in one pair at most");
    snprintf(text, sizeof text, "  cosine %g or more", c->threshold);
    cli_fact_percent(&facts, text, (double)c->one_to_one_above / (double)c->one_to_one, "");
    cli_fact_number(&facts, "  mean cosine", c->one_to_one_mean, 3, "no other such pairs have more");
    cli_fact_number(&facts, "MSE of the large SAE", c->mse_large, 4, "squared error, sum over d");
    cli_fact_number(&facts, "MSE of the small SAE", c->mse_small, 4, "");
    cli_fact_number(&facts, "L0 of the large SAE", c->l0_large, 4, "active latents per token");
    cli_fact_number(&facts, "L0 of the small SAE", c->l0_small, 4, "");
    cli_fact_number(&facts, "R2 of decoder and activation cosine", c->r2, 3, "1: what points alike fires alike");
    snprintf(text, sizeof text, "cosine > 0.5, each on %lld tokens", (long long)c->min_active);
    cli_fact_count(&facts, "  pairs", c->r2_pairs, text);
}

/* ---- pairs --------------------------------------------------------------------------------------------------- */

typedef struct ranked {
    double cosine;
    int64_t latent;
} ranked;

static int most_alike_first(const void *a_, const void *b_)
{
    const ranked *a = a_, *b = b_;
    if (a->cosine != b->cosine) return a->cosine > b->cosine ? -1 : 1;
    return (a->latent > b->latent) - (a->latent < b->latent);
}

static void pair_row(cli_table *table, const sae_comparison *c, int64_t i)
{
    char text[32];
    snprintf(text, sizeof text, "%lld", (long long)i);
    cli_table_text(table, text);
    snprintf(text, sizeof text, "%d", c->argmax[i]);
    cli_table_text(table, text);
    cli_table_number(table, c->large_in_small[i], 3);
    cli_table_number(table, c->act_cos[i], 3);
    cli_table_number(table, c->pearson[i], 3);
    cli_table_count(table, c->n_active[i]);
    snprintf(text, sizeof text, c->partner[i] < 0 ? "-" : "%d", c->partner[i]);
    cli_table_text(table, text);
    cli_table_number(table, c->partner_cos[i], 3);
}

sae_status cli_shown_latents(const double *cosines, int64_t n, int64_t *latents, int64_t *count, sae_error *err)
{
    ranked *order = calloc((size_t)n, sizeof *order);
    if (!order) return cli_fail_memory(err);
    for (int64_t i = 0; i < n; i++) order[i] = (ranked){cosines[i], i};
    qsort(order, (size_t)n, sizeof *order, most_alike_first);
    *count = n < CLI_SHOWN_LATENTS ? n : CLI_SHOWN_LATENTS;
    for (int64_t s = 0; s < *count; s++) latents[s] = order[*count > 1 ? s * (n - 1) / (*count - 1) : 0].latent;
    free(order);
    return SAE_OK;
}

static sae_status print_pairs(const sae_comparison *c, FILE *out, sae_error *err)
{
    static const char *const names[] = {"latent",  "nearest",   "cosine",  "activations",
                                        "pearson", "active on", "partner", "cosine"};
    int64_t latents[CLI_SHOWN_LATENTS], shown;
    sae_status status = cli_shown_latents(c->large_in_small, c->n_large, latents, &shown, err);
    if (status != SAE_OK) return status;
    fprintf(out,
            "\nPairs: latents of the large SAE with their nearest of the small one, %lld of %lld\n"
            "  at equal steps from the most to the least alike (activations: their cosine;\n"
            "  partner: one-to-one)\n\n",
            (long long)shown, (long long)c->n_large);
    cli_table table;
    cli_table_start(&table, names, CLI_COUNT(names));
    for (int64_t s = 0; s < shown; s++) pair_row(&table, c, latents[s]);
    cli_table_print(&table, out);
    return SAE_OK;
}

/* ---- errors ---------------------------------------------------------------------------------------------------- */

static void split_row(cli_table *table, const char *name, const sae_split *split, double unit)
{
    cli_table_text(table, name);
    cli_table_number(table, split->inactive * unit, 4);
    cli_table_number(table, split->active * unit, 4);
    cli_table_number(table, split->difference * unit, 4);
}

/* Rows of the errors of both SAEs, summed over the dimensions and per dimension. */
static void print_splits(const sae_split *large, const sae_split *small, int64_t d, FILE *out)
{
    static const char *const names[] = {"mean squared error", "inactive", "active", "difference"};
    cli_table table;
    cli_table_start(&table, names, CLI_COUNT(names));
    split_row(&table, "large SAE", large, 1);
    split_row(&table, "small SAE", small, 1);
    split_row(&table, "large SAE, per dimension", large, 1 / (double)d);
    split_row(&table, "small SAE, per dimension", small, 1 / (double)d);
    cli_table_print(&table, out);
}

void cli_compare_print_latent(const sae_comparison *c, FILE *out)
{
    int64_t i = c->latent;
    fprintf(out,
            "\nLatent %lld of the large SAE, active on %lld tokens: its nearest in the small\n"
            "  one is latent %d, cosine %.3f\n\n",
            (long long)i, (long long)c->n_active[i], (int)c->argmax[i], c->large_in_small[i]);
    print_splits(&c->large[i], &c->small[i], c->d, out);
}

static void print_novel(const sae_comparison *c, FILE *out)
{
    const sae_novel_mean *m = &c->novel_mean;
    if (c->novel == 0) {
        fprintf(out, "\nNo latent of the large SAE is novel: each has one of cosine %g or more.\n", c->threshold);
        return;
    }
    if (m->n == 0) {
        fprintf(out,
                "\nNovel latents: of none there is a mean error. All %lld are active or inactive on fewer\n"
                "than %lld tokens; %lld never fired.\n",
                (long long)c->novel, (long long)c->min_active, (long long)m->never_fired);
        return;
    }
    fprintf(out,
            "\nNovel latents: error where they are inactive and where active, mean over %lld\n"
            "  (%lld left out: active or inactive on fewer than %lld tokens; %lld never fired)\n",
            (long long)m->n, (long long)m->left_out, (long long)c->min_active, (long long)m->never_fired);
    fputc('\n', out);
    print_splits(&m->large, &m->small, c->d, out);
    fprintf(out,
            "\n  Where a novel latent fires, the error of the small SAE grows by %.4g more\n"
            "  than that of the large one (95%% interval %.4g to %.4g): above 0, novel\n"
            "  latents hold what the small SAE misses.\n",
            m->excess, m->excess_interval.low, m->excess_interval.high);
}

sae_status cli_compare_print(const sae_comparison *c, FILE *out, sae_error *err)
{
    char *drawing = NULL;
    sae_status status = sae_comparison_draw(c, DRAWING_COLUMNS, &drawing, err);
    if (status != SAE_OK) return status;
    print_counts(c, out);
    fprintf(out,
            "\nMaximum cosine of each latent's decoder direction with those of the other SAE\n"
            "  (near 1: the same direction; a long tail: directions the other does not have)\n\n%s",
            drawing);
    free(drawing);
    status = print_pairs(c, out, err);
    if (status != SAE_OK) return status;
    print_novel(c, out);
    if (c->latent >= 0) cli_compare_print_latent(c, out);
    return SAE_OK;
}
