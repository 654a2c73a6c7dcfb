/* A file that may be compressed as gzip does. */
#ifndef SAE_IO_GZIP_READ_H
#define SAE_IO_GZIP_READ_H

#include <sae/status.h>
#include <stddef.h>

/* The content (plain files as they are), with a NUL behind it; sae_free. SAE_E_FORMAT for more than `limit` bytes, and
 * for damaged ones. */
sae_status sae_gzip_read(const char *path, size_t limit, char **text, size_t *length, sae_error *err);

#endif
