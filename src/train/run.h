/* Inside a run: what sae_train's parts share. */
#ifndef SAE_TRAIN_RUN_H
#define SAE_TRAIN_RUN_H

#include "train/training.h"

#include <jansson.h>
#include <stdio.h>

typedef struct sae_run {
    sae_train_options options;
    sae_train_config *configs;
    size_t count;
    sae_source *source; /* borrowed */
    const char *out;
    const sae_env *env;
    int64_t d, batch, steps;
    sae_trainer *trainer;
    float *x;                  /* [batch, d] */
    sae_step_metrics *metrics; /* [count] of the last step */
    char **dirs;               /* [count] directory of each SAE */
    FILE **logs;               /* [count] metrics.jsonl */
    int lock;                  /* descriptor of `out`; −1: not held */
    double reading;            /* seconds spent waiting for rows */
    sae_written written;       /* directories and metrics.jsonl, for a run that fails before it can be resumed */
} sae_run;

/* run->x = rows position … position + count − 1 of the training stream. */
sae_status sae_run_rows(sae_run *run, int64_t position, int64_t count, sae_error *err);

/* Input scale and b_dec from data, or all weights from `init`. */
sae_status sae_run_start(sae_run *run, const sae_model *init, sae_error *err);

/* ---- the output directory ---------------------------------------------------------------------------------- */

/* Directories and, unless resuming, the refusal or removal of an earlier run. */
sae_status sae_run_prepare_output(sae_run *run, sae_error *err);
/* Ends what run->written lists: takes it back unless there is a run.json to go on with. */
void sae_run_end_output(sae_run *run);

/* ---- checkpoints: state files per SAE, then run.json, whose step says which of them count -------------- */

/* Whole or not at all: every SAE's state at the trainer's step, then run.json; older states are removed. */
sae_status sae_run_save(sae_run *run, sae_error *err);
/* Loads the state that run.json names and cuts the metrics files back to it; of a finished run, its result instead
 * (*finished). SAE_E_ARG when options or data differ from the run's. */
sae_status sae_run_load(sae_run *run, sae_train_result *result, bool *finished, sae_error *err);
/* run.json as it stands; the caller owns it. */
sae_status sae_run_read(const sae_run *run, json_t **out, sae_error *err);
/* Removes the states of the SAE in `dir` but that of step `but`; −1: all, and their directory. */
void sae_run_remove_states(const char *dir, int64_t but);
/* After the SAEs are saved: run.json has the result, states are removed. */
sae_status sae_run_finish(sae_run *run, const sae_train_result *result, sae_error *err);

/* The part of a result that options do not tell, as run.json keeps it (NULL without memory), and back, into a result
 * with room for the run's SAEs. */
json_t *sae_run_made_json(const sae_train_result *result);
sae_status sae_run_made_read(const sae_run *run, const json_t *json, sae_train_result *result, sae_error *err);

/* ---- metrics.jsonl ------------------------------------------------------------------------------------- */

sae_status sae_run_open_logs(sae_run *run, sae_error *err);
sae_status sae_run_log(sae_run *run, sae_error *err);
/* On disk, so that a checkpoint may refer to it; sizes [count] in bytes. */
sae_status sae_run_sync_logs(sae_run *run, int64_t *sizes, sae_error *err);
void sae_run_close_logs(sae_run *run);

/* ---- the end --------------------------------------------------------------------------------------------- */

/* Thresholds, the saved SAE, and its numbers on held-out rows. */
sae_status sae_run_conclude(sae_run *run, size_t i, sae_train_sae *out, sae_error *err);

#endif
