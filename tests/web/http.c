/* http METHOD URL [HEADER…] [--body TEXT]: one request to a server at a numeric address, for the tests. Prints the body
 * on stdout, the status line and the headers on stderr. Exit status 1 when there was no
 * whole answer. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

enum { MOST = 64 << 20, SECONDS = 30 };

static int fail(const char *why)
{
    fprintf(stderr, "http: %s\n", why);
    return 1;
}

static int connect_to(const char *address, int port)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons((unsigned short)port)};
    struct timeval patience = {.tv_sec = SECONDS};
    int s = socket(AF_INET, SOCK_STREAM, 0);
    if (s < 0 || inet_pton(AF_INET, address, &a.sin_addr) != 1) return -1;
    setsockopt(s, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    return connect(s, (struct sockaddr *)&a, sizeof a) == 0 ? s : -1;
}

static int send_all(int s, const char *data, size_t size)
{
    while (size > 0) {
        ssize_t sent = send(s, data, size, MSG_NOSIGNAL);
        if (sent <= 0) return -1;
        data += sent;
        size -= (size_t)sent;
    }
    return 0;
}

int main(int argc, char **argv)
{
    char address[64], path[16384] = "/", host[80];
    const char *body = NULL;
    int port, own_host = 0;
    if (argc < 3 || sscanf(argv[2], "http://%63[0-9.]:%d%16383[^\n]", address, &port, path) < 2)
        return fail("usage: http METHOD http://ADDRESS:PORT/PATH [HEADER...] [--body TEXT]");
    for (int i = 3; i < argc; i++) {
        if (strcmp(argv[i], "--body") == 0 && i + 1 < argc) body = argv[++i];
        if (strncasecmp(argv[i], "host:", 5) == 0) own_host = 1;
    }
    snprintf(host, sizeof host, "%s:%d", address, port);
    char *request = NULL, *answer = malloc(MOST + 1);
    size_t request_size = 0, size = 0;
    FILE *out = open_memstream(&request, &request_size);
    if (!out || !answer) return fail("out of memory");
    fprintf(out, "%s %s HTTP/1.1\r\n", argv[1], path);
    if (!own_host) fprintf(out, "Host: %s\r\n", host);
    for (int i = 3; i < argc; i++) {
        if (strcmp(argv[i], "--body") == 0)
            i++;
        else
            fprintf(out, "%s\r\n", argv[i]);
    }
    if (body) fprintf(out, "Content-Length: %zu\r\n", strlen(body));
    fprintf(out, "Connection: close\r\n\r\n%s", body ? body : "");
    fclose(out);
    int s = connect_to(address, port);
    if (s < 0) return fail("no connection");
    send_all(s, request, request_size); /* a refusal may come before all is sent */
    for (ssize_t got = 1; got > 0 && size<MOST; size += got> 0 ? (size_t)got : 0)
        got = recv(s, answer + size, MOST - size, 0);
    close(s);
    answer[size] = 0;
    char *end = strstr(answer, "\r\n\r\n");
    if (!end) return fail("no whole answer");
    fwrite(answer, 1, (size_t)(end - answer), stderr);
    fputc('\n', stderr);
    fwrite(end + 4, 1, size - (size_t)(end + 4 - answer), stdout);
    free(request);
    free(answer);
    return 0;
}
