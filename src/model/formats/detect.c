/* Which tool wrote what lies at a path, and reading it. */
#include "model/formats/format.h"

#include "base/alloc.h"
#include "base/error.h"
#include "base/file.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* Files that are known by their tensors alone are tried in this order. */
static const sae_format_entry *const formats[] = {
    &sae_format_saelens,   &sae_format_sparsify, &sae_format_npz, &sae_format_openai, &sae_format_dictionary_learning,
    &sae_format_batchtopk,
};
#define FORMATS (sizeof formats / sizeof *formats)

static const sae_format_entry *entry_of(sae_format format)
{
    for (size_t i = 0; i < FORMATS; i++)
        if (formats[i]->format == format) return formats[i];
    return NULL;
}

const char *sae_format_name(sae_format format)
{
    const sae_format_entry *entry = entry_of(format);
    return entry ? entry->name : "unknown";
}

/* ---- where the files are ------------------------------------------------------------------------------------ */

/* What a path turned out to be; texts are allocated. */
typedef struct place {
    const sae_format_entry *entry; /* NULL: the weights' tensors must tell */
    char *config, *weights;
} place;

static bool holds_file(const char *dir, const char *name)
{
    char *path = name ? sae_path_join(dir, name) : NULL;
    bool there = path && sae_file_exists(path);
    sae_free(path);
    return there;
}

bool sae_model_is_at(const char *dir)
{
    bool there = holds_file(dir, sae_format_saelens.config);
    for (size_t i = 0; !there && i < FORMATS; i++) there = holds_file(dir, formats[i]->weights);
    return there;
}

static sae_status set_place(place *out, const sae_format_entry *entry, const char *dir, sae_error *err)
{
    out->entry = entry;
    out->weights = sae_path_join(dir, entry->weights);
    out->config = entry->config ? sae_path_join(dir, entry->config) : NULL;
    if (!out->weights || (entry->config && !out->config)) return sae_fail_memory(err, "a path", strlen(dir));
    return SAE_OK;
}

/* Of a grid of SAEs there is this file, and a directory for each. */
#define RUN "run.json"

/* Where sae train keeps what it goes on with until an SAE is whole, beside its log. */
static bool is_unfinished(const char *dir)
{
    return holds_file(dir, "checkpoint") && holds_file(dir, "metrics.jsonl");
}

static sae_status is_of_run(const char *path, const char *dir, sae_error *err)
{
    if (is_unfinished(dir))
        return sae_fail(err, SAE_E_FORMAT, "%s is of a run of sae train that is not finished; --resume goes on with it",
                        path);
    return sae_fail(err, SAE_E_FORMAT, "%s is of a run of sae train; each of its SAEs is a directory: %s/*/", path,
                    dir);
}

static sae_status find_in_directory(place *out, const char *dir, sae_error *err)
{
    const sae_format_entry *found = NULL;
    for (size_t i = 0; i < FORMATS; i++) {
        if (!holds_file(dir, formats[i]->weights)) continue;
        if (found)
            return sae_fail(err, SAE_E_FORMAT,
                            "%s holds two SAEs, %s and %s; name the file that is meant instead of the directory", dir,
                            found->weights, formats[i]->weights);
        found = formats[i];
    }
    /* a description without weights: opening them will say so */
    if (!found && holds_file(dir, sae_format_saelens.config)) found = &sae_format_saelens;
    if (!found && (holds_file(dir, RUN) || is_unfinished(dir))) return is_of_run(dir, dir, err);
    if (!found)
        return sae_fail(err, SAE_E_FORMAT,
                        "%s is not a saved SAE: it has neither sae_weights.safetensors (SAELens), sae.safetensors "
                        "(sparsify), ae.pt (dictionary_learning), sae.pt (BatchTopK) nor params.npz (Gemma Scope)",
                        dir);
    return set_place(out, found, dir, err);
}

/* Directory of a path, allocated. */
static char *parent_of(const char *path)
{
    const char *slash = strrchr(path, '/');
    if (!slash) return sae_strdup(".");
    char *parent = sae_strdup(path);
    if (parent) parent[slash == path ? 1 : slash - path] = 0;
    return parent;
}

static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

static sae_status find_by_file(place *out, const char *path, sae_error *err)
{
    sae_status status = SAE_OK;
    const char *name = base_name(path);
    char *dir = parent_of(path);
    if (!dir) return sae_fail_memory(err, "a path", strlen(path));
    if (strcmp(name, RUN) == 0) SAE_TRY(is_of_run(path, dir, err));
    for (size_t i = 0; i < FORMATS; i++) {
        const sae_format_entry *entry = formats[i];
        if (entry->weights && strcmp(name, entry->weights) == 0) {
            SAE_TRY(set_place(out, entry, dir, err));
            goto done;
        }
        if (entry->config && strcmp(name, entry->config) == 0) {
            SAE_TRY(find_in_directory(out, dir, err));
            goto done;
        }
    }
    out->weights = sae_strdup(path);
    if (!out->weights) status = sae_fail_memory(err, "a path", strlen(path));
done:
    sae_free(dir);
    return status;
}

/* The description of weights that were named by themselves: beside them, or one directory up for checkpoints. */
static sae_status find_config(place *at, sae_error *err)
{
    sae_status status = SAE_OK;
    const char *name = at->entry->config;
    char *dir = parent_of(at->weights), *above = NULL, own[64];
    if (!dir) return sae_fail_memory(err, "a path", strlen(at->weights));
    sae_path_name(dir, own, sizeof own);
    if (strcmp(own, "checkpoints") == 0) {
        above = sae_path_join(dir, "..");
        if (!above) SAE_TRY(sae_fail_memory(err, "a path", strlen(dir)));
    }
    const char *where = holds_file(dir, name) ? dir : above && holds_file(above, name) ? above : NULL;
    if (where && !(at->config = sae_path_join(where, name))) status = sae_fail_memory(err, "a path", strlen(where));
done:
    sae_free(above);
    sae_free(dir);
    return status;
}

static sae_status identify(place *at, const sae_tensor_file *file, sae_error *err)
{
    for (size_t i = 0; i < FORMATS; i++) {
        if (!formats[i]->holds || !formats[i]->holds(file)) continue;
        at->entry = formats[i];
        return formats[i]->config ? find_config(at, err) : SAE_OK;
    }
    return sae_fail(
        err, SAE_E_FORMAT,
        "%s: its tensors are not those of an SAE that is known by its weights alone; give the directory that "
        "holds it with its cfg.json or config.json",
        at->weights);
}

/* ---- reading ------------------------------------------------------------------------------------------------ */

sae_status sae_source_need_config(const sae_source *source, const char *name, sae_error *err)
{
    if (source->config) return SAE_OK;
    return sae_fail(err, SAE_E_IO, "%s has no %s beside it, which says what it is", sae_tensor_file_path(source->file),
                    name);
}

sae_status sae_source_theta(sae_source *source, double in_file, const char *why, double *out, sae_error *err)
{
    const char *path = sae_tensor_file_path(source->file);
    if (in_file < 0)
        return sae_fail(err, SAE_E_VALUE, "%s: the threshold is %g; it must not be negative", path, in_file);
    if (isnan(in_file) && isnan(source->theta))
        return sae_fail(
            err, SAE_E_FORMAT,
            "%s has no threshold, which BatchTopK needs outside of training (%s); sae convert --theta VALUE "
            "or --acts ACTS gives it one",
            path, why);
    if (isnan(in_file)) source->theta_used = true;
    *out = isnan(in_file) ? source->theta : in_file;
    return SAE_OK;
}

void sae_fill_threshold(sae_model *model, double theta)
{
    for (int64_t i = 0; i < model->info.n; i++) model->owned[4][i] = (float)theta;
}

static sae_status load(sae_model **out, const char *path, double theta, sae_error *err)
{
    sae_status status;
    place at = {0};
    sae_model *model = NULL;
    sae_tensor_file *file = NULL;
    if (sae_is_directory(path))
        SAE_TRY(find_in_directory(&at, path, err));
    else
        SAE_TRY(find_by_file(&at, path, err));
    SAE_TRY(sae_tensor_file_open(&file, at.weights, err));
    if (!at.entry) SAE_TRY(identify(&at, file, err));
    bool described = at.config && sae_file_exists(at.config);
    sae_source source = {.path = path, .config = described ? at.config : NULL, .file = file, .theta = theta};
    SAE_TRY(at.entry->read(&source, &model, err));
    if (!isnan(theta) && !source.theta_used) {
        status = sae_fail(err, SAE_E_ARG, "%s needs no threshold from outside: %s", path,
                          model->info.rule == SAE_RULE_TOPK ? "its rule is TopK" : "it has its own");
        goto done;
    }
    SAE_TRY(sae_model_check(model, at.weights, err));
    SAE_TRY(sae_model_prepare(model, err));
    model->format = at.entry->format;
    model->file = at.weights;
    at.weights = NULL;
    *out = model;
    model = NULL;
done:
    sae_model_free(model);
    sae_tensor_file_close(file);
    sae_free(at.config);
    sae_free(at.weights);
    return status;
}

sae_status sae_model_load(sae_model **out, const char *path, sae_error *err)
{
    return load(out, path, (double)NAN, err);
}

sae_status sae_model_load_theta(sae_model **out, const char *path, double theta, sae_error *err)
{
    if (!(theta >= 0) || isinf(theta))
        return sae_fail(err, SAE_E_ARG, "the threshold is %g; it must be a number from 0 up", theta);
    return load(out, path, theta, err);
}

/* ---- writing ------------------------------------------------------------------------------------------------ */

sae_status sae_format_prepare(sae_format_paths *out, const char *dir, const char *config, const char *weights,
                              sae_error *err)
{
    char fresh[64];
    snprintf(fresh, sizeof fresh, "%s.tmp-%ld", weights, (long)getpid());
    out->config = sae_path_join(dir, config);
    out->weights = sae_path_join(dir, weights);
    out->fresh = sae_path_join(dir, fresh);
    if (!out->config || !out->weights || !out->fresh) return sae_fail_memory(err, "a path", strlen(dir));
    sae_status status = sae_written_dirs(&out->written, dir, err);
    return status == SAE_OK ? sae_written_file(&out->written, out->weights, err) : status;
}

sae_status sae_format_place(const sae_format_paths *paths, sae_error *err)
{
    (void)unlink(paths->config);
    if (rename(paths->fresh, paths->weights) != 0) return sae_fail_errno(err, "cannot write %s", paths->weights);
    return SAE_OK;
}

void sae_format_done(sae_format_paths *paths, bool whole)
{
    if (paths->fresh) (void)unlink(paths->fresh);
    sae_written_end(&paths->written, whole);
    sae_free(paths->config);
    sae_free(paths->weights);
    sae_free(paths->fresh);
}

sae_status sae_model_save_as(const sae_model *model, sae_format format, const char *path, sae_error *err)
{
    const sae_format_entry *entry = entry_of(format);
    if (!entry || !entry->write)
        return sae_fail(err, SAE_E_UNSUPPORTED, "SAEs are not written in the format %s, only read",
                        sae_format_name(format));
    for (size_t i = 0; i < FORMATS; i++) /* with two of them nobody could tell which is meant */
        if (formats[i] != entry && holds_file(path, formats[i]->weights))
            return sae_fail(err, SAE_E_EXISTS,
                            "%s holds an SAE in the format %s already (%s); write to another directory", path,
                            formats[i]->name, formats[i]->weights);
    return entry->write(model, path, err);
}
