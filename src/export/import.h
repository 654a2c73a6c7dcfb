/* Labels on their way in: all are read before the first is stored. */
#ifndef SAE_EXPORT_IMPORT_H
#define SAE_EXPORT_IMPORT_H

#include <sae/status.h>
#include <stdint.h>

typedef struct sae_imported {
    const char *path; /* for messages */
    int64_t n, count;
    char **texts; /* [n]; NULL: none */
} sae_imported;

/* The label of a latent, in place of an earlier one. SAE_E_VALUE for one that is not there, or too long a text. */
sae_status sae_imported_add(sae_imported *list, int64_t latent, const char *text, sae_error *err);

/* import_csv.c */
sae_status sae_import_csv(sae_imported *list, sae_error *err);

#endif
