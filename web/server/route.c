#include "web/server/route.h"

#include "web/server/fail.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define API_SEGMENTS 2 /* api, v1 */

sae_status web_missing(web_request *request, sae_error *err, const char *format, ...)
{
    char text[512];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    request->missing = true;
    return sae_fail(err, SAE_E_ARG, "%s", text);
}

/* Whether segments match "word/:/word"; fills wild. */
static bool matches(const char *pattern, const char *const *segments, size_t count, const char **wild)
{
    size_t used = 0, i = 0;
    for (const char *at = pattern; *at; i++) {
        size_t length = strcspn(at, "/");
        if (i == count) return false;
        if (length == 1 && *at == ':') {
            if (used == WEB_MAX_WILD) return false;
            wild[used++] = segments[i];
        } else if (strncmp(at, segments[i], length) != 0 || segments[i][length] != 0) {
            return false;
        }
        at += length + (at[length] == '/');
    }
    return i == count;
}

const web_route *web_route_find(const web_route *table, const char *method, const web_target *target,
                                web_request *request, bool *known)
{
    *known = false;
    if (target->n_segments < API_SEGMENTS || strcmp(target->segments[1], "v1") != 0) return NULL;
    for (const web_route *route = table; route->pattern; route++) {
        if (!matches(route->pattern, target->segments + API_SEGMENTS, target->n_segments - API_SEGMENTS, request->wild))
            continue;
        *known = true;
        if (strcmp(route->method, method) == 0) return route;
    }
    return NULL;
}

bool web_route_is_page(const web_target *target)
{
    static const char *const patterns[] = {
        "",         "s/:",  "s/:/f/:", "s/:/text",   "compare", "c/:/:",   "c/:/:/f/:/:", "c/:/:/n/:",
        "stitch/:", "tree", "meta/:",  "meta/:/m/:", "lists",   "lists/:", "help",
    };
    const char *wild[WEB_MAX_WILD];
    for (size_t i = 0; i < sizeof patterns / sizeof *patterns; i++)
        if (matches(patterns[i], target->segments, target->n_segments, wild)) return true;
    return false;
}
