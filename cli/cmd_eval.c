/* sae eval: how well SAEs reconstruct activations, and what the language model loses when it reads the
 * reconstructions. */
#include "cli/commands.h"
#include "cli/json.h"
#include "cli/rows.h"
#include "cli/table.h"
#include "cli/text.h"

#include <sae/analysis.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define DENSITY_LOW  (-8.0) /* log10 of the lowest density in the histogram */
#define DENSITY_STEP 0.2

typedef struct settings {
    const char *acts;
    int64_t max_tokens;
    const char *model;
    const char *const *text;
    const char *split;
    bool parse_special;
    int64_t text_tokens;
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

static void defaults(void *out)
{
    ((settings *)out)->text_tokens = 65536;
}

/* Everything measured; arrays of n entries. */
typedef struct results {
    size_t n;
    sae_model **models;
    sae_eval *evals;
    sae_eval_ce *ce; /* NULL without a language model */
    int64_t excluded;
} results;

static void results_free(results *r)
{
    for (size_t i = 0; i < r->n; i++) {
        if (r->models) sae_model_free(r->models[i]);
        if (r->evals) sae_eval_clear(&r->evals[i]);
    }
    free(r->models);
    free(r->evals);
    free(r->ce);
}

/* The hook and form of the activations, as acts.json or else the SAE records them. */
static sae_status find_hook(sae_hook *hook, bool *center, const sae_lm *lm, const sae_acts_meta *acts,
                            const sae_model *model, sae_error *err)
{
    const sae_model_info *info = sae_model_get_info(model);
    const sae_acts_meta *meta = *acts->hook_name ? acts : &info->acts;
    if (!*meta->hook_name)
        return cli_fail(err, SAE_E_ARG,
                        "neither the activations nor %s say which hook they belong to, so reconstructions cannot be "
                        "put back into the language model; leave --model out",
                        sae_model_path(model));
    *center = meta->center_residual;
    return sae_hook_parse(hook, lm, meta->hook_name, err);
}

static sae_status measure_ce(results *r, const settings *s, const cli_rows *rows, cli_app *app, sae_error *err)
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
    r->ce = calloc(r->n, sizeof *r->ce);
    if (!r->ce) CLI_TRY(cli_fail_memory(err));
    for (size_t i = 0; i < r->n; i++) {
        sae_hook hook;
        bool center = false;
        CLI_TRY(find_hook(&hook, &center, lm.lm, acts, r->models[i], err));
        CLI_TRY(sae_evaluate_ce(r->models[i], lm.lm, lm.contexts, hook, center, &rows->config, r->evals[i].x_mean,
                                &r->ce[i], &app->env, err));
    }
done:
    cli_lm_close(&lm);
    return status;
}

static void density_json(cli_json *json, const sae_eval *eval)
{
    cli_json_object(json, "density");
    cli_json_array(json, "edges");
    for (int i = 0; i <= SAE_DENSITY_BINS; i++)
        cli_json_real(json, NULL, round((DENSITY_LOW + DENSITY_STEP * i) * 10) / 10);
    cli_json_end(json);
    cli_json_ints(json, "counts", eval->density_counts, SAE_DENSITY_BINS);
    cli_json_end(json);
}

static void ce_json(cli_json *json, const sae_eval_ce *ce)
{
    if (!ce) {
        cli_json_null(json, "ce");
        return;
    }
    cli_json_object(json, "ce");
    cli_json_real(json, "clean", ce->clean);
    cli_json_real(json, "spliced", ce->spliced);
    cli_json_real(json, "zero", ce->zero);
    cli_json_real(json, "mean", ce->mean);
    cli_json_real(json, "recovered", ce->recovered);
    cli_json_real(json, "recovered_mean", ce->recovered_mean);
    cli_json_real(json, "kl", ce->kl);
    cli_json_int(json, "tokens", ce->tokens);
    cli_json_end(json);
}

static void print_json(const results *r, FILE *out)
{
    cli_json json;
    cli_json_start(&json, out);
    cli_json_int(&json, "tokens", r->evals[0].tokens);
    cli_json_int(&json, "excluded", r->excluded);
    cli_json_array(&json, "saes");
    for (size_t i = 0; i < r->n; i++) {
        const sae_model_info *info = sae_model_get_info(r->models[i]);
        const sae_eval *e = &r->evals[i];
        cli_json_object(&json, NULL);
        cli_json_text(&json, "path", sae_model_path(r->models[i]));
        cli_json_text(&json, "arch", sae_arch_name(info->arch));
        cli_json_int(&json, "d", info->d);
        cli_json_int(&json, "n", info->n);
        if (info->k > 0)
            cli_json_int(&json, "k", info->k);
        else
            cli_json_null(&json, "k");
        cli_json_real(&json, "l0", e->l0);
        cli_json_real(&json, "mse", e->mse);
        cli_json_real(&json, "mse_per_dim", e->mse_per_dim);
        cli_json_real(&json, "fvu", e->fvu);
        cli_json_real(&json, "explained_variance", e->explained_variance);
        cli_json_real(&json, "cosine", e->cosine);
        cli_json_real(&json, "l2_ratio", e->l2_ratio);
        cli_json_real(&json, "rel_bias", e->rel_bias);
        cli_json_int(&json, "dead", e->dead);
        cli_json_real(&json, "theta", info->has_theta ? info->theta : (double)NAN);
        density_json(&json, e);
        ce_json(&json, r->ce ? &r->ce[i] : NULL);
        cli_json_end(&json);
    }
    cli_json_end(&json);
    cli_json_finish(&json);
}

static void print_reconstruction(const results *r, FILE *out)
{
    static const char *const names[] = {"SAE",       "width",  "L0",       "MSE",      "per dim", "FVU",
                                        "explained", "cosine", "l2 ratio", "rel bias", "dead"};
    cli_table table;
    cli_table_start(&table, names, CLI_COUNT(names));
    for (size_t i = 0; i < r->n; i++) {
        const sae_eval *e = &r->evals[i];
        cli_table_text(&table, sae_model_path(r->models[i]));
        cli_table_count(&table, sae_model_get_info(r->models[i])->n);
        cli_table_number(&table, e->l0, 4);
        cli_table_number(&table, e->mse, 4);
        cli_table_number(&table, e->mse_per_dim, 4);
        cli_table_number(&table, e->fvu, 4);
        cli_table_percent(&table, e->explained_variance);
        cli_table_number(&table, e->cosine, 4);
        cli_table_number(&table, e->l2_ratio, 4);
        cli_table_number(&table, e->rel_bias, 4);
        cli_table_count(&table, e->dead);
    }
    cli_table_print(&table, out);
    fputs("\n"
          "  L0         active latents per token\n"
          "  MSE        squared error of the reconstruction, summed over the dimensions; per dim: divided by d\n"
          "  FVU        share of the activations' variance that the reconstruction misses; explained: the rest\n"
          "  cosine     between activation and reconstruction, mean over tokens\n"
          "  l2 ratio   length of the reconstruction over length of the activation; below 1: it shrinks\n"
          "  rel bias   1 where the reconstruction has the length that fits best\n"
          "  dead       latents that never fired on these tokens\n",
          out);
}

static void print_ce(const results *r, FILE *out)
{
    static const char *const names[] = {"cross-entropy", "clean",     "spliced",   "zeroed",
                                        "mean",          "recovered", "over mean", "KL(clean|spliced)"};
    cli_table table;
    cli_table_start(&table, names, CLI_COUNT(names));
    for (size_t i = 0; i < r->n; i++) {
        const sae_eval_ce *ce = &r->ce[i];
        const char *path = sae_model_path(r->models[i]), *slash = strrchr(path, '/');
        cli_table_text(&table, slash && slash[1] ? slash + 1 : path);
        cli_table_number(&table, ce->clean, 4);
        cli_table_number(&table, ce->spliced, 4);
        cli_table_number(&table, ce->zero, 4);
        cli_table_number(&table, ce->mean, 4);
        cli_table_percent(&table, ce->recovered);
        cli_table_percent(&table, ce->recovered_mean);
        cli_table_number(&table, ce->kl, 4);
    }
    fputc('\n', out);
    cli_table_print(&table, out);
    char tokens[48];
    cli_format_count(tokens, sizeof tokens, r->ce[0].tokens);
    fprintf(out,
            "\n"
            "  Loss of the language model in nats per token, over %s predicted tokens: with its own activations\n"
            "  (clean), with reconstructions in their place (spliced), with zeros, and with the mean activation.\n"
            "  recovered  (zeroed - spliced) / (zeroed - clean): 100%% would be a perfect reconstruction;\n"
            "             over mean: the same with the mean in place of zeros, which is harder\n",
            tokens);
}

static void print_density(const sae_eval *e, FILE *out)
{
    int64_t most = 1;
    int low = SAE_DENSITY_BINS, high = -1;
    for (int i = 0; i < SAE_DENSITY_BINS; i++) {
        if (!e->density_counts[i]) continue;
        if (i < low) low = i;
        high = i;
        if (e->density_counts[i] > most) most = e->density_counts[i];
    }
    fputs("\n  How often latents fire (share of tokens, and how many latents)\n", out);
    for (int i = low; i <= high; i++) {
        int bar = (int)lround(50.0 * (double)e->density_counts[i] / (double)most);
        fprintf(out, "  %8.2g .. %-8.2g %6lld ", pow(10, DENSITY_LOW + DENSITY_STEP * i),
                pow(10, DENSITY_LOW + DENSITY_STEP * (i + 1)), (long long)e->density_counts[i]);
        for (int j = 0; j < bar; j++) fputc('#', out);
        fputc('\n', out);
    }
}

static void print_tables(const results *r, const settings *s, FILE *out)
{
    fprintf(out, "Reconstruction of ");
    cli_print_tokens(out, r->evals[0].tokens, r->excluded);
    fprintf(out, " from %s\n\n", s->acts);
    print_reconstruction(r, out);
    if (r->ce) print_ce(r, out);
    if (r->n == 1) print_density(&r->evals[0], out);
}

static sae_status run(cli_app *app, const void *settings_, const char *const *words, sae_error *err)
{
    const settings *s = settings_;
    sae_status status = SAE_OK;
    cli_rows rows = {0};
    results r = {0};
    if (!s->model != !s->text)
        return cli_fail(err, SAE_E_ARG, "--model and --text go together: the language model reads the text");
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
    if (s->model) CLI_TRY(measure_ce(&r, s, &rows, app, err));
    if (app->common.json)
        print_json(&r, app->out);
    else
        print_tables(&r, s, app->out);
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
};
static const cli_note examples[] = {
    {"saes/batchtopk-256-k8 saes/batchtopk-512-k8 --acts acts", "Reconstruction of two SAEs:"},
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
        "the model predicts; hook, context length, BOS and centring are taken from the activations.",
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
