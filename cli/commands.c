/* All commands, and which of them the first words of a command line name. */
#include "cli/commands.h"
#include "cli/args.h"
#include "cli/file.h"

#include <string.h>

static const cli_command *const all_commands[] = {
    &cli_harvest, &cli_train, &cli_eval,        &cli_encode,      &cli_decode, &cli_compare, &cli_stitch,  &cli_meta,
    &cli_latents, &cli_dash,  &cli_dash_export, &cli_dash_import, &cli_serve,  &cli_convert, &cli_inspect, &cli_bench,
};

enum { LONGEST_NAME = 40 };

const cli_command *const *cli_commands(size_t *count)
{
    *count = CLI_COUNT(all_commands);
    return all_commands;
}

const char *cli_second_word(const cli_command *command, const char *first)
{
    size_t length = strlen(first);
    return strncmp(command->name, first, length) == 0 && command->name[length] == ' ' ? command->name + length + 1
                                                                                      : NULL;
}

static const cli_command *find(const char *name)
{
    for (size_t i = 0; i < CLI_COUNT(all_commands); i++)
        if (strcmp(all_commands[i]->name, name) == 0) return all_commands[i];
    return NULL;
}

static sae_status unknown(const char *word, const char *name, sae_error *err)
{
    const char *closest = NULL;
    int best = 0;
    if (word[0] == '-')
        return sae_fail(err, SAE_E_ARG, "%s stands before the command; usage: sae COMMAND [--OPTION VALUE]...", word);
    for (size_t i = 0; i < CLI_COUNT(all_commands); i++) {
        int likeness = cli_likeness(name, all_commands[i]->name);
        if (likeness >= 0 && (!closest || likeness < best)) {
            closest = all_commands[i]->name;
            best = likeness;
        }
    }
    if (closest) return sae_fail(err, SAE_E_ARG, "there is no command \"%s\"; did you mean \"%s\"?", word, closest);
    return sae_fail(err, SAE_E_ARG, "there is no command \"%s\"; see sae --help", word);
}

/* "dash exprot": a second word that is no file and close to one that would make another command. */
static sae_status check_second(const char *first, const char *second, sae_error *err)
{
    for (size_t i = 0; i < CLI_COUNT(all_commands); i++) {
        const char *wanted = cli_second_word(all_commands[i], first);
        if (wanted && cli_likeness(second, wanted) >= 0 && !cli_exists(second))
            return sae_fail(err, SAE_E_ARG, "there is no command \"%s %s\"; did you mean \"%s\"?", first, second,
                            all_commands[i]->name);
    }
    return SAE_OK;
}

sae_status cli_find_command(const cli_command **out, int *words, int argc, char **argv, sae_error *err)
{
    char name[2 * LONGEST_NAME];
    *words = 2;
    if (argc > 1) {
        snprintf(name, sizeof name, "%.*s %.*s", LONGEST_NAME, argv[0], LONGEST_NAME - 2, argv[1]);
        if ((*out = find(name))) return SAE_OK;
    }
    *words = 1;
    snprintf(name, sizeof name, "%s", argv[0]);
    char *hyphen = strchr(name + (*name != 0), '-');
    if (hyphen) *hyphen = ' '; /* in one word */
    if (!(*out = find(name))) return unknown(argv[0], name, err);
    return argc > 1 ? check_second(argv[0], argv[1], err) : SAE_OK;
}
