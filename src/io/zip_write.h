/* Writing a zip archive of stored members, one after another. */
#ifndef SAE_IO_ZIP_WRITE_H
#define SAE_IO_ZIP_WRITE_H

#include <sae/status.h>
#include <stddef.h>

typedef struct sae_zip_writer sae_zip_writer;

sae_status sae_zip_writer_open(sae_zip_writer **out, const char *path, sae_error *err);
/* Starts a member of `size` bytes, whose content begins at a multiple of 64. The name is borrowed until the end. */
sae_status sae_zip_writer_begin(sae_zip_writer *writer, const char *name, size_t size, sae_error *err);
/* Appends to the member begun last: a sae_sink (io/strided.h). */
sae_status sae_zip_writer_write(void *writer, const void *data, size_t bytes, sae_error *err);
/* Puts the archive in its place. SAE_E_ARG when a member did not get the bytes announced. The writer is freed either
 * way. The bytes depend on names and content alone. */
sae_status sae_zip_writer_finish(sae_zip_writer *writer, sae_error *err);
/* Gives up and leaves nothing. NULL is allowed. */
void sae_zip_writer_abort(sae_zip_writer *writer);

#endif
