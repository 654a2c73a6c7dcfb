#include "web/server/clients.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/socket.h>

struct web_client {
    int socket;
    double since;
    bool used, shut; /* shut: told to go, not yet closed */
};

/* The lock makes a socket's number safe to use: web_clients_close comes before it is closed, and its number belongs to
 * this connection until then. */
struct web_clients {
    pthread_mutex_t lock;
    size_t capacity, used;
    web_client *all;
};

web_clients *web_clients_new(size_t capacity)
{
    web_clients *clients = calloc(1, sizeof *clients);
    if (!clients) return NULL;
    clients->all = calloc(capacity, sizeof *clients->all);
    clients->capacity = capacity;
    if (clients->all && pthread_mutex_init(&clients->lock, NULL) == 0) return clients;
    free(clients->all);
    free(clients);
    return NULL;
}

void web_clients_free(web_clients *clients)
{
    if (!clients) return;
    pthread_mutex_destroy(&clients->lock);
    free(clients->all);
    free(clients);
}

static void shut_down(web_client *client)
{
    client->shut = true;
    shutdown(client->socket, SHUT_RDWR);
}

static void shut_down_oldest(web_clients *clients)
{
    web_client *oldest = NULL;
    for (size_t i = 0; i < clients->capacity; i++) {
        web_client *client = &clients->all[i];
        if (client->used && !client->shut && (!oldest || client->since < oldest->since)) oldest = client;
    }
    if (oldest) shut_down(oldest);
}

web_client *web_clients_open(web_clients *clients, int socket, double now)
{
    web_client *found = NULL;
    pthread_mutex_lock(&clients->lock);
    if (clients->used >= clients->capacity - clients->capacity / 8) shut_down_oldest(clients);
    for (size_t i = 0; i < clients->capacity && !found; i++)
        if (!clients->all[i].used) found = &clients->all[i];
    if (found) {
        *found = (web_client){.socket = socket, .since = now, .used = true};
        clients->used++;
    }
    pthread_mutex_unlock(&clients->lock);
    return found;
}

void web_clients_close(web_clients *clients, web_client *client)
{
    if (!client) return;
    pthread_mutex_lock(&clients->lock);
    client->used = false;
    clients->used--;
    pthread_mutex_unlock(&clients->lock);
}

void web_clients_count_from(web_clients *clients, web_client *client, double since)
{
    if (!client) return;
    pthread_mutex_lock(&clients->lock);
    client->since = since;
    pthread_mutex_unlock(&clients->lock);
}

size_t web_clients_expire(web_clients *clients, double now, double seconds)
{
    size_t count = 0;
    pthread_mutex_lock(&clients->lock);
    for (size_t i = 0; i < clients->capacity; i++) {
        web_client *client = &clients->all[i];
        if (!client->used || client->shut || now - client->since <= seconds) continue;
        shut_down(client);
        count++;
    }
    pthread_mutex_unlock(&clients->lock);
    return count;
}
