/* Dashboards of latents, read from the SQLite database that sae_dash_build writes (docs/dashboards.md).
 *
 * Nothing of a database is believed before it is checked: sae_store_open refuses files that are damaged, of another
 * program or of a newer version, and every read function checks the sizes and ids of what it returns. A database is
 * never written to. One thread at a time may use a handle; open one for each thread. */
#ifndef SAE_STORE_H
#define SAE_STORE_H

#include <sae/status.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define SAE_STORE_VERSION      1
#define SAE_STORE_DENSITY_BINS 40        /* log10(share of tokens) from −8 to 0, as sae_eval */
#define SAE_STORE_REACH        63        /* tokens on each side of an example's peak whose activations are known */
#define SAE_STORE_MAX_VOCAB    (1 << 22) /* token ids lie below this, as a tokenizer's do */
#define SAE_STORE_SPARK        16        /* bars of a latent's small histogram in a table */

typedef struct sae_store sae_store;

/* SAE_E_IO when there is no such file, SAE_E_FORMAT when it is not a whole database of this kind, SAE_E_UNSUPPORTED
 * when a newer version made it. */
SAE_API sae_status sae_store_open(sae_store **out, const char *path, sae_error *err);
SAE_API void sae_store_close(sae_store *store);

/* What the functions below return through `out` is one block of memory, all that it points to included; it outlives
 * the store and is freed by this. NULL is allowed. */
SAE_API void sae_store_free(const void *result);

/* Text from files: any bytes, NUL and broken UTF-8 included. data is followed by a NUL that size does not count. */
typedef struct sae_store_text {
    const char *data;
    size_t size;
} sae_store_text;

/* ---- the whole database ------------------------------------------------------------------------- */

/* Text that is not known is "". */
typedef struct sae_store_meta {
    int version;
    const char *build;   /* 16 hexadecimal digits, a hash of all that was stored: the same only for the same database */
    const char *program; /* "sae 0.1.0" */
    const char *model;   /* the language model's name */
    const char *model_path; /* its directory as it was given; "" when built from activations */
    const char *hook_name;
    int64_t d;
    int64_t rows;                     /* tokens of the text */
    int64_t tokens;                   /* of these, rows that were encoded (firing counts are out of these) */
    int64_t excluded;                 /* rows − tokens: first positions and excluded ids */
    int64_t contexts, documents, ctx; /* ctx: the longest context */
    int64_t vocab;                    /* tokens in the vocabulary; 0: ids without text */
    bool prepend_bos, center_residual, keep_first;
    int64_t seed;            /* of samples */
    const char *logit_space; /* "centred over d, final norm's gain folded, minus mean over the vocabulary", …; "" when
                                there are no logit effects */
    size_t n_saes, n_results;
} sae_store_meta;
/* Borrowed until close. */
SAE_API const sae_store_meta *sae_store_get_meta(const sae_store *store);

/* One SAE; numbers that were not measured are NaN. */
typedef struct sae_store_sae {
    int64_t index;      /* 0, 1, …: how the functions below name it */
    const char *name;   /* unique in the database, letters, digits, '.', '_' and '-' only */
    const char *path;   /* as it was given */
    const char *hash;   /* 16 hexadecimal digits, of its weights */
    const char *arch;   /* sae_arch_name */
    const char *format; /* sae_format_name */
    const char *rule;   /* "topk" or "threshold": what firing means */
    int64_t d, n, k;    /* k 0: none */
    double theta;       /* NaN unless all latents have the same threshold */
    bool token_norm;    /* each token is standardised first */
    int64_t tokens;     /* rows that the numbers below were measured on */
    double l0, mse, mse_per_dim, fvu, explained_variance, cosine, l2_ratio, rel_bias;
    int64_t dead; /* latents that never fired on these */
    double ce_clean, ce_spliced, ce_zero, ce_mean, ce_recovered, ce_kl;
    int64_t ce_tokens;
    int64_t density_counts[SAE_STORE_DENSITY_BINS]; /* of latents that fired */
} sae_store_sae;
/* The SAE at `index`, or NULL; borrowed until close. */
SAE_API const sae_store_sae *sae_store_get_sae(const sae_store *store, int64_t index);
/* Its index, or −1. */
SAE_API int64_t sae_store_find_sae(const sae_store *store, const char *name);

/* ---- tables of latents ------------------------------------------------------------------------------ */

/* Numbers that latents are sorted and filtered by. */
typedef enum sae_store_column {
    SAE_COLUMN_ID,
    SAE_COLUMN_N_ACTIVE, /* rows on which it fired; density is this over sae_store_meta.tokens */
    SAE_COLUMN_MAX,      /* largest activation */
    SAE_COLUMN_MEAN,     /* over the rows on which it fired, as all that follow */
    SAE_COLUMN_STD,
    SAE_COLUMN_SKEW,     /* m₃/m₂^{3/2} */
    SAE_COLUMN_KURTOSIS, /* m₄/m₂² (3 for a normal distribution) */
    SAE_COLUMN_P50,      /* quantiles: the smallest value that ≥ 50 % of them do not exceed */
    SAE_COLUMN_P90,
    SAE_COLUMN_P99,
    SAE_COLUMN_DEC_NORM,    /* ‖W_dec,i‖ */
    SAE_COLUMN_ENC_DEC_COS, /* cos(W_enc,i, W_dec,i) */
    SAE_COLUMN_THRESHOLD,   /* θ_i; NaN for TopK */
    SAE_COLUMN_MAX_COS,     /* largest decoder cosine with another latent of the same SAE */
    SAE_COLUMN_VS_COS,      /* the same with a latent of the SAE `vs` */
    SAE_COLUMN_VS_PEARSON,  /* largest Pearson correlation of activations with a latent of `vs` */
    SAE_COLUMNS
} sae_store_column;
/* "id", "n_active", "max", … as above in small letters. */
SAE_API const char *sae_store_column_name(sae_store_column column);
/* False when there is no such name. */
SAE_API bool sae_store_column_parse(sae_store_column *out, const char *name);

typedef enum sae_store_dead { SAE_DEAD_TOO, SAE_DEAD_NOT, SAE_DEAD_ONLY } sae_store_dead;

typedef struct sae_store_query {
    int64_t sae;
    int64_t vs; /* an SAE for the VS_ columns, or −1 */
    sae_store_column sort;
    bool descending;                           /* latents without a value come last either way; ties by id */
    double min[SAE_COLUMNS], max[SAE_COLUMNS]; /* NaN: no bound; a latent without a value is within no bound */
    sae_store_dead dead;
    const char *token; /* only latents with this in the text of their top token or of their most boosted token; NULL */
    size_t token_size;
    const int64_t *ids; /* [n_ids] only these latents; NULL: all */
    size_t n_ids;
    int64_t offset, limit; /* limit ≤ 10,000 */
} sae_store_query;
/* All latents of an SAE by id, the first 100 of them. */
SAE_API sae_store_query sae_store_query_default(int64_t sae);

typedef struct sae_store_row {
    int64_t id, n_active;
    double value[SAE_COLUMNS]; /* NaN where there is none */
    int32_t top_token;         /* on which it was most active; −1 if dead */
    int32_t boosted;           /* the output token that it boosts most; −1 if not computed */
    sae_store_text top_text, boosted_text;
    int64_t vs_latent;              /* whose cosine VS_COS is, or −1 */
    bool vs_mutual;                 /* and each is the other's nearest */
    uint8_t spark[SAE_STORE_SPARK]; /* bars of its activations over (0, max], the highest 255; all 0 if dead */
} sae_store_row;

typedef struct sae_store_table {
    int64_t total; /* latents that the filters let through */
    size_t count;  /* rows here */
    const sae_store_row *rows;
} sae_store_table;
/* SAE_E_ARG for an SAE that is not there, a VS_ column without `vs`, or a negative offset or limit. */
SAE_API sae_status sae_store_latents(sae_store *store, const sae_store_query *query, const sae_store_table **out,
                                     sae_error *err);

/* The latents before and after `id` in the order of a query (offset and limit are ignored), −1 at an end. */
typedef struct sae_store_place {
    int64_t total, position; /* position −1: the filters leave `id` out */
    int64_t previous, next, first, last;
} sae_store_place;
SAE_API sae_status sae_store_locate(sae_store *store, const sae_store_query *query, int64_t id, sae_store_place *out,
                                    sae_error *err);

/* The nearest of every latent of an SAE in another one: arrays [n] by latent. */
typedef struct sae_store_matches {
    int64_t n;
    const int64_t *n_active; /* rows on which it fired */
    const int64_t *nearest;  /* by decoder cosine; −1: none is known */
    const double *cosine;    /* with that one; NaN: none */
    const double *pearson;   /* largest correlation of activations with any latent there; NaN: none */
    const bool *mutual;      /* each is the other's nearest */
} sae_store_matches;
/* SAE_E_ARG for an SAE that is not there. */
SAE_API sae_status sae_store_get_matches(sae_store *store, int64_t sae, int64_t vs, const sae_store_matches **out,
                                         sae_error *err);

/* ---- texts ---------------------------------------------------------------------------------------- */

typedef struct sae_store_token {
    int32_t id;
    sae_store_text text; /* the token's bytes; empty when the vocabulary is not known */
    bool special;
    bool joined;      /* its first bytes end a character that the token before began: show them as one piece */
    int64_t document; /* −1: none */
} sae_store_token;

/* A stretch of one context, with the activations of one latent on it. */
typedef struct sae_store_passage {
    int64_t context, document; /* document: that of the peak */
    int64_t first;             /* row of tokens[0]; rows number the tokens of the whole text */
    int64_t before, after;     /* tokens of the same context that are not shown, before and after */
    size_t count;
    const sae_store_token *tokens;
    size_t n_acts; /* of the latent, where it fired, ascending */
    const uint32_t *offsets;
    const float *values;
} sae_store_passage;

/* `count` rows from `first` on, as far as they lie in the same context (no activations). SAE_E_ARG for a row that is
 * not there. */
SAE_API sae_status sae_store_text_at(sae_store *store, int64_t first, int64_t count, const sae_store_passage **out,
                                     sae_error *err);

typedef struct sae_store_document {
    int64_t id, first, count; /* rows */
} sae_store_document;
SAE_API sae_status sae_store_get_document(sae_store *store, int64_t id, sae_store_document *out, sae_error *err);

/* ---- one latent ----------------------------------------------------------------------------------- */

/* Counts of values v in bins edges[b] < v ≤ edges[b + 1]. */
typedef struct sae_store_hist {
    size_t bins;         /* 0: none */
    const double *edges; /* [bins + 1] */
    const int64_t *counts;
} sae_store_hist;

typedef struct sae_store_effect {
    int32_t token;
    sae_store_text text;
    double value;
} sae_store_effect;

/* Another latent: of the same SAE (neighbours) or of another (matches). NaN where a number was not computed. */
typedef struct sae_store_link {
    int64_t latent;
    double cosine;  /* of the decoder rows */
    double pearson; /* of the activations, over all rows */
    double jaccard; /* rows on which both fire over rows on which one does */
    int64_t both;   /* rows on which both fire; −1: not known */
    bool mutual;    /* each is the other's nearest by decoder cosine */
} sae_store_link;

typedef struct sae_store_links {
    size_t count;
    const sae_store_link *links;
} sae_store_links;

typedef enum sae_store_kind {
    SAE_EXAMPLES_TOP,      /* the most active tokens, one per text (window of 64 tokens of one document) */
    SAE_EXAMPLES_INTERVAL, /* samples of 10 intervals of equal width over (0, max] */
    SAE_EXAMPLES_RANDOM,   /* samples of all firings */
    SAE_EXAMPLES_NEAR,     /* largest pre-activations that did not fire */
    SAE_EXAMPLE_KINDS
} sae_store_kind;
/* "top", "interval", "random", "near_miss" */
SAE_API const char *sae_store_kind_name(sae_store_kind kind);

typedef struct sae_store_example {
    int64_t row;    /* of the peak */
    float value;    /* activation there; NEAR: pre-activation */
    int64_t more;   /* other firings in the same text */
    int64_t copies; /* TOP: other texts that read the same around their peak and were left out */
    sae_store_passage passage;
} sae_store_example;

typedef struct sae_store_group {
    sae_store_kind kind;
    double lo, hi;      /* INTERVAL: firings with lo < f ≤ hi */
    int64_t population; /* firings that the examples stand for; 0 for NEAR */
    size_t count;
    const sae_store_example *examples;
} sae_store_group;

/* Matches in one other SAE: nearest by decoder cosine, and most correlated in activation. */
typedef struct sae_store_match {
    int64_t sae;
    sae_store_links by_cosine, by_pearson;
} sae_store_match;

typedef struct sae_store_neuron {
    int64_t neuron;
    double value; /* of W_dec,i at it */
    double share; /* |value| over Σ_j |W_dec,ij| */
} sae_store_neuron;

typedef struct sae_store_latent {
    sae_store_row row; /* vs columns NaN */
    bool dead;         /* it never fired on these tokens */
    double min;        /* smallest activation; NaN if dead */
    size_t n_quantiles;
    const double *quantile_at, *quantiles; /* 0.5 → the median of its activations */
    sae_store_hist hist, log_hist;         /* of its activations, and of their log10 */
    size_t n_boosted, n_suppressed;        /* by descending size; 0: logit effects were not computed */
    const sae_store_effect *boosted, *suppressed;
    double logit_std;
    sae_store_hist logit_hist;                          /* of all output tokens */
    sae_store_links by_cosine, by_pearson, by_together; /* neighbours: decoder cosine, Pearson, Jaccard */
    size_t n_matches;
    const sae_store_match *matches;
    size_t n_neurons;
    const sae_store_neuron *neurons;
    size_t n_groups; /* by kind; intervals from the highest */
    const sae_store_group *groups;
} sae_store_latent;
/* Everything that is shown of a latent. Passages have at most `around` tokens on each side of the peak, and no more
 * than SAE_STORE_REACH. SAE_E_ARG for an SAE or latent that is not there, or around < 0. */
SAE_API sae_status sae_store_get_latent(sae_store *store, int64_t sae, int64_t latent, int64_t around,
                                        const sae_store_latent **out, sae_error *err);

/* The top examples of one latent with the activations of another on the same tokens: of another SAE or of the same. */
typedef struct sae_store_pair {
    bool stored;         /* false: that latent is not among the 3 nearest, and its activations here were not kept */
    sae_store_link link; /* as far as it is among the neighbours or matches that are kept, of either */
    size_t count;
    const sae_store_example *examples; /* of the first latent */
    const sae_store_passage *other;    /* [count] the same tokens with the other's activations; NULL unless stored */
} sae_store_pair;
SAE_API sae_status sae_store_get_pair(sae_store *store, int64_t sae, int64_t latent, int64_t other_sae,
                                      int64_t other_latent, int64_t around, const sae_store_pair **out, sae_error *err);

/* ---- results of sae compare, sae stitch and sae meta ------------------------------------------------ */

typedef enum sae_store_result_kind {
    SAE_RESULT_COMPARE,
    SAE_RESULT_STITCH,
    SAE_RESULT_META,
    SAE_RESULT_FAMILY, /* sae compare of more than two SAEs */
    SAE_RESULT_KINDS
} sae_store_result_kind;
/* "compare", "stitch", "meta", "family" */
SAE_API const char *sae_store_result_kind_name(sae_store_result_kind kind);

typedef struct sae_store_vector {
    /* Dotted keys of the JSON document: "max_cos.large_in_small"; "path.mse" for mse in the objects of the array path.
     * Where these hold texts the vector has their places in the document's path.words.KEY; where they hold lists it has
     * all of them one after the other, and "KEY.starts" where each begins, "KEY.0", "KEY.1", … for lists of lists. */
    const char *name;
    int64_t count;
} sae_store_vector;

typedef struct sae_store_result {
    int64_t index; /* 0 … n_results − 1 */
    sae_store_result_kind kind;
    const char *path;     /* of the directory, as it was given */
    int64_t small, large; /* SAEs of this database; −1: not among them. META: large is the SAE taken apart, small −1 */
    const char *json;     /* the document; an array of numbers is {"vector": length}, one of objects {"vectors": length,
                             "words": {key: [texts]}} */
    size_t json_size;
    size_t n_vectors;
    const sae_store_vector *vectors;
} sae_store_result;
/* SAE_E_ARG for an index that is not there. */
SAE_API sae_status sae_store_get_result(sae_store *store, int64_t index, const sae_store_result **out, sae_error *err);

typedef struct sae_store_values {
    size_t count;
    const double *values; /* NaN for null */
} sae_store_values;
/* An array of a result by its dotted name; SAE_E_ARG when there is none. */
SAE_API sae_status sae_store_get_vector(sae_store *store, int64_t result, const char *name,
                                        const sae_store_values **out, sae_error *err);

/* The bytes of a token; empty for an id outside the vocabulary. */
SAE_API sae_status sae_store_token_text(sae_store *store, int32_t id, const sae_store_text **out, sae_error *err);

#ifdef __cplusplus
}
#endif
#endif
