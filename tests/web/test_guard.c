/* Which hosts and origins are answered, routes, and who is shut out when connections run short. */
#include "testing.h"

#include "web/server/clients.h"
#include "web/server/guard.h"
#include "web/server/route.h"

#include <math.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static void hosts(void **state)
{
    (void)state;
    static const char *const good[] = {"localhost",      "LOCALHOST:8000", "127.0.0.1", "127.0.0.1:1",
                                       "10.1.2.3:65535", "[::1]",          "[::1]:8000"};
    static const char *const bad[] = {
        "",
        "evil.com",
        "evil.com:8000",
        "localhost.evil.com",
        "127.0.0.1.evil.com",
        "localhost:",
        "localhost:80a",
        "localhost:123456",
        "127.0.0.1 ",
        "[::1",
        "[::1]x",
        "[127.0.0.1]",
        "::1",
        "127.1",
        "0x7f.0.0.1",
        "user@localhost",
        "localhost/",
        "an-endless-name-that-does-not-fit-into-any-buffer-of-the-guard-aaaaaaaaaaaaaaaaa"};
    for (size_t i = 0; i < sizeof good / sizeof *good; i++)
        if (!web_host_is_local(good[i])) fail_msg("%s was refused", good[i]);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        if (web_host_is_local(bad[i])) fail_msg("%s was let in", bad[i]);
    assert_false(web_host_is_local(NULL));
}

static void origins(void **state)
{
    (void)state;
    assert_true(web_origin_matches(NULL, "localhost:8000", false));
    assert_false(web_origin_matches(NULL, "localhost:8000", true));
    assert_true(web_origin_matches("http://localhost:8000", "localhost:8000", true));
    assert_false(web_origin_matches("http://localhost:8001", "localhost:8000", true));
    assert_false(web_origin_matches("https://localhost:8000", "localhost:8000", true));
    assert_false(web_origin_matches("http://localhost:8000.evil.com", "localhost:8000", true));
    assert_false(web_origin_matches("null", "localhost:8000", false));
    assert_false(web_origin_matches("", "localhost:8000", false));
}

static sae_status handler(web_request *request, json_t **out, sae_error *err)
{
    (void)request;
    (void)out;
    (void)err;
    return SAE_OK;
}

static void routes(void **state)
{
    (void)state;
    static const web_route table[] = {
        {"GET", "saes", handler}, {"GET", "saes/:/latents/:", handler}, {"PUT", "saes/:/latents/:", handler}, {0}};
    static const struct {
        const char *method, *path;
        int found; /* index, or −1 */
        bool known;
    } cases[] = {
        {"GET", "/api/v1/saes", 0, true},
        {"GET", "/api/v1/saes/", 0, true},
        {"GET", "/api/v1/saes/a/latents/7", 1, true},
        {"PUT", "/api/v1/saes/a/latents/7", 2, true},
        {"DELETE", "/api/v1/saes/a/latents/7", -1, true},
        {"GET", "/api/v1/saes/a/latents", -1, false},
        {"GET", "/api/v1/saes/a/latents/7/x", -1, false},
        {"GET", "/api/v2/saes", -1, false},
        {"GET", "/api", -1, false},
        {"GET", "/api/v1/sae", -1, false},
        {"GET", "/api/v1/saesx", -1, false},
        {"GET", "/api/v1/:", -1, false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        web_target target;
        bool known;
        assert_int_equal(web_target_parse(&target, cases[i].path, NULL), SAE_OK);
        web_request request = {.target = &target};
        const web_route *found = web_route_find(table, cases[i].method, &target, &request, &known);
        int index = found ? (int)(found - table) : -1;
        if (index != cases[i].found || known != cases[i].known)
            fail_msg("%s %s: route %d, known %d", cases[i].method, cases[i].path, index, known);
        if (index > 0) {
            assert_string_equal(request.wild[0], "a");
            assert_string_equal(request.wild[1], "7");
        }
        web_target_clear(&target);
    }
}

/* A connection is a pair of sockets; the other end sees whether it was shut down. */
static bool is_shut(int end)
{
    char byte;
    return recv(end, &byte, 1, MSG_DONTWAIT) == 0;
}

static void slow_clients(void **state)
{
    (void)state;
    enum { ROOM = 16 };
    int ends[ROOM][2];
    web_client *places[ROOM];
    web_clients *clients = web_clients_new(ROOM);
    assert_non_null(clients);
    for (int i = 0; i < ROOM; i++) assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, ends[i]), 0);
    /* 14 of 16 places may be taken before the oldest has to go */
    for (int i = 0; i < 14; i++) places[i] = web_clients_open(clients, ends[i][0], i);
    for (int i = 0; i < 14; i++) assert_false(is_shut(ends[i][1]));
    web_clients_count_from(clients, places[0], 20); /* no longer the one that has waited longest */
    places[14] = web_clients_open(clients, ends[14][0], 21);
    assert_true(is_shut(ends[1][1]));
    assert_false(is_shut(ends[0][1]) || is_shut(ends[2][1]));
    places[15] = web_clients_open(clients, ends[15][0], 21);
    assert_true(is_shut(ends[2][1])); /* 1 is on its way out already */
    assert_null(web_clients_open(clients, ends[0][0], 22));
    assert_true(is_shut(ends[3][1]));
    web_clients_close(clients, NULL);
    web_clients_close(clients, places[1]);
    places[1] = web_clients_open(clients, ends[1][0], 40);
    assert_non_null(places[1]);
    /* those of 4 … 13 have taken longer than 20 seconds; 4 had to make room for the last one */
    assert_int_equal(web_clients_expire(clients, 40, 20), 9);
    assert_true(is_shut(ends[13][1]));
    assert_false(is_shut(ends[0][1]) || is_shut(ends[14][1]));
    assert_int_equal(web_clients_expire(clients, 40, 20), 0);
    web_clients_count_from(clients, places[0], INFINITY); /* worked on, however long that takes */
    assert_int_equal(web_clients_expire(clients, 1e6, 20), 3);
    assert_false(is_shut(ends[0][1]));
    web_clients_count_from(clients, places[0], 1e6);
    assert_int_equal(web_clients_expire(clients, 1e6 + 21, 20), 1);
    web_clients_free(clients);
    for (int i = 0; i < ROOM; i++) {
        close(ends[i][0]);
        close(ends[i][1]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hosts),
        cmocka_unit_test(origins),
        cmocka_unit_test(routes),
        cmocka_unit_test(slow_clients),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
