#include "data/source.h"

#include "base/alloc.h"
#include "base/error.h"
#include "base/parallel.h"
#include "data/source_order.h"

#include <stdlib.h>
#include <string.h>

#define FILE_WINDOW_ROWS 4096 /* rows in file order that are made ready together, as whole chunks */
#define GATHER_ROWS      32   /* rows that one thread gathers at a time */

/* The rows that are ready, and which they are. */
typedef struct window {
    const sae_chunk_list *list; /* NULL: nothing is ready */
    int64_t epoch, part;        /* of the training stream: epoch and group; in file order: 0 and the part of the list */
    int64_t *rows;              /* their numbers, in the order in which they are given */
    int64_t count, capacity;
    int64_t start; /* place of the first among the rows of the list */
} window;

struct sae_source {
    sae_source_info info;
    const sae_source_backend *backend;
    void *self;
    char *name;
    int threads;
    int64_t chunk_rows, file_chunks; /* file_chunks: chunks of a window in file order */
    bool keep_first;
    int32_t *exclude; /* ascending */
    size_t n_exclude;
    int32_t *tokens, *positions; /* [chunk_rows] of the chunk being looked at */
    sae_order order;
    window windows[SAE_WINDOWS];
};

sae_source_config sae_source_config_default(void)
{
    return (sae_source_config){.shuffle = true, .held_out = 0.01, .buffer_bytes = (int64_t)512 << 20};
}

int64_t sae_source_chunk_rows(int64_t rows)
{
    int64_t small = rows / 64 > 0 ? rows / 64 : 1;
    return small < 1024 ? small : 1024;
}

const sae_source_info *sae_source_get_info(const sae_source *source)
{
    return &source->info;
}

/* ---- which rows are usable ---------------------------------------------------------------------------- */

static int ascending(const void *a, const void *b)
{
    int32_t x = *(const int32_t *)a, y = *(const int32_t *)b;
    return (x > y) - (x < y);
}

static bool is_usable(const sae_source *source, int32_t token, int32_t position)
{
    if (position == 0 && !source->keep_first) return false;
    return source->n_exclude == 0 || !bsearch(&token, source->exclude, source->n_exclude, sizeof token, ascending);
}

/* Numbers of the usable rows of a chunk to rows [chunk_rows] (NULL: only counted); returns how many. */
static int64_t usable_rows(const sae_source *source, int64_t chunk, int64_t *rows)
{
    int64_t first = chunk * source->chunk_rows, n = 0;
    int64_t left = source->info.rows - first, count = left < source->chunk_rows ? left : source->chunk_rows;
    if (source->backend->ids) source->backend->ids(source->self, first, count, source->tokens, source->positions);
    for (int64_t i = 0; i < count; i++) {
        if (source->backend->ids && !is_usable(source, source->tokens[i], source->positions[i])) continue;
        if (rows) rows[n] = first + i;
        n++;
    }
    return n;
}

/* ---- making a source ---------------------------------------------------------------------------------- */

static sae_status check_config(const sae_source *source, const sae_source_config *config, sae_error *err)
{
    if (!(config->held_out >= 0 && config->held_out <= 0.5))
        return sae_fail(err, SAE_E_ARG, "the share of rows held out is %g; it must be from 0 to 0.5", config->held_out);
    if (config->buffer_bytes < 1)
        return sae_fail(err, SAE_E_ARG, "the shuffle buffer has %lld bytes; it needs at least 1",
                        (long long)config->buffer_bytes);
    if (source->info.d < 1 || source->info.rows < 1)
        return sae_fail(err, SAE_E_SHAPE, "%s holds no rows: its shape is [%lld, %lld]", source->name,
                        (long long)source->info.rows, (long long)source->info.d);
    return SAE_OK;
}

static sae_status copy_exclude(sae_source *source, const sae_source_config *config, sae_error *err)
{
    if (config->n_exclude == 0) return SAE_OK;
    source->exclude = sae_alloc(config->n_exclude, sizeof *source->exclude);
    if (!source->exclude) return sae_fail_memory(err, "a list of tokens", config->n_exclude * sizeof *source->exclude);
    memcpy(source->exclude, config->exclude, config->n_exclude * sizeof *source->exclude);
    source->n_exclude = config->n_exclude;
    qsort(source->exclude, source->n_exclude, sizeof *source->exclude, ascending);
    return SAE_OK;
}

static sae_status make_order(sae_source *source, const sae_source_layout *layout, const sae_source_config *config,
                             sae_error *err)
{
    int64_t chunk_bytes, chunks = (source->info.rows + source->chunk_rows - 1) / source->chunk_rows;
    if (!sae_mul_i64(source->chunk_rows, layout->bytes_per_row, &chunk_bytes))
        return sae_fail(err, SAE_E_MEMORY, "%s: the size of %lld rows overflows", source->name,
                        (long long)source->chunk_rows);
    int64_t group_chunks = config->buffer_bytes / chunk_bytes > 0 ? config->buffer_bytes / chunk_bytes : 1;
    if (group_chunks > chunks) group_chunks = chunks;
    source->info.buffer_rows = group_chunks * source->chunk_rows;
    if (source->info.buffer_rows > source->info.rows) source->info.buffer_rows = source->info.rows;
    int64_t *usable = sae_alloc((size_t)chunks, sizeof *usable);
    if (!usable) return sae_fail_memory(err, "the order of rows", (size_t)chunks * sizeof *usable);
    for (int64_t i = 0; i < chunks; i++) usable[i] = usable_rows(source, i, NULL);
    return sae_order_init(&source->order, usable, chunks, config->held_out, group_chunks, config->seed, config->shuffle,
                          err);
}

static sae_status count_rows(sae_source *source, sae_error *err)
{
    sae_source_info *info = &source->info;
    const sae_order *order = &source->order;
    info->usable = order->all.starts[order->all.count];
    info->held_out = order->held_out.starts[order->held_out.count];
    info->train = info->usable - info->held_out;
    info->excluded = info->rows - info->usable;
    if (info->usable == 0)
        return sae_fail(err, SAE_E_ARG,
                        "%s: none of its %lld rows is usable: all are first positions (use --keep-first) or excluded "
                        "tokens (--exclude-tokens)",
                        source->name, (long long)info->rows);
    if (info->train == 0)
        return sae_fail(err, SAE_E_ARG,
                        "%s: no rows are left to train on: all %lld usable rows are held out; use --held-out 0",
                        source->name, (long long)info->usable);
    return SAE_OK;
}

sae_status sae_source_create(sae_source **out, const sae_source_backend *backend, void *self,
                             const sae_source_layout *layout, const sae_source_config *config, sae_error *err)
{
    sae_status status;
    sae_source *source = sae_calloc(1, sizeof *source);
    if (!source) {
        status = sae_fail_memory(err, layout->name, sizeof *source); /* before close: the name may be the backend's */
        backend->close(self);
        return status;
    }
    source->backend = backend;
    source->self = self;
    source->threads = layout->threads;
    source->keep_first = config->keep_first;
    source->info = (sae_source_info){.d = layout->meta.d, .rows = layout->meta.n_tokens, .meta = layout->meta};
    source->chunk_rows = layout->chunk_rows;
    source->file_chunks = FILE_WINDOW_ROWS / layout->chunk_rows > 0 ? FILE_WINDOW_ROWS / layout->chunk_rows : 1;
    source->name = sae_strdup(layout->name);
    source->tokens = sae_alloc((size_t)layout->chunk_rows, sizeof *source->tokens);
    source->positions = sae_alloc((size_t)layout->chunk_rows, sizeof *source->positions);
    if (!source->name || !source->tokens || !source->positions)
        SAE_TRY(sae_fail_memory(err, layout->name, (size_t)layout->chunk_rows * 8));
    SAE_TRY(check_config(source, config, err));
    SAE_TRY(copy_exclude(source, config, err));
    SAE_TRY(make_order(source, layout, config, err));
    SAE_TRY(count_rows(source, err));
    *out = source;
    source = NULL;
done:
    sae_source_close(source);
    return status;
}

void sae_source_close(sae_source *source)
{
    if (!source) return;
    source->backend->close(source->self);
    sae_order_clear(&source->order);
    for (int i = 0; i < SAE_WINDOWS; i++) sae_free(source->windows[i].rows);
    sae_free(source->name);
    sae_free(source->exclude);
    sae_free(source->tokens);
    sae_free(source->positions);
    sae_free(source);
}

/* ---- windows ------------------------------------------------------------------------------------------ */

/* Lists the usable rows of entries begin … end − 1 of a list and makes them ready. */
static sae_status fill_window(sae_source *source, sae_window which, const sae_chunk_list *list, int64_t begin,
                              int64_t end, sae_error *err)
{
    sae_status status = SAE_OK;
    window *w = &source->windows[which];
    int64_t count = list->starts[end] - list->starts[begin];
    w->list = NULL;
    if (count > w->capacity) {
        sae_free(w->rows);
        w->capacity = 0;
        w->rows = sae_alloc((size_t)count, sizeof *w->rows);
        if (!w->rows) return sae_fail_memory(err, "the order of rows", (size_t)count * sizeof *w->rows);
        w->capacity = count;
    }
    if (source->backend->load)
        SAE_TRY(source->backend->load(source->self, which, list->chunks + begin, end - begin, err));
    w->count = 0;
    for (int64_t i = begin; i < end; i++) w->count += usable_rows(source, list->chunks[i], w->rows + w->count);
    w->start = list->starts[begin];
done:
    return status;
}

/* Asks for the rows of a group of the training stream ahead of time. */
static void announce(const sae_source *source, int64_t group)
{
    const sae_order *order = &source->order;
    if (!source->backend->will_need || group >= order->groups) return;
    for (int64_t i = sae_order_group_begin(order, group); i < sae_order_group_begin(order, group + 1); i++) {
        int64_t first = order->train.chunks[i] * source->chunk_rows, left = source->info.rows - first;
        source->backend->will_need(source->self, first, left < source->chunk_rows ? left : source->chunk_rows);
    }
}

/* Makes the group ready that holds training row `index` of an epoch. */
static sae_status seek_train(sae_source *source, int64_t epoch, int64_t index, sae_error *err)
{
    sae_status status = SAE_OK;
    sae_order *order = &source->order;
    window *w = &source->windows[SAE_WINDOW_TRAIN];
    sae_order_set_epoch(order, epoch);
    int64_t group = sae_order_group_of(order, sae_chunk_list_find(&order->train, index));
    if (w->list && w->epoch == epoch && w->part == group) return SAE_OK;
    announce(source, group);
    announce(source, group + 1);
    SAE_TRY(fill_window(source, SAE_WINDOW_TRAIN, &order->train, sae_order_group_begin(order, group),
                        sae_order_group_begin(order, group + 1), err));
    sae_order_shuffle_rows(order, group, w->rows, w->count);
    w->list = &order->train;
    w->epoch = epoch;
    w->part = group;
done:
    return status;
}

/* Makes the part of a list ready that holds its row `index`. Parts begin at multiples of file_chunks, so that what a
 * row is computed with never depends on where reading began. */
static sae_status seek_file(sae_source *source, const sae_chunk_list *list, int64_t index, sae_error *err)
{
    sae_status status = SAE_OK;
    window *w = &source->windows[SAE_WINDOW_FILE];
    int64_t part = sae_chunk_list_find(list, index) / source->file_chunks;
    if (w->list == list && w->part == part) return SAE_OK;
    int64_t begin = part * source->file_chunks, end = begin + source->file_chunks;
    SAE_TRY(fill_window(source, SAE_WINDOW_FILE, list, begin, end < list->count ? end : list->count, err));
    w->list = list;
    w->part = part;
done:
    return status;
}

/* ---- reading ------------------------------------------------------------------------------------------ */

/* Threads gather tiles of rows; of several errors the one that comes first in the rows is reported. */
static sae_status gather(const sae_source *source, sae_window which, const int64_t *rows, int64_t n, float *out,
                         sae_error *err)
{
    int64_t tiles = (n + GATHER_ROWS - 1) / GATHER_ROWS, bad_tile = tiles, d = source->info.d;
    sae_status bad_status = SAE_OK;
    sae_error bad = {0};
#pragma omp parallel for num_threads(source->threads) schedule(static) if (tiles > 1)
    for (int64_t tile = 0; tile < tiles; tile++) {
        sae_error local = {0};
        int64_t first = tile * GATHER_ROWS, count = n - first < GATHER_ROWS ? n - first : GATHER_ROWS;
        sae_status status = source->backend->gather(source->self, which, rows + first, count, out + first * d, &local);
        if (status == SAE_OK) continue;
#pragma omp critical(sae_source_gather)
        if (tile < bad_tile) {
            bad_tile = tile;
            bad_status = status;
            bad = local;
        }
    }
    if (bad_status != SAE_OK && err) *err = bad;
    return bad_status;
}

static sae_status check_span(const sae_source *source, const char *what, int64_t first, int64_t n, int64_t rows,
                             sae_error *err)
{
    if (first >= 0 && n >= 0 && n <= rows - first) return SAE_OK;
    return sae_fail(err, SAE_E_ARG, "%s has %lld %s rows; %lld from row %lld on were asked for", source->name,
                    (long long)rows, what, (long long)n, (long long)first);
}

sae_status sae_source_train(sae_source *source, int64_t position, int64_t n, float *out, sae_error *err)
{
    sae_status status;
    const window *w = &source->windows[SAE_WINDOW_TRAIN];
    SAE_TRY(check_span(source, "training", position, n, INT64_MAX, err));
    while (n > 0) {
        int64_t epoch = position / source->info.train, index = position % source->info.train;
        SAE_TRY(seek_train(source, epoch, index, err));
        int64_t at = index - w->start, now = w->count - at < n ? w->count - at : n;
        SAE_TRY(gather(source, SAE_WINDOW_TRAIN, w->rows + at, now, out, err));
        out += now * source->info.d;
        position += now;
        n -= now;
    }
done:
    return status;
}

void sae_source_group(sae_source *source, int64_t position, int64_t *first, int64_t *count)
{
    sae_order *order = &source->order;
    const sae_chunk_list *train = &order->train;
    *first = 0;
    *count = INT64_MAX;
    if (!source->backend->load) return;
    int64_t epoch = position / source->info.train, index = position % source->info.train;
    sae_order_set_epoch(order, epoch);
    int64_t group = sae_order_group_of(order, sae_chunk_list_find(train, index));
    int64_t begin = train->starts[sae_order_group_begin(order, group)];
    *first = epoch * source->info.train + begin;
    *count = train->starts[sae_order_group_begin(order, group + 1)] - begin;
}

static sae_status read_list(sae_source *source, const sae_chunk_list *list, int64_t first, int64_t n, float *out,
                            int64_t *row_ids, sae_error *err)
{
    sae_status status = SAE_OK;
    const window *w = &source->windows[SAE_WINDOW_FILE];
    while (n > 0) {
        SAE_TRY(seek_file(source, list, first, err));
        int64_t at = first - w->start, now = w->count - at < n ? w->count - at : n;
        SAE_TRY(gather(source, SAE_WINDOW_FILE, w->rows + at, now, out, err));
        if (row_ids) {
            memcpy(row_ids, w->rows + at, (size_t)now * sizeof *row_ids);
            row_ids += now;
        }
        out += now * source->info.d;
        first += now;
        n -= now;
    }
done:
    return status;
}

sae_status sae_source_held_out(sae_source *source, int64_t first, int64_t n, float *out, sae_error *err)
{
    sae_status status = check_span(source, "held-out", first, n, source->info.held_out, err);
    return status == SAE_OK ? read_list(source, &source->order.held_out, first, n, out, NULL, err) : status;
}

sae_status sae_source_usable(sae_source *source, int64_t first, int64_t n, float *out, int64_t *row_ids, sae_error *err)
{
    sae_status status = check_span(source, "usable", first, n, source->info.usable, err);
    return status == SAE_OK ? read_list(source, &source->order.all, first, n, out, row_ids, err) : status;
}
