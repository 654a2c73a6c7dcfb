/* Activations are read where they lie: shards stay mapped, rows are converted on the way out. */
#include <sae/io.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/file.h"
#include "io/acts_meta.h"
#include "io/dtype.h"
#include "io/ids.h"

#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

typedef struct shard {
    sae_safetensors *safetensors; /* one of these two */
    sae_npy *npy;
    char *path;
    const sae_tensor *acts;                      /* [rows, d] */
    const sae_tensor *tokens, *positions, *docs; /* [rows] i32, or NULL all three */
    int64_t first;                               /* number of its first row among all rows */
} shard;

struct sae_acts {
    char *path;
    sae_acts_meta meta;
    shard *shards;
    size_t count, capacity;
    bool has_positions;
};

/* ---- opening ---------------------------------------------------------------------------------------- */

static sae_status add_shard(sae_acts *acts, const char *path, shard **out, sae_error *err)
{
    if (acts->count == acts->capacity) {
        size_t capacity = acts->capacity ? 2 * acts->capacity : 8;
        shard *grown = sae_realloc(acts->shards, capacity, sizeof *grown);
        if (!grown) return sae_fail_memory(err, "a list of shards", capacity * sizeof *grown);
        acts->shards = grown;
        acts->capacity = capacity;
    }
    char *copy = sae_strdup(path);
    if (!copy) return sae_fail_memory(err, "a path", strlen(path));
    *out = &acts->shards[acts->count++];
    **out = (shard){.path = copy, .first = acts->meta.n_tokens};
    return SAE_OK;
}

static sae_status check_matrix(const shard *s, sae_error *err)
{
    const sae_tensor *acts = s->acts;
    if (!sae_dtype_is_float(acts->dtype))
        return sae_fail(err, SAE_E_FORMAT, "%s: \"%s\" holds %s, not f32, f16, bf16 or f64", s->path, acts->name,
                        sae_dtype_name(acts->dtype));
    if (acts->rank != 2)
        return sae_fail(err, SAE_E_SHAPE, "%s: \"%s\" has %d dimensions; activations have 2, [rows, d]", s->path,
                        acts->name, acts->rank);
    if (acts->shape[0] < 1 || acts->shape[1] < 1)
        return sae_fail(err, SAE_E_SHAPE, "%s: \"%s\" is empty, [%lld, %lld]", s->path, acts->name,
                        (long long)acts->shape[0], (long long)acts->shape[1]);
    return SAE_OK;
}

static sae_status find_ids(const shard *s, const char *name, const sae_tensor **out, sae_error *err)
{
    const sae_tensor *tensor = sae_safetensors_find(s->safetensors, name);
    if (!tensor) return sae_fail(err, SAE_E_FORMAT, "%s has no tensor \"%s\"", s->path, name);
    if (tensor->dtype != SAE_DTYPE_I32 || tensor->rank != 1)
        return sae_fail(err, SAE_E_FORMAT, "%s: \"%s\" must be a list of 32-bit whole numbers", s->path, name);
    if (tensor->shape[0] != s->acts->shape[0])
        return sae_fail(err, SAE_E_SHAPE, "%s: \"%s\" has %lld elements for %lld rows of \"acts\"", s->path, name,
                        (long long)tensor->shape[0], (long long)s->acts->shape[0]);
    *out = tensor;
    return SAE_OK;
}

static sae_status find_all_ids(shard *s, sae_error *err)
{
    sae_status status;
    SAE_TRY(find_ids(s, "tokens", &s->tokens, err));
    SAE_TRY(find_ids(s, "positions", &s->positions, err));
    SAE_TRY(find_ids(s, "docs", &s->docs, err));
done:
    return status;
}

/* The next shard of a directory: must agree with acts.json. */
static sae_status open_shard(sae_acts *acts, const sae_acts_meta *meta, const char *path, sae_error *err)
{
    sae_status status;
    shard *s = NULL;
    SAE_TRY(add_shard(acts, path, &s, err));
    SAE_TRY(sae_safetensors_open(&s->safetensors, path, err));
    s->acts = sae_safetensors_find(s->safetensors, "acts");
    if (!s->acts) SAE_TRY(sae_fail(err, SAE_E_FORMAT, "%s has no tensor \"acts\"", path));
    SAE_TRY(check_matrix(s, err));
    if (s->acts->shape[1] != meta->d)
        SAE_TRY(sae_fail(err, SAE_E_SHAPE, "%s: \"acts\" is [%lld, %lld], but acts.json says d = %lld", path,
                         (long long)s->acts->shape[0], (long long)s->acts->shape[1], (long long)meta->d));
    if (s->acts->dtype != meta->dtype)
        SAE_TRY(sae_fail(err, SAE_E_FORMAT, "%s: \"acts\" holds %s, but acts.json says %s", path,
                         sae_dtype_name(s->acts->dtype), sae_dtype_name(meta->dtype)));
    SAE_TRY(find_all_ids(s, err));
    if (s->acts->shape[0] > meta->n_tokens - acts->meta.n_tokens)
        SAE_TRY(sae_fail(err, SAE_E_FORMAT, "%s: with this shard there are more rows than the %lld of acts.json", path,
                         (long long)meta->n_tokens));
    acts->meta.n_tokens += s->acts->shape[0];
done:
    return status;
}

static sae_status open_directory(sae_acts *acts, sae_error *err)
{
    sae_status status;
    sae_acts_meta meta;
    char *path = sae_path_join(acts->path, "acts.json");
    if (!path) SAE_TRY(sae_fail_memory(err, "a path", strlen(acts->path)));
    if (!sae_file_exists(path))
        SAE_TRY(sae_fail(err, SAE_E_IO,
                         "%s has no acts.json: it is not a directory of activations, or its making was not finished",
                         acts->path));
    SAE_TRY(sae_acts_meta_read(&meta, path, err));
    while (acts->meta.n_tokens < meta.n_tokens) {
        char name[SAE_SHARD_NAME];
        sae_shard_name((int64_t)acts->count, name);
        sae_free(path);
        path = sae_path_join(acts->path, name);
        if (!path) SAE_TRY(sae_fail_memory(err, "a path", strlen(acts->path)));
        SAE_TRY(open_shard(acts, &meta, path, err));
    }
    acts->meta = meta;
    acts->has_positions = true;
done:
    sae_free(path);
    return status;
}

/* The only matrix of floats in a file, or its "acts" when there are several. */
static sae_status find_matrix(shard *s, sae_error *err)
{
    size_t found = 0;
    for (size_t i = 0; i < sae_safetensors_count(s->safetensors); i++) {
        const sae_tensor *tensor = sae_safetensors_at(s->safetensors, i);
        if (tensor->rank != 2 || !sae_dtype_is_float(tensor->dtype)) continue;
        s->acts = tensor;
        found++;
    }
    if (found > 1) s->acts = sae_safetensors_find(s->safetensors, "acts");
    if (found == 0 || !s->acts)
        return sae_fail(err, SAE_E_FORMAT,
                        "%s holds %zu matrices of floats; activations are one (or one called \"acts\")", s->path,
                        found);
    return SAE_OK;
}

static sae_status open_file(sae_acts *acts, sae_error *err)
{
    sae_status status;
    shard *s = NULL;
    SAE_TRY(add_shard(acts, acts->path, &s, err));
    if (sae_has_ending(acts->path, ".npy")) {
        SAE_TRY(sae_npy_open(&s->npy, acts->path, err));
        s->acts = sae_npy_tensor(s->npy);
    } else {
        SAE_TRY(sae_safetensors_open(&s->safetensors, acts->path, err));
        SAE_TRY(find_matrix(s, err));
        if (sae_safetensors_find(s->safetensors, "positions")) {
            SAE_TRY(find_all_ids(s, err));
            acts->has_positions = true;
        }
    }
    SAE_TRY(check_matrix(s, err));
    acts->meta.d = s->acts->shape[1];
    acts->meta.n_tokens = s->acts->shape[0];
    acts->meta.dtype = s->acts->dtype;
done:
    return status;
}

sae_status sae_acts_open(sae_acts **out, const char *path, sae_error *err)
{
    sae_status status;
    sae_acts *acts = sae_calloc(1, sizeof *acts);
    if (!acts) return sae_fail_memory(err, path, sizeof *acts);
    acts->path = sae_strdup(path);
    if (!acts->path) SAE_TRY(sae_fail_memory(err, path, strlen(path)));
    SAE_TRY(sae_is_directory(path) ? open_directory(acts, err) : open_file(acts, err));
    *out = acts;
    acts = NULL;
done:
    sae_acts_close(acts);
    return status;
}

void sae_acts_close(sae_acts *acts)
{
    if (!acts) return;
    for (size_t i = 0; i < acts->count; i++) {
        sae_safetensors_close(acts->shards[i].safetensors);
        sae_npy_close(acts->shards[i].npy);
        sae_free(acts->shards[i].path);
    }
    sae_free(acts->shards);
    sae_free(acts->path);
    sae_free(acts);
}

const sae_acts_meta *sae_acts_get_meta(const sae_acts *acts)
{
    return &acts->meta;
}

const char *sae_acts_path(const sae_acts *acts)
{
    return acts->path;
}

size_t sae_acts_shards(const sae_acts *acts)
{
    return acts->count;
}

bool sae_acts_has_positions(const sae_acts *acts)
{
    return acts->has_positions;
}

/* ---- reading ---------------------------------------------------------------------------------------- */

static const shard *shard_of(const sae_acts *acts, int64_t row)
{
    size_t low = 0, high = acts->count;
    while (high - low > 1) {
        size_t middle = low + (high - low) / 2;
        if (acts->shards[middle].first <= row)
            low = middle;
        else
            high = middle;
    }
    return &acts->shards[low];
}

static bool holds(const shard *s, int64_t row)
{
    return row >= s->first && row - s->first < s->acts->shape[0];
}

static sae_status check_range(const sae_acts *acts, int64_t first, int64_t last, sae_error *err)
{
    if (first >= 0 && last < acts->meta.n_tokens) return SAE_OK;
    return sae_fail(err, SAE_E_ARG, "%s has %lld rows; there is no row %lld", acts->path,
                    (long long)acts->meta.n_tokens, (long long)(first < 0 ? first : last));
}

/* One row, checked while it is in the first-level cache. */
static sae_status read_row(const shard *s, int64_t row, int64_t d, float *out, sae_error *err)
{
    int64_t local = row - s->first;
    sae_tensor_read_f32(s->acts, local * d, d, out);
    return sae_check_row(out, d, s->path, local, err);
}

sae_status sae_acts_gather(const sae_acts *acts, const int64_t *rows, int64_t count, float *out, sae_error *err)
{
    sae_status status = SAE_OK;
    int64_t d = acts->meta.d;
    const shard *s = acts->shards;
    for (int64_t i = 0; i < count; i++) {
        SAE_TRY(check_range(acts, rows[i], rows[i], err));
        if (!holds(s, rows[i])) s = shard_of(acts, rows[i]);
        SAE_TRY(read_row(s, rows[i], d, out + i * d, err));
    }
done:
    return status;
}

sae_status sae_acts_read(const sae_acts *acts, int64_t first, int64_t count, float *out, sae_error *err)
{
    sae_status status = SAE_OK;
    int64_t d = acts->meta.d;
    if (count <= 0) return SAE_OK;
    SAE_TRY(check_range(acts, first, first + count - 1, err));
    const shard *s = shard_of(acts, first);
    for (int64_t i = 0; i < count; i++) {
        if (!holds(s, first + i)) s++;
        SAE_TRY(read_row(s, first + i, d, out + i * d, err));
    }
done:
    return status;
}

void sae_acts_read_ids(const sae_acts *acts, int64_t first, int64_t count, int32_t *tokens, int32_t *positions,
                       int32_t *docs)
{
    int64_t done = 0;
    if (count <= 0) return;
    for (const shard *s = shard_of(acts, first); done < count; s++) {
        int64_t local = first + done - s->first, left = s->acts->shape[0] - local;
        int64_t now = count - done < left ? count - done : left;
        sae_copy_ids(s->tokens, local, now, -1, tokens ? tokens + done : NULL);
        sae_copy_ids(s->positions, local, now, 1, positions ? positions + done : NULL);
        sae_copy_ids(s->docs, local, now, 0, docs ? docs + done : NULL);
        done += now;
    }
}

void sae_acts_will_need(const sae_acts *acts, int64_t first, int64_t count)
{
    size_t row = (size_t)acts->meta.d * sae_dtype_size(acts->meta.dtype);
    uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
    int64_t done = 0;
    if (count <= 0) return;
    for (const shard *s = shard_of(acts, first); done < count; s++) {
        int64_t local = first + done - s->first, left = s->acts->shape[0] - local;
        int64_t now = count - done < left ? count - done : left;
        uintptr_t start = (uintptr_t)s->acts->data + (size_t)local * row, aligned = start / page * page;
        (void)madvise((void *)aligned, (size_t)now * row + (start - aligned), MADV_WILLNEED);
        done += now;
    }
}
