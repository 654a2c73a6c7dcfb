/* GNU long options read through option tables, and positional arguments. */
#ifndef CLI_ARGS_H
#define CLI_ARGS_H

#include "cli/cli.h"

/* What is left besides the options. */
typedef struct cli_args {
    const char **words; /* positional arguments, NULL-terminated */
    int n_words;
    bool help;           /* --help was given; nothing after it was looked at */
    const char ***lists; /* word lists of FILES options */
    size_t n_lists;
} cli_args;

/* Reads argv[0 … argc): `--name value`, `--name=value`, flags, several words after a FILES option until the next
 * option; `--` ends options. `who` is the command for messages. SAE_E_ARG for anything unknown, with a
 * suggestion where a name is close. Free with cli_args_free; lists and words live until then. */
sae_status cli_args_parse(cli_args *out, const char *who, const sae_option_group *groups, size_t n_groups, int argc,
                          char **argv, sae_error *err);
void cli_args_free(cli_args *args);

/* Whether `candidate` could be what someone meant who typed `word`; smaller is closer, −1 means no. */
int cli_likeness(const char *word, const char *candidate);

#endif
