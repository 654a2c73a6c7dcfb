/* What a sae_model is inside: its description and its weights, owned or borrowed. */
#ifndef SAE_MODEL_MODEL_H
#define SAE_MODEL_MODEL_H

#include <sae/model.h>

#include "kernels/shadow.h"

struct sae_model {
    sae_model_info info;
    sae_weights weights;
    float *owned[5];   /* W_enc, b_enc, W_dec, b_dec, threshold; NULL where borrowed or absent */
    sae_shadow shadow; /* of W_enc in fp32: what encoding a few rows needs */
    char *path;        /* where it was read from, "" otherwise */
    char *file;        /* the file with its weights; NULL otherwise */
    sae_format format;
};

/* The same as sae_model_create, but the weights are borrowed: they must outlive the model and may not change
 * while it is used. For a trainer, whose weights are already in memory. */
sae_status sae_model_view(sae_model **out, const sae_model_info *info, const sae_weights *weights, sae_error *err);

/* A model of info->n and info->d with room for its weights (uninitialised, to be written through `owned`), to be
 * followed by sae_model_check and sae_model_prepare. */
sae_status sae_model_allocate(sae_model **out, const sae_model_info *info, const char *path, sae_error *err);

/* Sizes and rule agree, every weight is finite, thresholds are ≥ 0; fills in has_theta and theta. `where` begins
 * the message ("DIR/sae_weights.safetensors", or "the SAE"). */
sae_status sae_model_check(sae_model *model, const char *where, sae_error *err);

/* Computes what encoding needs from the final weights. */
sae_status sae_model_prepare(sae_model *model, sae_error *err);

/* Index of the first NaN or Inf of values [count], or −1. */
int64_t sae_first_non_finite(const float *values, int64_t count, const sae_env *env);

#endif
