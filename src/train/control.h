/* A sparsity that is asked for: how the weight of the sparsity term, and the common level of the thresholds, follow the
 * measured L0. docs/sparsity.md has the derivation and the argument for stability. */
#ifndef SAE_TRAIN_CONTROL_H
#define SAE_TRAIN_CONTROL_H

#include <stdint.h>

/* All that it remembers; part of a checkpoint. */
typedef struct sae_control {
    double lambda; /* weight of the sparsity term in force; negative: not yet known */
    double l0;     /* relu: smoothed log(L0/target) */
    double near;   /* jumprelu: smoothed entries per row within the window of their threshold */
    double gain;   /* jumprelu: smoothed Σ 2θ e·w over them, per row */
    int64_t steps; /* seen so far */
} sae_control;

/* What a jumprelu batch showed, per row: active entries, entries in the window of width ε, and Σ 2θ_i e·w_i over these.
 */
typedef struct sae_control_batch {
    double l0, near, gain;
} sae_control_batch;

/* JumpReLU. Minimising E‖e‖² over θ at E L0 = target asks that an entry at its threshold be worth the same for every
 * latent: E[2θ_i e·w_i | z_i = θ_i] = λ. The price λ is therefore read off: Σ gain/Σ near over recent batches.
 * The differences of the thresholds follow their gradients at that price; their level is set here: returns the
 * amount to add to every θ, a damped Newton step on L0(θ + s) = target with slope −near/ε. */
double sae_control_thresholds(sae_control *control, const sae_control_batch *batch, double target, double bandwidth);

/* ReLU. λ is all there is: log λ moves with the error of log L0 and with its change (velocity form of a proportional-
 * integral controller), more slowly the smaller the learning rate (relative to its peak) is, since the dictionary
 * follows no faster. */
void sae_control_penalty(sae_control *control, double l0, double target, double relative_lr);

#endif
