#include "cli/args.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#define LONGEST_NAME 40

static int smallest(int a, int b, int c)
{
    int least = a < b ? a : b;
    return least < c ? least : c;
}

/* Edits (insert, delete, replace, swap neighbours) from a to b. */
static int edits(const char *a, size_t n, const char *b, size_t m)
{
    int cost[LONGEST_NAME + 1][LONGEST_NAME + 1];
    for (size_t i = 0; i <= n; i++) cost[i][0] = (int)i;
    for (size_t j = 0; j <= m; j++) cost[0][j] = (int)j;
    for (size_t i = 1; i <= n; i++) {
        for (size_t j = 1; j <= m; j++) {
            int replace = cost[i - 1][j - 1] + (a[i - 1] != b[j - 1]);
            cost[i][j] = smallest(cost[i - 1][j] + 1, cost[i][j - 1] + 1, replace);
            bool swapped = i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1];
            if (swapped && cost[i - 2][j - 2] + 1 < cost[i][j]) cost[i][j] = cost[i - 2][j - 2] + 1;
        }
    }
    return cost[n][m];
}

int cli_likeness(const char *word, const char *candidate)
{
    size_t n = strlen(word), m = strlen(candidate);
    if (n < 2 || n > LONGEST_NAME || m > LONGEST_NAME) return -1;
    if (n < m && strncmp(word, candidate, n) == 0) return 1; /* an abbreviation */
    int distance = edits(word, n, candidate, m);
    return distance <= (n < 6 ? 1 : 2) ? distance : -1;
}

static const sae_option *find(const sae_option_group *groups, size_t n_groups, const char *name, void **config)
{
    for (size_t g = 0; g < n_groups; g++) {
        const sae_option *option = sae_option_find(groups[g].options, groups[g].count, name);
        if (option) {
            *config = groups[g].config;
            return option;
        }
    }
    return NULL;
}

static sae_status unknown(const char *who, const sae_option_group *groups, size_t n_groups, const char *name,
                          sae_error *err)
{
    int best = cli_likeness(name, "help");
    const char *closest = best >= 0 ? "help" : NULL;
    for (size_t g = 0; g < n_groups; g++) {
        for (size_t i = 0; i < groups[g].count; i++) {
            int likeness = cli_likeness(name, groups[g].options[i].name);
            if (likeness >= 0 && (!closest || likeness < best)) {
                closest = groups[g].options[i].name;
                best = likeness;
            }
        }
    }
    if (closest) return sae_fail(err, SAE_E_ARG, "%s has no option --%s; did you mean --%s?", who, name, closest);
    return sae_fail(err, SAE_E_ARG, "%s has no option --%s; see sae %s --help", who, name, who);
}

/* The list of a FILES option, the one that it already has when the option is given twice; NULL when out of memory. */
static const char **list_for(cli_args *args, const char *const **field, int argc)
{
    for (size_t i = 0; i < args->n_lists; i++)
        if (args->lists[i] == *field) return args->lists[i];
    const char ***lists = realloc(args->lists, (args->n_lists + 1) * sizeof *lists);
    if (!lists) return NULL;
    args->lists = lists;
    const char **list = calloc((size_t)argc + 1, sizeof *list);
    if (!list) return NULL;
    args->lists[args->n_lists++] = list;
    *field = list;
    return list;
}

/* "--name" and "--", but not "---" or "--5", which may be values. */
static bool is_option(const char *word)
{
    return word[0] == '-' && word[1] == '-' && (isalpha((unsigned char)word[2]) || !word[2]);
}

/* Reads one option at argv[*at]; *at is left at its last word. */
static sae_status read_option(cli_args *args, const char *who, const sae_option_group *groups, size_t n_groups,
                              int argc, char **argv, int *at, sae_error *err)
{
    char name[LONGEST_NAME + 1];
    const char *text = argv[*at] + 2, *value = strchr(text, '=');
    size_t length = value ? (size_t)(value - text) : strlen(text);
    snprintf(name, sizeof name, "%.*s", (int)(length < LONGEST_NAME ? length : LONGEST_NAME), text);
    if (value) value++;
    void *config = NULL;
    const sae_option *option = length <= LONGEST_NAME ? find(groups, n_groups, name, &config) : NULL;
    if (!option) return unknown(who, groups, n_groups, name, err);
    if (option->type == SAE_OPT_BOOL) {
        if (value) return sae_fail(err, SAE_E_ARG, "--%s takes no value", name);
        return sae_option_set(option, config, "", err);
    }
    if (!value) {
        if (*at + 1 >= argc || is_option(argv[*at + 1]))
            return sae_fail(err, SAE_E_ARG, "--%s needs a value: %s", name, option->metavar ? option->metavar : "");
        value = argv[++*at];
        text = NULL; /* more words of a FILES option may follow */
    }
    if (option->type != SAE_OPT_FILES) return sae_option_set(option, config, value, err);

    const char **list = list_for(args, (const char *const **)(void *)((char *)config + option->offset), argc);
    if (!list) return cli_fail_memory(err);
    size_t used = 0;
    while (list[used]) used++;
    list[used++] = value;
    while (!text && *at + 1 < argc && !is_option(argv[*at + 1])) list[used++] = argv[++*at];
    return SAE_OK;
}

sae_status cli_args_parse(cli_args *out, const char *who, const sae_option_group *groups, size_t n_groups, int argc,
                          char **argv, sae_error *err)
{
    sae_status status = SAE_OK;
    cli_args args = {.words = calloc((size_t)argc + 1, sizeof *args.words)};
    if (!args.words) return cli_fail_memory(err);
    bool options = true;
    for (int i = 0; i < argc; i++) {
        const char *word = argv[i];
        if (options && strcmp(word, "--") == 0) {
            options = false;
        } else if (options && (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0)) {
            args.help = true;
            break;
        } else if (options && is_option(word)) {
            CLI_TRY(read_option(&args, who, groups, n_groups, argc, argv, &i, err));
        } else if (options && word[0] == '-' && word[1] && word[1] != '-') {
            status = sae_fail(err, SAE_E_ARG, "%s has no option %s; see sae %s --help", who, word, who);
            goto done;
        } else {
            args.words[args.n_words++] = word;
        }
    }
    *out = args;
    return SAE_OK;
done:
    cli_args_free(&args);
    return status;
}

void cli_args_free(cli_args *args)
{
    for (size_t i = 0; i < args->n_lists; i++) free(args->lists[i]);
    free(args->lists);
    free(args->words);
    *args = (cli_args){0};
}
