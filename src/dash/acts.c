/* Activations around examples. */
#include "base/alloc.h"
#include "base/error.h"
#include "dash/latent.h"

sae_status sae_dash_acts_add(sae_dash_acts *a, int64_t offset, float value, sae_error *err)
{
    if (a->used == a->room) {
        int64_t room = a->room ? 2 * a->room : 256;
        int16_t *offsets = sae_realloc(a->offsets, (size_t)room, sizeof *offsets);
        if (offsets) a->offsets = offsets;
        float *values = sae_realloc(a->values, (size_t)room, sizeof *values);
        if (values) a->values = values;
        if (!offsets || !values) return sae_fail_memory(err, "activations of examples", (size_t)room * sizeof *values);
        a->room = room;
    }
    a->offsets[a->used] = (int16_t)offset;
    a->values[a->used++] = value;
    return SAE_OK;
}

/* The first firing at or after a row of the text. */
static int64_t first_from(const sae_dash_where *w, const sae_dash_firings *f, int64_t row)
{
    int64_t lo = 0, hi = f->count;
    while (lo < hi) {
        int64_t middle = lo + (hi - lo) / 2;
        if (w->row_of[f->rows[middle]] < row)
            lo = middle + 1;
        else
            hi = middle;
    }
    return lo;
}

sae_status sae_dash_acts_fill(sae_dash_acts *out, const sae_dash_examples *examples, const sae_dash_where *w,
                              const sae_dash_firings *f, sae_error *err)
{
    sae_status status = SAE_OK;
    out->used = 0;
    for (int i = 0; i < examples->count && status == SAE_OK; i++) {
        int64_t peak = examples->picks[i].row, begin, end, start = out->used;
        sae_dash_reach(w->text, peak, &begin, &end);
        for (int64_t e = first_from(w, f, begin); e < f->count && w->row_of[f->rows[e]] < end && status == SAE_OK; e++)
            status = sae_dash_acts_add(out, w->row_of[f->rows[e]] - peak, f->values[e], err);
        out->counts[i] = (uint16_t)(out->used - start);
    }
    return status;
}

void sae_dash_acts_clear(sae_dash_acts *a)
{
    sae_free(a->offsets);
    sae_free(a->values);
    *a = (sae_dash_acts){0};
}
