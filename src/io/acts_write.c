/* Shards are written as streams: memory does not grow with their size. acts.json comes last and makes them valid. */
#include <sae/io.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/file.h"
#include "io/acts_meta.h"
#include "io/dtype.h"
#include "io/st_write.h"

#include <dirent.h>
#include <errno.h>
#include <string.h>
#include <unistd.h>

#define PIECE 8192 /* elements converted at a time */

enum { ACTS, TOKENS, POSITIONS, DOCS, COLUMNS };

struct sae_acts_writer {
    char *dir;
    char *json; /* path of acts.json */
    sae_written dirs;
    sae_acts_meta meta; /* n_tokens: rows so far */
    int64_t shard_tokens;
    int64_t shards; /* complete ones */
    int64_t rows_in_shard;
    sae_st_stream *shard; /* the one being written, or NULL */
};

/* True for acts-<digits>.safetensors, complete or left as a temporary file by a run that was killed. */
static bool is_shard_name(const char *name)
{
    if (strncmp(name, "acts-", 5) != 0) return false;
    const char *end = name + 5 + strspn(name + 5, "0123456789");
    if (end == name + 5 || strncmp(end, ".safetensors", 12) != 0) return false;
    return end[12] == 0 || strncmp(end + 12, ".tmp-", 5) == 0;
}

static sae_status remove_in(const char *dir, const char *name, sae_error *err)
{
    char *path = sae_path_join(dir, name);
    if (!path) return sae_fail_memory(err, "a path", strlen(dir) + strlen(name));
    sae_status status = SAE_OK;
    if (unlink(path) != 0 && errno != ENOENT) status = sae_fail_errno(err, "cannot remove %s", path);
    sae_free(path);
    return status;
}

/* acts.json goes first: without it the rest is no activation directory any more. */
static sae_status remove_old(const char *dir, sae_error *err)
{
    sae_status status = remove_in(dir, "acts.json", err);
    if (status != SAE_OK) return status;
    DIR *list = opendir(dir);
    if (!list) return sae_fail_errno(err, "cannot read %s", dir);
    for (const struct dirent *entry; status == SAE_OK && (entry = readdir(list));)
        if (is_shard_name(entry->d_name)) status = remove_in(dir, entry->d_name, err);
    closedir(list);
    return status;
}

static sae_status check_config(const char *dir, const sae_acts_meta *meta, int64_t shard_tokens, sae_error *err)
{
    if (meta->d < 1 || shard_tokens < 1)
        return sae_fail(err, SAE_E_ARG, "cannot write %s: d is %lld and a shard has %lld rows; both must be at least 1",
                        dir, (long long)meta->d, (long long)shard_tokens);
    if (meta->dtype != SAE_DTYPE_F32 && meta->dtype != SAE_DTYPE_F16 && meta->dtype != SAE_DTYPE_BF16)
        return sae_fail(err, SAE_E_ARG, "cannot write %s: activations are written as f32, f16 or bf16, not %s", dir,
                        sae_dtype_name(meta->dtype));
    return SAE_OK;
}

sae_status sae_acts_writer_open(sae_acts_writer **out, const char *dir, const sae_acts_meta *meta, int64_t shard_tokens,
                                bool force, sae_error *err)
{
    sae_status status;
    sae_acts_writer *writer = sae_calloc(1, sizeof *writer);
    if (!writer) return sae_fail_memory(err, dir, sizeof *writer);
    SAE_TRY(check_config(dir, meta, shard_tokens, err));
    writer->dir = sae_strdup(dir);
    writer->json = sae_path_join(dir, "acts.json");
    if (!writer->dir || !writer->json) SAE_TRY(sae_fail_memory(err, "a path", strlen(dir)));
    if (sae_file_exists(writer->json) && !force)
        SAE_TRY(sae_fail(err, SAE_E_EXISTS,
                         "%s already holds activations; give another directory, or --force to replace them", dir));
    writer->meta = *meta;
    writer->meta.n_tokens = 0;
    writer->shard_tokens = shard_tokens;
    SAE_TRY(sae_written_dirs(&writer->dirs, dir, err));
    SAE_TRY(remove_old(dir, err));
    *out = writer;
    writer = NULL;
done:
    sae_acts_writer_abort(writer);
    return status;
}

static sae_status open_shard(sae_acts_writer *writer, sae_error *err)
{
    const sae_st_column columns[COLUMNS] = {
        [ACTS] = {"acts", writer->meta.dtype, writer->meta.d},
        [TOKENS] = {"tokens", SAE_DTYPE_I32, 0},
        [POSITIONS] = {"positions", SAE_DTYPE_I32, 0},
        [DOCS] = {"docs", SAE_DTYPE_I32, 0},
    };
    char name[SAE_SHARD_NAME];
    sae_shard_name(writer->shards, name);
    char *path = sae_path_join(writer->dir, name);
    if (!path) return sae_fail_memory(err, "a path", strlen(writer->dir));
    sae_status status = sae_st_stream_open(&writer->shard, path, columns, COLUMNS, NULL, 0, err);
    sae_free(path);
    return status;
}

static sae_status finish_shard(sae_acts_writer *writer, sae_error *err)
{
    sae_status status = sae_st_stream_finish(writer->shard, err);
    writer->shard = NULL;
    writer->rows_in_shard = 0;
    if (status == SAE_OK) writer->shards++;
    return status;
}

static sae_status bad_value(const sae_acts_writer *writer, int64_t element, float value, sae_error *err)
{
    int64_t row = writer->meta.n_tokens + element / writer->meta.d, j = element % writer->meta.d;
    if (sae_all_finite(&value, 1))
        return sae_fail(err, SAE_E_VALUE,
                        "cannot write %s: row %lld, dimension %lld is %g, too large for %s; use bf16 or f32",
                        writer->dir, (long long)row, (long long)j, (double)value, sae_dtype_name(writer->meta.dtype));
    return sae_fail(err, SAE_E_VALUE, "cannot write %s: row %lld, dimension %lld is %s", writer->dir, (long long)row,
                    (long long)j, value == value ? "infinite" : "NaN");
}

/* Converts and writes rows piece by piece, and looks at each as a reader will see it. */
static sae_status write_rows(sae_acts_writer *writer, const float *rows, int64_t elements, sae_error *err)
{
    float seen[PIECE];
    unsigned char stored[PIECE * sizeof(float)];
    sae_dtype dtype = writer->meta.dtype;
    for (int64_t at = 0; at < elements; at += PIECE) {
        int64_t now = elements - at < PIECE ? elements - at : PIECE;
        sae_f32_to_dtype(rows + at, now, dtype, stored);
        sae_dtype_to_f32(stored, now, dtype, seen);
        if (!sae_all_finite(seen, now)) {
            int64_t bad = at + sae_first_nonfinite(seen, now);
            return bad_value(writer, bad, rows[bad], err);
        }
        sae_status status = sae_st_stream_append(writer->shard, ACTS, stored, (size_t)now * sae_dtype_size(dtype), err);
        if (status != SAE_OK) return status;
    }
    return SAE_OK;
}

sae_status sae_acts_writer_append(sae_acts_writer *writer, int64_t count, const float *rows, const int32_t *tokens,
                                  const int32_t *positions, const int32_t *docs, sae_error *err)
{
    sae_status status = SAE_OK;
    for (int64_t at = 0; at < count;) {
        int64_t room = writer->shard_tokens - writer->rows_in_shard;
        int64_t now = count - at < room ? count - at : room;
        size_t bytes = (size_t)now * sizeof(int32_t);
        if (!writer->shard) SAE_TRY(open_shard(writer, err));
        SAE_TRY(write_rows(writer, rows + at * writer->meta.d, now * writer->meta.d, err));
        SAE_TRY(sae_st_stream_append(writer->shard, TOKENS, tokens + at, bytes, err));
        SAE_TRY(sae_st_stream_append(writer->shard, POSITIONS, positions + at, bytes, err));
        SAE_TRY(sae_st_stream_append(writer->shard, DOCS, docs + at, bytes, err));
        writer->rows_in_shard += now;
        writer->meta.n_tokens += now;
        at += now;
        if (writer->rows_in_shard == writer->shard_tokens) SAE_TRY(finish_shard(writer, err));
    }
done:
    return status;
}

static void free_writer(sae_acts_writer *writer)
{
    sae_st_stream_abort(writer->shard);
    sae_free(writer->dir);
    sae_free(writer->json);
    sae_free(writer);
}

sae_status sae_acts_writer_finish(sae_acts_writer *writer, int64_t *shards, sae_error *err)
{
    sae_status status;
    if (writer->meta.n_tokens == 0)
        SAE_TRY(sae_fail(err, SAE_E_ARG, "there are no activations to write to %s", writer->dir));
    if (writer->shard) SAE_TRY(finish_shard(writer, err));
    SAE_TRY(sae_acts_meta_write(&writer->meta, writer->json, err));
    if (shards) *shards = writer->shards;
    sae_written_end(&writer->dirs, true);
    free_writer(writer);
    return SAE_OK;
done:
    sae_acts_writer_abort(writer);
    return status;
}

void sae_acts_writer_abort(sae_acts_writer *writer)
{
    if (!writer) return;
    for (int64_t i = 0; i < writer->shards; i++) {
        char name[SAE_SHARD_NAME];
        sae_shard_name(i, name);
        (void)remove_in(writer->dir, name, NULL);
    }
    sae_st_stream_abort(writer->shard);
    writer->shard = NULL;
    sae_written_end(&writer->dirs, false);
    free_writer(writer);
}
