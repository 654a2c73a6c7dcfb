/* Checkpoints. Each SAE has checkpoint/state-STEP.safetensors; OUT/run.json is written after all of them and names the
 * step that counts, so that a run stopped at any moment finds a complete state. */
#include "train/run.h"

#include "base/alloc.h"
#include "base/error.h"
#include "base/file.h"
#include "io/json.h"
#include "model/model.h"

#include <dirent.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { FORMAT = 2 }; /* of run.json and the states */

/* ---- names ------------------------------------------------------------------------------------------- */

static char *state_path(const char *dir, int64_t step)
{
    char name[64];
    snprintf(name, sizeof name, "checkpoint/state-%lld.safetensors", (long long)step);
    return sae_path_join(dir, name);
}

/* A run that was killed leaves half-written states too, under names that begin like theirs. */
void sae_run_remove_states(const char *dir, int64_t but)
{
    char *kept = state_path(dir, but), *folder = sae_path_join(dir, "checkpoint");
    DIR *list = folder ? opendir(folder) : NULL;
    for (struct dirent *entry; list && (entry = readdir(list));) {
        char *path = strncmp(entry->d_name, "state-", 6) == 0 ? sae_path_join(folder, entry->d_name) : NULL;
        if (path && kept && (but < 0 || strcmp(path, kept) != 0)) unlink(path);
        sae_free(path);
    }
    if (list) closedir(list);
    if (folder && but < 0) rmdir(folder);
    sae_free(folder);
    sae_free(kept);
}

static void keep_state(const sae_run *run, int64_t step)
{
    for (size_t i = 0; i < run->count; i++) sae_run_remove_states(run->dirs[i], step);
}

/* ---- one SAE's state ------------------------------------------------------------------------------------ */

enum { PARTS = 5, SETS = 3, TENSORS = PARTS * SETS + 2 };
static const char *const set_names[SETS] = {"", "adam_m.", "adam_v."};
static const char *const part_names[PARTS] = {"W_enc", "b_enc", "W_dec", "b_dec", "theta"};

/* Everything that is one number. */
enum {
    SCALE,
    RMS,
    THETA_MEAN,
    THETA_BATCHES,
    LAST_L0,
    LAMBDA,
    CONTROL_L0,
    CONTROL_NEAR,
    CONTROL_GAIN,
    CONTROL_STEPS,
    NUMBERS
};

static void get_numbers(const sae_training *t, double numbers[NUMBERS])
{
    numbers[SCALE] = t->scale;
    numbers[RMS] = t->rms;
    numbers[THETA_MEAN] = t->theta.mean;
    numbers[THETA_BATCHES] = (double)t->theta.batches;
    numbers[LAST_L0] = t->last_l0;
    numbers[LAMBDA] = t->control.lambda;
    numbers[CONTROL_L0] = t->control.l0;
    numbers[CONTROL_NEAR] = t->control.near;
    numbers[CONTROL_GAIN] = t->control.gain;
    numbers[CONTROL_STEPS] = (double)t->control.steps;
}

static void set_numbers(sae_training *t, const double numbers[NUMBERS])
{
    t->scale = numbers[SCALE];
    t->rms = numbers[RMS];
    t->theta = (sae_running_theta){numbers[THETA_MEAN], (int64_t)numbers[THETA_BATCHES]};
    t->last_l0 = numbers[LAST_L0];
    t->control = (sae_control){numbers[LAMBDA], numbers[CONTROL_L0], numbers[CONTROL_NEAR], numbers[CONTROL_GAIN],
                               (int64_t)numbers[CONTROL_STEPS]};
}

/* Lists the tensors of a state; returns how many there are (θ only where it is learned). */
static int list_state(const sae_training *t, double numbers[NUMBERS], char names[TENSORS][32], sae_tensor out[TENSORS])
{
    const sae_tensors *sets[SETS] = {&t->p, &t->m, &t->v};
    int at = 0;
    for (int s = 0; s < SETS; s++)
        for (int p = 0; p < PARTS; p++) {
            float *const data[PARTS] = {sets[s]->W_enc, sets[s]->b_enc, sets[s]->W_dec, sets[s]->b_dec, sets[s]->theta};
            bool matrix = p == 0 || p == 2;
            int64_t rows = p == 3 ? t->d : t->n, count = matrix ? rows * t->d : rows;
            if (!data[p]) continue;
            snprintf(names[at], 32, "%s%s", set_names[s], part_names[p]);
            out[at] = (sae_tensor){.name = names[at],
                                   .dtype = SAE_DTYPE_F32,
                                   .rank = matrix ? 2 : 1,
                                   .shape = {rows, t->d},
                                   .data = data[p],
                                   .bytes = (size_t)count * sizeof(float)};
            at++;
        }
    out[at++] = (sae_tensor){.name = "tokens_since_fired",
                             .dtype = SAE_DTYPE_I64,
                             .rank = 1,
                             .shape = {t->n},
                             .data = t->since_fired,
                             .bytes = (size_t)t->n * sizeof(int64_t)};
    out[at++] = (sae_tensor){.name = "numbers",
                             .dtype = SAE_DTYPE_F64,
                             .rank = 1,
                             .shape = {NUMBERS},
                             .data = numbers,
                             .bytes = NUMBERS * sizeof(double)};
    return at;
}

static sae_status save_state(const sae_run *run, size_t i, sae_error *err)
{
    const sae_training *t = &run->trainer->saes[i];
    double numbers[NUMBERS];
    char names[TENSORS][32];
    sae_tensor tensors[TENSORS];
    get_numbers(t, numbers);
    int count = list_state(t, numbers, names, tensors);
    char *path = state_path(run->dirs[i], run->trainer->step);
    if (!path) return sae_fail_memory(err, "a path", strlen(run->dirs[i]));
    sae_status status = sae_safetensors_write(path, tensors, (size_t)count, NULL, 0, err);
    sae_free(path);
    return status;
}

/* What a run cannot have written: numbers that are none, counters that no run reaches. */
static sae_status check_state(const sae_training *t, const double numbers[NUMBERS], const char *path,
                              const sae_env *env, sae_error *err)
{
    const sae_tensors *sets[SETS] = {&t->p, &t->m, &t->v};
    const double most = 0x1p52;
    bool good = numbers[SCALE] > 0 && isfinite(numbers[SCALE]) && numbers[THETA_BATCHES] >= 0 &&
                numbers[THETA_BATCHES] <= most && numbers[CONTROL_STEPS] >= 0 && numbers[CONTROL_STEPS] <= most;
    for (int s = 0; s < SETS && good; s++)
        good = sae_first_non_finite(sets[s]->W_enc, t->n * t->d, env) < 0 &&
               sae_first_non_finite(sets[s]->W_dec, t->n * t->d, env) < 0 &&
               sae_first_non_finite(sets[s]->b_enc, t->n, env) < 0 &&
               sae_first_non_finite(sets[s]->b_dec, t->d, env) < 0 &&
               (!sets[s]->theta || sae_first_non_finite(sets[s]->theta, t->n, env) < 0);
    for (int64_t i = 0; i < t->n && good; i++) good = t->since_fired[i] >= 0 && (double)t->since_fired[i] <= most;
    if (good) return SAE_OK;
    return sae_fail(err, SAE_E_FORMAT, "%s was altered: it has values that no run writes; --force starts anew", path);
}

static sae_status load_state(sae_run *run, size_t i, int64_t step, sae_error *err)
{
    sae_status status;
    sae_training *t = &run->trainer->saes[i];
    sae_safetensors *file = NULL;
    double numbers[NUMBERS];
    char names[TENSORS][32];
    sae_tensor tensors[TENSORS];
    int count = list_state(t, numbers, names, tensors);
    char *path = state_path(run->dirs[i], step);
    if (!path) return sae_fail_memory(err, "a path", strlen(run->dirs[i]));
    SAE_TRY(sae_safetensors_open(&file, path, err));
    for (int k = 0; k < count; k++) {
        const sae_tensor *want = &tensors[k], *have = sae_safetensors_find(file, want->name);
        bool same = have && have->dtype == want->dtype && have->rank == want->rank && have->bytes == want->bytes;
        for (int r = 0; same && r < want->rank; r++) same = have->shape[r] == want->shape[r];
        if (!same) {
            status = sae_fail(err, SAE_E_FORMAT, "%s: tensor %s is missing or does not fit this run", path, want->name);
            goto done;
        }
        memcpy((void *)want->data, have->data, want->bytes); /* the views point into this trainer's own memory */
    }
    SAE_TRY(check_state(t, numbers, path, run->env, err));
    set_numbers(t, numbers);
    t->hint = t->aux_hint = (sae_encode_hint){0};
done:
    sae_safetensors_close(file);
    sae_free(path);
    return status;
}

/* ---- run.json --------------------------------------------------------------------------------------------- */

/* Options that may change between the parts of a run: they do not touch the numbers. */
static bool may_change(const char *name)
{
    return strcmp(name, "resume") == 0 || strcmp(name, "force") == 0 || strcmp(name, "checkpoint-every") == 0;
}

static json_t *options_json(const sae_run *run)
{
    size_t count;
    const sae_option *table = sae_train_option_table(&count);
    json_t *object = json_object();
    for (size_t i = 0; i < count; i++) {
        char text[4096];
        if (may_change(table[i].name)) continue;
        sae_option_get(&table[i], &run->options, text, sizeof text);
        json_object_set_new(object, table[i].name, sae_json_text(text));
    }
    return object;
}

/* What must be the same data for the rest of a run to be the rest of that run. */
static json_t *data_json(const sae_run *run)
{
    const sae_source_info *s = sae_source_get_info(run->source);
    return json_pack("{s:I, s:I, s:I, s:I, s:o, s:o, s:o}", "d", (json_int_t)s->d, "rows", (json_int_t)s->rows,
                     "usable_rows", (json_int_t)s->usable, "training_rows", (json_int_t)s->train, "model",
                     sae_json_text(s->meta.model), "hook_name", sae_json_text(s->meta.hook_name), "precision",
                     sae_json_text(s->meta.precision));
}

/* log_sizes [count], or the result of a finished run. */
static sae_status write_run(const sae_run *run, int64_t step, const int64_t *log_sizes, const sae_train_result *result,
                            sae_error *err)
{
    char *path = sae_path_join(run->out, "run.json");
    json_t *sizes = json_array();
    for (size_t i = 0; i < run->count; i++)
        json_array_append_new(sizes, json_integer(log_sizes ? (json_int_t)log_sizes[i] : 0));
    json_t *object =
        json_pack("{s:i, s:I, s:I, s:b, s:o, s:o, s:o, s:o*}", "format", FORMAT, "step", (json_int_t)step, "steps",
                  (json_int_t)run->steps, "finished", result != NULL, "data", data_json(run), "options",
                  options_json(run), "metrics_bytes", sizes, "made", result ? sae_run_made_json(result) : NULL);
    sae_status status = path && object ? sae_json_write(path, object, err) : sae_fail_memory(err, "run.json", 4096);
    json_decref(object);
    sae_free(path);
    return status;
}

sae_status sae_run_read(const sae_run *run, json_t **out, sae_error *err)
{
    char *path = sae_path_join(run->out, "run.json");
    if (!path) return sae_fail_memory(err, "a path", strlen(run->out));
    sae_status status;
    if (sae_file_exists(path))
        status = sae_json_read(out, path, 1 << 20, 8, err);
    else
        status = sae_fail(err, SAE_E_ARG, "--resume: %s has no run to go on with (no run.json)", run->out);
    sae_free(path);
    return status;
}

/* The first entry of `now` that `then` does not have with the same value. */
static sae_status compare_entries(const sae_run *run, const char *what, const json_t *then, json_t *now, sae_error *err)
{
    const char *key;
    json_t *value;
    json_object_foreach(now, key, value)
    {
        const json_t *before = json_object_get(then, key);
        if (before && json_equal(before, value)) continue;
        char *old = before ? json_dumps(before, JSON_ENCODE_ANY) : NULL, *new = json_dumps(value, JSON_ENCODE_ANY);
        sae_status status = sae_fail(err, SAE_E_ARG,
                                     "--resume: %s %s was %s when %s began, and is %s now; use the same "
                                     "command, or --force to start anew",
                                     what, key, old ? old : "not known", run->out, new ? new : "?");
        free(old);
        free(new);
        return status;
    }
    return SAE_OK;
}

static sae_status cut_log(const sae_run *run, size_t i, const json_t *sizes, sae_error *err)
{
    const json_t *size = json_array_get(sizes, i);
    char *path = sae_path_join(run->dirs[i], "metrics.jsonl");
    if (!path) return sae_fail_memory(err, "a path", strlen(run->dirs[i]));
    struct stat info;
    sae_status status = SAE_OK;
    if (!json_is_integer(size) || json_integer_value(size) < 0)
        status = sae_fail(err, SAE_E_FORMAT, "%s/run.json: metrics_bytes has no size for SAE %zu", run->out, i);
    else if (stat(path, &info) != 0 ? json_integer_value(size) > 0 : info.st_size < json_integer_value(size))
        status = sae_fail(err, SAE_E_FORMAT, "%s is shorter than when the checkpoint was written", path);
    else if (truncate(path, (off_t)json_integer_value(size)) != 0 && errno != ENOENT)
        status = sae_fail_errno(err, "cannot cut %s back to the checkpoint", path);
    sae_free(path);
    return status;
}

/* ---- the run ------------------------------------------------------------------------------------------------ */

sae_status sae_run_save(sae_run *run, sae_error *err)
{
    sae_status status = SAE_OK;
    int64_t *sizes = sae_calloc(run->count, sizeof *sizes), previous = -1;
    json_t *before = NULL;
    if (!sizes) return sae_fail_memory(err, "a checkpoint", run->count * sizeof *sizes);
    if (sae_run_read(run, &before, NULL) == SAE_OK) previous = json_integer_value(json_object_get(before, "step"));
    if (previous == run->trainer->step) goto done;
    SAE_TRY(sae_run_sync_logs(run, sizes, err));
    for (size_t i = 0; i < run->count; i++) SAE_TRY(save_state(run, i, err));
    SAE_TRY(write_run(run, run->trainer->step, sizes, NULL, err));
    keep_state(run, run->trainer->step);
done:
    if (status != SAE_OK) keep_state(run, previous);
    json_decref(before);
    sae_free(sizes);
    return status;
}

sae_status sae_run_load(sae_run *run, sae_train_result *result, bool *finished, sae_error *err)
{
    sae_status status;
    json_t *then = NULL, *now = NULL;
    SAE_TRY(sae_run_read(run, &then, err));
    int64_t step = json_integer_value(json_object_get(then, "step"));
    if (json_integer_value(json_object_get(then, "format")) != FORMAT) {
        status = sae_fail(err, SAE_E_FORMAT, "%s/run.json is not a run that this version can go on with", run->out);
        goto done;
    }
    now = options_json(run);
    SAE_TRY(compare_entries(run, "option", json_object_get(then, "options"), now, err));
    json_decref(now);
    now = data_json(run);
    SAE_TRY(compare_entries(run, "the data's", json_object_get(then, "data"), now, err));
    if (step < 0 || step > run->steps) {
        status = sae_fail(err, SAE_E_FORMAT, "%s/run.json was altered: its step is none of this run", run->out);
        goto done;
    }
    *finished = json_is_true(json_object_get(then, "finished"));
    if (*finished) {
        SAE_TRY(sae_run_made_read(run, json_object_get(then, "made"), result, err));
        run->trainer->step = step;
        keep_state(run, -1); /* its directory was made anew by this run */
        goto done;
    }
    for (size_t i = 0; i < run->count; i++) {
        SAE_TRY(load_state(run, i, step, err));
        SAE_TRY(cut_log(run, i, json_object_get(then, "metrics_bytes"), err));
    }
    keep_state(run, step);
    run->trainer->step = step;
    sae_trainer_refresh(run->trainer);
done:
    json_decref(then);
    json_decref(now);
    return status;
}

sae_status sae_run_finish(sae_run *run, const sae_train_result *result, sae_error *err)
{
    sae_status status = write_run(run, run->steps, NULL, result, err);
    if (status != SAE_OK) return status;
    keep_state(run, -1);
    return SAE_OK;
}
