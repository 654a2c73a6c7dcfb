/* What latents do to the output tokens. */
#ifndef SAE_DASH_EFFECTS_H
#define SAE_DASH_EFFECTS_H

#include "dash/latent.h"

#include <sae/dash.h>

enum { SAE_DASH_EFFECTS = 10, SAE_DASH_NEURONS = 3 };

/* Effect of latent i on token v, per unit of activation: ℓ_v = ((w − mean_d w) ∘ γ)·W_U,v minus its mean over the
 * tokens, with w the direction in the residual stream, γ the gain of the final norm. Without centring over d for RMS
 * norms. */
typedef struct sae_dash_unembed {
    int64_t vocab, d;  /* vocab 0: there is none, and no effects */
    const float *rows; /* [vocab, d] W_U */
    const float *gain; /* [d] γ; NULL: 1 */
    bool centre;
    const float *into; /* [width of the hook, d] what the model does to the hook's activations before they reach the
                          residual stream; NULL: they lie in it */
    double *mean;      /* [d] of W_U's rows */
    char space[256];   /* what was done, in words */
    float *own[2];     /* memory of rows and gain when they were read from files */
} sae_dash_unembed;

/* From the language model or the files of the input. SAE_E_SHAPE when they do not fit the SAEs. */
sae_status sae_dash_unembed_open(sae_dash_unembed *out, const sae_dash_input *input, sae_error *err);
void sae_dash_unembed_clear(sae_dash_unembed *unembed);

typedef struct sae_dash_effects {
    int count; /* of each; 0: none were computed */
    int32_t boosted[SAE_DASH_EFFECTS], suppressed[SAE_DASH_EFFECTS];
    float boosted_by[SAE_DASH_EFFECTS], suppressed_by[SAE_DASH_EFFECTS];
    double std, lo, hi; /* over all tokens */
    uint32_t hist[SAE_DASH_BINS];
} sae_dash_effects;

/* Effects of `count` latents with decoder rows W_dec [count, width]. The same bits however they are divided. */
sae_status sae_dash_effects_of(const sae_dash_unembed *unembed, const float *W_dec, int64_t width, int64_t count,
                               sae_dash_effects *const *out, int threads, sae_error *err);

/* The largest entries of a decoder row by size, and their shares of Σ|w|. */
typedef struct sae_dash_neurons {
    int count;
    int32_t neurons[SAE_DASH_NEURONS];
    float values[SAE_DASH_NEURONS], shares[SAE_DASH_NEURONS];
} sae_dash_neurons;
void sae_dash_neurons_of(sae_dash_neurons *out, const float *row, int64_t d);

#endif
