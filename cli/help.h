/* Help in every form, made from the tables of the commands. */
#ifndef CLI_HELP_H
#define CLI_HELP_H

#include "cli/cli.h"

/* sae --help and sae COMMAND --help. */
void cli_help_general(FILE *out);
void cli_help_command(FILE *out, const cli_command *command);
/* The manual page sae(1), in man macros. */
void cli_help_man(FILE *out);
/* Completion script for bash, zsh or fish; SAE_E_ARG for another shell. */
sae_status cli_help_completion(FILE *out, const char *shell, sae_error *err);

/* Columns of help text. */
#define CLI_HELP_WIDTH 80

/* Prints words of `text` from column `at` (where the cursor is) on, in lines of CLI_HELP_WIDTH columns that start at
 * `indent`. An empty line in the text starts a paragraph. Ends the line. */
void cli_wrap(FILE *out, const char *text, int at, int indent);

/* What stands after an option's name: "N", "topk|batchtopk", or "" for flags. */
const char *cli_option_value(const sae_option *option);

#endif
