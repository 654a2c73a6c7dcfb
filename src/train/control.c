#include "train/control.h"

#include <math.h>

#define SMOOTHING 0.98 /* of near and gain: 50 batches */
#define DAMPING   0.1  /* share of the Newton step that is taken */
#define LARGEST   0.25 /* step of the level, in units of L0/slope: L0 at most this much away counts */

double sae_control_thresholds(sae_control *c, const sae_control_batch *batch, double target, double bandwidth)
{
    c->steps++;
    c->near = SMOOTHING * c->near + (1 - SMOOTHING) * batch->near;
    c->gain = SMOOTHING * c->gain + (1 - SMOOTHING) * batch->gain;
    if (!(c->near > 0)) {
        /* nothing near any threshold: no slope to go by. Too many active: no entry is that small, so go up by a window
         */
        c->lambda = 0;
        return batch->l0 > target ? bandwidth : batch->l0 < target ? -bandwidth : 0;
    }
    c->lambda = fmax(c->gain / c->near, 0);
    double slope = c->near / (1 - pow(SMOOTHING, (double)c->steps)) / bandwidth;
    double error = fmin(fmax(batch->l0 - target, -LARGEST * target), LARGEST * target);
    return DAMPING * error / slope;
}

#define PENALTY_SMOOTHING 0.9
#define INTEGRAL          0.02
#define PROPORTIONAL      0.5

void sae_control_penalty(sae_control *c, double l0, double target, double relative_lr)
{
    double error = log(fmax(l0, 1e-3 * target) / target), before = c->l0;
    c->l0 = c->steps > 0 ? PENALTY_SMOOTHING * c->l0 + (1 - PENALTY_SMOOTHING) * error : error;
    if (c->steps == 0) before = c->l0;
    c->steps++;
    double bounded = fmin(fmax(c->l0, -1), 1);
    c->lambda *= exp(INTEGRAL * relative_lr * bounded + PROPORTIONAL * (c->l0 - before));
}
