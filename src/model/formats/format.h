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

/* θ of all latents: `in_file` (NAN: the file has none), or the caller's. SAE_E_FORMAT when there is neither, for the
 * reason `why`; SAE_E_VALUE when the file's is negative; SAE_E_ARG when there are both. */
sae_status sae_source_theta(sae_source *source, double in_file, const char *why, double *out, sae_error *err);
/* Sets every threshold. */
void sae_fill_threshold(sae_model *model, double theta);

/* The file that a directory's description lies in, in front of what is written there: removed, so that new weights
 * never lie beside an old description. Both paths are allocated (sae_free). */
sae_status sae_format_paths(const char *dir, const char *config_name, const char *weights_name, char **config,
                            char **weights, sae_error *err);

#endif
