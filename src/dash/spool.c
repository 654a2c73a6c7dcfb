#include "dash/spool.h"

#include "base/alloc.h"
#include "base/error.h"
#include "base/parallel.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define BUFFER ((int64_t)1 << 17) /* codes that are written at a time */

/* A file beside `path` that has lost its name: its space is free again when it is closed, also after a crash. */
static int nameless_file(const char *path)
{
    size_t size = strlen(path) + sizeof ".tmp-XXXXXX";
    char *name = sae_alloc(size, 1);
    if (!name) return -1;
    snprintf(name, size, "%s.tmp-XXXXXX", path);
    int fd = mkstemp(name);
    if (fd >= 0) unlink(name);
    sae_free(name);
    return fd;
}

sae_status sae_dash_spool_open(sae_dash_spool *out, int64_t n, int64_t rows, const char *path, sae_error *err)
{
    *out = (sae_dash_spool){.n = n, .row_room = rows, .fd = -1};
    out->offsets = sae_alloc((size_t)rows + 1, sizeof *out->offsets);
    out->counts = sae_calloc((size_t)n, sizeof *out->counts);
    out->sums = sae_calloc((size_t)n, sizeof *out->sums);
    out->squares = sae_calloc((size_t)n, sizeof *out->squares);
    out->buffer = sae_alloc((size_t)BUFFER, sizeof *out->buffer);
    out->path = sae_strdup(path);
    if (!out->offsets || !out->counts || !out->sums || !out->squares || !out->buffer || !out->path)
        return sae_fail_memory(err, "offsets of rows", (size_t)rows * sizeof *out->offsets);
    out->offsets[0] = 0;
    out->fd = nameless_file(path);
    return out->fd >= 0 ? SAE_OK : sae_fail_errno(err, "cannot write beside %s", path);
}

static sae_status flush(sae_dash_spool *s, sae_error *err)
{
    const char *data = (const char *)s->buffer;
    size_t left = (size_t)s->buffered * sizeof *s->buffer;
    while (left > 0) {
        ssize_t written = write(s->fd, data, left);
        if (written < 0 && errno == EINTR) continue;
        if (written < 0) return sae_fail_errno(err, "cannot keep activations beside %s", s->path);
        data += written;
        left -= (size_t)written;
    }
    s->buffered = 0;
    return SAE_OK;
}

sae_status sae_dash_spool_add(sae_dash_spool *s, const sae_codes *codes, sae_error *err)
{
    int64_t entries = codes->row_offsets[codes->rows];
    for (int64_t r = 0; r < codes->rows; r++) s->offsets[s->rows + r + 1] = s->codes + codes->row_offsets[r + 1];
    for (int64_t e = 0; e < entries; e++) {
        if (s->buffered == BUFFER) {
            sae_status status = flush(s, err);
            if (status != SAE_OK) return status;
        }
        double value = (double)codes->values[e];
        s->counts[codes->latents[e]]++;
        s->sums[codes->latents[e]] += value;
        s->squares[codes->latents[e]] += value * value;
        s->buffer[s->buffered++] = (sae_dash_code){codes->latents[e], codes->values[e]};
    }
    s->rows += codes->rows;
    s->codes += entries;
    return SAE_OK;
}

sae_status sae_dash_spool_close_writing(sae_dash_spool *s, sae_error *err)
{
    sae_status status = flush(s, err);
    if (status != SAE_OK || s->codes == 0) return status;
    void *data = mmap(NULL, (size_t)s->codes * sizeof *s->data, PROT_READ, MAP_SHARED, s->fd, 0);
    if (data == MAP_FAILED) return sae_fail_errno(err, "cannot read back activations kept beside %s", s->path);
    s->data = data;
    sae_free(s->buffer);
    s->buffer = NULL;
    return SAE_OK;
}

void sae_dash_spool_clear(sae_dash_spool *s)
{
    if (s->data) {
        union {
            const sae_dash_code *from;
            void *to;
        } memory = {s->data};
        munmap(memory.to, (size_t)s->codes * sizeof *s->data);
    }
    if (s->path && s->fd >= 0) close(s->fd);
    sae_free(s->offsets);
    sae_free(s->counts);
    sae_free(s->sums);
    sae_free(s->squares);
    sae_free(s->buffer);
    sae_free(s->path);
    *s = (sae_dash_spool){0};
}

/* ---- by latent --------------------------------------------------------------------------------------------- */

void sae_dash_columns_clear(sae_dash_columns *c)
{
    sae_free(c->starts);
    sae_free(c->rows);
    sae_free(c->values);
    *c = (sae_dash_columns){0};
}

int64_t sae_dash_columns_fit(const sae_dash_spool *s, int64_t first, int64_t bytes)
{
    int64_t room = bytes / (int64_t)sizeof(sae_dash_code), count = 0, codes = 0;
    while (first + count < s->n && (count == 0 || codes + s->counts[first + count] <= room))
        codes += s->counts[first + count++];
    return count;
}

/* Threads share the latents: each goes through all rows and takes the codes of its own, so that they are in the order
 * of the rows without any merging. */
static void place(sae_dash_columns *c, const sae_dash_spool *s, int64_t begin, int64_t end, int64_t *next)
{
    for (int64_t r = 0; r < s->rows; r++)
        for (int64_t e = s->offsets[r]; e < s->offsets[r + 1]; e++) {
            int64_t latent = s->data[e].latent;
            if (latent < begin || latent >= end) continue;
            int64_t at = next[latent - c->first]++;
            c->rows[at] = (int32_t)r;
            c->values[at] = s->data[e].value;
        }
}

sae_status sae_dash_columns_read(sae_dash_columns *out, const sae_dash_spool *s, int64_t first, int64_t count,
                                 const sae_env *env, sae_error *err)
{
    sae_dash_columns c = {.first = first, .count = count, .starts = sae_alloc((size_t)count + 1, sizeof *c.starts)};
    int64_t *next = sae_alloc((size_t)count, sizeof *next), total = 0;
    if (c.starts) {
        c.starts[0] = 0;
        for (int64_t i = 0; i < count; i++) c.starts[i + 1] = c.starts[i] + s->counts[first + i];
        total = c.starts[count];
        c.rows = sae_alloc((size_t)total, sizeof *c.rows);
        c.values = sae_alloc((size_t)total, sizeof *c.values);
    }
    if (!next || !c.starts || !c.rows || !c.values) {
        sae_free(next);
        sae_dash_columns_clear(&c);
        return sae_fail_memory(err, "activations by latent", (size_t)total * sizeof(sae_dash_code));
    }
    memcpy(next, c.starts, (size_t)count * sizeof *next);
    int threads = sae_threads(env);
#pragma omp parallel for num_threads(threads) schedule(static)
    for (int t = 0; t < threads; t++)
        place(&c, s, first + count * t / threads, first + count * (t + 1) / threads, next);
    sae_free(next);
    *out = c;
    return SAE_OK;
}
