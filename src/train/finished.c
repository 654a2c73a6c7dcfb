/* What the run.json of a finished run says of its SAEs, so that the same command with --resume gives its result again
 * instead of an error: what came after the training may have been stopped. */
#include "train/run.h"

#include "base/error.h"

#include <math.h>
#include <stdio.h>

/* JSON has no NaN: null stands for it. */
static json_t *number_json(double value)
{
    return isfinite(value) ? json_real(value) : json_null();
}

static void numbers_of(sae_train_sae *sae, double *numbers[8])
{
    numbers[0] = &sae->theta;
    numbers[1] = &sae->lambda;
    numbers[2] = &sae->thetas.calibrated;
    numbers[3] = &sae->thetas.running;
    numbers[4] = &sae->thetas.l0;
    numbers[5] = &sae->thetas.l0_calibrated;
    numbers[6] = &sae->thetas.l0_running;
    numbers[7] = &sae->thetas.l0_l0;
}

static const char *const number_names[8] = {"theta",    "lambda",        "calibrated", "running",
                                            "theta_l0", "l0_calibrated", "l0_running", "l0_theta_l0"};

json_t *sae_run_made_json(const sae_train_result *result)
{
    json_t *saes = json_array();
    for (size_t i = 0; i < result->n_saes; i++) {
        sae_train_sae sae = result->saes[i];
        double *numbers[8];
        numbers_of(&sae, numbers);
        json_t *object = json_object();
        for (int k = 0; k < 8; k++) json_object_set_new(object, number_names[k], number_json(*numbers[k]));
        json_array_append_new(saes, object);
    }
    return saes;
}

sae_status sae_run_made_read(const sae_run *run, const json_t *json, sae_train_result *result, sae_error *err)
{
    if (json_array_size(json) != result->n_saes)
        return sae_fail(err, SAE_E_FORMAT,
                        "%s/run.json: the run is finished, but its result is not there; use --force to start anew",
                        run->out);
    for (size_t i = 0; i < result->n_saes; i++) {
        double *numbers[8];
        numbers_of(&result->saes[i], numbers);
        for (int k = 0; k < 8; k++) {
            const json_t *value = json_object_get(json_array_get(json, i), number_names[k]);
            if (!json_is_number(value) && !json_is_null(value))
                return sae_fail(err, SAE_E_FORMAT, "%s/run.json: %s of SAE %zu is no number", run->out, number_names[k],
                                i);
            *numbers[k] = json_is_null(value) ? NAN : json_number_value(value);
        }
    }
    return SAE_OK;
}
