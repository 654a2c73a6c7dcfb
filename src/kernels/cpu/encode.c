/* Encoding: blocks of rows go to workers, each screens and recomputes; then the exact selection, and codes. */
#include "kernels/blas.h"
#include "kernels/cpu/encoder.h"
#include "kernels/cpu/select.h"
#include "kernels/cpu/tile.h"

#include "base/alloc.h"
#include "base/cache.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/parallel.h"

#include <math.h>
#include <omp.h>
#include <string.h>

/* ---- workspace ---------------------------------------------------------------------------------- */

static void worker_free(sae_worker *w)
{
    sae_free(w->z);
    sae_free(w->bias);
    sae_free(w->w);
    sae_free(w->w_norm);
    sae_free(w->w_error);
    sae_free(w->w_scale);
    sae_free(w->w_sum);
    sae_free(w->columns);
    sae_free(w->hits);
    sae_free(w->least_bias);
    sae_free(w->least);
    sae_free(w->c);
    sae_free(w->c_low);
    sae_free(w->c_scale);
    sae_free(w->c_split);
    sae_free(w->rest);
    sae_low_gemm_free(w->gemm);
    sae_free(w->norm);
    sae_free(w->reach);
    sae_free(w->by_norm);
    sae_free(w->by_error);
    sae_free(w->filter);
    sae_free(w->found.row);
    sae_free(w->found.latent);
    sae_free(w->found.value);
    sae_free(w->near_bias);
    sae_free(w->near.row);
    sae_free(w->near.latent);
    sae_free(w->near.value);
    sae_free(w->list_count);
}

void sae_encoder_free(sae_encoder *e)
{
    if (!e) return;
    for (int t = 0; e->workers && t < e->threads; t++) worker_free(&e->workers[t]);
    sae_free(e->workers);
    sae_free(e->lists);
    sae_free(e->split_sums);
    sae_free(e->row_ratio);
    sae_free(e->again);
    sae_free(e->row_counts);
    sae_free(e->digits);
    sae_free(e);
}

/* Entry buffers: room for twice what one selection keeps (so that pruning halves them), shared by the two uses:
 * one buffer for BATCH, or a list per row of a block for ROW. Pages are touched only as far as they fill. */
static bool worker_new(sae_worker *w, const sae_encoder *e, int64_t batch_entries)
{
    /* gathered rows in low precision are no longer than those in fp32 but for what pads them */
    size_t longest = (size_t)(e->kind == SAE_SCREEN_FP32 ? e->d : sae_shadow_depth(e->kind, e->d));
    size_t latents = (size_t)e->size.latents;
    size_t d = (size_t)e->d, entries = (size_t)(e->list_capacity * e->list_rows);
    if (entries < (size_t)batch_entries) entries = (size_t)batch_entries;
    w->z = sae_alloc(SAE_TILE_ROWS * latents, sizeof(float));
    w->bias = sae_alloc(latents, sizeof(float));
    w->near_bias = sae_alloc(latents, sizeof(float));
    w->w = sae_alloc(latents * longest, sizeof(float));
    w->w_norm = sae_alloc(latents, sizeof(float));
    w->w_error = sae_alloc(latents, sizeof(float));
    w->hits = sae_alloc(latents, sizeof(int32_t));
    w->least_bias = sae_alloc(latents, sizeof(float));
    w->least = sae_alloc(latents, sizeof(float));
    w->c = sae_alloc(SAE_TILE_ROWS * d, sizeof(float));
    w->norm = sae_alloc(SAE_TILE_ROWS, sizeof(float));
    w->reach = sae_alloc(SAE_TILE_ROWS, sizeof(double));
    w->by_norm = sae_alloc(SAE_TILE_ROWS, sizeof(float));
    w->by_error = sae_alloc(SAE_TILE_ROWS, sizeof(float));
    w->filter = sae_alloc(SAE_TILE_ROWS, sizeof(float));
    w->list_count = sae_calloc(SAE_TILE_ROWS, sizeof(int32_t));
    /* realloc'ed by LATENT, so not from sae_alloc */
    w->found.row = sae_realloc(NULL, entries, sizeof(int32_t));
    w->found.latent = sae_realloc(NULL, entries, sizeof(int32_t));
    w->found.value = sae_realloc(NULL, entries, sizeof(float));
    w->found.capacity = (int64_t)entries;
    return w->z && w->bias && w->near_bias && w->w && w->w_norm && w->w_error && w->hits && w->least_bias && w->least &&
           w->c && w->norm && w->reach && w->by_norm && w->by_error && w->filter && w->list_count && w->found.row &&
           w->found.latent && w->found.value;
}

/* What a worker multiplies in low precision with. */
static sae_status worker_low(sae_worker *w, const sae_encoder *e, sae_error *err)
{
    int64_t depth = sae_shadow_depth(e->kind, e->d);
    size_t bytes = SAE_TILE_ROWS * (size_t)depth * (e->kind == SAE_SCREEN_INT8 ? 1 : 2);
    size_t latents = (size_t)e->size.latents;
    w->c_low = sae_alloc(bytes, 1);
    w->c_scale = sae_alloc(SAE_TILE_ROWS, sizeof(float));
    w->c_split = sae_calloc(SAE_TILE_ROWS * SAE_SPLIT, sizeof(float));
    w->rest = sae_alloc((size_t)e->d, sizeof(float));
    w->w_scale = sae_alloc(latents, sizeof(float));
    w->w_sum = sae_alloc(latents, sizeof(int32_t));
    w->columns = sae_alloc(latents * SAE_SPLIT, sizeof(float));
    if (!w->c_low || !w->c_scale || !w->c_split || !w->rest || !w->w_scale || !w->w_sum || !w->columns)
        return sae_fail_memory(err, "rows in low precision", bytes);
    memset(w->c_low, 0, bytes);
    return sae_low_gemm_new(&w->gemm, e->kind, depth, SAE_TILE_ROWS, e->size.latents, err);
}

sae_status sae_encoder_new(sae_encoder **out, sae_screen_kind kind, int64_t d, int64_t max_rows, int64_t row_k,
                           int64_t batch_k, const sae_env *env, sae_error *err)
{
    sae_tile_size size = sae_tile_size_for(sae_caches_read(SAE_CACHES_HERE).second, d);
    return sae_encoder_new_tiled(out, kind, d, max_rows, row_k, batch_k, size, env, err);
}

/* ROW: lists of a block are at most 4 M entries per worker, for at least 8 rows. */
static int64_t list_rows_for(int64_t list_capacity)
{
    int64_t rows = SAE_TILE_ROWS;
    while (rows > 8 && rows * list_capacity > (int64_t)1 << 22) rows /= 2;
    return rows;
}

double sae_encoder_bytes(sae_screen_kind kind, int64_t d, int64_t max_rows, int64_t row_k, int64_t batch_k, int threads)
{
    int64_t latents = sae_tile_size_for(sae_caches_read(SAE_CACHES_HERE).second, d).latents;
    double width = (double)(kind == SAE_SCREEN_FP32 ? d : sae_shadow_depth(kind, d)); /* of rows beside one another */
    double lists = (double)(2 * row_k * list_rows_for(2 * row_k)), batch = 2 * (double)batch_k * (double)max_rows;
    double tile = SAE_TILE_ROWS * (double)latents + ((double)latents + 2 * SAE_TILE_ROWS) * width;
    return threads * (4 * tile + 12 * fmax(lists, batch));
}

sae_status sae_encoder_new_tiled(sae_encoder **out, sae_screen_kind kind, int64_t d, int64_t max_rows, int64_t row_k,
                                 int64_t batch_k, sae_tile_size size, const sae_env *env, sae_error *err)
{
    sae_blas_init();
    int64_t batch_entries;
    sae_encoder *e = sae_calloc(1, sizeof *e);
    if (!e) return sae_fail_memory(err, "the encoder", sizeof *e);
    int64_t blocks = (max_rows + 31) / 32; /* no more workers than blocks of a useful size */
    e->threads = sae_threads(env);
    if (e->threads > blocks) e->threads = blocks > 0 ? (int)blocks : 1;
    e->kind = kind;
    e->size = size;
    e->d = d;
    e->max_rows = max_rows;
    e->list_capacity = 2 * row_k;
    e->list_rows = list_rows_for(e->list_capacity);
    e->workers = sae_alloc((size_t)e->threads, sizeof *e->workers);
    if (e->workers) memset(e->workers, 0, (size_t)e->threads * sizeof *e->workers);
    e->lists = sae_calloc((size_t)e->threads, sizeof *e->lists);
    e->split_sums = sae_alloc((size_t)d, sizeof *e->split_sums);
    e->row_ratio = sae_alloc((size_t)max_rows, sizeof *e->row_ratio);
    e->again = sae_alloc((size_t)max_rows, sizeof *e->again);
    e->row_counts = sae_alloc((size_t)max_rows + 1, sizeof *e->row_counts);
    e->digits = sae_alloc((size_t)e->threads, sizeof *e->digits);
    bool ready = sae_mul_i64(2 * batch_k, max_rows, &batch_entries) && e->workers && e->lists && e->split_sums &&
                 e->row_ratio && e->again && e->row_counts && e->digits;
    for (int t = 0; ready && t < e->threads; t++) ready = worker_new(&e->workers[t], e, batch_entries);
    if (!ready) {
        sae_encoder_free(e);
        return sae_fail(err, SAE_E_MEMORY, "out of memory for encoding %lld rows of %lld values with k = %lld",
                        (long long)max_rows, (long long)d, (long long)(row_k > batch_k ? row_k : batch_k));
    }
    for (int t = 0; kind != SAE_SCREEN_FP32 && t < e->threads; t++) {
        sae_status status = worker_low(&e->workers[t], e, err);
        if (status != SAE_OK) {
            sae_encoder_free(e);
            return status;
        }
    }
    *out = e;
    return SAE_OK;
}

/* ---- blocks of rows ------------------------------------------------------------------------------- */

/* Small enough that every thread has work, large enough for SGEMM. Results do not depend on it. */
static int64_t block_size(const sae_encoder *e, const sae_encode_job *job)
{
    int64_t size = job->filter == SAE_FILTER_ROW ? e->list_rows : SAE_TILE_ROWS;
    while (size > 32 && job->rows / size < 2 * e->threads) size /= 2;
    return size;
}

/* ROW: writes a finished row to its place in codes (k slots per row); a row with too few entries above a
 * raised filter is marked to be screened again from 0. */
static void finish_row(const sae_encoder *e, const sae_screen *screen, sae_worker *w, int64_t b, int64_t row,
                       bool raised, sae_codes *codes)
{
    const sae_encode_job *job = screen->job;
    int32_t *latents = w->found.latent + b * e->list_capacity;
    float *values = w->found.value + b * e->list_capacity;
    int32_t *count = &w->list_count[b];
    if (raised && *count < job->k) {
        e->row_ratio[row] = -1;
        return;
    }
    float smallest = 0;
    if (*count > job->k)
        smallest = sae_list_prune(screen->ops, latents, values, count, job->k);
    else if (*count == job->k) {
        smallest = values[0];
        for (int32_t i = 1; i < *count; i++)
            if (values[i] < smallest) smallest = values[i];
    }
    e->row_ratio[row] = w->norm[b] > 0 ? smallest / w->norm[b] : 0;
    e->row_counts[row] = *count;
    memcpy(codes->latents + row * job->k, latents, (size_t)*count * sizeof *latents);
    memcpy(codes->values + row * job->k, values, (size_t)*count * sizeof *values);
}

static void screen_all(sae_encoder *e, const sae_screen *screen, float start, sae_codes *codes)
{
    const sae_encode_job *job = screen->job;
    int64_t size = block_size(e, job), blocks = (job->rows + size - 1) / size;
    bool by_row = job->filter == SAE_FILTER_ROW;
    for (int t = 0; t < e->threads; t++) {
        e->workers[t].cut = start;
        e->workers[t].found.count = 0;
        e->workers[t].near.count = 0;
    }
#pragma omp parallel for num_threads(e->threads) schedule(dynamic)
    for (int64_t block = 0; block < blocks; block++) {
        sae_worker *w = &e->workers[omp_get_thread_num()];
        int64_t first = block * size, rows = job->rows - first < size ? job->rows - first : size;
        const float *c = job->c + first * job->d;
        for (int64_t b = 0; b < rows; b++) {
            w->norm[b] = sae_norm_above(screen->ops, c + b * job->d, job->d);
            w->filter[b] = start * w->norm[b];
            w->list_count[b] = 0;
        }
        sae_screen_rows(screen, w, c, first, rows);
        for (int64_t b = 0; by_row && b < rows; b++) finish_row(e, screen, w, b, first + b, start > 0, codes);
    }
}

/* ROW: the rows whose filter was too high, from 0. */
static int64_t screen_again(sae_encoder *e, const sae_screen *screen, sae_codes *codes)
{
    const sae_encode_job *job = screen->job;
    sae_encode_job all = *job;
    sae_screen again = *screen;
    all.near = NULL; /* was found the first time */
    again.job = &all;
    int64_t count = 0, d = job->d;
    for (int64_t row = 0; row < job->rows; row++)
        if (e->row_ratio[row] < 0) e->again[count++] = (int32_t)row;
    int64_t size = e->list_rows < 32 ? e->list_rows : 32, blocks = (count + size - 1) / size;
#pragma omp parallel for num_threads(e->threads) schedule(dynamic)
    for (int64_t block = 0; block < blocks; block++) {
        sae_worker *w = &e->workers[omp_get_thread_num()];
        int64_t first = block * size, rows = count - first < size ? count - first : size;
        for (int64_t b = 0; b < rows; b++) {
            memcpy(w->c + b * d, job->c + e->again[first + b] * d, (size_t)d * sizeof(float));
            w->norm[b] = sae_norm_above(screen->ops, w->c + b * d, d);
            w->filter[b] = 0;
            w->list_count[b] = 0;
        }
        sae_screen_rows(&again, w, w->c, first, rows);
        for (int64_t b = 0; b < rows; b++) finish_row(e, &again, w, b, e->again[first + b], false, codes);
    }
    return count;
}

/* ---- codes ------------------------------------------------------------------------------------------ */

/* ROW: closes the gaps that rows with fewer than k entries leave. */
static void compact_rows(const sae_encoder *e, const sae_encode_job *job, sae_codes *codes)
{
    codes->row_offsets[0] = 0;
    for (int64_t row = 0; row < job->rows; row++) {
        int64_t to = codes->row_offsets[row], from = row * job->k, count = e->row_counts[row];
        if (to != from) {
            memmove(codes->latents + to, codes->latents + from, (size_t)count * sizeof *codes->latents);
            memmove(codes->values + to, codes->values + from, (size_t)count * sizeof *codes->values);
        }
        codes->row_offsets[row + 1] = to + count;
    }
}

/* Threads for work on `entries` found entries: below some thousands waking them takes longer. */
static int helpers(const sae_encoder *e, int64_t entries)
{
    return entries < 1 << 12 ? 1 : e->threads;
}

/* BATCH and LATENT: a row was screened by one worker, which found its entries in ascending order of latents, so workers
 * fill their rows independently. cut NULL: keep all. */
static sae_status gather_codes(sae_encoder *e, const sae_encode_job *job, const sae_cut *cut, int64_t found,
                               sae_codes *codes, sae_error *err)
{
    int threads = helpers(e, found);
    memset(e->row_counts, 0, (size_t)job->rows * sizeof *e->row_counts);
#pragma omp parallel for num_threads(threads) schedule(static, 1) if (threads > 1)
    for (int t = 0; t < e->threads; t++) {
        const sae_candidates *list = &e->lists[t];
        for (int64_t i = 0; i < list->count; i++)
            if (!cut || sae_cut_keeps(cut, list, i)) e->row_counts[list->row[i]]++;
    }
    int64_t total = 0;
    for (int64_t row = 0; row < job->rows; row++) total += e->row_counts[row];
    if (total > codes->capacity || job->rows > codes->row_capacity) {
        sae_status status = sae_codes_reserve(codes, job->rows, total, err);
        if (status != SAE_OK) return status;
    }
    int64_t at = 0;
    for (int64_t row = 0; row < job->rows; row++) {
        codes->row_offsets[row] = at;
        at += e->row_counts[row];
        e->row_counts[row] = codes->row_offsets[row];
    }
    codes->row_offsets[job->rows] = at;
#pragma omp parallel for num_threads(threads) schedule(static, 1) if (threads > 1)
    for (int t = 0; t < e->threads; t++) {
        const sae_candidates *list = &e->lists[t];
        for (int64_t i = 0; i < list->count; i++) {
            if (cut && !sae_cut_keeps(cut, list, i)) continue;
            int64_t to = e->row_counts[list->row[i]]++;
            codes->latents[to] = list->latent[i];
            codes->values[to] = list->value[i];
        }
    }
    return SAE_OK;
}

static int64_t list_found(sae_encoder *e)
{
    int64_t total = 0;
    for (int t = 0; t < e->threads; t++) {
        const sae_found *f = &e->workers[t].found;
        e->lists[t] = (sae_candidates){f->value, f->row, f->latent, f->count};
        total += f->count;
    }
    return total;
}

/* ---- the three filters -------------------------------------------------------------------------------- */

/* The next cut is expected at a running mean of the last ones, since those of batches scatter about it; the margin is
 * three times a running mean of how far they were from it. Too small a margin costs a second screen, too large a one
 * more exact dots in every step. */
static void expect_cut(sae_encode_hint *hint, float cut)
{
    if (!(hint->cut > 0 && cut > 0)) {
        *hint = (sae_encode_hint){.cut = cut, .margin = 0.1f};
        return;
    }
    float moved = fabsf(cut / hint->cut - 1);
    hint->margin += 0.2f * (3 * moved - hint->margin);
    hint->margin = fminf(fmaxf(hint->margin, 0.003f), 0.5f);
    hint->cut += 0.3f * (cut - hint->cut);
}

/* A filter is accepted only if at least rows·k exact values reach it; what is below it is an incomplete set and
 * certifies nothing. From 0 upwards everything positive is there, and fewer are accepted. */
static sae_status encode_batch(sae_encoder *e, const sae_screen *screen, sae_encode_hint *hint, sae_codes *codes,
                               sae_encode_stats *stats, sae_error *err)
{
    const sae_encode_job *job = screen->job;
    int64_t wanted = job->rows * job->k, total = 0;
    sae_status status;
    float start = hint && hint->cut > 0 ? hint->cut * (1 - hint->margin) : 0;
    for (;;) {
        screen_all(e, screen, start, codes);
        total = list_found(e);
        if (total >= wanted || start == 0) break;
        stats->repeats += job->rows;
        start = start > 0.5f * hint->cut ? 0.5f * hint->cut : 0;
    }
    double began = sae_now();
    float cut_value = 0;
    if (total > wanted) {
        sae_cut cut = sae_select_cut_by(e->lists, e->threads, wanted, e->digits, helpers(e, total));
        cut_value = cut.value;
        status = gather_codes(e, job, &cut, total, codes, err);
    } else {
        status = gather_codes(e, job, NULL, total, codes, err);
        for (int64_t i = 0; total == wanted && i < total; i++)
            if (i == 0 || codes->values[i] < cut_value) cut_value = codes->values[i];
    }
    stats->select_seconds += sae_now() - began;
    if (hint) expect_cut(hint, cut_value);
    return status;
}

static sae_status encode_rows(sae_encoder *e, const sae_screen *screen, sae_encode_hint *hint, sae_codes *codes,
                              sae_encode_stats *stats)
{
    const sae_encode_job *job = screen->job;
    float start = hint ? hint->cut : 0;
    screen_all(e, screen, start, codes);
    if (start > 0) stats->repeats += screen_again(e, screen, codes);
    double began = sae_now();
    compact_rows(e, job, codes);
    if (hint) {
        /* the ratio that all but 1 in 200 rows reach; rows that have fewer than k positive z have ratio 0 */
        int64_t reach = job->rows - job->rows / 200, positive = 0;
        for (int64_t row = 0; row < job->rows; row++)
            if (e->row_ratio[row] > 0) e->row_ratio[positive++] = e->row_ratio[row];
        sae_candidates ratios = {e->row_ratio, NULL, e->again, positive};
        hint->cut = reach > 0 && positive >= reach ? 0.97f * sae_select_cut(&ratios, reach).value : 0;
    }
    stats->select_seconds += sae_now() - began;
    return SAE_OK;
}

static bool out_of_memory(const sae_encoder *e)
{
    bool failed = false;
    for (int t = 0; t < e->threads; t++) failed = failed || e->workers[t].out_of_memory;
    return failed;
}

void sae_encoder_near(const sae_encoder *e, void (*visit)(void *ud, int32_t row, int32_t latent, float z), void *ud)
{
    for (int t = 0; t < e->threads; t++) {
        const sae_found *near = &e->workers[t].near;
        for (int64_t i = 0; i < near->count; i++) visit(ud, near->row[i], near->latent[i], near->value[i]);
    }
}

sae_status sae_encode(sae_encoder *e, const sae_encode_job *job, sae_encode_hint *hint, sae_codes *codes,
                      sae_encode_stats *stats, sae_error *err)
{
    sae_encode_stats local = {0};
    if (!stats) stats = &local;
    sae_screen screen = {
        .job = job,
        .ops = sae_ops_best(),
        .kind = job->shadow->kind == e->kind ? e->kind : SAE_SCREEN_FP32,
        .size = e->size,
        .n = job->subset ? job->n_subset : job->n,
        .list_capacity = e->list_capacity,
    };
    for (int t = 0; t < e->threads; t++) {
        e->workers[t].rescored = 0;
        e->workers[t].out_of_memory = e->workers[t].failed = false;
    }
    if (screen.kind == SAE_SCREEN_INT8) sae_tile_split(&screen, e->split_sums, e->threads);
    sae_status status = SAE_OK;
    switch (job->filter) {
    case SAE_FILTER_ROW:
        status = encode_rows(e, &screen, hint, codes, stats);
        break;
    case SAE_FILTER_BATCH:
        status = encode_batch(e, &screen, hint, codes, stats, err);
        break;
    case SAE_FILTER_LATENT: {
        screen_all(e, &screen, 0, codes);
        int64_t total = list_found(e);
        if (!out_of_memory(e)) status = gather_codes(e, job, NULL, total, codes, err);
        break;
    }
    }
    if (out_of_memory(e)) return sae_fail(err, SAE_E_MEMORY, "out of memory for the active latents");
    codes->rows = job->rows;
    for (int t = 0; t < e->threads; t++) {
        stats->rescored += e->workers[t].rescored;
        if (status == SAE_OK && e->workers[t].failed)
            status = sae_fail(err, SAE_E_MEMORY, "oneDNN could not run a product; --screen fp32 does without it");
    }
    return status;
}
