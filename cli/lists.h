/* Values of list options: words, numbers and token ids separated by commas. */
#ifndef CLI_LISTS_H
#define CLI_LISTS_H

#include "cli/cli.h"

typedef struct cli_list {
    char *text; /* the words lie in here */
    char **words;
    size_t count;
} cli_list;

/* Splits "a,b,c" of option --NAME; SAE_E_ARG for an empty word. */
sae_status cli_list_split(cli_list *out, const char *name, const char *text, sae_error *err);
void cli_list_free(cli_list *list);

/* One number of a list, with the suffixes that options take and bounds. */
sae_status cli_list_int(int64_t *out, const char *name, const char *word, int64_t min, int64_t max, sae_error *err);
sae_status cli_list_float(double *out, const char *name, const char *word, double min, double max, sae_error *err);

/* A whole list of numbers; text NULL gives none. *out is freed by the caller. */
sae_status cli_list_ints(int64_t **out, size_t *count, const char *name, const char *text, int64_t min, int64_t max,
                         sae_error *err);
sae_status cli_list_floats(double **out, size_t *count, const char *name, const char *text, double min, double max,
                           sae_error *err);

#endif
