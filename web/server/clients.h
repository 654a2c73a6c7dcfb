/* Who is connected, and since when each has owed a whole request or has not taken its answer: clients that send or read
 * a byte now and then never look idle, and would hold connections for ever. */
#ifndef WEB_CLIENTS_H
#define WEB_CLIENTS_H

#include <stddef.h>

typedef struct web_clients web_clients;
typedef struct web_client web_client;

/* NULL when out of memory. */
web_clients *web_clients_new(size_t capacity);
void web_clients_free(web_clients *clients);

/* A connection on `socket` was opened at `now` (seconds of a monotonic clock). When almost all places are taken, the
 * one that has waited longest is shut down. NULL when all are. */
web_client *web_clients_open(web_clients *clients, int socket, double now);
/* It is about to be closed; NULL is allowed. */
void web_clients_close(web_clients *clients, web_client *client);
/* Counts the time of its request from `since`: now, when it was answered or is about to be; INFINITY while it is being
 * worked on, so that it is not sent away meanwhile. */
void web_clients_count_from(web_clients *clients, web_client *client, double since);
/* Shuts down those whose request has taken longer than `seconds`. How many. */
size_t web_clients_expire(web_clients *clients, double now, double seconds);

#endif
