#include "web/server/columns.h"

#include "web/server/fail.h"

#include <stdlib.h>

#define ROWS_AT_ONCE 10000

sae_status web_columns_read(sae_store *store, int64_t sae, int64_t vs, web_columns *out, sae_error *err)
{
    sae_store_query query = sae_store_query_default(sae);
    const sae_store_sae *info = sae_store_get_sae(store, sae);
    double **const arrays[] = {&out->n_active, &out->cosine, &out->pearson, &out->nearest, &out->mutual};
    *out = (web_columns){.n = info->n};
    for (size_t i = 0; i < sizeof arrays / sizeof *arrays; i++) {
        *arrays[i] = calloc((size_t)info->n + 1, sizeof(double));
        if (!*arrays[i]) return web_fail_memory(err);
    }
    query.vs = vs;
    query.limit = ROWS_AT_ONCE;
    for (query.offset = 0; query.offset < info->n; query.offset += ROWS_AT_ONCE) {
        const sae_store_table *table;
        sae_status status = sae_store_latents(store, &query, &table, err);
        if (status != SAE_OK) return status;
        for (size_t i = 0; i < table->count; i++) {
            const sae_store_row *row = &table->rows[i];
            if (row->id < 0 || row->id >= info->n) continue;
            out->n_active[row->id] = (double)row->n_active;
            out->cosine[row->id] = row->value[SAE_COLUMN_VS_COS];
            out->pearson[row->id] = row->value[SAE_COLUMN_VS_PEARSON];
            out->nearest[row->id] = (double)row->vs_latent;
            out->mutual[row->id] = row->vs_mutual;
        }
        sae_store_free(table);
    }
    return SAE_OK;
}

void web_columns_clear(web_columns *columns)
{
    free(columns->n_active);
    free(columns->cosine);
    free(columns->pearson);
    free(columns->nearest);
    free(columns->mutual);
    *columns = (web_columns){0};
}
