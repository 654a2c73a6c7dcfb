/* metrics.jsonl: one line per logged step and SAE. A function of the run alone: no times, so that a resumed run writes
 * the same file. */
#include "train/run.h"

#include "base/alloc.h"
#include "base/error.h"
#include "base/file.h"

#include <math.h>
#include <string.h>
#include <unistd.h>

static char *log_path(const sae_run *run, size_t i)
{
    return sae_path_join(run->dirs[i], "metrics.jsonl");
}

sae_status sae_run_open_logs(sae_run *run, sae_error *err)
{
    for (size_t i = 0; i < run->count; i++) {
        char *path = log_path(run, i);
        if (!path) return sae_fail_memory(err, "a path", strlen(run->dirs[i]));
        sae_status status = sae_written_file(&run->written, path, err);
        if (status == SAE_OK && !(run->logs[i] = fopen(path, "ae")))
            status = sae_fail_errno(err, "cannot write %s", path);
        sae_free(path);
        if (status != SAE_OK) return status;
    }
    return SAE_OK;
}

/* A number that reads back as the same double; null for NaN. */
static void number(FILE *out, const char *key, double value)
{
    if (isfinite(value))
        fprintf(out, ",\"%s\":%.17g", key, value);
    else
        fprintf(out, ",\"%s\":null", key);
}

sae_status sae_run_log(sae_run *run, sae_error *err)
{
    for (size_t i = 0; i < run->count; i++) {
        const sae_step_metrics *m = &run->metrics[i];
        FILE *out = run->logs[i];
        fprintf(out, "{\"step\":%lld,\"tokens\":%lld", (long long)m->step, (long long)(m->step * run->batch));
        number(out, "loss", m->loss);
        number(out, "mse", m->mse);
        number(out, "aux", m->aux);
        number(out, "l0", m->l0);
        number(out, "fvu", m->fvu);
        fprintf(out, ",\"dead\":%lld", (long long)m->dead);
        number(out, "theta", m->theta / run->trainer->saes[i].scale);
        number(out, "lambda", m->lambda);
        number(out, "lr", m->lr);
        fprintf(out, ",\"tokens_per_s\":null}\n");
        if (ferror(out)) return sae_fail_errno(err, "cannot write %s/metrics.jsonl", run->dirs[i]);
    }
    return SAE_OK;
}

sae_status sae_run_sync_logs(sae_run *run, int64_t *sizes, sae_error *err)
{
    for (size_t i = 0; i < run->count; i++) {
        FILE *out = run->logs[i];
        /* where a stream that appends stands before its first write is not the same everywhere */
        if (fflush(out) != 0 || fsync(fileno(out)) != 0 || fseeko(out, 0, SEEK_END) != 0 ||
            (sizes[i] = ftello(out)) < 0)
            return sae_fail_errno(err, "cannot write %s/metrics.jsonl", run->dirs[i]);
    }
    return SAE_OK;
}

void sae_run_close_logs(sae_run *run)
{
    for (size_t i = 0; run->logs && i < run->count; i++) {
        if (run->logs[i]) fclose(run->logs[i]);
        run->logs[i] = NULL;
    }
}
