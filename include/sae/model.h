/* A sparse autoencoder as a thing to use: load, save, encode, decode. Inference form throughout. */
#ifndef SAE_MODEL_H
#define SAE_MODEL_H

#include <sae/env.h>
#include <sae/io.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct sae_model sae_model;

/* How latents are chosen at inference. A BatchTopK or Matryoshka SAE is saved and read as THRESHOLD. */
typedef enum sae_rule {
    SAE_RULE_TOPK,     /* the k largest z of the row, then ReLU */
    SAE_RULE_THRESHOLD /* f = z·[z > θ_i]; θ = 0 is ReLU */
} sae_rule;

/* Scaling of the input that cannot be folded into the weights. */
typedef enum sae_input_norm {
    SAE_INPUT_PLAIN,
    SAE_INPUT_TOKEN /* per token: (x − mean)/(std + 1e-5), std unbiased; undone after decode (SAELens layer_norm) */
} sae_input_norm;

/* Training kinds. */
typedef enum sae_arch {
    SAE_ARCH_RELU,
    SAE_ARCH_TOPK,
    SAE_ARCH_BATCHTOPK,
    SAE_ARCH_JUMPRELU,
    SAE_ARCH_MATRYOSHKA, /* Matryoshka BatchTopK */
    SAE_ARCHS
} sae_arch;
SAE_API const char *sae_arch_name(sae_arch arch); /* "relu", "topk", "batchtopk", "jumprelu", "matryoshka" */

typedef struct sae_model_info {
    int64_t d, n;
    sae_rule rule;
    int64_t k;     /* SAE_RULE_TOPK: the rule's k; else the trained average k, or 0 if unknown */
    sae_arch arch; /* how it was trained, as far as the file says */
    sae_input_norm input_norm;
    bool subtract_b_dec; /* z = W_enc(x − b_dec) + b_enc; else z = W_enc x + b_enc */
    bool has_theta;      /* THRESHOLD with the same θ for all latents */
    double theta;
    sae_acts_meta acts;              /* what it was trained on; "" and 0 where unknown */
    bool knows_bos, knows_centering; /* whether acts.prepend_bos / center_residual are known (read, and saved) */
} sae_model_info;

/* Read-only views of the weights, valid while the model lives. Latents are rows. */
typedef struct sae_weights {
    const float *W_enc;     /* [n, d] */
    const float *b_enc;     /* [n] */
    const float *W_dec;     /* [n, d] */
    const float *b_dec;     /* [d] */
    const float *threshold; /* [n], NULL for SAE_RULE_TOPK */
} sae_weights;

/* Whose files. Names are "saelens", "sparsify", "dictionary_learning", "npz", "openai", "batchtopk". */
typedef enum sae_format {
    SAE_FORMAT_SAELENS,             /* cfg.json, sae_weights.safetensors; versions 5 and 6, training checkpoints too */
    SAE_FORMAT_SPARSIFY,            /* cfg.json, sae.safetensors */
    SAE_FORMAT_DICTIONARY_LEARNING, /* config.json, ae.pt */
    SAE_FORMAT_NPZ,                 /* params.npz, as Gemma Scope has it */
    SAE_FORMAT_OPENAI,              /* a .pt file */
    SAE_FORMAT_BATCHTOPK            /* config.json, sae.pt of the BatchTopK and Matryoshka repositories */
} sae_format;
SAE_API const char *sae_format_name(sae_format format);

/* Reads an SAE from the directory or file that any of these tools wrote; which one is seen from the names of files and
 * tensors. The result is the SAE's inference form, with the same reconstructions as its own tool's:
 *   gated      as JumpReLU: W_enc = e^r W, θ = max(0, b_mag − e^r b_gate)
 *   BatchTopK, Matryoshka   as thresholds: the file's estimate of θ
 *   scales of inputs        folded, so that activations come in raw units (b_enc, b_dec and θ divided by s)
 *   decoder norms           folded where the tool selects on z_i·‖w_i‖ or normalises on loading; otherwise rows keep
 *                           the norms they have in the file
 *   per-token standardisation  SAE_INPUT_TOKEN
 * Refused with the reason: missing k or k > n, tensors of other shapes than described (and transposed ones), NaN and
 * Inf, negative thresholds, scales that are declared and not in the file, configurations that leave open what is meant,
 * and other kinds (transcoders, other activation functions). No code of a file is run. */
SAE_API sae_status sae_model_load(sae_model **out, const char *path, sae_error *err);
/* The same, with θ ≥ 0 for all latents of a file that was trained with BatchTopK and holds no estimate of it (those of
 * the BatchTopK repository; dictionary_learning's before threshold_start_step). SAE_E_ARG for files that have their own
 * thresholds, or need none. */
SAE_API sae_status sae_model_load_theta(sae_model **out, const char *path, double theta, sae_error *err);
/* Whether a directory has files of an SAE, by their names alone. */
SAE_API bool sae_model_is_at(const char *dir);
/* Makes a model from weights (copied). info gives d, n, rule, k, input_norm, subtract_b_dec, arch and metadata;
 * has_theta, theta and acts.d are derived. The same checks as for files. */
SAE_API sae_status sae_model_create(sae_model **out, const sae_model_info *info, const sae_weights *weights,
                                    sae_error *err);
SAE_API void sae_model_free(sae_model *model);
/* Writes cfg.json and sae_weights.safetensors (float32) into `dir` (made if missing), each atomically, cfg.json last.
 * SAE_RULE_TOPK is saved as topk, thresholds as jumprelu (a RELU SAE as standard). A function of the model alone: no
 * times, no paths. */
SAE_API sae_status sae_model_save(const sae_model *model, const char *dir, sae_error *err);
/* Writes the SAE as another tool reads it; SAE_FORMAT_SAELENS is sae_model_save. `path` is a directory (made if
 * missing), for SAE_FORMAT_NPZ a directory or a file whose name ends with ".npz". What is there is replaced, but
 * SAE_E_EXISTS for a directory with an SAE in another format. Weights are float32; b_dec is folded into the encoder's
 * bias where the other tool does or does not centre its inputs. SAE_E_UNSUPPORTED, before anything is written, for what
 * the format cannot express: sparsify has only TopK, npz only thresholds, neither these nor dictionary_learning
 * standardise tokens; OPENAI and BATCHTOPK are only read. */
SAE_API sae_status sae_model_save_as(const sae_model *model, sae_format format, const char *path, sae_error *err);
SAE_API const sae_model_info *sae_model_get_info(const sae_model *model);
SAE_API sae_weights sae_model_get_weights(const sae_model *model);
/* Where it was read from, or "". */
SAE_API const char *sae_model_path(const sae_model *model);
/* The file that its weights were in, or "", and whose format that was. */
SAE_API const char *sae_model_weights_file(const sae_model *model);
SAE_API sae_format sae_model_get_format(const sae_model *model);

/* codes = active latents of x [rows, d]; the codes object is reused and grown. TOPK: ties go to the smaller latent.
 * z is a float32 dot product in one fixed order: the same codes whatever the machine, the number of threads and the
 * rows encoded together. Memory is bounded by blocks of rows. SAE_E_VALUE names the first NaN or Inf in x. */
SAE_API sae_status sae_model_encode(const sae_model *model, const float *x, int64_t rows, sae_codes *codes,
                                    const sae_env *env, sae_error *err);
/* x_hat [rows, d] = Σ f_i W_dec,i + b_dec. For input_norm TOKEN the rows x that were encoded are needed
 * (their mean and std are restored); else x may be NULL. SAE_E_SHAPE for a latent ≥ n. */
SAE_API sae_status sae_model_decode(const sae_model *model, const sae_codes *codes, const float *x, float *x_hat,
                                    const sae_env *env, sae_error *err);

/* A sentence that names both sides when the activations are of another model, hook, BOS or centring than
 * the SAE was trained on; 0 characters when nothing is known to differ. Names of models are compared without their
 * organisation and case, gpt2-small as gpt2. A different d is not a warning but an error of the functions that use
 * both. */
SAE_API void sae_model_mismatch(const sae_model *model, const sae_acts_meta *acts, char *out, size_t size);

#ifdef __cplusplus
}
#endif
#endif
