#include "web/server/labels.h"

#include "web/server/fail.h"

#include <stdlib.h>
#include <string.h>

/* Ids with a label that has the text. */
static sae_status labelled(const web_app *app, const char *hash, const char *text, int64_t **ids, size_t *count,
                           sae_error *err)
{
    const sae_label_table *table = NULL;
    sae_status status = sae_labels_get(app->labels, hash, text, &table, err);
    if (status != SAE_OK) return status;
    *ids = calloc(table->count + 1, sizeof **ids);
    if (!*ids) status = web_fail_memory(err);
    for (size_t i = 0; status == SAE_OK && i < table->count; i++) (*ids)[(*count)++] = table->labels[i].latent;
    sae_labels_free(table);
    return status;
}

static int by_number(const void *a_, const void *b_)
{
    const int64_t *a = a_, *b = b_;
    return (*a > *b) - (*a < *b);
}

/* Ids on a list; of those found before, which ascend, if `ids` is not NULL. */
static sae_status listed(const web_app *app, const char *hash, int64_t list, int64_t **ids, size_t *count,
                         sae_error *err)
{
    const sae_list_table *table = NULL;
    sae_status status = sae_labels_lists(app->labels, &table, err);
    if (status != SAE_OK) return status;
    const sae_list *found = NULL;
    for (size_t i = 0; i < table->count; i++)
        if (table->lists[i].id == list) found = &table->lists[i];
    int64_t *both = calloc(found ? found->count + 1 : 1, sizeof *both);
    size_t kept = 0;
    if (!both) status = web_fail_memory(err);
    for (size_t i = 0; both && found && i < found->count; i++) {
        const sae_list_item *item = &found->items[i];
        bool wanted = strcmp(item->sae_hash, hash) == 0;
        if (wanted && *ids) wanted = bsearch(&item->latent, *ids, *count, sizeof **ids, by_number) != NULL;
        if (wanted) both[kept++] = item->latent;
    }
    sae_labels_free(table);
    if (status != SAE_OK) return status;
    free(*ids);
    *ids = both;
    *count = kept;
    return SAE_OK;
}

sae_status web_labels_filter(web_request *request, int64_t sae, int64_t **ids, size_t *count, sae_error *err)
{
    const char *label = web_target_text(request->target, "label"), *list = web_target_text(request->target, "list");
    const char *hash = sae_store_get_sae(request->app->store, sae)->hash;
    int64_t id;
    sae_status status = SAE_OK;
    *ids = NULL;
    *count = 0;
    if (!label && !list) return SAE_OK;
    if (!request->app->labels)
        return sae_fail(err, SAE_E_UNSUPPORTED, "there are no labels: sae serve was started without --labels FILE");
    if (label) status = labelled(request->app, hash, label, ids, count, err);
    if (status == SAE_OK && list) status = web_target_int(request->target, "list", 0, INT64_MAX, &id, err);
    if (status == SAE_OK && list) status = listed(request->app, hash, id, ids, count, err);
    return status;
}
