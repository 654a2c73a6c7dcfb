#include "io/gzip_read.h"

#include "base/alloc.h"
#include "base/error.h"

#include <zlib.h>

enum { PIECE = 1 << 16 };

sae_status sae_gzip_read(const char *path, size_t limit, char **text, size_t *length, sae_error *err)
{
    gzFile file = gzopen(path, "rb");
    if (!file) return sae_fail_errno(err, "cannot read %s", path);
    sae_status status = SAE_OK;
    char *data = NULL;
    size_t used = 0, room = 0;
    for (int n = 1; n > 0 && status == SAE_OK;) {
        if (room - used < PIECE + 1) {
            room = 2 * room + 2 * PIECE;
            char *grown = sae_realloc(data, room, 1);
            if (!grown) {
                status = sae_fail_memory(err, path, room);
                break;
            }
            data = grown;
        }
        n = gzread(file, data + used, PIECE);
        if (n < 0) status = sae_fail(err, SAE_E_FORMAT, "%s is damaged, or not as gzip writes it", path);
        if (n > 0) used += (size_t)n;
        if (used > limit) status = sae_fail(err, SAE_E_FORMAT, "%s has more than %zu bytes", path, limit);
    }
    if (gzclose(file) != Z_OK && status == SAE_OK) status = sae_fail(err, SAE_E_FORMAT, "%s was cut short", path);
    if (status != SAE_OK) {
        sae_free(data);
        return status;
    }
    data[used] = 0;
    *text = data;
    *length = used;
    return SAE_OK;
}
