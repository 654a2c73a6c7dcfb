/* What is worked out for one latent from the rows on which it fires. */
#ifndef SAE_DASH_LATENT_H
#define SAE_DASH_LATENT_H

#include "dash/spool.h"
#include "dash/text.h"

#include <sae/store.h>

enum {
    SAE_DASH_BINS = 50,
    SAE_DASH_LOG_BINS = 40,
    SAE_DASH_QUANTILES = 10,
    SAE_DASH_TOP = 20,
    SAE_DASH_INTERVALS = 10,
    SAE_DASH_PER_INTERVAL = 5,
    SAE_DASH_RANDOM = 10,
    SAE_DASH_NEAR = 10,
    SAE_DASH_MOST = SAE_DASH_INTERVALS * SAE_DASH_PER_INTERVAL /* examples of one kind */
};

/* The rows on which one latent fired. */
typedef struct sae_dash_firings {
    int64_t count;
    const int32_t *rows; /* numbers among the encoded rows, ascending */
    const float *values;
} sae_dash_firings;

typedef struct sae_dash_stats {
    double min, max, mean, std, skew, kurtosis; /* NaN if it never fired */
    float quantiles[SAE_DASH_QUANTILES];
    uint32_t hist[SAE_DASH_BINS], log_hist[SAE_DASH_LOG_BINS];
    double log_lo, log_hi;
    uint8_t spark[SAE_STORE_SPARK];
} sae_dash_stats;

/* One example: a row of the text. */
typedef struct sae_dash_pick {
    int32_t row;
    float value;
    uint16_t more, copies;
} sae_dash_pick;

typedef struct sae_dash_examples {
    int32_t groups, count;
    int64_t populations[SAE_DASH_INTERVALS];
    int32_t counts[SAE_DASH_INTERVALS];
    sae_dash_pick picks[SAE_DASH_MOST];
} sae_dash_examples;

/* A stretch of firings in one text. */
typedef struct sae_dash_stretch {
    int64_t begin; /* of its firings */
    int32_t count;
    float best;   /* largest activation */
    int64_t peak; /* the firing that has it; the first of equals */
} sae_dash_stretch;

/* What one thread works in. */
typedef struct sae_dash_scratch {
    int64_t room;     /* firings */
    float *sorted[2]; /* [room] */
    sae_dash_stretch *stretches;
    int64_t n_stretches;
    int64_t *order; /* [room] of stretches */
} sae_dash_scratch;
/* Room for latents with up to `firings` of them. */
sae_status sae_dash_scratch_new(sae_dash_scratch *out, int64_t firings, sae_error *err);
void sae_dash_scratch_clear(sae_dash_scratch *scratch);

/* Sorts the values ascending; the result lies in the scratch. */
const float *sae_dash_sort(sae_dash_scratch *scratch, const float *values, int64_t count);
void sae_dash_stats_of(sae_dash_stats *out, const sae_dash_firings *firings, sae_dash_scratch *scratch);

/* Where the examples of latents come from. */
typedef struct sae_dash_where {
    const sae_dash_text *text;
    const int32_t *row_of; /* row of the text for each encoded row */
    int64_t seed;
} sae_dash_where;

/* Cuts the firings into the stretches of the scratch; the functions below need them. */
void sae_dash_cut(sae_dash_scratch *scratch, const sae_dash_where *where, const sae_dash_firings *firings);
/* The strongest firing of each text, texts that read the same around it once. */
void sae_dash_pick_top(sae_dash_examples *out, sae_dash_scratch *scratch, const sae_dash_where *where,
                       const sae_dash_firings *firings);
/* One firing per text and interval, those with the smallest hash of (seed, SAE, latent, row). `salt` stands for SAE and
 * latent. max: the largest activation. */
void sae_dash_pick_intervals(sae_dash_examples *out, sae_dash_scratch *scratch, const sae_dash_where *where,
                             const sae_dash_firings *firings, uint64_t salt, double max);
void sae_dash_pick_random(sae_dash_examples *out, sae_dash_scratch *scratch, const sae_dash_where *where,
                          const sae_dash_firings *firings, uint64_t salt);

/* A latent's activations around examples, sparse: examples in order, offsets from their rows ascending. */
typedef struct sae_dash_acts {
    uint16_t counts[SAE_DASH_MOST];
    int64_t used, room;
    int16_t *offsets; /* [room] */
    float *values;
} sae_dash_acts;
/* Fills in the activations within SAE_STORE_REACH tokens of each pick, in its context. */
sae_status sae_dash_acts_fill(sae_dash_acts *out, const sae_dash_examples *examples, const sae_dash_where *where,
                              const sae_dash_firings *firings, sae_error *err);
/* Appends one activation. */
sae_status sae_dash_acts_add(sae_dash_acts *acts, int64_t offset, float value, sae_error *err);
void sae_dash_acts_clear(sae_dash_acts *acts);

#endif
