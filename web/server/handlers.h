/* The handlers of the JSON API, by the file that they stand in. docs/web.md has their keys. */
#ifndef WEB_HANDLERS_H
#define WEB_HANDLERS_H

#include "web/server/app.h"

/* api_meta.c */
sae_status web_get_meta(web_request *request, json_t **out, sae_error *err);

#endif
