/* Inside a trainer: one SAE in training, and the workspace that all SAEs of a grid share in turn. */
#ifndef SAE_TRAIN_TRAINING_H
#define SAE_TRAIN_TRAINING_H

#include <sae/train.h>

#include "kernels/dense.h"
#include "kernels/kernels.h"
#include "kernels/step.h"
#include "train/control.h"

/* Parameters and Adam's moments: the same tensors three times, in one block. theta: jumprelu, else NULL. */
typedef struct sae_tensors {
    float *W_enc, *b_enc, *W_dec, *b_dec, *theta;
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
    sae_shadow shadow;    /* of p.W_enc */
    int64_t *since_fired; /* [n] */
    double scale;         /* of the input; 1 for none and token */
    sae_running_theta theta;
    double rms;         /* √E‖x‖² of the scaled input */
    int64_t warm_steps; /* jumprelu with l0: steps as topk before its own */
    sae_control control;
    double theta_shift; /* what the controller adds to every θ in this step */
    double last_l0;     /* of the step before; n before the first */
    sae_encode_hint hint, aux_hint;
} sae_training;

sae_status sae_training_new(sae_training *out, const sae_train_config *config, sae_screen_kind screen, int64_t d,
                            int64_t batch, int64_t steps, sae_error *err);
void sae_training_clear(sae_training *t);
/* Width of jumprelu's window, ε, in scaled space. */
double sae_training_bandwidth(const sae_training *t);
/* θ as it is before the first step: given by rms. */
void sae_training_init_theta(sae_training *t);
/* Gives back the moments: training is over. */
void sae_training_drop_moments(sae_training *t);
/* Draws the decoder: rows iid N(0, I), normalised; the encoder equal to it; biases 0; moments 0. */
void sae_training_init(sae_training *t, int threads);
/* Whether an SAE can begin with the weights of a model. */
sae_status sae_training_check_init(const sae_training *t, const sae_model *model, sae_error *err);
/* Weights of such a model (any scale), brought to unit decoder rows and this SAE's input scale. */
void sae_training_init_from(sae_training *t, const sae_model *model, int threads);

/* c [rows, d] = scaled x (raw), minus b_dec when `center`; in place is allowed. */
void sae_training_rows(const sae_training *t, const float *x, int64_t rows, bool center, float *c, int threads);

/* The rate of `--lr auto`: min(4e-3, 0.064/√d)·min(1, √(4096/n))·min(1, (4000/steps)^¼). A decoder row has unit norm
 * and a step of Adam moves it by about lr·√d: lr·√d is the angle of a step. docs/quality.md has the measurements. */
double sae_auto_learning_rate(int64_t n, int64_t d, int64_t steps);

/* lr·min(1, t/T_warm)·min(1, (T − t + 1)/T_decay) at step t of `steps`. */
double sae_learning_rate(const sae_train_config *config, int64_t t, int64_t steps);

/* How the latents of a step are chosen. */
typedef enum sae_selection {
    SAE_SELECT_ROW,      /* topk, and jumprelu's warm start */
    SAE_SELECT_BATCH,    /* batchtopk, matryoshka */
    SAE_SELECT_THRESHOLD /* relu, jumprelu */
} sae_selection;
sae_selection sae_training_selection(const sae_training *t, int64_t step);
/* Latents per token of a ROW or BATCH selection. */
int64_t sae_training_k(const sae_training *t);
/* Whether AuxK takes part in steps of this kind. */
bool sae_config_uses_aux(const sae_train_config *config);
/* Whether steps of threshold kinds may run on dense products: as long as more than one latent in SAE_DENSE_SHARE is
 * active. With an l0 well below that the dictionary starts sparse and stays so. */
bool sae_config_may_be_dense(const sae_train_config *config);

#define SAE_DENSE_SHARE 12 /* there the two ways take about as long: docs/speed.md */

struct sae_trainer {
    sae_training *saes;
    size_t count;
    int64_t d, batch, steps, step; /* step: how many are done */
    sae_env env;
    int threads;
    int64_t last_cache; /* bytes */
    sae_screen_kind screen;
    /* workspace, used by one SAE after the other */
    sae_encoder *encoder;
    sae_codes *codes, *aux_codes;
    sae_by_latent by_latent, aux_by_latent;
    float *c;     /* [batch, d]; the last SAE works in the batch itself */
    float *e;     /* [prefixes, batch, d] residual; its last slice is that of the whole dictionary */
    float *e_aux; /* [batch, d] */
    float *slope, *aux_slope, *near_slope;
    int64_t slope_capacity, near_capacity;
    double *row_square; /* [prefixes, batch] */
    sae_codes *near;    /* entries within the window around the thresholds */
    sae_by_latent near_by_latent;
    sae_latent_sums sums; /* of the last step; active is filled for every kind */
    sae_dense_scratch dense;
    float *low;            /* [n] thresholds less half a window */
    float *theta_gradient; /* [n] */
    double *column_scratch, *column_sums, *bias_sums;
    float *bias_gradient;
    int32_t *order;                     /* [n] */
    float *group_sums;                  /* of groups of latents */
    double *group_squares;              /* of the same */
    sae_update_scratch *update_scratch; /* [threads] */
    int32_t *dead;                      /* [n] */
};

/* What a step needs of the grid: the most of each over all SAEs. */
typedef struct sae_train_needs {
    int64_t n, row_k, batch_k, codes_per_row, aux_per_row, prefixes, dense_n;
    bool thresholds, window;
} sae_train_needs;
sae_train_needs sae_train_needs_of(const sae_train_config *configs, size_t count);

/* Encoding of the batch c [batch, d] with the selection of a kind that has k; callers with another change the filter.
 */
sae_encode_job sae_train_encode_job(const sae_trainer *w, const sae_training *t, const float *c);

/* One step of one SAE on x [batch, d] (raw); c [batch, d] may be x itself. */
sae_status sae_train_step_one(sae_trainer *w, sae_training *t, const float *x, float *c, bool want_fvu,
                              sae_step_metrics *m, sae_error *err);

/* ---- steps of threshold kinds (train/thresholds.c) ------------------------------------------------------- */

/* With l0, before the first step of this kind: the level of thresholds (jumprelu) or biases (relu) at which the batch
 * c [batch, d] has that L0. */
sae_status sae_thresholds_start(sae_trainer *w, sae_training *t, const float *c, int64_t step, sae_error *err);
/* Codes (or the dense products), residual, slopes and sums of one batch; m->step is set, m gets mse, l0, lambda, loss,
 * codes. With l0, jumprelu's controller has seen the batch afterwards. */
sae_status sae_thresholds_forward(sae_trainer *w, sae_training *t, const float *c, sae_step_metrics *m, sae_error *err);
/* λ in force at a step. */
double sae_thresholds_lambda(const sae_training *t, int64_t step, int64_t steps);
/* g [n] = ∂L/∂θ of the last forward. */
void sae_thresholds_gradient(const sae_trainer *w, const sae_training *t, double lambda, float *g);
/* θ by Adam, then its level, then θ ≥ ε/2. */
void sae_thresholds_update(sae_training *t, const sae_adam *adam, const float *g);

/* ---- for whole runs ------------------------------------------------------------------------------------------ */

/* Smallest value of any codes; 0 when there is none. */
float sae_smallest_value(const sae_codes *codes);
/* Smallest activation kept when BatchTopK encodes the batch x [batch, d] (raw, destroyed); 0 when none is positive. */
sae_status sae_trainer_smallest_kept(sae_trainer *w, sae_training *t, float *x, float *smallest, sae_error *err);

/* Peak bytes of a trainer for this grid: parameters with moments, and workspace. */
void sae_trainer_bytes(const sae_train_config *configs, size_t count, sae_screen_kind screen, int64_t d, int64_t batch,
                       int threads, double *state, double *workspace);

#endif
