/* Measuring on the user's machine: a training step beside the plain product of its encoder, and the language model's
 * forward pass beside products of its own shapes. Ratios within one run; medians. */
#ifndef SAE_BENCH_H
#define SAE_BENCH_H

#include <sae/data.h>
#include <sae/env.h>
#include <sae/lm.h>
#include <sae/model.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Rows to train on, in memory and borrowed: at least a batch; used in turn. */
typedef struct sae_bench_data {
    const char *name;
    const float *rows; /* [count, d] */
    int64_t count, d;
} sae_bench_data;

typedef struct sae_bench_case {
    sae_arch arch;
    int64_t n, batch, k; /* relu and jumprelu: k is the L0 asked for */
    bool dense;          /* relu and jumprelu: nothing asked for, so that most latents stay active */
    int64_t warm_steps;  /* training steps of a quarter batch before measuring, so that weights are trained ones */
    int64_t repeats;     /* measured steps; medians are given */
    const double *dead;  /* [n_dead] shares of latents held dead while measuring, 0 … 1: one measurement each */
    size_t n_dead;
} sae_bench_case;

typedef struct sae_bench_step {
    double encode, select, decode, aux, update, total; /* seconds, medians */
    double sgemm;        /* seconds of one SGEMM [batch, d]·[d, n], the BLAS library on its own threads */
    double ratio;        /* median of total/sgemm, taken side by side */
    double survivors;    /* entries recomputed per entry kept */
    double update_bytes; /* what the update must move: parameters and moments read and written, the screen's copy
                            written, the batch and its residuals read once each */
    double update_share; /* update_bytes/update over the rate of STREAM's triad, median side by side */
    double memory_limit; /* what peak_bytes may be: 3.2·(W_enc + W_dec) + the screen's copy + 96 MB */
    double tokens_per_s;
    int64_t peak_bytes; /* anonymous memory of the trainer; −1 where the system does not say */
} sae_bench_step;

/* Trains `warm_steps` steps, then measures. out [n_dead]. */
SAE_API sae_status sae_bench_train(const sae_bench_case *config, const sae_bench_data *data, sae_bench_step *out,
                                   const sae_env *env, sae_error *err);

#define SAE_BENCH_BATCHES 5

/* What a BatchTopK step of a small SAE costs however small the batch is. */
typedef struct sae_bench_fixed {
    int64_t d, n, k;
    int64_t batch[SAE_BENCH_BATCHES];  /* 256, 512, … 4096 */
    double seconds[SAE_BENCH_BATCHES]; /* of a step, medians */
    double intercept;                  /* of the line through them, errors taken relative to the seconds */
    double adam;                       /* seconds of Adam alone on as many parameters, by all threads, median */
    double cost;                       /* intercept − adam */
} sae_bench_fixed;

/* `rounds` runs of ten steps of each batch size, in turn. data: at least as many rows as the largest batch. */
SAE_API sae_status sae_bench_fixed_cost(int64_t n, int64_t k, int64_t rounds, const sae_bench_data *data,
                                        sae_bench_fixed *out, const sae_env *env, sae_error *err);

/* Rows [count, d] with a power-law spectrum (standard deviation j^-½ in dimension j) and three dimensions at 30 times
 * that. */
SAE_API void sae_bench_power_law(int64_t count, int64_t d, uint64_t seed, float *rows);

/* Rows [count, d] of a language model's residual stream, first positions left out, scaled to ‖x‖ ≈ √d: hook_resid_pre
 * of one layer when d is the model's width, of several layers side by side when it is a multiple of it. */
SAE_API sae_status sae_bench_activations(const sae_lm *lm, const sae_contexts *contexts, int64_t count, int64_t d,
                                         float *rows, const sae_env *env, sae_error *err);

typedef struct sae_bench_lm {
    int64_t parameters;
    sae_precision precision;
    double tokens_per_s;
    double gflops, sgemm_gflops; /* of the forward pass, and of plain SGEMMs of the same shapes */
    double ratio;                /* gflops / sgemm_gflops, median side by side */
    double times_fp32;           /* tokens_per_s over that in fp32, median side by side */
} sae_bench_lm;

/* The forward pass (no logits) of a randomly initialised GPT-2 of the given shape over [batch, ctx] tokens: out[0] in
 * fp32 and, where processor and build have it, out[1] in bf16; *count says how many. */
SAE_API sae_status sae_bench_gpt2(int64_t layers, int64_t d, int64_t heads, int64_t vocab, int64_t batch, int64_t ctx,
                                  int64_t repeats, sae_bench_lm out[2], size_t *count, const sae_env *env,
                                  sae_error *err);

/* What bf16 changes in a model, over the first `batch` contexts. */
typedef struct sae_bench_precision {
    int64_t tokens; /* first positions, which are outliers, are not counted */
    double error; /* √(Σ‖a − a₃₂‖²/Σ‖a₃₂‖²) of the residual stream after the layer where that is largest */
    int layer;           /* that layer */
    double loss, loss32; /* mean next-token cross-entropy in bf16 and in fp32, nats */
} sae_bench_precision;

/* The model is in fp32 before and after. SAE_E_UNSUPPORTED where processor or build lack bf16. */
SAE_API sae_status sae_bench_compare_precision(sae_lm *lm, const sae_contexts *contexts, int64_t batch,
                                               sae_bench_precision *out, const sae_env *env, sae_error *err);

/* The whole way from text to a BatchTopK SAE of one pass over the tokens. */
typedef struct sae_bench_way_config {
    const sae_lm *lm;
    const sae_tokenizer *tokenizer;
    const sae_text_config *text;
    sae_hook hook;
    int64_t width, k, batch;
    const char *folder; /* activations and SAEs are written into a folder made in it, which is removed again */
} sae_bench_way_config;

typedef struct sae_bench_way {
    int64_t tokens, trained; /* of the contexts; of the training steps (first positions and held-out rows are not) */
    int64_t text_bytes, shards;
    double bytes_per_core_s; /* of text, tokenised by one thread */
    /* through files, seconds: */
    double tokenise, model, write; /* text to contexts; the language model; its activations to disk */
    double waiting, train;         /* training from the shards: waiting for rows, and all the rest */
    double files;                  /* these five together */
    double read;                   /* one pass over the shuffled rows, by itself */
    bool cold;                     /* the shards were not in memory when reading and when training began */
    /* from the running model, seconds: */
    double streamed, streamed_model; /* text to SAE; of these, the language model */
} sae_bench_way;

SAE_API sae_status sae_bench_whole_way(const sae_bench_way_config *config, sae_bench_way *out, const sae_env *env,
                                       sae_error *err);

/* The processor's name, the kernels in use ("avx2"), the BLAS library. */
SAE_API void sae_bench_machine(char *cpu, size_t cpu_size, const char **kernels, const char **blas);

#ifdef __cplusplus
}
#endif
#endif
