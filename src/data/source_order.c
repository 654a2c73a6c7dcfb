#include "data/source_order.h"

#include "base/alloc.h"
#include "base/error.h"
#include "base/rng.h"

#include <math.h>

sae_status sae_chunk_list_reserve(sae_chunk_list *list, int64_t count, sae_error *err)
{
    list->chunks = sae_alloc((size_t)count, sizeof *list->chunks);
    list->starts = sae_alloc((size_t)count + 1, sizeof *list->starts);
    if (!list->chunks || !list->starts)
        return sae_fail_memory(err, "the order of rows", (2 * (size_t)count + 1) * sizeof *list->starts);
    list->starts[0] = 0;
    list->count = 0;
    return SAE_OK;
}

void sae_chunk_list_clear(sae_chunk_list *list)
{
    sae_free(list->chunks);
    sae_free(list->starts);
    *list = (sae_chunk_list){0};
}

int64_t sae_chunk_list_find(const sae_chunk_list *list, int64_t index)
{
    int64_t low = 0, high = list->count;
    while (high - low > 1) {
        int64_t middle = low + (high - low) / 2;
        if (list->starts[middle] <= index)
            low = middle;
        else
            high = middle;
    }
    return low;
}

static void add(sae_chunk_list *list, int64_t chunk, const int64_t *usable)
{
    list->chunks[list->count] = chunk;
    list->starts[list->count + 1] = list->starts[list->count] + usable[chunk];
    list->count++;
}

/* Whole chunks, counted in integers: with a share in floating point the last of them could come or go by rounding. */
static int64_t held_out_chunks(int64_t chunks, double share)
{
    int64_t held = llround((double)chunks * share);
    if (held == 0 && share > 0 && chunks > 1) held = 1;
    return held;
}

/* Chunk i of n is held out when the whole part of i·held/n goes up at i: evenly spread, the last one among them. One
 * alone is that of the middle where it has more rows: the last may be a rest with as little as one. (Then the number of
 * training rows differs too, by which a run that began with another order is told.) */
static bool is_held_out(const sae_order *order, int64_t i, int64_t held)
{
    const int64_t n = order->chunks;
    if (held == 1 && order->usable[n / 2] > order->usable[n - 1]) return i == n / 2;
    __int128 before = (__int128)i * held / n, after = (__int128)(i + 1) * held / n;
    return after > before;
}

sae_status sae_order_init(sae_order *out, int64_t *usable, int64_t chunks, double held_out, int64_t group_chunks,
                          uint64_t seed, bool shuffle, sae_error *err)
{
    sae_status status;
    sae_order order = {.seed = seed, .shuffle = shuffle, .chunks = chunks, .usable = usable, .epoch = -1};
    int64_t held = held_out_chunks(chunks, held_out);
    SAE_TRY(sae_chunk_list_reserve(&order.all, chunks, err));
    SAE_TRY(sae_chunk_list_reserve(&order.held_out, held, err));
    SAE_TRY(sae_chunk_list_reserve(&order.train, chunks - held, err));
    for (int64_t i = 0; i < chunks; i++) {
        add(&order.all, i, usable);
        add(is_held_out(&order, i, held) ? &order.held_out : &order.train, i, usable);
    }
    order.groups = (order.train.count + group_chunks - 1) / group_chunks;
    *out = order;
    return SAE_OK;
done:
    sae_order_clear(&order);
    return status;
}

void sae_order_clear(sae_order *order)
{
    sae_free(order->usable);
    sae_chunk_list_clear(&order->all);
    sae_chunk_list_clear(&order->held_out);
    sae_chunk_list_clear(&order->train);
    *order = (sae_order){0};
}

/* From the order of the file, not from that of the epoch before: any epoch can be taken up directly. */
void sae_order_set_epoch(sae_order *order, int64_t epoch)
{
    sae_chunk_list *train = &order->train;
    int64_t held = order->held_out.count;
    if (order->epoch == epoch) return;
    int64_t n = 0;
    for (int64_t i = 0; i < order->chunks; i++)
        if (!is_held_out(order, i, held)) train->chunks[n++] = i;
    if (order->shuffle) {
        sae_rng rng = sae_rng_make(order->seed, "shuffle", (uint64_t)epoch);
        sae_rng_shuffle_i64(&rng, train->chunks, n);
    }
    for (int64_t i = 0; i < n; i++) train->starts[i + 1] = train->starts[i] + order->usable[train->chunks[i]];
    order->epoch = epoch;
}

int64_t sae_order_group_begin(const sae_order *order, int64_t group)
{
    return (int64_t)((__int128)group * order->train.count / order->groups);
}

int64_t sae_order_group_of(const sae_order *order, int64_t i)
{
    /* the largest g with g·count/groups ≤ i, as whole numbers */
    return (int64_t)((((__int128)i + 1) * order->groups - 1) / order->train.count);
}

void sae_order_shuffle_rows(const sae_order *order, int64_t group, int64_t *rows, int64_t count)
{
    if (!order->shuffle) return;
    const uint64_t place[2] = {(uint64_t)order->epoch, (uint64_t)group};
    sae_rng rng = sae_rng_make(order->seed, "shuffle rows", sae_hash(place, sizeof place));
    sae_rng_shuffle_i64(&rng, rows, count);
}
