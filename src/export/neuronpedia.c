/* Neuronpedia's import files. */
#include "base/alloc.h"
#include "base/error.h"
#include "base/rng.h"
#include "export/feature.h"
#include "export/file.h"
#include "export/json.h"
#include "io/gzip_write.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BATCH = 256 };

typedef struct exporter {
    sae_store *store;
    const sae_feature_names *names;
    const char *dir;
    sae_written *written;
} exporter;

/* ---- the four small files ------------------------------------------------------------------------------------------
 */

static void field(FILE *out, const char *key, const char *text, bool first)
{
    fprintf(out, first ? "{\"%s\":" : ",\"%s\":", key);
    sae_json_put_word(out, text);
}

static void put_release(const exporter *e, FILE *out)
{
    field(out, "name", e->names->sae, true);
    field(out, "description", e->names->sae, false);
    field(out, "descriptionShort", e->names->sae, false);
    field(out, "creatorName", e->names->creator_name, false);
    field(out, "creatorId", e->names->creator, false);
    fputs(",\"urls\":[]", out);
    field(out, "visibility", "PUBLIC", false);
    fputs(",\"isNewUi\":true,\"featured\":false", out);
    field(out, "defaultSourceSetName", e->names->set, false);
    field(out, "defaultSourceId", e->names->source, false);
    fputs("}\n", out);
}

static void put_model(const exporter *e, FILE *out)
{
    field(out, "id", e->names->model, true);
    fputs(",\"instruct\":false", out);
    field(out, "creatorId", e->names->creator, false);
    field(out, "displayNameShort", e->names->model, false);
    field(out, "displayName", e->names->model, false);
    field(out, "visibility", "PUBLIC", false);
    field(out, "owner", e->names->creator_name, false);
    /* the table has no defaults for these; a row that is there already is left as it is */
    fprintf(out, ",\"inferenceEnabled\":false,\"layers\":%ld,\"neuronsPerLayer\":0}\n",
            strtol(e->names->layer, NULL, 10) + 1);
}

static void put_set(const exporter *e, FILE *out)
{
    field(out, "modelId", e->names->model, true);
    field(out, "name", e->names->set, false);
    field(out, "creatorId", e->names->creator, false);
    fputs(",\"hasDashboards\":true", out);
    field(out, "visibility", "PUBLIC", false);
    field(out, "description", e->names->sae, false);
    field(out, "type", e->names->hook, false);
    field(out, "creatorName", e->names->creator_name, false);
    fputs(",\"urls\":[]", out);
    field(out, "releaseName", e->names->sae, false);
    fputs(",\"defaultRange\":1,\"defaultShowBreaks\":true,\"showDfa\":false,\"showCorrelated\":true,"
          "\"showHeadAttribution\":false,\"showUmap\":false}\n",
          out);
}

static void put_source(const exporter *e, FILE *out)
{
    field(out, "id", e->names->source, true);
    field(out, "modelId", e->names->model, false);
    field(out, "setName", e->names->set, false);
    field(out, "creatorId", e->names->creator, false);
    fputs(",\"hasDashboards\":true,\"inferenceEnabled\":false", out);
    field(out, "visibility", "PUBLIC", false);
    fprintf(out, ",\"num_prompts\":%lld,\"num_tokens_in_prompt\":%lld}\n", (long long)e->names->contexts,
            (long long)e->names->ctx);
}

static sae_status write_config(const exporter *e, const char *name, void (*put)(const exporter *, FILE *),
                               sae_error *err)
{
    char place[64];
    sae_output file = {0};
    snprintf(place, sizeof place, "config/%s.jsonl", name);
    sae_status status = sae_export_open(&file, e->written, e->dir, place, err);
    if (status != SAE_OK) return status;
    put(e, file.stream);
    return sae_output_commit(&file, err);
}

/* ---- latents and their texts ---------------------------------------------------------------------------------------
 */

/* Like a cuid: 25 characters, the same for the same example of the same database. */
static void put_id(FILE *out, const char *build, const sae_export_latent *at, size_t group, size_t example)
{
    char name[96], id[26] = "c";
    snprintf(name, sizeof name, "%s %lld %lld %zu %zu", build, (long long)at->sae, (long long)at->latent, group,
             example);
    sae_rng rng = sae_rng_make(sae_hash(name, strlen(name)), "neuronpedia", 0);
    for (uint64_t i = 1; i < 25; i++) id[i] = "0123456789abcdefghijklmnopqrstuvwxyz"[sae_rng_below(&rng, i, 36)];
    fprintf(out, "{\"id\":\"%s\"", id);
}

static void put_activation(const exporter *e, sae_feature *f, const sae_export_latent *at, size_t group, size_t example,
                           FILE *out)
{
    const sae_store_group *g = &f->latent->groups[group];
    const sae_store_example *x = &g->examples[example];
    double bounds[3];
    sae_feature_group_bounds(f->latent, g, bounds);
    put_id(out, sae_store_get_meta(e->store)->build, at, group, example);
    fputc(',', out);
    sae_feature_put_tokens(&x->passage, &f->arena, out);
    fprintf(out, ",\"index\":\"%lld\"", (long long)at->latent);
    field(out, "layer", e->names->source, false);
    field(out, "modelId", e->names->model, false);
    fputs(",\"maxValue\":", out);
    sae_json_put_real(out, (double)x->value, 7);
    fprintf(out, ",\"maxValueTokenIndex\":%lld,\"minValue\":0", (long long)sae_feature_peak(x));
    field(out, "creatorId", e->names->creator, false);
    fprintf(out, ",\"dataIndex\":\"%lld\",\"lossValues\":[],\"binMin\":", (long long)x->row);
    sae_json_put_real(out, bounds[0], 6);
    fputs(",\"binMax\":", out);
    sae_json_put_real(out, bounds[1], 6);
    fputs(",\"binContains\":", out);
    sae_json_put_real(out, bounds[2], 6);
    fprintf(out, ",\"qualifyingTokenIndex\":%lld}\n", (long long)sae_feature_peak(x));
}

static sae_status write_gz(const exporter *e, const char *folder, size_t number, const char *text, size_t size,
                           sae_error *err)
{
    char place[64], *path = NULL;
    snprintf(place, sizeof place, "%s/batch-%zu.jsonl.gz", folder, number);
    sae_status status = sae_export_path(&path, e->written, e->dir, place, err);
    if (status == SAE_OK) status = sae_gzip_write(path, text, size, err);
    sae_free(path);
    return status;
}

/* Lines for the tables "Neuron" and "Activation"; the same keys in each line, because the first line's decide. */
static sae_status put_batch(const exporter *e, const sae_export_latent *latents, size_t count, FILE *features,
                            FILE *activations, sae_error *err)
{
    sae_status status = SAE_OK;
    for (size_t i = 0; i < count && status == SAE_OK; i++) {
        sae_feature f;
        status = sae_feature_read(&f, e->store, &latents[i], err);
        if (status != SAE_OK) break;
        sae_feature_put(&f, e->names, SAE_FEATURE_NEURON, features);
        fputc('\n', features);
        for (size_t g = 0; g < f.latent->n_groups; g++) {
            sae_store_kind kind = f.latent->groups[g].kind;
            if (kind != SAE_EXAMPLES_TOP && kind != SAE_EXAMPLES_INTERVAL) continue;
            for (size_t x = 0; x < f.latent->groups[g].count; x++)
                put_activation(e, &f, &latents[i], g, x, activations);
        }
        status = sae_feature_clear(&f, err);
    }
    return status;
}

/* PostgreSQL's texts hold no NUL; a space stands for it, as in what the site imports. Returns the new size. */
static size_t replace_nul(char *json, size_t size)
{
    static const char nul[] = "u0000";
    size_t used = 0;
    for (size_t at = 0; at < size; at++) {
        bool escape = json[at] == '\\' && at + 1 < size;
        if (escape && size - at > sizeof nul && memcmp(json + at + 1, nul, sizeof nul - 1) == 0) {
            json[used++] = ' ';
            at += sizeof nul - 1;
            continue;
        }
        json[used++] = json[at];
        if (escape) json[used++] = json[++at];
    }
    return used;
}

static sae_status write_batch(const exporter *e, const sae_export_latent *latents, size_t count, size_t number,
                              sae_error *err)
{
    char *text[2] = {NULL, NULL};
    size_t size[2] = {0, 0};
    FILE *features = open_memstream(&text[0], &size[0]), *activations = open_memstream(&text[1], &size[1]);
    sae_status status = features && activations ? put_batch(e, latents, count, features, activations, err)
                                                : sae_fail_memory(err, "a batch of latents", count);
    bool whole = true;
    if (features) whole = fclose(features) == 0 && whole;
    if (activations) whole = fclose(activations) == 0 && whole;
    if (status == SAE_OK && !whole) status = sae_fail_memory(err, "a batch of latents", size[0] + size[1]);
    for (int i = 0; i < 2 && status == SAE_OK; i++) size[i] = replace_nul(text[i], size[i]);
    if (status == SAE_OK) status = write_gz(e, "features", number, text[0], size[0], err);
    if (status == SAE_OK) status = write_gz(e, "activations", number, text[1], size[1], err);
    free(text[0]);
    free(text[1]);
    return status;
}

/* ---- loading -------------------------------------------------------------------------------------------------------
 */

static const char loader[] =
    "-- Loads this folder into a Neuronpedia of one's own: psql -v ON_ERROR_STOP=1 DATABASE -f load.sql, from this "
    "folder.\n"
    "-- The importer of the site itself reads config/, features/ and activations/ from its bucket, in this layout.\n"
    "BEGIN;\n"
    "CREATE TEMP TABLE line(j jsonb);\n"
    "CREATE FUNCTION pg_temp.load(target text) RETURNS void LANGUAGE plpgsql AS $$\n"
    "DECLARE cols text;\n"
    "BEGIN\n"
    "  SELECT string_agg(quote_ident(k), ',') INTO cols\n"
    "    FROM (SELECT jsonb_object_keys(j) AS k FROM (SELECT j FROM line LIMIT 1) f) keys\n"
    "    JOIN information_schema.columns c ON c.table_name = target AND c.column_name = k;\n"
    "  EXECUTE format('INSERT INTO %I(%s) SELECT %s FROM line, jsonb_populate_record(NULL::%I, j) ON CONFLICT DO "
    "NOTHING',\n"
    "                 target, cols, cols, target);\n"
    "  TRUNCATE line;\n"
    "END $$;\n";

static sae_status write_loader(const exporter *e, size_t batches, sae_error *err)
{
    static const char *const small[][2] = {
        {"release", "SourceRelease"}, {"model", "Model"}, {"sourceset", "SourceSet"}, {"source", "Source"}};
    sae_output file = {0};
    sae_status status = sae_export_open(&file, e->written, e->dir, "load.sql", err);
    if (status != SAE_OK) return status;
    fputs(loader, file.stream);
    /* a quote and a delimiter that JSON text in one line cannot hold: lines are taken as they are */
    const char *as = "WITH (FORMAT csv, QUOTE e'\\x01', DELIMITER e'\\x02')";
    for (size_t i = 0; i < 4; i++)
        fprintf(file.stream, "\\copy line FROM 'config/%s.jsonl' %s\nSELECT pg_temp.load('%s');\n", small[i][0], as,
                small[i][1]);
    for (size_t b = 0; b < batches; b++) {
        fprintf(file.stream,
                "\\copy line FROM PROGRAM 'gzip -dc features/batch-%zu.jsonl.gz' %s\n"
                "SELECT pg_temp.load('Neuron');\n",
                b, as);
        fprintf(file.stream,
                "\\copy line FROM PROGRAM 'gzip -dc activations/batch-%zu.jsonl.gz' %s\n"
                "SELECT pg_temp.load('Activation');\n",
                b, as);
    }
    fputs("COMMIT;\n", file.stream);
    return sae_output_commit(&file, err);
}

static sae_status make_folders(const exporter *e, sae_error *err)
{
    static const char *const folders[] = {"config", "features", "activations"};
    sae_status status = SAE_OK;
    for (int i = 0; i < 3 && status == SAE_OK; i++) {
        char *path = sae_path_join(e->dir, folders[i]);
        status = path ? sae_written_dirs(e->written, path, err) : sae_fail_memory(err, "a path", strlen(e->dir));
        sae_free(path);
    }
    return status;
}

sae_status sae_export_neuronpedia(sae_store *store, const sae_export_selection *selection, const sae_neuronpedia *given,
                                  const char *dir, const sae_env *env, sae_error *err)
{
    sae_status status;
    sae_feature_names names;
    sae_written written = {0};
    exporter e = {store, &names, dir, &written};
    size_t batches = 0;
    SAE_TRY(sae_feature_names_make(&names, store, selection, given, err));
    SAE_TRY(make_folders(&e, err));
    SAE_TRY(write_config(&e, "release", put_release, err));
    SAE_TRY(write_config(&e, "model", put_model, err));
    SAE_TRY(write_config(&e, "sourceset", put_set, err));
    SAE_TRY(write_config(&e, "source", put_source, err));
    for (size_t first = 0; first < selection->count; first += BATCH, batches++) {
        size_t count = selection->count - first < BATCH ? selection->count - first : BATCH;
        if (sae_should_stop(env)) SAE_TRY(sae_fail(err, SAE_E_INTERRUPTED, "stopped; nothing was written"));
        SAE_TRY(write_batch(&e, selection->latents + first, count, batches, err));
        sae_report_progress(env, "exporting", "latents", (double)(first + count), (double)selection->count, NULL);
    }
    status = write_loader(&e, batches, err);
done:
    sae_written_end(&written, status == SAE_OK);
    return status;
}
