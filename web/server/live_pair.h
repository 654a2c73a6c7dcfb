/* One latent's activations on the texts of another, from the running model. */
#ifndef WEB_LIVE_PAIR_H
#define WEB_LIVE_PAIR_H

#include "web/server/live.h"

#define WEB_LIVE_TEXTS 10   /* at most, … */
#define WEB_LIVE_ROWS  4096 /* … with so many tokens together, from the beginnings of their contexts */

typedef struct web_live_acts {
    size_t count;
    uint32_t *offsets; /* tokens of the passage, ascending */
    float *values;
} web_live_acts;

typedef struct web_live_pair {
    size_t count; /* of the examples, the first that were encoded */
    web_live_acts acts[WEB_LIVE_TEXTS];
} web_live_pair;

/* What `latent` of `sae` does on the passages of these examples. Tokens that the database left out by their id are
 * encoded too: it does not say which these were. Clear with web_live_pair_clear, also after an error. */
sae_status web_live_pair_read(web_live *live, sae_store *store, int64_t sae, int64_t latent,
                              const sae_store_example *examples, size_t count, web_live_pair *out, sae_error *err);
/* *out = cosine of the decoder rows; NaN for a row of zeros. */
sae_status web_live_cosine(web_live *live, int64_t sae, int64_t latent, int64_t other, int64_t other_latent,
                           double *out, sae_error *err);
void web_live_pair_clear(web_live_pair *pair);

#endif
