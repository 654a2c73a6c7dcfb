/* Files: read-only maps, output that appears whole or not at all, and paths. */
#ifndef SAE_BASE_FILE_H
#define SAE_BASE_FILE_H

#include <sae/status.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/* A file mapped read-only. An empty file has data == NULL and size 0. */
typedef struct sae_map {
    const unsigned char *data;
    size_t size;
} sae_map;

/* SAE_E_IO names the path and the reason (a directory is refused too). */
sae_status sae_map_open(sae_map *out, const char *path, sae_error *err);
void sae_map_close(sae_map *map);

/* A file being written beside its destination ("PATH.tmp-PID"). Errors of the stream (a full disk) are found
 * by commit at the latest; until commit the destination is untouched. */
typedef struct sae_output {
    FILE *stream;
    char *path, *temporary;
} sae_output;

sae_status sae_output_open(sae_output *out, const char *path, sae_error *err);
/* Writes bytes; SAE_E_IO with the path on a short write. */
sae_status sae_output_write(sae_output *out, const void *data, size_t bytes, sae_error *err);
/* Flush, fsync, rename over the destination. The output is closed either way; on failure nothing is left. */
sae_status sae_output_commit(sae_output *out, sae_error *err);
/* Closes and removes the temporary file. Safe on a zeroed, committed or aborted output. */
void sae_output_abort(sae_output *out);

/* One call for small files. */
sae_status sae_write_file(const char *path, const void *data, size_t bytes, sae_error *err);
/* Whole text file into a malloc'ed, NUL-terminated buffer (sae_free). `limit`: refuse larger files. */
sae_status sae_read_text(const char *path, size_t limit, char **text, size_t *length, sae_error *err);

bool sae_is_directory(const char *path);
bool sae_file_exists(const char *path);
/* Removes dir/name, which is to be written anew; none there is no error. */
sae_status sae_remove_replaced(const char *dir, const char *name, sae_error *err);
/* Allocated "a/b" (sae_free), or NULL when out of memory. */
char *sae_path_join(const char *a, const char *b);
/* Last component without trailing slashes, resolved for "." and ".."; copied into out. */
void sae_path_name(const char *path, char *out, size_t size);
/* Whether a path or another text ends so, as in ".npy". */
bool sae_has_ending(const char *text, const char *ending);
/* A printable version of untrusted text for messages: control bytes and non-ASCII become '?', cut to size. */
void sae_printable(const char *text, size_t length, char *out, size_t size);

#endif
