#include <sae/io.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/file.h"
#include "io/st_header.h"

#include <string.h>

struct sae_safetensors {
    sae_map map;
    sae_st_header header;
    char *path;
};

sae_status sae_safetensors_open(sae_safetensors **out, const char *path, sae_error *err)
{
    sae_status status;
    sae_safetensors *file = sae_calloc(1, sizeof *file);
    if (!file) return sae_fail_memory(err, path, sizeof *file);
    file->path = sae_strdup(path);
    if (!file->path) {
        status = sae_fail_memory(err, path, strlen(path) + 1);
        goto done;
    }
    SAE_TRY(sae_map_open(&file->map, path, err));
    SAE_TRY(sae_st_header_parse(&file->header, path, file->map.data, file->map.size, err));
    *out = file;
    file = NULL;
done:
    sae_safetensors_close(file);
    return status;
}

void sae_safetensors_close(sae_safetensors *file)
{
    if (!file) return;
    sae_st_header_clear(&file->header);
    sae_map_close(&file->map);
    sae_free(file->path);
    sae_free(file);
}

size_t sae_safetensors_count(const sae_safetensors *file)
{
    return file->header.count;
}

const sae_tensor *sae_safetensors_at(const sae_safetensors *file, size_t i)
{
    return i < file->header.count ? &file->header.tensors[i] : NULL;
}

const sae_tensor *sae_safetensors_find(const sae_safetensors *file, const char *name)
{
    size_t low = 0, high = file->header.count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        const sae_tensor *tensor = &file->header.tensors[file->header.by_name[middle]];
        int order = strcmp(name, tensor->name);
        if (order == 0) return tensor;
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return NULL;
}

const char *sae_safetensors_metadata(const sae_safetensors *file, const char *key)
{
    return json_string_value(json_object_get(file->header.metadata, key));
}

bool sae_safetensors_metadata_at(const sae_safetensors *file, size_t i, const char **key, const char **value)
{
    json_t *metadata = file->header.metadata;
    void *entry = json_object_iter(metadata);
    for (; entry && i > 0; i--) entry = json_object_iter_next(metadata, entry);
    if (!entry) return false;
    *key = json_object_iter_key(entry);
    *value = json_string_value(json_object_iter_value(entry));
    return true;
}

const char *sae_safetensors_path(const sae_safetensors *file)
{
    return file->path;
}
