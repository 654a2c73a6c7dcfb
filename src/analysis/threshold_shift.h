/* A common shift of all thresholds of an SAE at which a given number of activations is left. */
#ifndef SAE_ANALYSIS_THRESHOLD_SHIFT_H
#define SAE_ANALYSIS_THRESHOLD_SHIFT_H

#include <sae/data.h>
#include <sae/model.h>

/* The threshold of a latent whose own is θ, shifted: it fires when z > 0 and z − θ > shift in float32. That is z > T
 * for one float T ≥ 0, which is returned. A shift of −infinity gives 0. */
float sae_threshold_shifted(float theta, float shift);

typedef struct sae_threshold_shift {
    float shift;    /* 0 when the SAE has that many activations as it is … */
    int64_t count;  /* activations with it */
    int64_t before; /* and as the SAE is; −1 for TopK, whose thresholds count as 0 */
} sae_threshold_shift;

/* The shift with which the first `tokens` usable rows have `wanted` activations in all, or fewer by the number of those
 * that equal the largest that is not to fire. −infinity when the SAE has exactly `wanted` positive pre-activations or
 * fewer: `count` says how many. Two passes over the rows, three when the SAE has fewer activations as it is; 512 KiB
 * beside the encoder's memory. */
sae_status sae_find_threshold_shift(const sae_model *model, sae_source *source, int64_t tokens, int64_t wanted,
                                    sae_threshold_shift *out, const sae_env *env, sae_error *err);

/* *count = activations of the SAE as it is. */
sae_status sae_count_activations(const sae_model *model, sae_source *source, int64_t tokens, int64_t *count,
                                 const sae_env *env, sae_error *err);

#endif
