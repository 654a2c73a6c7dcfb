/* The L0–FVU frontier as CSV. */
#include <sae/frontier.h>

#include "report/csv.h"
#include "report/draft.h"

sae_status sae_frontier_write_csv(const sae_frontier_point *points, size_t count, int64_t tokens, const char *path,
                                  sae_error *err)
{
    sae_draft draft;
    sae_status status = sae_draft_open(&draft, "a table of SAEs", err);
    if (status != SAE_OK) return status;
    FILE *out = draft.stream;
    fputs("sae,arch,width,k,l0,fvu,on_frontier,tokens\n", out);
    for (size_t i = 0; i < count; i++) {
        const sae_frontier_point *p = &points[i];
        sae_csv_text(out, p->path);
        fprintf(out, ",%s,%lld,", sae_arch_name(p->arch), (long long)p->width);
        if (p->k > 0) fprintf(out, "%lld", (long long)p->k);
        fputc(',', out);
        sae_csv_real(out, p->l0);
        fputc(',', out);
        sae_csv_real(out, p->fvu);
        fprintf(out, ",%d,%lld\n", p->on_frontier, (long long)tokens);
    }
    return sae_draft_save(&draft, path, err);
}
