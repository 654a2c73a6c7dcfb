/* sae compare: which latents of a large SAE a small one has, and what the others are worth. */
#include "cli/commands.h"
#include "cli/compare_json.h"
#include "cli/compare_print.h"
#include "cli/file.h"
#include "cli/rows.h"

#include <sae/compare.h>

#include <errno.h>
#include <string.h>

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
         .help = "directory for compare.json and tables (.csv); without it nothing is written"},
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

static sae_status print(const sae_comparison *c, const char *const *words, const settings *s,
                        const sae_source_info *rows, FILE *out, sae_error *err)
{
    fprintf(out, "Small %s and large %s\non ", words[0], words[1]);
    cli_print_tokens(out, c->tokens, rows->excluded);
    fputs("\n\n", out);
    sae_status status = cli_compare_print(c, out, err);
    if (status == SAE_OK && s->out) fprintf(out, "\nWrote compare.json and its tables (.csv) in %s\n", s->out);
    return status;
}

static sae_status write_json(const sae_comparison *c, const char *const *words, const char *path, sae_error *err)
{
    cli_draft draft;
    sae_status status = cli_draft_open(&draft, err);
    if (status != SAE_OK) return status;
    cli_compare_json(c, words[0], words[1], draft.stream);
    return cli_draft_write(&draft, path, err);
}

/* compare.json goes first and is written last: a directory that has it is complete. */
static sae_status write_files(const sae_comparison *c, const char *const *words, const settings *s, sae_error *err)
{
    static const struct {
        const char *name;
        sae_status (*write)(const sae_comparison *, const char *, sae_error *);
    } files[] = {
        {"histogram.csv", sae_comparison_write_histogram},
        {"pairs.csv", sae_comparison_write_pairs},
        {"novel.csv", sae_comparison_write_novel},
        {"latent.csv", sae_comparison_write_latent},
    };
    char path[4096];
    sae_status status = cli_open_result(s->out, "compare.json", err);
    for (size_t i = 0; i < CLI_COUNT(files) && status == SAE_OK; i++) {
        snprintf(path, sizeof path, "%s/%s", s->out, files[i].name);
        if (files[i].write != sae_comparison_write_latent || c->latent >= 0)
            status = files[i].write(c, path, err);
        else if (remove(path) != 0 && errno != ENOENT) /* of an earlier comparison with --latent */
            status = cli_fail(err, SAE_E_IO, "cannot remove %s: %s", path, strerror(errno));
    }
    if (status != SAE_OK) return status;
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
    CLI_TRY(sae_compare(small, large, rows.source, &s->compare, &comparison, &app->env, err));
    if (s->out) CLI_TRY(write_files(comparison, words, s, err));
    if (app->common.json)
        cli_compare_json(comparison, words[0], words[1], app->out);
    else
        status = print(comparison, words, s, sae_source_get_info(rows.source), app->out, err);
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
    {"one_to_one", "pairs (as many as the narrower SAE has latents), above (of these with cosine >= threshold), share, "
                   "mean_cos; partner, cos, act_cos, pearson [n_B] and partner_small [n_A], null without a partner"},
    {"pairs", "act_cos and pearson [n_B] of each latent with its argmax; null under --min-active tokens"},
    {"r2, r2_pairs", "squared correlation of decoder and activation cosine over pairs with decoder cosine > 0.5, and "
                     "their number; null under 3 pairs"},
    {"mse, l0", "{large, small}: squared error over all tokens, mean number of active latents"},
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
