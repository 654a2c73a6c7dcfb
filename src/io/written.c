/* What was written so far, so that a failure can take it back. */
#include <sae/io.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/file.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static sae_status note(sae_written *w, const char *path, sae_error *err)
{
    if (w->count == w->room) {
        size_t room = 2 * w->room + 8;
        char **paths = sae_realloc(w->paths, room, sizeof *paths);
        if (!paths) return sae_fail_memory(err, "a list of files", room * sizeof *paths);
        w->paths = paths;
        w->room = room;
    }
    char *copy = sae_strdup(path);
    if (!copy) return sae_fail_memory(err, "a path", strlen(path));
    w->paths[w->count++] = copy;
    return SAE_OK;
}

sae_status sae_written_dirs(sae_written *w, const char *path, sae_error *err)
{
    char *copy = sae_strdup(path);
    if (!copy) return sae_fail_memory(err, "a path", strlen(path));
    sae_status status = SAE_OK;
    bool end = *copy == 0;
    for (char *p = copy + !end; !end && status == SAE_OK; p++) {
        end = *p == 0;
        if (*p != '/' && !end) continue;
        *p = 0;
        if (mkdir(copy, 0777) == 0) {
            status = note(w, copy, err);
            if (status != SAE_OK) (void)rmdir(copy);
        } else if (errno != EEXIST && errno != ENOTDIR) {
            status = sae_fail_errno(err, "cannot make directory %s", copy);
        }
        if (!end) *p = '/';
    }
    sae_free(copy);
    if (status == SAE_OK && !sae_is_directory(path))
        status = sae_fail(err, SAE_E_IO, "cannot make directory %s: a file is in the way", path);
    return status;
}

sae_status sae_written_file(sae_written *w, const char *path, sae_error *err)
{
    return sae_file_exists(path) ? SAE_OK : note(w, path, err);
}

void sae_written_end(sae_written *w, bool whole)
{
    while (w->count > 0) {
        char *path = w->paths[--w->count];
        if (!whole) (void)remove(path); /* a directory only while it is empty */
        sae_free(path);
    }
    sae_free(w->paths);
    *w = (sae_written){0};
}

sae_status sae_written_text(const char *path, const char *text, size_t size, sae_error *err)
{
    return sae_write_file(path, text, size, err);
}
