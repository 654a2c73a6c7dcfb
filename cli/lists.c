#include "cli/lists.h"

#include <stdlib.h>
#include <string.h>

sae_status cli_list_split(cli_list *out, const char *name, const char *text, sae_error *err)
{
    cli_list list = {.count = 1};
    for (const char *p = text; *p; p++) list.count += *p == ',';
    list.text = strdup(text);
    list.words = calloc(list.count, sizeof *list.words);
    if (!list.text || !list.words) {
        cli_list_free(&list);
        return cli_fail_memory(err);
    }
    char *rest = list.text;
    for (size_t i = 0; i < list.count; i++) {
        list.words[i] = rest;
        rest += strcspn(rest, ",");
        if (*rest) *rest++ = 0;
        if (*list.words[i]) continue;
        cli_list_free(&list);
        return sae_fail(err, SAE_E_ARG, "--%s \"%s\" has an empty entry; it takes values separated by commas", name,
                        text);
    }
    *out = list;
    return SAE_OK;
}

void cli_list_free(cli_list *list)
{
    free(list->text);
    free(list->words);
    *list = (cli_list){0};
}

sae_status cli_list_int(int64_t *out, const char *name, const char *word, int64_t min, int64_t max, sae_error *err)
{
    sae_option option = {.name = name, .type = SAE_OPT_INT, .min = (double)min, .max = (double)max};
    return sae_option_set(&option, out, word, err);
}

sae_status cli_list_float(double *out, const char *name, const char *word, double min, double max, sae_error *err)
{
    sae_option option = {.name = name, .type = SAE_OPT_FLOAT, .min = min, .max = max};
    return sae_option_set(&option, out, word, err);
}

sae_status cli_list_ints(int64_t **out, size_t *count, const char *name, const char *text, int64_t min, int64_t max,
                         sae_error *err)
{
    sae_status status = SAE_OK;
    cli_list list = {0};
    int64_t *values = NULL;
    if (text) CLI_TRY(cli_list_split(&list, name, text, err));
    values = calloc(list.count + 1, sizeof *values);
    if (!values) {
        status = cli_fail_memory(err);
        goto done;
    }
    for (size_t i = 0; i < list.count; i++) CLI_TRY(cli_list_int(&values[i], name, list.words[i], min, max, err));
    *out = values;
    *count = list.count;
    values = NULL;
done:
    free(values);
    cli_list_free(&list);
    return status;
}

sae_status cli_list_floats(double **out, size_t *count, const char *name, const char *text, double min, double max,
                           sae_error *err)
{
    sae_status status = SAE_OK;
    cli_list list = {0};
    double *values = NULL;
    if (text) CLI_TRY(cli_list_split(&list, name, text, err));
    values = calloc(list.count + 1, sizeof *values);
    if (!values) {
        status = cli_fail_memory(err);
        goto done;
    }
    for (size_t i = 0; i < list.count; i++) CLI_TRY(cli_list_float(&values[i], name, list.words[i], min, max, err));
    *out = values;
    *count = list.count;
    values = NULL;
done:
    free(values);
    cli_list_free(&list);
    return status;
}
