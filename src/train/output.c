/* The output directory of a run: what is refused, what an earlier run left, what a run that failed takes back. */
#include "train/run.h"

#include "base/alloc.h"
#include "base/error.h"
#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

/* What a run writes into the directory of an SAE. */
static sae_status remove_sae(const char *dir, sae_error *err)
{
    static const char *const names[] = {"cfg.json", "sae_weights.safetensors", "metrics.jsonl"};
    sae_run_remove_states(dir, -1);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        sae_status status = sae_remove_replaced(dir, names[i], err);
        if (status != SAE_OK) return status;
    }
    return SAE_OK;
}

/* The grid of the run that run.json tells of; none where it cannot be read. */
static void old_grid(const json_t *then, sae_train_config **configs, size_t *count)
{
    size_t n;
    const sae_option *table = sae_train_option_table(&n);
    const json_t *texts = json_object_get(then, "options");
    sae_train_options options = sae_train_options_default();
    *configs = NULL;
    *count = 0;
    for (size_t i = 0; i < n; i++) {
        const char *text = json_string_value(json_object_get(texts, table[i].name));
        /* what cannot be set has its default value, which may lie outside of what one may ask for */
        if (text && *text) (void)sae_option_set(&table[i], &options, text, NULL);
    }
    if (sae_train_grid(&options, configs, count, NULL) != SAE_OK) *count = 0;
}

/* SAEs of an earlier run, which may have been others than this one's. */
static sae_status remove_grid(const sae_run *run, sae_error *err)
{
    sae_status status = SAE_OK;
    json_t *then = NULL;
    sae_train_config *configs;
    size_t count;
    if (sae_run_read(run, &then, NULL) != SAE_OK) return SAE_OK;
    old_grid(then, &configs, &count);
    for (size_t i = 0; i < count && status == SAE_OK; i++) {
        char *dir = *configs[i].name ? sae_path_join(run->out, configs[i].name) : NULL;
        if (!dir) continue;
        status = remove_sae(dir, err);
        rmdir(dir); /* unless something else lies in it */
        sae_free(dir);
    }
    free(configs);
    json_decref(then);
    return status;
}

static sae_status remove_old(const sae_run *run, sae_error *err)
{
    sae_status status;
    SAE_TRY(remove_grid(run, err));
    SAE_TRY(remove_sae(run->out, err));
    for (size_t i = 0; i < run->count; i++) SAE_TRY(remove_sae(run->dirs[i], err));
    status = sae_remove_replaced(run->out, "run.json", err);
done:
    return status;
}

/* One run at a time: the system lets go of the lock with the process, so that none is left behind. File systems without
 * locks go without. */
static sae_status lock_output(sae_run *run, sae_error *err)
{
    run->lock = open(run->out, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (run->lock < 0) return sae_fail_errno(err, "cannot open %s", run->out);
    if (flock(run->lock, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK)
        return sae_fail(err, SAE_E_EXISTS, "another sae train is writing to %s; wait for it, or give another --out",
                        run->out);
    return SAE_OK;
}

sae_status sae_run_prepare_output(sae_run *run, sae_error *err)
{
    sae_status status = SAE_OK;
    char *marker = sae_path_join(run->out, "run.json"), *saved = sae_path_join(run->out, "cfg.json"), *states = NULL;
    if (!marker || !saved) {
        status = sae_fail_memory(err, "a path", strlen(run->out));
        goto done;
    }
    if (run->options.resume && run->options.force) {
        status = sae_fail(err, SAE_E_ARG, "--resume goes on with a run, --force starts anew; give one of them");
        goto done;
    }
    SAE_TRY(sae_written_dirs(&run->written, run->out, err));
    SAE_TRY(lock_output(run, err));
    bool began = sae_file_exists(marker), used = began || sae_file_exists(saved);
    if (used && !run->options.resume && !run->options.force) {
        status = sae_fail(err, SAE_E_EXISTS, "%s already holds %s", run->out,
                          began ? "a run; --resume goes on with it, --force starts anew and replaces it"
                                : "an SAE; --force replaces it");
        goto done;
    }
    if (!run->options.resume) SAE_TRY(remove_old(run, err));
    for (size_t i = 0; i < run->count; i++) {
        sae_free(states);
        states = sae_path_join(run->dirs[i], "checkpoint");
        SAE_TRY(states ? sae_written_dirs(&run->written, states, err)
                       : sae_fail_memory(err, "a path", strlen(run->dirs[i])));
    }
done:
    sae_free(marker);
    sae_free(saved);
    sae_free(states);
    return status;
}

void sae_run_end_output(sae_run *run)
{
    char *marker = sae_path_join(run->out, "run.json");
    sae_written_end(&run->written, !marker || sae_file_exists(marker));
    if (run->lock >= 0) close(run->lock);
    run->lock = -1;
    sae_free(marker);
}
