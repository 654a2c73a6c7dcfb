/* The order in which rows are given: chunks of neighbouring rows, of which some are held out; groups of chunks that
 * are shuffled together. Everything is a function of (seed, epoch) and of the sizes. */
#ifndef SAE_DATA_SOURCE_ORDER_H
#define SAE_DATA_SOURCE_ORDER_H

#include <sae/status.h>
#include <stdbool.h>
#include <stdint.h>

/* Chunks in some order, and how many usable rows come before each. */
typedef struct sae_chunk_list {
    int64_t count;
    int64_t *chunks; /* [count] */
    int64_t *starts; /* [count + 1]; starts[count] = rows in all */
} sae_chunk_list;

sae_status sae_chunk_list_reserve(sae_chunk_list *list, int64_t count, sae_error *err);
void sae_chunk_list_clear(sae_chunk_list *list);
/* The entry with the row at `index` (0 ≤ index < rows in all): the last with starts ≤ index. */
int64_t sae_chunk_list_find(const sae_chunk_list *list, int64_t index);

typedef struct sae_order {
    uint64_t seed;
    bool shuffle;
    int64_t chunks;
    int64_t *usable;         /* [chunks] usable rows of each chunk */
    int64_t groups;          /* into which the training chunks are divided */
    sae_chunk_list all;      /* every chunk, in file order */
    sae_chunk_list held_out; /* in file order */
    sae_chunk_list train;    /* in the order of `epoch` */
    int64_t epoch;           /* −1: none yet */
} sae_order;

/* usable [chunks] is taken over. held_out: share of chunks, spread evenly; at least one chunk when it is > 0 and there
 * are two. group_chunks: at most so many chunks are shuffled together. */
sae_status sae_order_init(sae_order *order, int64_t *usable, int64_t chunks, double held_out, int64_t group_chunks,
                          uint64_t seed, bool shuffle, sae_error *err);
void sae_order_clear(sae_order *order);
/* Puts order->train into the order of an epoch. */
void sae_order_set_epoch(sae_order *order, int64_t epoch);
/* Group g is entries sae_order_group_begin(g) … sae_order_group_begin(g + 1) − 1 of order->train. */
int64_t sae_order_group_begin(const sae_order *order, int64_t group);
/* The group that holds entry `i` of order->train. */
int64_t sae_order_group_of(const sae_order *order, int64_t i);
/* Shuffles the rows of a group (nothing when shuffling is off). */
void sae_order_shuffle_rows(const sae_order *order, int64_t group, int64_t *rows, int64_t count);

#endif
