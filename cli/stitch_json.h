/* A stitching as one JSON object. */
#ifndef CLI_STITCH_JSON_H
#define CLI_STITCH_JSON_H

#include <sae/stitch.h>
#include <stdio.h>

/* An SAE that --save wrote. */
typedef struct cli_stitch_saved {
    char path[4096];
    double at;
    sae_stitch_entry entry;
} cli_stitch_saved;

void cli_stitch_json(const sae_stitch *stitch, const char *small, const char *large, const cli_stitch_saved *saved,
                     size_t n_saved, FILE *out);

#endif
