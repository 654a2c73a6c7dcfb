/* A block of rows, encoded and decoded by several SAEs. */
#ifndef SAE_ANALYSIS_ENCODED_H
#define SAE_ANALYSIS_ENCODED_H

#include <sae/data.h>
#include <sae/model.h>

#include "model/coder.h"

/* Sums over the dimensions of one row, in double. */
typedef struct sae_row_sums {
    double xx, xh, hh; /* ‖x‖², x·x̂, ‖x̂‖² */
    double ee;         /* ‖x − x̂‖² */
} sae_row_sums;

sae_row_sums sae_row_sums_of(const float *x, const float *x_hat, int64_t d);

/* What one SAE made of a block. */
typedef struct sae_encoded_view {
    const sae_codes *codes;
    const sae_row_sums *sums; /* [rows] */
} sae_encoded_view;

/* With one SAE: what encodes, and where it goes. */
typedef struct sae_reader {
    const sae_model *model;
    sae_coder *coder;
    sae_codes *codes;
    sae_row_sums *sums; /* [capacity] */
} sae_reader;

typedef struct sae_encoded {
    size_t n_models;
    int64_t d, capacity;     /* rows that fit */
    float *x, *x_hat;        /* [capacity, d]; x is filled by the caller */
    sae_reader *readers;     /* [n_models] */
    sae_encoded_view *views; /* [n_models] of the rows encoded last */
} sae_encoded;

/* SAE_E_SHAPE when the SAE is of another d than the rows. */
sae_status sae_encoded_check(const sae_model *model, const sae_source *source, sae_error *err);
/* A warning in the log when the rows are of another origin than the SAE's (sae_model_mismatch). */
void sae_encoded_warn(const sae_model *model, const sae_source *source, const sae_env *env);

/* For SAEs of the rows' d (else SAE_E_SHAPE). Rows of another origin than an SAE's are a warning in the log. *e may be
 * cleared whatever the result. */
sae_status sae_encoded_new(sae_encoded *e, const sae_model *const *models, size_t n_models, const sae_source *source,
                           const sae_env *env, sae_error *err);
void sae_encoded_clear(sae_encoded *e);

/* The first `rows` rows of x; `first` is the number of the first one, for messages. */
sae_status sae_encoded_make(sae_encoded *e, int64_t first, int64_t rows, const sae_env *env, sae_error *err);

#endif
