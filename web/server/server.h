/* The local web application: a JSON API under /api/v1 and the page that shows it. */
#ifndef WEB_SERVER_H
#define WEB_SERVER_H

#include <sae/env.h>
#include <stdint.h>

typedef struct web_config {
    const char *database; /* of sae dash */
    const char *host;     /* numeric address to listen on */
    int64_t port;         /* 0: any free one */
    const char *model;    /* language model, or NULL */
    const char *labels;   /* database of labels, made if missing; NULL: labels cannot be written */
} web_config;

typedef struct web_server web_server;

/* Begins to answer. `env` must live until web_server_stop. */
sae_status web_server_start(web_server **out, const web_config *config, const sae_env *env, sae_error *err);
/* Whether an address is reachable from this machine only. */
bool web_address_is_local(const char *host);
/* http://HOST:PORT/ */
const char *web_server_url(const web_server *server);
/* Returns when env->stop is set. */
void web_server_wait(web_server *server);
/* Answers what is being worked on, closes all connections and frees everything. NULL is allowed. */
void web_server_stop(web_server *server);

#endif
