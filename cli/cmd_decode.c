/* sae decode: codes back to reconstructed activations. */
#include "cli/commands.h"
#include "cli/json.h"
#include "cli/output.h"
#include "cli/table.h"

#include <sae/model.h>

#include <stdlib.h>

#define BATCH 4096

typedef struct settings {
    const char *codes;
    cli_output output;
} settings;

static const sae_option *options(size_t *count)
{
    static const sae_option table[] = {
        {.name = "codes",
         .type = SAE_OPT_STRING,
         .offset = offsetof(settings, codes),
         .metavar = "CODES.safetensors",
         .help = "codes to decode, as written by sae encode"},
    };
    *count = CLI_COUNT(table);
    return table;
}

static void defaults(void *out)
{
    ((settings *)out)->output = cli_output_default();
}

static sae_status check_fit(const sae_model *model, const sae_codes_file *file, const char *path, sae_error *err)
{
    const sae_model_info *sae = sae_model_get_info(model);
    int64_t n = sae_codes_file_latents(file), d = sae_codes_file_meta(file)->d;
    if (n != sae->n || (d != 0 && d != sae->d))
        return sae_fail(err, SAE_E_SHAPE,
                        "%s holds codes of %lld latents for activations of width %lld, but %s has %lld latents of "
                        "width %lld",
                        path, (long long)n, (long long)d, sae_model_path(model), (long long)sae->n, (long long)sae->d);
    if (sae->input_norm == SAE_INPUT_TOKEN)
        return sae_fail(err, SAE_E_UNSUPPORTED,
                        "%s standardises each token, so its codes can only be decoded where the activations are at "
                        "hand: codes do not hold each token's mean and scale",
                        sae_model_path(model));
    return SAE_OK;
}

static void print_result(cli_app *app, const char *sae, const settings *s, int64_t rows, int64_t d, int64_t shards,
                         double seconds)
{
    if (app->common.json) {
        cli_json json;
        cli_json_start(&json, app->out);
        cli_json_text(&json, "out", s->output.out);
        cli_json_text(&json, "sae", sae);
        cli_json_int(&json, "tokens", rows);
        cli_json_int(&json, "d", d);
        cli_json_text(&json, "dtype", sae_dtype_name(cli_output_dtype(&s->output)));
        cli_json_int(&json, "shards", shards);
        cli_json_real(&json, "seconds", seconds);
        cli_json_finish(&json);
        return;
    }
    cli_facts facts = {.out = app->out, .name_width = 8, .value_width = 12};
    fprintf(app->out, "Reconstructions of %s in %s\n\n", s->codes, s->output.out);
    cli_fact_count(&facts, "tokens", rows, "rows written");
    cli_fact_count(&facts, "d", d, "numbers per token");
    cli_fact_count(&facts, "shards", shards, "files");
    cli_fact_number(&facts, "seconds", seconds, 3, "");
}

static sae_status run(cli_app *app, const void *settings_, const char *const *words, sae_error *err)
{
    const settings *s = settings_;
    double start = cli_now();
    sae_status status = SAE_OK;
    sae_model *model = NULL;
    sae_codes_file *file = NULL;
    sae_acts_writer *writer = NULL;
    sae_codes *codes = sae_codes_new();
    int32_t *ids = calloc(3 * BATCH, sizeof *ids);
    float *x = NULL;
    int64_t shards = 0;
    if (!s->codes) CLI_TRY(sae_fail(err, SAE_E_ARG, "--codes is missing: the file to decode"));
    CLI_TRY(cli_output_check(&s->output, err));
    CLI_TRY(sae_model_load(&model, words[0], err));
    CLI_TRY(sae_codes_file_open(&file, s->codes, err));
    CLI_TRY(check_fit(model, file, s->codes, err));
    const sae_model_info *sae = sae_model_get_info(model);
    x = calloc(BATCH * (size_t)sae->d, sizeof *x);
    if (!x || !ids || !codes) CLI_TRY(cli_fail_memory(err));
    sae_acts_meta meta = *sae_codes_file_meta(file);
    meta.d = sae->d;
    meta.dtype = cli_output_dtype(&s->output);
    CLI_TRY(sae_acts_writer_open(&writer, s->output.out, &meta, s->output.shard_tokens, s->output.force, err));
    int64_t rows = sae_codes_file_rows(file);
    for (int64_t first = 0; first < rows; first += BATCH) {
        int64_t count = rows - first < BATCH ? rows - first : BATCH;
        int32_t *tokens = ids, *positions = ids + BATCH, *docs = ids + 2 * BATCH;
        CLI_TRY(cli_step(app, "decoding", "rows", first, rows, "nothing was written", err));
        CLI_TRY(sae_codes_file_read(file, first, count, codes, tokens, positions, docs, err));
        CLI_TRY(sae_model_decode(model, codes, NULL, x, &app->env, err));
        CLI_TRY(sae_acts_writer_append(writer, count, x, tokens, positions, docs, err));
    }
    status = sae_acts_writer_finish(writer, &shards, err);
    writer = NULL;
    if (status == SAE_OK) print_result(app, words[0], s, rows, sae->d, shards, cli_now() - start);
done:
    sae_acts_writer_abort(writer);
    sae_codes_file_close(file);
    sae_codes_free(codes);
    sae_model_free(model);
    free(ids);
    free(x);
    return status;
}

static const char *const usage[] = {"SAE --codes CODES.safetensors --out ACTS [--OPTION VALUE]...", NULL};
static const cli_note arguments[] = {{"SAE", "directory of the SAE that made the codes"}};
static const cli_group groups[] = {{"Input", options, 0}, {"Output", cli_output_options, offsetof(settings, output)}};
static const cli_note examples[] = {
    {"saes/batchtopk-512-k8 --codes codes.safetensors --out reconstructed", "What the SAE makes of the activations:"}};
static const cli_note json_keys[] = {
    {"out, sae", "the directory written and the SAE"},
    {"tokens, d", "rows and numbers per row"},
    {"dtype", "f32, f16 or bf16"},
    {"shards", "files"},
    {"seconds", "wall-clock time"},
};

const cli_command cli_decode = {
    .name = "decode",
    .summary = "turn codes back into activations",
    .usage = usage,
    .description = "Decodes a file of codes and writes the reconstructions as an activation directory, which every "
                   "command that reads activations accepts.",
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
