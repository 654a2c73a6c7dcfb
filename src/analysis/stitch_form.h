/* The form in which latents of two SAEs can live in one: a threshold for each latent, no centring of the input. */
#ifndef SAE_ANALYSIS_STITCH_FORM_H
#define SAE_ANALYSIS_STITCH_FORM_H

#include <sae/data.h>
#include <sae/model.h>

/* *out = `model` with thresholds and subtract_b_dec false, a JumpReLU. Of TopK the threshold θ of all latents is the
 * largest activation that is not to fire: with it the first `tokens` usable rows have k active latents on average
 * (exactly, but for ties); 0 when fewer are positive. *theta = θ, NaN for other SAEs. Two passes over the rows for
 * TopK, none for others; 512 KiB beside the encoder's memory. */
sae_status sae_stitch_form(const sae_model *model, sae_source *source, int64_t tokens, sae_model **out, double *theta,
                           const sae_env *env, sae_error *err);

#endif
