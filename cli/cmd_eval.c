/* sae eval: how well SAEs reconstruct activations, and what the language model loses when it reads the
 * reconstructions. */
#include "cli/commands.h"
#include "cli/eval_print.h"
#include "cli/file.h"
#include "cli/rows.h"
#include "cli/text.h"

#include <stdlib.h>

typedef struct settings {
    const char *acts;
    int64_t max_tokens;
    const char *model;
    const char *const *text;
    const char *split;
    bool parse_special;
    int64_t text_tokens;
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

static const sae_option *ce_options(size_t *count)
{
    static const sae_option table[] = {
        {.name = "model",
         .type = SAE_OPT_STRING,
         .offset = offsetof(settings, model),
         .metavar = "DIR",
         .help = "the language model that the activations are from"},
        {.name = "text",
         .type = SAE_OPT_FILES,
         .offset = offsetof(settings, text),
         .metavar = "FILE...",
         .help = "text to predict, cut into contexts as the activations were"},
        {.name = "text-tokens",
         .type = SAE_OPT_INT,
         .offset = offsetof(settings, text_tokens),
         .metavar = "N",
         .default_text = "65536",
         .zero_word = "all",
         .min = 0,
         .max = 1e15,
         .help = "read so many tokens of text at most"},
        {.name = "split",
         .type = SAE_OPT_STRING,
         .offset = offsetof(settings, split),
         .metavar = "STR",
         .help = "lines equal to this separate the documents of a text file"},
        {.name = "parse-special",
         .type = SAE_OPT_BOOL,
         .offset = offsetof(settings, parse_special),
         .help = "read special tokens written in the text as such"},
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
    ((settings *)out)->text_tokens = 65536;
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

/* Where reconstructions of an SAE are put back. */
typedef struct splice_place {
    sae_hook hook;
    bool center; /* the residual stream */
    bool done;   /* measured */
} splice_place;

/* As acts.json or else the SAE records it. */
static sae_status find_place(splice_place *out, const sae_lm *lm, const sae_acts_meta *acts, const sae_model *model,
                             sae_error *err)
{
    const sae_model_info *info = sae_model_get_info(model);
    const sae_acts_meta *meta = *acts->hook_name ? acts : &info->acts;
    if (!*meta->hook_name)
        return cli_fail(err, SAE_E_ARG,
                        "neither the activations nor %s say which hook they belong to, so reconstructions cannot be "
                        "put back into the language model; leave --model out",
                        sae_model_path(model));
    out->center = meta->center_residual;
    return sae_hook_parse(&out->hook, lm, meta->hook_name, err);
}

static bool same_place(const splice_place *a, const splice_place *b)
{
    return a->hook.layer == b->hook.layer && a->hook.site == b->hook.site && a->center == b->center;
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
        CLI_TRY(find_place(&places[i], lm->lm, sae_acts_get_meta(rows->acts), r->models[i], err));
    for (size_t i = 0; i < r->n; i++) {
        size_t count = 0;
        if (places[i].done) continue;
        for (size_t j = i; j < r->n; j++)
            if (same_place(&places[i], &places[j])) group[count++] = r->models[j];
        CLI_TRY(sae_evaluate_ce(group, count, lm->lm, lm->contexts, places[i].hook, places[i].center, &rows->config,
                                r->evals[i].x_mean, ce, &app->env, err));
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
    const sae_acts_meta *acts = sae_acts_get_meta(rows->acts);
    sae_text_config text = sae_text_config_default();
    text.files = s->text;
    text.split = s->split;
    text.parse_special = s->parse_special;
    text.max_tokens = s->text_tokens;
    text.prepend_bos = acts->prepend_bos;
    if (acts->ctx) text.ctx = acts->ctx;
    CLI_TRY(cli_lm_open(&lm, s->model, &text, app, err));
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
    if (!s->model != !s->text)
        return cli_fail(err, SAE_E_ARG, "--model and --text go together: the language model reads the text");
    CLI_TRY(cli_check_file("csv", s->csv, err)); /* before the work, not after it */
    CLI_TRY(cli_check_file("svg", s->svg, err));
    while (words[r.n]) r.n++;
    r.models = calloc(r.n, sizeof *r.models);
    r.evals = calloc(r.n, sizeof *r.evals);
    if (!r.models || !r.evals) CLI_TRY(cli_fail_memory(err));
    CLI_TRY(cli_rows_configure(&rows, app, err));
    for (size_t i = 0; i < r.n; i++) CLI_TRY(sae_model_load(&r.models[i], words[i], err));
    CLI_TRY(cli_rows_open(&rows, s->acts, app, err));
    cli_say_screen(app);
    const sae_source_info *info = sae_source_get_info(rows.source);
    r.excluded = info->excluded;
    for (size_t i = 0; i < r.n; i++) CLI_TRY(cli_check_width(r.models[i], &info->meta, s->acts, err));
    CLI_TRY(sae_evaluate((const sae_model *const *)r.models, r.n, rows.source, s->max_tokens, r.evals, &app->env, err));
    if (s->model) CLI_TRY(measure_ce(&r, s, &rows, app, err));
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
    {"Loss of the language model", ce_options, 0},
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
