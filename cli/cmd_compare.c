/* sae compare: which latents of a large SAE a small one has, and what the others are worth. */
#include "cli/commands.h"
#include "cli/compare_json.h"
#include "cli/file.h"
#include "cli/rows.h"
#include "cli/table.h"

#include <sae/compare.h>

#include <stdlib.h>

#define DRAWING_COLUMNS 88

typedef struct settings {
    const char *acts, *out;
    bool force;
    sae_compare_config compare;
} settings;

static const sae_option *file_options(size_t *count)
{
    static const sae_option table[] = {
        {.name = "acts",
         .type = SAE_OPT_STRING,
         .offset = offsetof(settings, acts),
         .metavar = "ACTS",
         .help = "activations that both SAEs read"},
        {.name = "out",
         .type = SAE_OPT_STRING,
         .offset = offsetof(settings, out),
         .metavar = "DIR",
         .help = "directory for compare.json, histogram.csv and latents.csv; without it nothing is written"},
        {.name = "force",
         .type = SAE_OPT_BOOL,
         .offset = offsetof(settings, force),
         .help = "replace a comparison that is already there"},
    };
    *count = CLI_COUNT(table);
    return table;
}

static void defaults(void *out)
{
    ((settings *)out)->compare = sae_compare_config_default();
}

static void print_counts(const sae_comparison *c, FILE *out)
{
    char text[160];
    cli_facts facts = {.out = out, .name_width = 38, .value_width = 8};
    cli_fact_count(&facts, "latents of the large SAE", c->n_large, "");
    snprintf(text, sizeof text, "  novel: maximum cosine below %g", c->threshold);
    cli_fact_count(&facts, text, c->novel, "directions that the small SAE does not have");
    cli_fact_count(&facts, "  the others", c->n_large - c->novel, "");
    cli_fact_count(&facts, "latents of the small SAE", c->n_small, "");
    snprintf(text, sizeof text, "  maximum cosine below %g", c->threshold);
    cli_fact_count(&facts, text, c->small_below, "directions that the large SAE does not have");
    cli_fact_count(&facts, "  the others", c->n_small - c->small_below, "");
    cli_fact_number(&facts, "MSE of the large SAE", c->mse_large, 4, "squared error, summed over the dimensions");
    cli_fact_number(&facts, "MSE of the small SAE", c->mse_small, 4, "");
    cli_fact_number(&facts, "R2 of decoder and activation cosine", c->r2, 3, "1: latents that point alike fire alike");
    snprintf(text, sizeof text, "over pairs with decoder cosine > 0.5, both active on %lld tokens or more",
             (long long)c->min_active);
    cli_fact_count(&facts, "  pairs", c->r2_pairs, text);
}

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

static void print_latent(const sae_comparison *c, FILE *out)
{
    int64_t i = c->latent;
    fprintf(out,
            "\nLatent %lld of the large SAE: maximum cosine %.3f with latent %d of the small one, active on %lld "
            "tokens\n\n",
            (long long)i, c->large_in_small[i], (int)c->argmax[i], (long long)c->n_active[i]);
    print_splits(&c->large[i], &c->small[i], c->d, out);
}

static void print_novel(const sae_comparison *c, FILE *out)
{
    const sae_novel_mean *m = &c->novel_mean;
    fprintf(out,
            "\nNovel latents: error where they are inactive and where they are active, mean over %lld of them\n"
            "  (%lld left out: active or inactive on fewer than %lld tokens; %lld of these never fired)\n\n",
            (long long)m->n, (long long)m->left_out, (long long)c->min_active, (long long)m->never_fired);
    if (m->n == 0) return;
    print_splits(&m->large, &m->small, c->d, out);
    fprintf(out,
            "\n  Where a novel latent fires, the error of the small SAE grows by %.4g more than that of the large one\n"
            "  (95%% interval %.4g to %.4g): above 0, novel latents hold what the small SAE misses.\n",
            m->excess, m->excess_interval.low, m->excess_interval.high);
}

static sae_status print_tables(const sae_comparison *c, const char *const *words, const settings *s,
                               const sae_source_info *rows, FILE *out, sae_error *err)
{
    char *drawing = NULL;
    sae_status status = sae_comparison_draw(c, DRAWING_COLUMNS, &drawing, err);
    if (status != SAE_OK) return status;
    fprintf(out, "Small %s and large %s\non ", words[0], words[1]);
    cli_print_tokens(out, c->tokens, rows->excluded);
    fputs("\n\n", out);
    print_counts(c, out);
    fprintf(out,
            "\nMaximum cosine of each latent's decoder direction with those of the other SAE\n"
            "  (near 1: the same direction; a long tail: directions that the other does not have)\n\n%s",
            drawing);
    print_novel(c, out);
    if (c->latent >= 0) print_latent(c, out);
    if (s->out) fprintf(out, "\nWrote compare.json, histogram.csv and latents.csv in %s\n", s->out);
    free(drawing);
    return SAE_OK;
}

static sae_status write_json(const sae_comparison *c, const char *const *words, const char *path, sae_error *err)
{
    cli_draft draft;
    sae_status status = cli_draft_open(&draft, err);
    if (status != SAE_OK) return status;
    cli_compare_json(c, words[0], words[1], draft.stream);
    return cli_draft_write(&draft, path, err);
}

/* compare.json is written last: a directory that has it is complete. */
static sae_status write_files(const sae_comparison *c, const char *const *words, const settings *s, sae_error *err)
{
    char path[4096];
    sae_status status = cli_make_directory(s->out, err);
    if (status != SAE_OK) return status;
    snprintf(path, sizeof path, "%s/histogram.csv", s->out);
    if ((status = sae_comparison_write_histogram(c, path, err)) != SAE_OK) return status;
    snprintf(path, sizeof path, "%s/latents.csv", s->out);
    if ((status = sae_comparison_write_latents(c, path, err)) != SAE_OK) return status;
    snprintf(path, sizeof path, "%s/compare.json", s->out);
    return write_json(c, words, path, err);
}

static sae_status check_out(const settings *s, sae_error *err)
{
    if (s->force) return SAE_OK;
    return cli_check_fresh(s->out, "compare.json", "a comparison", err);
}

static sae_status run(cli_app *app, const void *settings_, const char *const *words, sae_error *err)
{
    const settings *s = settings_;
    sae_status status = SAE_OK;
    sae_model *small = NULL, *large = NULL;
    sae_comparison *comparison = NULL;
    cli_rows rows = {0};
    CLI_TRY(check_out(s, err));
    CLI_TRY(cli_rows_configure(&rows, app, err));
    CLI_TRY(sae_model_load(&small, words[0], err));
    CLI_TRY(sae_model_load(&large, words[1], err));
    CLI_TRY(cli_rows_open(&rows, s->acts, app, err));
    cli_say_screen(app);
    CLI_TRY(sae_compare(small, large, rows.source, &s->compare, &comparison, &app->env, err));
    if (s->out) CLI_TRY(write_files(comparison, words, s, err));
    if (app->common.json)
        cli_compare_json(comparison, words[0], words[1], app->out);
    else
        status = print_tables(comparison, words, s, sae_source_get_info(rows.source), app->out, err);
done:
    sae_comparison_free(comparison);
    cli_rows_close(&rows);
    sae_model_free(large);
    sae_model_free(small);
    return status;
}

static const char *const usage[] = {"SMALL LARGE --acts ACTS [--out DIR] [--OPTION VALUE]...", NULL};
static const cli_note arguments[] = {
    {"SMALL", "directory of the smaller SAE"},
    {"LARGE", "directory of a larger SAE of the same activations (any two will do)"},
};
static const cli_group groups[] = {
    {"Files", file_options, 0},
    {"What to compute", sae_compare_option_table, offsetof(settings, compare)},
};
static const cli_note examples[] = {
    {"saes/batchtopk-256-k8 saes/batchtopk-512-k8 --acts acts --out comparison",
     "Does a larger SAE find new features?"},
};
static const cli_note json_keys[] = {
    {"small, large, tokens", "the SAEs, and rows compared on"},
    {"threshold, novel", "latents of the large SAE whose maximum cosine is below the threshold"},
    {"small_below", "the same, of the small SAE in the large one"},
    {"max_cos",
     "large_in_small [n_B] and small_in_large [n_A]: maximum decoder cosine of each latent; argmax [n_B] and "
     "argmax_small [n_A]: with which latent"},
    {"hist", "edges (101 from -1 to 1) and counts of large_in_small, small_in_large, random (isotropic directions), "
             "random_cov (directions with the covariance of the small SAE's rows)"},
    {"pairs", "act_cos and pearson [n_B] of each latent with its argmax; null under --min-active tokens"},
    {"r2, r2_pairs", "squared correlation of decoder and activation cosine over pairs with decoder cosine > 0.5, and "
                     "their number; null under 3 pairs"},
    {"mse", "{large, small}: squared error over all tokens"},
    {"latents",
     "n_active [n_B], and large and small: {inactive, active} [n_B], mean squared error of each SAE where the "
     "latent is inactive and active"},
    {"latent", "of --latent: id, large and small: {inactive, active, difference}; else null"},
    {"novel_mean",
     "mean over novel latents: n, left_out, never_fired, large and small: {inactive, active, difference, "
     "ci (of the difference), inactive_ci, active_ci}, excess (difference of the differences), excess_ci; "
     "95 % bootstrap intervals"},
    {"errors", "all errors are sums over d, in the activations' own units"},
};

const cli_command cli_compare = {
    .name = "compare",
    .summary = "compare the latents of two SAEs",
    .usage = usage,
    .description =
        "Finds for each latent of one SAE the most similar of the other by the cosine of their decoder directions, "
        "and compares their activations. Latents of the large SAE without a match are called novel; the error of "
        "both SAEs where such a latent fires, and where not, tells what it adds.",
    .arguments = arguments,
    .n_arguments = CLI_COUNT(arguments),
    .min_words = 2,
    .max_words = 2,
    .groups = groups,
    .n_groups = CLI_COUNT(groups),
    .settings_size = sizeof(settings),
    .defaults = defaults,
    .examples = examples,
    .n_examples = CLI_COUNT(examples),
    .json = json_keys,
    .n_json = CLI_COUNT(json_keys),
    .run = run,
};
