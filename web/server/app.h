/* What the handlers of requests work with. */
#ifndef WEB_APP_H
#define WEB_APP_H

#include "web/server/reply.h"
#include "web/server/target.h"

#include "web/server/live.h"

#include <sae/env.h>
#include <sae/labels.h>
#include <sae/store.h>

#define WEB_TOKEN_SIZE 33
#define WEB_NO_MODEL                                                                                                   \
    "Trying a text takes the language model: start sae serve with --model DIR, where the SAEs still lie as they did."

typedef struct web_app {
    const sae_env *env;
    sae_store *store;
    sae_labels *labels;         /* NULL: there is no place for them */
    web_live *live;             /* NULL: there is no model */
    char token[WEB_TOKEN_SIZE]; /* what a request that writes must show: only pages served here can read it */
} web_app;

#define WEB_MAX_WILD 6

typedef struct web_request {
    web_app *app;
    const web_target *target;
    const char *wild[WEB_MAX_WILD]; /* the segments that stood for ":" in the route */
    const json_t *body;             /* what was sent, a JSON object; NULL if nothing was */
    bool missing;                   /* the error means that there is no such thing (404) */
} web_request;

/* Makes *out, the answer's JSON. */
typedef sae_status (*web_handler)(web_request *request, json_t **out, sae_error *err);

/* Fails with SAE_E_ARG and marks the request as one for something that is not there. */
sae_status web_missing(web_request *request, sae_error *err, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#endif
