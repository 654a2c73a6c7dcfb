/* One request from its first line to its answer, apart from the library that carries it. */
#ifndef WEB_EXCHANGE_H
#define WEB_EXCHANGE_H

#include "web/server/app.h"
#include "web/server/assets.h"

#define WEB_BODY_BYTES (64 << 10)

typedef struct web_exchange {
    web_target target;
    sae_error bad_target; /* status SAE_OK: it could be read */
    bool seen;            /* the headers were looked at */
    char *body;
    size_t body_size;
    bool too_large;
} web_exchange;

/* What the headers say; NULL where one is missing. */
typedef struct web_headers {
    const char *method, *host, *origin, *site, *type, *token, *if_none_match;
    bool takes_gzip;
} web_headers;

web_exchange *web_exchange_new(const char *raw_target);
void web_exchange_free(web_exchange *exchange);
/* Appends what was sent; what goes beyond WEB_BODY_BYTES is dropped and remembered. */
void web_exchange_receive(web_exchange *exchange, const char *data, size_t size);

/* Looks at the headers before anything is received; true when *reply, a refusal, is the answer. */
bool web_exchange_refuse(const web_exchange *exchange, const web_headers *headers, const web_app *app,
                         web_reply *reply);
/* The answer to a whole request. */
void web_exchange_answer(const web_exchange *exchange, const web_headers *headers, web_app *app,
                         const web_assets *assets, web_reply *reply);

#endif
