#include "dash/results.h"

#include "base/alloc.h"
#include "base/error.h"
#include "base/file.h"
#include "dash/flatten.h"
#include "io/json.h"

#include <sae/store.h>
#include <stdlib.h>
#include <string.h>

#define MOST_BYTES ((size_t)1 << 30)

typedef struct result {
    int64_t index;
    sae_store_writer *writer;
    const sae_env *env;
} result;

static sae_status put_vector(void *ud, const char *name, const double *values, int64_t count, sae_error *err)
{
    const result *r = ud;
    sae_cell cells[] = {sae_cell_int(r->index), sae_cell_text(name),
                        sae_cell_blob(values, (size_t)count, sizeof *values)};
    return sae_store_put(r->writer, SAE_TABLE_VECTOR, cells, 3, err);
}

/* The SAE of the database that lies at `path`, as another command was given it. */
static sae_cell sae_at(const sae_dash_input *in, const json_t *path)
{
    const char *text = json_string_value(path);
    char *there = text ? realpath(text, NULL) : NULL;
    sae_cell cell = sae_cell_null();
    for (size_t i = 0; text && i < in->n_models && cell.type == SAE_CELL_NULL; i++) {
        char *here = realpath(in->paths[i], NULL);
        bool same = strcmp(in->paths[i], text) == 0 || (here && there && strcmp(here, there) == 0);
        if (same) cell = sae_cell_int((int64_t)i);
        free(here);
    }
    free(there);
    return cell;
}

/* Its numbers are shown all the same, but no latent links to them. */
static void warn_of_other(const result *r, const char *dir, const json_t *path, const sae_cell *cell)
{
    if (!path || cell->type != SAE_CELL_NULL) return;
    const char *text = json_string_value(path);
    sae_log(r->env, SAE_LOG_WARN, "%s is about %s, which is none of the SAEs of this database", dir, text ? text : "?");
}

static sae_status write_document(const sae_dash_input *in, result *r, sae_store_result_kind kind, const char *dir,
                                 const json_t *document, sae_error *err)
{
    json_t *flat = NULL;
    const json_t *saes = json_object_get(document, "saes");
    sae_status status = sae_flatten(document, put_vector, r, &flat, err);
    if (status != SAE_OK) return status;
    char *text = json_dumps(flat, JSON_COMPACT);
    json_decref(flat);
    if (!text) return sae_fail_memory(err, dir, sizeof(void *));
    const json_t *small = json_object_get(kind == SAE_RESULT_STITCH ? saes : document, "small");
    const json_t *large = json_object_get(kind == SAE_RESULT_STITCH ? saes : document, "large");
    if (kind == SAE_RESULT_META) large = json_object_get(document, "sae");
    sae_cell cells[] = {sae_cell_int(r->index), sae_cell_int(kind), sae_cell_text(dir),
                        sae_at(in, small),      sae_at(in, large),  sae_cell_text(text)};
    warn_of_other(r, dir, small, &cells[3]);
    warn_of_other(r, dir, large, &cells[4]);
    status = sae_store_put(r->writer, SAE_TABLE_RESULT, cells, 6, err);
    free(text);
    return status;
}

static sae_status write_result(const sae_dash_input *in, result *r, sae_store_result_kind kind, const char *dir,
                               const char *file, sae_error *err)
{
    json_t *document = NULL;
    char *path = sae_path_join(dir, file);
    if (!path) return sae_fail_memory(err, "a path", strlen(dir));
    sae_status status = sae_json_read(&document, path, MOST_BYTES, 16, err);
    if (status == SAE_OK) status = write_document(in, r, kind, dir, document, err);
    if (status == SAE_OK) r->index++;
    json_decref(document);
    sae_free(path);
    return status;
}

/* Whether dir/file is there; of a family of SAEs that were compared it is family.json. */
static bool has(const char *dir, const char *file)
{
    char *path = sae_path_join(dir, file);
    bool there = path && sae_file_exists(path);
    sae_free(path);
    return there;
}

sae_status sae_dash_results_write(const sae_dash_input *in, sae_store_writer *writer, const sae_env *env,
                                  sae_error *err)
{
    static const char *const files[SAE_RESULT_KINDS] = {[SAE_RESULT_COMPARE] = "compare.json",
                                                        [SAE_RESULT_STITCH] = "stitch.json",
                                                        [SAE_RESULT_META] = "meta.json",
                                                        [SAE_RESULT_FAMILY] = "family.json"};
    const char *const *dirs[] = {in->comparisons, in->stitchings, in->metas};
    result r = {.writer = writer, .env = env};
    sae_status status = SAE_OK;
    for (int kind = SAE_RESULT_COMPARE; kind <= SAE_RESULT_META; kind++)
        for (const char *const *dir = dirs[kind]; dir && *dir && status == SAE_OK; dir++) {
            bool family = kind == SAE_RESULT_COMPARE && has(*dir, files[SAE_RESULT_FAMILY]);
            sae_store_result_kind own = family ? SAE_RESULT_FAMILY : (sae_store_result_kind)kind;
            status = write_result(in, &r, own, *dir, files[own], err);
        }
    return status;
}
