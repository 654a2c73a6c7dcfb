/* From a request's method and path to the handler: /api/v1/… */
#ifndef WEB_ROUTE_H
#define WEB_ROUTE_H

#include "web/server/app.h"

typedef struct web_route {
    const char *method;  /* GET, PUT, POST or DELETE */
    const char *pattern; /* segments after /api/v1, such as "saes/:/latents/:" where ":" stands for any one */
    web_handler handler;
} web_route;

/* The table of all routes, NULL pattern at the end (routes.c). */
extern const web_route web_routes[];

/* The route of `method` for the path; fills request->wild. NULL when there is none; *known then tells whether the path
 * exists with another method. */
const web_route *web_route_find(const web_route *table, const char *method, const web_target *target,
                                web_request *request, bool *known);

/* Whether a path without /api or /assets is one that the page shows something at. */
bool web_route_is_page(const web_target *target);

#endif
