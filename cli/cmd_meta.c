/* sae meta: the decoder rows of an SAE taken apart by a smaller SAE. */
#include "cli/commands.h"
#include "cli/file.h"
#include "cli/meta_json.h"
#include "cli/meta_print.h"
#include "cli/rows.h"
#include "cli/table.h"

#include <sae/report.h>

typedef struct settings {
    const char *acts, *against, *out;
    sae_meta_config meta;
} settings;

static const sae_option *file_options(size_t *count)
{
    static const sae_option table[] = {
        {.name = "acts",
         .type = SAE_OPT_STRING,
         .offset = offsetof(settings, acts),
         .metavar = "ACTS",
         .help = "leave out latents that never fire on these activations"},
        {.name = "against",
         .type = SAE_OPT_STRING,
         .offset = offsetof(settings, against),
         .metavar = "SMALLER",
         .help = "a smaller SAE of the same activations: compare the meta-latents with its latents"},
        {.name = "out",
         .type = SAE_OPT_STRING,
         .offset = offsetof(settings, out),
         .metavar = "DIR",
         .help = "directory of the meta-SAE, with the report index.html, meta.json, tables (.csv) and pictures (.svg)"},
    };
    *count = CLI_COUNT(table);
    return table;
}

static void defaults(void *out)
{
    ((settings *)out)->meta = sae_meta_config_default();
}

/* --force would replace what is to be read. */
static sae_status check_input(const settings *s, const char *sae, sae_error *err)
{
    if (!sae || !cli_same_file(s->out, sae)) return SAE_OK;
    return sae_fail(err, SAE_E_ARG, "--out is %s, an SAE that is read here; give the meta-SAE a directory of its own",
                    sae);
}

static sae_status check(const settings *s, const char *sae, sae_error *err)
{
    if (!s->out) return sae_fail(err, SAE_E_ARG, "--out is missing: the directory for the meta-SAE");
    if (s->meta.width == 0) return sae_fail(err, SAE_E_ARG, "--width is missing: the number of meta-latents");
    sae_status status = check_input(s, sae, err);
    if (status == SAE_OK) status = check_input(s, s->against, err);
    if (status != SAE_OK) return status;
    if (s->meta.force) return SAE_OK;
    return cli_check_fresh(s->out, "meta.json", "a meta-SAE", err);
}

/* meta.json is written last: a directory that has it is complete. */
static sae_status write_files(const sae_meta *meta, const cli_meta_paths *paths, const sae_report_origin *origin,
                              sae_error *err)
{
    static const struct {
        const char *name;
        sae_status (*write)(const sae_meta *, const char *, sae_error *);
        bool needs_against;
    } files[] = {
        {"decomposition.csv", sae_meta_write_decomposition, false},
        {"meta_latents.csv", sae_meta_write_meta_latents, false},
        {"baselines.csv", sae_meta_write_baselines, false},
        {"against.csv", sae_meta_write_against, true},
        {"baselines.svg", sae_meta_draw_baselines, false},
        {"decomposition.svg", sae_meta_draw_decomposition, false},
        {"meta_latents.svg", sae_meta_draw_meta_latents, false},
        {"against.svg", sae_meta_draw_against, true},
    };
    char path[4096];
    cli_draft draft;
    sae_written written = {0};
    sae_status status = SAE_OK;
    for (size_t i = 0; i < CLI_COUNT(files); i++) {
        bool known = !files[i].needs_against || paths->against;
        CLI_TRY(cli_result_path(path, sizeof path, &written, paths->out, files[i].name, err));
        CLI_TRY(known ? files[i].write(meta, path, err) : cli_remove_stale(path, err));
    }
    CLI_TRY(cli_result_path(path, sizeof path, &written, paths->out, "index.html", err));
    CLI_TRY(sae_report_meta(meta, origin, path, err));
    CLI_TRY(cli_result_path(path, sizeof path, &written, paths->out, "meta.json", err));
    CLI_TRY(cli_draft_open(&draft, err));
    cli_meta_json(meta, paths, draft.stream);
    status = cli_draft_write(&draft, path, err);
done:
    sae_written_end(&written, status == SAE_OK);
    return status;
}

static void print(const sae_meta *meta, const cli_meta_paths *paths, FILE *out)
{
    char rows[48], n[48], epochs[48];
    cli_format_count(rows, sizeof rows, meta->rows);
    cli_format_count(n, sizeof n, meta->n);
    cli_format_count(epochs, sizeof epochs, meta->epochs);
    fprintf(out, "Decoder rows of %s taken apart in %s\n", paths->sae, paths->out);
    fprintf(out, "%s of %s rows, %s passes", rows, n, epochs);
    if (meta->never_fired > 0) {
        char left_out[48], tokens[48];
        cli_format_count(left_out, sizeof left_out, meta->never_fired);
        cli_format_count(tokens, sizeof tokens, meta->tokens);
        fprintf(out, "; %s latents never fired on %s tokens and were left out", left_out, tokens);
    }
    fputs("\n\n", out);
    cli_meta_print(meta, out);
    fprintf(out, "\nWrote the meta-SAE in %s, its report %s/index.html; beside it meta.json, tables, pictures\n",
            paths->out, paths->out);
}

static sae_status run(cli_app *app, const void *settings_, const char *const *words, sae_error *err)
{
    const settings *s = settings_;
    const cli_meta_paths paths = {.sae = words[0], .out = s->out, .against = s->against};
    sae_status status = SAE_OK;
    sae_model *model = NULL, *against = NULL;
    sae_meta *meta = NULL;
    cli_rows rows = {0};
    CLI_TRY(check(s, words[0], err));
    CLI_TRY(cli_rows_configure(&rows, app, err));
    CLI_TRY(sae_model_load(&model, words[0], err));
    if (s->against) CLI_TRY(sae_model_load(&against, s->against, err));
    if (s->acts) CLI_TRY(cli_rows_open(&rows, s->acts, app, err));
    cli_show_settings(app, &cli_meta, cli_meta.n_groups, s);
    CLI_TRY(sae_meta_run(model, rows.source, against, &s->meta, s->out, &meta, &app->env, err));
    const sae_report_sae saes[2] = {{s->against, against ? sae_model_get_info(against) : NULL, NULL},
                                    {words[0], sae_model_get_info(model), NULL}};
    const sae_report_origin origin = {.saes = against ? saes : saes + 1,
                                      .n_saes = against ? 2 : 1,
                                      .acts = s->acts,
                                      .rows = s->acts ? sae_source_get_info(rows.source) : NULL};
    CLI_TRY(write_files(meta, &paths, &origin, err));
    if (app->common.json)
        cli_meta_json(meta, &paths, app->out);
    else
        print(meta, &paths, app->out);
done:
    sae_meta_free(meta);
    cli_rows_close(&rows);
    sae_model_free(against);
    sae_model_free(model);
    return status;
}

static const char *const usage[] = {
    "SAE --width N [--k K] [--acts ACTS] [--against SMALLER] --out DIR [--OPTION VALUE]...", NULL};
static const cli_note arguments[] = {{"SAE", "directory of the SAE whose decoder rows are taken apart"}};
static const cli_group groups[] = {
    {"Files", file_options, 0},
    {"Meta-SAE", sae_meta_option_table, offsetof(settings, meta)},
};
static const cli_note examples[] = {
    {"saes/batchtopk-2048-k8 --width 128 --k 4 --acts acts --out meta", "What are 2,048 latents made of?"},
    {"saes/batchtopk-2048-k8 --width 256 --against saes/batchtopk-256-k8 --out meta",
     "Are these parts the latents of a smaller SAE?"},
};
static const cli_note json_keys[] = {
    {"sae, out, d, n", "the SAE, the meta-SAE, and dimensions and latents of the former"},
    {"width, k, theta", "of the meta-SAE: meta-latents, k, threshold"},
    {"l0, explained_variance, explained_variance_uncentred",
     "of the meta-SAE with BatchTopK over all rows: the same as fits.batchtopk"},
    {"rows", "decoder rows taken apart"},
    {"tokens, never_fired, zero_rows",
     "tokens of --acts (or null), latents left out because they did not fire on these, and because their row is 0"},
    {"steps, batch, epochs", "of the training"},
    {"baselines", "{pca, random_rows, random_directions}: explained variance at the same k"},
    {"fits", "{batchtopk, threshold, pca, random_rows, random_directions}, each {l0, explained_variance, "
             "explained_variance_uncentred}"},
    {"unused, alone", "meta-latents that no latent has; latents that have none"},
    {"latents", "of each: id, explained (share of its row's distance from the mean row), meta ([[meta-latent, "
                "activation, cosine], ...] by descending activation)"},
    {"meta_latents", "of each: id, latents ([[latent, activation, cosine], ...])"},
    {"against", "null, or {sae, latents, max_cos, argmax, random_max_cos}: of each meta-latent the maximum decoder "
                "cosine with the latents of SMALLER, and of as many random directions"},
};

const cli_command cli_meta = {
    .name = "meta",
    .summary = "take the decoder rows of an SAE apart with a smaller SAE",
    .usage = usage,
    .description =
        "Trains a BatchTopK SAE on the decoder rows of another SAE, each at unit length: if latents are composed of "
        "parts that several of them share, a few meta-latents explain each row. How much of the rows' variance they "
        "explain is set beside principal components, random decoder rows and random directions at the same k.\n\n"
        "DIR is an ordinary SAE, which SAELens and every command here reads, with tables of what each latent is made "
        "of. Ctrl-C saves a checkpoint; the same command with --resume goes on.",
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
