/* sae compare: which latents of a large SAE a small one has, and what the others are worth; of a family of SAEs, at
 * which width each latent appears. */
#include "cli/commands.h"
#include "cli/compare_json.h"
#include "cli/compare_print.h"
#include "cli/family_json.h"
#include "cli/family_print.h"
#include "cli/file.h"
#include "cli/rows.h"
#include "cli/sparsity.h"

#include <sae/report.h>

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef struct settings {
    const char *acts, *out, *sparsity_match;
    bool force;
    sae_compare_config compare;
} settings;

/* One of the two, of two SAEs or of more. */
typedef struct results {
    const char *const *words; /* the SAEs as they were given */
    size_t n;
    sae_model **models;
    cli_sparsity sparsity;
    sae_comparison *pair;
    sae_family *family;
    sae_report_sae *saes; /* [n] as they stand in the results */
    sae_report_origin origin;
} results;

enum { PAIR, FAMILY };
static const char *const markers[] = {[PAIR] = "compare.json", [FAMILY] = "family.json"};

static const sae_option *file_options(size_t *count)
{
    static const sae_option table[] = {
        {.name = "acts",
         .type = SAE_OPT_STRING,
         .offset = offsetof(settings, acts),
         .metavar = "ACTS",
         .help = "activations that the SAEs read"},
        {.name = "out",
         .type = SAE_OPT_STRING,
         .offset = offsetof(settings, out),
         .metavar = "DIR",
         .help =
             "directory for the report index.html, compare.json (of more than two SAEs family.json), tables (.csv) and "
             "pictures (.svg); without it nothing is written"},
        {.name = "force",
         .type = SAE_OPT_BOOL,
         .offset = offsetof(settings, force),
         .help = "replace a comparison that is already there"},
    };
    *count = CLI_COUNT(table);
    return table;
}

static const sae_option *sparsity_options(size_t *count)
{
    static const sae_option table[] = {
        {.name = "sparsity-match",
         .type = SAE_OPT_STRING,
         .offset = offsetof(settings, sparsity_match),
         .metavar = "L0|small|large",
         .help = "first bring the SAEs to one mean L0 on these tokens by a common shift of the thresholds of each"},
    };
    *count = CLI_COUNT(table);
    return table;
}

static void defaults(void *out)
{
    ((settings *)out)->compare = sae_compare_config_default();
}

/* ---- files ------------------------------------------------------------------------------------------------ */

static const struct {
    const char *name;
    sae_status (*write)(const sae_comparison *, const char *, sae_error *);
} pair_files[] = {
    {"histogram.csv", sae_comparison_write_histogram}, {"pairs.csv", sae_comparison_write_pairs},
    {"novel.csv", sae_comparison_write_novel},         {"latent.csv", sae_comparison_write_latent},
    {"histogram.svg", sae_comparison_draw_histogram},  {"pairs.svg", sae_comparison_draw_pairs},
    {"novel.svg", sae_comparison_draw_novel},
};

static const struct {
    const char *name;
    sae_status (*write)(const sae_family *, const char *, sae_error *);
} family_files[] = {
    {"family.csv", sae_family_write_members}, {"matrix.csv", sae_family_write_matrix},
    {"tree.csv", sae_family_write_tree},      {"matrix.svg", sae_family_draw_matrix},
    {"first.svg", sae_family_draw_first},     {"tree.svg", sae_family_draw_tree},
};

/* Where the two neighbours i and i + 1 of a family go. */
static sae_status pair_directory(char *out, size_t size, const char *dir, size_t i, sae_error *err)
{
    char name[48];
    snprintf(name, sizeof name, "%zu-%zu", i + 1, i + 2);
    return cli_path(out, size, dir, name, err);
}

/* Tables, pictures and report of two SAEs in `dir`. */
static sae_status write_pair(const sae_comparison *c, const sae_report_origin *origin, const char *dir,
                             sae_written *written, sae_error *err)
{
    char path[4096];
    sae_status status;
    for (size_t i = 0; i < CLI_COUNT(pair_files); i++) {
        if (pair_files[i].write == sae_comparison_write_latent && c->latent < 0) continue;
        CLI_TRY(cli_result_path(path, sizeof path, written, dir, pair_files[i].name, err));
        CLI_TRY(pair_files[i].write(c, path, err));
    }
    CLI_TRY(cli_result_path(path, sizeof path, written, dir, "index.html", err));
    status = sae_report_comparison(c, origin, path, err);
done:
    return status;
}

/* Those of a family, and of each two neighbours in a directory of their own. */
static sae_status write_family(const sae_family *f, const sae_report_origin *origin, const char *dir,
                               sae_written *written, sae_error *err)
{
    char path[4096];
    sae_status status;
    for (size_t i = 0; i < CLI_COUNT(family_files); i++) {
        CLI_TRY(cli_result_path(path, sizeof path, written, dir, family_files[i].name, err));
        CLI_TRY(family_files[i].write(f, path, err));
    }
    for (size_t i = 0; i + 1 < f->n_members; i++) {
        CLI_TRY(pair_directory(path, sizeof path, dir, i, err));
        CLI_TRY(sae_written_dirs(written, path, err));
        sae_report_origin pair = *origin;
        pair.saes += i;
        pair.n_saes = 2;
        pair.above = "../index.html";
        CLI_TRY(write_pair(f->neighbours[i], &pair, path, written, err));
    }
    CLI_TRY(cli_result_path(path, sizeof path, written, dir, "index.html", err));
    status = sae_report_family(f, origin, path, err);
done:
    return status;
}

static sae_status remove_in(const char *dir, const char *name, sae_error *err)
{
    char path[4096];
    sae_status status = cli_path(path, sizeof path, dir, name, err);
    return status == SAE_OK ? cli_remove_stale(path, err) : status;
}

static sae_status remove_pair(const char *dir, sae_error *err)
{
    sae_status status = remove_in(dir, "index.html", err);
    for (size_t i = 0; i < CLI_COUNT(pair_files) && status == SAE_OK; i++)
        status = remove_in(dir, pair_files[i].name, err);
    return status;
}

static sae_status remove_family(const char *dir, sae_error *err)
{
    char path[4096];
    sae_status status = remove_in(dir, "index.html", err);
    for (size_t i = 0; i < CLI_COUNT(family_files) && status == SAE_OK; i++)
        status = remove_in(dir, family_files[i].name, err);
    for (size_t i = 0; status == SAE_OK; i++) {
        status = pair_directory(path, sizeof path, dir, i, err);
        if (status != SAE_OK || !cli_exists(path)) break;
        status = remove_pair(path, err);
        (void)rmdir(path); /* unless something else lies in it */
    }
    return status;
}

/* An earlier comparison that --force replaces goes whole: it may have had more SAEs. Its marker goes first. */
static sae_status remove_earlier(const char *dir, sae_written *written, sae_error *err)
{
    static sae_status (*const remove_files[])(const char *, sae_error *) = {
        [PAIR] = remove_pair,
        [FAMILY] = remove_family,
    };
    char path[4096];
    sae_status status = SAE_OK;
    for (size_t i = 0; i < CLI_COUNT(markers) && status == SAE_OK; i++) {
        snprintf(path, sizeof path, "%s/%s", dir, markers[i]);
        bool earlier = cli_exists(path);
        status = cli_open_result(written, dir, markers[i], err);
        if (earlier && status == SAE_OK) status = remove_files[i](dir, err);
    }
    return status;
}

static void write_json(const results *r, FILE *out)
{
    if (r->family)
        cli_family_json(r->family, &r->sparsity, out);
    else
        cli_compare_json(r->pair, r->words[0], r->words[1], &r->sparsity, out);
}

/* The JSON file is written last: a directory that has it is complete. */
static sae_status write_files(const results *r, const char *dir, sae_error *err)
{
    char path[4096];
    cli_draft draft;
    sae_written written = {0};
    sae_status status;
    CLI_TRY(remove_earlier(dir, &written, err));
    CLI_TRY(r->family ? write_family(r->family, &r->origin, dir, &written, err)
                      : write_pair(r->pair, &r->origin, dir, &written, err));
    CLI_TRY(cli_result_path(path, sizeof path, &written, dir, markers[r->family ? FAMILY : PAIR], err));
    CLI_TRY(cli_draft_open(&draft, err));
    write_json(r, draft.stream);
    status = cli_draft_write(&draft, path, err);
done:
    sae_written_end(&written, status == SAE_OK);
    return status;
}

/* ---- the command ------------------------------------------------------------------------------------------ */

static sae_status print(const results *r, const settings *s, int64_t excluded, FILE *out, sae_error *err)
{
    sae_status status;
    if (r->family)
        fprintf(out, "%zu SAEs\non ", r->n);
    else
        fprintf(out, "Small %s and large %s\non ", r->words[0], r->words[1]);
    cli_print_tokens(out, r->family ? r->family->tokens : r->pair->tokens, excluded);
    fputs("\n\n", out);
    cli_sparsity_print(&r->sparsity, out);
    status = r->family ? cli_family_print(r->family, out, err) : cli_compare_print(r->pair, out, err);
    if (status != SAE_OK || !s->out) return status;
    fprintf(out, "\nWrote the report %s/index.html; beside it %s, tables, pictures\n", s->out,
            markers[r->family ? FAMILY : PAIR]);
    return status;
}

static sae_status check_out(const settings *s, sae_error *err)
{
    sae_status status = SAE_OK;
    for (size_t i = 0; i < CLI_COUNT(markers) && status == SAE_OK && !s->force; i++)
        status = cli_check_fresh(s->out, markers[i], "a comparison", err);
    return status == SAE_OK ? cli_check_directory(s->out, err) : status;
}

/* In a family an SAE that stands there twice is a slip: it would only be compared with itself. */
static sae_status check_twice(const results *r, sae_error *err)
{
    for (size_t i = 0; i < r->n; i++)
        for (size_t j = 0; j < i; j++) {
            char *a = realpath(r->words[j], NULL), *b = realpath(r->words[i], NULL);
            bool same = a && b && strcmp(a, b) == 0;
            free(a);
            free(b);
            if (same)
                return sae_fail(err, SAE_E_ARG, "%s is given twice, as SAE %zu and %zu of %zu", r->words[i], j + 1,
                                i + 1, r->n);
        }
    return SAE_OK;
}

static sae_status compare(results *r, sae_source *source, const sae_compare_config *config, cli_app *app,
                          sae_error *err)
{
    if (r->n == 2) return sae_compare(r->models[0], r->models[1], source, config, &r->pair, &app->env, err);
    return sae_family_compare((const sae_model *const *)r->models, r->n, source, config, &r->family, &app->env, err);
}

/* The SAEs in the order of the results: as given, or those of a family by width. */
static void describe(results *r, const char *acts, const sae_source *source)
{
    for (size_t i = 0; i < r->n; i++) {
        size_t given = r->family ? r->family->members[i].given : i;
        r->saes[i] = (sae_report_sae){r->words[given], sae_model_get_info(r->models[given]),
                                      r->sparsity.matches ? &r->sparsity.matches[given] : NULL};
    }
    r->origin = (sae_report_origin){r->saes, r->n, acts, sae_source_get_info(source), NULL};
}

static sae_status run(cli_app *app, const void *settings_, const char *const *words, sae_error *err)
{
    const settings *s = settings_;
    sae_status status;
    results r = {.words = words};
    cli_rows rows = {0};
    while (words[r.n]) r.n++;
    CLI_TRY(cli_sparsity_check(s->sparsity_match, err));
    CLI_TRY(check_out(s, err));
    if (r.n > 2) CLI_TRY(check_twice(&r, err));
    CLI_TRY(cli_rows_configure(&rows, app, err));
    r.models = calloc(r.n, sizeof *r.models);
    r.saes = calloc(r.n, sizeof *r.saes);
    if (!r.models || !r.saes) CLI_TRY(cli_fail_memory(err));
    for (size_t i = 0; i < r.n; i++) CLI_TRY(sae_model_load(&r.models[i], words[i], err));
    CLI_TRY(cli_rows_open(&rows, s->acts, app, err));
    if (s->sparsity_match)
        CLI_TRY(cli_sparsity_apply(&r.sparsity, s->sparsity_match, words, r.models, r.n, rows.source,
                                   s->compare.max_tokens, app, err));
    CLI_TRY(compare(&r, rows.source, &s->compare, app, err));
    describe(&r, s->acts, rows.source);
    if (s->out) CLI_TRY(write_files(&r, s->out, err));
    if (app->common.json)
        write_json(&r, app->out);
    else
        status = print(&r, s, sae_source_get_info(rows.source)->excluded, app->out, err);
done:
    sae_comparison_free(r.pair);
    sae_family_free(r.family);
    cli_rows_close(&rows);
    for (size_t i = 0; r.models && i < r.n; i++) sae_model_free(r.models[i]);
    free(r.models);
    cli_sparsity_free(&r.sparsity);
    free(r.saes);
    return status;
}

static const char *const usage[] = {"SMALL LARGE --acts ACTS [--out DIR] [--OPTION VALUE]...",
                                    "SAE SAE SAE... --acts ACTS [--out DIR] [--OPTION VALUE]...", NULL};
static const cli_note arguments[] = {
    {"SMALL", "directory of the smaller SAE"},
    {"LARGE", "directory of a larger SAE of the same activations (any two will do)"},
    {"SAE...", "more than two: a family, compared by ascending width whatever their order here"},
};
static const cli_group groups[] = {
    {"Files", file_options, 0},
    {"What to compute", sae_compare_option_table, offsetof(settings, compare)},
    {"Sparsity", sparsity_options, 0},
};
static const cli_note examples[] = {
    {"saes/batchtopk-256-k8 saes/batchtopk-512-k8 --acts acts --out comparison",
     "Does a larger SAE find new features?"},
    {"saes/topk-256-k8 saes/jumprelu-512 --acts acts --sparsity-match small",
     "The same for SAEs of different kinds, at one sparsity"},
    {"saes/batchtopk-256-k8 saes/batchtopk-512-k8 saes/batchtopk-2048-k8 --acts acts --out family",
     "At which width does each latent appear?"},
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
    {"sparsity_match",
     "of --sparsity-match, for each SAE: path, l0_before, l0, shift (of its thresholds; null: left as "
     "they are); else null"},
    {"latent", "of --latent: id, large and small: {inactive, active, difference}; else null"},
    {"novel_mean",
     "mean over novel latents: n, left_out, never_fired, large and small: {inactive, active, difference, "
     "ci (of the difference), inactive_ci, active_ci}, excess (difference of the differences), excess_ci; "
     "95 % bootstrap intervals"},
    {"saes", "of more than two SAEs, instead of the above: by ascending width {path, n, l0, mse, never_fired, first "
             "(latents of "
             "the largest that it is the first to have)}; tokens, threshold and sparsity_match as above"},
    {"novel, novel_share", "[i][j]: latents of SAE i that are novel to SAE j, and their share"},
    {"neighbours", "for each two neighbours all of the above keys of two SAEs"},
    {"tree", "of each latent of the largest SAE: first (index of the narrowest SAE with a latent of cosine >= "
             "threshold), and for each smaller SAE [j] nearest and cos"},
    {"errors", "all errors are sums over d, in the activations' own units"},
};

const cli_command cli_compare = {
    .name = "compare",
    .summary = "compare the latents of two SAEs or more",
    .usage = usage,
    .description =
        "Finds for each latent of one SAE the most similar of the other by the cosine of their decoder directions, "
        "and compares their activations. Latents of the large SAE without a match are called novel; the error of "
        "both SAEs where such a latent fires, and where not, tells what it adds.\n\nOf more than two SAEs every two of "
        "neighbouring width are compared like this, all others by the share of novel latents, and each latent of the "
        "largest one gets its nearest in every smaller one: a tree of how latents split. All SAEs read the activations "
        "in one pass.",
    .arguments = arguments,
    .n_arguments = CLI_COUNT(arguments),
    .min_words = 2,
    .max_words = -1,
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
