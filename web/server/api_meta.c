/* GET /meta: what this server has and can do. */
#include "web/server/handlers.h"

sae_status web_get_meta(web_request *request, json_t **out, sae_error *err)
{
    (void)err;
    *out = json_pack("{s:s,s:i,s:s}", "version", sae_version(), "schema", 1, "token", request->app->token);
    return SAE_OK;
}
