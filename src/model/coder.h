/* Encoding block after block with one SAE: keeps workspace and the encoder's hint between blocks. */
#ifndef SAE_MODEL_CODER_H
#define SAE_MODEL_CODER_H

#include <sae/model.h>

typedef struct sae_coder sae_coder;

/* Rows that fit one block without large buffers; a function of the SAE alone. */
int64_t sae_coder_rows(const sae_model *model);

/* A workspace for blocks of up to max_rows rows; the model is borrowed. */
sae_status sae_coder_new(sae_coder **out, const sae_model *model, int64_t max_rows, const sae_env *env, sae_error *err);
void sae_coder_free(sae_coder *coder);

/* codes = active latents of x [rows ≤ max_rows, d]. SAE_E_VALUE for NaN or Inf; rows are numbered from first_row
 * in the message. */
sae_status sae_coder_encode(sae_coder *coder, const float *x, int64_t rows, int64_t first_row, sae_codes *codes,
                            sae_error *err);
/* From the next block on every z > near_i is found beside the codes; near [n] is borrowed and may change between
 * blocks. NULL: no more. */
void sae_coder_set_near(sae_coder *coder, const float *near);
/* What was found in the last block, latents that are active on the row among it, in no fixed order. */
void sae_coder_near(const sae_coder *coder, void (*visit)(void *ud, int32_t row, int32_t latent, float z), void *ud);

#endif
