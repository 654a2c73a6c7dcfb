/* Training: one stream of activations, any number of SAEs, checkpoints, the same bits after a resume. */
#ifndef SAE_TRAIN_H
#define SAE_TRAIN_H

#include <sae/data.h>
#include <sae/env.h>
#include <sae/model.h>
#include <sae/options.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef enum sae_input_scale { SAE_SCALE_NONE, SAE_SCALE_NORM, SAE_SCALE_RMS, SAE_SCALE_TOKEN } sae_input_scale;
typedef enum sae_aux_norm { SAE_AUX_NONE, SAE_AUX_VARIANCE } sae_aux_norm;
typedef enum sae_theta_rule { SAE_THETA_CALIBRATED, SAE_THETA_RUNNING, SAE_THETA_L0 } sae_theta_rule;
typedef enum sae_b_dec_init { SAE_B_DEC_MEAN, SAE_B_DEC_MEDIAN, SAE_B_DEC_ZERO } sae_b_dec_init;

/* Everything about a run, as it is asked for: one field per option. The lists (comma-separated) make a grid; every
 * SAE of the grid sees the same batches, and equals the SAE trained alone with the same options, bit for bit. */
typedef struct sae_train_options {
    /* lists */
    const char *arch;  /* names of sae_arch */
    const char *width; /* latents, n */
    const char *k;     /* topk, batchtopk, matryoshka; NULL: l0, or 32 when no sparsity is given at all */
    const char *l0;    /* mean active latents asked for: k of those three, a target for relu and jumprelu; NULL: none */
    const char *lambda; /* relu, jumprelu: the weight of the sparsity term, instead of l0; NULL: none */
    const char *lr;
    const char *seed;
    /* per SAE */
    double warmup, decay; /* share of the steps */
    double clip;          /* 0: off */
    double beta1, beta2;
    int input_scale; /* sae_input_scale */
    int64_t k_aux;
    double aux_alpha;
    int aux_norm;         /* sae_aux_norm */
    int64_t dead_tokens;  /* 0: min(10,000,000, 10 % of the run) */
    int theta;            /* sae_theta_rule */
    double lambda_warmup; /* share of the steps over which a given lambda rises */
    double warm_start;    /* jumprelu with l0: share of the steps trained as topk before */
    double bandwidth;     /* jumprelu: ε over √E‖x‖² of the scaled input; 0: 0.001, with l0 0.02 */
    double theta_init;    /* jumprelu with lambda: first θ in the same unit */
    const char *prefixes; /* matryoshka: list of widths or shares of the width */
    int b_dec_init;       /* sae_b_dec_init */
    const char *init;     /* directory of an SAE to start from, or NULL */
    /* the run */
    int64_t tokens; /* 0: one pass over the training rows */
    int64_t batch;
    bool shuffle;
    int64_t shuffle_seed; /* order of the rows; not that of the SAEs, which share it */
    double held_out;
    int64_t checkpoint_every, log_every; /* steps; 0: only at the end */
    bool resume, force;
} sae_train_options;

SAE_API sae_train_options sae_train_options_default(void);
/* The option table of sae_train_options. */
SAE_API const sae_option *sae_train_option_table(size_t *count);
/* The parts of the options that say how the source is to be opened. */
SAE_API void sae_train_source_config(const sae_train_options *options, sae_source_config *config);

#define SAE_MAX_PREFIXES 32

/* One SAE's options, taken from the grid. */
typedef struct sae_train_config {
    sae_arch arch;
    int64_t width;
    int64_t k;     /* topk, batchtopk, matryoshka; else 0 */
    double l0;     /* relu, jumprelu: the L0 asked for; 0: lambda is given */
    double lambda; /* relu, jumprelu without l0 */
    double lr;     /* NaN: auto; settled when the length of the run is known */
    uint64_t seed;
    int n_prefixes;                        /* matryoshka; else 0 */
    int32_t prefix_ends[SAE_MAX_PREFIXES]; /* ascending; the last is width */
    sae_train_options shared;              /* everything that is not a list */
    char name[96]; /* "batchtopk-512-k8" ("-l0X" or "-lambdaX" of relu and jumprelu), with -lrX and -sN
                      when those are lists; "" for a single SAE */
} sae_train_config;

/* The grid of an option set, in the order arch, width, sparsity, lr, seed (last fastest). The sparsity of an SAE is k,
 * l0 or lambda, as its kind has it. SAE_E_ARG for an empty or repeated entry, k or l0 > width, a number out of bounds,
 * a kind without its sparsity, or prefixes that do not ascend to the width. *configs is freed with free(). */
SAE_API sae_status sae_train_grid(const sae_train_options *options, sae_train_config **configs, size_t *count,
                                  sae_error *err);

/* ---- recipes --------------------------------------------------------------------------------------- */

/* Options from a JSON file:
 *     {"source": "…", "options": {NAME: VALUE, …}, "source_values": {NAME: VALUE, …}, "cites": {NAME: "…", …},
 *      "differs": [{"name": "…", "value": …, "why": "…"}, …]}
 * "options" are set in the groups; names as on the command line without the dashes; values as text as given there, or
 * as numbers, true and false; lists also as arrays. The other entries tell people what the source says, where, and
 * which of it the options do not express; only their form is checked. "source" and "options" are required. Options of
 * type FILES and one called "recipe" are refused. SAE_E_FORMAT names the file and the key; some options may then be
 * set. Texts that configs point to live until sae_recipe_free. */
typedef struct sae_recipe sae_recipe;
SAE_API sae_status sae_recipe_load(sae_recipe **out, const char *path, const sae_option_group *groups, size_t n_groups,
                                   sae_error *err);
SAE_API void sae_recipe_free(sae_recipe *recipe);

/* ---- whole runs ----------------------------------------------------------------------------------- */

/* The three inference thresholds of a BatchTopK or Matryoshka SAE and the mean L0 each gives on held-out rows (NaN
 * where there is none: no held-out rows, or TopK). */
typedef struct sae_thetas {
    double calibrated, running, l0;
    double l0_calibrated, l0_running, l0_l0;
} sae_thetas;

typedef struct sae_train_sae {
    char path[1024]; /* directory of the saved SAE */
    sae_train_config config;
    sae_thetas thetas;
    double theta;  /* the one saved; NaN where there is none, or one per latent */
    double lambda; /* weight of the sparsity term in the last step; NaN where there is none */
} sae_train_sae;

typedef struct sae_train_result {
    int64_t tokens, steps;
    double seconds;
    double reading;       /* of these, seconds spent waiting for rows: reading them, or running the language model */
    int64_t resumed_from; /* step, or −1 */
    size_t n_saes;
    sae_train_sae *saes;
} sae_train_result;

/* Trains all SAEs of the grid on the source's training stream and saves them: `out` itself for one SAE, out/NAME
 * for each of a grid; metrics.jsonl and checkpoint/ beside each. What will be done (steps, memory, effective
 * settings) goes to the log first. SAE_E_EXISTS when `out` holds a run and neither resume nor force is set. With
 * resume, a run that is finished gives its result again (resumed_from = steps). When env->stop is set: a checkpoint is
 * written and SAE_E_INTERRUPTED says how to go on. A loss that is not finite gives SAE_E_VALUE with the step; the last
 * checkpoint stays. */
SAE_API sae_status sae_train(const sae_train_options *options, sae_source *source, const char *out,
                             sae_train_result **result, const sae_env *env, sae_error *err);
SAE_API void sae_train_result_free(sae_train_result *result);

/* ---- step by step (tests, benchmarks, other programs' loops) ---------------------------------------- */

typedef struct sae_trainer sae_trainer;

/* Parameters of one SAE in training (scaled space), borrowed from the trainer. theta: jumprelu, else NULL. */
typedef struct sae_train_view {
    int64_t d, n;
    float *W_enc, *b_enc, *W_dec, *b_dec, *theta;           /* [n, d], [n], [n, d], [d], [n] */
    float *m_W_enc, *m_b_enc, *m_W_dec, *m_b_dec, *m_theta; /* Adam's first moments */
    float *v_W_enc, *v_b_enc, *v_W_dec, *v_b_dec, *v_theta; /* second moments */
    int64_t *tokens_since_fired;                            /* [n] */
} sae_train_view;

/* What one step of one SAE did. */
typedef struct sae_step_metrics {
    int64_t step; /* 1, 2, … */
    double loss, mse, aux;
    double l0;
    double fvu;    /* of this batch; NaN unless asked for with want_fvu */
    int64_t dead;  /* by the counters, after this batch */
    double theta;  /* running estimate (batchtopk, matryoshka), mean (jumprelu); NaN where there is none */
    double lambda; /* weight of the sparsity term; NaN where there is none */
    double lr;
    bool dense; /* the step ran on dense products */
    int64_t codes, aux_codes, rescored, repeats;
    double encode_seconds, select_seconds, decode_seconds, update_seconds, aux_seconds, total_seconds;
} sae_step_metrics;

/* For rows of width d, `steps` steps of `batch` rows. Nothing is allocated after this call. W_enc, W_dec are drawn;
 * b_dec is 0 until set through the view (sae_train does it from data). */
SAE_API sae_status sae_trainer_create(sae_trainer **out, const sae_train_config *configs, size_t count, int64_t d,
                                      int64_t batch, int64_t steps, const sae_env *env, sae_error *err);
SAE_API void sae_trainer_free(sae_trainer *trainer);
/* √E‖x‖² of the scaled input, the unit of bandwidth and theta_init (√d until set). Thresholds start anew. */
SAE_API void sae_trainer_set_input_rms(sae_trainer *trainer, double rms);
/* After parameters were changed through a view. */
SAE_API void sae_trainer_refresh(sae_trainer *trainer);
SAE_API sae_train_view sae_trainer_get_view(sae_trainer *trainer, size_t i);
/* One step of all SAEs on x [batch, d] in raw space (destroyed). metrics [count]. */
SAE_API sae_status sae_trainer_step(sae_trainer *trainer, float *x, bool want_fvu, sae_step_metrics *metrics,
                                    sae_error *err);
/* The SAE as it is now, in inference form and raw space; theta: for batchtopk and matryoshka. */
SAE_API sae_status sae_trainer_model(const sae_trainer *trainer, size_t i, double theta, const sae_acts_meta *meta,
                                     sae_model **out, sae_error *err);

#ifdef __cplusplus
}
#endif
#endif
