#include "web/server/server.h"

#include "web/server/clients.h"
#include "web/server/exchange.h"
#include "web/server/fail.h"
#include "web/server/listen.h"

#include <fcntl.h>
#include <math.h>
#include <microhttpd.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define REQUEST_SECONDS 30 /* from the first byte, or the last answer, to the last byte of the answer */
#define IDLE_SECONDS    30
#define TICK_MS         200
/* for headers and what an address has of parameters; touched as far as they fill it */
#define CONNECTION_BYTES (1 << 20)
#define URL_SIZE         128

struct web_server {
    const sae_env *env;
    struct MHD_Daemon *daemon;
    web_clients *clients;
    web_assets *assets;
    web_app app;
    char url[URL_SIZE];
};

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* ---- what libmicrohttpd calls, always from its one thread -------------------------------------------------- */

/* A connection's place among the clients, and its request: libmicrohttpd says that a request is over only if it has
 * asked for an answer, so that one which it refuses itself would be forgotten. */
typedef struct peer {
    web_client *client;
    web_exchange *exchange;
} peer;

static void on_connection(void *server_, struct MHD_Connection *connection, void **place,
                          enum MHD_ConnectionNotificationCode code)
{
    web_server *server = server_;
    if (code == MHD_CONNECTION_NOTIFY_STARTED) {
        const union MHD_ConnectionInfo *info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
        peer *opened = calloc(1, sizeof *opened);
        if (opened && info) opened->client = web_clients_open(server->clients, info->connect_fd, now());
        *place = opened;
    } else {
        peer *closed = *place;
        if (closed) web_clients_close(server->clients, closed->client);
        if (closed) web_exchange_free(closed->exchange);
        free(closed);
        *place = NULL;
    }
}

static peer *peer_of(struct MHD_Connection *connection)
{
    const union MHD_ConnectionInfo *info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
    return info ? info->socket_context : NULL;
}

static web_client *client_of(struct MHD_Connection *connection)
{
    const peer *p = peer_of(connection);
    return p ? p->client : NULL;
}

static void *on_target(void *server, const char *raw, struct MHD_Connection *connection)
{
    peer *p = peer_of(connection);
    (void)server;
    if (!p) return NULL; /* out of memory */
    web_exchange_free(p->exchange);
    return p->exchange = web_exchange_new(raw);
}

static void on_completed(void *server_, struct MHD_Connection *connection, void **exchange,
                         enum MHD_RequestTerminationCode code)
{
    web_server *server = server_;
    (void)code;
    web_clients_count_from(server->clients, client_of(connection), now());
    peer *p = peer_of(connection);
    if (p) p->exchange = NULL;
    web_exchange_free(*exchange);
    *exchange = NULL;
}

static const char *header(struct MHD_Connection *connection, const char *name)
{
    return MHD_lookup_connection_value(connection, MHD_HEADER_KIND, name);
}

static web_headers read_headers(struct MHD_Connection *connection, const char *method)
{
    const char *encodings = header(connection, "Accept-Encoding");
    return (web_headers){.method = method,
                         .host = header(connection, "Host"),
                         .origin = header(connection, "Origin"),
                         .site = header(connection, "Sec-Fetch-Site"),
                         .type = header(connection, "Content-Type"),
                         .token = header(connection, "X-Sae-Token"),
                         .if_none_match = header(connection, "If-None-Match"),
                         .takes_gzip = encodings && strstr(encodings, "gzip") && !strstr(encodings, "gzip;q=0")};
}

/* Scripts, styles, pictures and requests only of and to this server; nothing inline, nothing in frames. */
static const char *const safety[][2] = {
    {"Content-Security-Policy", "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
                                "connect-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"},
    {"X-Content-Type-Options", "nosniff"},
    {"Referrer-Policy", "no-referrer"},
    {"Cross-Origin-Opener-Policy", "same-origin"},
    {"Cross-Origin-Resource-Policy", "same-origin"},
    {"Cache-Control", "no-cache"},
    {"Vary", "Accept-Encoding"},
};

static enum MHD_Result send_reply(struct MHD_Connection *connection, web_reply *reply)
{
    struct MHD_Response *response = MHD_create_response_from_buffer(
        reply->size, reply->body, reply->owned ? MHD_RESPMEM_MUST_FREE : MHD_RESPMEM_PERSISTENT);
    if (!response) {
        web_reply_clear(reply);
        return MHD_NO;
    }
    for (size_t i = 0; i < sizeof safety / sizeof *safety; i++)
        MHD_add_response_header(response, safety[i][0], safety[i][1]);
    if (reply->type) MHD_add_response_header(response, "Content-Type", reply->type);
    if (reply->etag[0]) MHD_add_response_header(response, "ETag", reply->etag);
    if (reply->zipped) MHD_add_response_header(response, "Content-Encoding", "gzip");
    enum MHD_Result queued = MHD_queue_response(connection, (unsigned)reply->status, response);
    MHD_destroy_response(response);
    return queued;
}

/* Called once with the headers, then with each piece of what is sent, then once more when all is there. */
static enum MHD_Result on_request(void *server_, struct MHD_Connection *connection, const char *url, const char *method,
                                  const char *version, const char *data, size_t *size, void **exchange_)
{
    web_server *server = server_;
    web_exchange *exchange = *exchange_;
    (void)url;
    (void)version;
    if (!exchange) return MHD_NO; /* out of memory */
    web_headers headers = read_headers(connection, method);
    web_reply reply = {0};
    if (!exchange->seen) {
        exchange->seen = true;
        if (web_exchange_refuse(exchange, &headers, &server->app, &reply)) return send_reply(connection, &reply);
        return MHD_YES;
    }
    if (*size > 0) {
        web_exchange_receive(exchange, data, *size);
        *size = 0;
        return MHD_YES;
    }
    web_clients_count_from(server->clients, client_of(connection), INFINITY);
    web_exchange_answer(exchange, &headers, &server->app, server->assets, &reply);
    web_clients_count_from(server->clients, client_of(connection), now());
    return send_reply(connection, &reply);
}

/* ---- start and stop ---------------------------------------------------------------------------------------- */

static sae_status make_token(char *token, sae_error *err)
{
    unsigned char bytes[(WEB_TOKEN_SIZE - 1) / 2];
    int file = open("/dev/urandom", O_RDONLY | O_CLOEXEC);
    ssize_t got = file >= 0 ? read(file, bytes, sizeof bytes) : -1;
    if (file >= 0) close(file);
    if (got != (ssize_t)sizeof bytes) return sae_fail(err, SAE_E_IO, "cannot read random numbers from /dev/urandom");
    for (size_t i = 0; i < sizeof bytes; i++) snprintf(token + 2 * i, 3, "%02x", bytes[i]);
    return SAE_OK;
}

static sae_status start_daemon(web_server *server, int socket, sae_error *err)
{
    size_t room = web_connection_room();
    server->clients = web_clients_new(room);
    if (!server->clients) return web_fail_memory(err);
    server->daemon = MHD_start_daemon(
        MHD_USE_AUTO_INTERNAL_THREAD | MHD_USE_ITC, 0, NULL, NULL, on_request, server, MHD_OPTION_LISTEN_SOCKET, socket,
        MHD_OPTION_CONNECTION_LIMIT, (unsigned)room, MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)IDLE_SECONDS,
        MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)CONNECTION_BYTES, MHD_OPTION_STRICT_FOR_CLIENT, 1,
        MHD_OPTION_NOTIFY_CONNECTION, on_connection, server, MHD_OPTION_NOTIFY_COMPLETED, on_completed, server,
        MHD_OPTION_URI_LOG_CALLBACK, on_target, server, MHD_OPTION_END);
    if (server->daemon) return SAE_OK;
    return sae_fail(err, SAE_E_IO, "the web server could not be started");
}

sae_status web_server_start(web_server **out, const web_config *config, const sae_env *env, sae_error *err)
{
    sae_status status;
    int socket = -1;
    web_server *server = calloc(1, sizeof *server);
    if (!server) return web_fail_memory(err);
    server->env = env;
    server->app.env = env;
    WEB_TRY(sae_store_open(&server->app.store, config->database, err));
    if (config->labels) WEB_TRY(sae_labels_open(&server->app.labels, config->labels, err));
    if (config->model) WEB_TRY(web_live_open(&server->app.live, config->model, server->app.store, env, err));
    WEB_TRY(make_token(server->app.token, err));
    WEB_TRY(web_assets_open(&server->assets, err));
    WEB_TRY(web_listen(config->host, config->port, &socket, server->url, sizeof server->url, err));
    WEB_TRY(start_daemon(server, socket, err));
    *out = server;
    return SAE_OK;
done:
    if (socket >= 0) close(socket);
    web_server_stop(server);
    return status;
}

const char *web_server_url(const web_server *server)
{
    return server->url;
}

void web_server_wait(web_server *server)
{
    while (!*server->env->stop) {
        poll(NULL, 0, TICK_MS); /* a signal ends it early */
        web_clients_expire(server->clients, now(), REQUEST_SECONDS);
    }
}

void web_server_stop(web_server *server)
{
    if (!server) return;
    if (server->daemon) MHD_stop_daemon(server->daemon);
    web_clients_free(server->clients);
    web_assets_close(server->assets);
    web_live_close(server->app.live);
    sae_labels_close(server->app.labels);
    sae_store_close(server->app.store);
    free(server);
}
