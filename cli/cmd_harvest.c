/* sae harvest: text through the language model into activation directories. */
#include "cli/commands.h"
#include "cli/json.h"
#include "cli/output.h"
#include "cli/rows.h"
#include "cli/table.h"
#include "cli/text.h"

#include <stdlib.h>

typedef struct settings {
    cli_place place;
    sae_text_config text;
    cli_output output;
} settings;

static void defaults(void *out)
{
    settings *s = out;
    s->text = sae_text_config_default();
    s->output = cli_output_default();
}

/* Rows that readers will leave out with the common options as given. */
static int64_t count_excluded(const sae_contexts *contexts, const sae_source_config *rows)
{
    int64_t excluded = 0;
    for (int64_t c = 0; c < contexts->count; c++) {
        for (int64_t t = 0; t < contexts->ctx; t++) {
            bool out = t == 0 && !rows->keep_first;
            for (size_t i = 0; i < rows->n_exclude && !out; i++)
                out = contexts->tokens[c * contexts->ctx + t] == rows->exclude[i];
            excluded += out;
        }
    }
    return excluded;
}

typedef struct result {
    const settings *s;
    const cli_lm *lm;
    const sae_hook *hooks;
    size_t n_hooks;
    int64_t shards, excluded;
    double seconds;
} result;

static void print_json(const result *r, FILE *out)
{
    const sae_contexts *contexts = r->lm->contexts;
    char name[96];
    cli_json json;
    cli_json_start(&json, out);
    cli_json_text(&json, "out", r->s->output.out);
    cli_json_int(&json, "tokens", contexts->count * contexts->ctx);
    cli_json_int(&json, "excluded", r->excluded);
    cli_json_int(&json, "contexts", contexts->count);
    cli_json_int(&json, "documents", contexts->documents);
    cli_json_int(&json, "dropped", contexts->dropped);
    if (r->n_hooks == 1)
        cli_json_int(&json, "d", sae_hook_width(r->lm->lm, r->hooks[0]));
    else
        cli_json_null(&json, "d");
    cli_json_text(&json, "dtype", sae_dtype_name(cli_output_dtype(&r->s->output)));
    cli_json_text(&json, "precision", sae_precision_name(sae_lm_get_info(r->lm->lm).precision));
    sae_hook_name(r->hooks[0], name, sizeof name);
    cli_json_text(&json, "hook_name", r->n_hooks == 1 ? name : NULL);
    cli_json_int(&json, "shards", r->shards);
    cli_json_array(&json, "hooks");
    for (size_t h = 0; h < r->n_hooks; h++) {
        sae_hook_name(r->hooks[h], name, sizeof name);
        cli_json_object(&json, NULL);
        cli_json_text(&json, "hook_name", name);
        cli_json_int(&json, "d", sae_hook_width(r->lm->lm, r->hooks[h]));
        cli_json_end(&json);
    }
    cli_json_end(&json);
    cli_json_real(&json, "seconds", r->seconds);
    cli_json_finish(&json);
}

static void print_facts(const result *r, FILE *out)
{
    const sae_contexts *contexts = r->lm->contexts;
    cli_facts facts = {.out = out, .name_width = 10, .value_width = 12};
    char name[96];
    fprintf(out, "Activations of %s in %s\n\n", sae_lm_get_info(r->lm->lm).name, r->s->output.out);
    for (size_t h = 0; h < r->n_hooks; h++) {
        sae_hook_name(r->hooks[h], name, sizeof name);
        char meaning[160];
        snprintf(meaning, sizeof meaning, "numbers per token at %s", name);
        cli_fact_count(&facts, "d", sae_hook_width(r->lm->lm, r->hooks[h]), meaning);
    }
    cli_fact_count(&facts, "tokens", contexts->count * contexts->ctx, "rows written, one per token");
    cli_fact_count(&facts, "contexts", contexts->count, "pieces of text that the model read, one at a time");
    cli_fact_count(&facts, "documents", contexts->documents, "texts that they were cut from");
    cli_fact_count(&facts, "excluded", r->excluded, "rows that training and evaluation will leave out");
    cli_fact_count(&facts, "dropped", contexts->dropped, "tokens at the end that did not fill a context");
    cli_fact_count(&facts, "shards", r->shards, "files per hook");
    cli_fact_number(&facts, "seconds", r->seconds, 3, "");
}

static sae_status run(cli_app *app, const void *settings_, const char *const *words, sae_error *err)
{
    (void)words;
    const settings *s = settings_;
    double start = cli_now();
    sae_status status = SAE_OK;
    cli_lm lm = {0};
    cli_rows rows = {0};
    sae_hook *hooks = NULL;
    result r = {.s = s, .lm = &lm};
    CLI_TRY(cli_output_check(&s->output, err));
    CLI_TRY(cli_lm_check(s->place.model, &s->text, err));
    CLI_TRY(cli_rows_configure(&rows, app, err));
    cli_show_settings(app, &cli_harvest, cli_harvest.n_groups, s);
    CLI_TRY(cli_lm_open(&lm, s->place.model, &s->text, app, err));
    CLI_TRY(cli_place_hooks(&s->place, lm.lm, &hooks, &r.n_hooks, err));
    r.hooks = hooks;
    r.excluded = count_excluded(lm.contexts, &rows.config);
    sae_harvest_config config = {.hooks = hooks,
                                 .n_hooks = r.n_hooks,
                                 .center_residual = s->place.center_residual,
                                 .prepend_bos = s->text.prepend_bos,
                                 .dtype = cli_output_dtype(&s->output),
                                 .shard_tokens = s->output.shard_tokens,
                                 .force = s->output.force};
    CLI_TRY(sae_harvest(lm.lm, lm.contexts, &config, s->output.out, &r.shards, &app->env, err));
    r.seconds = cli_now() - start;
    if (app->common.json)
        print_json(&r, app->out);
    else
        print_facts(&r, app->out);
done:
    free(hooks);
    cli_rows_close(&rows);
    cli_lm_close(&lm);
    return status;
}

static const char *const usage[] = {
    "--model DIR --layer L --text FILE... --out ACTS [--OPTION VALUE]...",
    "--model DIR --hook NAME[,NAME...] --tokens FILE.npy --out ACTS [--OPTION VALUE]...",
    NULL,
};
static const cli_group groups[] = {
    {"Where activations are taken", cli_place_options, offsetof(settings, place)},
    {"Text", cli_text_options, offsetof(settings, text)},
    {"Output", cli_output_options, offsetof(settings, output)},
};
static const cli_note examples[] = {
    {"--model gpt2 --layer 8 --text corpus.jsonl --max-tokens 10M --out acts",
     "The residual stream before block 8 of GPT-2:"},
};
static const cli_note json_keys[] = {
    {"out", "the directory"},
    {"tokens", "rows written per hook, every position of every context"},
    {"excluded", "of these, rows that readers leave out with the same --keep-first and --exclude-tokens"},
    {"contexts, documents", "contexts read, and documents that they were cut from"},
    {"dropped", "tokens at the end that did not fill a context"},
    {"d, hook_name", "width and name of the hook; null when there are several"},
    {"dtype", "f32, f16 or bf16"},
    {"precision", "of the language model's products: fp32 or bf16"},
    {"shards", "shard files per hook"},
    {"hooks", "array of {hook_name, d}, one for each hook"},
    {"seconds", "wall-clock time"},
};

const cli_command cli_harvest = {
    .name = "harvest",
    .summary = "run a language model over text and save its activations",
    .usage = usage,
    .description =
        "Runs a language model over text and writes the activations at one or several hook points as "
        "safetensors shards.\n\n"
        "Each document is preceded by the end-of-text token; documents are concatenated and cut into contexts "
        "of --ctx tokens, the remainder is dropped. Every position is written; the commands that read "
        "activations leave out the first of each context.",
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
