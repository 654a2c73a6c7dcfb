#include "io/gzip_write.h"

#include "base/error.h"
#include "base/file.h"

#include <limits.h>
#include <zlib.h>

#define GZIP_FRAME 16 /* added to the window's bits: a gzip header and trailer instead of zlib's */

static sae_status compress_all(z_stream *z, sae_output *file, const void *data, size_t size, sae_error *err)
{
    unsigned char out[1 << 15];
    sae_status status = SAE_OK;
    const unsigned char *from = data;
    int code = Z_OK;
    while (code != Z_STREAM_END && status == SAE_OK) {
        size_t piece = size < UINT_MAX ? size : UINT_MAX;
        if (z->avail_in == 0) {
            z->next_in = (z_const Bytef *)from;
            z->avail_in = (uInt)piece;
            from += piece;
            size -= piece;
        }
        z->next_out = out;
        z->avail_out = sizeof out;
        code = deflate(z, size == 0 ? Z_FINISH : Z_NO_FLUSH);
        status = sae_output_write(file, out, sizeof out - z->avail_out, err);
    }
    return status;
}

sae_status sae_gzip_write(const char *path, const void *data, size_t size, sae_error *err)
{
    sae_status status;
    sae_output file = {0};
    z_stream z = {0};
    if (deflateInit2(&z, Z_DEFAULT_COMPRESSION, Z_DEFLATED, MAX_WBITS + GZIP_FRAME, 8, Z_DEFAULT_STRATEGY) != Z_OK)
        return sae_fail_memory(err, path, size);
    SAE_TRY(sae_output_open(&file, path, err));
    SAE_TRY(compress_all(&z, &file, data, size, err));
    status = sae_output_commit(&file, err);
done:
    deflateEnd(&z);
    sae_output_abort(&file);
    return status;
}
