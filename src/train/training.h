/* Inside a trainer: one SAE in training, and the workspace that all SAEs of a grid share in turn. */
#ifndef SAE_TRAIN_TRAINING_H
#define SAE_TRAIN_TRAINING_H

#include <sae/train.h>

#include "kernels/kernels.h"
#include "kernels/step.h"

/* Parameters and Adam's moments: the same four tensors three times, in one block. */
typedef struct sae_tensors {
    float *W_enc, *b_enc, *W_dec, *b_dec;
} sae_tensors;

/* Eq. 8 as a running mean in float64: θ = m/(1 − βᵗ), t counting batches with a kept positive. */
typedef struct sae_running_theta {
    double mean;
    int64_t batches;
} sae_running_theta;

#define SAE_THETA_BETA 0.999

/* NaN before the first kept positive. */
double sae_running_theta_value(const sae_running_theta *theta);
void sae_running_theta_add(sae_running_theta *theta, double smallest_kept);

/* One SAE in training; everything that a checkpoint holds is here. */
typedef struct sae_training {
    sae_train_config config;
    int64_t d, n;
    int64_t dead_tokens;
    float *blocks[3]; /* the memory of the three below */
    sae_tensors p, m, v;
    float *w_norm;        /* [n] */
    int64_t *since_fired; /* [n] */
    double scale;         /* of the input; 1 for none and token */
    sae_running_theta theta;
    sae_encode_hint hint, aux_hint;
} sae_training;

sae_status sae_training_new(sae_training *out, const sae_train_config *config, int64_t d, int64_t batch, int64_t steps,
                            sae_error *err);
void sae_training_clear(sae_training *t);
/* Gives back the moments: training is over. */
void sae_training_drop_moments(sae_training *t);
/* Draws the decoder: rows iid N(0, I), normalised; the encoder equal to it; biases 0; moments 0. */
void sae_training_init(sae_training *t, int threads);
/* Weights of a model (any scale), brought to unit decoder rows and this SAE's input scale. */
sae_status sae_training_init_from(sae_training *t, const sae_model *model, int threads, sae_error *err);

/* c [rows, d] = scaled x (raw), minus b_dec when `center`; in place is allowed. */
void sae_training_rows(const sae_training *t, const float *x, int64_t rows, bool center, float *c, int threads);

/* lr·min(1, t/T_warm)·min(1, (T − t + 1)/T_decay) at step t of `steps`. */
double sae_learning_rate(const sae_train_config *config, int64_t t, int64_t steps);

struct sae_trainer {
    sae_training *saes;
    size_t count;
    int64_t d, batch, steps, step; /* step: how many are done */
    sae_env env;
    int threads;
    /* workspace, used by one SAE after the other */
    sae_encoder *encoder;
    sae_codes *codes, *aux_codes;
    sae_by_latent by_latent, aux_by_latent;
    float *c;         /* [batch, d]; the last SAE works in the batch itself */
    float *e, *e_aux; /* [batch, d] */
    float *slope, *aux_slope;
    double *row_square; /* [batch] */
    double *column_scratch, *column_sums, *bias_sums;
    float *bias_gradient;
    float *chunk_sums;
    double *chunk_squares;
    sae_update_scratch *update_scratch; /* [threads] */
    int32_t *dead;                      /* [n] */
};

/* Smallest activation kept when BatchTopK encodes the batch x [batch, d] (raw, destroyed); 0 when none is positive. */
sae_status sae_trainer_smallest_kept(sae_trainer *w, sae_training *t, float *x, float *smallest, sae_error *err);

/* Peak bytes of a trainer for this grid: parameters with moments, and workspace. */
void sae_trainer_bytes(const sae_train_config *configs, size_t count, int64_t d, int64_t batch, int threads,
                       double *state, double *workspace);

#endif
