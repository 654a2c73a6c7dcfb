/* Stitching: what each latent of a large SAE B is worth to a small one A, and a path that turns A into B by inserting
 * and swapping latents (docs/mathematics.md, "Stitching"). */
#ifndef SAE_STITCH_H
#define SAE_STITCH_H

#include <sae/data.h>
#include <sae/env.h>
#include <sae/lm.h>
#include <sae/model.h>
#include <sae/options.h>

#ifdef __cplusplus
extern "C" {
#endif

/* In which order operations turn A into B. */
typedef enum sae_stitch_order {
    SAE_STITCH_COSINE, /* insertions by density × largest activation, swaps by their largest cosine, then removals */
    SAE_STITCH_DELTA,  /* insertions that improve A by their effect, then all other operations by theirs */
    SAE_STITCH_GREEDY, /* at each state the operation that lowers the MSE most, or raises it least */
    SAE_STITCH_RANDOM, /* the same operations shuffled: the baseline */
    SAE_STITCH_ORDERS
} sae_stitch_order;
SAE_API const char *sae_stitch_order_name(sae_stitch_order order); /* "cosine", "delta", "greedy", "random" */

/* What an operation does. */
typedef enum sae_stitch_phase {
    SAE_STITCH_START,  /* of a path's first entry: nothing was done yet */
    SAE_STITCH_INSERT, /* a latent of B without an edge comes in */
    SAE_STITCH_SWAP,   /* a component: its latents of A go, those of B come */
    SAE_STITCH_REMOVE  /* a latent of A without an edge goes */
} sae_stitch_phase;
SAE_API const char *sae_stitch_phase_name(sae_stitch_phase phase); /* "start", "insert", "swap", "remove" */

typedef struct sae_stitch_config {
    double threshold;   /* two latents have an edge when their decoder cosine is above this; 0.7. 0: best_threshold */
    int order;          /* sae_stitch_order of the path that is asked for: cosine, delta or greedy */
    int64_t every;      /* path entries after every so many operations, 1 */
    int64_t max_tokens; /* at most this many usable rows; 0: all */
    int64_t max_pairs;  /* refuse when more pairs of latents fire together (memory: 24 bytes a pair, 48 while rows are
                           added to it); 100 million */
    int64_t seed;       /* of the random order */
} sae_stitch_config;
SAE_API sae_stitch_config sae_stitch_config_default(void);
SAE_API const sae_option *sae_stitch_option_table(size_t *count);

/* One SAE on the rows: mean of ‖x − x̂‖² (sum over d, raw space), this over the rows' variance, active latents. */
typedef struct sae_stitch_quality {
    double mse, fvu, l0; /* fvu NaN when all rows are equal */
} sae_stitch_quality;

/* Latents whose maximum cosine is below `threshold` are said to improve A: of those that do (ΔMSE < 0), the share that
 * is found; of those that do not, the share that is not taken for one. */
typedef struct sae_stitch_roc {
    double threshold; /* halfway between two cosines; of the last point NaN: all are said to improve */
    double sensitivity, specificity;
} sae_stitch_roc;

/* Latents that change places: a connected component of the graph with its latents of A, or a latent of A alone. Ids are
 * ascending. */
typedef struct sae_stitch_component {
    int64_t n_small, n_large;
    const int32_t *small, *large; /* owned by the stitching */
    double max_cos;               /* largest cosine of an edge; NaN without edges */
    double delta_mse;             /* MSE(A with only this swapped) − MSE(A) */
} sae_stitch_component;

/* A state on the way. */
typedef struct sae_stitch_entry {
    sae_stitch_phase phase; /* of the operation before it */
    int64_t operations;     /* done so far; of these */
    int64_t inserted;       /* latents of B that came in, by insertion or swap */
    int64_t removed;        /* latents of A that went */
    sae_stitch_quality quality;
    double ce; /* sae_stitch_measure_ce; NaN where it was not measured */
} sae_stitch_entry;

typedef struct sae_stitch_path {
    int64_t n_entries;
    sae_stitch_entry *entries; /* first: A. Last: B */
    double highest_mse;        /* over all states, also those between entries */
    int64_t rises;             /* operations that raise the MSE */
} sae_stitch_path;

/* Cross-entropy of next tokens, nats per target. */
typedef struct sae_stitch_ce {
    int64_t tokens;      /* targets counted; 0: nothing was measured */
    int64_t points;      /* states measured of each of the two paths, A and B among them */
    double clean, zero;  /* with the hook's activations as they are, and with zeros in their place */
    double small, large; /* with the reconstructions of A and B, in the form below */
} sae_stitch_ce;

/* n_A and n_B are n_small and n_large. Arrays are owned by the stitching. */
typedef struct sae_stitch {
    int64_t d, n_small, n_large;
    int64_t tokens;
    int64_t pairs;    /* of latents, of A and B together, that fire together on some row */
    double threshold; /* the one used */
    bool threshold_auto;
    double theta_small, theta_large; /* of a TopK SAE: the θ at which its mean L0 on these rows is k; else NaN */

    double *max_cos;              /* [n_B] max over j in A of cos(w_i, w_j) */
    int32_t *nearest;             /* [n_B] that j */
    int64_t *n_active;            /* [n_B] */
    double *delta_mse;            /* [n_B] mean of −2 f (e·w) + f²‖w‖², e = x − x̂_A; NaN: never fired */
    double *delta_mse_se;         /* [n_B] standard error of this mean; NaN: never fired, or one row only */
    int64_t improving, worsening; /* latents with ΔMSE < 0 and ≥ 0 */
    double auc;                   /* P(maximum cosine of one that improves < that of one that worsens), ties half */
    double accuracy;              /* share of latents that fired for which (max_cos < threshold) = (ΔMSE < 0) */
    double best_threshold;        /* the one with the largest sensitivity + specificity, the smallest of equals */
    sae_stitch_roc best;          /* there; all NaN, and auc too, unless some improve and some worsen */
    int64_t n_roc;                /* 0 in that case */
    sae_stitch_roc *roc;          /* thresholds ascending, from (0, 1) to (1, 0) */

    sae_stitch_quality base, large;   /* A and B, in the form below */
    int64_t n_insert;                 /* latents of B without an edge */
    int64_t n_swap, n_remove;         /* components with latents of both, and latents of A without an edge */
    sae_stitch_component *components; /* [n_swap + n_remove] by descending max_cos, then those without edges */
    int order;                        /* sae_stitch_order that was asked for */
    int64_t operations;               /* n_insert + n_swap + n_remove */
    sae_stitch_path paths[SAE_STITCH_ORDERS];
    sae_stitch_ce ce;
    double end_error; /* max|x̂_end − x̂_B| / max|x̂_B| over the first 4,096 rows, x̂_end of the SAE at the path's end */
    struct sae_stitch_inside *inside;
} sae_stitch;

/* Both SAEs are brought into one form: each latent has a threshold, θ of TopK chosen so that mean L0 = k on these rows,
 * and b_dec is folded out of the input, b_enc,i − W_enc,i·b_dec. Then no latent's activation depends on which others
 * are there, and one pass over the rows gives a quadratic form for the MSE of any set of latents; all paths come from
 * it, with sums in double. The output bias of a state is b_A + (removed/n_A)(b_B − b_A). A function of the SAEs, the
 * rows and the config only. SAE_E_SHAPE when d differs, SAE_E_UNSUPPORTED for SAEs that standardise each token,
 * SAE_E_MEMORY when more than config->max_pairs pairs fire together, SAE_E_ARG for an order that is none. Activations
 * of another origin than an SAE's are a warning in the log; so is threshold 0 (automatic) where nothing can be
 * predicted: then 0.7 is used. Free with sae_stitch_free. */
SAE_API sae_status sae_stitch_run(const sae_model *small, const sae_model *large, sae_source *source,
                                  const sae_stitch_config *config, sae_stitch **out, const sae_env *env,
                                  sae_error *err);
SAE_API void sae_stitch_free(sae_stitch *stitch);

/* Measures how well the language model predicts with the reconstructions of `points` states (≥ 2; 0: all) in place
 * of its activations: of the path that was asked for and of the random one, spread evenly over their entries from first
 * to last, all in one pass over the contexts. Fills in ce of these entries and stitch->ce. hook, center_residual and
 * rows (keep_first, exclude) as in sae_evaluate_ce: positions that are left out keep their activations, and what is
 * predicted there is not counted.
 *
 * Each batch of contexts is run up to the hook once and encoded once by A and by B; a state is a choice among these
 * activations. When many points do not fit into memory at a time, that is repeated for each group of them. SAE_E_SHAPE
 * when the hook is of another width than the SAEs, SAE_E_ARG for one point or fewer than 0, and when no prediction
 * could be counted. */
SAE_API sae_status sae_stitch_measure_ce(sae_stitch *stitch, const sae_lm *lm, const sae_contexts *contexts,
                                         sae_hook hook, bool center_residual, const sae_source_config *rows,
                                         int64_t points, const sae_env *env, sae_error *err);

/* The SAE after so many operations of an order: THRESHOLD, not centred (apply_b_dec_to_input false), latents of A
 * first, then those of B, each by id. *entry (NULL ok) receives its state. SAE_E_ARG for operations outside 0 …
 * stitch->operations, SAE_E_VALUE when no latent is left. */
SAE_API sae_status sae_stitch_model(const sae_stitch *stitch, sae_stitch_order order, int64_t operations,
                                    sae_model **out, sae_stitch_entry *entry, sae_error *err);

/* CSV files for figures, written whole or not at all; unknown values are empty fields.
 * One line per latent of B: latent, max_cos, nearest, n_active, delta_mse, delta_mse_se, inserted (1: without an edge).
 */
SAE_API sae_status sae_stitch_write_latents(const sae_stitch *stitch, const char *path, sae_error *err);
/* threshold, sensitivity, specificity. */
SAE_API sae_status sae_stitch_write_roc(const sae_stitch *stitch, const char *path, sae_error *err);
/* One line per component: component, small, large (numbers of latents), max_cos, delta_mse, small_ids, large_ids
 * (separated by spaces). */
SAE_API sae_status sae_stitch_write_components(const sae_stitch *stitch, const char *path, sae_error *err);
/* Entries of all orders: order, operations, phase, inserted, removed, mse, fvu, l0, ce. */
SAE_API sae_status sae_stitch_write_path(const sae_stitch *stitch, const char *path, sae_error *err);

/* Pictures, written whole or not at all; each needs no other file, follows the reader's light or dark setting, has a
 * text alternative and states its finding. ΔMSE of each latent over its maximum cosine: */
SAE_API sae_status sae_stitch_draw_delta(const sae_stitch *stitch, const char *path, sae_error *err);
/* The ROC curve: */
SAE_API sae_status sae_stitch_draw_roc(const sae_stitch *stitch, const char *path, sae_error *err);
/* MSE along the path, in all orders: */
SAE_API sae_status sae_stitch_draw_path(const sae_stitch *stitch, const char *path, sae_error *err);
/* How many components have how many latents: */
SAE_API sae_status sae_stitch_draw_components(const sae_stitch *stitch, const char *path, sae_error *err);
/* Cross-entropy of the states that sae_stitch_measure_ce measured; SAE_E_ARG when it did not: */
SAE_API sae_status sae_stitch_draw_ce(const sae_stitch *stitch, const char *path, sae_error *err);

#ifdef __cplusplus
}
#endif
#endif
