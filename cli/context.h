/* A token with the text around it, as a person reads it. */
#ifndef CLI_CONTEXT_H
#define CLI_CONTEXT_H

#include <sae/io.h>
#include <sae/lm.h>

/* Valid UTF-8 on one line: line ends are shown as U+23CE, other control characters and broken characters as U+FFFD. */
typedef struct cli_context {
    int32_t token_id, position, document;
    char before[1024], token[256], after[1024];
} cli_context;

/* The token at `row` of the activations with its neighbours of the same context and document, at most `columns`
 * characters (at most 250) on each side. */
void cli_context_read(cli_context *out, const sae_acts *acts, const sae_tokenizer *tokenizer, int64_t row, int columns);

#endif
