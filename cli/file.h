/* Result files that the program itself writes: whole or not at all. */
#ifndef CLI_FILE_H
#define CLI_FILE_H

#include <sae/io.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

/* Text that is printed into memory first. */
typedef struct cli_draft {
    FILE *stream;
    char *text;
    size_t size;
} cli_draft;
sae_status cli_draft_open(cli_draft *draft, sae_error *err);
/* Writes it beside `path`, syncs and renames; the draft is gone either way. */
sae_status cli_draft_write(cli_draft *draft, const char *path, sae_error *err);
/* SAE_E_EXISTS when `dir` (NULL: nothing to check) holds `marker` already, which says that it is complete; `what` names
 * its contents. */
sae_status cli_check_fresh(const char *dir, const char *marker, const char *what, sae_error *err);
/* Whether the directory `dir` (NULL: nothing to check) can be made or written to, as far as can be known without
 * writing: told before the work, not after it. SAE_E_IO otherwise. */
sae_status cli_check_directory(const char *dir, sae_error *err);
/* Makes the directory of a result, and removes the marker of an earlier one from it: until the new marker is written
 * last, what lies there does not pass for complete. The caller ends `written`, which takes everything back when the
 * command fails. */
sae_status cli_open_result(sae_written *written, const char *dir, const char *marker, sae_error *err);
/* out [size] = DIR/NAME. */
sae_status cli_path(char *out, size_t size, const char *dir, const char *name, sae_error *err);
/* The same for a file of the result that is about to be written. */
sae_status cli_result_path(char *out, size_t size, sae_written *written, const char *dir, const char *name,
                           sae_error *err);
/* Removes a file of an earlier result that the new one does not have; it need not be there. */
sae_status cli_remove_stale(const char *path, sae_error *err);
/* Removes the files DIR/PATTERN (glob(7), with parts of its own) of an earlier result; there need not be any. */
sae_status cli_remove_matching(const char *dir, const char *pattern, sae_error *err);
bool cli_exists(const char *path);
/* Whether `path` is a directory with something in it. */
bool cli_is_filled(const char *path);
/* Whether both name the same file or directory that is there. */
bool cli_same_file(const char *a, const char *b);
/* Whether a file can be written to `path`, the value of --OPTION (NULL: nothing to check), as far as can be known
 * without writing: its directory is there and it is none itself. SAE_E_ARG otherwise. */
sae_status cli_check_file(const char *option, const char *path, sae_error *err);
/* The same for a file that must not be there yet: SAE_E_EXISTS, unless --force was given. */
sae_status cli_check_new_file(const char *option, const char *path, bool force, sae_error *err);

#endif
