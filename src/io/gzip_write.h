/* A file compressed as gzip does. */
#ifndef SAE_IO_GZIP_WRITE_H
#define SAE_IO_GZIP_WRITE_H

#include <sae/status.h>
#include <stddef.h>

/* Whole or not at all; a function of the data alone (no name, no time). */
sae_status sae_gzip_write(const char *path, const void *data, size_t size, sae_error *err);

#endif
