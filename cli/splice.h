/* Putting reconstructions back into the language model that the activations are from: its options, the text, and the
 * place. */
#ifndef CLI_SPLICE_H
#define CLI_SPLICE_H

#include "cli/text.h"

#include <sae/model.h>

/* --model, --text, --text-tokens, --split, --parse-special */
typedef struct cli_splice {
    const char *model;
    const char *const *text;
    const char *split;
    bool parse_special;
    int64_t text_tokens;
} cli_splice;

cli_splice cli_splice_default(void);
const sae_option *cli_splice_options(size_t *count);
/* SAE_E_ARG when only one of model and text is given. */
sae_status cli_splice_check(const cli_splice *splice, sae_error *err);
/* Opens the model and the text, cut into contexts as the activations were. */
sae_status cli_splice_open(cli_lm *out, const cli_splice *splice, const sae_acts_meta *acts, cli_app *app,
                           sae_error *err);

/* Where reconstructions of an SAE are put back. */
typedef struct cli_splice_place {
    sae_hook hook;
    bool center; /* the residual stream */
} cli_splice_place;
/* As acts.json or else the SAE records it; SAE_E_ARG when neither does. */
sae_status cli_splice_find_place(cli_splice_place *out, const sae_lm *lm, const sae_acts_meta *acts,
                                 const sae_model *model, sae_error *err);

#endif
