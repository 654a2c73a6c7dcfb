/* Changes of an SAE's weights that leave its reconstructions as they are, or put into the weights what a file keeps
 * beside them. The model is one that is being made: sae_model_prepare comes afterwards. */
#ifndef SAE_MODEL_FOLD_H
#define SAE_MODEL_FOLD_H

#include "model/model.h"

/* For files that select on z_i·‖w_i‖, call that the activation and decode with w_i/‖w_i‖: W_enc,i, b_enc,i and θ_i
 * times ‖w_i‖, w_i divided by it. θ is left alone unless `thresholds`. A row of zeros makes a latent that never fires.
 */
void sae_fold_decoder_norms(sae_model *model, bool thresholds);

/* For weights that expect s·x and give s·x̂: b_enc, b_dec and θ divided by s, so that activations come in raw units. */
void sae_fold_input_scale(sae_model *model, double s);

/* A gated encoder with tied rows, magnitude e^r∘Wx' + b_mag where Wx' + b_gate > 0, as a JumpReLU. W and b_mag are the
 * model's W_enc and b_enc: W_enc,i ← e^{r_i} W_i, θ_i = max(0, b_mag,i − e^{r_i} b_gate,i). r, b_gate [n]. */
void sae_fold_gate(sae_model *model, const float *r, const float *b_gate);

/* w_i ← c_i w_i: for files that scale each activation before decoding. c [n]. */
void sae_fold_output_scale(sae_model *model, const float *c);

/* b_out [n] = the encoder's bias for inputs that are centred (x − b_dec) or not, whichever the model does. Sums in
 * double. */
void sae_bias_for_input(const sae_model *model, bool subtract_b_dec, float *b_out);

#endif
