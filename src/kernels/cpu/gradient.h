/* Forming the gradient rows of a group of latents. */
#ifndef SAE_KERNELS_GRADIENT_H
#define SAE_KERNELS_GRADIENT_H

#include "kernels/step.h"

typedef enum sae_side { SAE_DECODER, SAE_ENCODER } sae_side;

/* Gradient rows of `count` ≤ SAE_LATENT_GROUP latents into the scratch: W_dec's with its part along the decoder row
 * taken away, or W_enc's and the biases'. s->sorted is NULL, or what forming the other side of the same latents left.
 */
void sae_gradient_rows(const sae_update *u, const sae_ops *ops, sae_side side, const int32_t *latents, int64_t count,
                       sae_update_scratch *s);

/* u->order: all latents, those first that are active on many rows, so that groups of them share rows. Returns how many
 * these are. */
int64_t sae_gradient_order(const sae_update *u);

#endif
