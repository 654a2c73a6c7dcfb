/* Meta-SAEs: the decoder rows of an SAE taken apart by a small BatchTopK SAE (docs/mathematics.md, "Meta-SAEs"). */
#ifndef SAE_META_H
#define SAE_META_H

#include <sae/data.h>
#include <sae/env.h>
#include <sae/model.h>
#include <sae/options.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct sae_meta_config {
    int64_t width;            /* meta-latents; there is no default */
    int64_t k;                /* meta-latents of a row, on average; 4 */
    int64_t epochs;           /* shuffled passes over the rows; 0: as many as make up 4,000 steps */
    int64_t batch;            /* rows of a step, at most all of them; 0: an eighth of the rows, from 64 to 1024 */
    double lr;                /* 0: 1e-2·√(1024/width), at most 1e-2 */
    double warmup, decay;     /* shares of the steps over which the learning rate rises and falls: 0.05, 0.2 */
    int64_t k_aux;            /* dead meta-latents per row that the auxiliary loss trains, 512 */
    double aux_alpha;         /* its weight, 1/32 */
    int64_t seed;             /* of the initial weights, the order of the rows and the random dictionaries */
    int64_t max_tokens;       /* of the activations that say which latents fire; 0: all */
    int64_t checkpoint_every; /* steps; 0: only when stopped */
    bool resume, force;       /* go on with the run that is there; replace it */
} sae_meta_config;
SAE_API sae_meta_config sae_meta_config_default(void);
SAE_API const sae_option *sae_meta_option_table(size_t *count);

/* How well a dictionary explains the rows. With w a row, e its error, w̄ the mean row, sums over all rows: */
typedef struct sae_meta_fit {
    double l0;                           /* mean number of atoms per row */
    double explained_variance;           /* 1 − Σ‖e‖²/Σ‖w − w̄‖² */
    double explained_variance_uncentred; /* 1 − Σ‖e‖²/Σ‖w‖² */
} sae_meta_fit;

/* A latent and a meta-latent that belong together. */
typedef struct sae_meta_part {
    int32_t id;       /* the meta-latent, or the latent */
    float activation; /* of the meta-latent on the latent's row */
    double cosine;    /* of their decoder rows */
} sae_meta_part;

/* Rows are the decoder rows that were taken apart, each divided by its norm. Arrays are owned by the object. */
typedef struct sae_meta {
    int64_t d, n;                 /* dimensions and latents of the SAE that was taken apart */
    int64_t width, k;             /* meta-latents, and how many of them a row has on average */
    int64_t tokens;               /* of the activations; 0: none were given */
    int64_t never_fired;          /* latents left out because they did not fire on these */
    int64_t zero_rows;            /* latents left out because their decoder row is 0 */
    int64_t rows;                 /* latents taken apart, n − never_fired − zero_rows */
    int32_t *ids;                 /* [rows] their ids, ascending */
    int64_t steps, batch, epochs; /* of the training */
    double theta;                 /* threshold of all meta-latents */

    sae_meta_fit batchtopk; /* the rows·k largest pre-activations of all rows together */
    sae_meta_fit threshold; /* those above theta: the form in which the meta-SAE is saved */
    /* Baselines, all with the mean row as bias. */
    sae_meta_fit pca;         /* of rank k */
    sae_meta_fit random_rows; /* `width` rows drawn at random, orthogonal matching pursuit with k of them; none for
                                 itself */
    sae_meta_fit random_directions; /* the same with `width` Gaussian directions */

    /* In the form with theta. */
    int64_t parts;            /* pairs of a row and a meta-latent that is active on it */
    int64_t *row_offsets;     /* [rows + 1] the parts of row r are row_parts[row_offsets[r] … row_offsets[r + 1]) */
    sae_meta_part *row_parts; /* [parts] of each row: id = meta-latent, by descending activation */
    double *explained;        /* [rows] 1 − ‖e‖²/‖w − w̄‖² of each row; NaN for a row that is the mean */
    int64_t *meta_offsets;    /* [width + 1] the same pairs by meta-latent */
    sae_meta_part *meta_parts; /* [parts] of each meta-latent: id = latent, by descending activation */
    int64_t unused;            /* meta-latents that no row has */
    int64_t alone;             /* rows without a meta-latent */

    /* Meta-latents beside the latents of a smaller SAE; n_against 0 and NULL without one. */
    int64_t n_against;      /* its latents */
    double *max_cos;        /* [width] maximum decoder cosine of each meta-latent with them */
    int32_t *nearest;       /* [width] with which */
    double *random_max_cos; /* [width] the same maximum of Gaussian directions: chance */
} sae_meta;

/* Trains a BatchTopK SAE on the normalised decoder rows of `model`, saves it in `dir` as sae_train does (cfg.json,
 * sae_weights.safetensors, metrics.jsonl, run.json) and measures it. acts (NULL: none): latents that never fire on
 * these activations are left out, and the log says how many. against (NULL: none): the SAE whose latents the
 * meta-latents are compared with. dir/meta.json, the mark of a complete result, is removed when the training begins. A
 * function of the SAEs, the activations and the config only.
 *
 * SAE_E_ARG for k > width, width < 1 or more meta-latents than rows; SAE_E_SHAPE when `against` or the activations have
 * another d; SAE_E_VALUE when fewer than two rows are left or all point the same way; SAE_E_EXISTS when `dir` holds a
 * run and neither resume nor force is set. When env->stop is set: SAE_E_INTERRUPTED, with resume it goes on. Free with
 * sae_meta_free. */
SAE_API sae_status sae_meta_run(const sae_model *model, sae_source *acts, const sae_model *against,
                                const sae_meta_config *config, const char *dir, sae_meta **out, const sae_env *env,
                                sae_error *err);
SAE_API void sae_meta_free(sae_meta *meta);

/* CSV files, written whole or not at all; unknown values are empty fields.
 * One line per latent and meta-latent of it: latent, explained (of the latent's row), meta_latent, activation, cosine;
 * a latent without meta-latents has one line with the last three empty. */
SAE_API sae_status sae_meta_write_decomposition(const sae_meta *meta, const char *path, sae_error *err);
/* One line per meta-latent: meta_latent, latents (how many), mean_activation, max_activation, max_cos, nearest,
 * latent_ids (separated by spaces, by descending activation). */
SAE_API sae_status sae_meta_write_meta_latents(const sae_meta *meta, const char *path, sae_error *err);
/* One line per meta-latent: meta_latent, max_cos, nearest, random_max_cos (of the Gaussian direction of that number).
 */
SAE_API sae_status sae_meta_write_against(const sae_meta *meta, const char *path, sae_error *err);
/* One line per dictionary: dictionary, l0, explained_variance, explained_variance_uncentred. */
SAE_API sae_status sae_meta_write_baselines(const sae_meta *meta, const char *path, sae_error *err);

#ifdef __cplusplus
}
#endif
#endif
