/* What the run.json of a finished run says of its SAEs, so that the same command with --resume gives its result again
 * instead of an error: what came after the training may have been stopped. */
#include "train/run.h"

#include "base/error.h"

#include <math.h>
#include <stddef.h>

/* JSON has no NaN: null stands for it. */
static json_t *number_json(double value)
{
    return isfinite(value) ? json_real(value) : json_null();
}

#define AT(member) offsetof(sae_train_sae, member)
static const struct number {
    const char *name;
    size_t at; /* in sae_train_sae */
} numbers[] = {
    {"theta", AT(theta)},
    {"lambda", AT(lambda)},
    {"calibrated", AT(thetas.calibrated)},
    {"running", AT(thetas.running)},
    {"theta_l0", AT(thetas.l0)},
    {"l0_calibrated", AT(thetas.l0_calibrated)},
    {"l0_running", AT(thetas.l0_running)},
    {"l0_theta_l0", AT(thetas.l0_l0)},
};
enum { NUMBERS = sizeof numbers / sizeof *numbers };

static double *number_of(sae_train_sae *sae, const struct number *number)
{
    return (double *)(void *)((char *)sae + number->at);
}

json_t *sae_run_made_json(const sae_train_result *result)
{
    json_t *saes = json_array();
    for (size_t i = 0; i < result->n_saes; i++) {
        json_t *object = json_object();
        for (int k = 0; k < NUMBERS; k++)
            json_object_set_new(object, numbers[k].name, number_json(*number_of(&result->saes[i], &numbers[k])));
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
    for (size_t i = 0; i < result->n_saes; i++)
        for (int k = 0; k < NUMBERS; k++) {
            const json_t *value = json_object_get(json_array_get(json, i), numbers[k].name);
            if (!json_is_number(value) && !json_is_null(value))
                return sae_fail(err, SAE_E_FORMAT, "%s/run.json: %s of SAE %zu is no number", run->out, numbers[k].name,
                                i);
            *number_of(&result->saes[i], &numbers[k]) = json_is_null(value) ? NAN : json_number_value(value);
        }
    return SAE_OK;
}
