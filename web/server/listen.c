#include "web/server/listen.h"

#include "web/server/fail.h"
#include "web/server/server.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#define MOST_CONNECTIONS  2048
#define LEAST_CONNECTIONS 32
#define OTHER_FILES       64 /* libraries, the database, files of the model */
#define BACKLOG           1024

typedef union address {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
} address;

static bool read_address(const char *host, int64_t port, address *out, socklen_t *size)
{
    *out = (address){0};
    if (inet_pton(AF_INET, host, &out->v4.sin_addr) == 1) {
        out->v4.sin_family = AF_INET;
        out->v4.sin_port = htons((uint16_t)port);
        *size = sizeof out->v4;
        return true;
    }
    if (inet_pton(AF_INET6, host, &out->v6.sin6_addr) == 1) {
        out->v6.sin6_family = AF_INET6;
        out->v6.sin6_port = htons((uint16_t)port);
        *size = sizeof out->v6;
        return true;
    }
    return false;
}

bool web_address_is_local(const char *host)
{
    address a;
    socklen_t size;
    if (!read_address(host, 0, &a, &size)) return false;
    if (a.any.sa_family == AF_INET6) return IN6_IS_ADDR_LOOPBACK(&a.v6.sin6_addr);
    return (ntohl(a.v4.sin_addr.s_addr) >> 24) == 127;
}

static sae_status failed(int socket_, const char *host, int64_t port, sae_error *err)
{
    int code = errno;
    if (socket_ >= 0) close(socket_);
    if (code == EADDRINUSE)
        return sae_fail(err, SAE_E_IO,
                        "port %lld of %s is taken by another program; --port takes another number, or 0 "
                        "for a free one",
                        (long long)port, host);
    if (code == EACCES)
        return sae_fail(err, SAE_E_IO, "port %lld may not be used without privileges; choose one above 1023",
                        (long long)port);
    return sae_fail(err, SAE_E_IO, "cannot listen on %s, port %lld: %s", host, (long long)port, strerror(code));
}

sae_status web_listen(const char *host, int64_t port, int *out, char *url, size_t url_size, sae_error *err)
{
    address a;
    socklen_t size;
    if (!read_address(host, port, &a, &size))
        return sae_fail(err, SAE_E_ARG, "--host is \"%.60s\"; it takes an address in numbers, such as 127.0.0.1 or ::1",
                        host);
    int on = 1, s = socket(a.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (s < 0 || setsockopt(s, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) != 0 || bind(s, &a.any, size) != 0 ||
        listen(s, BACKLOG) != 0 || getsockname(s, &a.any, &size) != 0)
        return failed(s, host, port, err);
    bool v6 = a.any.sa_family == AF_INET6;
    snprintf(url, url_size, v6 ? "http://[%s]:%d/" : "http://%s:%d/", host, ntohs(v6 ? a.v6.sin6_port : a.v4.sin_port));
    *out = s;
    return SAE_OK;
}

size_t web_connection_room(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return LEAST_CONNECTIONS;
    rlim_t wanted = MOST_CONNECTIONS + OTHER_FILES;
    if (limit.rlim_max != RLIM_INFINITY && wanted > limit.rlim_max) wanted = limit.rlim_max;
    if (limit.rlim_cur != RLIM_INFINITY && limit.rlim_cur < wanted) {
        struct rlimit raised = {.rlim_cur = wanted, .rlim_max = limit.rlim_max};
        if (setrlimit(RLIMIT_NOFILE, &raised) == 0) limit = raised;
    }
    if (limit.rlim_cur == RLIM_INFINITY || limit.rlim_cur >= MOST_CONNECTIONS + OTHER_FILES) return MOST_CONNECTIONS;
    return limit.rlim_cur < LEAST_CONNECTIONS + OTHER_FILES ? LEAST_CONNECTIONS : (size_t)limit.rlim_cur - OTHER_FILES;
}
