/* The lists of numbers that go with rows: token ids, positions, documents. */
#ifndef SAE_IO_IDS_H
#define SAE_IO_IDS_H

#include <sae/tensor.h>
#include <string.h>

/* out [count] = elements first … of an i32 list, or `unknown` for each when ids is NULL. out may be NULL. */
static inline void sae_copy_ids(const sae_tensor *ids, int64_t first, int64_t count, int32_t unknown, int32_t *out)
{
    if (!out || count <= 0) return;
    if (ids) {
        memcpy(out, (const unsigned char *)ids->data + (size_t)first * sizeof *out, (size_t)count * sizeof *out);
        return;
    }
    for (int64_t i = 0; i < count; i++) out[i] = unknown;
}

#endif
