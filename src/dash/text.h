/* The text that rows belong to: token ids, where contexts and documents begin. */
#ifndef SAE_DASH_TEXT_H
#define SAE_DASH_TEXT_H

#include "store/write.h"

#include <sae/dash.h>
#include <sae/store.h>

#define SAE_DASH_WINDOW 64 /* tokens of a context that count as one text, with its document */

typedef struct sae_dash_text {
    int64_t rows;
    int32_t *tokens, *docs; /* [rows] */
    int32_t *context;       /* [rows] the row at which its context begins */
    int64_t contexts, documents, ctx;
} sae_dash_text;

sae_status sae_dash_text_read(sae_dash_text *out, const sae_dash_input *input, sae_error *err);
void sae_dash_text_clear(sae_dash_text *text);
/* Tables context, document and token. */
sae_status sae_dash_text_write(const sae_dash_text *text, const sae_tokenizer *tokenizer, sae_store_writer *writer,
                               sae_error *err);

/* A number for the text that a row lies in, the same for all rows of one window: rows of a text are neighbours. */
static inline int64_t sae_dash_window(const sae_dash_text *t, int64_t row)
{
    int64_t start = t->context[row];
    return start + (row - start) / SAE_DASH_WINDOW * SAE_DASH_WINDOW;
}

/* Whether two rows lie in the same text. */
static inline bool sae_dash_same_text(const sae_dash_text *t, int64_t a, int64_t b)
{
    return sae_dash_window(t, a) == sae_dash_window(t, b) && t->docs[a] == t->docs[b];
}

/* The end (exclusive) of the context of a row. */
int64_t sae_dash_context_end(const sae_dash_text *text, int64_t row);
/* The rows begin … end − 1 of its context within SAE_STORE_REACH of a row. */
void sae_dash_reach(const sae_dash_text *text, int64_t row, int64_t *begin, int64_t *end);

#endif
