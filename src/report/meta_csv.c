/* A meta-SAE as CSV, for figures made elsewhere. */
#include <sae/meta.h>

#include "report/csv.h"
#include "report/draft.h"

#include <math.h>

sae_status sae_meta_write_decomposition(const sae_meta *m, const char *path, sae_error *err)
{
    sae_draft draft;
    sae_status status = sae_draft_open(&draft, "a table of decompositions", err);
    if (status != SAE_OK) return status;
    fprintf(draft.stream, "latent,explained,meta_latent,activation,cosine\n");
    for (int64_t r = 0; r < m->rows; r++) {
        int64_t first = m->row_offsets[r], end = m->row_offsets[r + 1];
        for (int64_t p = first; p < end || p == first; p++) {
            fprintf(draft.stream, "%d", m->ids[r]);
            sae_csv_field(draft.stream, m->explained[r]);
            if (first == end) {
                fprintf(draft.stream, ",,,\n");
                continue;
            }
            fprintf(draft.stream, ",%d", m->row_parts[p].id);
            sae_csv_field(draft.stream, (double)m->row_parts[p].activation);
            sae_csv_field(draft.stream, m->row_parts[p].cosine);
            fputc('\n', draft.stream);
        }
    }
    return sae_draft_save(&draft, path, err);
}

sae_status sae_meta_write_meta_latents(const sae_meta *m, const char *path, sae_error *err)
{
    sae_draft draft;
    sae_status status = sae_draft_open(&draft, "a table of meta-latents", err);
    if (status != SAE_OK) return status;
    fprintf(draft.stream, "meta_latent,latents,mean_activation,max_activation,max_cos,nearest,latent_ids\n");
    for (int64_t i = 0; i < m->width; i++) {
        const sae_meta_part *parts = m->meta_parts + m->meta_offsets[i];
        int64_t count = m->meta_offsets[i + 1] - m->meta_offsets[i];
        double sum = 0;
        for (int64_t p = 0; p < count; p++) sum += (double)parts[p].activation;
        fprintf(draft.stream, "%lld,%lld", (long long)i, (long long)count);
        sae_csv_field(draft.stream, count > 0 ? sum / (double)count : NAN);
        sae_csv_field(draft.stream, count > 0 ? (double)parts[0].activation : NAN);
        sae_csv_field(draft.stream, m->max_cos ? m->max_cos[i] : NAN);
        fputc(',', draft.stream);
        if (m->nearest) fprintf(draft.stream, "%d", m->nearest[i]);
        fputc(',', draft.stream);
        for (int64_t p = 0; p < count; p++) fprintf(draft.stream, p ? " %d" : "%d", parts[p].id);
        fputc('\n', draft.stream);
    }
    return sae_draft_save(&draft, path, err);
}

sae_status sae_meta_write_against(const sae_meta *m, const char *path, sae_error *err)
{
    sae_draft draft;
    sae_status status = sae_draft_open(&draft, "a table of cosines", err);
    if (status != SAE_OK) return status;
    fprintf(draft.stream, "meta_latent,max_cos,nearest,random_max_cos\n");
    for (int64_t i = 0; m->max_cos && i < m->width; i++) {
        fprintf(draft.stream, "%lld", (long long)i);
        sae_csv_field(draft.stream, m->max_cos[i]);
        fprintf(draft.stream, ",%d", m->nearest[i]);
        sae_csv_field(draft.stream, m->random_max_cos[i]);
        fputc('\n', draft.stream);
    }
    return sae_draft_save(&draft, path, err);
}

sae_status sae_meta_write_baselines(const sae_meta *m, const char *path, sae_error *err)
{
    const struct {
        const char *name;
        const sae_meta_fit *fit;
    } lines[] = {
        {"meta_sae_batchtopk", &m->batchtopk}, {"meta_sae_threshold", &m->threshold},        {"pca", &m->pca},
        {"random_rows", &m->random_rows},      {"random_directions", &m->random_directions},
    };
    sae_draft draft;
    sae_status status = sae_draft_open(&draft, "a table of dictionaries", err);
    if (status != SAE_OK) return status;
    fprintf(draft.stream, "dictionary,l0,explained_variance,explained_variance_uncentred\n");
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        fputs(lines[i].name, draft.stream);
        sae_csv_field(draft.stream, lines[i].fit->l0);
        sae_csv_field(draft.stream, lines[i].fit->explained_variance);
        sae_csv_field(draft.stream, lines[i].fit->explained_variance_uncentred);
        fputc('\n', draft.stream);
    }
    return sae_draft_save(&draft, path, err);
}
