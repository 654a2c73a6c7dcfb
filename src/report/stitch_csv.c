/* A stitching as CSV, for figures made elsewhere. */
#include <sae/stitch.h>

#include "report/csv.h"
#include "report/draft.h"

sae_status sae_stitch_write_latents(const sae_stitch *s, const char *path, sae_error *err)
{
    sae_draft draft;
    sae_status status = sae_draft_open(&draft, "a table of latents", err);
    if (status != SAE_OK) return status;
    fprintf(draft.stream, "latent,max_cos,nearest,n_active,delta_mse,delta_mse_se,inserted\n");
    for (int64_t i = 0; i < s->n_large; i++) {
        fprintf(draft.stream, "%lld,%.9g,%d,%lld", (long long)i, s->max_cos[i], s->nearest[i],
                (long long)s->n_active[i]);
        sae_csv_field(draft.stream, s->delta_mse[i]);
        sae_csv_field(draft.stream, s->delta_mse_se[i]);
        fprintf(draft.stream, ",%d\n", !(s->max_cos[i] > s->threshold));
    }
    return sae_draft_save(&draft, path, err);
}

sae_status sae_stitch_write_roc(const sae_stitch *s, const char *path, sae_error *err)
{
    sae_draft draft;
    sae_status status = sae_draft_open(&draft, "a ROC curve", err);
    if (status != SAE_OK) return status;
    fprintf(draft.stream, "threshold,sensitivity,specificity\n");
    for (int64_t i = 0; i < s->n_roc; i++) {
        sae_csv_real(draft.stream, s->roc[i].threshold);
        sae_csv_field(draft.stream, s->roc[i].sensitivity);
        sae_csv_field(draft.stream, s->roc[i].specificity);
        fputc('\n', draft.stream);
    }
    return sae_draft_save(&draft, path, err);
}

static void ids(FILE *stream, const int32_t *values, int64_t count)
{
    fputc(',', stream);
    for (int64_t i = 0; i < count; i++) fprintf(stream, i ? " %d" : "%d", values[i]);
}

sae_status sae_stitch_write_components(const sae_stitch *s, const char *path, sae_error *err)
{
    sae_draft draft;
    sae_status status = sae_draft_open(&draft, "a table of components", err);
    if (status != SAE_OK) return status;
    fprintf(draft.stream, "component,small,large,max_cos,delta_mse,small_ids,large_ids\n");
    for (int64_t i = 0; i < s->n_swap + s->n_remove; i++) {
        const sae_stitch_component *c = &s->components[i];
        fprintf(draft.stream, "%lld,%lld,%lld", (long long)i, (long long)c->n_small, (long long)c->n_large);
        sae_csv_field(draft.stream, c->max_cos);
        sae_csv_field(draft.stream, c->delta_mse);
        ids(draft.stream, c->small, c->n_small);
        ids(draft.stream, c->large, c->n_large);
        fputc('\n', draft.stream);
    }
    return sae_draft_save(&draft, path, err);
}

sae_status sae_stitch_write_path(const sae_stitch *s, const char *path, sae_error *err)
{
    sae_draft draft;
    sae_status status = sae_draft_open(&draft, "a table of states", err);
    if (status != SAE_OK) return status;
    fprintf(draft.stream, "order,operations,phase,inserted,removed,mse,fvu,l0,ce\n");
    for (int o = 0; o < SAE_STITCH_ORDERS; o++)
        for (int64_t i = 0; i < s->paths[o].n_entries; i++) {
            const sae_stitch_entry *e = &s->paths[o].entries[i];
            fprintf(draft.stream, "%s,%lld,%s,%lld,%lld", sae_stitch_order_name((sae_stitch_order)o),
                    (long long)e->operations, sae_stitch_phase_name(e->phase), (long long)e->inserted,
                    (long long)e->removed);
            sae_csv_field(draft.stream, e->quality.mse);
            sae_csv_field(draft.stream, e->quality.fvu);
            sae_csv_field(draft.stream, e->quality.l0);
            sae_csv_field(draft.stream, e->ce);
            fputc('\n', draft.stream);
        }
    return sae_draft_save(&draft, path, err);
}
