#include "web/server/guard.h"

#include <arpa/inet.h>
#include <string.h>
#include <strings.h>

static bool is_port(const char *text)
{
    size_t digits = strspn(text, "0123456789");
    return digits >= 1 && digits <= 5 && text[digits] == 0;
}

bool web_host_is_local(const char *host)
{
    char name[64];
    unsigned char address[sizeof(struct in6_addr)];
    if (!host) return false;
    bool bracketed = host[0] == '[';
    const char *start = host + bracketed;
    size_t length = strcspn(start, bracketed ? "]" : ":");
    if (length == 0 || length >= sizeof name) return false;
    memcpy(name, start, length);
    name[length] = 0;
    const char *rest = start + length;
    if (bracketed) {
        if (*rest != ']') return false;
        rest++;
    }
    if (*rest && (*rest != ':' || !is_port(rest + 1))) return false;
    if (bracketed) return inet_pton(AF_INET6, name, address) == 1;
    return strcasecmp(name, "localhost") == 0 || inet_pton(AF_INET, name, address) == 1;
}

bool web_origin_matches(const char *origin, const char *host, bool required)
{
    static const char scheme[] = "http://";
    if (!origin) return !required;
    return strncmp(origin, scheme, sizeof scheme - 1) == 0 && strcasecmp(origin + sizeof scheme - 1, host) == 0;
}
