/* Building dashboards of latents: one pass over a text with any number of SAEs, into a database that sae/store.h
 * reads (docs/dashboards.md). */
#ifndef SAE_DASH_H
#define SAE_DASH_H

#include <sae/data.h>
#include <sae/env.h>
#include <sae/lm.h>
#include <sae/model.h>
#include <sae/options.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct sae_dash_config {
    int64_t max_tokens; /* rows to encode at most; 0: all */
    int64_t seed;       /* of samples */
    int64_t memory;     /* bytes that activations sorted by latent may take at a time */
    int64_t ce_tokens;  /* of text on which the language model's cross-entropy is measured at most; 0: it is not */
    bool force;         /* replace a file that is there */
} sae_dash_config;
SAE_API sae_dash_config sae_dash_config_default(void);
SAE_API const sae_option *sae_dash_option_table(size_t *count);

/* What a database is made from; everything is borrowed. */
typedef struct sae_dash_input {
    const sae_model *const *models; /* [n_models], all of the same d */
    const char *const *paths;       /* [n_models] where they were read from */
    size_t n_models;
    sae_source *source;             /* the rows to encode, opened without shuffling or holding out … */
    const sae_acts *acts;           /* … from these activations, which must have token ids, … */
    const sae_contexts *contexts;   /* … or by running a model over these contexts */
    const sae_source_config *rows;  /* as the source was opened; NULL: the defaults */
    const sae_tokenizer *tokenizer; /* NULL: ids without text */
    const sae_lm *lm;               /* for logit effects and cross-entropy; NULL: neither */
    const char *unembed; /* without lm: a file (safetensors, .npy, …) with W_U [vocab, d] or [d, vocab]; NULL: none … */
    const char *final_norm;         /* … and the gain of the final norm [d]; NULL: 1 */
    bool rms_norm;                  /* the final norm does not centre */
    const char *const *comparisons; /* directories of sae compare, sae stitch and sae meta to take over; each list
                                       NULL-terminated, or NULL */
    const char *const *stitchings, *const *metas;
    const char *model_path; /* lm's directory, for what runs the model later; NULL: "" */
} sae_dash_input;

/* Writes the database `path`, whole or not at all. One pass over the rows encodes them with every SAE; what fires is
 * kept in a temporary file beside `path` (8 bytes for each active latent of each row), then taken up latent by latent.
 * Same bits for any number of threads. Memory: the SAEs, 12 bytes per row, 8 bytes per row and SAE, config->memory, and
 * what one block of latents needs.
 *
 * The cross-entropy is sae_evaluate_ce's, on the first whole contexts; with an lm that does not fit the activations
 * (vocabulary, width of the hook) its errors are this function's.
 *
 * SAE_E_SHAPE when an SAE is of another d than the rows, SAE_E_UNSUPPORTED when the activations have no token ids,
 * SAE_E_EXISTS unless config->force, SAE_E_VALUE for NaN or Inf, SAE_E_IO for a full disk. */
SAE_API sae_status sae_dash_build(const sae_dash_input *input, const sae_dash_config *config, const char *path,
                                  const sae_env *env, sae_error *err);

/* A hash of the weights, the same for the same SAE wherever it lies: sae_store_sae.hash in hexadecimal digits. */
SAE_API uint64_t sae_dash_hash(const sae_model *model);

#ifdef __cplusplus
}
#endif
#endif
