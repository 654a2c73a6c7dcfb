#include "base/file.h"

#include "base/alloc.h"
#include "base/error.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

sae_status sae_map_open(sae_map *out, const char *path, sae_error *err)
{
    sae_status status = SAE_OK;
    sae_map map = {0};
    struct stat info;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK); /* a pipe would be waited for otherwise */
    if (fd < 0) return sae_fail_errno(err, "cannot open %s", path);
    if (fstat(fd, &info) != 0) {
        status = sae_fail_errno(err, "cannot read %s", path);
        goto done;
    }
    if (!S_ISREG(info.st_mode)) {
        status = sae_fail(err, SAE_E_IO, "%s is not a regular file", path);
        goto done;
    }
    map.size = (size_t)info.st_size;
    if (map.size > 0) {
        void *data = mmap(NULL, map.size, PROT_READ, MAP_PRIVATE, fd, 0);
        if (data == MAP_FAILED) {
            status = sae_fail_errno(err, "cannot map %s", path);
            goto done;
        }
        map.data = data;
    }
    *out = map;
done:
    close(fd);
    return status;
}

void sae_map_close(sae_map *map)
{
    if (map->data) munmap((void *)map->data, map->size);
    *map = (sae_map){0};
}

sae_status sae_output_open(sae_output *out, const char *path, sae_error *err)
{
    sae_output file = {0};
    struct stat there;
    size_t size = strlen(path) + 32;
    if (stat(path, &there) == 0 && !S_ISREG(there.st_mode) && !S_ISDIR(there.st_mode))
        return sae_fail(err, SAE_E_IO, "cannot write %s: it is not a regular file, and would be replaced by one", path);
    file.path = sae_strdup(path);
    file.temporary = sae_alloc(size, 1);
    if (!file.path || !file.temporary) {
        sae_free(file.path);
        sae_free(file.temporary);
        return sae_fail_memory(err, "a path", size);
    }
    snprintf(file.temporary, size, "%s.tmp-%ld", path, (long)getpid());
    file.stream = fopen(file.temporary, "wbe");
    if (!file.stream) {
        sae_status status = sae_fail_errno(err, "cannot write %s", path);
        sae_free(file.path);
        sae_free(file.temporary);
        return status;
    }
    *out = file;
    return SAE_OK;
}

sae_status sae_output_write(sae_output *out, const void *data, size_t bytes, sae_error *err)
{
    if (bytes && fwrite(data, 1, bytes, out->stream) != bytes) return sae_fail_errno(err, "cannot write %s", out->path);
    return SAE_OK;
}

void sae_output_abort(sae_output *out)
{
    if (out->stream) fclose(out->stream);
    if (out->temporary) unlink(out->temporary);
    sae_free(out->path);
    sae_free(out->temporary);
    *out = (sae_output){0};
}

/* The rename itself is only durable once the directory is synced; failure to do so is not an error
 * (some file systems refuse to sync a directory). */
static void sync_parent(const char *path)
{
    char parent[PATH_MAX];
    const char *slash = strrchr(path, '/');
    size_t length = slash ? (size_t)(slash - path) : 0;
    if (length >= sizeof parent) return;
    if (!slash) {
        strcpy(parent, ".");
    } else if (length == 0) {
        strcpy(parent, "/");
    } else {
        memcpy(parent, path, length);
        parent[length] = 0;
    }
    int fd = open(parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) return;
    (void)fsync(fd);
    close(fd);
}

sae_status sae_output_commit(sae_output *out, sae_error *err)
{
    sae_status status = SAE_OK;
    bool written = fflush(out->stream) == 0 && fsync(fileno(out->stream)) == 0;
    if (!written) status = sae_fail_errno(err, "cannot write %s", out->path);
    if (fclose(out->stream) != 0 && status == SAE_OK) status = sae_fail_errno(err, "cannot write %s", out->path);
    out->stream = NULL;
    if (status == SAE_OK && rename(out->temporary, out->path) != 0)
        status = sae_fail_errno(err, "cannot write %s", out->path);
    if (status == SAE_OK) {
        sync_parent(out->path);
        sae_free(out->temporary);
        out->temporary = NULL;
    }
    sae_output_abort(out);
    return status;
}

sae_status sae_write_file(const char *path, const void *data, size_t bytes, sae_error *err)
{
    sae_status status;
    sae_output out = {0};
    SAE_TRY(sae_output_open(&out, path, err));
    SAE_TRY(sae_output_write(&out, data, bytes, err));
    status = sae_output_commit(&out, err);
done:
    sae_output_abort(&out);
    return status;
}

sae_status sae_read_text(const char *path, size_t limit, char **text, size_t *length, sae_error *err)
{
    sae_map map = {0};
    sae_status status;
    char *copy = NULL;
    SAE_TRY(sae_map_open(&map, path, err));
    if (map.size > limit) {
        status = sae_fail(err, SAE_E_FORMAT, "%s has %zu bytes, more than the %zu allowed for this kind of file", path,
                          map.size, limit);
        goto done;
    }
    copy = sae_alloc(map.size + 1, 1);
    if (!copy) {
        status = sae_fail_memory(err, path, map.size);
        goto done;
    }
    if (map.size) memcpy(copy, map.data, map.size);
    copy[map.size] = 0;
    *text = copy;
    if (length) *length = map.size;
done:
    sae_map_close(&map);
    return status;
}

bool sae_is_directory(const char *path)
{
    struct stat info;
    return stat(path, &info) == 0 && S_ISDIR(info.st_mode);
}

bool sae_file_exists(const char *path)
{
    struct stat info;
    return stat(path, &info) == 0;
}

sae_status sae_remove_replaced(const char *dir, const char *name, sae_error *err)
{
    char *path = sae_path_join(dir, name);
    if (!path) return sae_fail_memory(err, "a path", strlen(dir));
    sae_status status = unlink(path) == 0 || errno == ENOENT || errno == ENOTDIR
                            ? SAE_OK
                            : sae_fail_errno(err, "cannot replace %s", path);
    sae_free(path);
    return status;
}

char *sae_path_join(const char *a, const char *b)
{
    size_t size = strlen(a) + strlen(b) + 2;
    char *joined = sae_alloc(size, 1);
    if (!joined) return NULL;
    size_t end = strlen(a);
    bool slash = end > 0 && a[end - 1] != '/';
    snprintf(joined, size, "%s%s%s", a, slash ? "/" : "", b);
    return joined;
}

void sae_path_name(const char *path, char *out, size_t size)
{
    char *resolved = realpath(path, NULL);
    const char *full = resolved ? resolved : path;
    size_t end = strlen(full);
    while (end > 1 && full[end - 1] == '/') end--;
    size_t start = end;
    while (start > 0 && full[start - 1] != '/') start--;
    snprintf(out, size, "%.*s", (int)(end - start), full + start);
    free(resolved);
}

bool sae_has_ending(const char *text, const char *ending)
{
    size_t length = strlen(text), end = strlen(ending);
    return length >= end && strcmp(text + length - end, ending) == 0;
}

void sae_printable(const char *text, size_t length, char *out, size_t size)
{
    size_t n = 0;
    for (size_t i = 0; i < length && n + 1 < size; i++) {
        unsigned char c = (unsigned char)text[i];
        out[n++] = c >= 32 && c < 127 ? (char)c : '?';
    }
    if (size) out[n] = 0;
}
