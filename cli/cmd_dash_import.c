/* sae dash import: what other tools say about latents, as labels. */
#include "cli/commands.h"
#include "cli/json.h"

#include <sae/import.h>
#include <sae/store.h>

#include <string.h>

typedef struct settings {
    const char *from, *labels, *sae, *source;
    int format;
} settings;

static const sae_option *options(size_t *count)
{
    static const sae_option table[] = {
        {.name = "from",
         .type = SAE_OPT_STRING,
         .offset = offsetof(settings, from),
         .metavar = "PATH",
         .help = "delphi's folder of explanations, Neuronpedia's JSON or .jsonl.gz, or a .csv with latent and label"},
        {.name = "format",
         .type = SAE_OPT_CHOICE,
         .offset = offsetof(settings, format),
         .default_text = "auto",
         .choices = "auto|delphi|neuronpedia|csv",
         .help = "whose files these are, if the name does not tell"},
        {.name = "labels",
         .type = SAE_OPT_STRING,
         .offset = offsetof(settings, labels),
         .metavar = "FILE.db",
         .help = "the database of labels, made if it is missing"},
        {.name = "sae",
         .type = SAE_OPT_STRING,
         .offset = offsetof(settings, sae),
         .metavar = "NAME",
         .help = "the SAE, when the database has several"},
        {.name = "source",
         .type = SAE_OPT_STRING,
         .offset = offsetof(settings, source),
         .metavar = "TEXT",
         .help = "who or what says so, kept beside each label (default: the path)"},
    };
    *count = CLI_COUNT(table);
    return table;
}

static sae_status run(cli_app *app, const void *settings_, const char *const *words, sae_error *err)
{
    const settings *s = settings_;
    sae_status status = SAE_OK;
    sae_store *store = NULL;
    sae_labels *labels = NULL;
    int64_t count = 0;
    if (!s->from) return sae_fail(err, SAE_E_ARG, "--from is missing: the explanations or labels to read");
    if (!s->labels) return sae_fail(err, SAE_E_ARG, "--labels is missing: the database of labels to put them into");
    CLI_TRY(sae_store_open(&store, words[0], err));
    int64_t sae = s->sae ? sae_store_find_sae(store, s->sae) : sae_store_get_meta(store)->n_saes == 1 ? 0 : -1;
    if (sae < 0 && s->sae) CLI_TRY(sae_fail(err, SAE_E_ARG, "%s has no SAE \"%s\"", words[0], s->sae));
    if (sae < 0) CLI_TRY(sae_fail(err, SAE_E_ARG, "--sae is missing: %s has several SAEs", words[0]));
    const sae_store_sae *info = sae_store_get_sae(store, sae);
    CLI_TRY(sae_labels_open(&labels, s->labels, err));
    CLI_TRY(sae_import_labels(labels, info->hash, info->n, (sae_import_format)s->format, s->from,
                              s->source ? s->source : s->from, &count, err));
    if (app->common.json) {
        cli_json json;
        cli_json_start(&json, app->out);
        cli_json_text(&json, "labels", s->labels);
        cli_json_text(&json, "sae", info->name);
        cli_json_int(&json, "count", count);
        cli_json_finish(&json);
    } else {
        fprintf(app->out, "Put %lld label%s of %s into %s\n", (long long)count, count == 1 ? "" : "s", info->name,
                s->labels);
    }
done:
    sae_labels_close(labels);
    sae_store_close(store);
    return status;
}

static const char *const usage[] = {"FILE.db --from PATH --labels LABELS.db [--OPTION VALUE]...", NULL};
static const cli_note arguments[] = {{"FILE.db", "a database that sae dash made"}};
static const cli_group groups[] = {{"What to import", options, 0}};
static const cli_note examples[] = {
    {"saes.db --sae batchtopk-512-k8 --from explanations --labels labels.db", "Explanations that delphi wrote:"},
};
static const cli_note json_keys[] = {{"labels, sae, count", "the database, the SAE, and how many latents got a label"}};

const cli_command cli_dash_import = {
    .name = "dash import",
    .summary = "labels and explanations of other tools into a database of labels",
    .usage = usage,
    .description =
        "Reads what people or programs say about latents. Labels belong to the SAE "
        "by the hash of its weights, in a file of their own: the dashboards are not changed. A label that a latent "
        "has already is replaced; nothing is stored unless all of the input can be read.",
    .arguments = arguments,
    .n_arguments = CLI_COUNT(arguments),
    .min_words = 1,
    .max_words = 1,
    .groups = groups,
    .n_groups = CLI_COUNT(groups),
    .settings_size = sizeof(settings),
    .examples = examples,
    .n_examples = CLI_COUNT(examples),
    .json = json_keys,
    .n_json = CLI_COUNT(json_keys),
    .run = run,
};
