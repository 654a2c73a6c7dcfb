/* The language model and the SAEs themselves: what fires on a text that is typed in, or on the database's own. */
#ifndef WEB_LIVE_H
#define WEB_LIVE_H

#include <sae/env.h>
#include <sae/lm.h>
#include <sae/model.h>
#include <sae/store.h>

#define WEB_LIVE_TOKENS 1024 /* of a text, at most */

typedef struct web_live web_live;

/* Opens the model; it must have the hook that the database was made at, of the same width. SAEs are read when they are
 * first asked for. `store` must outlive it. */
sae_status web_live_open(web_live **out, const char *model, const sae_store *store, const sae_env *env, sae_error *err);
void web_live_close(web_live *live);
const sae_tokenizer *web_live_tokenizer(const web_live *live);

/* An SAE of the database, read from where it was when that was made. SAE_E_UNSUPPORTED when it is not there any more,
 * or another. */
sae_status web_live_model(web_live *live, int64_t sae, const sae_model **out, sae_error *err);
/* x [batch·length, d] = the database's hook on these tokens [batch, length]. */
sae_status web_live_hooks(const web_live *live, const int32_t *tokens, int64_t batch, int64_t length, float *x,
                          sae_error *err);
sae_status web_live_codes(const web_live *live, const sae_model *model, const float *x, int64_t rows, sae_codes *codes,
                          sae_error *err);

typedef struct web_live_text {
    int64_t total;    /* tokens of the text */
    int64_t count;    /* of these, the first that were encoded */
    int32_t *ids;     /* [count] */
    sae_codes *codes; /* one row for each */
} web_live_text;

/* What of an SAE is active on each token of a text that stands alone, as at the start of a document: after the model's
 * end-of-text token, which is not among the rows. SAE_E_UNSUPPORTED when the files of the SAE are not there any more,
 * or hold another. Clear with web_live_text_clear, also after an error. */
sae_status web_live_encode(web_live *live, int64_t sae, const char *text, size_t size, web_live_text *out,
                           sae_error *err);
void web_live_text_clear(web_live_text *text);

#endif
