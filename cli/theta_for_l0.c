#include "cli/theta_for_l0.h"

#include "cli/rows.h"

#include <stdlib.h>

enum { BATCH = 1024, MAX_ROWS = 65536 };

/* The largest values seen so far: at least the `wanted` largest, and never more than `room`. */
typedef struct largest {
    float *values;
    int64_t count, room, wanted;
    float least; /* values up to it are not needed */
} largest;

static int descending(const void *a, const void *b)
{
    float x = *(const float *)a, y = *(const float *)b;
    return (x < y) - (x > y);
}

static void prune(largest *l)
{
    qsort(l->values, (size_t)l->count, sizeof *l->values, descending);
    if (l->count < l->wanted) return;
    l->count = l->wanted;
    l->least = l->values[l->wanted - 1];
}

static void add(largest *l, const float *values, int64_t count)
{
    for (int64_t i = 0; i < count; i++) {
        if (values[i] <= l->least) continue;
        if (l->count == l->room) prune(l);
        if (values[i] > l->least) l->values[l->count++] = values[i];
    }
}

sae_status cli_theta_for_l0(cli_app *app, const sae_model *model, const char *path, int64_t k, double *theta,
                            sae_error *err)
{
    sae_status status;
    cli_rows rows = {0};
    largest l = {0};
    float *x = NULL;
    int64_t *ids = calloc(BATCH, sizeof *ids);
    sae_codes *codes = sae_codes_new();
    CLI_TRY(cli_rows_configure(&rows, app, err));
    CLI_TRY(cli_rows_open(&rows, path, app, err));
    const sae_source_info *info = sae_source_get_info(rows.source);
    CLI_TRY(cli_check_width(model, &info->meta, path, err));
    cli_warn_mismatch(app, model, &info->meta);
    int64_t used = info->usable < MAX_ROWS ? info->usable : MAX_ROWS;
    l.wanted = k * used + 1; /* θ is the largest activation that is not to fire */
    l.room = 2 * l.wanted;
    l.values = calloc((size_t)l.room, sizeof *l.values);
    x = calloc((size_t)(BATCH * info->d), sizeof *x);
    if (!ids || !codes || !l.values || !x) CLI_TRY(cli_fail_memory(err));
    for (int64_t first = 0; first < used; first += BATCH) {
        int64_t count = used - first < BATCH ? used - first : BATCH;
        CLI_TRY(cli_step(app, "measuring", "rows", first, used, "nothing was written", err));
        CLI_TRY(sae_source_usable(rows.source, first, count, x, ids, err));
        CLI_TRY(sae_model_encode(model, x, count, codes, &app->env, err));
        add(&l, codes->values, codes->row_offsets[count]);
    }
    prune(&l);
    *theta = l.count == l.wanted ? (double)l.values[l.wanted - 1] : 0;
done:
    cli_rows_close(&rows);
    sae_codes_free(codes);
    free(ids);
    free(x);
    free(l.values);
    return status;
}
