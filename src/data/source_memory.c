/* Rows that lie in memory. */
#include "base/alloc.h"
#include "base/error.h"
#include "data/source.h"
#include "io/dtype.h"

#include <string.h>

typedef struct memory {
    const float *data; /* [rows, d], borrowed */
    int64_t d;
} memory;

static sae_status gather(const void *self, sae_window window, const int64_t *rows, int64_t count, float *out,
                         sae_error *err)
{
    (void)window;
    const memory *m = self;
    for (int64_t i = 0; i < count; i++) {
        const float *row = m->data + rows[i] * m->d;
        sae_status status = sae_check_row(row, m->d, "data in memory", rows[i], err);
        if (status != SAE_OK) return status;
        memcpy(out + i * m->d, row, (size_t)m->d * sizeof *out);
    }
    return SAE_OK;
}

static void close_memory(void *self)
{
    sae_free(self);
}

sae_status sae_source_open_memory(sae_source **out, const float *data, int64_t rows, int64_t d,
                                  const sae_source_config *config, sae_error *err)
{
    static const sae_source_backend backend = {.gather = gather, .close = close_memory};
    memory *self = sae_alloc(1, sizeof *self);
    if (!self) return sae_fail_memory(err, "a source of rows", sizeof *self);
    *self = (memory){data, d};
    sae_source_layout layout = {
        .name = "data in memory",
        .chunk_rows = sae_source_chunk_rows(rows),
        .bytes_per_row = d * (int64_t)sizeof *data,
        .threads = 1,
        .meta = {.d = d, .n_tokens = rows, .dtype = SAE_DTYPE_F32},
    };
    return sae_source_create(out, &backend, self, &layout, config, err);
}
