/* GET /texts/ROW: tokens of the text; /documents/ID: where a document lies. */
#include "web/server/fail.h"
#include "web/server/handlers.h"
#include "web/server/json.h"

#define MOST_TOKENS 2048

sae_status web_get_text(web_request *request, json_t **out, sae_error *err)
{
    const sae_store *store = request->app->store;
    int64_t first, count = 256;
    const sae_store_passage *passage = NULL;
    sae_status status = web_segment_int(request->wild[0], "row", sae_store_get_meta(store)->rows - 1, &first, err);
    if (status != SAE_OK) {
        request->missing = true;
        return status;
    }
    WEB_TRY(web_target_int(request->target, "count", 1, MOST_TOKENS, &count, err));
    WEB_TRY(sae_store_text_at(request->app->store, first, count, &passage, err));
    *out = web_passage(passage);
    json_t *ids = json_array();
    for (size_t i = 0; i < passage->count; i++) json_array_append_new(ids, json_integer(passage->tokens[i].id));
    json_object_set_new(*out, "ids", ids);
done:
    sae_store_free(passage);
    return status;
}

sae_status web_get_document(web_request *request, json_t **out, sae_error *err)
{
    int64_t id;
    sae_store_document document;
    sae_status status = web_segment_int(request->wild[0], "document", INT64_MAX, &id, err);
    if (status == SAE_OK) status = sae_store_get_document(request->app->store, id, &document, err);
    if (status == SAE_OK)
        *out = json_pack("{s:I,s:I,s:I}", "id", (json_int_t)document.id, "first", (json_int_t)document.first, "count",
                         (json_int_t)document.count);
    else if (status == SAE_E_ARG)
        request->missing = true;
    return status;
}
