/* sae eval: how well SAEs reconstruct activations, and what the language model loses when it reads the
 * reconstructions. */
#include "cli/commands.h"
#include "cli/eval_print.h"
#include "cli/file.h"
#include "cli/rows.h"
#include "cli/splice.h"

#include <stdlib.h>

typedef struct settings {
    const char *acts;
    int64_t max_tokens;
    cli_splice splice;
    const char *csv, *svg;
} settings;

static const sae_option *row_options(size_t *count)
{
    static const sae_option table[] = {
        {.name = "acts",
         .type = SAE_OPT_STRING,
         .offset = offsetof(settings, acts),
         .metavar = "ACTS",
         .help = "activations to reconstruct"},
        {.name = "max-tokens",
         .type = SAE_OPT_INT,
         .offset = offsetof(settings, max_tokens),
         .metavar = "N",
         .default_text = "all",
         .zero_word = "all",
         .min = 0,
         .max = 1e15,
         .help = "use so many rows at most"},
    };
    *count = CLI_COUNT(table);
    return table;
}

static const sae_option *file_options(size_t *count)
{
    static const sae_option table[] = {
        {.name = "csv",
         .type = SAE_OPT_STRING,
         .offset = offsetof(settings, csv),
         .metavar = "FILE",
         .help = "write L0 and FVU of each SAE, and whether it is on the frontier, as CSV"},
        {.name = "svg",
         .type = SAE_OPT_STRING,
         .offset = offsetof(settings, svg),
         .metavar = "FILE",
         .help = "write the L0-FVU frontier as a picture"},
    };
    *count = CLI_COUNT(table);
    return table;
}

static void defaults(void *out)
{
    ((settings *)out)->splice = cli_splice_default();
}

static void results_free(cli_eval_results *r)
{
    for (size_t i = 0; i < r->n; i++) {
        if (r->models) sae_model_free(r->models[i]);
        if (r->evals) sae_eval_clear(&r->evals[i]);
    }
    free(r->models);
    free(r->evals);
    free(r->points);
    free(r->ce);
}

/* An SAE's place, and whether it was measured. */
typedef struct splice_place {
    cli_splice_place at;
    bool done;
} splice_place;

static bool same_place(const splice_place *a, const splice_place *b)
{
    return a->at.hook.layer == b->at.hook.layer && a->at.hook.site == b->at.hook.site && a->at.center == b->at.center;
}

/* SAEs of one place share the language model's runs; only SAEs that each say where they belong can be of several. */
static sae_status measure_splices(cli_eval_results *r, const cli_lm *lm, const cli_rows *rows, cli_app *app,
                                  sae_error *err)
{
    sae_status status = SAE_OK;
    splice_place *places = calloc(r->n, sizeof *places);
    const sae_model **group = calloc(r->n, sizeof *group);
    sae_eval_ce *ce = calloc(r->n, sizeof *ce);
    r->ce = calloc(r->n, sizeof *r->ce);
    if (!places || !group || !ce || !r->ce) CLI_TRY(cli_fail_memory(err));
    for (size_t i = 0; i < r->n; i++)
        CLI_TRY(cli_splice_find_place(&places[i].at, lm->lm, sae_acts_get_meta(rows->acts), r->models[i], err));
    for (size_t i = 0; i < r->n; i++) {
        size_t count = 0;
        if (places[i].done) continue;
        for (size_t j = i; j < r->n; j++)
            if (same_place(&places[i], &places[j])) group[count++] = r->models[j];
        CLI_TRY(sae_evaluate_ce(group, count, lm->lm, lm->contexts, places[i].at.hook, places[i].at.center,
                                &rows->config, r->evals[i].x_mean, ce, &app->env, err));
        count = 0;
        for (size_t j = i; j < r->n; j++) {
            if (!same_place(&places[i], &places[j])) continue;
            places[j].done = true;
            r->ce[j] = ce[count++];
        }
    }
done:
    free(places);
    free(group);
    free(ce);
    return status;
}

static sae_status measure_ce(cli_eval_results *r, const settings *s, const cli_rows *rows, cli_app *app, sae_error *err)
{
    sae_status status = SAE_OK;
    cli_lm lm = {0};
    CLI_TRY(cli_splice_open(&lm, &s->splice, sae_acts_get_meta(rows->acts), app, err));
    CLI_TRY(measure_splices(r, &lm, rows, app, err));
done:
    cli_lm_close(&lm);
    return status;
}

/* The measured SAEs as points of the plane of L0 and FVU. */
static sae_status find_frontier(cli_eval_results *r, sae_error *err)
{
    r->points = calloc(r->n, sizeof *r->points);
    if (!r->points) return cli_fail_memory(err);
    for (size_t i = 0; i < r->n; i++) {
        const sae_model_info *info = sae_model_get_info(r->models[i]);
        r->points[i] = (sae_frontier_point){.path = sae_model_path(r->models[i]),
                                            .arch = info->arch,
                                            .width = info->n,
                                            .k = info->k,
                                            .l0 = r->evals[i].l0,
                                            .fvu = r->evals[i].fvu};
    }
    sae_frontier_mark(r->points, r->n);
    return SAE_OK;
}

static sae_status write_files(const cli_eval_results *r, const settings *s, sae_error *err)
{
    int64_t tokens = r->evals[0].tokens;
    sae_status status = s->csv ? sae_frontier_write_csv(r->points, r->n, tokens, s->csv, err) : SAE_OK;
    if (status == SAE_OK && s->svg) status = sae_frontier_write_svg(r->points, r->n, tokens, s->svg, err);
    return status;
}

static sae_status run(cli_app *app, const void *settings_, const char *const *words, sae_error *err)
{
    const settings *s = settings_;
    sae_status status = SAE_OK;
    cli_rows rows = {0};
    cli_eval_results r = {0};
    CLI_TRY(cli_splice_check(&s->splice, err));
    CLI_TRY(cli_check_file("csv", s->csv, err)); /* before the work, not after it */
    CLI_TRY(cli_check_file("svg", s->svg, err));
    while (words[r.n]) r.n++;
    r.models = calloc(r.n, sizeof *r.models);
    r.evals = calloc(r.n, sizeof *r.evals);
    if (!r.models || !r.evals) CLI_TRY(cli_fail_memory(err));
    CLI_TRY(cli_rows_configure(&rows, app, err));
    for (size_t i = 0; i < r.n; i++) CLI_TRY(sae_model_load(&r.models[i], words[i], err));
    CLI_TRY(cli_rows_open(&rows, s->acts, app, err));
    const sae_source_info *info = sae_source_get_info(rows.source);
    r.excluded = info->excluded;
    for (size_t i = 0; i < r.n; i++) CLI_TRY(cli_check_width(r.models[i], &info->meta, s->acts, err));
    CLI_TRY(sae_evaluate((const sae_model *const *)r.models, r.n, rows.source, s->max_tokens, r.evals, &app->env, err));
    if (s->splice.model) CLI_TRY(measure_ce(&r, s, &rows, app, err));
    CLI_TRY(find_frontier(&r, err));
    CLI_TRY(write_files(&r, s, err));
    if (app->common.json)
        cli_eval_print_json(&r, app->out);
    else
        status = cli_eval_print_tables(&r, s->acts, app->out, err);
done:
    results_free(&r);
    cli_rows_close(&rows);
    return status;
}

static const char *const usage[] = {"SAE... --acts ACTS [--model DIR --text FILE...] [--OPTION VALUE]...", NULL};
static const cli_note arguments[] = {{"SAE...", "directories of SAEs; all read the activations in one pass"}};
static const cli_group groups[] = {
    {"Activations", row_options, 0},
    {"Loss of the language model", cli_splice_options, offsetof(settings, splice)},
    {"Files", file_options, 0},
};
static const cli_note examples[] = {
    {"saes/batchtopk-256-k8 saes/batchtopk-512-k8 --acts acts", "Reconstruction of two SAEs:"},
    {"saes/*/ --acts acts --svg frontier.svg", "All SAEs of a grid, with a picture of the L0-FVU frontier:"},
    {"sae --acts acts --model gpt2 --text held-out.txt", "And what the language model loses:"},
};
static const cli_note json_keys[] = {
    {"tokens, excluded", "rows measured on, and rows left out of the activations"},
    {"saes", "array with one object per SAE: path, arch, d, n, k (null if unknown), and the following"},
    {"l0", "mean number of active latents per token"},
    {"mse, mse_per_dim", "mean over tokens of the squared error summed over d; the same divided by d"},
    {"fvu, explained_variance", "sum of squared errors over the variance of the rows about their mean; 1 - fvu"},
    {"cosine, l2_ratio", "token means of cos(x, x_hat) and of |x_hat| / |x|"},
    {"rel_bias", "sum of |x_hat|^2 over sum of x . x_hat"},
    {"on_frontier", "whether no other of these SAEs has l0 and fvu both at most as large and one of them smaller"},
    {"dead", "latents that never fired on these tokens"},
    {"theta", "the threshold, null unless one holds for all latents"},
    {"density", "{edges, counts}: latents by log10 of the share of tokens on which they fire"},
    {"ce", "null without --model, else {clean, spliced, zero, mean, recovered, recovered_mean, kl, tokens}: "
           "cross-entropies in nats per predicted token; recovered values are null where the denominator is not > 0"},
};

const cli_command cli_eval = {
    .name = "eval",
    .summary = "judge SAEs: reconstruction, sparsity, loss of the language model",
    .usage = usage,
    .description =
        "Measures SAEs on activations, in their inference form and in the activations' own units. With a language "
        "model and text it also puts the reconstructions in place of the activations and measures how much worse "
        "the model predicts; hook, context length, BOS and centring are taken from the activations.\n\n"
        "Of several SAEs it draws the L0-FVU frontier: those that no other beats in both sparsity and "
        "reconstruction.",
    .arguments = arguments,
    .n_arguments = CLI_COUNT(arguments),
    .min_words = 1,
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
