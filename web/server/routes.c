#include "web/server/handlers.h"
#include "web/server/route.h"

const web_route web_routes[] = {
    {"GET", "meta", web_get_meta},
    {0},
};
