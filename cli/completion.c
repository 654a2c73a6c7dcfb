/* Completion scripts for bash, zsh and fish. Files are completed after options that take paths and for
 * positional arguments; choices after options that have them. */
#include "cli/help.h"

#include <string.h>

typedef void (*visit_fn)(FILE *out, const cli_command *command, const sae_option *option);

/* Calls visit for every option of a command, its own and the common ones. */
static void each_option(FILE *out, const cli_command *command, visit_fn visit)
{
    size_t count;
    const sae_option *options;
    for (size_t g = 0; g < command->n_groups; g++) {
        options = command->groups[g].table(&count);
        for (size_t i = 0; i < count; i++) visit(out, command, &options[i]);
    }
    options = cli_common_options(&count);
    for (size_t i = 0; i < count; i++) visit(out, command, &options[i]);
}

/* "a|b|c" or "on|off", or NULL when the value is not one of a few words. */
static const char *choices(const sae_option *option)
{
    if (option->type == SAE_OPT_CHOICE) return option->choices;
    return option->type == SAE_OPT_ON_OFF ? "on|off" : NULL;
}

/* A command's name in a pattern of a shell's case. */
static void put_pattern(FILE *out, const cli_command *command)
{
    for (const char *p = command->name; *p; p++) fprintf(out, *p == ' ' ? "\\%c" : "%c", *p);
}

/* Calls visit for every command of two words, with the second. */
static void each_second(FILE *out, const cli_command *first, void (*visit)(FILE *, const char *))
{
    size_t count;
    const cli_command *const *commands = cli_commands(&count);
    for (size_t i = 0; i < count; i++) {
        const char *second = cli_second_word(commands[i], first->name);
        if (second) visit(out, second);
    }
}

static bool has_second(const cli_command *first)
{
    size_t count;
    const cli_command *const *commands = cli_commands(&count);
    for (size_t i = 0; i < count; i++)
        if (cli_second_word(commands[i], first->name)) return true;
    return false;
}

static void put_word(FILE *out, const char *word)
{
    fprintf(out, " %s", word);
}

static void put_spaced(FILE *out, const char *words)
{
    for (; *words; words++) fputc(*words == '|' ? ' ' : *words, out);
}

static void bash_name(FILE *out, const cli_command *command, const sae_option *option)
{
    (void)command;
    fprintf(out, " --%s", option->name);
}

static void bash_choice(FILE *out, const cli_command *command, const sae_option *option)
{
    if (!choices(option)) return;
    fputs("        ", out);
    put_pattern(out, command);
    fprintf(out, ":--%s) words=\"", option->name);
    put_spaced(out, choices(option));
    fputs("\" ;;\n", out);
}

static void bash(FILE *out)
{
    size_t count;
    const cli_command *const *commands = cli_commands(&count);
    fputs("# bash completion for sae; written by `sae help --completion bash`\n"
          "_sae()\n{\n"
          "    local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD-1]} words=\n"
          "    local command=${COMP_WORDS[1]} second=\n"
          "    [ \"$COMP_CWORD\" -le 2 ] || case \"$command ${COMP_WORDS[2]}\" in\n",
          out);
    for (size_t i = 0; i < count; i++) {
        if (!strchr(commands[i]->name, ' ')) continue;
        fputs("        ", out);
        put_pattern(out, commands[i]);
        fprintf(out, ") command='%s' ;;\n", commands[i]->name);
    }
    fputs("    esac\n    [ \"$COMP_CWORD\" -ne 2 ] || case $command in\n", out);
    for (size_t i = 0; i < count; i++) {
        if (!has_second(commands[i])) continue;
        fprintf(out, "        %s) second=\"", commands[i]->name);
        each_second(out, commands[i], put_word);
        fputs("\" ;;\n", out);
    }
    fputs("    esac\n    if [ \"$COMP_CWORD\" -eq 1 ]; then\n        words=\"--help --version help", out);
    for (size_t i = 0; i < count; i++)
        if (!strchr(commands[i]->name, ' ')) fprintf(out, " %s", commands[i]->name);
    fputs("\"\n    else\n        case $command:$previous in\n", out);
    for (size_t i = 0; i < count; i++) each_option(out, commands[i], bash_choice);
    fputs("        *) case $command:$current in\n", out);
    for (size_t i = 0; i < count; i++) {
        fputs("            ", out);
        put_pattern(out, commands[i]);
        fputs(":-*) words=\"--help", out);
        each_option(out, commands[i], bash_name);
        fputs("\" ;;\n", out);
    }
    fputs("            esac ;;\n        esac\n    fi\n"
          "    if [ -n \"$words\" ]; then\n"
          "        mapfile -t COMPREPLY < <(compgen -W \"$words\" -- \"$current\")\n"
          "    else\n"
          "        compopt -o filenames 2>/dev/null\n"
          "        mapfile -t COMPREPLY < <(compgen -W \"$second\" -- \"$current\"; compgen -f -- \"$current\")\n"
          "    fi\n}\ncomplete -F _sae sae\n",
          out);
}

/* Text inside single quotes of a shell; brackets and colons are zsh's own. */
static void quoted(FILE *out, const char *text, const char *escape)
{
    for (; *text; text++) {
        if (*text == '\'')
            fputs("'\\''", out);
        else if (strchr(escape, *text))
            fprintf(out, "\\%c", *text);
        else
            fputc(*text, out);
    }
}

static void zsh_option(FILE *out, const cli_command *command, const sae_option *option)
{
    (void)command;
    fprintf(out, " \\\n                '--%s[", option->name);
    quoted(out, option->help, "[]:\\");
    fputc(']', out);
    if (choices(option)) {
        fputs(":value:(", out);
        put_spaced(out, choices(option));
        fputc(')', out);
    } else if (option->type != SAE_OPT_BOOL) {
        fputs(":value:_files", out);
    }
    fputc('\'', out);
}

static void zsh(FILE *out)
{
    size_t count;
    const cli_command *const *commands = cli_commands(&count);
    fputs("#compdef sae\n# zsh completion for sae; written by `sae help --completion zsh`\n"
          "_sae()\n{\n"
          "    if (( CURRENT == 2 )); then\n        local -a commands\n        commands=(\n",
          out);
    for (size_t i = 0; i < count; i++) {
        if (strchr(commands[i]->name, ' ')) continue;
        fprintf(out, "            '%s:", commands[i]->name);
        quoted(out, commands[i]->summary, ":\\");
        fputs("'\n", out);
    }
    fputs("        )\n        _describe command commands\n        return\n    fi\n"
          "    local command=$words[2]\n    shift words\n    (( CURRENT-- ))\n"
          "    (( CURRENT <= 2 )) || case \"$command $words[2]\" in\n",
          out);
    for (size_t i = 0; i < count; i++) {
        if (!strchr(commands[i]->name, ' ')) continue;
        fputs("        ", out);
        put_pattern(out, commands[i]);
        fprintf(out, ") command='%s'; shift words; (( CURRENT-- )) ;;\n", commands[i]->name);
    }
    fputs("    esac\n    case $command in\n", out);
    for (size_t i = 0; i < count; i++) {
        fputs("        ", out);
        put_pattern(out, commands[i]);
        fputs(") _arguments '--help[list what the command takes]'", out);
        each_option(out, commands[i], zsh_option);
        if (has_second(commands[i])) {
            fputs(" \\\n                '1:command or file:{_alternative \"commands:command:(", out);
            each_second(out, commands[i], put_word);
            fputs(")\" \"files:file:_files\"}'", out);
        }
        fputs(" \\\n                '*:file:_files' ;;\n", out);
    }
    fputs("    esac\n}\n_sae \"$@\"\n", out);
}

static void fish_option(FILE *out, const cli_command *command, const sae_option *option)
{
    const char *space = strchr(command->name, ' ');
    fprintf(out, "complete -c sae -n '__fish_seen_subcommand_from %.*s", (int)strcspn(command->name, " "),
            command->name);
    if (space) fprintf(out, "; and __fish_seen_subcommand_from%s", space);
    if (has_second(command)) {
        fputs("; and not __fish_seen_subcommand_from", out);
        each_second(out, command, put_word);
    }
    fprintf(out, "' -l %s", option->name);
    if (choices(option)) {
        fputs(" -x -a '", out);
        put_spaced(out, choices(option));
        fputc('\'', out);
    } else if (option->type != SAE_OPT_BOOL) {
        fputs(" -r", out);
    }
    fputs(" -d '", out);
    quoted(out, option->help, "\\");
    fputs("'\n", out);
}

static void fish(FILE *out)
{
    size_t count;
    const cli_command *const *commands = cli_commands(&count);
    fputs("# fish completion for sae; written by `sae help --completion fish`\n", out);
    for (size_t i = 0; i < count; i++) {
        const char *space = strchr(commands[i]->name, ' ');
        if (space)
            fprintf(out, "complete -c sae -n '__fish_seen_subcommand_from %.*s' -a%s -d '",
                    (int)(space - commands[i]->name), commands[i]->name, space);
        else
            fprintf(out, "complete -c sae -n __fish_use_subcommand -f -a %s -d '", commands[i]->name);
        quoted(out, commands[i]->summary, "\\");
        fputs("'\n", out);
        each_option(out, commands[i], fish_option);
    }
}

sae_status cli_help_completion(FILE *out, const char *shell, sae_error *err)
{
    if (strcmp(shell, "bash") == 0)
        bash(out);
    else if (strcmp(shell, "zsh") == 0)
        zsh(out);
    else if (strcmp(shell, "fish") == 0)
        fish(out);
    else
        return sae_fail(err, SAE_E_ARG, "no completion for the shell \"%s\"; there is bash, zsh and fish", shell);
    return SAE_OK;
}
