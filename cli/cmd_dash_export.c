/* sae dash export: dashboards for other programs and other people. */
#include "cli/commands.h"
#include "cli/file.h"
#include "cli/json.h"
#include "cli/lists.h"
#include "cli/rows.h"

#include <sae/export.h>

#include <stdlib.h>
#include <string.h>

enum { FORMAT_HTML, FORMAT_NEURONPEDIA, FORMAT_SAEDASHBOARD, FORMAT_DELPHI };

typedef struct settings {
    const char *out, *sae, *latents, *acts, *tokenizer;
    int format;
    int64_t texts, around, splits;
    bool force;
    sae_neuronpedia names;
} settings;

static const sae_option *options(size_t *count)
{
    static const sae_option table[] = {
        {.name = "format",
         .type = SAE_OPT_CHOICE,
         .offset = offsetof(settings, format),
         .default_text = "html",
         .choices = "html|neuronpedia|saedashboard|delphi",
         .help = "one page for a browser, or files for these tools"},
        {.name = "out",
         .type = SAE_OPT_STRING,
         .offset = offsetof(settings, out),
         .metavar = "PATH",
         .help = "the page, or the directory of the files"},
        {.name = "force",
         .type = SAE_OPT_BOOL,
         .offset = offsetof(settings, force),
         .help = "replace the page, or the files of an earlier export"},
        {.name = "sae",
         .type = SAE_OPT_STRING,
         .offset = offsetof(settings, sae),
         .metavar = "NAME",
         .help = "the SAE, when the database has several"},
        {.name = "latents",
         .type = SAE_OPT_LIST,
         .offset = offsetof(settings, latents),
         .metavar = "ID[-ID],...",
         .default_text = "all",
         .help = "which latents, such as 0-99,512"},
        {.name = "texts",
         .type = SAE_OPT_INT,
         .offset = offsetof(settings, texts),
         .metavar = "N",
         .default_text = "10",
         .min = 1,
         .max = 20,
         .help = "html: most active texts of each latent"},
        {.name = "around",
         .type = SAE_OPT_INT,
         .offset = offsetof(settings, around),
         .metavar = "N",
         .default_text = "12",
         .min = 0,
         .max = 63,
         .help = "html: tokens to show on each side of the peak"},
        {.name = "acts",
         .type = SAE_OPT_STRING,
         .offset = offsetof(settings, acts),
         .metavar = "ACTS",
         .help = "delphi: activations to encode, of which it takes all firings"},
        {.name = "tokenizer",
         .type = SAE_OPT_STRING,
         .offset = offsetof(settings, tokenizer),
         .metavar = "NAME",
         .help = "delphi: the language model whose tokenizer it is to load"},
        {.name = "splits",
         .type = SAE_OPT_INT,
         .offset = offsetof(settings, splits),
         .metavar = "N",
         .default_text = "5",
         .min = 1,
         .max = 1e4,
         .help = "delphi: files to divide the latents into"},
        {.name = "model-id",
         .type = SAE_OPT_STRING,
         .offset = offsetof(settings, names.model),
         .metavar = "ID",
         .help = "neuronpedia: the language model's id there, such as gpt2-small"},
        {.name = "source-id",
         .type = SAE_OPT_STRING,
         .offset = offsetof(settings, names.source),
         .metavar = "ID",
         .help = "neuronpedia: layer and name of the set, such as 8-res-mine"},
        {.name = "creator",
         .type = SAE_OPT_STRING,
         .offset = offsetof(settings, names.creator),
         .metavar = "ID",
         .help = "neuronpedia: id of the user that it is to belong to"},
    };
    *count = CLI_COUNT(table);
    return table;
}

static void defaults(void *out)
{
    settings *s = out;
    s->texts = 10;
    s->around = 12;
    s->splits = 5;
}

/* ---- which latents ------------------------------------------------------------------------------------------ */

/* The SAE that --sae names; −1: all, which only a page can show. */
static sae_status choose_sae(const settings *s, const sae_store *store, int64_t *out, sae_error *err)
{
    size_t n = sae_store_get_meta(store)->n_saes;
    *out = s->sae ? sae_store_find_sae(store, s->sae) : n == 1 ? 0 : -1;
    if (*out >= 0 || (!s->sae && s->format == FORMAT_HTML && !s->latents)) return SAE_OK;
    char names[512] = "";
    for (size_t i = 0, used = 0; i < n && used < sizeof names; i++)
        used += (size_t)snprintf(names + used, sizeof names - used, "%s%s", i ? ", " : "",
                                 sae_store_get_sae(store, (int64_t)i)->name);
    if (s->sae) return sae_fail(err, SAE_E_ARG, "there is no SAE \"%s\"; there are %s", s->sae, names);
    return sae_fail(err, SAE_E_ARG, "--sae is missing: the database has %s", names);
}

typedef struct chosen {
    sae_export_latent *list;
    size_t count, room;
} chosen;

static sae_status add_range(chosen *c, int64_t sae, int64_t first, int64_t last, sae_error *err)
{
    size_t wanted = c->count + (size_t)(last - first + 1);
    if (wanted > c->room) {
        sae_export_latent *grown = realloc(c->list, 2 * wanted * sizeof *grown);
        if (!grown) return cli_fail_memory(err);
        c->list = grown;
        c->room = 2 * wanted;
    }
    for (int64_t i = first; i <= last; i++) c->list[c->count++] = (sae_export_latent){sae, i};
    return SAE_OK;
}

/* "7" or "0-99". */
static sae_status add_word(chosen *c, int64_t sae, int64_t n, char *word, sae_error *err)
{
    int64_t first, last;
    char *dash = strchr(word, '-');
    if (dash) *dash = 0;
    sae_status status = cli_list_int(&first, "latents", word, 0, n - 1, err);
    last = first;
    if (status == SAE_OK && dash) status = cli_list_int(&last, "latents", dash + 1, 0, n - 1, err);
    if (status == SAE_OK && last < first)
        return sae_fail(err, SAE_E_ARG, "--latents has %lld-%lld, which ends before it begins", (long long)first,
                        (long long)last);
    return status == SAE_OK ? add_range(c, sae, first, last, err) : status;
}

static sae_status choose_latents(const settings *s, const sae_store *store, int64_t sae, chosen *out, sae_error *err)
{
    sae_status status = SAE_OK;
    cli_list list = {0};
    if (!s->latents) {
        for (size_t i = 0; i < sae_store_get_meta(store)->n_saes; i++)
            if (sae < 0 || (int64_t)i == sae)
                CLI_TRY(add_range(out, (int64_t)i, 0, sae_store_get_sae(store, (int64_t)i)->n - 1, err));
        return SAE_OK;
    }
    CLI_TRY(cli_list_split(&list, "latents", s->latents, err));
    for (size_t i = 0; i < list.count; i++)
        CLI_TRY(add_word(out, sae, sae_store_get_sae(store, sae)->n, list.words[i], err));
done:
    cli_list_free(&list);
    return status;
}

/* ---- delphi, which takes every firing ------------------------------------------------------------------------ */

static sae_status export_delphi(const settings *s, const sae_store *store, int64_t sae, cli_app *app, sae_error *err)
{
    sae_status status = SAE_OK;
    sae_model *model = NULL;
    cli_rows rows = {0};
    const char *path = sae_store_get_sae(store, sae)->path;
    CLI_TRY(sae_model_load(&model, path, err));
    CLI_TRY(cli_rows_configure(&rows, app, err));
    CLI_TRY(cli_rows_open(&rows, s->acts, app, err));
    CLI_TRY(cli_check_width(model, sae_acts_get_meta(rows.acts), s->acts, err));
    status = sae_export_delphi(model, rows.source, rows.acts, s->splits,
                               s->tokenizer ? s->tokenizer : sae_store_get_meta(store)->model, s->out, &app->env, err);
done:
    cli_rows_close(&rows);
    sae_model_free(model);
    return status;
}

/* ---- what is there already ------------------------------------------------------------------------------------ */

/* Files whose number depends on the latents: some of an earlier export would pass for this one's. */
static const char *const numbered[][2] = {
    [FORMAT_NEURONPEDIA] = {"features/batch-*.jsonl.gz", "activations/batch-*.jsonl.gz"},
    [FORMAT_SAEDASHBOARD] = {"batch-*.json"},
    [FORMAT_DELPHI] = {"*/[0-9]*_[0-9]*.safetensors"}};

static sae_status make_room(const settings *s, sae_error *err)
{
    sae_status status = SAE_OK;
    if (s->format == FORMAT_HTML) return cli_check_new_file("out", s->out, s->force, err);
    if (!s->force && cli_is_filled(s->out))
        return sae_fail(err, SAE_E_EXISTS, "%s holds files already; --force replaces those of an earlier export",
                        s->out);
    CLI_TRY(cli_check_directory(s->out, err));
    for (int i = 0; i < 2 && numbered[s->format][i]; i++)
        CLI_TRY(cli_remove_matching(s->out, numbered[s->format][i], err));
done:
    return status;
}

/* ---- the command ---------------------------------------------------------------------------------------------- */

static sae_status export(const settings *s, sae_store *store, int64_t sae, const chosen *c, cli_app *app,
                         sae_error *err)
{
    sae_export_selection selection = {c->list, c->count};
    switch (s->format) {
    case FORMAT_HTML:
        return sae_export_html(store, &selection, s->texts, s->around, s->out, err);
    case FORMAT_NEURONPEDIA:
        return sae_export_neuronpedia(store, &selection, &s->names, s->out, &app->env, err);
    case FORMAT_SAEDASHBOARD:
        return sae_export_saedashboard(store, &selection, s->out, &app->env, err);
    default:
        return export_delphi(s, store, sae, app, err);
    }
}

static sae_status run(cli_app *app, const void *settings_, const char *const *words, sae_error *err)
{
    const settings *s = settings_;
    sae_status status = SAE_OK;
    sae_store *store = NULL;
    chosen c = {0};
    int64_t sae;
    if (!s->out) return sae_fail(err, SAE_E_ARG, "--out is missing: the page, or the directory of the files");
    if (s->format == FORMAT_DELPHI && !s->acts)
        return sae_fail(err, SAE_E_ARG,
                        "--acts is missing: delphi's cache has all firings, which the database has not");
    CLI_TRY(sae_store_open(&store, words[0], err));
    CLI_TRY(choose_sae(s, store, &sae, err));
    CLI_TRY(choose_latents(s, store, sae, &c, err));
    CLI_TRY(make_room(s, err));
    CLI_TRY(export(s, store, sae, &c, app, err));
    if (app->common.json) {
        cli_json json;
        cli_json_start(&json, app->out);
        cli_json_text(&json, "out", s->out);
        cli_json_int(&json, "latents", (int64_t)c.count);
        cli_json_finish(&json);
    } else {
        fprintf(app->out, "Wrote %zu latent%s to %s\n", c.count, c.count == 1 ? "" : "s", s->out);
    }
done:
    free(c.list);
    sae_store_close(store);
    return status;
}

static const char *const usage[] = {
    "FILE.db --out PATH [--format html|neuronpedia|saedashboard|delphi] [--OPTION VALUE]...", NULL};
static const cli_note arguments[] = {{"FILE.db", "a database that sae dash made"}};
static const cli_group groups[] = {{"What to export", options, 0}};
static const cli_note examples[] = {
    {"saes.db --sae batchtopk-512-k8 --latents 0-99 --out latents.html", "A page to send to somebody:"},
    {"saes.db --sae batchtopk-512-k8 --format neuronpedia --out np", "Files that Neuronpedia imports:"},
};
static const cli_note json_keys[] = {{"out, latents", "what was written, and of how many latents"}};

const cli_command cli_dash_export = {
    .name = "dash export",
    .summary = "dashboards as one page, or for Neuronpedia, SAEDashboard, delphi",
    .usage = usage,
    .description = "Takes latents out of a database of sae dash. The page is one file "
                   "that needs nothing else, no network and no server.",
    .arguments = arguments,
    .n_arguments = CLI_COUNT(arguments),
    .min_words = 1,
    .max_words = 1,
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
