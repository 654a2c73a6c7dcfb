#include "dash/links.h"

#include "base/alloc.h"
#include "base/error.h"

#include <math.h>

sae_status sae_dash_together_new(sae_dash_together *out, const sae_dash_rows *rows, sae_error *err)
{
    size_t widest = 0;
    for (size_t i = 0; i < rows->n_models; i++)
        if ((size_t)rows->spools[i].n > widest) widest = (size_t)rows->spools[i].n;
    *out = (sae_dash_together){.sums = sae_calloc(widest, sizeof *out->sums),
                               .counts = sae_calloc(widest, sizeof *out->counts),
                               .touched = sae_calloc(widest, sizeof *out->touched)};
    if (out->sums && out->counts && out->touched) return SAE_OK;
    sae_dash_together_clear(out);
    return sae_fail_memory(err, "co-activations", widest * 20);
}

void sae_dash_together_clear(sae_dash_together *t)
{
    sae_free(t->sums);
    sae_free(t->counts);
    sae_free(t->touched);
    *t = (sae_dash_together){0};
}

/* ---- all latents that fire on the rows of one ------------------------------------------------------------------ */

static void add_rows(sae_dash_together *t, const sae_dash_firings *f, const sae_dash_spool *spool)
{
    t->n_touched = 0;
    for (int64_t k = 0; k < f->count; k++) {
        int64_t row = f->rows[k];
        double value = (double)f->values[k];
        for (int64_t e = spool->offsets[row]; e < spool->offsets[row + 1]; e++) {
            int32_t j = spool->data[e].latent;
            if (t->counts[j]++ == 0) t->touched[t->n_touched++] = j;
            t->sums[j] += value * (double)spool->data[e].value;
        }
    }
}

static void forget(sae_dash_together *t)
{
    for (int64_t k = 0; k < t->n_touched; k++) {
        t->sums[t->touched[k]] = 0;
        t->counts[t->touched[k]] = 0;
    }
    t->n_touched = 0;
}

/* N Σx² − (Σx)², in units of 1/N. */
static double spread(const sae_dash_spool *s, int64_t i)
{
    return s->squares[i] - s->sums[i] * s->sums[i] / (double)s->rows;
}

/* Fills in what the activations say of i in a and j in b. */
static void measure(const sae_dash_spool *a, int64_t i, const sae_dash_spool *b, const sae_dash_together *t,
                    sae_dash_link *link)
{
    int64_t j = link->latent, either = a->counts[i] + b->counts[j] - t->counts[j];
    double product = spread(a, i) * spread(b, j);
    bool both_alive = a->counts[i] > 0 && b->counts[j] > 0;
    link->together = t->counts[j];
    link->jaccard = both_alive ? (double)t->counts[j] / (double)either : (double)NAN;
    link->pearson = both_alive && product > 0 ? (t->sums[j] - a->sums[i] * b->sums[j] / (double)a->rows) / sqrt(product)
                                              : (double)NAN;
}

/* Keeps the `most` largest by value; ties by id. */
static void offer(sae_dash_links *list, double *values, int most, const sae_dash_link *link, double value)
{
    if (isnan(value)) return;
    int at = list->count;
    while (at > 0 && (value > values[at - 1] || (value == values[at - 1] && link->latent < list->links[at - 1].latent)))
        at--;
    if (at >= most) return;
    if (list->count < most) list->count++;
    for (int last = list->count - 1; last > at; last--) {
        values[last] = values[last - 1];
        list->links[last] = list->links[last - 1];
    }
    values[at] = value;
    list->links[at] = *link;
}

void sae_dash_link_latent(const sae_dash_linker *l, sae_dash_together *t, size_t a, int64_t i,
                          const sae_dash_firings *f, size_t b, sae_dash_links out[SAE_DASH_LINK_KINDS])
{
    const sae_dash_spool *own = &l->rows->spools[a], *other = &l->rows->spools[b];
    const sae_dash_nearest *nearest = sae_dash_nearest_of(l->directions, a, i, b);
    int most = a == b ? SAE_DASH_NEIGHBOURS : SAE_DASH_MATCHES;
    double pearson[SAE_DASH_NEIGHBOURS], jaccard[SAE_DASH_NEIGHBOURS];
    for (int k = 0; k < SAE_DASH_LINK_KINDS; k++) out[k].count = 0;
    add_rows(t, f, other);
    for (int k = 0; k < nearest->count && k < most; k++) {
        sae_dash_link *link = &out[SAE_DASH_BY_COSINE].links[out[SAE_DASH_BY_COSINE].count++];
        *link = (sae_dash_link){.latent = nearest->latents[k], .cosine = (double)nearest->cosines[k]};
        measure(own, i, other, t, link);
    }
    for (int64_t k = 0; k < t->n_touched; k++) {
        sae_dash_link link = {.latent = t->touched[k]};
        if (a == b && link.latent == i) continue;
        measure(own, i, other, t, &link);
        offer(&out[SAE_DASH_BY_PEARSON], pearson, most, &link, link.pearson);
        offer(&out[SAE_DASH_BY_JACCARD], jaccard, most, &link, link.jaccard);
    }
    forget(t);
    for (int kind = SAE_DASH_BY_PEARSON; kind < SAE_DASH_LINK_KINDS; kind++)
        for (int k = 0; k < out[kind].count; k++)
            out[kind].links[k].cosine =
                sae_cosine_exact(&l->directions->sides[a], i, &l->directions->sides[b], out[kind].links[k].latent);
}

/* ---- the same texts ------------------------------------------------------------------------------------------- */

/* The first encoded row at or after a row of the text. */
static int64_t encoded_from(const sae_dash_rows *rows, int64_t row)
{
    int64_t lo = 0, hi = rows->tokens;
    while (lo < hi) {
        int64_t middle = lo + (hi - lo) / 2;
        if (rows->row_of[middle] < row)
            lo = middle + 1;
        else
            hi = middle;
    }
    return lo;
}

sae_status sae_dash_shared_acts(const sae_dash_linker *l, const sae_dash_where *w, size_t b,
                                const sae_dash_examples *top, int32_t latent, sae_dash_acts *out, sae_error *err)
{
    sae_status status = SAE_OK;
    const sae_dash_spool *s = &l->rows->spools[b];
    out->used = 0;
    for (int i = 0; i < top->count && i < SAE_DASH_SHARED_TEXTS; i++) {
        int64_t begin, end, peak = top->picks[i].row, start = out->used;
        sae_dash_reach(w->text, peak, &begin, &end);
        for (int64_t r = encoded_from(l->rows, begin); r < l->rows->tokens && l->rows->row_of[r] < end; r++)
            for (int64_t e = s->offsets[r]; e < s->offsets[r + 1]; e++) {
                if (s->data[e].latent != latent) continue;
                status = sae_dash_acts_add(out, l->rows->row_of[r] - peak, s->data[e].value, err);
                if (status != SAE_OK) return status;
            }
        out->counts[i] = (uint16_t)(out->used - start);
    }
    return status;
}

/* ---- tables --------------------------------------------------------------------------------------------------- */

static sae_status write_list(const sae_dash_linker *l, size_t a, int64_t i, size_t b, int kind,
                             const sae_dash_links *list, sae_store_writer *writer, sae_error *err)
{
    int32_t latents[SAE_DASH_NEIGHBOURS];
    float cosine[SAE_DASH_NEIGHBOURS], pearson[SAE_DASH_NEIGHBOURS], jaccard[SAE_DASH_NEIGHBOURS];
    uint32_t together[SAE_DASH_NEIGHBOURS];
    uint8_t mutual[SAE_DASH_NEIGHBOURS];
    size_t n = (size_t)list->count;
    if (n == 0) return SAE_OK;
    for (size_t k = 0; k < n; k++) {
        const sae_dash_link *link = &list->links[k];
        latents[k] = link->latent;
        cosine[k] = (float)link->cosine;
        pearson[k] = (float)link->pearson;
        jaccard[k] = (float)link->jaccard;
        together[k] = (uint32_t)link->together;
        mutual[k] = sae_dash_mutual(l->directions, a, i, b, link->latent);
    }
    sae_cell blobs[6] = {
        sae_cell_blob(latents, n, sizeof *latents),   sae_cell_blob(cosine, n, sizeof *cosine),
        sae_cell_blob(pearson, n, sizeof *pearson),   sae_cell_blob(jaccard, n, sizeof *jaccard),
        sae_cell_blob(together, n, sizeof *together), sae_cell_blob(mutual, n, 1),
    };
    sae_cell cells[10] = {sae_cell_int((int64_t)a), sae_cell_int(i)};
    int used = 2;
    if (a != b) cells[used++] = sae_cell_int((int64_t)b);
    cells[used++] = sae_cell_int(kind);
    for (int k = 0; k < 6; k++) cells[used++] = blobs[k];
    return sae_store_put(writer, a == b ? SAE_TABLE_NEIGHBOUR : SAE_TABLE_MATCH, cells, (size_t)used, err);
}

sae_status sae_dash_links_write(const sae_dash_linker *l, size_t a, int64_t i, size_t b,
                                const sae_dash_links links[SAE_DASH_LINK_KINDS], sae_store_writer *writer,
                                sae_error *err)
{
    sae_status status = SAE_OK;
    int kinds = a == b ? SAE_DASH_LINK_KINDS : SAE_DASH_BY_JACCARD;
    for (int kind = 0; kind < kinds && status == SAE_OK; kind++)
        status = write_list(l, a, i, b, kind, &links[kind], writer, err);
    if (status != SAE_OK || a == b) return status;
    const sae_dash_links *nearest = &links[SAE_DASH_BY_COSINE], *correlated = &links[SAE_DASH_BY_PEARSON];
    sae_cell none = sae_cell_null();
    sae_cell cells[] = {
        sae_cell_int((int64_t)a),
        sae_cell_int((int64_t)b),
        sae_cell_int(i),
        nearest->count > 0 ? sae_cell_int(nearest->links[0].latent) : none,
        nearest->count > 0 ? sae_cell_real(nearest->links[0].cosine) : none,
        sae_cell_int(nearest->count > 0 && sae_dash_mutual(l->directions, a, i, b, nearest->links[0].latent)),
        correlated->count > 0 ? sae_cell_int(correlated->links[0].latent) : none,
        correlated->count > 0 ? sae_cell_real(correlated->links[0].pearson) : none,
    };
    return sae_store_put(writer, SAE_TABLE_BEST, cells, sizeof cells / sizeof *cells, err);
}
