/* Comparing two SAEs of the same activations: a small A and a large B (docs/mathematics.md, "Comparing two SAEs").
 * Which is called small is the caller's choice; the numbers are for any two SAEs. */
#ifndef SAE_COMPARE_H
#define SAE_COMPARE_H

#include <sae/data.h>
#include <sae/env.h>
#include <sae/model.h>
#include <sae/options.h>

#ifdef __cplusplus
extern "C" {
#endif

#define SAE_COS_BINS 100 /* equal bins of 0.02 from −1 to 1; the last one includes 1 */

typedef struct sae_compare_config {
    double threshold;   /* a latent of the large SAE is novel when its maximum cosine is below this; 0.7 */
    int64_t min_active; /* tokens that a latent must be active on (and inactive on) to enter means and pairs; 10 */
    int64_t max_tokens; /* at most this many usable rows; 0: all */
    int64_t latent;     /* a latent of the large SAE whose table is wanted; −1: none */
    int64_t draws;      /* of the bootstrap; 2000 */
    int64_t seed;       /* of the random baselines and the bootstrap */
} sae_compare_config;
SAE_API sae_compare_config sae_compare_config_default(void);
SAE_API const sae_option *sae_compare_option_table(size_t *count);

/* The mean of ‖x − x̂‖² over tokens where a latent is inactive and where it is active (sums over d, raw space; NaN
 * where there are no such tokens), and active − inactive. */
typedef struct sae_split {
    double inactive, active, difference;
} sae_split;

typedef struct sae_interval {
    double low, high;
} sae_interval;

/* Unweighted means over novel latents with at least min_active active and as many inactive tokens, and 95 %
 * percentile bootstrap intervals over these latents. All NaN when there are none. */
typedef struct sae_novel_mean {
    int64_t n;           /* latents in the means */
    int64_t left_out;    /* novel latents that are not: novel = n + left_out */
    int64_t never_fired; /* of those left out: never active on these tokens */
    sae_split large, small;
    sae_interval large_inactive, large_active, large_difference;
    sae_interval small_inactive, small_active, small_difference;
    double excess; /* small.difference − large.difference: how much more the small SAE loses where they fire */
    sae_interval excess_interval;
} sae_novel_mean;

/* n_A and n_B are n_small and n_large. Every array is owned by the comparison. */
typedef struct sae_comparison {
    int64_t d, n_small, n_large;
    int64_t tokens;
    double threshold;
    int64_t min_active;

    /* Decoder cosines. Rows of zeros have cosine 0 with everything; ties go to the smaller id. */
    double *large_in_small; /* [n_B] max over j in A of cos(w_i, w_j) */
    int32_t *argmax;        /* [n_B] that j */
    double *small_in_large; /* [n_A] max over i in B */
    int32_t *argmax_small;  /* [n_A] that i */
    int64_t novel;          /* latents of B with large_in_small < threshold */
    int64_t small_below;    /* latents of A with small_in_large < threshold */
    int64_t hist_large_in_small[SAE_COS_BINS], hist_small_in_large[SAE_COS_BINS];
    /* The maxima of B's latents over random dictionaries of n_A rows: isotropic; and Gaussian with mean 0 and
     * the covariance of A's normalised decoder rows. */
    int64_t hist_random[SAE_COS_BINS], hist_random_cov[SAE_COS_BINS];

    /* One-to-one: min(n_A, n_B) pairs, no latent in two of them, with the largest sum of cosines that such pairs can
     * have. */
    int32_t *partner;         /* [n_B] the latent of A that i is paired with, −1: none is left for it */
    int32_t *partner_small;   /* [n_A] the other way round */
    double *partner_cos;      /* [n_B] cos(w_i, w_partner), NaN without a partner */
    int64_t one_to_one;       /* pairs: min(n_A, n_B) */
    int64_t one_to_one_above; /* of these with a cosine ≥ threshold */
    double one_to_one_mean;   /* mean cosine of the pairs */

    /* Activations of the pairs (i, argmax[i]) over all tokens; NaN unless both latents are active on at least
     * min_active tokens. */
    double *act_cos;         /* [n_B] Σ f g / √(Σ f² Σ g²) */
    double *pearson;         /* [n_B] correlation of f and g */
    double *partner_act_cos; /* [n_B] the same of the pairs (i, partner[i]) */
    double *partner_pearson; /* [n_B] */
    double r2;        /* squared correlation of large_in_small and act_cos over pairs with decoder cosine > 0.5 … */
    int64_t r2_pairs; /* … of which there are so many; r2 is NaN under 3 pairs */

    /* Where each latent of B is active and where not. */
    int64_t *n_active;           /* [n_B] */
    int64_t *n_active_small;     /* [n_A] */
    sae_split *large;            /* [n_B] error of B */
    sae_split *small;            /* [n_B] error of A */
    double mse_small, mse_large; /* over all tokens */
    double l0_small, l0_large;   /* mean number of active latents */

    int64_t latent; /* the one asked for, or −1 */
    sae_novel_mean novel_mean;
} sae_comparison;

/* Both SAEs in inference form over the usable rows of `source`, in one pass. The cosines need no n_A × n_B memory.
 * A function of the SAEs, the rows and the config only. SAE_E_SHAPE when d differs, SAE_E_ARG when one SAE
 * standardises each token and the other does not, or when config->latent is not a latent of the large SAE.
 * Activations of another origin than an SAE's are a warning in the log. Free with sae_comparison_free. */
SAE_API sae_status sae_compare(const sae_model *small, const sae_model *large, sae_source *source,
                               const sae_compare_config *config, sae_comparison **out, const sae_env *env,
                               sae_error *err);
SAE_API void sae_comparison_free(sae_comparison *comparison);

/* CSV files for figures, written whole or not at all; unknown values are empty fields.
 * Histogram: lower, upper, large_in_small, small_in_large, random, random_cov. */
SAE_API sae_status sae_comparison_write_histogram(const sae_comparison *comparison, const char *path, sae_error *err);
/* One line per latent of the large SAE: latent, nearest, cos, novel, n_active, nearest_n_active, act_cos, pearson,
 * partner, partner_cos, partner_act_cos, partner_pearson, and errors (sums over d): large_inactive, large_active,
 * large_difference, small_inactive, small_active, small_difference. */
SAE_API sae_status sae_comparison_write_pairs(const sae_comparison *comparison, const char *path, sae_error *err);
/* Bars of the mean over novel latents: sae (large or small), tokens (inactive, active or difference), mse, low, high
 * (95 % interval), and the three per dimension; the last line is excess. */
SAE_API sae_status sae_comparison_write_novel(const sae_comparison *comparison, const char *path, sae_error *err);
/* The table of comparison->latent: sae, inactive, active, difference, and the three per dimension. SAE_E_ARG when none
 * was asked for. */
SAE_API sae_status sae_comparison_write_latent(const sae_comparison *comparison, const char *path, sae_error *err);

/* Pictures, written whole or not at all; each needs no other file, follows the reader's light or dark setting, has a
 * text alternative and states its finding. Histograms of maximum cosines, and of those with random dictionaries: */
SAE_API sae_status sae_comparison_draw_histogram(const sae_comparison *comparison, const char *path, sae_error *err);
/* Activation cosine over decoder cosine of each pair (counted in hexagons where there are many): */
SAE_API sae_status sae_comparison_draw_pairs(const sae_comparison *comparison, const char *path, sae_error *err);
/* The errors of novel_mean with their intervals: */
SAE_API sae_status sae_comparison_draw_novel(const sae_comparison *comparison, const char *path, sae_error *err);

/* The histograms of maximum cosines in both directions side by side as UTF-8 text with bars, `columns` wide (at least
 * 60), one line per 0.04; lines below the smallest cosine are left out. Free *text with free(). */
SAE_API sae_status sae_comparison_draw(const sae_comparison *comparison, int columns, char **text, sae_error *err);

#ifdef __cplusplus
}
#endif
#endif
