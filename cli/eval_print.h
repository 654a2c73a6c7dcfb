/* What sae eval measured, as one JSON object or as tables and drawings for people. */
#ifndef CLI_EVAL_PRINT_H
#define CLI_EVAL_PRINT_H

#include <sae/analysis.h>
#include <sae/frontier.h>
#include <stdio.h>

/* Everything measured; arrays of n entries. */
typedef struct cli_eval_results {
    size_t n;
    sae_model **models;
    sae_eval *evals;
    sae_frontier_point *points;
    sae_eval_ce *ce; /* NULL without a language model */
    int64_t excluded;
} cli_eval_results;

void cli_eval_print_json(const cli_eval_results *results, FILE *out);
/* `acts` names the activations. */
sae_status cli_eval_print_tables(const cli_eval_results *results, const char *acts, FILE *out, sae_error *err);

#endif
