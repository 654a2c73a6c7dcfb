/* What every tool's reader and writer looks like; detect.c has the table of them. */
#ifndef SAE_MODEL_FORMATS_FORMAT_H
#define SAE_MODEL_FORMATS_FORMAT_H

#include "model/model.h"

/* Something to read: the weights, opened, and the file that describes them. */
typedef struct sae_source {
    const char *path;   /* as the caller gave it */
    const char *config; /* NULL when there is none */
    const sae_tensor_file *file;
    double theta; /* the caller's threshold, NAN: none */
    bool theta_used;
} sae_source;

typedef struct sae_format_entry {
    sae_format format;
    const char *name;
    const char *config, *weights;               /* names in a directory; NULL: not known by name */
    bool (*holds)(const sae_tensor_file *file); /* by the names of tensors; NULL: a file alone is not enough */
    sae_status (*read)(sae_source *source, sae_model **out, sae_error *err);
    sae_status (*write)(const sae_model *model, const char *path, sae_error *err); /* NULL: only read */
} sae_format_entry;

extern const sae_format_entry sae_format_saelens, sae_format_sparsify, sae_format_dictionary_learning, sae_format_npz,
    sae_format_openai, sae_format_batchtopk;

/* SAE_E_IO when there is no description, which is called `name`. */
sae_status sae_source_need_config(const sae_source *source, const char *name, sae_error *err);
/* θ of all latents: `in_file` (NAN: the file has none), or the caller's. SAE_E_FORMAT when there is neither, for the
 * reason `why`; SAE_E_VALUE when the file's is negative; SAE_E_ARG when there are both. */
sae_status sae_source_theta(sae_source *source, double in_file, const char *why, double *out, sae_error *err);
/* Sets every threshold. */
void sae_fill_threshold(sae_model *model, double theta);

/* The files of a directory that is being written: weights are written as `fresh` and take their place with
 * sae_format_place, so that a full disk leaves what was there. */
typedef struct sae_format_paths {
    char *config, *weights, *fresh;
    sae_written written;
} sae_format_paths;

/* Makes the directory and names its files. */
sae_status sae_format_prepare(sae_format_paths *out, const char *dir, const char *config, const char *weights,
                              sae_error *err);
/* Puts the weights in their place. The old description is removed before: new weights never lie beside it. */
sae_status sae_format_place(const sae_format_paths *paths, sae_error *err);
/* Frees the names, and removes fresh weights that were not placed; unless the SAE is whole, the directory too if it was
 * made for it. Safe on zeros. */
void sae_format_done(sae_format_paths *paths, bool whole);

#endif
