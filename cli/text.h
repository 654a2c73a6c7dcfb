/* Options that name a language model, a place in it, and text to run it on; and opening what they name. */
#ifndef CLI_TEXT_H
#define CLI_TEXT_H

#include "cli/cli.h"

#include <sae/data.h>

/* --model, --layer, --site, --hook, --center-residual */
typedef struct cli_place {
    const char *model;
    const char *layer; /* list of numbers */
    int site;          /* index into the words of --site */
    const char *hook;  /* list of names */
    bool center_residual;
} cli_place;

const sae_option *cli_place_options(size_t *count);
/* --model alone: commands that take the hook from the SAE. */
const sae_option *cli_model_options(size_t *count);
/* --tokens, --text, --ctx, ...; the struct is sae_text_config. */
const sae_option *cli_text_options(size_t *count);
/* The same without --tokens, for commands in which that is a number. */
const sae_option *cli_text_only_options(size_t *count);

/* A model with the contexts that it is to run on. */
typedef struct cli_lm {
    sae_lm *lm;
    sae_tokenizer *tokenizer; /* NULL when the text is token ids and the model has no tokenizer */
    sae_contexts *contexts;
} cli_lm;

/* SAE_E_ARG when model or text is missing, or text is given in two ways. */
sae_status cli_lm_check(const char *model, const sae_text_config *text, sae_error *err);
/* Opens the model directory in the precision of --precision and says what makes its products. */
sae_status cli_lm_open_model(sae_lm **out, const char *model, cli_app *app, sae_error *err);
/* The same, and reads and tokenizes the text; checks first. */
sae_status cli_lm_open(cli_lm *out, const char *model, const sae_text_config *text, cli_app *app, sae_error *err);
void cli_lm_close(cli_lm *lm);

/* The hooks that --layer and --site, or --hook, name; *hooks is freed by the caller. */
sae_status cli_place_hooks(const cli_place *place, const sae_lm *lm, sae_hook **hooks, size_t *count, sae_error *err);

#endif
