/* A meta-SAE as one JSON object. */
#ifndef CLI_META_JSON_H
#define CLI_META_JSON_H

#include <sae/meta.h>
#include <stdio.h>

/* Paths: of the SAE that was taken apart, of the meta-SAE, and of the one compared with (NULL: none). */
typedef struct cli_meta_paths {
    const char *sae, *out, *against;
} cli_meta_paths;

void cli_meta_json(const sae_meta *meta, const cli_meta_paths *paths, FILE *out);

#endif
