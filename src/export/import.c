/* Explanations and labels of other tools. */
#include <sae/import.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/file.h"
#include "export/import.h"
#include "io/gzip_read.h"
#include "io/json.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define MOST_BYTES ((size_t)1 << 30)

sae_status sae_imported_add(sae_imported *list, int64_t latent, const char *text, sae_error *err)
{
    char shown[64];
    if (latent < 0 || latent >= list->n)
        return sae_fail(err, SAE_E_VALUE, "%s has latent %lld, the SAE has 0 to %lld", list->path, (long long)latent,
                        (long long)list->n - 1);
    if (strlen(text) > SAE_LABEL_BYTES) {
        sae_printable(text, strlen(text), shown, sizeof shown);
        return sae_fail(err, SAE_E_VALUE, "%s has a label of more than %d bytes: \"%s…\"", list->path, SAE_LABEL_BYTES,
                        shown);
    }
    char *copy = sae_strdup(text);
    if (!copy) return sae_fail_memory(err, "labels", strlen(text));
    if (list->texts[latent])
        sae_free(list->texts[latent]);
    else
        list->count++;
    list->texts[latent] = copy;
    return SAE_OK;
}

/* ---- delphi ------------------------------------------------------------------------------------------------------ */

/* The number at the end of "model.layers.5_latent12.txt", which begins at *place; −1: not such a name. */
static int64_t latent_of(const char *name, size_t *place)
{
    size_t end = sae_has_ending(name, ".txt") ? strlen(name) - strlen(".txt") : 0, begin = end;
    while (begin > 0 && name[begin - 1] >= '0' && name[begin - 1] <= '9') begin--;
    *place = begin;
    return begin < end && end - begin < 10 ? strtol(name + begin, NULL, 10) : -1;
}

/* A file is a JSON text; older ones hold the bare explanation. */
static sae_status read_explanation(sae_imported *list, const char *name, int64_t latent, sae_error *err)
{
    sae_status status;
    char *text = NULL, *path = sae_path_join(list->path, name);
    size_t length;
    json_t *json = NULL;
    if (!path) return sae_fail_memory(err, "a path", strlen(name));
    SAE_TRY(sae_read_text(path, MOST_BYTES, &text, &length, err));
    json = json_loadb(text, length, JSON_DECODE_ANY, NULL);
    if (json && !json_is_string(json)) {
        status = sae_fail(err, SAE_E_FORMAT, "%s holds no text", path);
        goto done;
    }
    while (!json && length > 0 && strchr("\r\n ", text[length - 1])) text[--length] = 0;
    status = sae_imported_add(list, latent, json ? json_string_value(json) : text, err);
done:
    json_decref(json);
    sae_free(text);
    sae_free(path);
    return status;
}

/* Delphi puts the latents of all places of a run into one directory; these are the labels of one SAE. */
static sae_status check_place(const sae_imported *list, char **first, const char *name, size_t place, sae_error *err)
{
    size_t of_first;
    if (!*first && !(*first = sae_strdup(name))) return sae_fail_memory(err, "a name", strlen(name));
    (void)latent_of(*first, &of_first);
    if (place == of_first && strncmp(*first, name, place) == 0) return SAE_OK;
    return sae_fail(err, SAE_E_FORMAT,
                    "%s has explanations of several SAEs, such as %s and %s; move those of one to a directory of their "
                    "own",
                    list->path, *first, name);
}

static sae_status read_delphi(sae_imported *list, sae_error *err)
{
    sae_status status = SAE_OK;
    char *first = NULL; /* of the names */
    DIR *dir = opendir(list->path);
    if (!dir) return sae_fail_errno(err, "cannot read %s", list->path);
    for (struct dirent *entry; status == SAE_OK && (entry = readdir(dir));) {
        size_t place;
        int64_t latent = latent_of(entry->d_name, &place);
        if (latent < 0) continue;
        status = check_place(list, &first, entry->d_name, place, err);
        if (status == SAE_OK) status = read_explanation(list, entry->d_name, latent, err);
    }
    sae_free(first);
    closedir(dir);
    if (status == SAE_OK && list->count == 0)
        return sae_fail(err, SAE_E_FORMAT, "%s has no files such as latent12.txt, as delphi's explanations are",
                        list->path);
    return status;
}

/* ---- Neuronpedia ------------------------------------------------------------------------------------------------- */

static sae_status add_object(sae_imported *list, const json_t *object, size_t number, sae_error *err)
{
    const json_t *index = json_object_get(object, "index");
    const char *text = json_string_value(json_object_get(object, "description"));
    char *end = NULL;
    int64_t latent = json_is_integer(index) ? json_integer_value(index) : -1;
    if (json_is_string(index)) latent = strtol(json_string_value(index), &end, 10);
    if (!text || !index || (json_is_string(index) && (*end || end == json_string_value(index))) || latent < 0)
        return sae_fail(err, SAE_E_FORMAT, "explanation %zu in %s has no \"index\" and \"description\"", number,
                        list->path);
    return sae_imported_add(list, latent, text, err);
}

static sae_status read_neuronpedia(sae_imported *list, sae_error *err)
{
    sae_status status;
    char *text = NULL;
    size_t length, number = 0;
    SAE_TRY(sae_gzip_read(list->path, MOST_BYTES, &text, &length, err));
    for (size_t at = 0; at < length;) {
        while (at < length && strchr(" \t\r\n", text[at])) at++;
        if (at == length) break;
        size_t extent = sae_json_extent(text + at, length - at, 8);
        json_t *json = extent ? json_loadb(text + at, extent, 0, NULL) : NULL, *item;
        if (!json) {
            status = sae_fail(err, SAE_E_FORMAT, "%s is not JSON after %zu explanations", list->path, number);
            goto done;
        }
        size_t i;
        if (json_is_object(json)) status = add_object(list, json, ++number, err);
        json_array_foreach(json, i, item)
        {
            if (status == SAE_OK) status = add_object(list, item, ++number, err);
        }
        json_decref(json);
        if (status != SAE_OK) goto done;
        at += extent;
    }
done:
    sae_free(text);
    return status;
}

/* ---- all ------------------------------------------------------------------------------------------------------------
 */

static sae_import_format format_of(const char *path)
{
    if (sae_is_directory(path)) return SAE_IMPORT_DELPHI;
    return sae_has_ending(path, ".csv") ? SAE_IMPORT_CSV : SAE_IMPORT_NEURONPEDIA;
}

sae_status sae_import_labels(sae_labels *labels, const char *sae_hash, int64_t n, sae_import_format format,
                             const char *path, const char *source, int64_t *count, sae_error *err)
{
    sae_status status = SAE_OK;
    sae_imported list = {.path = path, .n = n, .texts = sae_calloc((size_t)n, sizeof *list.texts)};
    if (!list.texts) return sae_fail_memory(err, "labels", (size_t)n * sizeof *list.texts);
    switch (format == SAE_IMPORT_AUTO ? format_of(path) : format) {
    case SAE_IMPORT_DELPHI:
        status = read_delphi(&list, err);
        break;
    case SAE_IMPORT_CSV:
        status = sae_import_csv(&list, err);
        break;
    default:
        status = read_neuronpedia(&list, err);
        break;
    }
    if (status == SAE_OK)
        status = sae_labels_set_all(labels, sae_hash, (const char *const *)list.texts, n, source, err);
    *count = list.count;
    for (int64_t i = 0; i < n; i++) sae_free(list.texts[i]);
    sae_free(list.texts);
    return status;
}
