#include "export/file.h"

#include "base/alloc.h"
#include "base/error.h"

#include <string.h>

sae_status sae_export_path(char **out, sae_written *written, const char *dir, const char *name, sae_error *err)
{
    char *path = sae_path_join(dir, name);
    if (!path) return sae_fail_memory(err, "a path", strlen(dir));
    sae_status status = sae_written_file(written, path, err);
    if (status == SAE_OK)
        *out = path;
    else
        sae_free(path);
    return status;
}

sae_status sae_export_open(sae_output *out, sae_written *written, const char *dir, const char *name, sae_error *err)
{
    char *path = NULL;
    sae_status status = sae_export_path(&path, written, dir, name, err);
    if (status == SAE_OK) status = sae_output_open(out, path, err);
    sae_free(path);
    return status;
}
