/* Forming the gradient rows of a group of latents. */
#ifndef SAE_KERNELS_GRADIENT_H
#define SAE_KERNELS_GRADIENT_H

#include "kernels/step.h"

/* Gradient rows of latents first … first + count − 1 (count ≤ SAE_LATENT_GROUP) into the scratch: W_dec's with its part
 * along the decoder row taken away. */
void sae_gradient_rows(const sae_update *u, const sae_ops *ops, int64_t first, int64_t count, sae_update_scratch *s);

#endif
