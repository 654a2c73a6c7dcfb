#include "cli/file.h"

#include "cli/cli.h"

#include <dirent.h>
#include <errno.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

sae_status cli_draft_open(cli_draft *draft, sae_error *err)
{
    *draft = (cli_draft){0};
    draft->stream = open_memstream(&draft->text, &draft->size);
    return draft->stream ? SAE_OK : cli_fail_memory(err);
}

sae_status cli_draft_write(cli_draft *draft, const char *path, sae_error *err)
{
    bool whole = fclose(draft->stream) == 0;
    sae_status status = whole ? sae_written_text(path, draft->text, draft->size, err) : cli_fail_memory(err);
    free(draft->text);
    return status;
}

sae_status cli_check_fresh(const char *dir, const char *marker, const char *what, sae_error *err)
{
    char path[4096];
    if (!dir) return SAE_OK;
    snprintf(path, sizeof path, "%s/%s", dir, marker);
    if (!cli_exists(path)) return SAE_OK;
    return sae_fail(err, SAE_E_EXISTS, "%s holds %s already; --force replaces it", dir, what);
}

sae_status cli_check_directory(const char *dir, sae_error *err)
{
    struct stat info;
    char *path = dir && *dir ? strdup(dir) : NULL, *slash;
    if (!dir || !*dir) return SAE_OK;
    if (!path) return cli_fail_memory(err);
    bool there;
    while (!(there = stat(path, &info) == 0) && errno == ENOENT && (slash = strrchr(path, '/')) && slash != path)
        *slash = 0; /* the part of it that is there */
    const char *where = there || errno != ENOENT ? path : *path == '/' ? "/" : ".";
    sae_status status = SAE_OK;
    if ((there && !S_ISDIR(info.st_mode)) || (!there && errno == ENOTDIR))
        status = sae_fail(err, SAE_E_IO, "cannot make directory %s: a file is in the way", dir);
    else if (access(where, W_OK | X_OK) != 0)
        status = sae_fail(err, SAE_E_IO, "cannot write to %s: %s: %s", dir, where, strerror(errno));
    free(path);
    return status;
}

sae_status cli_open_result(sae_written *written, const char *dir, const char *marker, sae_error *err)
{
    char path[4096];
    sae_status status = sae_written_dirs(written, dir, err);
    if (status != SAE_OK) return status;
    snprintf(path, sizeof path, "%s/%s", dir, marker);
    return cli_remove_stale(path, err);
}

sae_status cli_path(char *out, size_t size, const char *dir, const char *name, sae_error *err)
{
    int length = snprintf(out, size, "%s/%s", dir, name);
    if (length >= 0 && (size_t)length < size) return SAE_OK;
    return sae_fail(err, SAE_E_IO, "the path %.200s... is too long", dir);
}

sae_status cli_result_path(char *out, size_t size, sae_written *written, const char *dir, const char *name,
                           sae_error *err)
{
    sae_status status = cli_path(out, size, dir, name, err);
    return status == SAE_OK ? sae_written_file(written, out, err) : status;
}

sae_status cli_remove_stale(const char *path, sae_error *err)
{
    if (remove(path) == 0 || errno == ENOENT || errno == ENOTDIR) return SAE_OK;
    return sae_fail(err, SAE_E_IO, "cannot remove %s: %s", path, strerror(errno));
}

sae_status cli_remove_matching(const char *dir, const char *pattern, sae_error *err)
{
    char *path = malloc(2 * strlen(dir) + strlen(pattern) + 2), *to = path;
    if (!path) return cli_fail_memory(err);
    for (const char *from = dir; *from; *to++ = *from++)
        if (strchr("*?[\\", *from)) *to++ = '\\'; /* of the directory's name */
    sprintf(to, "/%s", pattern);
    glob_t found;
    int failed = glob(path, GLOB_NOSORT, NULL, &found);
    free(path);
    if (failed == GLOB_NOMATCH) return SAE_OK;
    if (failed) return sae_fail(err, SAE_E_IO, "cannot look for earlier files in %s", dir);
    sae_status status = SAE_OK;
    for (size_t i = 0; i < found.gl_pathc && status == SAE_OK; i++) status = cli_remove_stale(found.gl_pathv[i], err);
    globfree(&found);
    return status;
}

bool cli_is_filled(const char *path)
{
    DIR *dir = opendir(path);
    bool filled = false;
    for (struct dirent *entry; dir && !filled && (entry = readdir(dir));)
        filled = strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0;
    if (dir) closedir(dir);
    return filled;
}

bool cli_exists(const char *path)
{
    struct stat info;
    return stat(path, &info) == 0;
}

bool cli_same_file(const char *a, const char *b)
{
    struct stat of_a, of_b;
    return stat(a, &of_a) == 0 && stat(b, &of_b) == 0 && of_a.st_dev == of_b.st_dev && of_a.st_ino == of_b.st_ino;
}

sae_status cli_check_file(const char *option, const char *path, sae_error *err)
{
    struct stat info;
    if (!path) return SAE_OK;
    if (stat(path, &info) == 0 && S_ISDIR(info.st_mode))
        return sae_fail(err, SAE_E_ARG, "--%s %s is a directory; it takes the name of a file", option, path);
    const char *slash = strrchr(path, '/');
    char *folder = slash ? strndup(path, slash == path ? 1 : (size_t)(slash - path)) : strdup(".");
    if (!folder) return cli_fail_memory(err);
    bool writable = access(folder, W_OK | X_OK) == 0;
    int code = errno;
    free(folder);
    if (writable) return SAE_OK;
    return sae_fail(err, SAE_E_ARG, "--%s %s cannot be written: its directory: %s", option, path, strerror(code));
}

sae_status cli_check_new_file(const char *option, const char *path, bool force, sae_error *err)
{
    if (!force && cli_exists(path))
        return sae_fail(err, SAE_E_EXISTS, "%s is already there; --force replaces it", path);
    return cli_check_file(option, path, err);
}
