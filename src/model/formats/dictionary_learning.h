/* What reading and writing dictionary_learning's files share. */
#ifndef SAE_MODEL_FORMATS_DICTIONARY_LEARNING_H
#define SAE_MODEL_FORMATS_DICTIONARY_LEARNING_H

#include "model/formats/format.h"

#define SAE_DICTIONARY_LEARNING_CONFIG  "config.json"
#define SAE_DICTIONARY_LEARNING_WEIGHTS "ae.pt"

/* Writes config.json and ae.pt that dictionary_learning's load_dictionary reads: TopK as AutoEncoderTopK, BatchTopK
 * with one θ and a known k as BatchTopKSAE, ReLU as AutoEncoder or AutoEncoderNew (by whether inputs are centred),
 * other thresholds as JumpReluAutoEncoder. */
sae_status sae_dictionary_learning_write(const sae_model *model, const char *dir, sae_error *err);

#endif
