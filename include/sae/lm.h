/* The language model: GPT-2 from a Hugging Face directory, with hook points, and its tokenizer. */
#ifndef SAE_LM_H
#define SAE_LM_H

#include <sae/env.h>
#include <sae/tensor.h>
#include <stdbool.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- tokenizer: byte-level BPE with GPT-2's pattern ------------------------------------------ */

typedef struct sae_tokenizer sae_tokenizer;

#define SAE_MAX_VOCAB (1 << 22) /* token ids lie below this: the tables of a hostile file stay small */

/* From a directory with tokenizer.json or vocab.json + merges.txt, or from a tokenizer.json itself. Ids are those of
 * Hugging Face's tokenizers (without what its post-processor adds). SAE_E_UNSUPPORTED for anything but byte-level BPE
 * with GPT-2's pattern; SAE_E_FORMAT for tables that contradict themselves: an id given twice, a merge of tokens
 * that are not in the vocabulary. A tokenizer is not changed by use: any number of threads may share it. */
SAE_API sae_status sae_tokenizer_open(sae_tokenizer **out, const char *path, sae_error *err);
/* From any model's tokenizer.json (or its directory), only to say what ids are: byte-level BPE with whatever pattern,
 * and SentencePiece's BPE and Unigram, in which U+2581 is a space and <0x0A> a byte. sae_tokenizer_encode refuses it.
 * SAE_E_UNSUPPORTED for WordPiece. */
SAE_API sae_status sae_tokenizer_open_decoder(sae_tokenizer **out, const char *path, sae_error *err);
SAE_API void sae_tokenizer_close(sae_tokenizer *tokenizer);
/* Largest id + 1. */
SAE_API int32_t sae_tokenizer_vocab_size(const sae_tokenizer *tokenizer);
/* Id of <|endoftext|> (also the BOS of GPT-2), or −1. */
SAE_API int32_t sae_tokenizer_eos(const sae_tokenizer *tokenizer);
/* Appends the ids of text[0 … length) to *ids (a malloc'ed array of *capacity entries, *count used, grown
 * with realloc; the caller frees it). Special tokens written in the text are plain text unless
 * parse_special. Bytes that are not UTF-8 become U+FFFD, one per maximal invalid part (as Python's
 * errors="replace"). Any bytes are accepted, NUL included. */
SAE_API sae_status sae_tokenizer_encode(const sae_tokenizer *tokenizer, const char *text, size_t length,
                                        bool parse_special, int32_t **ids, int64_t *count, int64_t *capacity,
                                        sae_error *err);
/* The bytes of one token (not NUL-terminated, maybe half a character), borrowed; NULL for a bad id. */
SAE_API const char *sae_tokenizer_bytes(const sae_tokenizer *tokenizer, int32_t id, size_t *length);
SAE_API bool sae_tokenizer_is_special(const sae_tokenizer *tokenizer, int32_t id);

/* ---- model ------------------------------------------------------------------------------------ */

typedef struct sae_lm sae_lm;

/* What the products of activations and weights take: float32, or bfloat16 with sums in float32. The residual stream,
 * layer norms, attention and softmax are float32 in both. */
typedef enum sae_precision { SAE_PRECISION_FP32, SAE_PRECISION_BF16 } sae_precision;
/* "fp32", "bf16" */
SAE_API const char *sae_precision_name(sae_precision precision);

typedef struct sae_lm_info {
    const char *name; /* last component of the directory */
    int64_t layers, d, heads, d_mlp, positions, vocab;
    int64_t parameters; /* tied embeddings counted once */
    int32_t eos;        /* from config.json; −1 if unknown */
    sae_precision precision;
} sae_lm_info;

/* config.json + model.safetensors, or the shards of model.safetensors.index.json; with or without the
 * "transformer." prefix and lm_head; other tensors (attn.bias, attn.masked_bias) ignored. float32 weights are used
 * in the mapped file, others converted. SAE_E_UNSUPPORTED for another model_type or an option that changes the
 * mathematics, SAE_E_FORMAT for a missing tensor, SAE_E_SHAPE for one that does not fit config.json. */
SAE_API sae_status sae_lm_open(sae_lm **out, const char *dir, const sae_env *env, sae_error *err);
SAE_API void sae_lm_close(sae_lm *lm);
SAE_API sae_lm_info sae_lm_get_info(const sae_lm *lm);
/* Models are opened in fp32; this is called before the model is used. bf16 converts the weights once (2 bytes for each
 * besides the file) and is deterministic as fp32 is. SAE_E_UNSUPPORTED where processor or build lack it. */
SAE_API sae_status sae_lm_set_precision(sae_lm *lm, sae_precision precision, const sae_env *env, sae_error *err);
/* What makes the products in this precision here: "AMX", "AVX-512 BF16", the BLAS library; "none" when nothing does. */
SAE_API const char *sae_precision_unit(sae_precision precision);

/* ---- hook points, by their TransformerLens names ---------------------------------------------- */

typedef enum sae_hook_site {
    SAE_HOOK_RESID_PRE,  /* blocks.L.hook_resid_pre       d */
    SAE_HOOK_RESID_MID,  /* blocks.L.hook_resid_mid       d */
    SAE_HOOK_RESID_POST, /* blocks.L.hook_resid_post      d */
    SAE_HOOK_ATTN_OUT,   /* blocks.L.hook_attn_out        d */
    SAE_HOOK_MLP_OUT,    /* blocks.L.hook_mlp_out         d */
    SAE_HOOK_Z,          /* blocks.L.attn.hook_z          heads flattened: d */
    SAE_HOOK_MLP_POST    /* blocks.L.mlp.hook_post        d_mlp */
} sae_hook_site;

typedef struct sae_hook {
    int layer;
    sae_hook_site site;
} sae_hook;

/* Parses a hook name ("blocks.4.hook_resid_pre") for this model; SAE_E_ARG names what is allowed. */
SAE_API sae_status sae_hook_parse(sae_hook *out, const sae_lm *lm, const char *name, sae_error *err);
/* Site from its short word as in --site: resid_pre, resid_mid, resid_post, attn_out, mlp_out, z, mlp_post. */
SAE_API sae_status sae_hook_site_parse(sae_hook_site *out, const char *word, sae_error *err);
/* Writes the TransformerLens name. */
SAE_API void sae_hook_name(sae_hook hook, char *out, size_t size);
/* Width of the activations at the hook. */
SAE_API int64_t sae_hook_width(const sae_lm *lm, sae_hook hook);
/* True for resid_pre, resid_mid, resid_post: the sites that --center-residual acts on. */
SAE_API bool sae_hook_is_residual(sae_hook hook);

/* One pass over `batch` contexts of `ctx` tokens each (tokens [batch, ctx]; ctx ≤ positions):
 * out[h] [batch·ctx, width(hook h)] for each of n_hooks hooks. Layers after the last hook are not run.
 * center_residual subtracts each row's mean over d from the resid_* hooks.
 * SAE_E_VALUE for a token id outside the vocabulary. Same bits for any number of threads. */
SAE_API sae_status sae_lm_hooks(const sae_lm *lm, const int32_t *tokens, int64_t batch, int64_t ctx,
                                const sae_hook *hooks, size_t n_hooks, bool center_residual, float *const *out,
                                const sae_env *env, sae_error *err);

/* logits [batch·ctx, vocab]: only for tests and short texts; everything else works in chunks. */
SAE_API sae_status sae_lm_logits(const sae_lm *lm, const int32_t *tokens, int64_t batch, int64_t ctx, float *logits,
                                 const sae_env *env, sae_error *err);

/* Replaces activations at a hook: rows [n, width] are overwritten in place (first: index of the first row,
 * counted within this call's batch·ctx rows). Called by the thread that called sae_lm_losses, never by two at once.
 * Rows are centred when the run centres (resid_* hooks); their mean is added again afterwards. */
typedef sae_status (*sae_lm_replace_fn)(void *ud, int64_t first, int64_t n, float *rows, sae_error *err);

/* What a hook's activations become in one run of sae_lm_losses. fn NULL: left as they are (clean). */
typedef struct sae_lm_run {
    sae_lm_replace_fn fn;
    void *ud;
} sae_lm_run;

/* Next-token cross-entropy (nats) of several runs over the same contexts, sharing all layers before the
 * hook. `keep` [batch·ctx] (NULL: none): rows with keep[r] ≠ 0 keep their clean activation in every run
 * and their predicted targets are not counted. Counted: predictions made AT row r for target r + 1 of the same context,
 * for rows with keep[r] = 0. loss_sums[run] += Σ −log p(target); kl_sums[run] += Σ KL(clean ‖ run) when kl_sums is not
 * NULL (run 0 must then be clean); *targets += number counted. Never holds logits of more than one chunk of rows. */
SAE_API sae_status sae_lm_losses(const sae_lm *lm, const int32_t *tokens, int64_t batch, int64_t ctx, sae_hook hook,
                                 bool center_residual, const uint8_t *keep, const sae_lm_run *runs, size_t n_runs,
                                 double *loss_sums, double *kl_sums, int64_t *targets, const sae_env *env,
                                 sae_error *err);

#ifdef __cplusplus
}
#endif
#endif
