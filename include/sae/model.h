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

/* Reads a SAELens directory (cfg.json + sae_weights.safetensors; architectures standard, topk, jumprelu; any float
 * dtype; the flat cfg.json from before version 6 too). layer_norm becomes SAE_INPUT_TOKEN; decoder norms by which a
 * topk file rescales (rescale_acts_by_decoder_norm) are folded into the weights, with the same codes and
 * reconstructions. Decoder rows keep the norms they have in the file. Refused with the reason: missing k or k > n,
 * shapes that disagree with cfg.json, NaN and Inf, negative thresholds, normalisation that the file does not
 * contain (expected_average_only_in, constant_norm_rescale, covariance_whitening), other architectures. */
SAE_API sae_status sae_model_load(sae_model **out, const char *dir, sae_error *err);
/* Makes a model from weights (copied). info gives d, n, rule, k, input_norm, subtract_b_dec, arch and metadata;
 * has_theta, theta and acts.d are derived. The same checks as for files. */
SAE_API sae_status sae_model_create(sae_model **out, const sae_model_info *info, const sae_weights *weights,
                                    sae_error *err);
SAE_API void sae_model_free(sae_model *model);
/* Writes cfg.json and sae_weights.safetensors (float32) into `dir` (made if missing), each atomically, cfg.json last.
 * SAE_RULE_TOPK is saved as topk, thresholds as jumprelu (a RELU SAE as standard). A function of the model alone: no
 * times, no paths. */
SAE_API sae_status sae_model_save(const sae_model *model, const char *dir, sae_error *err);
SAE_API const sae_model_info *sae_model_get_info(const sae_model *model);
SAE_API sae_weights sae_model_get_weights(const sae_model *model);
/* Where it was read from, or "". */
SAE_API const char *sae_model_path(const sae_model *model);

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
