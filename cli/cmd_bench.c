/* sae bench: how fast this machine trains, beside what its BLAS library does alone. */
#include "cli/bench_lm.h"
#include "cli/bench_small.h"
#include "cli/bench_targets.h"
#include "cli/bench_way.h"
#include "cli/commands.h"
#include "cli/json.h"
#include "cli/table.h"
#include "cli/text.h"

#include <sae/bench.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef struct settings {
    const char *model;
    sae_text_config text;
    int64_t d, width, k, batch, warm_steps, repeats;
    bool quick, only_lm, end_to_end;
    const char *folder;
} settings;

/* Rows that steps take turns with. */
enum { ROWS = 32768 };

static const sae_option *options(size_t *count)
{
    static const sae_option table[] = {
        {.name = "d",
         .type = SAE_OPT_INT,
         .offset = offsetof(settings, d),
         .metavar = "N",
         .default_text = "768",
         .min = 1,
         .max = 1 << 20,
         .help = "with --width: width of the activations"},
        {.name = "width",
         .type = SAE_OPT_INT,
         .offset = offsetof(settings, width),
         .metavar = "N",
         .min = 1,
         .max = 1 << 26,
         .help = "measure this number of latents only, instead of the standard cases"},
        {.name = "k",
         .type = SAE_OPT_INT,
         .offset = offsetof(settings, k),
         .metavar = "K",
         .default_text = "32",
         .min = 1,
         .max = 1 << 20,
         .help = "active latents per token"},
        {.name = "batch",
         .type = SAE_OPT_INT,
         .offset = offsetof(settings, batch),
         .metavar = "N",
         .default_text = "4096",
         .min = 1,
         .max = ROWS,
         .help = "tokens per step"},
        {.name = "warm-steps",
         .type = SAE_OPT_INT,
         .offset = offsetof(settings, warm_steps),
         .metavar = "N",
         .default_text = "300",
         .min = 0,
         .max = 1e9,
         .help = "training steps before measuring"},
        {.name = "repeats",
         .type = SAE_OPT_INT,
         .offset = offsetof(settings, repeats),
         .metavar = "N",
         .default_text = "7",
         .min = 1,
         .max = 1e6,
         .help = "measured steps; medians are printed"},
        {.name = "quick",
         .type = SAE_OPT_BOOL,
         .offset = offsetof(settings, quick),
         CLI_NO_BOUNDS,
         .help = "only the first case and the language model"},
        {.name = "only-lm",
         .type = SAE_OPT_BOOL,
         .offset = offsetof(settings, only_lm),
         CLI_NO_BOUNDS,
         .help = "only the language model"},
        {.name = "end-to-end",
         .type = SAE_OPT_BOOL,
         .offset = offsetof(settings, end_to_end),
         CLI_NO_BOUNDS,
         .help =
             "instead: text to a trained SAE (--width, 512; --k, --batch), stage by stage; needs --model and --text"},
        {.name = "folder",
         .type = SAE_OPT_STRING,
         .offset = offsetof(settings, folder),
         .metavar = "DIR",
         .default_text = ".",
         .help = "with --end-to-end: where activations are written for the time being"},
    };
    *count = CLI_COUNT(table);
    return table;
}

static void defaults(void *out)
{
    settings *s = out;
    s->text = sae_text_config_default();
    s->d = 768;
    s->k = 32;
    s->batch = 4096;
    s->warm_steps = 300;
    s->repeats = 7;
    s->folder = ".";
}

/* ---- cases ---------------------------------------------------------------------------------------- */

enum { MAX_DEAD = 3, MAX_CASES = 12 };

typedef struct bench_case {
    bool model; /* the model's activations; else the power law */
    int64_t d;
    sae_arch arch;
    bool dense;
    int64_t n;
    size_t n_dead;
    double dead[MAX_DEAD];
    sae_bench_step result[MAX_DEAD];
} bench_case;

static size_t choose_cases(const settings *s, bench_case *cases)
{
    static const bench_case standard[] = {
        {.d = 768, .n = 12288, .arch = SAE_ARCH_BATCHTOPK, .n_dead = 3, .dead = {0, 0.01, 0.2}},
        {.d = 768, .n = 12288, .arch = SAE_ARCH_BATCHTOPK, .n_dead = 3, .dead = {0, 0.01, 0.2}, .model = true},
        {.d = 768, .n = 12288, .arch = SAE_ARCH_TOPK, .n_dead = 1},
        {.d = 768, .n = 12288, .arch = SAE_ARCH_TOPK, .n_dead = 1, .model = true},
        {.d = 768, .n = 12288, .arch = SAE_ARCH_MATRYOSHKA, .n_dead = 1},
        {.d = 768, .n = 12288, .arch = SAE_ARCH_JUMPRELU, .n_dead = 1},
        {.d = 768, .n = 12288, .arch = SAE_ARCH_RELU, .n_dead = 1},
        {.d = 768, .n = 12288, .arch = SAE_ARCH_RELU, .n_dead = 1, .dense = true},
        {.d = 256, .n = 2048, .arch = SAE_ARCH_BATCHTOPK, .n_dead = 1},
        {.d = 256, .n = 2048, .arch = SAE_ARCH_BATCHTOPK, .n_dead = 1, .model = true},
        {.d = 768, .n = 49152, .arch = SAE_ARCH_BATCHTOPK, .n_dead = 1},
        {.d = 768, .n = 98304, .arch = SAE_ARCH_BATCHTOPK, .n_dead = 1},
    };
    size_t count = 0;
    for (size_t i = 0; i < CLI_COUNT(standard); i++) {
        bench_case c = standard[i];
        if (s->only_lm || (s->quick && i > 0)) break;
        if (s->width > 0) {
            if (c.n != 12288) continue;
            c.n = s->width;
            c.d = s->d;
        }
        if (c.model && !s->model) continue;
        cases[count++] = c;
    }
    return count;
}

/* The rows of a case: made anew for each, since they are small beside what is measured. */
static sae_status make_rows(const bench_case *c, const cli_lm *lm, float **rows, cli_app *app, sae_error *err)
{
    *rows = malloc((size_t)ROWS * (size_t)c->d * sizeof **rows);
    if (!*rows) return cli_fail_memory(err);
    if (c->model) return sae_bench_activations(lm->lm, lm->contexts, ROWS, c->d, *rows, &app->env, err);
    sae_bench_power_law(ROWS, c->d, 1, *rows);
    return SAE_OK;
}

static sae_status run_case(const settings *s, bench_case *c, const cli_lm *lm, cli_app *app, sae_error *err)
{
    float *rows = NULL;
    sae_status status = make_rows(c, lm, &rows, app, err);
    if (status == SAE_OK) {
        sae_bench_data data = {.name = "", .rows = rows, .count = ROWS, .d = c->d};
        sae_bench_case config = {.arch = c->arch,
                                 .dense = c->dense,
                                 .n = c->n,
                                 .batch = s->batch,
                                 .k = s->k,
                                 .warm_steps = s->warm_steps,
                                 .repeats = s->repeats,
                                 .dead = c->dead,
                                 .n_dead = c->n_dead};
        status = sae_bench_train(&config, &data, c->result, &app->env, err);
    }
    free(rows);
    return status;
}

/* What was measured, at once: the whole suite takes minutes, and may be stopped. */
static void tell_case(cli_app *app, const bench_case *c)
{
    for (size_t k = 0; k < c->n_dead; k++)
        cli_say(app, "  %g %% dead: step %.3f s, SGEMM %.3f s, ratio %.2f", 100 * c->dead[k], c->result[k].total,
                c->result[k].sgemm, c->result[k].ratio);
}

/* ---- results ---------------------------------------------------------------------------------------- */

typedef struct results {
    const settings *s;
    char cpu[160], model_data[160], screen[160];
    const char *kernels, *blas;
    int threads;
    bench_case cases[MAX_CASES];
    size_t n_cases;
    sae_bench_fixed small;
    cli_bench_lm lm;
} results;

static const char *data_name(const results *r, const bench_case *c)
{
    return c->model ? r->model_data : "power law";
}

static void machine_json(cli_json *json, const results *r)
{
    cli_json_text(json, "cpu", r->cpu);
    cli_json_text(json, "kernels", r->kernels);
    cli_json_text(json, "blas", r->blas);
    cli_json_text(json, "screen", r->screen);
    cli_json_int(json, "threads", r->threads);
}

static void print_machine(const results *r, FILE *out)
{
    fprintf(out, "%s, %d threads, %s kernels, %s; screen: %s\n\n", r->cpu, r->threads, r->kernels, r->blas, r->screen);
}

/* False when the case that they are set for was not measured. */
static bool find_targets(const results *r, cli_bench_target targets[CLI_BENCH_TARGETS])
{
    const sae_bench_step *narrow = NULL, *wide = NULL;
    for (size_t i = r->n_cases; i-- > 0;) {
        const bench_case *c = &r->cases[i];
        if (c->d != 768 || c->arch != SAE_ARCH_BATCHTOPK || c->model) continue;
        if (c->n == 12288) narrow = &c->result[0];
        if (c->n == 98304) wide = &c->result[0];
    }
    if (narrow) cli_bench_targets(narrow, wide, &r->small, r->screen, targets);
    return narrow != NULL;
}

static void print_json(const results *r, FILE *out)
{
    cli_json json;
    cli_bench_target targets[CLI_BENCH_TARGETS];
    cli_json_start(&json, out);
    machine_json(&json, r);
    cli_json_array(&json, "steps");
    for (size_t i = 0; i < r->n_cases; i++) {
        const bench_case *c = &r->cases[i];
        for (size_t k = 0; k < c->n_dead; k++) {
            const sae_bench_step *b = &c->result[k];
            cli_json_object(&json, NULL);
            cli_json_int(&json, "d", c->d);
            cli_json_int(&json, "n", c->n);
            cli_json_int(&json, "B", r->s->batch);
            cli_json_int(&json, "k", r->s->k);
            cli_json_text(&json, "arch", sae_arch_name(c->arch));
            cli_json_bool(&json, "dense", c->dense);
            cli_json_text(&json, "screen", r->screen);
            cli_json_text(&json, "data", data_name(r, c));
            cli_json_real(&json, "dead", c->dead[k]);
            cli_json_object(&json, "seconds");
            cli_json_real(&json, "encode", b->encode);
            cli_json_real(&json, "select", b->select);
            cli_json_real(&json, "decode", b->decode);
            cli_json_real(&json, "aux", b->aux);
            cli_json_real(&json, "update", b->update);
            cli_json_real(&json, "total", b->total);
            cli_json_end(&json);
            cli_json_real(&json, "sgemm", b->sgemm);
            cli_json_real(&json, "ratio", b->ratio);
            cli_json_real(&json, "survivors", b->survivors);
            cli_json_real(&json, "update_bytes", b->update_bytes);
            cli_json_real(&json, "update_share", b->update_share);
            cli_json_real(&json, "memory_limit", b->memory_limit);
            cli_json_real(&json, "tokens_per_s", b->tokens_per_s);
            if (b->peak_bytes >= 0)
                cli_json_int(&json, "peak_bytes", b->peak_bytes);
            else
                cli_json_null(&json, "peak_bytes");
            cli_json_end(&json);
        }
    }
    cli_json_end(&json);
    if (find_targets(r, targets)) cli_bench_targets_json(&json, targets);
    cli_bench_small_json(&json, &r->small);
    cli_bench_lm_json(&json, &r->lm);
    cli_json_finish(&json);
}

static void print_steps(const results *r, FILE *out)
{
    static const char *const names[] = {"training step", "latents",   "data",     "dead",     "encode", "select",
                                        "decode",        "AuxK",      "update",   "of triad", "total",  "SGEMM",
                                        "ratio",         "survivors", "tokens/s", "memory MB"};
    cli_table table;
    cli_table_start(&table, names, CLI_COUNT(names));
    for (size_t i = 0; i < r->n_cases; i++) {
        const bench_case *c = &r->cases[i];
        for (size_t k = 0; k < c->n_dead; k++) {
            const sae_bench_step *b = &c->result[k];
            char name[64];
            snprintf(name, sizeof name, "%s%s d=%lld", sae_arch_name(c->arch), c->dense ? ", dense," : "",
                     (long long)c->d);
            cli_table_text(&table, name);
            cli_table_count(&table, c->n);
            cli_table_text(&table, data_name(r, c));
            cli_table_percent(&table, c->dead[k]);
            cli_table_number(&table, b->encode, 3);
            cli_table_number(&table, b->select, 2);
            cli_table_number(&table, b->decode, 2);
            cli_table_number(&table, b->aux, 2);
            cli_table_number(&table, b->update, 2);
            cli_table_percent(&table, b->update_share);
            cli_table_number(&table, b->total, 3);
            cli_table_number(&table, b->sgemm, 3);
            cli_table_number(&table, b->ratio, 3);
            cli_table_number(&table, b->survivors, 3);
            cli_table_count(&table, (int64_t)b->tokens_per_s);
            cli_table_number(&table, b->peak_bytes < 0 ? NAN : (double)b->peak_bytes / 1e6, 4);
        }
    }
    cli_table_print(&table, out);
    fprintf(out,
            "\n  One step on %lld tokens, k = %lld; medians of %lld, in seconds.\n"
            "  SGEMM      the encoder's dense product alone, by the BLAS library on all threads\n"
            "  of triad   bytes that the update moves in a second, beside STREAM's triad\n"
            "  ratio      whole step / SGEMM, taken side by side\n"
            "  survivors  entries that the screen let through, per entry kept\n"
            "  memory     anonymous memory of the trainer, parameters and moments included\n",
            (long long)r->s->batch, (long long)r->s->k, (long long)r->s->repeats);
}

static void print_tables(const results *r, FILE *out)
{
    print_machine(r, out);
    cli_bench_target targets[CLI_BENCH_TARGETS];
    if (r->n_cases > 0) print_steps(r, out);
    cli_bench_small_print(out, &r->small);
    if (find_targets(r, targets)) cli_bench_targets_print(out, targets);
    cli_bench_lm_print(out, &r->lm);
}

/* ---- the whole way ------------------------------------------------------------------------------------ */

static sae_status run_way(const settings *s, const results *r, const cli_lm *lm, cli_app *app, sae_error *err)
{
    cli_bench_way way = {
        .config = {.width = s->width ? s->width : 512, .k = s->k, .batch = s->batch, .folder = s->folder}};
    sae_status status = cli_bench_way_run(&way, lm, &s->text, app, err);
    if (status != SAE_OK) return status;
    if (app->common.json) {
        cli_json json;
        cli_json_start(&json, app->out);
        machine_json(&json, r);
        cli_bench_way_json(&json, &way);
        cli_json_finish(&json);
    } else {
        print_machine(r, app->out);
        cli_bench_way_print(app->out, &way);
    }
    return SAE_OK;
}

static sae_status run_steps(const settings *s, results *r, const cli_lm *lm, cli_app *app, sae_error *err)
{
    sae_status status = SAE_OK;
    r->n_cases = choose_cases(s, r->cases);
    for (size_t i = 0; i < r->n_cases; i++) {
        cli_say(app, "case %zu of %zu: %s, d = %lld, %lld latents, %s", i + 1, r->n_cases,
                sae_arch_name(r->cases[i].arch), (long long)r->cases[i].d, (long long)r->cases[i].n,
                data_name(r, &r->cases[i]));
        CLI_TRY(run_case(s, &r->cases[i], lm, app, err));
        tell_case(app, &r->cases[i]);
    }
    if (s->width == 0 && !s->only_lm) CLI_TRY(cli_bench_small_run(&r->small, s->k, s->repeats, app, err));
    if (s->width == 0) CLI_TRY(cli_bench_lm_run(&r->lm, lm, s->repeats, app, err));
    if (app->common.json)
        print_json(r, app->out);
    else
        print_tables(r, app->out);
done:
    return status;
}

static sae_status run(cli_app *app, const void *settings_, const char *const *words, sae_error *err)
{
    (void)words;
    const settings *s = settings_;
    sae_status status = SAE_OK;
    cli_lm lm = {0};
    results r = {.s = s, .threads = sae_env_threads(&app->env)};
    sae_bench_machine(r.cpu, sizeof r.cpu, &r.kernels, &r.blas);
    CLI_TRY(sae_env_screen(&app->env, r.screen, sizeof r.screen, err));
    if (s->model || s->end_to_end) {
        CLI_TRY(cli_lm_check(s->model, &s->text, err));
        CLI_TRY(cli_lm_open(&lm, s->model, &s->text, app, err));
        snprintf(r.model_data, sizeof r.model_data, "%s", sae_lm_get_info(lm.lm).name);
    }
    status = s->end_to_end ? run_way(s, &r, &lm, app, err) : run_steps(s, &r, &lm, app, err);
done:
    cli_lm_close(&lm);
    return status;
}

static const char *const usage[] = {
    "[--model DIR --text FILE...] [--quick]",
    "--width N [--d N] [--k K] [--batch N]",
    "--end-to-end --model DIR --text FILE... [--width N] [--k K] [--batch N]",
    NULL,
};
static const cli_group groups[] = {
    {"What is measured", options, 0},
    {"Real activations as a second data set", cli_model_options, offsetof(settings, model)},
    {"Text for the model", cli_text_only_options, offsetof(settings, text)},
};
static const cli_note examples[] = {
    {"--quick", "One case and the language model, about a minute:"},
    {"--model gpt2 --text corpus.txt --json > bench.json", "Everything, with real activations too:"},
    {"--d 2304 --width 16384 --k 64", "Your own sizes:"},
    {"--end-to-end --model gpt2 --text corpus.txt --max-tokens 1M --k 8", "From text to an SAE, and what limits it:"},
};
static const cli_note json_keys[] = {
    {"cpu, kernels, blas, screen, threads", "the machine, the instruction set and BLAS library in use"},
    {"steps",
     "array: d, n, B, k, arch, dense (most latents active), screen, data, dead (share), seconds {encode, "
     "select, decode, aux, update, "
     "total}, sgemm (seconds), ratio (total/sgemm), survivors, update_bytes, update_share (of STREAM's triad), "
     "memory_limit (bytes), tokens_per_s, peak_bytes"},
    {"small", "d = 256, 512 latents; null with --width: d, n, k, steps (array of {B, seconds}), intercept (of seconds "
              "over B), adam "
              "(seconds of Adam alone), fixed_cost (intercept less adam)"},
    {"lm",
     "array, fp32 and where it can be bf16: params, precision, unit (what makes the products), tokens_per_s, gflops, "
     "sgemm_gflops, ratio, times_fp32, amx_4_times (met, missed, or skipped: no AMX)"},
    {"bf16_effect",
     "of the model given, or null: model, tokens, activation_error (largest relative error of a layer's residual "
     "stream), layer, loss_fp32, loss_bf16, loss_difference"},
    {"end_to_end",
     "with --end-to-end, in place of steps and lm: hook_name, precision, n, k, B, tokens, trained (tokens of the "
     "training steps), "
     "text_bytes, tokenizer_bytes_per_core_s, cold (the shards were not in memory), stages (array of {stage, "
     "seconds, tokens_per_s}: tokenise, model, write, read, train), files {seconds, tokens_per_s}, streamed "
     "{seconds, model_seconds, tokens_per_s}, reading_alone {seconds, tokens_per_s}, limit (the slowest stage)"},
};

const cli_command cli_bench = {
    .name = "bench",
    .summary = "measure training and the language model on this machine",
    .usage = usage,
    .description =
        "Times training steps beside the plain dense product of their encoder, after some training on made data with a "
        "power-law spectrum and outlier dimensions, and on a model's activations when one is given (of several "
        "layers side by side where the case is wider than the model). Latents are held dead to time AuxK. Then the "
        "forward pass of a random GPT-2 of 124 M parameters, beside products of its shapes, in fp32 and bf16, and what "
        "bf16 "
        "changes in the model that was given.\n\n"
        "With --end-to-end: tokenising, the language model up to its middle layer, writing activations, reading them "
        "shuffled from a cold cache, and training one SAE on them for one pass; then the same without files, from the "
        "running model.",
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
