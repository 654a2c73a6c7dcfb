/* Which firings of a latent are shown: the strongest, and samples. */
#include "base/rng.h"
#include "dash/latent.h"

#include <stdlib.h>
#include <string.h>

#define AROUND    8  /* two texts that agree in so many tokens on each side of their peaks read the same */
#define FIRST_TRY 64 /* texts that are looked at for the top */

static uint16_t small_count(int64_t count)
{
    return count > UINT16_MAX ? UINT16_MAX : (uint16_t)count;
}

static int32_t row_of(const sae_dash_where *w, const sae_dash_firings *f, int64_t firing)
{
    return w->row_of[f->rows[firing]];
}

void sae_dash_cut(sae_dash_scratch *s, const sae_dash_where *w, const sae_dash_firings *f)
{
    sae_dash_stretch *last = NULL;
    s->n_stretches = 0;
    for (int64_t i = 0; i < f->count; i++) {
        if (!last || !sae_dash_same_text(w->text, row_of(w, f, last->begin), row_of(w, f, i))) {
            last = &s->stretches[s->n_stretches++];
            *last = (sae_dash_stretch){.begin = i, .best = f->values[i], .peak = i};
        } else if (f->values[i] > last->best) {
            last->best = f->values[i];
            last->peak = i;
        }
        last->count++;
    }
}

/* The stretch that a firing belongs to. */
static const sae_dash_stretch *stretch_of(const sae_dash_scratch *s, int64_t firing)
{
    int64_t lo = 0, hi = s->n_stretches;
    while (hi - lo > 1) {
        int64_t middle = lo + (hi - lo) / 2;
        if (s->stretches[middle].begin <= firing)
            lo = middle;
        else
            hi = middle;
    }
    return &s->stretches[lo];
}

static int by_value(const void *a_, const void *b_)
{
    const sae_dash_pick *a = a_, *b = b_;
    if (a->value != b->value) return a->value < b->value ? 1 : -1;
    return (a->row > b->row) - (a->row < b->row);
}

/* ---- the strongest ----------------------------------------------------------------------------------------- */

/* Whether stretch a comes before b: the stronger, then the earlier. */
static bool before(const sae_dash_stretch *list, int64_t a, int64_t b)
{
    return list[a].best != list[b].best ? list[a].best > list[b].best : a < b;
}

/* Heap with the last in order at the root. */
static void sift(const sae_dash_stretch *list, int64_t *heap, int64_t size, int64_t at)
{
    for (;;) {
        int64_t child = 2 * at + 1;
        if (child >= size) return;
        if (child + 1 < size && before(list, heap[child], heap[child + 1])) child++;
        if (!before(list, heap[at], heap[child])) return;
        int64_t held = heap[at];
        heap[at] = heap[child];
        heap[child] = held;
        at = child;
    }
}

/* order[0 … k) = the first k stretches, in order. */
static void first_of(sae_dash_scratch *s, int64_t k)
{
    int64_t *heap = s->order;
    for (int64_t i = 0; i < k; i++) heap[i] = i;
    for (int64_t i = k / 2; i-- > 0;) sift(s->stretches, heap, k, i);
    for (int64_t i = k; i < s->n_stretches; i++) {
        if (!before(s->stretches, i, heap[0])) continue;
        heap[0] = i;
        sift(s->stretches, heap, k, 0);
    }
    for (int64_t size = k; size-- > 1;) {
        int64_t held = heap[0];
        heap[0] = heap[size];
        heap[size] = held;
        sift(s->stretches, heap, size, 0);
    }
}

static bool reads_same(const sae_dash_text *t, int64_t a, int64_t b)
{
    int64_t before_a = a - t->context[a], before_b = b - t->context[b];
    int64_t after_a = sae_dash_context_end(t, a) - a, after_b = sae_dash_context_end(t, b) - b;
    int64_t left = before_a < AROUND ? before_a : AROUND, right = after_a <= AROUND ? after_a : AROUND + 1;
    if (left != (before_b < AROUND ? before_b : AROUND) || right != (after_b <= AROUND ? after_b : AROUND + 1))
        return false;
    return memcmp(t->tokens + a - left, t->tokens + b - left, (size_t)(left + right) * sizeof *t->tokens) == 0;
}

/* From the first k stretches in order, until there are enough. */
static void take_distinct(sae_dash_examples *out, const sae_dash_scratch *s, const sae_dash_where *w,
                          const sae_dash_firings *f, int64_t k)
{
    out->count = 0;
    for (int64_t i = 0; i < k && out->count < SAE_DASH_TOP; i++) {
        const sae_dash_stretch *stretch = &s->stretches[s->order[i]];
        int32_t row = row_of(w, f, stretch->peak), same = 0;
        while (same < out->count && !reads_same(w->text, out->picks[same].row, row)) same++;
        sae_dash_pick *p = &out->picks[same];
        if (same < out->count)
            p->copies = small_count(p->copies + 1);
        else
            out->picks[out->count++] =
                (sae_dash_pick){.row = row, .value = stretch->best, .more = small_count(stretch->count - 1)};
    }
}

void sae_dash_pick_top(sae_dash_examples *out, sae_dash_scratch *s, const sae_dash_where *w, const sae_dash_firings *f)
{
    *out = (sae_dash_examples){.groups = 1, .populations = {f->count}};
    for (int64_t k = FIRST_TRY; s->n_stretches > 0; k *= 8) {
        if (k > s->n_stretches) k = s->n_stretches;
        first_of(s, k);
        take_distinct(out, s, w, f, k);
        if (out->count == SAE_DASH_TOP || k == s->n_stretches) break;
    }
    out->counts[0] = out->count;
}

/* ---- samples ----------------------------------------------------------------------------------------------- */

/* The firings with the smallest hashes, one per text. */
typedef struct sample {
    int wanted, used, largest; /* largest: place of the largest hash, when full */
    struct {
        uint64_t hash;
        int64_t firing;
    } items[SAE_DASH_RANDOM];
} sample;

static void find_largest(sample *s)
{
    s->largest = 0;
    for (int i = 1; i < s->used; i++)
        if (s->items[i].hash > s->items[s->largest].hash) s->largest = i;
}

static void offer(sample *s, const sae_dash_where *w, const sae_dash_firings *f, int64_t firing, uint64_t hash)
{
    bool full = s->used == s->wanted;
    if (full && hash >= s->items[s->largest].hash) return;
    int at = 0;
    while (at < s->used && !sae_dash_same_text(w->text, row_of(w, f, s->items[at].firing), row_of(w, f, firing))) at++;
    if (at < s->used) {
        if (hash >= s->items[at].hash) return;
    } else if (full) {
        at = s->largest;
    } else {
        s->used++;
    }
    s->items[at].hash = hash;
    s->items[at].firing = firing;
    find_largest(s);
}

static void append(sae_dash_examples *out, const sample *from, const sae_dash_scratch *s, const sae_dash_where *w,
                   const sae_dash_firings *f, int group)
{
    for (int i = 0; i < from->used; i++) {
        int64_t firing = from->items[i].firing;
        out->picks[out->count + i] = (sae_dash_pick){.row = row_of(w, f, firing),
                                                     .value = f->values[firing],
                                                     .more = small_count(stretch_of(s, firing)->count - 1)};
    }
    qsort(out->picks + out->count, (size_t)from->used, sizeof *out->picks, by_value);
    out->counts[group] = from->used;
    out->count += from->used;
}

/* The interval b with max·b/10 < value ≤ max·(b + 1)/10. */
static int interval_of(double value, double max)
{
    int b = (int)(value / max * SAE_DASH_INTERVALS);
    b = b >= SAE_DASH_INTERVALS ? SAE_DASH_INTERVALS - 1 : b;
    while (b > 0 && value <= max * b / SAE_DASH_INTERVALS) b--;
    while (b < SAE_DASH_INTERVALS - 1 && value > max * (b + 1) / SAE_DASH_INTERVALS) b++;
    return b;
}

void sae_dash_pick_intervals(sae_dash_examples *out, sae_dash_scratch *scratch, const sae_dash_where *w,
                             const sae_dash_firings *f, uint64_t salt, double max)
{
    sae_rng rng = sae_rng_make((uint64_t)w->seed, "dash intervals", salt);
    sample samples[SAE_DASH_INTERVALS];
    for (int b = 0; b < SAE_DASH_INTERVALS; b++) samples[b] = (sample){.wanted = SAE_DASH_PER_INTERVAL};
    *out = (sae_dash_examples){.groups = SAE_DASH_INTERVALS};
    for (int64_t i = 0; i < f->count; i++) {
        int b = interval_of((double)f->values[i], max);
        out->populations[b]++;
        offer(&samples[b], w, f, i, sae_rng_u64(&rng, (uint64_t)row_of(w, f, i)));
    }
    for (int b = 0; b < SAE_DASH_INTERVALS; b++) append(out, &samples[b], scratch, w, f, b);
}

void sae_dash_pick_random(sae_dash_examples *out, sae_dash_scratch *scratch, const sae_dash_where *w,
                          const sae_dash_firings *f, uint64_t salt)
{
    sae_rng rng = sae_rng_make((uint64_t)w->seed, "dash random", salt);
    sample s = {.wanted = SAE_DASH_RANDOM};
    *out = (sae_dash_examples){.groups = 1, .populations = {f->count}};
    for (int64_t i = 0; i < f->count; i++) offer(&s, w, f, i, sae_rng_u64(&rng, (uint64_t)row_of(w, f, i)));
    append(out, &s, scratch, w, f, 0);
}
