/* What other tools say about latents, into a database of labels. */
#ifndef SAE_IMPORT_H
#define SAE_IMPORT_H

#include <sae/labels.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef enum sae_import_format {
    SAE_IMPORT_AUTO,   /* a directory is delphi's, .csv CSV, everything else Neuronpedia's */
    SAE_IMPORT_DELPHI, /* a directory with …latent12.txt or 12.txt, all of one SAE, each a JSON text: the explanation */
    SAE_IMPORT_NEURONPEDIA, /* JSON or JSON lines, maybe gzipped, of objects with "index" and "description"; of several
                               for one latent the last */
    SAE_IMPORT_CSV /* a heading with latent (or index, feature, id) and label (or description, explanation, text) */
} sae_import_format;

/* Labels of the SAE with this hash, which has n latents; an earlier label of a latent is replaced. *count: how many.
 * Nothing is stored unless the whole input can be read. SAE_E_FORMAT names the file and line; SAE_E_VALUE for a latent
 * that the SAE has not. */
SAE_API sae_status sae_import_labels(sae_labels *labels, const char *sae_hash, int64_t n, sae_import_format format,
                                     const char *path, const char *source, int64_t *count, sae_error *err);

#ifdef __cplusplus
}
#endif
#endif
