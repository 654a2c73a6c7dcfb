/* One face for the three kinds of files that tools keep tensors in. */
#include <sae/io.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/file.h"
#include "io/npz.h"
#include "io/tensor_list.h"
#include "io/torch_read.h"
#include "io/zip.h"

#include <string.h>

struct sae_tensor_file {
    sae_file_kind kind;
    char *path;
    sae_safetensors *safetensors; /* its tensors stay in its own list */
    sae_map map;
    sae_tensor_list list;
};

static sae_status read_archive(sae_tensor_file *file, sae_error *err)
{
    sae_status status;
    sae_zip zip = {0};
    SAE_TRY(sae_zip_parse(&zip, file->path, file->map.data, file->map.size, err));
    if (sae_torch_is(&zip)) {
        file->kind = SAE_FILE_TORCH;
        SAE_TRY(sae_torch_read(&file->list, file->path, &zip, err));
    } else if (sae_npz_is(&zip)) {
        file->kind = SAE_FILE_NPZ;
        SAE_TRY(sae_npz_read(&file->list, file->path, &zip, err));
    } else {
        status =
            sae_fail(err, SAE_E_FORMAT,
                     "%s is a zip archive, but neither .npz (it holds other things than .npy files) nor of torch.save "
                     "(it has no data.pkl)",
                     file->path);
        goto done;
    }
    status = sae_tensor_list_sort(&file->list, file->path, err);
done:
    sae_zip_clear(&zip);
    return status;
}

static sae_status read_safetensors(sae_tensor_file *file, sae_error *err)
{
    sae_status status;
    const char *key, *text;
    file->kind = SAE_FILE_SAFETENSORS;
    SAE_TRY(sae_safetensors_open(&file->safetensors, file->path, err));
    for (size_t i = 0; sae_safetensors_metadata_at(file->safetensors, i, &key, &text); i++) {
        sae_value value = {.name = key, .type = SAE_VALUE_TEXT, .text = text};
        SAE_TRY(sae_tensor_list_add_value(&file->list, &value, err));
    }
    status = sae_tensor_list_sort(&file->list, file->path, err);
done:
    return status;
}

/* Before version 1.6 PyTorch wrote a bare pickle, with the storages behind it. */
static bool is_old_torch(const sae_map *map)
{
    return map->size > 2 && map->data[0] == 0x80 && map->data[1] == 2 && map->data[2] == 0x8a;
}

sae_status sae_tensor_file_open(sae_tensor_file **out, const char *path, sae_error *err)
{
    sae_status status;
    sae_tensor_file *file = sae_calloc(1, sizeof *file);
    if (!file) return sae_fail_memory(err, path, sizeof *file);
    file->path = sae_strdup(path);
    if (!file->path) SAE_TRY(sae_fail_memory(err, path, strlen(path) + 1));
    SAE_TRY(sae_map_open(&file->map, path, err));
    if (sae_zip_is(file->map.data, file->map.size)) {
        SAE_TRY(read_archive(file, err));
    } else if (is_old_torch(&file->map)) {
        status =
            sae_fail(err, SAE_E_UNSUPPORTED,
                     "%s was saved in PyTorch's format from before version 1.6; load it with PyTorch and torch.save "
                     "it again",
                     path);
        goto done;
    } else {
        SAE_TRY(read_safetensors(file, err));
    }
    *out = file;
    file = NULL;
done:
    sae_tensor_file_close(file);
    return status;
}

void sae_tensor_file_close(sae_tensor_file *file)
{
    if (!file) return;
    sae_safetensors_close(file->safetensors);
    sae_tensor_list_clear(&file->list);
    sae_map_close(&file->map);
    sae_free(file->path);
    sae_free(file);
}

sae_file_kind sae_tensor_file_kind(const sae_tensor_file *file)
{
    return file->kind;
}

const char *sae_tensor_file_path(const sae_tensor_file *file)
{
    return file->path;
}

size_t sae_tensor_file_count(const sae_tensor_file *file)
{
    return file->safetensors ? sae_safetensors_count(file->safetensors) : file->list.count;
}

const sae_tensor *sae_tensor_file_at(const sae_tensor_file *file, size_t i)
{
    if (file->safetensors) return sae_safetensors_at(file->safetensors, i);
    return i < file->list.count ? &file->list.tensors[i] : NULL;
}

const sae_tensor *sae_tensor_file_find(const sae_tensor_file *file, const char *name)
{
    if (file->safetensors) return sae_safetensors_find(file->safetensors, name);
    return sae_tensor_list_find(&file->list, name);
}

size_t sae_tensor_file_values(const sae_tensor_file *file)
{
    return file->list.n_values;
}

const sae_value *sae_tensor_file_value_at(const sae_tensor_file *file, size_t i)
{
    return i < file->list.n_values ? &file->list.values[i] : NULL;
}

const sae_value *sae_tensor_file_value(const sae_tensor_file *file, const char *name)
{
    return sae_tensor_list_find_value(&file->list, name);
}
