/* GET /meta: what this server has and can do. */
#include "web/server/handlers.h"
#include "web/server/json.h"

static json_t *database(const sae_store_meta *meta)
{
    return json_pack("{s:s,s:s,s:o,s:o,s:o,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:b,s:b,s:b,s:I,s:o}", "build", meta->build,
                     "program", meta->program, "model", web_known(meta->model), "model_path",
                     web_known(meta->model_path), "hook_name", web_known(meta->hook_name), "d", (json_int_t)meta->d,
                     "rows", (json_int_t)meta->rows, "tokens", (json_int_t)meta->tokens, "excluded",
                     (json_int_t)meta->excluded, "contexts", (json_int_t)meta->contexts, "documents",
                     (json_int_t)meta->documents, "ctx", (json_int_t)meta->ctx, "vocab", (json_int_t)meta->vocab,
                     "prepend_bos", meta->prepend_bos, "center_residual", meta->center_residual, "keep_first",
                     meta->keep_first, "seed", (json_int_t)meta->seed, "logit_space", web_known(meta->logit_space));
}

sae_status web_get_meta(web_request *request, json_t **out, sae_error *err)
{
    const web_app *app = request->app;
    (void)err;
    *out =
        json_pack("{s:s,s:i,s:s,s:{s:b,s:o},s:{s:b},s:o}", "version", sae_version(), "schema", 1, "token", app->token,
                  "encode", "available", app->live != NULL, "why", app->live ? json_null() : json_string(WEB_NO_MODEL),
                  "labels", "writable", app->labels != NULL, "database", database(sae_store_get_meta(app->store)));
    return SAE_OK;
}
