/* A stitching as tables and sentences for people. */
#ifndef CLI_STITCH_PRINT_H
#define CLI_STITCH_PRINT_H

#include <sae/stitch.h>
#include <stdio.h>

void cli_stitch_print(const sae_stitch *stitch, FILE *out);

#endif
