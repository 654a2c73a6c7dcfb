/* --sparsity-match: SAEs brought to one L0 before they are compared. */
#ifndef CLI_SPARSITY_H
#define CLI_SPARSITY_H

#include "cli/cli.h"
#include "cli/json.h"

#include <sae/sparsity_match.h>

/* What was asked for and done; zero when nothing was. */
typedef struct cli_sparsity {
    const char *asked;        /* "small", "large" or a number; NULL: nothing */
    const char *const *words; /* [n] the SAEs as they were given */
    size_t n;
    sae_sparsity_match *matches; /* [n] */
} cli_sparsity;

/* SAE_E_ARG unless `asked` (NULL ok) is one of the words or a number above 0. */
sae_status cli_sparsity_check(const char *asked, sae_error *err);
/* Puts SAEs with the L0 that is asked for in the place of models [n]. small and large are the first and the second of
 * two SAEs, of more the narrowest and the widest. */
sae_status cli_sparsity_apply(cli_sparsity *sparsity, const char *asked, const char *const *words, sae_model **models,
                              size_t n, sae_source *source, int64_t max_tokens, cli_app *app, sae_error *err);
void cli_sparsity_free(cli_sparsity *sparsity);

/* The key "sparsity_match", null when nothing was asked for. */
void cli_sparsity_json(cli_json *json, const cli_sparsity *sparsity);
void cli_sparsity_print(const cli_sparsity *sparsity, FILE *out);

#endif
