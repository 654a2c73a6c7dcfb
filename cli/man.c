/* The manual page and shell completions, from the same tables as --help, so that none can drift from another. */
#include "cli/help.h"
#include "cli/utf8.h"

#include <string.h>

/* Writes the well-formed character at `text` as a roff escape; returns its length. */
static size_t wide(FILE *out, const char *text)
{
    size_t length = cli_utf8_length(text, strlen(text));
    if (length < 2) return 1; /* not UTF-8: tables hold none */
    unsigned point = (unsigned char)*text & (0xFFu >> (length + 1));
    for (size_t i = 1; i < length; i++) point = point << 6 | ((unsigned char)text[i] & 0x3Fu);
    fprintf(out, "\\[u%04X]", point);
    return length;
}

/* Text with what roff would take for its own escaped: backslashes, hyphens, a dot or quote that starts a line, and
 * everything that is not ASCII. */
static void roff(FILE *out, const char *text)
{
    bool line_start = true;
    for (; *text; text++) {
        if (line_start && (*text == '.' || *text == '\'')) fputs("\\&", out);
        if (text[0] == '\n' && text[1] == '\n') {
            fputs("\n.PP", out);
            text++;
        }
        if (*text == '\\')
            fputs("\\e", out);
        else if (*text == '-')
            fputs("\\-", out);
        else if ((unsigned char)*text >= 0x80)
            text += wide(out, text) - 1;
        else
            fputc(*text, out);
        line_start = *text == '\n';
    }
}

static void paragraph(FILE *out, const char *text)
{
    roff(out, text);
    fputc('\n', out);
}

static void man_options(FILE *out, const sae_option *options, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const char *value = cli_option_value(&options[i]);
        fputs(".TP\n.B ", out);
        roff(out, "--");
        roff(out, options[i].name);
        if (*value) {
            fputs(" \\fI", out);
            roff(out, value);
            fputs("\\fR", out);
        }
        fputc('\n', out);
        roff(out, options[i].help);
        if (options[i].default_text) {
            fputs(" (default ", out);
            roff(out, options[i].default_text);
            fputc(')', out);
        }
        fputs(".\n", out);
    }
}

static void man_notes(FILE *out, const char *title, const cli_note *notes, size_t count)
{
    if (count && title) fprintf(out, ".PP\n.I %s\n", title);
    for (size_t i = 0; i < count; i++) {
        fputs(".TP\n.B ", out);
        paragraph(out, notes[i].name);
        paragraph(out, notes[i].help);
    }
}

static void man_command(FILE *out, const cli_command *command)
{
    fputs(".SS ", out);
    roff(out, command->name);
    fputs("\n", out);
    for (size_t i = 0; command->usage[i]; i++) {
        fputs(i ? ".br\n" : "", out);
        fprintf(out, "\\fBsae %s\\fR ", command->name);
        paragraph(out, command->usage[i]);
    }
    fputs(".PP\n", out);
    paragraph(out, command->description);
    man_notes(out, "Arguments", command->arguments, command->n_arguments);
    for (size_t g = 0; g < command->n_groups; g++) {
        size_t count;
        const sae_option *options = command->groups[g].table(&count);
        fprintf(out, ".PP\n.I %s\n", command->groups[g].title);
        man_options(out, options, count);
    }
    for (size_t i = 0; i < command->n_examples; i++) {
        fputs(".PP\n", out);
        paragraph(out, command->examples[i].help);
        fputs(".RS\n.nf\n", out);
        fprintf(out, "sae %s ", command->name);
        paragraph(out, command->examples[i].name);
        fputs(".fi\n.RE\n", out);
    }
    man_notes(out, "Keys of the JSON object (\\-\\-json)", command->json, command->n_json);
}

void cli_help_man(FILE *out)
{
    size_t count;
    const cli_command *const *commands = cli_commands(&count);
    fprintf(out,
            ".TH SAE 1 \"\" \"sae %s\" \"User commands\"\n"
            ".SH NAME\nsae \\- train, evaluate and compare sparse autoencoders\n"
            ".SH SYNOPSIS\n.B sae\n.I COMMAND\n[arguments] [\\-\\-option value ...]\n"
            ".SH DESCRIPTION\n",
            sae_version());
    paragraph(out, "Trains sparse autoencoders (SAEs) on the activations of a language model, judges them and "
                   "compares them. Results go to stdout: tables for people or, with --json, one JSON object in one "
                   "line. Progress, settings and messages go to stderr. When a command fails, stdout stays "
                   "empty. Output files appear whole or not at all.");
    fputs(".SH COMMANDS\n", out);
    for (size_t i = 0; i < count; i++) man_command(out, commands[i]);
    fputs(".SH OPTIONS OF EVERY COMMAND\n", out);
    const sae_option *options = cli_common_options(&count);
    man_options(out, options, count);
    fputs(".SH FILES\n", out);
    static const cli_note files[] = {
        {"Activations", "A directory with acts.json (written last) and shards acts-00000.safetensors, ... holding acts "
                        "[N, d], tokens [N], positions [N] and docs [N]; or one .npy or .safetensors file with one "
                        "2-D array of floats."},
        {"Codes", "A .safetensors file with row_offsets [N + 1], latents [nnz] and values [nnz]: the active latents "
                  "of each row; and tokens, positions, docs [N]."},
        {"SAE",
         "A directory with cfg.json and sae_weights.safetensors as SAELens 6 writes and reads them; training "
         "adds metrics.jsonl and checkpoint/. The SAEs of SAELens 5, sparsify (cfg.json, sae.safetensors), "
         "dictionary_learning (config.json, ae.pt), Gemma Scope (params.npz), OpenAI (a .pt file), BatchTopK and "
         "Matryoshka SAE (config.json, sae.pt) are read too."},
        {"Model", "A Hugging Face directory of a GPT-2: config.json, model.safetensors (or shards with their index), "
                  "and tokenizer.json or vocab.json with merges.txt."},
    };
    man_notes(out, NULL, files, CLI_COUNT(files));
    fputs(".SH EXIT STATUS\n", out);
    static const cli_note exits[] = {
        {"0", "Done."},
        {"1", "Failed; one line on stderr says why. Also when a signal stopped it."},
        {"2", "Wrong usage: an unknown command or option, or a value that cannot be."},
    };
    man_notes(out, NULL, exits, CLI_COUNT(exits));
    fputs(".SH SIGNALS\n", out);
    paragraph(out, "SIGINT (Ctrl-C) and SIGTERM end the command at the next safe point; training writes a checkpoint "
                   "and says how to go on. A second signal ends it at once.");
}
