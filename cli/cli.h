/* The frame of the command line: what a command is, and what it is given to work with. */
#ifndef CLI_CLI_H
#define CLI_CLI_H

#include <sae/env.h>
#include <sae/options.h>
#include <stdio.h>

#include "cli/progress.h"

#define CLI_COUNT(array) (sizeof(array) / sizeof *(array))

/* Bounds for options that have none (option tables ignore bounds with max < min). */
#define CLI_NO_BOUNDS .min = 1, .max = 0

/* Settings that every command has. */
typedef struct cli_common {
    int64_t threads;
    bool json, quiet, keep_first;
    int screen;                 /* sae_screen_kind */
    const char *exclude_tokens; /* ids separated by commas, or NULL */
    int precision;              /* index into the words of --precision: a sae_precision */
} cli_common;

/* What a command works with. Results are written to `out`, which reaches stdout only when the command succeeds. */
typedef struct cli_app {
    cli_common common;
    cli_progress progress;
    sae_env env;
    FILE *out;
} cli_app;

/* Options that describe one struct inside a command's settings. */
typedef struct cli_group {
    const char *title; /* heading in help */
    const sae_option *(*table)(size_t *count);
    size_t base; /* offset of the struct within the settings */
} cli_group;

/* A named thing and what it is: positional arguments, JSON keys, examples. */
typedef struct cli_note {
    const char *name, *help;
} cli_note;

typedef struct cli_command {
    const char *name;         /* one word or two, "dash export" */
    const char *summary;      /* one line, for the list of commands */
    const char *const *usage; /* forms of the command line after the name; NULL-terminated */
    const char *description;  /* paragraphs separated by empty lines */
    const cli_note *arguments;
    size_t n_arguments;
    int min_words, max_words; /* how many positional arguments; max −1: any number */
    const cli_group *groups;
    size_t n_groups;
    size_t settings_size;
    void (*defaults)(void *settings); /* NULL: all zero */
    /* NULL for commands without recipes. The file whose options come before those of the command line, or NULL: */
    const char *(*recipe)(const void *settings);
    /* Takes out of settings what a recipe says where `given`, of the command line alone, says it in another way: */
    void (*prefer)(void *settings, const void *given);
    const cli_note *examples;
    size_t n_examples;
    const cli_note *json;
    size_t n_json;
    sae_status (*run)(cli_app *app, const void *settings, const char *const *words, sae_error *err);
} cli_command;

/* All commands, in the order of the help text. */
const cli_command *const *cli_commands(size_t *count);
/* The command that the first words name (words: how many they are; "dash export" may also be one word with a hyphen);
 * SAE_E_ARG with a suggestion when they name none. */
sae_status cli_find_command(const cli_command **out, int *words, int argc, char **argv, sae_error *err);
/* The second word of a command whose first is `first`, or NULL. */
const char *cli_second_word(const cli_command *command, const char *first);
/* The options of every command (cli_common). */
const sae_option *cli_common_options(size_t *count);

/* Out of memory. */
sae_status cli_fail_memory(sae_error *err);

/* One control-flow macro, as in the library: needs a local `sae_status status` and a label `done`. */
#define CLI_TRY(call)                                                                                                  \
    do {                                                                                                               \
        status = (call);                                                                                               \
        if (status != SAE_OK) goto done;                                                                               \
    } while (0)

/* Messages on stderr; nothing for information with --quiet. */
void cli_say(cli_app *app, const char *format, ...) __attribute__((format(printf, 2, 3)));
void cli_warn(cli_app *app, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Lists the values that the options of a command's first n_groups groups have, on stderr (nothing with --quiet). */
void cli_show_settings(cli_app *app, const cli_command *command, size_t n_groups, const void *settings);

/* Progress of a loop that the command runs itself; SAE_E_INTERRUPTED, with `consequence` in the message, when it is to
 * stop. */
sae_status cli_step(cli_app *app, const char *what, const char *unit, int64_t done, int64_t total,
                    const char *consequence, sae_error *err);

/* Seconds of a clock that never goes back. */
double cli_now(void);

#endif
