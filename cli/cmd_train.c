/* sae train: one SAE or a grid of them, from saved activations or from the running language model. */
#include "cli/commands.h"
#include "cli/json.h"
#include "cli/rows.h"
#include "cli/table.h"
#include "cli/text.h"

#include <sae/analysis.h>
#include <sae/train.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef struct settings {
    const char *acts, *out, *recipe;
    cli_place place;
    sae_text_config text;
    sae_train_options train;
} settings;

static const sae_option *file_options(size_t *count)
{
    static const sae_option table[] = {
        {.name = "acts",
         .type = SAE_OPT_STRING,
         .offset = offsetof(settings, acts),
         .metavar = "ACTS",
         .help = "activations to train on: a directory of sae harvest, or a .npy or .safetensors file"},
        {.name = "out",
         .type = SAE_OPT_STRING,
         .offset = offsetof(settings, out),
         .metavar = "DIR",
         .help = "where to save: DIR is the SAE, or holds one directory for each SAE of a grid"},
        {.name = "recipe",
         .type = SAE_OPT_STRING,
         .offset = offsetof(settings, recipe),
         .metavar = "FILE",
         .help = "JSON file with options; those given here come before its own"},
    };
    *count = CLI_COUNT(table);
    return table;
}

static void defaults(void *out)
{
    settings *s = out;
    s->text = sae_text_config_default();
    s->train = sae_train_options_default();
}

static const char *recipe(const void *settings_)
{
    return ((const settings *)settings_)->recipe;
}

/* Options that say the same thing in different ways: where the command line has one, a recipe's others go. */
static void prefer(void *settings_, const void *given_)
{
    settings *s = settings_;
    const settings *given = given_;
    if (given->train.k || given->train.l0 || given->train.lambda) {
        s->train.k = given->train.k;
        s->train.l0 = given->train.l0;
        s->train.lambda = given->train.lambda;
    }
    if (given->acts || given->place.model) {
        s->acts = given->acts;
        s->place.model = given->place.model;
    }
    if (given->acts) { /* nothing of how a recipe makes activations */
        s->place = given->place;
        s->text = given->text;
    }
    if (given->place.hook || given->place.layer) {
        s->place.hook = given->place.hook;
        s->place.layer = given->place.layer;
    }
}

/* What the run made, and what held-out rows say of it: [result->n_saes], tokens 0 where nothing was held out. */
typedef struct made {
    sae_train_result *result;
    sae_eval *held_out;
} made;

static void held_out_json(cli_json *json, const sae_eval *held_out)
{
    if (!held_out->tokens) {
        cli_json_null(json, "held_out");
        return;
    }
    cli_json_object(json, "held_out");
    cli_json_int(json, "tokens", held_out->tokens);
    cli_json_real(json, "l0", held_out->l0);
    cli_json_real(json, "mse", held_out->mse);
    cli_json_real(json, "fvu", held_out->fvu);
    cli_json_int(json, "dead", held_out->dead);
    cli_json_end(json);
}

static void theta_json(cli_json *json, const char *key, double theta, double l0)
{
    cli_json_object(json, key);
    cli_json_real(json, "theta", theta);
    cli_json_real(json, "l0", l0);
    cli_json_end(json);
}

static void print_json(const settings *s, const made *m, FILE *out)
{
    const sae_train_result *r = m->result;
    cli_json json;
    cli_json_start(&json, out);
    cli_json_text(&json, "out", s->out);
    cli_json_int(&json, "tokens", r->tokens);
    cli_json_int(&json, "steps", r->steps);
    cli_json_real(&json, "seconds", r->seconds);
    cli_json_real(&json, "reading_seconds", r->reading);
    if (r->resumed_from >= 0)
        cli_json_int(&json, "resumed_from", r->resumed_from);
    else
        cli_json_null(&json, "resumed_from");
    cli_json_array(&json, "saes");
    for (size_t i = 0; i < r->n_saes; i++) {
        const sae_train_sae *sae = &r->saes[i];
        cli_json_object(&json, NULL);
        cli_json_text(&json, "path", sae->path);
        cli_json_text(&json, "arch", sae_arch_name(sae->config.arch));
        cli_json_int(&json, "n", sae->config.width);
        if (sae->config.k > 0)
            cli_json_int(&json, "k", sae->config.k);
        else
            cli_json_null(&json, "k");
        cli_json_real(&json, "l0", sae->config.l0 > 0 ? sae->config.l0 : NAN);
        cli_json_real(&json, "lambda", sae->lambda);
        cli_json_real(&json, "lr", sae->config.lr);
        cli_json_int(&json, "seed", (int64_t)sae->config.seed);
        cli_json_real(&json, "theta", sae->theta);
        cli_json_object(&json, "thetas");
        theta_json(&json, "calibrated", sae->thetas.calibrated, sae->thetas.l0_calibrated);
        theta_json(&json, "running", sae->thetas.running, sae->thetas.l0_running);
        theta_json(&json, "l0", sae->thetas.l0, sae->thetas.l0_l0);
        cli_json_end(&json);
        held_out_json(&json, &m->held_out[i]);
        cli_json_end(&json);
    }
    cli_json_end(&json);
    cli_json_finish(&json);
}

/* What was asked for: k or an L0, or the λ that was given. */
static void sparsity_text(cli_table *table, const sae_train_config *config)
{
    char text[64];
    if (config->k > 0)
        snprintf(text, sizeof text, "%lld", (long long)config->k);
    else
        snprintf(text, sizeof text, "%s%g", config->l0 > 0 ? "" : "λ ", config->l0 > 0 ? config->l0 : config->lambda);
    cli_table_text(table, text);
}

static void print_saes(const made *m, FILE *out)
{
    const sae_train_result *r = m->result;
    static const char *const names[] = {"SAE", "width", "asked", "L0", "MSE", "FVU", "dead"};
    cli_table table;
    cli_table_start(&table, names, CLI_COUNT(names));
    for (size_t i = 0; i < r->n_saes; i++) {
        const sae_train_sae *sae = &r->saes[i];
        const sae_eval *held_out = &m->held_out[i];
        bool measured = held_out->tokens > 0;
        cli_table_text(&table, sae->path);
        cli_table_count(&table, sae->config.width);
        sparsity_text(&table, &sae->config);
        cli_table_number(&table, measured ? held_out->l0 : NAN, 4);
        cli_table_number(&table, measured ? held_out->mse : NAN, 4);
        cli_table_number(&table, measured ? held_out->fvu : NAN, 4);
        if (measured)
            cli_table_count(&table, held_out->dead);
        else
            cli_table_text(&table, "-");
    }
    cli_table_print(&table, out);
    char tokens[48];
    cli_format_count(tokens, sizeof tokens, m->held_out[0].tokens);
    if (m->held_out[0].tokens)
        fprintf(out,
                "\n  Measured on %s tokens that were held out of training:\n"
                "  asked the k or L0 asked for (λ: weight of the sparsity term)\n"
                "  L0    active latents per token\n"
                "  MSE   squared error of the reconstruction, summed over the dimensions\n"
                "  FVU   share of the activations' variance that the reconstruction misses\n"
                "  dead  latents that never fired on these tokens\n",
                tokens);
    else
        fputs("\n  Nothing was held out of training (--held-out), so nothing is measured.\n", out);
}

static void print_thetas(const sae_train_result *r, FILE *out)
{
    static const char *const names[] = {"threshold of", "used", "calibrated", "L0",
                                        "running",      "L0",   "for L0 = k", "L0"};
    cli_table table;
    size_t first = 0;
    while (first < r->n_saes && isnan(r->saes[first].theta)) first++;
    if (first == r->n_saes) return;
    cli_table_start(&table, names, CLI_COUNT(names));
    for (size_t i = first; i < r->n_saes; i++) {
        const sae_train_sae *sae = &r->saes[i];
        if (isnan(sae->theta)) continue;
        const char *slash = strrchr(sae->path, '/');
        cli_table_text(&table, slash ? slash + 1 : sae->path);
        cli_table_number(&table, sae->theta, 4);
        cli_table_number(&table, sae->thetas.calibrated, 4);
        cli_table_number(&table, sae->thetas.l0_calibrated, 4);
        cli_table_number(&table, sae->thetas.running, 4);
        cli_table_number(&table, sae->thetas.l0_running, 4);
        cli_table_number(&table, sae->thetas.l0, 4);
        cli_table_number(&table, sae->thetas.l0_l0, 4);
    }
    fputc('\n', out);
    cli_table_print(&table, out);
    fputs("\n  A latent is active where its pre-activation exceeds the SAE's threshold,\n"
          "  estimated in three ways (docs/mathematics.md), each with the L0 that it gives.\n",
          out);
}

static void print_tables(const settings *s, const made *m, FILE *out)
{
    const sae_train_result *r = m->result;
    char tokens[48], steps[48], speed[48];
    cli_format_count(tokens, sizeof tokens, r->tokens);
    cli_format_count(steps, sizeof steps, r->steps);
    cli_format_number(speed, sizeof speed, r->seconds, 3);
    fprintf(out, "Trained on %s tokens in %s steps, ", tokens, steps);
    if (r->resumed_from == r->steps)
        fprintf(out, "all of them before: %s\n\n", s->out);
    else
        fprintf(out, "%s seconds: %s\n\n", speed, s->out);
    print_saes(m, out);
    print_thetas(r, out);
}

/* An option that says how a model makes activations. */
static const char *of_model(const settings *s)
{
    const sae_text_config usual = sae_text_config_default();
    return s->place.layer                             ? "layer"
           : s->place.hook                            ? "hook"
           : s->place.site                            ? "site"
           : s->place.center_residual                 ? "center-residual"
           : s->text.files                            ? "text"
           : s->text.max_tokens != usual.max_tokens   ? "max-tokens"
           : s->text.ctx != usual.ctx                 ? "ctx"
           : s->text.prepend_bos != usual.prepend_bos ? "prepend-bos"
           : s->text.split != usual.split             ? "split"
           : s->text.parse_special                    ? "parse-special"
                                                      : NULL;
}

static sae_status check(const settings *s, sae_error *err)
{
    if (!s->out) return sae_fail(err, SAE_E_ARG, "--out is missing: the directory for what is trained");
    if (s->acts && s->place.model)
        return sae_fail(err, SAE_E_ARG, "--acts and --model exclude each other: activations are read or made");
    if (!s->acts && !s->place.model)
        return sae_fail(err, SAE_E_ARG, "--acts is missing: activations to train on (or --model, --layer and --text)");
    const char *unused = s->acts ? of_model(s) : NULL;
    if (unused)
        return sae_fail(err, SAE_E_ARG, "--%s is of activations that a --model makes; --acts %s is taken as it is",
                        unused, s->acts);
    return s->acts ? SAE_OK : cli_lm_check(s->place.model, &s->text, err);
}

/* Opens saved activations, or the language model as a source. */
static sae_status open_source(const settings *s, cli_rows *rows, cli_lm *lm, cli_app *app, sae_error *err)
{
    sae_status status = cli_rows_configure(rows, app, err);
    if (status != SAE_OK) return status;
    sae_train_source_config(&s->train, &rows->config);
    if (s->acts) return cli_rows_open(rows, s->acts, app, err);

    sae_hook *hooks = NULL;
    size_t n_hooks = 0;
    CLI_TRY(cli_lm_open(lm, s->place.model, &s->text, app, err));
    cli_say_screen(app);
    CLI_TRY(cli_place_hooks(&s->place, lm->lm, &hooks, &n_hooks, err));
    if (n_hooks != 1)
        CLI_TRY(sae_fail(err, SAE_E_ARG, "training takes one hook, not %zu: run it once for each layer", n_hooks));
    CLI_TRY(sae_source_open_lm(&rows->source, lm->lm, lm->contexts, hooks[0], s->place.center_residual,
                               s->text.prepend_bos, &rows->config, &app->env, err));
done:
    free(hooks);
    return status;
}

/* Measures the saved SAEs, as anyone will load them, on the rows that were not trained on. */
static sae_status measure(made *m, sae_source *source, const sae_env *env, sae_error *err)
{
    sae_status status = SAE_OK;
    size_t n = m->result->n_saes;
    sae_model **models = calloc(n, sizeof *models);
    m->held_out = calloc(n, sizeof *m->held_out);
    if (!models || !m->held_out) CLI_TRY(cli_fail_memory(err));
    if (sae_source_get_info(source)->held_out == 0) goto done;
    for (size_t i = 0; i < n; i++) CLI_TRY(sae_model_load(&models[i], m->result->saes[i].path, err));
    CLI_TRY(sae_evaluate_held_out((const sae_model *const *)models, n, source, m->held_out, env, err));
done:
    for (size_t i = 0; models && i < n; i++) sae_model_free(models[i]);
    free(models);
    return status;
}

/* Where the L0 that was asked for was missed by more than rows that were not seen explain. */
static void warn_missed(cli_app *app, const made *m)
{
    enum { PERCENT = 10 };
    for (size_t i = 0; i < m->result->n_saes; i++) {
        const sae_train_sae *sae = &m->result->saes[i];
        double asked = sae->config.l0, l0 = m->held_out[i].l0;
        if (asked == 0 || m->held_out[i].tokens == 0 || fabs(l0 - asked) <= PERCENT / 100.0 * asked) continue;
        cli_warn(
            app,
            "%s has an L0 of %.4g where %g was asked for: %lld steps were too few to get there. More --tokens, or a "
            "smaller --batch, give it more",
            sae->path, l0, asked, (long long)m->result->steps);
    }
}

static void made_clear(made *m)
{
    for (size_t i = 0; m->held_out && i < m->result->n_saes; i++) sae_eval_clear(&m->held_out[i]);
    free(m->held_out);
    sae_train_result_free(m->result);
}

static sae_status run(cli_app *app, const void *settings_, const char *const *words, sae_error *err)
{
    (void)words;
    const settings *s = settings_;
    sae_status status = SAE_OK;
    cli_rows rows = {0};
    cli_lm lm = {0};
    sae_train_config *configs = NULL;
    made m = {0};
    size_t count;
    CLI_TRY(check(s, err));
    CLI_TRY(sae_train_grid(&s->train, &configs, &count, err)); /* wrong values are told before data is opened */
    cli_show_settings(app, &cli_train, s->acts ? 2 : cli_train.n_groups, s);
    CLI_TRY(open_source(s, &rows, &lm, app, err));
    CLI_TRY(sae_train(&s->train, rows.source, s->out, &m.result, &app->env, err));
    status = measure(&m, rows.source, &app->env, err);
    if (status == SAE_E_INTERRUPTED)
        CLI_TRY(sae_fail(err, status,
                         "stopped while measuring; %s is saved, and the same command with --resume measures it",
                         s->out));
    if (status != SAE_OK) goto done;
    if (app->common.json)
        print_json(s, &m, app->out);
    else
        print_tables(s, &m, app->out);
    warn_missed(app, &m);
done:
    made_clear(&m);
    free(configs);
    cli_rows_close(&rows);
    cli_lm_close(&lm);
    return status;
}

static const char *const usage[] = {
    "--acts ACTS --width N[,N...] --l0 X[,X...] --out DIR [--OPTION VALUE]...",
    "--model DIR --layer L --text FILE... --width N[,N...] --l0 X[,X...] --out DIR [--OPTION VALUE]...",
    NULL,
};
static const cli_group groups[] = {
    {"Files", file_options, 0},
    {"Training", sae_train_option_table, offsetof(settings, train)},
    {"Instead of --acts: activations made by the running model", cli_place_options, offsetof(settings, place)},
    {"Text for the model", cli_text_only_options, offsetof(settings, text)},
};
static const cli_note examples[] = {
    {"--acts acts --arch batchtopk --width 256,512,2048 --k 8 --out saes",
     "Three widths at once, on the same batches:"},
    {"--acts acts --arch batchtopk,jumprelu --width 2048 --l0 8,16,32 --out saes",
     "Two kinds at the same three sparsities:"},
    {"--recipe recipes/gpt2-topk.json --acts acts --width 12288 --out sae",
     "As someone else trained theirs, with another width:"},
    {"--acts acts --width 12288 --k 32 --checkpoint-every 500 --out sae", "One SAE, with checkpoints:"},
    {"--acts acts --width 12288 --k 32 --checkpoint-every 500 --out sae --resume", "Going on after Ctrl-C:"},
};
static const cli_note json_keys[] = {
    {"out", "the directory"},
    {"tokens, steps, seconds", "what the run trained on, and how long it took"},
    {"reading_seconds", "of these, spent waiting for rows: reading them, or running the language model"},
    {"resumed_from", "step of the checkpoint that it started from, or null"},
    {"saes",
     "array with one object per SAE: path, arch, n (width), k, l0 (asked for), lambda (in the last step; each null "
     "where there is none), lr, seed, theta (the one threshold of the saved SAE or null), thetas ({calibrated, "
     "running, l0}, each {theta, l0}: the threshold and the mean L0 that it gives), "
     "held_out"},
    {"held_out", "{tokens, l0, mse, fvu, dead} on rows held out of training, or null; mse is summed over d, dead "
                 "counts latents that never fired"},
    {"metrics.jsonl", "beside each SAE, one object per logged step: step, tokens, loss, mse, aux, l0, fvu, dead, "
                      "theta, lambda, lr, tokens_per_s; values of that batch, loss, mse and aux of the scaled "
                      "activations, dead by the counters"},
};

const cli_command cli_train = {
    .name = "train",
    .summary = "train one sparse autoencoder or a grid of them",
    .usage = usage,
    .description =
        "Trains sparse autoencoders of five kinds: TopK, BatchTopK, Matryoshka BatchTopK, ReLU and JumpReLU. --l0 asks "
        "for "
        "a mean number of active latents, whatever the kind; it is reached in one run. Lists of --arch, --width, --k "
        "or "
        "--l0, --lr and --seed make a grid; all its SAEs are trained at once on the same batches, and each comes out "
        "as "
        "if trained alone.\n\n"
        "A saved SAE is a directory that SAELens 6 loads. Ctrl-C or SIGTERM saves a checkpoint; the same command "
        "with --resume goes on, and ends with the same bits as a run that was never stopped; of a finished run it "
        "measures and prints the result again.\n\n"
        "A recipe is a JSON file {\"source\", \"options\", \"source_values\", \"cites\", \"differs\"}: the options are "
        "set before those of the command line, by their names without dashes; the rest says where they come from.",
    .groups = groups,
    .n_groups = CLI_COUNT(groups),
    .settings_size = sizeof(settings),
    .defaults = defaults,
    .recipe = recipe,
    .prefer = prefer,
    .examples = examples,
    .n_examples = CLI_COUNT(examples),
    .json = json_keys,
    .n_json = CLI_COUNT(json_keys),
    .run = run,
};
