/* The threshold at which an SAE has a given number of active latents. */
#ifndef CLI_THETA_FOR_L0_H
#define CLI_THETA_FOR_L0_H

#include "cli/cli.h"

#include <sae/model.h>

/* *theta: with it for all latents, `model`, whose thresholds are 0, has k active latents per row on average (exactly,
 * but for ties) on the first 65,536 usable rows of the activations at `path`, or on all when there are fewer. 0 when
 * fewer activations than that are positive. Memory grows with k, not with the model. */
sae_status cli_theta_for_l0(cli_app *app, const sae_model *model, const char *path, int64_t k, double *theta,
                            sae_error *err);

#endif
