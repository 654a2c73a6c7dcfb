#include "cli/help.h"

#include "cli/table.h"

#include <string.h>

#define OPTION_INDENT 26

void cli_wrap(FILE *out, const char *text, int at, int indent)
{
    bool line_empty = true;
    fprintf(out, "%*s", at < indent ? indent - at : 0, "");
    int column = at < indent ? indent : at;
    while (*text) {
        if (text[0] == '\n' && text[1] == '\n') {
            fprintf(out, "\n\n%*s", indent, "");
            column = indent;
            line_empty = true;
            text += 2;
            continue;
        }
        if (*text == ' ' || *text == '\n') {
            text++;
            continue;
        }
        int length = (int)strcspn(text, " \n");
        char word[128];
        snprintf(word, sizeof word, "%.*s", length, text);
        int columns = cli_columns(word);
        if (!line_empty && column + 1 + columns > CLI_HELP_WIDTH) {
            fprintf(out, "\n%*s", indent, "");
            column = indent;
            line_empty = true;
        }
        fprintf(out, "%s%s", line_empty ? "" : " ", word);
        column += columns + !line_empty;
        line_empty = false;
        text += length;
    }
    fputc('\n', out);
}

const char *cli_option_value(const sae_option *option)
{
    if (option->type == SAE_OPT_BOOL) return "";
    if (option->type == SAE_OPT_CHOICE) return option->choices;
    if (option->metavar) return option->metavar;
    return option->type == SAE_OPT_ON_OFF ? "on|off" : "VALUE";
}

static void print_option(FILE *out, const sae_option *option)
{
    const char *value = cli_option_value(option);
    fprintf(out, "  --%s%s%s", option->name, *value ? " " : "", value);
    int at = 4 + cli_columns(option->name) + (*value != 0) + cli_columns(value);
    if (at >= OPTION_INDENT - 1) {
        fputc('\n', out);
        at = 0;
    }
    char text[512];
    snprintf(text, sizeof text, option->default_text ? "%s (default %s)" : "%s", option->help, option->default_text);
    cli_wrap(out, text, at, OPTION_INDENT);
}

static void print_group(FILE *out, const char *title, const sae_option *options, size_t count)
{
    fprintf(out, "\n%s\n", title);
    for (size_t i = 0; i < count; i++) print_option(out, &options[i]);
}

static void print_notes(FILE *out, const char *title, const cli_note *notes, size_t count)
{
    if (!count) return;
    fprintf(out, "\n%s\n", title);
    for (size_t i = 0; i < count; i++) {
        fprintf(out, "  %s", notes[i].name);
        int at = 2 + cli_columns(notes[i].name);
        if (at >= OPTION_INDENT - 1) {
            fputc('\n', out);
            at = 0;
        }
        cli_wrap(out, notes[i].help, at, OPTION_INDENT);
    }
}

void cli_help_command(FILE *out, const cli_command *command)
{
    size_t count;
    const sae_option *options;
    for (size_t i = 0; command->usage[i]; i++) {
        int at = fprintf(out, "%s sae %s ", i ? "      " : "Usage:", command->name);
        cli_wrap(out, command->usage[i], at, at);
    }
    fputc('\n', out);
    cli_wrap(out, command->description, 0, 0);
    print_notes(out, "Arguments", command->arguments, command->n_arguments);
    for (size_t g = 0; g < command->n_groups; g++) {
        options = command->groups[g].table(&count);
        print_group(out, command->groups[g].title, options, count);
    }
    options = cli_common_options(&count);
    print_group(out, "Everywhere", options, count);
    if (command->n_examples) fputs("\nExamples\n", out);
    for (size_t i = 0; i < command->n_examples; i++)
        fprintf(out, "  %s\n      sae %s %s\n", command->examples[i].help, command->name, command->examples[i].name);
    print_notes(out, "JSON (--json)", command->json, command->n_json);
}

void cli_help_general(FILE *out)
{
    size_t count;
    const cli_command *const *commands = cli_commands(&count);
    fputs("Usage: sae COMMAND [ARGUMENTS] [--OPTION VALUE]...\n\n", out);
    cli_wrap(out,
             "Train, evaluate and compare sparse autoencoders of language-model activations. Results go to "
             "stdout, progress and messages to stderr. Exit status: 0 done, 1 failed, 2 wrong usage.",
             0, 0);
    fputs("\nCommands\n", out);
    for (size_t i = 0; i < count; i++) {
        int at = fprintf(out, "  %s", commands[i]->name);
        cli_wrap(out, commands[i]->summary, at, 15);
    }
    const sae_option *options = cli_common_options(&count);
    print_group(out, "Options of every command", options, count);
    fputs("\n`sae COMMAND --help` lists all that a command takes and prints; so does `man sae`.\n", out);
}
