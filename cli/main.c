/* sae: picks the command, reads its options, runs it, and delivers the result or the one line that says what went
 * wrong. */
#include "cli/args.h"
#include "cli/cli.h"
#include "cli/help.h"
#include "cli/signals.h"

#include <sae/train.h>

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { EXIT_DONE = 0, EXIT_FAILED = 1, EXIT_USAGE = 2 };

#define MAX_GROUPS 16

const sae_option *cli_common_options(size_t *count)
{
    static const sae_option table[] = {
        {.name = "threads",
         .type = SAE_OPT_INT,
         .offset = offsetof(cli_common, threads),
         .metavar = "N",
         .default_text = "all cores",
         .min = 0,
         .max = 4096,
         .help = "threads to use; results never depend on it"},
        {.name = "screen",
         .type = SAE_OPT_CHOICE,
         .offset = offsetof(cli_common, screen),
         .metavar = "HOW",
         .default_text = "auto",
         .choices = "auto|fp32|bf16|int8",
         .help = "precision in which latents are screened before those that matter are computed exactly; results never "
                 "depend on it"},
        {.name = "json", .type = SAE_OPT_BOOL, .offset = offsetof(cli_common, json), .help = "print one JSON object"},
        {.name = "quiet",
         .type = SAE_OPT_BOOL,
         .offset = offsetof(cli_common, quiet),
         .help = "no progress and no messages but warnings and errors"},
        {.name = "keep-first",
         .type = SAE_OPT_BOOL,
         .offset = offsetof(cli_common, keep_first),
         .help = "use the first position of each context too, which is left out as an outlier otherwise"},
        {.name = "exclude-tokens",
         .type = SAE_OPT_LIST,
         .offset = offsetof(cli_common, exclude_tokens),
         .metavar = "ID,...",
         .help = "leave out the rows of these token ids"},
        {.name = "precision",
         .type = SAE_OPT_CHOICE,
         .offset = offsetof(cli_common, precision),
         .default_text = "fp32",
         .choices = "fp32|bf16",
         .help = "products of the language model, where a command runs one: bf16 with sums in fp32 where the processor "
                 "has AMX or AVX-512 BF16"},
    };
    *count = CLI_COUNT(table);
    return table;
}

sae_status cli_fail_memory(sae_error *err)
{
    return sae_fail(err, SAE_E_MEMORY, "out of memory");
}

static void message(cli_app *app, const char *prefix, const char *format, va_list args)
{
    cli_progress_clear(&app->progress);
    fputs(prefix, stderr);
    vfprintf(stderr, format, args);
    fputc('\n', stderr);
}

void cli_say(cli_app *app, const char *format, ...)
{
    if (app->common.quiet) return;
    va_list args;
    va_start(args, format);
    message(app, "", format, args);
    va_end(args);
}

void cli_warn(cli_app *app, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    message(app, "sae: warning: ", format, args);
    va_end(args);
}

static void on_log(void *ud, sae_log_level level, const char *text)
{
    if (level == SAE_LOG_WARN)
        cli_warn(ud, "%s", text);
    else
        cli_say(ud, "%s", text);
}

static void on_progress(void *ud, const sae_progress *report)
{
    cli_app *app = ud;
    cli_progress_update(&app->progress, report);
}

sae_status cli_step(cli_app *app, const char *what, const char *unit, int64_t done, int64_t total,
                    const char *consequence, sae_error *err)
{
    sae_progress report = {.what = what, .unit = unit, .done = (double)done, .total = (double)total, .detail = ""};
    cli_progress_update(&app->progress, &report);
    if (!*app->env.stop) return SAE_OK;
    return sae_fail(err, SAE_E_INTERRUPTED, "stopped after %lld of %lld %s; %s", (long long)done, (long long)total,
                    unit, consequence);
}

void cli_show_settings(cli_app *app, const cli_command *command, size_t n_groups, const void *settings)
{
    char *untouched = app->common.quiet ? NULL : calloc(1, command->settings_size), *line = NULL;
    size_t size = 0;
    FILE *memory = untouched ? open_memstream(&line, &size) : NULL;
    if (memory && command->defaults) command->defaults(untouched);
    for (size_t g = 0; memory && g < n_groups; g++) {
        size_t count, base = command->groups[g].base;
        const sae_option *options = command->groups[g].table(&count);
        for (size_t i = 0; i < count; i++) {
            char text[160], usual[160];
            sae_option_get(&options[i], (const char *)settings + base, text, sizeof text);
            sae_option_get(&options[i], untouched + base, usual, sizeof usual);
            bool is_default = strcmp(text, usual) == 0;
            const char *shown = is_default && options[i].default_text ? options[i].default_text : text;
            if (!*shown || (is_default && options[i].type == SAE_OPT_BOOL)) continue;
            fprintf(memory, "%s%s %s", ftell(memory) ? "; " : "", options[i].name, shown);
        }
    }
    if (memory && fclose(memory) == 0) {
        fputs("Settings: ", stderr);
        cli_wrap(stderr, line, 10, 10);
    }
    free(line);
    free(untouched);
}

/* Reads the command line onto the defaults; when it names a recipe, once more onto that recipe's options. */
static sae_status read_options(const cli_command *command, void *settings, const sae_option_group *groups, size_t n,
                               int argc, char **argv, cli_args *args, sae_recipe **recipe, sae_error *err)
{
    if (command->defaults) command->defaults(settings);
    sae_status status = cli_args_parse(args, command->name, groups, n, argc, argv, err);
    const char *path = status == SAE_OK && command->recipe && !args->help ? command->recipe(settings) : NULL;
    if (!path) return status;
    void *given = malloc(command->settings_size);
    if (!given) return cli_fail_memory(err);
    memcpy(given, settings, command->settings_size);
    cli_args_free(args);
    memset(settings, 0, command->settings_size);
    if (command->defaults) command->defaults(settings);
    CLI_TRY(sae_recipe_load(recipe, path, groups, n, err));
    CLI_TRY(cli_args_parse(args, command->name, groups, n, argc, argv, err));
    command->prefer(settings, given);
done:
    free(given);
    return status;
}

/* settings is zeroed memory of the command's size. */
static sae_status run(const cli_command *command, void *settings, cli_app *app, int argc, char **argv, sae_error *err)
{
    sae_option_group groups[MAX_GROUPS];
    char screen[160];
    size_t n = 0;
    for (size_t g = 0; g < command->n_groups && n + 1 < MAX_GROUPS; g++, n++) {
        groups[n] = (sae_option_group){.config = (char *)settings + command->groups[g].base};
        groups[n].options = command->groups[g].table(&groups[n].count);
    }
    groups[n] = (sae_option_group){.config = &app->common};
    groups[n].options = cli_common_options(&groups[n].count);
    n++;

    cli_args args = {0};
    sae_recipe *recipe = NULL;
    sae_status status = read_options(command, settings, groups, n, argc, argv, &args, &recipe, err);
    if (status != SAE_OK) goto done;
    if (args.help) {
        cli_help_command(app->out, command);
        goto done;
    }
    if (args.n_words < command->min_words) {
        status = sae_fail(err, SAE_E_ARG, "%s is missing; usage: sae %s %s", command->arguments[args.n_words].name,
                          command->name, command->usage[0]);
        goto done;
    }
    if (command->max_words >= 0 && args.n_words > command->max_words) {
        status = sae_fail(err, SAE_E_ARG, "\"%s\" is one argument too many; usage: sae %s %s",
                          args.words[command->max_words], command->name, command->usage[0]);
        goto done;
    }
    cli_progress_init(&app->progress, app->common.quiet);
    app->env = (sae_env){.threads = (int)app->common.threads,
                         .log = on_log,
                         .progress = on_progress,
                         .ud = app,
                         .stop = cli_catch_signals(),
                         .screen = (sae_screen_kind)app->common.screen};
    if (app->env.screen != SAE_SCREEN_AUTO) status = sae_env_screen(&app->env, screen, sizeof screen, err);
    if (status == SAE_OK) status = command->run(app, settings, args.words, err);
    cli_progress_clear(&app->progress);
done:
    sae_recipe_free(recipe);
    cli_args_free(&args);
    return status;
}

static sae_status run_help(cli_app *app, int argc, char **argv, sae_error *err)
{
    if (argc == 0) {
        cli_help_general(app->out);
        return SAE_OK;
    }
    if (strcmp(argv[0], "--man") == 0) {
        cli_help_man(app->out);
        return SAE_OK;
    }
    if (strcmp(argv[0], "--completion") == 0) return cli_help_completion(app->out, argc > 1 ? argv[1] : "", err);
    int words;
    const cli_command *command;
    sae_status status = cli_find_command(&command, &words, argc, argv, err);
    if (status == SAE_OK) cli_help_command(app->out, command);
    return status;
}

static sae_status dispatch(cli_app *app, int argc, char **argv, sae_error *err)
{
    if (argc < 2) return sae_fail(err, SAE_E_ARG, "no command; sae --help lists them");
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0) return run_help(app, 0, NULL, err);
    if (strcmp(argv[1], "help") == 0) return run_help(app, argc - 2, argv + 2, err);
    if (strcmp(argv[1], "--version") == 0) {
        fprintf(app->out, "sae %s\n", sae_version());
        return SAE_OK;
    }
    int words;
    const cli_command *command;
    sae_status status = cli_find_command(&command, &words, argc - 1, argv + 1, err);
    if (status != SAE_OK) return status;
    void *settings = calloc(1, command->settings_size);
    if (!settings) return cli_fail_memory(err);
    status = run(command, settings, app, argc - 1 - words, argv + 1 + words, err);
    free(settings);
    return status;
}

/* Output must not land in a data file that was opened as descriptor 1 or 2 because the caller had closed them. A
 * descriptor that cannot be written to keeps the place, so that the loss of the result is noticed. */
static void reserve_descriptors(void)
{
    for (int fd = 0; fd <= 2; fd++)
        if (fcntl(fd, F_GETFD) < 0 && errno == EBADF) (void)!open("/dev/null", O_RDONLY);
}

/* OpenMP's threads wait for one another by spinning for milliseconds, which on a machine that is shared (or a virtual
 * one whose cores are) makes a step several times slower: they spin while the one they wait for has no core. 500 turns,
 * some 25 µs, cost a tenth of a small step on an idle machine and save more than half beside another job
 * (docs/speed.md). OpenMP reads its settings before main, so the program starts itself once more; settings of the
 * user's own are left alone. */
static void spin_less(char **argv)
{
    char program[4096];
    ssize_t length = readlink("/proc/self/exe", program, sizeof program - 1);
    if (getenv("OMP_WAIT_POLICY") || getenv("GOMP_SPINCOUNT") || getenv("KMP_BLOCKTIME") || length <= 0) return;
    program[length] = 0;
    const char *slash = strrchr(program, '/');
    if (slash && strncmp(slash + 1, "ld-", 3) == 0) return; /* started by naming the loader: that is no program */
    if (setenv("OMP_WAIT_POLICY", "passive", 1) != 0 || setenv("GOMP_SPINCOUNT", "500", 1) != 0) return;
    (void)setenv("OPENBLAS_NUM_THREADS", "1", 0); /* more are made where a product of its own is timed */
    execv("/proc/self/exe", argv);                /* where this fails nothing is lost but time */
}

static sae_status deliver(const char *text, size_t size, sae_error *err)
{
    bool written = fwrite(text, 1, size, stdout) == size && fflush(stdout) == 0;
    int code = errno;
    if (fclose(stdout) != 0 && written) {
        written = false;
        code = errno;
    }
    if (!written) return sae_fail(err, SAE_E_IO, "cannot write the result to stdout: %s", strerror(code));
    return SAE_OK;
}

int main(int argc, char **argv)
{
    sae_error err = {0};
    char *text = NULL;
    size_t size = 0;
    spin_less(argv);
    reserve_descriptors();
    cli_app app = {.out = open_memstream(&text, &size)};
    sae_status status = app.out ? dispatch(&app, argc, argv, &err) : cli_fail_memory(&err);
    if (app.out && fclose(app.out) != 0 && status == SAE_OK) status = cli_fail_memory(&err);
    if (status == SAE_OK) status = deliver(text, size, &err);
    free(text);
    if (status == SAE_OK) return EXIT_DONE;
    for (char *p = err.message; *p; p++)
        if (*p == '\n' || *p == '\r') *p = ' ';
    fprintf(stderr, "sae: %s\n", *err.message ? err.message : sae_status_name(status));
    return status == SAE_E_ARG ? EXIT_USAGE : EXIT_FAILED;
}
