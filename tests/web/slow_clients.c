/* slow_clients ADDRESS PORT COUNT SECONDS: opens COUNT connections that each send one byte of a request now and then,
 * and sees that the server goes on answering others: several whole requests, each within a second. Prints how many were
 * answered and the longest time in milliseconds. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { PATIENCE_MS = 5000, ROUNDS_PER_SECOND = 4 };

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static int connect_to(const char *address, int port)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons((unsigned short)port)};
    int s = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (s < 0 || inet_pton(AF_INET, address, &a.sin_addr) != 1) return -1;
    if (connect(s, (struct sockaddr *)&a, sizeof a) == 0) return s;
    close(s);
    return -1;
}

/* Seconds until a whole request was answered with 200, or −1. */
static double ask(const char *address, int port)
{
    static const char request[] = "GET /api/v1/meta HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    char start[16] = "";
    double began = now();
    int s = connect_to(address, port);
    if (s < 0) return -1;
    struct pollfd wait = {.fd = s, .events = POLLIN};
    int good = send(s, request, sizeof request - 1, MSG_NOSIGNAL) == (ssize_t)sizeof request - 1 &&
               poll(&wait, 1, PATIENCE_MS) == 1 && recv(s, start, sizeof start - 1, 0) >= 12 &&
               strncmp(start, "HTTP/1.1 200", 12) == 0;
    close(s);
    return good ? now() - began : -1;
}

int main(int argc, char **argv)
{
    if (argc != 5) return 2;
    int port = atoi(argv[2]), count = atoi(argv[3]), seconds = atoi(argv[4]), answered = 0, open = 0;
    static const char slow[] =
        "GET /api/v1/saes HTTP/1.1\r\nHost: localhost\r\nX-Slow: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
    struct rlimit limit;
    getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
    int *clients = calloc((size_t)count, sizeof *clients);
    double worst = 0;
    if (!clients) return 2;
    for (int i = 0; i < count; i++) {
        clients[i] = connect_to(argv[1], port);
        open += clients[i] >= 0;
    }
    for (int round = 0; round < seconds * ROUNDS_PER_SECOND; round++) {
        for (int i = 0; i < count; i++)
            if (clients[i] >= 0)
                (void)!send(clients[i], slow + (size_t)round % (sizeof slow - 1), 1, MSG_NOSIGNAL | MSG_DONTWAIT);
        double took = ask(argv[1], port);
        answered += took >= 0;
        if (took > worst) worst = took;
        poll(NULL, 0, 1000 / ROUNDS_PER_SECOND);
    }
    for (int i = 0; i < count; i++)
        if (clients[i] >= 0) close(clients[i]);
    free(clients);
    printf("%d of %d slow clients connected; %d of %d requests answered, the slowest in %.0f ms\n", open, count,
           answered, seconds * ROUNDS_PER_SECOND, 1000 * worst);
    return answered == seconds * ROUNDS_PER_SECOND && worst < 1 && open == count ? 0 : 1;
}
