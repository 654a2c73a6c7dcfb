/* Files: safetensors, NumPy arrays, activation directories and code files.
 *
 * Nothing a file says is believed before it is checked against the file's real size: every reader here
 * is safe on hostile input. Files are mapped: they must not be shortened while they are open. Output appears whole or
 * not at all (written beside, synced, renamed). */
#ifndef SAE_IO_H
#define SAE_IO_H

#include <sae/env.h>
#include <sae/tensor.h>
#include <stdbool.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- safetensors ---------------------------------------------------------------------------- */

typedef struct sae_safetensors sae_safetensors;

/* Maps a .safetensors file. Refused with SAE_E_FORMAT and the reason: header longer than the file or
 * than 100 MB, duplicate names, offsets that overlap, lie outside or leave holes, shapes that are
 * negative, fractional or overflow, sizes that do not match dtype × shape, nesting deeper than needed. */
SAE_API sae_status sae_safetensors_open(sae_safetensors **out, const char *path, sae_error *err);
SAE_API void sae_safetensors_close(sae_safetensors *file);
SAE_API size_t sae_safetensors_count(const sae_safetensors *file);
/* The i-th tensor in file order, borrowed until close; NULL when i is out of range. */
SAE_API const sae_tensor *sae_safetensors_at(const sae_safetensors *file, size_t i);
/* By name, or NULL. */
SAE_API const sae_tensor *sae_safetensors_find(const sae_safetensors *file, const char *name);
/* A value of __metadata__, or NULL. */
SAE_API const char *sae_safetensors_metadata(const sae_safetensors *file, const char *key);
/* The i-th pair of __metadata__, keys in the order of the file; false when i is out of range. */
SAE_API bool sae_safetensors_metadata_at(const sae_safetensors *file, size_t i, const char **key, const char **value);
SAE_API const char *sae_safetensors_path(const sae_safetensors *file);

/* Writes tensors in the given order (names unique) with a text→text metadata list of n_meta pairs
 * (meta[2i] key, meta[2i+1] value; may be NULL). Replaces an existing file atomically. */
SAE_API sae_status sae_safetensors_write(const char *path, const sae_tensor *tensors, size_t count,
                                         const char *const *meta, size_t n_meta, sae_error *err);

/* ---- NumPy ---------------------------------------------------------------------------------- */

typedef struct sae_npy sae_npy;

/* Maps a .npy file: format 1.0 to 3.0, C order, little-endian f2, f4, f8, i4, i8, u1 and u2 (u2 reads
 * as SAE_DTYPE_OTHER except through sae_npy_read_i32). */
SAE_API sae_status sae_npy_open(sae_npy **out, const char *path, sae_error *err);
SAE_API void sae_npy_close(sae_npy *file);
SAE_API const sae_tensor *sae_npy_tensor(const sae_npy *file);
/* out [count] = elements first … as int32, from any integer dtype (u1, u2, i4, i8); SAE_E_VALUE names the
 * first that does not fit. */
SAE_API sae_status sae_npy_read_i32(const sae_npy *file, int64_t first, int64_t count, int32_t *out, sae_error *err);
SAE_API sae_status sae_npy_write(const char *path, const sae_tensor *tensor, sae_error *err);

/* ---- tensors of other tools' files ------------------------------------------------------------ */

typedef enum sae_file_kind {
    SAE_FILE_SAFETENSORS,
    SAE_FILE_NPZ,  /* NumPy's zip archive of .npy files */
    SAE_FILE_TORCH /* what torch.save wrote: a zip archive with a pickle in it */
} sae_file_kind;

typedef enum sae_value_type { SAE_VALUE_BOOL, SAE_VALUE_INT, SAE_VALUE_REAL, SAE_VALUE_TEXT } sae_value_type;

/* Something in a file that is not a tensor: metadata of a safetensors file, a text or number in a state dict. */
typedef struct sae_value {
    const char *name;
    sae_value_type type;
    int64_t integer;  /* BOOL, INT */
    double real;      /* REAL; also set for BOOL and INT */
    const char *text; /* TEXT; of a state dict: printable ASCII, cut to 511 characters */
} sae_value;

typedef struct sae_tensor_file sae_tensor_file;

/* Opens a safetensors, .npz or .pt file; which of them it is is seen from its content. The zip archive and the pickle
 * of a .pt file are read by this library's own restricted readers, which run no code and believe no size: SAE_E_FORMAT
 * and SAE_E_UNSUPPORTED name what is refused (Python objects other than tensors, zip bombs, arrays stored by columns,
 * …). Nested dictionaries become names with dots, "activation_state_dict.k". Tensors are in the order of the file for
 * safetensors, otherwise by name. */
SAE_API sae_status sae_tensor_file_open(sae_tensor_file **out, const char *path, sae_error *err);
SAE_API void sae_tensor_file_close(sae_tensor_file *file);
SAE_API sae_file_kind sae_tensor_file_kind(const sae_tensor_file *file);
SAE_API const char *sae_tensor_file_path(const sae_tensor_file *file);
SAE_API size_t sae_tensor_file_count(const sae_tensor_file *file);
/* Borrowed until close; NULL when i is out of range, or there is no such name. */
SAE_API const sae_tensor *sae_tensor_file_at(const sae_tensor_file *file, size_t i);
SAE_API const sae_tensor *sae_tensor_file_find(const sae_tensor_file *file, const char *name);
SAE_API size_t sae_tensor_file_values(const sae_tensor_file *file);
SAE_API const sae_value *sae_tensor_file_value_at(const sae_tensor_file *file, size_t i);
SAE_API const sae_value *sae_tensor_file_value(const sae_tensor_file *file, const char *name);

/* ---- activations ---------------------------------------------------------------------------- */

/* What acts.json records about how activations were made. Unknown text is "", unknown ctx 0. */
typedef struct sae_acts_meta {
    char model[256];     /* name of the model: last component of its directory */
    char hook_name[128]; /* TransformerLens name, "blocks.4.hook_resid_pre" */
    int64_t d;
    int64_t n_tokens; /* rows in all shards */
    int64_t ctx;      /* tokens per context */
    sae_dtype dtype;  /* f32, f16 or bf16 */
    bool prepend_bos;
    bool center_residual;
    char precision[8]; /* of the model's products: "fp32", "bf16"; "" when not known */
} sae_acts_meta;

typedef struct sae_acts sae_acts;

/* Opens an activation directory (acts.json + acts-00000.safetensors …), or one .npy or .safetensors
 * file with one 2-D float array (or several, of which one is called "acts"); then the text fields of meta
 * are "", meta.dtype may also be f64, and has_positions is true only for a .safetensors file that holds
 * tokens, positions and docs beside its rows, as shards do. Shards stay mapped: nothing is copied. */
SAE_API sae_status sae_acts_open(sae_acts **out, const char *path, sae_error *err);
SAE_API void sae_acts_close(sae_acts *acts);
SAE_API const sae_acts_meta *sae_acts_get_meta(const sae_acts *acts);
SAE_API const char *sae_acts_path(const sae_acts *acts);
SAE_API size_t sae_acts_shards(const sae_acts *acts);
SAE_API bool sae_acts_has_positions(const sae_acts *acts);

/* out [count, d] = rows first … first + count − 1 as float32. A NaN or Inf gives SAE_E_VALUE with the
 * shard's file and the row within it. */
SAE_API sae_status sae_acts_read(const sae_acts *acts, int64_t first, int64_t count, float *out, sae_error *err);
/* out [count, d] = the rows listed, in that order; checks as above. May be called from several threads. */
SAE_API sae_status sae_acts_gather(const sae_acts *acts, const int64_t *rows, int64_t count, float *out,
                                   sae_error *err);
/* Token ids, positions in the context and document numbers of rows first … first + count − 1, which the
 * caller has checked against n_tokens; any of the outputs [count] may be NULL. Without
 * positions (npy) tokens are −1, positions 1, docs 0. */
SAE_API void sae_acts_read_ids(const sae_acts *acts, int64_t first, int64_t count, int32_t *tokens, int32_t *positions,
                               int32_t *docs);
/* Hints to the system that rows will be needed soon: it reads them ahead. */
SAE_API void sae_acts_will_need(const sae_acts *acts, int64_t first, int64_t count);

typedef struct sae_acts_writer sae_acts_writer;

/* Starts an activation directory. An existing one that holds acts.json gives SAE_E_EXISTS unless
 * `force`; then acts.json and the old shards are removed first. Shards without acts.json are what a
 * killed run left: they are removed too. meta->n_tokens is ignored. Rows are streamed to the disk: the
 * writer needs some kilobytes of memory, whatever shard_tokens is. */
SAE_API sae_status sae_acts_writer_open(sae_acts_writer **out, const char *dir, const sae_acts_meta *meta,
                                        int64_t shard_tokens, bool force, sae_error *err);
/* Appends rows [count, d] with their ids (none may be NULL); SAE_E_VALUE for NaN or Inf, also when a
 * finite value is too large for the dtype. After an error only abort is left to do. */
SAE_API sae_status sae_acts_writer_append(sae_acts_writer *writer, int64_t count, const float *rows,
                                          const int32_t *tokens, const int32_t *positions, const int32_t *docs,
                                          sae_error *err);
/* Completes the last shard and writes acts.json; the writer is freed either way. shards: how many there
 * are (NULL: not asked). On failure, and without a single row (SAE_E_ARG), nothing is left. */
SAE_API sae_status sae_acts_writer_finish(sae_acts_writer *writer, int64_t *shards, sae_error *err);
/* Gives up: removes the shards that this writer made. NULL is allowed. */
SAE_API void sae_acts_writer_abort(sae_acts_writer *writer);

/* ---- codes ---------------------------------------------------------------------------------- */

/* The active latents of each row, compressed sparse rows: row r has latents[row_offsets[r]] …
 * latents[row_offsets[r + 1] − 1], ascending, with their values (> 0). */
typedef struct sae_codes {
    int64_t rows;
    int64_t capacity; /* entries that latents and values can hold */
    int64_t row_capacity;
    int64_t *row_offsets; /* [row_capacity + 1] */
    int32_t *latents;     /* [capacity] */
    float *values;        /* [capacity] */
} sae_codes;

SAE_API sae_codes *sae_codes_new(void); /* NULL when out of memory */
SAE_API void sae_codes_free(sae_codes *codes);
/* Room for rows and entries; keeps what is there. */
SAE_API sae_status sae_codes_reserve(sae_codes *codes, int64_t rows, int64_t entries, sae_error *err);

/* A code file (safetensors): row_offsets [N+1] i64, latents [nnz] i32, values [nnz] f32, and tokens,
 * positions, docs [N] i32; metadata n_latents, d and what is known of the activations. Written in pieces,
 * in memory that does not grow; finish and abort free the writer. */
typedef struct sae_codes_writer sae_codes_writer;
SAE_API sae_status sae_codes_writer_open(sae_codes_writer **out, const char *path, int64_t n_latents,
                                         const sae_acts_meta *meta, bool force, sae_error *err);
/* Appends the rows of `codes` with their ids [codes->rows] (none may be NULL). */
SAE_API sae_status sae_codes_writer_append(sae_codes_writer *writer, const sae_codes *codes, const int32_t *tokens,
                                           const int32_t *positions, const int32_t *docs, sae_error *err);
SAE_API sae_status sae_codes_writer_finish(sae_codes_writer *writer, sae_error *err);
SAE_API void sae_codes_writer_abort(sae_codes_writer *writer);

typedef struct sae_codes_file sae_codes_file;
/* Opens and checks a code file whole: offsets ascending from 0 to nnz, latents in [0, n_latents) and
 * ascending within a row, values finite and > 0. tokens, positions and docs may be missing (all three):
 * then they read as −1, 1 and 0. */
SAE_API sae_status sae_codes_file_open(sae_codes_file **out, const char *path, sae_error *err);
SAE_API void sae_codes_file_close(sae_codes_file *file);
SAE_API int64_t sae_codes_file_rows(const sae_codes_file *file);
SAE_API int64_t sae_codes_file_latents(const sae_codes_file *file);
/* Metadata of the activations that were encoded (d included). */
SAE_API const sae_acts_meta *sae_codes_file_meta(const sae_codes_file *file);
/* out = rows first … first + count − 1 (replaces what was there); the id lists may be NULL. */
SAE_API sae_status sae_codes_file_read(const sae_codes_file *file, int64_t first, int64_t count, sae_codes *out,
                                       int32_t *tokens, int32_t *positions, int32_t *docs, sae_error *err);

/* ---- results of several files ------------------------------------------------------------------ */

/* What was written so far, so that a failure can take it back: directories that were made, and files that were not
 * there before. Each file by itself appears whole or not at all. {0} to begin with. */
typedef struct sae_written {
    char **paths;
    size_t count, room;
} sae_written;
/* mkdir -p. SAE_E_IO when that fails, or a file is in the way. */
SAE_API sae_status sae_written_dirs(sae_written *w, const char *path, sae_error *err);
/* For a file that is about to be written. */
SAE_API sae_status sae_written_file(sae_written *w, const char *path, sae_error *err);
/* Ends the list; unless the result is whole, what it names is removed (directories only where nothing else lies in
 * them). Safe on zeros. */
SAE_API void sae_written_end(sae_written *w, bool whole);

/* A file that appears whole or not at all: written beside its place, synced, renamed. SAE_E_IO. */
SAE_API sae_status sae_written_text(const char *path, const char *text, size_t size, sae_error *err);

#ifdef __cplusplus
}
#endif
#endif
