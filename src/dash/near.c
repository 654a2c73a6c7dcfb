#include "dash/near.h"

#include "base/alloc.h"
#include "base/error.h"

#include <math.h>
#include <string.h>

sae_status sae_dash_misses_new(sae_dash_misses *out, int64_t n, sae_error *err)
{
    *out = (sae_dash_misses){.n = n,
                             .floors = sae_alloc((size_t)n, sizeof *out->floors),
                             .counts = sae_calloc((size_t)n, sizeof *out->counts),
                             .picks = sae_calloc((size_t)n, SAE_DASH_NEAR * sizeof *out->picks)};
    if (!out->floors || !out->counts || !out->picks) {
        sae_dash_misses_clear(out);
        return sae_fail_memory(err, "near misses", (size_t)n * SAE_DASH_NEAR * sizeof *out->picks);
    }
    for (int64_t i = 0; i < n; i++) out->floors[i] = -HUGE_VALF;
    return SAE_OK;
}

void sae_dash_misses_clear(sae_dash_misses *m)
{
    sae_free(m->floors);
    sae_free(m->counts);
    sae_free(m->picks);
    *m = (sae_dash_misses){0};
}

typedef struct visitor {
    sae_dash_misses *misses;
    const sae_codes *codes;
    const int64_t *rows;
    const sae_dash_text *text;
} visitor;

static bool fired(const sae_codes *codes, int32_t row, int32_t latent)
{
    int64_t lo = codes->row_offsets[row], end = codes->row_offsets[row + 1], hi = end;
    while (lo < hi) {
        int64_t middle = lo + (hi - lo) / 2;
        if (codes->latents[middle] < latent)
            lo = middle + 1;
        else
            hi = middle;
    }
    return lo < end && codes->latents[lo] == latent;
}

/* Misses are kept in one total order (larger z, then earlier row), and of a text only the first in it: what remains
 * does not depend on the order in which they come. */
static bool before(const sae_dash_pick *a, const sae_dash_pick *b)
{
    return a->value != b->value ? a->value > b->value : a->row < b->row;
}

static void offer(void *ud, int32_t row, int32_t latent, float z)
{
    const visitor *v = ud;
    if (fired(v->codes, row, latent)) return;
    sae_dash_pick *list = v->misses->picks + (int64_t)latent * SAE_DASH_NEAR;
    int count = v->misses->counts[latent], at = 0;
    sae_dash_pick miss = {.row = (int32_t)v->rows[row], .value = z};
    while (at < count && !sae_dash_same_text(v->text, list[at].row, miss.row)) at++;
    if (at < count) { /* the text has one: the first of the two stays */
        if (!before(&miss, &list[at])) return;
    } else if (count < SAE_DASH_NEAR) {
        v->misses->counts[latent]++;
    } else {
        at = count - 1;
        if (!before(&miss, &list[at])) return;
    }
    for (; at > 0 && before(&miss, &list[at - 1]); at--) list[at] = list[at - 1];
    list[at] = miss;
}

void sae_dash_misses_add(sae_dash_misses *m, const sae_coder *coder, const sae_codes *codes, const int64_t *rows,
                         const sae_dash_text *text)
{
    visitor v = {m, codes, rows, text};
    sae_coder_near(coder, offer, &v);
    for (int64_t i = 0; i < m->n; i++)
        if (m->counts[i] == SAE_DASH_NEAR) m->floors[i] = m->picks[i * SAE_DASH_NEAR + SAE_DASH_NEAR - 1].value;
}

void sae_dash_misses_of(const sae_dash_misses *m, int64_t latent, sae_dash_examples *out)
{
    *out = (sae_dash_examples){.groups = 1, .count = m->counts[latent], .counts = {m->counts[latent]}};
    memcpy(out->picks, m->picks + latent * SAE_DASH_NEAR, (size_t)out->count * sizeof *out->picks);
}
