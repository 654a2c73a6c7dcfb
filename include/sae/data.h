/* Where rows come from: texts cut into contexts, harvesting, and shuffled streams of activations. */
#ifndef SAE_DATA_H
#define SAE_DATA_H

#include <sae/env.h>
#include <sae/io.h>
#include <sae/lm.h>
#include <sae/options.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- text to contexts (rules of docs/mathematics.md, "Text") --------------------------------- */

typedef struct sae_text_config {
    const char *const *files; /* .jsonl (key "text" of each line), all others plain text; NULL-terminated, or NULL */
    const char *tokens_file;  /* .npy of token ids: 1-D (cut as a stream) or 2-D [contexts, ctx]; or NULL */
    int64_t ctx;              /* tokens per context, 128 */
    int64_t max_tokens;       /* as many whole contexts as make up at most this many tokens; 0: all */
    bool prepend_bos;         /* the BOS id first in each context (counts towards ctx) */
    const char *split;  /* lines equal to this (ended by LF or CR LF) separate the documents of a text file; NULL: one
                           document */
    bool parse_special; /* special tokens written in the text are tokens, not text */
} sae_text_config;
SAE_API sae_text_config sae_text_config_default(void);

/* All contexts of a text, in order. Each document is preceded by the EOS id; documents are concatenated
 * and cut; the remainder is dropped and counted. Empty documents are left out. In a stream of ids an EOS id
 * starts a document; a row of 2-D ids is one (with prepend_bos, rows of ctx − 1 ids get the BOS id, rows of ctx
 * must have it). */
typedef struct sae_contexts {
    int64_t count, ctx;
    int32_t *tokens; /* [count, ctx] */
    int32_t *docs;   /* [count, ctx] document number, from 0; a BOS id has that of the token after it */
    int64_t documents;
    int64_t dropped; /* tokens of the remainder; 0 when max_tokens ended the reading */
} sae_contexts;
/* eos: the id that separates documents, and BOS (GPT-2 has one for both). tokenizer may be NULL with tokens_file.
 * Texts are tokenised on all cores; the result does not depend on their number. SAE_E_ARG for empty text or text
 * without one full context, SAE_E_FORMAT for a line of .jsonl without "text", SAE_E_VALUE for a negative id,
 * SAE_E_SHAPE for rows of another length than ctx. */
SAE_API sae_status sae_contexts_read(sae_contexts **out, const sae_text_config *config, const sae_tokenizer *tokenizer,
                                     int32_t eos, const sae_env *env, sae_error *err);
SAE_API void sae_contexts_free(sae_contexts *contexts);

/* ---- harvesting --------------------------------------------------------------------------------- */

/* Where the time of harvesting goes. */
typedef struct sae_harvest_seconds {
    double model, write;
} sae_harvest_seconds;

typedef struct sae_harvest_config {
    const sae_hook *hooks;
    size_t n_hooks;
    bool center_residual, prepend_bos; /* prepend_bos is only recorded: contexts already have it */
    sae_dtype dtype;                   /* f32, f16, bf16 */
    int64_t shard_tokens;              /* rows per shard */
    bool force;
    sae_harvest_seconds *seconds; /* filled in; NULL: not asked */
} sae_harvest_config;

/* Runs the model over all contexts once and writes an activation directory: `out` itself for one hook,
 * out/HOOKNAME for each of several. *shards (NULL ok): files written, of all hooks together. A failed or stopped
 * run leaves no acts.json for a hook whose rows are not all there. SAE_E_EXISTS unless config->force;
 * SAE_E_VALUE for a token id outside the vocabulary, and for activations that are NaN, Inf or too large for dtype. */
SAE_API sae_status sae_harvest(const sae_lm *lm, const sae_contexts *contexts, const sae_harvest_config *config,
                               const char *out, int64_t *shards, const sae_env *env, sae_error *err);

/* ---- streams of rows ---------------------------------------------------------------------------- */

/* A source gives the usable rows of some activations. Usable: position ≠ 0 unless keep_first, token
 * not in exclude. A share of the rows is held out; the others are the training stream: endless, epoch
 * after epoch, each in its own order. The order is a function of (seed, epoch) and of the data's size
 * only, so a stream can be taken up at any row without any state.
 *
 * How: the rows are cut into chunks of neighbours (1024 rows, fewer of small data; one context when the
 * model runs). Of n chunks, round(n·held_out) are held out, spread evenly (one alone lies in the
 * middle, unless the last has as many rows). In each epoch the training chunks are permuted and dealt into
 * groups of about equal size that fit into buffer_bytes; the usable rows of a group are permuted. So a row
 * meets the other rows of its group, and another group in the next epoch. Without shuffle: file order.
 *
 * One thread at a time may use a source; it gathers with env->threads of its own. */
typedef struct sae_source sae_source;

typedef struct sae_source_config {
    uint64_t seed;
    bool shuffle;
    double held_out; /* share of rows, 0 … 0.5; if > 0, at least one chunk (of two or more) */
    bool keep_first;
    const int32_t *exclude; /* token ids, copied */
    size_t n_exclude;
    int64_t buffer_bytes; /* rows shuffled together, in bytes as stored (of float32 when the model runs). It defines
                             the order: a constant, never derived from the machine's memory */
} sae_source_config;
/* seed 0, shuffled, 1 % held out, first positions skipped, nothing excluded, buffer of 512 MiB. */
SAE_API sae_source_config sae_source_config_default(void);

typedef struct sae_source_info {
    int64_t d;
    int64_t rows;        /* all rows */
    int64_t usable;      /* of these, rows not skipped */
    int64_t excluded;    /* rows − usable */
    int64_t train;       /* usable rows in the training stream (one epoch); at least 1 */
    int64_t held_out;    /* usable rows held out */
    int64_t buffer_rows; /* at most so many rows are shuffled together */
    sae_acts_meta meta;
} sae_source_info;

/* The open functions fail with SAE_E_ARG when no row is usable, or none is left to train on. */

/* Rows of an activation file or directory; `acts` is borrowed and must outlive the source. */
SAE_API sae_status sae_source_open_acts(sae_source **out, const sae_acts *acts, const sae_source_config *config,
                                        const sae_env *env, sae_error *err);
/* Rows made by running the model; nothing on disk. lm and contexts are borrowed. Each group of contexts is run
 * again in each epoch. The rows are those that harvesting gives in float32, to rounding, with the same bits in
 * every run. A request to stop (env->stop) while the model runs gives SAE_E_INTERRUPTED from the functions that
 * read rows; the source stays usable. */
SAE_API sae_status sae_source_open_lm(sae_source **out, const sae_lm *lm, const sae_contexts *contexts, sae_hook hook,
                                      bool center_residual, bool prepend_bos, const sae_source_config *config,
                                      const sae_env *env, sae_error *err);
/* Rows that already lie in memory (tests, decoder rows): data [rows, d] is borrowed; all rows are usable. */
SAE_API sae_status sae_source_open_memory(sae_source **out, const float *data, int64_t rows, int64_t d,
                                          const sae_source_config *config, sae_error *err);
SAE_API void sae_source_close(sae_source *source);
SAE_API const sae_source_info *sae_source_get_info(const sae_source *source);

/* out [n, d] = rows position … position + n − 1 of the training stream (position counts from 0 over all
 * epochs; any position may be asked for, going forward is fast). SAE_E_VALUE for NaN or Inf. */
SAE_API sae_status sae_source_train(sae_source *source, int64_t position, int64_t n, float *out, sae_error *err);
/* The rows of the training stream that are read together with row `position`, at no further cost: *first … *first +
 * *count − 1. When the model runs, those of a group; otherwise the whole stream (*count is INT64_MAX). */
SAE_API void sae_source_group(sae_source *source, int64_t position, int64_t *first, int64_t *count);
/* out [n, d] = held-out rows first … first + n − 1, in file order. */
SAE_API sae_status sae_source_held_out(sae_source *source, int64_t first, int64_t n, float *out, sae_error *err);
/* out [n, d] = usable rows (held out or not) first … first + n − 1, in file order; `row_ids` [n] (NULL ok)
 * receives each row's number in the activations. */
SAE_API sae_status sae_source_usable(sae_source *source, int64_t first, int64_t n, float *out, int64_t *row_ids,
                                     sae_error *err);

/* ---- synthetic data ------------------------------------------------------------------------------- */

/* x [n, d] = Σ_j on_j·a_j·u_j with `directions` unit Gaussian rows u [directions, d]; each direction is on
 * with probability p, amplitude U(0.5, 1.5). A function of (seed, first … first + n) only. */
SAE_API void sae_synthetic_directions(uint64_t seed, int64_t directions, int64_t d, float *u);
SAE_API void sae_synthetic_rows(uint64_t seed, const float *u, int64_t directions, int64_t d, double p, int64_t first,
                                int64_t n, float *x);

#ifdef __cplusplus
}
#endif
#endif
