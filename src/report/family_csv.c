/* A family of SAEs as CSV, for figures made elsewhere. */
#include <sae/family.h>

#include "report/csv.h"
#include "report/draft.h"

sae_status sae_family_write_members(const sae_family *f, const char *path, sae_error *err)
{
    sae_draft draft;
    sae_status status = sae_draft_open(&draft, "a table of SAEs", err);
    if (status != SAE_OK) return status;
    fprintf(draft.stream, "number,sae,n,l0,mse,never_fired,first\n");
    for (size_t i = 0; i < f->n_members; i++) {
        const sae_family_member *m = &f->members[i];
        fprintf(draft.stream, "%zu,", i + 1);
        sae_csv_text(draft.stream, m->path);
        fprintf(draft.stream, ",%lld", (long long)m->n);
        sae_csv_field(draft.stream, m->l0);
        sae_csv_field(draft.stream, m->mse);
        fprintf(draft.stream, ",%lld,%lld\n", (long long)m->never_fired, (long long)f->n_first[i]);
    }
    return sae_draft_save(&draft, path, err);
}

sae_status sae_family_write_matrix(const sae_family *f, const char *path, sae_error *err)
{
    sae_draft draft;
    sae_status status = sae_draft_open(&draft, "a matrix of shares", err);
    if (status != SAE_OK) return status;
    fprintf(draft.stream, "member,other,latents,novel,share\n");
    for (size_t i = 0; i < f->n_members; i++)
        for (size_t j = 0; j < f->n_members; j++) {
            int64_t novel = f->novel[i * f->n_members + j];
            fprintf(draft.stream, "%zu,%zu,%lld,%lld", i + 1, j + 1, (long long)f->members[i].n, (long long)novel);
            sae_csv_field(draft.stream, (double)novel / (double)f->members[i].n);
            fputc('\n', draft.stream);
        }
    return sae_draft_save(&draft, path, err);
}

sae_status sae_family_write_tree(const sae_family *f, const char *path, sae_error *err)
{
    size_t smaller = f->n_members - 1;
    const sae_comparison *last = f->neighbours[smaller - 1];
    int64_t n = last->n_large;
    sae_draft draft;
    sae_status status = sae_draft_open(&draft, "a tree of latents", err);
    if (status != SAE_OK) return status;
    fprintf(draft.stream, "latent,n_active,first");
    for (size_t j = 0; j < smaller; j++) fprintf(draft.stream, ",nearest_%zu,cos_%zu", j + 1, j + 1);
    fputc('\n', draft.stream);
    for (int64_t k = 0; k < n; k++) {
        fprintf(draft.stream, "%lld,%lld,%d", (long long)k, (long long)last->n_active[k], f->first[k] + 1);
        for (size_t j = 0; j < smaller; j++) {
            fprintf(draft.stream, ",%d", f->ancestor[(int64_t)j * n + k]);
            sae_csv_field(draft.stream, f->ancestor_cos[(int64_t)j * n + k]);
        }
        fputc('\n', draft.stream);
    }
    return sae_draft_save(&draft, path, err);
}
