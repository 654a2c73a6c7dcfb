/* sae encode: activations to the latents that are active on each row. */
#include "cli/commands.h"
#include "cli/json.h"
#include "cli/rows.h"
#include "cli/table.h"

#include <stdlib.h>

#define BATCH 4096

typedef struct settings {
    const char *acts, *out;
    bool force;
} settings;

static const sae_option *options(size_t *count)
{
    static const sae_option table[] = {
        {.name = "acts",
         .type = SAE_OPT_STRING,
         .offset = offsetof(settings, acts),
         .metavar = "ACTS",
         .help = "activations to encode"},
        {.name = "out",
         .type = SAE_OPT_STRING,
         .offset = offsetof(settings, out),
         .metavar = "CODES.safetensors",
         .help = "file to write"},
        {.name = "force",
         .type = SAE_OPT_BOOL,
         .offset = offsetof(settings, force),
         .help = "replace a file that is already there"},
    };
    *count = CLI_COUNT(table);
    return table;
}

/* One batch of rows and what is read with it. */
typedef struct batch {
    float *x;
    int64_t *rows;
    int32_t *tokens, *positions, *docs;
    sae_codes *codes;
} batch;

static void batch_free(batch *b)
{
    free(b->x);
    free(b->rows);
    free(b->tokens);
    free(b->positions);
    free(b->docs);
    sae_codes_free(b->codes);
}

static sae_status batch_make(batch *b, int64_t d, sae_error *err)
{
    b->x = calloc(BATCH * (size_t)d, sizeof *b->x);
    b->rows = calloc(BATCH, sizeof *b->rows);
    b->tokens = calloc(BATCH, sizeof *b->tokens);
    b->positions = calloc(BATCH, sizeof *b->positions);
    b->docs = calloc(BATCH, sizeof *b->docs);
    b->codes = sae_codes_new();
    if (b->x && b->rows && b->tokens && b->positions && b->docs && b->codes) return SAE_OK;
    return cli_fail_memory(err);
}

static void print_result(cli_app *app, const char *sae, const settings *s, const sae_source_info *rows, int64_t n,
                         int64_t entries, double seconds)
{
    double l0 = rows->usable ? (double)entries / (double)rows->usable : 0;
    if (app->common.json) {
        cli_json json;
        cli_json_start(&json, app->out);
        cli_json_text(&json, "out", s->out);
        cli_json_text(&json, "sae", sae);
        cli_json_int(&json, "tokens", rows->usable);
        cli_json_int(&json, "excluded", rows->excluded);
        cli_json_int(&json, "n", n);
        cli_json_int(&json, "entries", entries);
        cli_json_real(&json, "l0", l0);
        cli_json_real(&json, "seconds", seconds);
        cli_json_finish(&json);
        return;
    }
    cli_facts facts = {.out = app->out, .name_width = 8, .value_width = 12};
    fprintf(app->out, "Codes of %s in %s\n\n", s->acts, s->out);
    cli_fact_count(&facts, "tokens", rows->usable, "rows encoded");
    cli_fact_count(&facts, "excluded", rows->excluded, "rows left out: first positions and excluded token ids");
    cli_fact_count(&facts, "latents", n, "width of the SAE");
    cli_fact_count(&facts, "entries", entries, "active latents in all");
    cli_fact_number(&facts, "L0", l0, 4, "active latents per token");
    cli_fact_number(&facts, "seconds", seconds, 3, "");
}

static sae_status run(cli_app *app, const void *settings_, const char *const *words, sae_error *err)
{
    const settings *s = settings_;
    double start = cli_now();
    sae_status status = SAE_OK;
    sae_model *model = NULL;
    sae_codes_writer *writer = NULL;
    cli_rows rows = {0};
    batch b = {0};
    int64_t entries = 0;
    if (!s->out) return sae_fail(err, SAE_E_ARG, "--out is missing: the file for the codes");
    CLI_TRY(cli_rows_configure(&rows, app, err));
    CLI_TRY(sae_model_load(&model, words[0], err));
    CLI_TRY(cli_rows_open(&rows, s->acts, app, err));
    const sae_source_info *info = sae_source_get_info(rows.source);
    const sae_model_info *sae = sae_model_get_info(model);
    CLI_TRY(cli_check_width(model, &info->meta, s->acts, err));
    cli_warn_mismatch(app, model, &info->meta);
    CLI_TRY(batch_make(&b, info->d, err));
    CLI_TRY(sae_codes_writer_open(&writer, s->out, sae->n, &info->meta, s->force, err));
    for (int64_t first = 0; first < info->usable; first += BATCH) {
        int64_t count = info->usable - first < BATCH ? info->usable - first : BATCH;
        CLI_TRY(cli_step(app, "encoding", "rows", first, info->usable, "nothing was written", err));
        CLI_TRY(sae_source_usable(rows.source, first, count, b.x, b.rows, err));
        CLI_TRY(sae_model_encode(model, b.x, count, b.codes, &app->env, err));
        cli_gather_ids(rows.acts, b.rows, count, b.tokens, b.positions, b.docs);
        CLI_TRY(sae_codes_writer_append(writer, b.codes, b.tokens, b.positions, b.docs, err));
        entries += b.codes->row_offsets[count];
    }
    status = sae_codes_writer_finish(writer, err);
    writer = NULL;
    if (status == SAE_OK) print_result(app, words[0], s, info, sae->n, entries, cli_now() - start);
done:
    sae_codes_writer_abort(writer);
    batch_free(&b);
    cli_rows_close(&rows);
    sae_model_free(model);
    return status;
}

static const char *const usage[] = {"SAE --acts ACTS --out CODES.safetensors [--OPTION VALUE]...", NULL};
static const cli_note arguments[] = {{"SAE", "directory of the SAE"}};
static const cli_group groups[] = {{"Files", options, 0}};
static const cli_note examples[] = {
    {"saes/batchtopk-512-k8 --acts acts --out codes.safetensors", "Which latents are active on each token:"}};
static const cli_note json_keys[] = {
    {"out, sae", "the file written and the SAE"},
    {"tokens, excluded", "rows encoded, and rows left out"},
    {"n", "width of the SAE"},
    {"entries, l0", "active latents in all, and per row"},
    {"seconds", "wall-clock time"},
};

const cli_command cli_encode = {
    .name = "encode",
    .summary = "write the active latents of every row of activations",
    .usage = usage,
    .description =
        "Encodes activations with an SAE in its inference form and writes the active latents of each row: "
        "compressed sparse rows (row_offsets, latents, values) with the token id, position and document of each "
        "row, in one safetensors file. --keep-first keeps all rows of the activations, in their order.",
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
