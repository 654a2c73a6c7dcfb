/* The socket that the server listens on. */
#ifndef WEB_LISTEN_H
#define WEB_LISTEN_H

#include <sae/status.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Listens on a numeric address; port 0 takes a free one. *url becomes "http://ADDRESS:PORT/". */
sae_status web_listen(const char *host, int64_t port, int *out, char *url, size_t url_size, sae_error *err);
/* Raises the limit of open files, and says how many connections fit under it. */
size_t web_connection_room(void);

#endif
