/* Cutting a stream of token ids into contexts of equal length; used by the readers of texts and of id files. */
#ifndef SAE_DATA_CONTEXTS_H
#define SAE_DATA_CONTEXTS_H

#include <sae/data.h>

typedef struct sae_cutter {
    sae_contexts *out;
    int64_t room;  /* contexts that out has room for */
    int64_t limit; /* contexts wanted at most */
    int64_t fill;  /* tokens in the context that is being filled, number out->count */
    bool prepend_bos;
    int32_t bos;
} sae_cutter;

/* Appends ids of document `doc`. What comes after the last context wanted is left. */
sae_status sae_cutter_add(sae_cutter *cutter, const int32_t *ids, int64_t n, int32_t doc, sae_error *err);
bool sae_cutter_full(const sae_cutter *cutter);

/* Documents of text files (contexts_text.c), and ids of an .npy file (contexts_tokens.c), into a cutter. */
sae_status sae_cut_text(sae_cutter *cutter, const sae_text_config *config, const sae_tokenizer *tokenizer, int32_t eos,
                        const sae_env *env, sae_error *err);
sae_status sae_cut_tokens(sae_cutter *cutter, const sae_text_config *config, int32_t eos, sae_error *err);

#endif
