/* Result files that the program itself writes: whole or not at all. */
#ifndef CLI_FILE_H
#define CLI_FILE_H

#include <sae/status.h>
#include <stdbool.h>
#include <stddef.h>

/* Writes beside `path`, syncs and renames. */
sae_status cli_write_file(const char *path, const char *data, size_t size, sae_error *err);
/* mkdir -p. */
sae_status cli_make_directory(const char *path, sae_error *err);
bool cli_exists(const char *path);
/* Whether a file can be written to `path`, the value of --OPTION (NULL: nothing to check), as far as can be known
 * without writing: its directory is there and it is none itself. SAE_E_ARG otherwise. */
sae_status cli_check_file(const char *option, const char *path, sae_error *err);

#endif
