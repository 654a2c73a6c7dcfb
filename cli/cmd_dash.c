/* sae dash: a database of dashboards of all latents. */
#include "cli/commands.h"
#include "cli/file.h"
#include "cli/json.h"
#include "cli/rows.h"
#include "cli/table.h"
#include "cli/text.h"

#include <sae/dash.h>
#include <sae/store.h>

#include <stdlib.h>
#include <string.h>

typedef struct settings {
    const char *acts, *model, *tokenizer, *hook, *out;
    const char *unembed, *final_norm;
    const char *const *compare, *const *stitch, *const *meta;
    bool center_residual, rms_norm;
    sae_text_config text;
    sae_dash_config dash;
} settings;

static const sae_option *file_options(size_t *count)
{
    static const sae_option table[] = {
        {.name = "out",
         .type = SAE_OPT_STRING,
         .offset = offsetof(settings, out),
         .metavar = "FILE.db",
         .help = "the database to write"},
        {.name = "model",
         .type = SAE_OPT_STRING,
         .offset = offsetof(settings, model),
         .metavar = "DIR",
         .help = "the language model: runs over --text, and gives the tokenizer and the output tokens that latents "
                 "boost"},
        {.name = "acts",
         .type = SAE_OPT_STRING,
         .offset = offsetof(settings, acts),
         .metavar = "ACTS",
         .help = "activations that were harvested already, with their token ids, instead of --text"},
        {.name = "tokenizer",
         .type = SAE_OPT_STRING,
         .offset = offsetof(settings, tokenizer),
         .metavar = "FILE",
         .help = "tokenizer.json of the activations, when there is no --model"},
        {.name = "unembed",
         .type = SAE_OPT_STRING,
         .offset = offsetof(settings, unembed),
         .metavar = "FILE",
         .help = "without --model: the unembedding matrix (safetensors or .npy), for output tokens that latents boost"},
        {.name = "final-norm",
         .type = SAE_OPT_STRING,
         .offset = offsetof(settings, final_norm),
         .metavar = "FILE",
         .help = "the gain of the final norm, folded into the unembedding"},
        {.name = "rms-norm",
         .type = SAE_OPT_BOOL,
         .offset = offsetof(settings, rms_norm),
         .help = "the final norm is an RMSNorm, which does not centre"},
        {.name = "compare",
         .type = SAE_OPT_FILES,
         .offset = offsetof(settings, compare),
         .metavar = "DIR...",
         .help = "take over what sae compare --out DIR found"},
        {.name = "stitch",
         .type = SAE_OPT_FILES,
         .offset = offsetof(settings, stitch),
         .metavar = "DIR...",
         .help = "take over what sae stitch --out DIR found"},
        {.name = "meta",
         .type = SAE_OPT_FILES,
         .offset = offsetof(settings, meta),
         .metavar = "DIR...",
         .help = "take over what sae meta --out DIR found"},
        {.name = "hook",
         .type = SAE_OPT_STRING,
         .offset = offsetof(settings, hook),
         .metavar = "NAME",
         .help = "where in the model the SAEs belong, such as blocks.4.hook_resid_pre, when they do not say"},
        {.name = "center-residual",
         .type = SAE_OPT_BOOL,
         .offset = offsetof(settings, center_residual),
         .help = "subtract each row's mean over d, when the SAEs do not say whether to"},
    };
    *count = CLI_COUNT(table);
    return table;
}

static void defaults(void *out)
{
    settings *s = out;
    s->text = sae_text_config_default();
    s->dash = sae_dash_config_default();
}

/* Everything that is open. */
typedef struct opened {
    sae_model **models;
    size_t n;
    cli_rows rows;
    cli_lm lm;
    sae_tokenizer *tokenizer; /* when it is not the model's */
} opened;

static void close_all(opened *o)
{
    cli_rows_close(&o->rows);
    cli_lm_close(&o->lm);
    sae_tokenizer_close(o->tokenizer);
    for (size_t i = 0; o->models && i < o->n; i++) sae_model_free(o->models[i]);
    free(o->models);
}

static sae_status check(const settings *s, sae_error *err)
{
    bool text = s->text.files || s->text.tokens_file;
    if (!s->out) return sae_fail(err, SAE_E_ARG, "--out is missing: the database to write, such as saes.db");
    if (s->acts && text)
        return sae_fail(err, SAE_E_ARG, "--acts and --text exclude each other: the rows are read or made");
    if (!s->acts && !text)
        return sae_fail(err, SAE_E_ARG, "--text is missing: the files to look through (or --acts ACTS)");
    if (s->model && s->tokenizer)
        return sae_fail(err, SAE_E_ARG, "--tokenizer is for activations without --model, which has its own");
    if (s->model && s->unembed)
        return sae_fail(err, SAE_E_ARG, "--unembed is for activations without --model, which has its own");
    if (s->final_norm && !s->unembed)
        return sae_fail(err, SAE_E_ARG, "--final-norm needs --unembed FILE, into which the gain is folded");
    if (s->rms_norm && !s->unembed)
        return sae_fail(err, SAE_E_ARG, "--rms-norm says how to use --unembed FILE, which is missing");
    sae_status status = text ? cli_lm_check(s->model, &s->text, err) : SAE_OK;
    return status == SAE_OK ? cli_check_new_file("out", s->out, s->dash.force, err) : status;
}

/* The place that all SAEs say they belong to. */
static sae_status find_place(const settings *s, const opened *o, sae_hook *hook, bool *center, bool *bos,
                             sae_error *err)
{
    const char *name = s->hook;
    *center = s->center_residual;
    for (size_t i = 0; i < o->n; i++) {
        const sae_model_info *info = sae_model_get_info(o->models[i]);
        const char *own = info->acts.hook_name;
        if (info->knows_centering) *center = info->acts.center_residual;
        if (info->knows_bos) *bos = info->acts.prepend_bos;
        if (s->hook || !*own) continue;
        if (name && strcmp(name, own) != 0)
            return sae_fail(err, SAE_E_ARG, "%s belongs to %s and others to %s; one database is of one hook",
                            sae_model_path(o->models[i]), own, name);
        name = own;
    }
    if (!name) return sae_fail(err, SAE_E_ARG, "the SAEs do not say which hook they belong to; --hook NAME does");
    return sae_hook_parse(hook, o->lm.lm, name, err);
}

static sae_status open_text(settings *s, opened *o, cli_app *app, sae_error *err)
{
    sae_status status;
    sae_hook hook;
    bool center, bos = s->text.prepend_bos;
    CLI_TRY(sae_lm_open(&o->lm.lm, s->model, &app->env, err));
    CLI_TRY(find_place(s, o, &hook, &center, &bos, err));
    s->text.prepend_bos |= bos;
    cli_lm_close(&o->lm);
    CLI_TRY(cli_lm_open(&o->lm, s->model, &s->text, app, err));
    status = sae_source_open_lm(&o->rows.source, o->lm.lm, o->lm.contexts, hook, center, s->text.prepend_bos,
                                &o->rows.config, &app->env, err);
done:
    return status;
}

static sae_status open_acts(settings *s, opened *o, cli_app *app, sae_error *err)
{
    sae_status status;
    CLI_TRY(cli_rows_open(&o->rows, s->acts, app, err));
    s->dash.max_tokens = s->text.max_tokens;
    if (s->model) {
        CLI_TRY(cli_lm_open_model(&o->lm.lm, s->model, app, err));
        status = sae_tokenizer_open(&o->lm.tokenizer, s->model, err);
    } else if (s->tokenizer) {
        status = sae_tokenizer_open_decoder(&o->tokenizer, s->tokenizer, err);
    } else {
        cli_warn(app, "without --model or --tokenizer tokens are shown as numbers");
    }
done:
    return status;
}

static void print_result(cli_app *app, const sae_store *store, const char *path)
{
    const sae_store_meta *m = sae_store_get_meta(store);
    fprintf(app->out, "Dashboards of ");
    cli_print_tokens(app->out, m->tokens, m->excluded);
    fputs("\n\n", app->out);
    const char *const headings[] = {"SAE", "latents", "dead", "L0", "FVU", "CE recovered"};
    bool losses = m->n_saes > 0 && sae_store_get_sae(store, 0)->ce_tokens > 0;
    cli_table table;
    cli_table_start(&table, headings, CLI_COUNT(headings) - (losses ? 0 : 1));
    for (size_t i = 0; i < m->n_saes; i++) {
        const sae_store_sae *s = sae_store_get_sae(store, (int64_t)i);
        cli_table_text(&table, s->name);
        cli_table_count(&table, s->n);
        cli_table_count(&table, s->dead);
        cli_table_number(&table, s->l0, 4);
        cli_table_number(&table, s->fvu, 4);
        if (losses) cli_table_percent(&table, s->ce_recovered);
    }
    cli_table_print(&table, app->out);
    fprintf(app->out, "\nWrote %s\n", path);
}

static void losses_json(cli_json *json, const sae_store_sae *s)
{
    if (s->ce_tokens == 0) {
        cli_json_null(json, "ce");
        return;
    }
    cli_json_object(json, "ce");
    cli_json_real(json, "clean", s->ce_clean);
    cli_json_real(json, "spliced", s->ce_spliced);
    cli_json_real(json, "zero", s->ce_zero);
    cli_json_real(json, "mean", s->ce_mean);
    cli_json_real(json, "recovered", s->ce_recovered);
    cli_json_real(json, "kl", s->ce_kl);
    cli_json_int(json, "tokens", s->ce_tokens);
    cli_json_end(json);
}

static void print_json(cli_app *app, const sae_store *store, const char *path)
{
    const sae_store_meta *m = sae_store_get_meta(store);
    cli_json json;
    cli_json_start(&json, app->out);
    cli_json_text(&json, "out", path);
    cli_json_text(&json, "build", m->build);
    cli_json_int(&json, "tokens", m->tokens);
    cli_json_int(&json, "excluded", m->excluded);
    cli_json_int(&json, "documents", m->documents);
    cli_json_array(&json, "saes");
    for (size_t i = 0; i < m->n_saes; i++) {
        const sae_store_sae *s = sae_store_get_sae(store, (int64_t)i);
        cli_json_object(&json, NULL);
        cli_json_text(&json, "name", s->name);
        cli_json_text(&json, "path", s->path);
        cli_json_int(&json, "n", s->n);
        cli_json_int(&json, "dead", s->dead);
        cli_json_real(&json, "l0", s->l0);
        cli_json_real(&json, "fvu", s->fvu);
        losses_json(&json, s);
        cli_json_end(&json);
    }
    cli_json_end(&json);
    cli_json_finish(&json);
}

static sae_status run(cli_app *app, const void *settings_, const char *const *words, sae_error *err)
{
    settings s = *(const settings *)settings_;
    sae_status status = SAE_OK;
    opened o = {0};
    sae_store *store = NULL;
    CLI_TRY(check(&s, err));
    while (words[o.n]) o.n++;
    o.models = calloc(o.n, sizeof *o.models);
    if (!o.models) CLI_TRY(cli_fail_memory(err));
    for (size_t i = 0; i < o.n; i++) CLI_TRY(sae_model_load(&o.models[i], words[i], err));
    CLI_TRY(cli_rows_configure(&o.rows, app, err));
    o.rows.config.shuffle = false;
    o.rows.config.held_out = 0;
    CLI_TRY(s.acts ? open_acts(&s, &o, app, err) : open_text(&s, &o, app, err));
    sae_dash_input input = {.models = (const sae_model *const *)o.models,
                            .paths = words,
                            .n_models = o.n,
                            .source = o.rows.source,
                            .acts = o.rows.acts,
                            .contexts = o.lm.contexts,
                            .rows = &o.rows.config,
                            .tokenizer = o.tokenizer ? o.tokenizer : o.lm.tokenizer,
                            .lm = o.lm.lm,
                            .unembed = s.unembed,
                            .final_norm = s.final_norm,
                            .rms_norm = s.rms_norm,
                            .comparisons = s.compare,
                            .stitchings = s.stitch,
                            .metas = s.meta,
                            .model_path = s.model};
    CLI_TRY(sae_dash_build(&input, &s.dash, s.out, &app->env, err));
    CLI_TRY(sae_store_open(&store, s.out, err));
    if (app->common.json)
        print_json(app, store, s.out);
    else
        print_result(app, store, s.out);
done:
    sae_store_close(store);
    close_all(&o);
    return status;
}

static const char *const usage[] = {
    "SAE... --model DIR --text FILE... --out FILE.db [--OPTION VALUE]...",
    "SAE... --acts ACTS [--model DIR | --tokenizer FILE] --out FILE.db [--OPTION VALUE]...",
    NULL,
};
static const cli_note arguments[] = {{"SAE", "directories of SAEs of one hook"}};
static const cli_group groups[] = {
    {"Files", file_options, 0},
    {"Text", cli_text_options, offsetof(settings, text)},
    {"What to store", sae_dash_option_table, offsetof(settings, dash)},
};
static const cli_note examples[] = {
    {"saes/*/ --model gpt2 --text corpus.jsonl --max-tokens 3M --out saes.db", "Dashboards of several SAEs:"},
    {"sae --acts acts --tokenizer tokenizer.json --out sae.db", "From activations of any model:"},
};
static const cli_note json_keys[] = {
    {"out, build", "the database, and the hash of what it holds"},
    {"tokens, excluded, documents", "rows encoded, rows left out, documents of the text"},
    {"saes", "array of {name, path, n, dead, l0, fvu, ce}; dead: latents that never fired on these tokens; ce: null "
             "if it was not measured, else {clean, spliced, zero, mean, recovered, kl, tokens} as of sae eval"},
};

const cli_command cli_dash = {
    .name = "dash",
    .summary = "make dashboards of all latents: texts, histograms, neighbours",
    .usage = usage,
    .description =
        "Encodes a text once with any number of SAEs and writes a SQLite database with what is to be seen of every "
        "latent: how often and how strongly it fires, the texts on which it is most active, samples from weak to "
        "strong.",
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
