/* sae stitch: what each latent of a large SAE is worth to a small one, and the way from the one to the other. */
#include "cli/commands.h"
#include "cli/file.h"
#include "cli/lists.h"
#include "cli/rows.h"
#include "cli/splice.h"
#include "cli/stitch_json.h"
#include "cli/stitch_print.h"

#include <sae/report.h>

#include <dirent.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SAVE_PREFIX "at="
#define SAVED       "at-" /* how directories of --save begin */

typedef struct settings {
    const char *acts, *out, *save;
    bool force;
    sae_stitch_config stitch;
    int64_t ce_points;
    cli_splice splice;
} settings;

static const sae_option *file_options(size_t *count)
{
    static const sae_option table[] = {
        {.name = "acts",
         .type = SAE_OPT_STRING,
         .offset = offsetof(settings, acts),
         .metavar = "ACTS",
         .help = "activations that both SAEs read"},
        {.name = "out",
         .type = SAE_OPT_STRING,
         .offset = offsetof(settings, out),
         .metavar = "DIR",
         .help = "directory for the report index.html, stitch.json, tables (.csv) and pictures (.svg); without it "
                 "nothing is "
                 "written"},
        {.name = "save",
         .type = SAE_OPT_LIST,
         .offset = offsetof(settings, save),
         .metavar = "at=F,...",
         .help = "write the SAE after this share (0 to 1) of the operations as DIR/at-F"},
        {.name = "force",
         .type = SAE_OPT_BOOL,
         .offset = offsetof(settings, force),
         .help = "replace a stitching that is already there"},
    };
    *count = CLI_COUNT(table);
    return table;
}

static const sae_option *ce_options(size_t *count)
{
    static const sae_option table[] = {
        {.name = "ce-points",
         .type = SAE_OPT_INT,
         .offset = offsetof(settings, ce_points),
         .metavar = "N|all",
         .default_text = "16",
         .zero_word = "all",
         .min = 2,
         .max = 1e9,
         .help = "with --model: measure so many entries of the path, and of the random one, ends included"},
    };
    *count = CLI_COUNT(table);
    return table;
}

static void defaults(void *out)
{
    settings *s = out;
    s->stitch = sae_stitch_config_default();
    s->ce_points = 16;
    s->splice = cli_splice_default();
}

/* ---- what is asked for ---------------------------------------------------------------------------------- */

static sae_status read_shares(const settings *s, double **shares, size_t *count, sae_error *err)
{
    if (!s->save) return SAE_OK;
    if (strncmp(s->save, SAVE_PREFIX, strlen(SAVE_PREFIX)) != 0)
        return sae_fail(err, SAE_E_ARG, "--save is \"%s\"; it takes at=F, with F from 0 to 1 such as at=0.5", s->save);
    if (!s->out) return sae_fail(err, SAE_E_ARG, "--save needs --out DIR, in which the SAEs are written");
    return cli_list_floats(shares, count, "save", s->save + strlen(SAVE_PREFIX), 0, 1, err);
}

static sae_status check_out(const settings *s, sae_error *err)
{
    if (!s->acts) return sae_fail(err, SAE_E_ARG, "--acts is missing: the activations that both SAEs read");
    sae_status status = cli_splice_check(&s->splice, err);
    if (status == SAE_OK && !s->force) status = cli_check_fresh(s->out, "stitch.json", "a stitching", err);
    return status == SAE_OK ? cli_check_directory(s->out, err) : status;
}

/* ---- cross-entropy ------------------------------------------------------------------------------------------ */

/* The language model, opened before the work so that what is wrong with it is told at once. */
typedef struct spliced {
    cli_lm lm;
    cli_splice_place place;
} spliced;

static sae_status open_lm(spliced *out, const settings *s, const cli_rows *rows, const sae_model *small, cli_app *app,
                          sae_error *err)
{
    const sae_acts_meta *acts = sae_acts_get_meta(rows->acts);
    if (!s->splice.model) return SAE_OK;
    sae_status status = cli_splice_open(&out->lm, &s->splice, acts, app, err);
    if (status != SAE_OK) return status;
    return cli_splice_find_place(&out->place, out->lm.lm, acts, small, err);
}

static sae_status measure_ce(sae_stitch *stitch, const spliced *with, const settings *s, const cli_rows *rows,
                             const sae_env *env, sae_error *err)
{
    if (!s->splice.model) return SAE_OK;
    return sae_stitch_measure_ce(stitch, with->lm.lm, with->lm.contexts, with->place.hook, with->place.center,
                                 &rows->config, s->ce_points, env, err);
}

/* ---- files ------------------------------------------------------------------------------------------------ */

/* models [count]: all are made before anything is written. */
static sae_status make_saes(const sae_stitch *stitch, const settings *s, const double *shares, size_t count,
                            sae_model **models, cli_stitch_saved *saved, sae_error *err)
{
    for (size_t i = 0; i < count; i++) {
        saved[i].at = shares[i];
        snprintf(saved[i].path, sizeof saved[i].path, "%s/" SAVED "%g", s->out, shares[i]);
        sae_status status =
            sae_stitch_model(stitch, (sae_stitch_order)stitch->order, llround(shares[i] * (double)stitch->operations),
                             &models[i], &saved[i].entry, err);
        if (status != SAE_OK) return status;
    }
    return SAE_OK;
}

/* The files of an SAE that --save writes. */
static const char *const sae_files[] = {"cfg.json", "sae_weights.safetensors"};

/* SAEs that an earlier stitching left in its directory. */
static sae_status remove_saved(const char *dir, sae_error *err)
{
    sae_status status = SAE_OK;
    DIR *list = opendir(dir);
    if (!list) return sae_fail(err, SAE_E_IO, "cannot read %s: %s", dir, strerror(errno));
    for (const struct dirent *entry; status == SAE_OK && (entry = readdir(list));) {
        char path[4096];
        if (strncmp(entry->d_name, SAVED, strlen(SAVED)) != 0) continue;
        for (size_t i = 0; i < CLI_COUNT(sae_files) && status == SAE_OK; i++) {
            snprintf(path, sizeof path, "%s/%s/%s", dir, entry->d_name, sae_files[i]);
            status = cli_remove_stale(path, err);
        }
        snprintf(path, sizeof path, "%s/%s", dir, entry->d_name);
        (void)rmdir(path); /* unless something else lies in it */
    }
    closedir(list);
    return status;
}

static sae_status save(const sae_model *model, const char *dir, sae_written *written, sae_error *err)
{
    char path[4096];
    sae_status status = sae_written_dirs(written, dir, err);
    for (size_t i = 0; i < CLI_COUNT(sae_files) && status == SAE_OK; i++)
        status = cli_result_path(path, sizeof path, written, dir, sae_files[i], err);
    return status == SAE_OK ? sae_model_save(model, dir, err) : status;
}

static sae_status write_json(const sae_stitch *stitch, const char *const *words, const cli_stitch_saved *saved,
                             size_t n_saved, const char *path, sae_error *err)
{
    cli_draft draft;
    sae_status status = cli_draft_open(&draft, err);
    if (status != SAE_OK) return status;
    cli_stitch_json(stitch, words[0], words[1], saved, n_saved, draft.stream);
    return cli_draft_write(&draft, path, err);
}

/* stitch.json goes first and is written last: a directory that has it is complete. */
static sae_status write_files(const sae_stitch *stitch, const char *const *words, const settings *s,
                              const sae_report_origin *origin, sae_model *const *models, const cli_stitch_saved *saved,
                              size_t n_saved, sae_error *err)
{
    static const struct {
        const char *name;
        sae_status (*write)(const sae_stitch *, const char *, sae_error *);
    } files[] = {
        {"latents.csv", sae_stitch_write_latents},
        {"roc.csv", sae_stitch_write_roc},
        {"components.csv", sae_stitch_write_components},
        {"path.csv", sae_stitch_write_path},
        {"delta.svg", sae_stitch_draw_delta},
        {"roc.svg", sae_stitch_draw_roc},
        {"path.svg", sae_stitch_draw_path},
        {"components.svg", sae_stitch_draw_components},
        {"ce.svg", sae_stitch_draw_ce},
    };
    char path[4096];
    sae_written written = {0};
    sae_status status;
    snprintf(path, sizeof path, "%s/stitch.json", s->out);
    bool earlier = cli_exists(path);
    CLI_TRY(cli_open_result(&written, s->out, "stitch.json", err));
    if (earlier) CLI_TRY(remove_saved(s->out, err));
    for (size_t i = 0; i < n_saved; i++) CLI_TRY(save(models[i], saved[i].path, &written, err));
    for (size_t i = 0; i < CLI_COUNT(files); i++) {
        bool known = files[i].write != sae_stitch_draw_ce || stitch->ce.tokens > 0;
        CLI_TRY(cli_result_path(path, sizeof path, &written, s->out, files[i].name, err));
        CLI_TRY(known ? files[i].write(stitch, path, err) : cli_remove_stale(path, err));
    }
    CLI_TRY(cli_result_path(path, sizeof path, &written, s->out, "index.html", err));
    CLI_TRY(sae_report_stitch(stitch, origin, path, err));
    CLI_TRY(cli_result_path(path, sizeof path, &written, s->out, "stitch.json", err));
    status = write_json(stitch, words, saved, n_saved, path, err);
done:
    sae_written_end(&written, status == SAE_OK);
    return status;
}

/* ---- the command ------------------------------------------------------------------------------------------ */

static void print(const sae_stitch *stitch, const char *const *words, const settings *s, const sae_source_info *rows,
                  const cli_stitch_saved *saved, size_t n_saved, FILE *out)
{
    fprintf(out, "Small %s and large %s\non ", words[0], words[1]);
    cli_print_tokens(out, stitch->tokens, rows->excluded);
    fputs("\n\n", out);
    cli_stitch_print(stitch, out);
    if (!s->out) return;
    fputc('\n', out);
    for (size_t i = 0; i < n_saved; i++)
        fprintf(out, "Wrote the SAE after %lld of %lld operations (MSE %.4g, L0 %.4g) in %s\n",
                (long long)saved[i].entry.operations, (long long)stitch->operations, saved[i].entry.quality.mse,
                saved[i].entry.quality.l0, saved[i].path);
    fprintf(out, "Wrote the report %s/index.html; beside it stitch.json, tables, pictures\n", s->out);
}

static sae_status run(cli_app *app, const void *settings_, const char *const *words, sae_error *err)
{
    const settings *s = settings_;
    sae_status status = SAE_OK;
    sae_model *small = NULL, *large = NULL;
    sae_stitch *stitch = NULL;
    cli_rows rows = {0};
    spliced with = {0};
    double *shares = NULL;
    cli_stitch_saved *saved = NULL;
    sae_model **models = NULL;
    size_t n_saved = 0;
    CLI_TRY(check_out(s, err));
    CLI_TRY(read_shares(s, &shares, &n_saved, err));
    saved = calloc(n_saved + 1, sizeof *saved);
    models = calloc(n_saved + 1, sizeof *models);
    if (!saved || !models) CLI_TRY(cli_fail_memory(err));
    CLI_TRY(cli_rows_configure(&rows, app, err));
    CLI_TRY(sae_model_load(&small, words[0], err));
    CLI_TRY(sae_model_load(&large, words[1], err));
    CLI_TRY(cli_rows_open(&rows, s->acts, app, err));
    CLI_TRY(open_lm(&with, s, &rows, small, app, err));
    CLI_TRY(sae_stitch_run(small, large, rows.source, &s->stitch, &stitch, &app->env, err));
    CLI_TRY(measure_ce(stitch, &with, s, &rows, &app->env, err));
    if (s->out) {
        const sae_report_sae saes[2] = {{words[0], sae_model_get_info(small), NULL},
                                        {words[1], sae_model_get_info(large), NULL}};
        const sae_report_origin origin = {saes, 2, s->acts, sae_source_get_info(rows.source), NULL};
        CLI_TRY(make_saes(stitch, s, shares, n_saved, models, saved, err));
        CLI_TRY(write_files(stitch, words, s, &origin, models, saved, n_saved, err));
    }
    if (app->common.json)
        cli_stitch_json(stitch, words[0], words[1], saved, n_saved, app->out);
    else
        print(stitch, words, s, sae_source_get_info(rows.source), saved, n_saved, app->out);
done:
    sae_stitch_free(stitch);
    cli_lm_close(&with.lm);
    cli_rows_close(&rows);
    sae_model_free(large);
    sae_model_free(small);
    for (size_t i = 0; models && i < n_saved; i++) sae_model_free(models[i]);
    free(models);
    free(saved);
    free(shares);
    return status;
}

static const char *const usage[] = {
    "SMALL LARGE --acts ACTS [--model DIR --text FILE...] [--out DIR] [--OPTION VALUE]...", NULL};
static const cli_note arguments[] = {
    {"SMALL", "directory of the smaller SAE"},
    {"LARGE", "directory of a larger SAE of the same activations (any two will do)"},
};
static const cli_group groups[] = {
    {"Files", file_options, 0},
    {"What to compute", sae_stitch_option_table, offsetof(settings, stitch)},
    {"Loss of the language model along the path", ce_options, 0},
    {"Model and text", cli_splice_options, offsetof(settings, splice)},
};
static const cli_note examples[] = {
    {"saes/batchtopk-256-k8 saes/batchtopk-512-k8 --acts acts --out stitching",
     "Which latents of the larger SAE does the smaller one miss?"},
    {"saes/batchtopk-256-k8 saes/batchtopk-512-k8 --acts acts --order greedy --save at=0.25,0.5 --out stitching",
     "SAEs a quarter and half of the way between them"},
    {"saes/batchtopk-256-k8 saes/batchtopk-512-k8 --acts acts --model gpt2 --text held-out.txt",
     "What does the language model lose on the way?"},
};
static const cli_note json_keys[] = {
    {"saes, tokens", "the SAEs {small, large}, and rows used"},
    {"pairs", "pairs of latents, of both SAEs together, that fire together on some row"},
    {"threshold, threshold_auto", "cosine above which two latents hang together, and whether it was found here"},
    {"theta_small, theta_large", "of a TopK SAE: the threshold at which its mean L0 is k; else null"},
    {"max_cos, nearest", "[n_B] maximum decoder cosine with the small SAE's latents, and with which"},
    {"n_active, delta_mse, delta_mse_se", "[n_B] rows on which it is active; change of the small SAE's MSE when it is "
                                          "inserted, and standard error; null when it never fired"},
    {"improving, worsening", "latents with delta_mse < 0 and >= 0"},
    {"auc, accuracy", "of the maximum cosine as a prediction of the sign; accuracy at the threshold"},
    {"best_threshold, sensitivity, specificity", "where their sum is largest; null when all have one sign"},
    {"roc", "threshold (null: above all), sensitivity and specificity of each threshold"},
    {"base, large", "{mse, fvu, l0} of the small and the large SAE"},
    {"insertions, swaps, removals", "numbers of operations of each kind"},
    {"components", "swaps and removals: small and large (ids), max_cos, delta_mse of this alone"},
    {"order, path",
     "of the order asked for: {phase, operations, inserted, removed, mse, fvu, l0, ce} (counts so far; ce null "
     "where cross-entropy was not measured)"},
    {"path_random", "the same operations in random order"},
    {"orders", "{highest_mse, rises} of cosine, delta, greedy and random; rises: operations that raise the MSE"},
    {"other_paths", "the paths of the orders not asked for"},
    {"ce",
     "null without --model, else {clean, zero, small, large, tokens, points}: cross-entropy in nats per predicted "
     "token with the activations as they are, zeros, and the reconstructions of both SAEs; how many were "
     "predicted, and states measured of path and path_random"},
    {"end_error", "max |difference| of the reconstructions of the SAE at the end and LARGE, over max |that of LARGE|"},
    {"saved", "of --save: path, at, and the keys of a path's entry"},
    {"errors", "all errors are sums over d, in the activations' own units"},
};

const cli_command cli_stitch = {
    .name = "stitch",
    .summary = "insert and swap latents of one SAE into another",
    .usage = usage,
    .description =
        "Measures for each latent of the large SAE what inserting it into the small one does to the error, and how "
        "well "
        "the cosine with its nearest latent predicts that. Latents whose decoder directions are alike then change "
        "places, "
        "the others are inserted or removed: a path from the small SAE to the large one, whose error is known after "
        "every operation. With a language model and text, so is its cross-entropy at some states of the path.",
    .arguments = arguments,
    .n_arguments = CLI_COUNT(arguments),
    .min_words = 2,
    .max_words = 2,
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
